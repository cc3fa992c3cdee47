"""Locks between processes, also on file systems of clusters that have no ``flock``.

For example ``with locked(Path("runs/demo/.lock"), wait=False): ...``. The system drops the lock of a process that dies,
however it dies. Where the file system has no such locks, a file that names the process stands for one: that of a process
of this machine that has died is taken over, that of a node that is gone has to be removed by hand.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

__all__ = ["Timeout", "locked"]
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock.

    Args:
        file: The file that stands for it.
        wait: Whether to wait for whoever holds it.

    Raises:
        Timeout: Somebody else holds it, and it was not to be waited for.
        OSError: The file cannot be written.
    """
    lock = _acquired(file, wait)
    try:
        yield
    finally:
        lock.release()


def _acquired(file: Path, wait: bool) -> BaseFileLock:
    lock: BaseFileLock = FileLock(file)
    try:
        lock.acquire(blocking=wait)
    except (OSError, NotImplementedError) as error:  # a Timeout is an OSError without a number
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(file.with_name(f"{file.name}.soft"))
        lock.acquire(blocking=wait)
    return lock
