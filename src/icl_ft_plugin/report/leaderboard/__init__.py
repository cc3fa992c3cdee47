"""Models ranked on results that others made: read, ranked, written."""
