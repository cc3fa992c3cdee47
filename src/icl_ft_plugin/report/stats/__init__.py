"""The statistics of the report: accuracy over clusters, differences between arms, and where they come from."""
