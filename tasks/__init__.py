"""The lm-eval task YAMLs; a package, so that the entry point ``lm_eval.tasks`` can name the folder."""
