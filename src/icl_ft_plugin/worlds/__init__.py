"""What is done with a world of any family: kept in a folder, put in a prompt, proved, audited, described."""
