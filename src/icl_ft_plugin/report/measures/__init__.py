"""What a study measures beside accuracy: what was kept, and what inferences of a part of the facts do for the others."""
