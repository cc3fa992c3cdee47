"""Writes rows as a Parquet table, some thousand at a time.

The columns are laid out here, since ``pyarrow.array`` imports pandas wherever that is installed, which takes 50 MB::

    write_rows(Path("items.parquet"), [{"id": "f0", "seed": None, "scores": [-3.1, -4.4]}], {"id": str, "seed": int, "scores": [float]})
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_ft_plugin.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

AT_A_TIME = 2_000
Kind = type | list[type]
"""``str``, ``int``, ``float`` or ``bool``; ``[float]`` is a list of them."""


def kinds_of(rows: Sequence[Mapping[str, object]]) -> dict[str, Kind]:
    """Return the kind of each column of a table of single values; a column without any is one of texts."""
    kinds: dict[str, Kind] = {}
    for name in rows[0]:
        found = {type(row[name]) for row in rows} - {type(None)}
        kinds[name] = float if found == {int, float} else min(found, key=str, default=str)
    return kinds


def write_rows(file: Path, rows: Iterable[Mapping[str, object]], kinds: Mapping[str, Kind]) -> Path:
    """Write a table, whole or not at all.

    Args:
        file: In whose place it is put.
        rows: Values by the names of columns; None is allowed where the kind is no list.
        kinds: Of the columns, in their order.

    Raises:
        OSError: It cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(kind)) for name, kind in kinds.items()])
    stream = iter(rows)
    with replacing(file) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for some in _parts(stream):
            columns = [_column([row[name] for row in some], kind) for name, kind in kinds.items()]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return file


def _parts(rows: Iterator[Mapping[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    while some := list(islice(rows, AT_A_TIME)):
        yield some


def _type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    if isinstance(kind, list):
        return pa.list_(_type(kind[0]))
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[kind]


def _column(values: Sequence[Any], kind: Kind) -> pa.Array:
    """Return a column in Arrow's layout: which values there are, then the values, or the ends of the texts and the texts."""
    import pyarrow as pa

    if isinstance(kind, list):
        within = [_column(list(chain.from_iterable(values)), kind[0])]
        return pa.Array.from_buffers(_type(kind), len(values), [None, _ends(values)], children=within)
    there = np.packbits(np.array([value is not None for value in values], dtype=bool), bitorder="little")
    if kind is str:
        texts = [b"" if value is None else value.encode() for value in values]
        held = [_ends(texts), pa.py_buffer(b"".join(texts))]
    elif kind is bool:
        held = [pa.py_buffer(np.packbits(np.array(values, dtype=bool), bitorder="little"))]
    else:
        held = [pa.py_buffer(np.array([value or 0 for value in values], dtype=f"{kind.__name__}64"))]
    return pa.Array.from_buffers(_type(kind), len(values), [pa.py_buffer(there), *held])


def _ends(values: Sequence[Sized]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.cumsum([0, *map(len, values)], dtype=np.int32))
