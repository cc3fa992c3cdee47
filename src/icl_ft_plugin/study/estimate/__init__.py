"""What a study will cost and can tell, before it is run: tokens, minutes, power."""
