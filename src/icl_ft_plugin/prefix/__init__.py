"""``--model icl_ft_hf``: lm-evaluation-harness' ``hf`` model, with every shared stretch of the prompts computed once."""
