"""The semantic structure: a real-world hierarchy in nonsense words, and what follows from it."""
