"""What keeps files and people safe: secrets stay out of files, locks between processes, templates within bounds."""
