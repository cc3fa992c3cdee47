"""Simple reversals: "femp are more dangerous than glon" is read, "glon are less dangerous than ..." is asked."""
