"""Lets lm-evaluation-harness find our tasks with no flag: ``lm_eval --tasks icl_ft_reversal --model hf ...``.

``icl_ft_plugin.pth`` (``.start`` from Python 3.15 on, PEP 829) calls ``install`` at interpreter start. That puts one
finder on ``sys.meta_path``, and nothing more happens until somebody imports lm-eval: then the steps of
``_lm_eval_steps`` follow. ``ICL_FT_NO_AUTOLOAD=1`` turns it off; ``--include_path $(icl-ft tasks-dir)`` is the
alternative. Every start of Python pays for this file, so it is short and imports nothing that is not there already
(not even ``__future__``).
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

OPT_OUT = "ICL_FT_NO_AUTOLOAD"
TASKS_PACKAGE = "icl_ft_plugin.tasks"
WATCHED = ("lm_eval.tasks", "lm_eval.models", TASKS_PACKAGE)


def install() -> None:
    """Put the finder in front of ``sys.meta_path``, once, unless the opt-out variable is set."""
    if os.environ.get(OPT_OUT, "0") in ("", "0") and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the watched modules as the other finders do, and has our step taken once they have run."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name not in WATCHED:
            return None
        from icl_ft_plugin import _register as steps

        if name == TASKS_PACKAGE:
            return steps.checkout_tasks_spec(name)
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((s for f in others if (s := f.find_spec(name, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            steps.run_after(spec.loader, name)
        return spec
