"""Data sets from a user's own sequences."""

from collections.abc import Sequence

import numpy as np

from minisnn._internal import announce, validate
from minisnn._internal import classes as names
from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike, Lengths
from minisnn.datasets._dataset import Dataset, Split, fingerprint, stratified
from minisnn.datasets._padding import padded

FEW_STEPS = 16  # with more inputs than steps, these may well be channels
SHOWN = 5  # labels in a message


def from_arrays(
    x: ArrayLike | Sequence[ArrayLike],
    y: ArrayLike,
    lengths: Lengths = None,
    fractions: tuple[float, float] = (0.1, 0.1),
    seed: int = 0,
    n_classes: int | None = None,
) -> Dataset[Split]:
    """Split your own sequences at random into train, validation and test, with the same share of each class.

    If you already have a split, make the data set from it: `Dataset(train=Split(x, y), validation=Split(...),
    test=Split(...), n_classes=10)`, or write it to a file for `from_file`.

    Parameters
    ----------
    x : array (B, T, n_in), or list of array (T_b, n_in)
        Real and finite. Its dtype is kept, since networks cast one batch at a time; a small one saves memory. A list of
        sequences of different length is padded, as by `pad`. In an array they are padded already, with zeros or
        anything else, to the longest.
    y : array (B,)
        Labels: names, integers or bools, all of one kind. They are numbered 0 .. n_classes - 1 in ascending order, and
        kept as `data.classes`; `fit` gives them to the network.
    lengths : array (B,), optional
        How many steps of each sequence exist, 1 .. T; what follows them in x is ignored, NaN included. None: all of
        them, of a list those that its sequences have.
    fractions : (float, float)
        The shares of validation and test, their sum below 1. That of test may be 0, e.g. if you have test data of your
        own; that of validation may not, as `fit` chooses its best epoch by validation data.
    seed : int
        Seed of the random split; at least 0.
    n_classes : int, optional
        At least 2: then the labels must be their own numbers, 0 .. n_classes - 1, and need not all occur. None: the
        classes are those that occur in y.

    Returns
    -------
    Dataset
        Its record holds the arguments and a checksum of the arrays.

    Raises
    ------
    TypeError, ValueError
        If an array is of the wrong kind, shape or range, labels are of several kinds, or there are too few sequences: a
        split whose share is above 0 may not be empty, and the training split needs each class that occurs.

    Examples
    --------
    >>> x, y = np.zeros((50, 20, 3)), np.arange(50) % 2
    >>> data = ms.datasets.from_arrays(x, y, fractions=(0.2, 0.2))
    >>> len(data.train), len(data.validation), len(data.test)
    (30, 10, 10)
    >>> data.n_in, data.n_classes
    (3, 2)

    Sequences of different length, and labels with names:

    >>> x = [np.ones((5 + b % 3, 2)) for b in range(40)]
    >>> data = ms.datasets.from_arrays(x, ["yes", "no"] * 20)
    >>> data.train.x.shape, data.classes.tolist()
    ((32, 7, 2), ['no', 'yes'])
    >>> net = ms.Network([2, 8, data.n_classes])
    >>> history = ms.fit(net, data, epochs=1, progress=False)
    >>> net.classes[net.predict(data.test.x, data.test.lengths)].shape  # a name for each sequence
    (4,)

    New data with these names, though not all of them:

    >>> net.evaluate(ms.datasets.Split(np.ones((2, 6, 2)), ["yes", "yes"])).accuracy in (0.0, 1.0)
    True
    """
    x, lengths = _padded(x, lengths)
    x, lengths = checked_sequences(x, y, lengths)
    y, n_classes, classes = checked_labels(y, len(x), n_classes)
    fractions, seed = checked_fractions(fractions), validate.integer(seed, "seed", 0)
    parts = stratified(y, fractions, stream(seed, "split", "arrays"))
    _check_parts(parts, y, fractions, names.checked(classes, n_classes))
    splits = [Split(x[part], y[part], None if lengths is None else lengths[part]) for part in parts]
    record = {
        "name": "arrays",
        "n": len(x),
        "fractions": list(fractions),
        "seed": seed,
        "n_classes": n_classes,
        "classes": None if classes is None else classes.tolist(),
        "sha256": fingerprint(x=x, y=y, lengths=lengths),
    }
    return Dataset(*splits, n_classes=n_classes, record=record, classes=classes)


