"""How property tests draw their cases: in the default suite the same in every run, and no clock decides.

New cases are drawn by ``make explore``, which names the other profile. It keeps what fails, in a folder of the directory
it runs in, and tries that first the next time. A draw now and then takes a number or a word of the package's modules that
are imported by then: the same files of tests at the same commit try the same cases in one process (`pytest -n 0`), and
nearly the same in several.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    settings.get_profile("fixed"),
    derandomize=False,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
)
settings.load_profile("fixed")
