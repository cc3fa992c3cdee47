"""Simple syllogisms: "all femp are glon" and "no glon are yomp" are read, what follows of femp and yomp is asked."""
