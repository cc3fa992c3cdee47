"""Build hook: ships ``tasks/`` and ``recipes/`` inside the package, and the startup file beside it.

A wheel gets ``icl_ft_plugin/tasks``, ``icl_ft_plugin/recipes`` and ``icl_ft_plugin.pth``. An
editable install gets the startup file alone: a copy of the folders would go stale, and ``icl_ft_plugin.paths``
finds the originals at the checkout's root.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STARTUP = {"src/icl_ft_plugin.pth": "icl_ft_plugin.pth"}
FOLDERS = {"tasks": "icl_ft_plugin/tasks", "recipes": "icl_ft_plugin/recipes"}


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Named and called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say which files go where; ``version`` is ``"standard"`` or ``"editable"``."""
        if version == "editable":
            build_data["force_include_editable"] = STARTUP
        else:
            build_data["force_include"].update(STARTUP | FOLDERS)
