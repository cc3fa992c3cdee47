"""Own documents: a folder of two JSON-lines files is a world (``docs/own-documents.md``).

A family without rules: what the documents entail is known to nobody but their author, and so are the splits.
"""

from __future__ import annotations

from icl_ft_plugin.families.family import Family, Split
from icl_ft_plugin.families.own.lines import DOCUMENTS, QUESTIONS
from icl_ft_plugin.families.own.read import NAME, load, stem_of

FAMILY = Family(
    name=NAME,
    title="Own documents",
    splits={"rephrase": Split(learned=True)},  # where the author has a split of that name
    files=(DOCUMENTS, QUESTIONS),
    load=load,
    ordered=True,
    stem=stem_of,
    unruled="what your own documents entail is not known (no rules, no closure), so there is none for them",
)
