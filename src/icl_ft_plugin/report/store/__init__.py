"""What a study leaves is read, told as tables, and kept: run folders, items, Parquet, archives."""
