from __future__ import annotations

import pytest

from icl_ft_plugin.arms.corpus import statements_as_documents, training_rows
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate


def test_generated_statements_stand_behind_the_documents_and_are_split_like_them() -> None:
    world = generate("syllogism", 0, {"n_documents": 2})
    written = {"local": ["femp are glon. glon are zost."], "global": ["zost are brib."]}
    rows = training_rows(world, ["documents", "global", "local"], written)
    assert [row["text"] for row in rows] == [
        *(d.text for d in world.documents),
        "zost are brib.",
        "femp are glon. glon are zost.",
    ]
    split = training_rows(world, ["documents", "local"], written, rows="sentences")
    assert [row["text"] for row in split[-2:]] == ["femp are glon.", "glon are zost."] and len(split) == 2 * 3 + 2
    completions = training_rows(world, ["documents", "local"], written, rows="completion")
    assert completions[-1] == {"prompt": "", "completion": "femp are glon. glon are zost."} and completions[0]["prompt"]


def test_what_a_model_has_to_write_first_is_refused() -> None:
    world = generate("reversal", 0, {"n_facts": 2})
    with pytest.raises(UsageError, match="'local' is written by a model"):
        training_rows(world, ["documents", "local"])


def test_statements_become_documents_of_their_sentences() -> None:
    (document,) = statements_as_documents("local", ["femp are glon.  glon are zost."])
    assert document.sentences == ("femp are glon.", "glon are zost.") and document.style == "local"
