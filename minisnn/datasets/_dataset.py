"""What a data set is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from minisnn._internal.rng import stream


@dataclass(frozen=True, eq=False)
class Split:
    """Sequences with labels; all arrays are read-only.

    Parameters
    ----------
    x : array (B, T, n_in)
    y : array (B,) of int64
    lengths : array (B,) of int64, optional
        How many steps of each sequence exist; None: all.

    Raises
    ------
    TypeError, ValueError
        If x, y and lengths are not of one size, empty, or of a wrong kind; what the values must be, networks check.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None

    def __post_init__(self):
        x = np.asarray(self.x)
        if x.ndim != 3 or 0 in x.shape:
            raise ValueError(f"x must have the axes (B, T, n_in), none of them empty; got shape {x.shape}")
        for name in ("y", "lengths"):
            if getattr(self, name) is not None and np.shape(getattr(self, name)) != (len(x),):
                got = np.shape(getattr(self, name))
                raise ValueError(f"{name} must have one entry a sequence, shape ({len(x)},), got shape {got}")
        for name in ("x", "y", "lengths"):
            if getattr(self, name) is not None:
                view = np.asarray(getattr(self, name)).view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits, and the record: all that is needed to make the same data set again, as plain JSON.

    `train` may also be an iterable of batches, each a `Split` or (x, y) or (x, y, lengths), or a function of the epoch
    (0, 1, ...) that returns one, for data that is made on the fly or larger than memory. A run that is to resume needs
    equal batches for equal epochs.

    Raises
    ------
    TypeError
        If `train` is neither, or can be run through only once; if the other two are no splits.
    """

    train: Split | Iterable | Callable[[int], Iterable]
    validation: Split
    test: Split
    n_classes: int
    record: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in ("validation", "test"):
            if not isinstance(getattr(self, name), Split):
                raise TypeError(f"{name} must be a Split(x, y), got {type(getattr(self, name)).__name__}")
        if isinstance(self.train, Iterator):
            raise TypeError(
                "train is an iterator, which gives its batches only once; hand in a function of the epoch that "
                "returns one"
            )
        if not isinstance(self.train, Split | Iterable) and not callable(self.train):
            raise TypeError(f"train must be a Split(x, y) or give batches, got {type(self.train).__name__}")

    @property
    def n_in(self) -> int:
        return self.validation.x.shape[2]


def stratified(labels: np.ndarray, fractions: tuple[float, float], rng: np.random.Generator) -> list[np.ndarray]:
    """Indices of train, validation and test: of each class the same share, drawn by `rng`; ascending.

    `fractions` are those of validation and test; the rest is for training.
    """
    classes, counts = np.unique(labels, return_counts=True)
    # Rounding the running totals, not each class, makes the parts as large as the fractions say.
    n_validation, n_test = (
        np.diff(np.rint(fraction * np.cumsum(counts)), prepend=0).astype(int) for fraction in fractions
    )
    parts = [[], [], []]
    for label, stop, tail in zip(classes, n_validation, n_validation + n_test):
        members = rng.permutation(np.flatnonzero(labels == label))
        for part, chosen in zip(parts, (members[tail:], members[:stop], members[stop:tail])):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]


def permutation(n_steps: int, permute: bool, seed: int) -> np.ndarray:
    """The order in which the pixels of an image are read: row by row, or in one random order for all images."""
    return stream(seed, "permutation", n_steps).permutation(n_steps) if permute else np.arange(n_steps)
