"""How the embedded model is made: episodes of small worlds, a tokenizer, a training loop."""
