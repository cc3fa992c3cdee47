"""Cuts a text that no world knows the sentences of, such as a generated one."""

from __future__ import annotations


def split_text(text: str) -> list[str]:
    """Return the sentences of a text.

    Args:
        text: English; joining the sentences by a space restores it up to white space.
    """
    from sentencex import segment  # type: ignore[import-untyped]

    return [sentence for part in segment("en", text) if (sentence := part.strip())]
