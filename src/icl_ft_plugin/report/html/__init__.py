"""The report as one page: figures, questions, and the file that holds all."""
