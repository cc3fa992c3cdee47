"""Questions that a model writes about documents, and what of them stands up to what can be checked."""
