"""The statistics of the report: worlds are the sample, and with one world its questions are."""
