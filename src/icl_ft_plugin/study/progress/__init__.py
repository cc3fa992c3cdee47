"""How far a study has come."""
