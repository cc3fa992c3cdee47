"""Rows in, checkpoint out: finetuning by TRL, with a ledger beside the weights."""
