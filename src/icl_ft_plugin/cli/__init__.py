"""The command line ``icl-ft``: one file per verb."""
