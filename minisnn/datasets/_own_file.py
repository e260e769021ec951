"""Data sets from a user's own npz file."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from minisnn._internal import classes as names
from minisnn._internal import storage, validate
from minisnn._internal.names import meant
from minisnn.datasets._arrays import checked_fractions, checked_labels, checked_sequences, from_arrays
from minisnn.datasets._dataset import Dataset, Split

SPLITS = ("train", "validation", "test")
KINDS = ("x", "y", "lengths")
KEYS = (*KINDS, *(f"{kind}_{split}" for split in SPLITS for kind in KINDS))  # what a file may hold
LAYOUT = "x and y, perhaps lengths; or these as x_train, x_validation, x_test etc."


def from_file(path: str | os.PathLike, fractions: tuple[float, float] = (0.1, 0.1), seed: int = 0) -> Dataset[Split]:
    """Load your own data from an npz file, which `minisnn train --data FILE.npz` and sweeps take too.

    Parameters
    ----------
    path : path
        Of a file written by `np.savez(path, x=x, y=y)`, with `lengths=lengths` if sequences differ in length: arrays as
        for `from_arrays`, which splits them. Or one that is split already: `x_train`, `y_train`, `x_validation`,
        `y_validation`, `x_test`, `y_test`, and `lengths_train` etc. for the splits that need them. Sequences may then
        be longer in one split than in another, and labels are numbered over all three. Other arrays are ignored, unless
        their names look like one of these that is missing, as `x_val` or `seq_len` do.
    fractions, seed
        As in `from_arrays`; of no effect if the file is split already.

    Returns
    -------
    Dataset
        Its record holds the absolute path and the SHA-256 of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If an argument is invalid; if the file is truncated or no npz file, lacks an array, or holds Python objects; if
        an array is of the wrong kind, shape or range; if training lacks a class. The message begins with the path.

    Examples
    --------
    >>> sequences, labels = [np.ones((5 + b % 3, 2)) for b in range(40)], ["yes", "no"] * 20
    >>> x, lengths = ms.datasets.pad(sequences)
    >>> np.savez("own.npz", x=x, y=labels, lengths=lengths)
    >>> data = ms.datasets.from_file("own.npz")
    >>> len(data.train), data.classes.tolist()
    (32, ['no', 'yes'])
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be that of an npz file, got {type(path).__name__}; of arrays, use from_arrays")
    path = storage.expanded(path).absolute()
    fractions, seed = checked_fractions(fractions), validate.integer(seed, "seed", 0)
    arrays, sha256 = _read(path)
    split = "x" not in arrays
    try:
        data = _of_splits(arrays) if split else from_arrays(**arrays, fractions=fractions, seed=seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
    record = {"name": "file", "path": str(path), "sha256": sha256, "split": split}
    if not split:
        record |= {"fractions": list(fractions), "seed": seed}
    return replace(data, record=record)


def _read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Read the arrays of a file that have a meaning, and its SHA-256."""
    if not path.exists():
        raise FileNotFoundError(f"no file {path}")
    with open(path, "rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        try:
            file = np.load(opened, allow_pickle=False)
        except Exception as error:  # whatever a damaged or foreign file makes zip and NumPy raise
            raise _damaged(path) from error
        if isinstance(file, np.ndarray):
            raise ValueError(f"{path} holds a single array, expected an npz file: np.savez({path.stem!r}, x=x, y=y)")
        with file:
            _check_names(path, file.files)
            return {name: _array(path, file, name) for name in file.files if name in KEYS}, sha256


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{path} is not a whole npz file; is it truncated, or something else?")


def _array(path: Path, file, name: str) -> np.ndarray:
    """Read one array."""
    try:
        return file[name]
    except Exception as error:
        if "allow_pickle" not in str(error):
            raise _damaged(path) from error
    slip = "write texts, y.astype(str), or integers"
    if name[0] == "x":
        slip = "are the sequences of different length? Write x, lengths = minisnn.datasets.pad(sequences) first"
    raise TypeError(f"{path}: {name} holds Python objects, which may be programs and are not read; {slip}")


def _check_names(path: Path, found: list[str]) -> None:
    """Raise ValueError if arrays are missing, are there twice, or nearly have a name that has a meaning."""
    for name in found:
        slip = _meant(name)
        if name not in KEYS and slip is not None and slip not in found:
            raise ValueError(f"{path} holds {name!r}; did you mean {slip!r}?")
    whole, parts = ([name for name in found if name in keys] for keys in (KEYS[:3], KEYS[3:]))
    if whole and parts:
        raise ValueError(f"{path} holds {', '.join(whole)} beside {', '.join(parts)}; expected {LAYOUT}")
    needed = [name for name in (KEYS[3:] if parts else KEYS[:3]) if not name.startswith("lengths")]
    missing = [name for name in needed if name not in found]
    if missing:
        slip = "; validation data choose the best epoch: cut them from those of training" if "x_test" in parts else ""
        slip = slip if missing == ["x_validation", "y_validation"] else ""
        there = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") or "nothing"
        raise ValueError(f"{path} lacks {', '.join(missing)}; it holds {there}, expected {LAYOUT}{slip}")


def _meant(name: str) -> str | None:
    """Return which name that has a meaning another one is like: kind and split are compared one by one."""
    kind, _, split = name.rpartition("_") if "_" in name else (name[:1], "", name[1:])  # x_val, xval
    kind, split = meant(kind, KINDS), meant(split, SPLITS)
    return f"{kind}_{split}" if kind and split else meant(name, KINDS)


def _of_splits(arrays: dict) -> Dataset[Split]:
    """Make a data set of arrays that are split already; labels are numbered over all of them."""
    checked = {}
    for split in SPLITS:
        x, y, lengths = (arrays.get(f"{kind}_{split}") for kind in KINDS)
        try:
            checked[split] = checked_sequences(x, y, lengths)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{split}: {error}") from error
    inputs = {split: x.shape[2] for split, (x, _) in checked.items()}
    if len(set(inputs.values())) > 1:
        raise ValueError(f"splits differ in their inputs per step: {inputs}")
    labels = [arrays[f"y_{split}"] for split in SPLITS]
    for split, y in zip(SPLITS, labels):
        if y.ndim != 1:
            raise ValueError(f"y_{split} must have one label per sequence, shape (B,), got shape {y.shape}")
    if any(y.dtype.kind == "u" and y.size and y.max() > np.iinfo(np.int64).max for y in labels):
        raise ValueError(f"labels must be at most {np.iinfo(np.int64).max}")
    labels = [y.astype(np.int64) if y.dtype.kind == "u" else y for y in labels]  # with int64 they would be floats
    if len({names.KINDS.get(y.dtype.kind) for y in labels}) > 1:
        raise TypeError(
            f"labels are of several kinds: {', '.join(f'{y.dtype} in {s}' for y, s in zip(labels, SPLITS))}"
        )
    y, n_classes, classes = checked_labels(np.concatenate(labels), sum(len(x) for x, _ in checked.values()), None)
    ys = np.split(y, np.cumsum([len(part) for part in labels])[:-1])
    lost = np.setdiff1d(y, ys[0])
    if lost.size:
        raise ValueError(f"no sequence of training has the label {names.checked(classes, n_classes)[lost[0]].item()!r}")
    splits = [Split(x, part, lengths) for (x, lengths), part in zip(checked.values(), ys)]
    return Dataset(*splits, n_classes=n_classes, classes=classes)