def _padded(x, lengths) -> tuple:
    """Pad a list of sequences that differ in length, and return their lengths too; anything else stays as it is."""
    if isinstance(x, np.ndarray) and x.dtype == object and x.ndim == 1:
        x = list(x)
    if not isinstance(x, list | tuple):
        return x, lengths
    if len({len(s) if hasattr(s, "__len__") else 1 for s in x}) < 2:
        if len({s.shape for s in x if isinstance(s, np.ndarray)}) > 1:
            padded(x, "x")  # says which one has other inputs
        return x, lengths
    if lengths is not None:
        raise ValueError(
            "x is a list of sequences of different length, which say how long they are: leave lengths= out, or pad x"
        )
    return padded(x, "x")


def checked_sequences(x, y, lengths) -> tuple[np.ndarray, np.ndarray | None]:
    """Check x and lengths, and return them; what follows a sequence is finite at last."""
    x = _checked_x(x, y)
    if lengths is not None:
        lengths = validate.lengths(lengths, *x.shape[:2])
    return validate.finite(x, "x", "float64", lengths), lengths


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


def checked_labels(y, n_sequences: int, n_classes: int | None) -> tuple[np.ndarray, int, np.ndarray | None]:
    """Check y; return it as int64, the number of classes, and their names; None if they are 0, 1, ..."""
    y = names.as_labels(y)
    if n_classes is not None:
        n_classes = validate.integer(n_classes, "n_classes", 2)
        if y.dtype.kind == "U":
            raise TypeError("y holds names; n_classes= is for labels 0 .. n_classes - 1, so leave it out")
        return validate.labels(y, n_sequences, n_classes), n_classes, None
    of_any_value = np.zeros(y.shape, np.int64) if y.dtype.kind in names.KINDS else y
    validate.labels(of_any_value, n_sequences, max(2, *y.shape[1:2]) if y.ndim == 2 else 2)
    y, classes = names.numbered(y)
    if len(classes) == 1:
        label = repr(classes[0].item())
        raise ValueError(
            f"y holds label {label} only, expected at least two classes; if there are more, pass n_classes="
        )
    if names.are_numbers(classes):
        return y, len(classes), None
    if 2 * len(classes) > n_sequences:
        raise ValueError(
            f"y has {len(classes)} different labels for {n_sequences} sequences; are they names of sequences, or "
            "numbers to be predicted? There are only classes here, with several sequences each"
        )
    if classes.dtype.kind in "iu":
        more = f"; if those between exist, pass n_classes={int(classes[-1]) + 1}" if classes[0] == 0 else ""
        numbers = f"0 .. {len(classes) - 1}"
        announce.say(f"minisnn: y has the labels {_some(classes)}, kept as data.classes and numbered {numbers}{more}")
    return y, len(classes), classes


def _some(classes: np.ndarray) -> str:
    """List classes, or the first of many."""
    return ", ".join(map(str, classes[:SHOWN].tolist())) + (", ..." if len(classes) > SHOWN else "")


def checked_fractions(fractions) -> tuple[float, float]:
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


def _check_parts(parts: list[np.ndarray], y: np.ndarray, fractions: tuple[float, float], classes: np.ndarray):
    """Raise ValueError if validation or test is empty against its fraction, or training lacks a class."""
    for part, fraction, name in zip(parts[1:], fractions, ("validation", "test")):
        if len(part) == 0 < fraction:
            raise ValueError(f"the {name} split would be empty: {fraction} of {len(y)} sequences; raise its fraction")
    lost = np.setdiff1d(y, y[parts[0]])
    if lost.size:
        name, n = classes[lost[0]].item(), (y == lost[0]).sum()
        raise ValueError(
            f"class {name!r} has {n} sequences, and with fractions {fractions} none is left for training; collect more "
            "of them, lower the fractions, or split by hand (Dataset, Split)"
        )
