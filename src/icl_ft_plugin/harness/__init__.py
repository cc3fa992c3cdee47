"""lm-evaluation-harness: how tasks are built, prompts rendered and answers scored."""
