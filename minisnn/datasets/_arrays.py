"""Data sets from a user's own sequences."""

import hashlib

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split, stratified


def from_arrays(
    x, y, lengths=None, fractions: tuple[float, float] = (0.1, 0.1), seed: int = 0, n_classes: int | None = None
) -> Dataset:
    """Split your own sequences at random into train, validation and test, with the same share of each class.

    If you already have a split, make the data set from it: `Dataset(train=Split(x, y), validation=Split(...),
    test=Split(...), n_classes=10)`.

    Parameters
    ----------
    x : array (B, T, n_in)
        Real and finite. Its dtype is kept, since networks cast one batch at a time; a small one saves memory.
    y : array (B,)
        Integer labels, 0 .. n_classes - 1.
    lengths : array (B,), optional
        How many steps of each sequence exist, 1 .. T; what follows them in x is ignored. None: all of them.
    fractions : (float, float)
        The shares of validation and test, each above 0, their sum below 1.
    seed : int
        Names the random split; at least 0.
    n_classes : int, optional
        At least 2. None: the largest label + 1; then each class must occur in y.

    Returns
    -------
    Dataset
        Its record holds the arguments and a checksum of the arrays.

    Raises
    ------
    TypeError, ValueError
        If an array is of the wrong kind, shape or range, or there are too few sequences: no split may be empty, and the
        training split needs each class that occurs.

    Examples
    --------
    >>> x, y = np.zeros((50, 20, 3)), np.arange(50) % 2
    >>> data = ms.datasets.from_arrays(x, y, fractions=(0.2, 0.2))
    >>> len(data.train), len(data.validation), len(data.test)
    (30, 10, 10)
    >>> data.n_in, data.n_classes
    (3, 2)
    """
    x = _checked_x(x, y)
    y, n_classes = _checked_labels(y, len(x), n_classes)
    if lengths is not None:
        lengths = validate.lengths(lengths, *x.shape[:2])
    fractions, seed = _checked_fractions(fractions), validate.integer(seed, "seed", 0)
    parts = stratified(y, fractions, stream(seed, "split", "arrays"))
    _check_parts(parts, y, fractions)
    splits = [Split(x[part], y[part], None if lengths is None else lengths[part]) for part in parts]
    record = {
        "name": "arrays",
        "n": len(x),
        "fractions": list(fractions),
        "seed": seed,
        "n_classes": n_classes,
        "sha256": _fingerprint(x=x, y=y, lengths=lengths),
    }
    return Dataset(*splits, n_classes=n_classes, record=record)


def _checked_x(x, y) -> np.ndarray:
    """Check x as an array (B, T, n_in); B = len(y) reveals some slips."""
    if not isinstance(x, np.ndarray):
        try:
            x = np.asarray(x)
        except ValueError as error:
            slip = "are the sequences of different length? Pad them with zeros and pass their lengths as lengths="
            raise ValueError(f"x can't be made an array (B, T, n_in): {error}; {slip}") from error
    x = validate.sequences(x, x.shape[2] if x.ndim == 3 else 1)
    if x.shape[2] == 0:
        raise ValueError(f"x has no inputs: shape {x.shape}, expected (B, T, n_in) with n_in >= 1")
    n_labels = len(y) if np.ndim(y) else 0
    if n_labels == x.shape[1] != len(x):
        raise ValueError(
            f"x has {len(x)} sequences of {x.shape[1]} steps, and y has {n_labels} labels; are the axes swapped? "
            "The order is (B, T, n_in), so write x.swapaxes(0, 1)"
        )
    return x


def _checked_labels(y, n_sequences: int, n_classes: int | None) -> tuple[np.ndarray, int]:
    """Check y; return it as int64, and the number of classes."""
    y = np.asarray(y)
    if n_classes is not None:
        n_classes = validate.integer(n_classes, "n_classes", 2)
        return validate.labels(y, n_sequences, n_classes), n_classes
    if y.ndim == 2 and y.shape[1] > 1:
        validate.labels(y, n_sequences, y.shape[1])  # raises, with a hint on one-hot rows
    largest = int(y.max()) if y.size and y.dtype.kind in "biu" else 0
    y = validate.labels(y, n_sequences, largest + 1)
    if largest == 0:
        raise ValueError("y holds label 0 only, expected at least two classes; if there are more, pass n_classes=")
    present = np.unique(y)
    if len(present) <= largest:
        absent = np.flatnonzero(present != np.arange(len(present)))[0]
        slip = "do the labels start at 1? Then write y - 1" if present[0] == 1 else "number the classes without gaps"
        raise ValueError(
            f"y goes up to {largest}, but no sequence has label {absent}; {slip}, "
            f"or pass n_classes={largest + 1} if the class exists"
        )
    return y, largest + 1


def _checked_fractions(fractions) -> tuple[float, float]:
    """Check the shares of validation and test."""
    if not isinstance(fractions, tuple | list | np.ndarray) or len(fractions) != 2:
        raise ValueError(f"fractions must be two numbers, for validation and test, got {fractions!r}")
    validation, test = (
        validate.number(f, f"fractions[{i}]", 0.0, 1.0, open_ends=True) for i, f in enumerate(fractions)
    )
    if validation + test >= 1:
        raise ValueError(f"fractions must leave something for training, got {validation} + {test}")
    return validation, test


def _check_parts(parts: list[np.ndarray], y: np.ndarray, fractions: tuple[float, float]):
    """Raise ValueError if validation or test is empty, or a class does not occur in training."""
    for part, fraction, name in zip(parts[1:], fractions, ("validation", "test")):
        if len(part) == 0:
            raise ValueError(f"the {name} split would be empty: {fraction} of {len(y)} sequences; raise its fraction")
    lost = np.setdiff1d(y, y[parts[0]])
    if lost.size:
        raise ValueError(
            f"class {lost[0]} has {(y == lost[0]).sum()} sequences, and with fractions {fractions} none is left for "
            "training; collect more of them, lower the fractions, or split by hand (Dataset, Split)"
        )


def _fingerprint(**arrays) -> str:
    """Hash the arrays, their types and their shapes by SHA-256."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        if array is not None:
            digest.update(f"{name} {array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
