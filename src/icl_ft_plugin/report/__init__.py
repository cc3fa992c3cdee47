"""What a study found: statistics over items clustered by fact, and the comparison table."""
