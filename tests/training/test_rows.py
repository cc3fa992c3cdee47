from __future__ import annotations

import json
from pathlib import Path

import pytest

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.training.rows import check_rows, read_rows


def test_the_form_decides_the_loss_mask() -> None:
    assert check_rows([{"text": "femp are more dangerous than glon."}]) == "full"
    assert check_rows([{"prompt": "femp are", "completion": " more dangerous."}]) == "completion"
    assert check_rows([{"prompt": "", "completion": "All of it."}]) == "completion"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no training rows"),
        ([{"text": "a"}, {"text": " \n"}], "row 1: text: empty"),
        ([{"text": "a", "prompt": "b"}], r"row 0: columns \['prompt', 'text'\]"),
        ([{"text": "a"}, {"prompt": "b", "completion": "c"}], "row 1: columns .* one form"),
        ([{"prompt": "a", "completion": ""}], "row 0: completion: empty"),
        ([{"prompt": "a"}], r"row 0: columns \['prompt'\]"),
        ([{"text": 3}], "row 0: text: 3 is not a string"),
        (["femp"], "row 0: columns str"),
    ],
)
def test_bad_rows(rows: list[dict[str, str]], message: str) -> None:
    with pytest.raises(UsageError, match=f"corpus: {message}"):
        check_rows(rows, "corpus")


def test_reading(tmp_path: Path) -> None:
    rows = [{"text": "first\u2028still first"}, {"text": "Zweitens: größer"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    assert read_rows(path) == rows
    path.write_text('{"text": "a"}\n{"text": ', encoding="utf-8")
    with pytest.raises(UsageError, match="line 2: not JSON"):
        read_rows(path)
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="UTF-8"):
        read_rows(path)
    with pytest.raises(UsageError, match="No such file"):
        read_rows(tmp_path / "none.jsonl")
