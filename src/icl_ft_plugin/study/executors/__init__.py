"""Where the cells of a study are run: in this process, in several, or on a Ray cluster."""
