"""Process knowledge: worked examples of an operator on functions are read, fresh ones are asked."""
