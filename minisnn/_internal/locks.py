"""Folders that belong to one process at a time, by a lock file in them.

The lock is the operating system's (`filelock`): it goes with its process, however that ends. Where the file system
refuses locks, work goes on without one.
"""

import os
import platform
import re
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"
# What `storage.write_file` has not renamed yet: the name of the file, or 40 characters of it, and 8 more.
HALF_WRITTEN = re.compile(r"\.(.+\.(json|npz|csv|txt|png)|.{40})\.[a-z0-9_]{8}")


@contextmanager
def hold(folder, patience: float = 0.0):
    """Hold a folder for this process, or raise BlockingIOError if another one holds it.

    Half-written files that a killed process left in it are removed.

    Parameters
    ----------
    folder : path
        An existing folder.
    patience : float
        Seconds to wait for the folder.
    """
    folder = Path(folder)
    lock = _locked(folder, patience)
    try:
        tidy(folder)
        yield
    finally:
        if lock is not None:
            with suppress(OSError):  # Windows removes no file that is open
                (folder / LOCK).unlink()
            lock.release()


def tidy(folder: Path) -> None:
    """Remove files that a killed process left half-written in a folder that this one holds."""
    for path in folder.iterdir():
        if HALF_WRITTEN.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _locked(folder: Path, patience: float) -> FileLock | None:
    """Return a lock that has been acquired; None if the file system refuses locks."""
    path = folder / LOCK
    while True:
        holder = _holder(path)
        lock = FileLock(path, fallback_to_soft=False)
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise BlockingIOError(
                f"{folder} is in use{holder}; wait until that has ended, end it, or name another folder"
            ) from None
        except (OSError, NotImplementedError):
            if path.exists() and not os.access(path, os.W_OK):
                raise BlockingIOError(f"{folder} is in use by another user, whose {LOCK} it holds") from None
            with suppress(OSError):
                path.unlink()  # it locks nothing
            return None
        if path.exists():  # else it was that of a process which ended just now
            with suppress(OSError):
                path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
            return lock
        lock.release()


def _holder(path: Path) -> str:
    """Read who holds a lock, as part of a sentence."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    return f" by {text}" if text else " by another process"
