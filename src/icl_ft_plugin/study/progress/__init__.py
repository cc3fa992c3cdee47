"""How far a study has come, and whether what it holds is as it was written."""
