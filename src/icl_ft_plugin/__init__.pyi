"""The public names for type checkers, which do not see what ``__init__.py`` looks up by name."""

from icl_ft_plugin._register import register as register
from icl_ft_plugin.arms.arm import Arm as Arm
from icl_ft_plugin.arms.named import arm as arm
from icl_ft_plugin.augment.augment import augment as augment
from icl_ft_plugin.augment.statements import rows as rows
from icl_ft_plugin.errors import UsageError as UsageError
from icl_ft_plugin.families import generate as generate
from icl_ft_plugin.harness.evaluate import evaluate as evaluate
from icl_ft_plugin.report.store.export import items as items
from icl_ft_plugin.report.write import report as report
from icl_ft_plugin.schema import Document as Document
from icl_ft_plugin.schema import Fact as Fact
from icl_ft_plugin.schema import Question as Question
from icl_ft_plugin.schema import World as World
from icl_ft_plugin.study.run import run_study as run_study
from icl_ft_plugin.training.train import train as train
from icl_ft_plugin.worlds.audit import audit as audit
from icl_ft_plugin.worlds.folder import load_world as load_world
from icl_ft_plugin.worlds.folder import save_world as save_world
from icl_ft_plugin.worlds.verify import verify as verify

__version__: str
__all__ = [
    "Arm",
    "Document",
    "Fact",
    "Question",
    "UsageError",
    "World",
    "__version__",
    "arm",
    "audit",
    "augment",
    "evaluate",
    "generate",
    "items",
    "load_world",
    "register",
    "report",
    "rows",
    "run_study",
    "save_world",
    "train",
    "verify",
]
