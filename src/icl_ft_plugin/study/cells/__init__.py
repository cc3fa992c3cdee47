"""What is done for one cell: its texts, its training, its scoring, and what is measured beside."""
