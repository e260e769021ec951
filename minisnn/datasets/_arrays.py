"""Data sets from a user's own sequences."""

import numpy as np

from minisnn._internal import announce, validate
from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike, Lengths
from minisnn.datasets._dataset import Dataset, Split, fingerprint, stratified

FEW_STEPS = 16  # with more inputs than steps, these may well be channels


def from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    lengths: Lengths = None,
    fractions: tuple[float, float] = (0.1, 0.1),
    seed: int = 0,
    n_classes: int | None = None,
) -> Dataset[Split]:
    """Split your own sequences at random into train, validation and test, with the same share of each class.

    If you already have a split, make the data set from it: `Dataset(train=Split(x, y), validation=Split(...),
    test=Split(...), n_classes=10)`.

    Parameters
    ----------
    x : array (B, T, n_in)
        Real and finite. Its dtype is kept, since networks cast one batch at a time; a small one saves memory. Sequences
        of different length are padded, with zeros or anything else, to the longest.
    y : array (B,)
        Integer labels, 0 .. n_classes - 1. Names become numbers by `names, y = np.unique(y, return_inverse=True)`.
    lengths : array (B,), optional
        How many steps of each sequence exist, 1 .. T; what follows them in x is ignored, NaN included. None: all of
        them.
    fractions : (float, float)
        The shares of validation and test, their sum below 1. That of test may be 0, e.g. if you have test data of your
        own; that of validation may not, as `fit` chooses its best epoch by validation data.
    seed : int
        Seed of the random split; at least 0.
    n_classes : int, optional
        At least 2. None: the largest label + 1; then each class must occur in y.

    Returns
    -------
    Dataset
        Its record holds the arguments and a checksum of the arrays.

    Raises
    ------
    TypeError, ValueError
        If an array is of the wrong kind, shape or range, or there are too few sequences: a split whose share is above 0
        may not be empty, and the training split needs each class that occurs.

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
    x = validate.finite(x, "x", "float64", lengths)
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
        "sha256": fingerprint(x=x, y=y, lengths=lengths),
    }
    return Dataset(*splits, n_classes=n_classes, record=record)


def _checked_x(x, y) -> np.ndarray:
    """Check kind and axes of x, (B, T, n_in); B = len(y), and a T that is very small, reveal some slips."""
    x = validate.real(x, "x")
    x = validate.axes(x, x.shape[2] if x.ndim == 3 else 1)
    B, T, n_in = x.shape
    if n_in == 0:
        raise ValueError(f"x has no inputs: shape {x.shape}, expected (B, T, n_in) with n_in >= 1")
    n_labels = len(y) if np.ndim(y) else 0
    if n_labels == T != B:
        raise ValueError(
            f"x has {B} sequences of {T} steps, and y has {n_labels} labels; are the axes swapped? "
            "The order is (B, T, n_in), so write x.swapaxes(0, 1)"
        )
    if T < n_in and T <= FEW_STEPS:
        announce.say(
            f"minisnn: x is read as {B} sequences of {T} steps with {n_in} inputs each; "
            f"if it is (B, n_in, T), with {n_in} steps, write x.swapaxes(1, 2)"
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
    validation, test = (validate.number(f, f"fractions[{i}]", 0.0, 1.0) for i, f in enumerate(fractions))
    if validation == 0:
        raise ValueError(
            "fractions[0] must be above 0, got 0: fit chooses its best epoch by validation data, so there must be some"
        )
    if validation + test >= 1:
        raise ValueError(f"fractions must leave something for training, got {validation} + {test}")
    return validation, test


def _check_parts(parts: list[np.ndarray], y: np.ndarray, fractions: tuple[float, float]):
    """Raise ValueError if validation or test is empty against its fraction, or training lacks a class."""
    for part, fraction, name in zip(parts[1:], fractions, ("validation", "test")):
        if len(part) == 0 < fraction:
            raise ValueError(f"the {name} split would be empty: {fraction} of {len(y)} sequences; raise its fraction")
    lost = np.setdiff1d(y, y[parts[0]])
    if lost.size:
        raise ValueError(
            f"class {lost[0]} has {(y == lost[0]).sum()} sequences, and with fractions {fractions} none is left for "
            "training; collect more of them, lower the fractions, or split by hand (Dataset, Split)"
        )
