"""The reversal curse: "Tavori Brensolk is the composer of ..." is read, "The composer of ... is" is asked."""
