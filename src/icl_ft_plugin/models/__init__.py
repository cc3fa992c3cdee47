"""Who is asked: where a model is found or fetched from. The embedded models lie here, a folder each."""
