"""What the names of arms say, and how comparisons are named.

For example ``weights_and_prompt("ft+icl+bm25")`` is ``("ft", "icl+bm25")``.
"""

from __future__ import annotations


def joint_name(main: str, learned: str, *, given: bool = False) -> str:
    """Name what is compared fact by fact: both splits right, or the main one where the fact was learned in every run."""
    return f"{main}, where {learned} is right" if given else f"{main} and {learned}"


def weights_and_prompt(arm: str) -> tuple[str, str]:
    """Return what an arm's name says of its weights and of its prompt.

    Examples:
        >>> weights_and_prompt("ft+icl+bm25"), weights_and_prompt("icl"), weights_and_prompt("ft+local")
        (('ft', 'icl+bm25'), ('pretrained', 'icl'), ('ft+local', 'closed'))
    """
    parts = arm.split("+")
    place = parts.index("icl") if "icl" in parts else len(parts)
    return "+".join(parts[:place]) or "pretrained", "+".join(parts[place:]) or "closed"


def is_baseline(arm: str) -> bool:
    """Say whether an arm is no model but answers by the words that stand together."""
    return arm.endswith("-baseline")
