"""Augmentation: a model draws inferences in context, which are then trained on (arXiv 2505.00661, section 4).

For example ``"femp are more dangerous than glon."`` is answered with ``"glon are less dangerous than femp."``.
``prompts`` says how the model is asked, ``asking`` what about, ``generate`` asks and keeps a ``journal``,
``statements`` cuts the answers and chooses, ``run`` does all of it, and ``folder`` is where it stands; the ways of
``arms.rows`` turn any statements into training rows.
"""
