"""Evaluate what a language model can use after reading it in the prompt against after being finetuned on it.

This file imports nothing, so that ``import icl_ft_plugin`` stays cheap.
"""

__version__ = "0.1.0"


def register() -> None:
    """Make our tasks and the model ``icl_ft_hf`` known to lm-evaluation-harness in this process.

    An installed package does so by itself (see ``_autoload``). Call it where that cannot be: under ``python -S``, from a
    ``pip install --target`` folder or a zipapp, or in a notebook that imported lm-eval before this package was there.
    A second call changes nothing.

    Raises:
        ImportError: lm-eval is not installed.
        UsageError: This lm-eval's ``TaskManager`` cannot be told of a folder.
    """
    from icl_ft_plugin._register import register_all

    register_all()
