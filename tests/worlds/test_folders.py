"""A world in a folder is asked and learned like a generated one: in tasks by ``path``, in studies by ``config: {path: ...}``."""

from pathlib import Path

import pytest
from families.test_reversal_curse import folder as originals  # noqa: F401 - a fixture: files in the original format
from tiny import RECIPE, save_tiny
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.worlds.folder import load_world, save_world

KNOBS = {"n_facts": 4}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    save_world(generate("reversal", 3, KNOBS), tmp_path / "world")
    return tmp_path / "world"


def test_a_task_asks_the_world_of_a_folder_as_if_it_were_generated(built: Path) -> None:
    [loaded] = build(family="reversal", split="reversal", path=str(built)).values()
    [generated] = build(family="reversal", split="reversal", seed=3, **KNOBS).values()
    assert loaded.remove_columns("world").to_list() == generated.remove_columns("world").to_list()
    assert in_context_prompt(loaded[0]) == in_context_prompt(generated[0])


@pytest.mark.parametrize(
    ("family", "metadata", "message"),
    [
        ("celebrity", {}, "holds a world of family 'reversal', not 'celebrity'"),
        ("reversal", KNOBS, "takes no other knob"),
        ("reversal", {"path": "nowhere"}, "nowhere: not a world"),
        ("reversal", {"path": 3}, "path=3"),
    ],
)
def test_what_does_not_go_together_is_refused(built: Path, family: str, metadata: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(family=family, split="reversal", **{"path": str(built), **metadata})


@pytest.mark.slow
def test_every_arm_runs_on_imported_files(originals: Path, tmp_path: Path) -> None:  # noqa: F811
    world = tmp_path / "imported"
    run = CliRunner().invoke
    assert run(app, ["data", "import-reversal-curse", str(originals), "--out", str(world)]).exit_code == 0
    model = save_tiny(tmp_path / "tiny", window=4096)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 512"), encoding="utf-8")
    (tmp_path / "study.yaml").write_text(
        f"name: imported\nmodels: [{model}]\nworlds:\n  - {{family: celebrity, config: {{path: {world}}}, splits: [reversal_trained]}}\n"
        f"arms: [pretrained, icl, ft, ft+oracle]\nrecipe: {tmp_path / 'recipe.yaml'}\nsteps: 2\n",
        encoding="utf-8",
    )
    cells = plan(load_study(tmp_path / "study.yaml"))
    assert {cell.world.hash for cell in cells} == {load_world(world).hash}
    result = run(app, ["study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.stderr
    table = (tmp_path / "runs/table.md").read_text(encoding="utf-8")
    assert all(f"| {arm} |" in table for arm in ("pretrained", "icl", "ft", "ft+oracle"))
