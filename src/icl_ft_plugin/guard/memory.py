"""Turns "out of memory", wherever it comes from, into one message that says what to change.

For example ``full.yaml: out of memory (CUDA out of memory. Tried to allocate 4.64 GiB ...): per_device_train_batch_size: 4``
in the place of a traceback of forty lines.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence

from icl_ft_plugin.errors import UsageError, cut

# As CUDA, cuBLAS and the allocator of the CPU put it; all of them are RuntimeErrors.
_SAID = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "bad_alloc")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(s in str(error) for s in _SAID))


@contextlib.contextmanager
def enough_memory(place: str, change: Sequence[str]) -> Iterator[None]:
    """Do something large.

    Args:
        place: What it is, for the message.
        change: What to change where memory runs out, as keys and values, the cheapest first.

    Raises:
        UsageError: Memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not out_of_memory(error):
            raise
        said = f" ({cut(str(error), 100)})" if str(error) else ""
        raise UsageError(f"{place}: out of memory{said}: {'; or '.join(change)}") from error
