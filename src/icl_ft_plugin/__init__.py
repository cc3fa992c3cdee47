"""Evaluate what a language model can use after reading it in the prompt against after finetuning on it.

This file imports nothing, so that task discovery (``_autoload``) stays cheap.
"""

__version__ = "0.1.0"
