"""Data of a recipe that are a user's own: an npz file in place of the name of a data set."""

import os
from functools import cache, lru_cache
from typing import NamedTuple

from minisnn._internal import storage
from minisnn.datasets import Dataset, from_file


class Sizes(NamedTuple):
    """What is known of a file before it is trained on."""

    n_steps: int  # the mean, if sequences differ in length
    n_in: int
    n_classes: int
    n_training: int
    is_split: bool  # already; else by a seed
    sha256: str


def is_file(data: str) -> bool:
    """Tell whether `data` of a recipe is a file, and no name of a data set."""
    return isinstance(data, str) and data.lower().endswith(".npz")


def absolute(data):
    """Return the path of a file in full, so that it is the same from everywhere; a name of a data set as it is."""
    if isinstance(data, os.PathLike):
        data = os.fspath(data)
    if is_file(data):
        return str(storage.expanded(data).absolute())
    if isinstance(data, str) and ("." in data or os.sep in data):
        raise ValueError(f"data must be a data set or an npz file, np.savez('own.npz', x=x, y=y); got {data!r}")
    return data


def load(path: str, seed: int) -> Dataset:
    """Load a file; the one loaded last is kept, and read again if it has changed since."""
    return _load(path, seed, *_state(path))


def sizes(path: str) -> Sizes:
    """Return sizes and checksum of a file, which is read again only if it has changed since."""
    return _sizes(path, *_state(path))


def _state(path: str) -> tuple[int, int]:
    """Return what changes when a file does."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"no file {path}")
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _load(path: str, seed: int, modified: int, size: int) -> Dataset:
    return from_file(path, seed=seed)


@cache
def _sizes(path: str, modified: int, size: int) -> Sizes:
    data = _load(path, 0, modified, size)  # the mean length, of which other seeds differ a little
    train = data.train
    n_steps = train.x.shape[1] if train.lengths is None else round(train.lengths.mean())
    record = data.record
    return Sizes(n_steps, data.n_in, data.n_classes, len(train), record["split"], record["sha256"])
