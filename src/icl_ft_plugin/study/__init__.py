"""A grid of cells: each model learns each world in each way, and is asked about it."""
