"""Tasks as folders that stand alone elsewhere: ``upstream`` writes one for a checkout of lm-evaluation-harness."""
