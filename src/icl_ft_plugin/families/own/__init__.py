"""Own documents: a folder of two JSON-lines files is a world (``docs/own-documents.md``)."""
