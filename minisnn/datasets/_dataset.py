"""Data sets and their splits."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from minisnn._internal import classes as names
from minisnn._internal import validate
from minisnn._internal.display import counted
from minisnn._internal.rng import stream


@dataclass(frozen=True, eq=False)
class Split:
    """Sequences with labels; its views of the arrays are read-only.

    Parameters
    ----------
    x : array (B, T, n_in)
        Input. B may be 0, in a test split that is not needed.
    y : array (B,) of int64
        Labels, 0 .. classes - 1; for `Network.evaluate` also texts that are among the network's `classes`.
    lengths : array (B,) of int64, optional
        How many steps of each sequence exist, 1 .. T; None: all of them.

    Raises
    ------
    TypeError, ValueError
        If x has other axes, or no steps or inputs, the sizes of x, y and lengths differ, x holds no real numbers, or an
        array is masked. Networks check the values.

    Examples
    --------
    >>> split = ms.datasets.Split(np.ones((3, 20, 1)), np.array([0, 1, 1]), lengths=np.array([20, 12, 7]))
    >>> len(split)
    3
    >>> len(ms.Network([1, 8, 2]).evaluate(split).firing_rates)  # one hidden layer
    1
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None

    def __post_init__(self):
        x = validate.real(self.x, "x")
        if x.ndim != 3 or 0 in x.shape[1:]:
            raise ValueError(f"x must have the axes (B, T, n_in), with steps and inputs; got shape {x.shape}")
        for name in ("y", "lengths"):
            validate.unmasked(getattr(self, name), name)
            if getattr(self, name) is not None and np.shape(getattr(self, name)) != (len(x),):
                got = np.shape(getattr(self, name))
                raise ValueError(f"{name} must have one entry per sequence, shape ({len(x)},), got shape {got}")
        for name in ("x", "y", "lengths"):
            if getattr(self, name) is not None:
                view = (x if name == "x" else np.asarray(getattr(self, name))).view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        sizes = ", ".join(counted(n, thing) for n, thing in zip(self.x.shape, ("sequence", "step", "input")))
        return f"Split({sizes}, {self.x.dtype}{'' if self.lengths is None else ', lengths'})"


if TYPE_CHECKING:
    from typing_extensions import TypeVar  # type checkers know it; `typing` has the default from Python 3.13 on

    Batches = Iterable[Any] | Callable[[int], Iterable[Any]]
    Train = TypeVar("Train", bound=Split | Batches, default=Split | Batches, covariant=True)
else:
    from typing import TypeVar

    Train = TypeVar("Train")


@dataclass(frozen=True, eq=False)
class Dataset(Generic[Train]):
    """A data set for `fit`: three splits, the number of classes, and a record.

    Parameters
    ----------
    train : Split, iterable or callable
        For data made on the fly or larger than memory: an iterable of batches, each a `Split` or (x, y) or
        (x, y, lengths), or a function of the epoch (0, 1, ...) that returns one. A run that is to be resumed needs the
        same batches in the same epoch, which can't be checked: let `record` say how they are made.
    validation, test : Split
    n_classes : int
        At least 2.
    record : dict
        All that is needed to make the same data set again, as plain JSON; numbers and arrays of NumPy will do. A
        checkpoint must agree on it, and on the arrays of the splits.
    classes : sequence of str, int or bool, optional
        Names of the classes, kept as an array; `fit` gives them to the network. None: 0 .. n_classes - 1.

    Raises
    ------
    TypeError, ValueError
        If `train` is something else, or can be iterated over only once; if `validation` or `test` is not a `Split`; if
        `classes` are not `n_classes` different names, or of several kinds.

    Examples
    --------
    >>> def draw(n, rng):
    ...     y = rng.integers(0, 2, n)
    ...     return ms.datasets.Split(y[:, np.newaxis, np.newaxis] + rng.standard_normal((n, 20, 1)), y)
    >>> def train(epoch):
    ...     return (draw(16, np.random.default_rng([epoch, number])) for number in range(3))
    >>> data = ms.datasets.Dataset(train, draw(8, np.random.default_rng(1)), draw(8, np.random.default_rng(2)), 2)
    >>> history = ms.fit(ms.Network([1, 8, 2]), data, epochs=1, progress=False)
    """

    train: Train
    validation: Split
    test: Split
    n_classes: int
    record: dict = field(default_factory=dict)
    classes: Any = None

    def __post_init__(self):
        for name in ("validation", "test"):
            if not isinstance(getattr(self, name), Split):
                raise TypeError(f"{name} must be a Split(x, y), got {type(getattr(self, name)).__name__}")
        if isinstance(self.train, Iterator):
            raise TypeError(
                "train is an iterator, which gives its batches only once; pass a function of the epoch that returns one"
            )
        if not isinstance(self.train, Split | Iterable) and not callable(self.train):
            raise TypeError(f"train must be a Split(x, y), batches or a function, got {type(self.train).__name__}")
        object.__setattr__(self, "n_classes", validate.integer(self.n_classes, "n_classes", 2))
        object.__setattr__(self, "classes", names.checked(self.classes, self.n_classes))

    def __repr__(self) -> str:
        name = str(self.record.get("name", ""))[:20] if isinstance(self.record, dict) else ""
        train = f"{len(self.train):,}" if isinstance(self.train, Split) else type(self.train).__name__
        sizes = f"train {train}, validation {len(self.validation):,}, test {len(self.test):,}"
        return f"Dataset({name}{': ' if name else ''}{sizes}; x (B, T, {self.n_in}), {self.n_classes} classes)"

    @property
    def n_in(self) -> int:
        """Number of inputs per step."""
        return self.validation.x.shape[2]


def fingerprint(**arrays) -> str:
    """Hash arrays, their types and their shapes by SHA-256, a thousand rows at a time; None is left out."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        if array is not None:
            digest.update(f"{name} {array.dtype} {array.shape} ".encode())
            for start in range(0, len(array), 1000):
                digest.update(np.ascontiguousarray(array[start : start + 1000]))
    return digest.hexdigest()


def stratified(labels: np.ndarray, fractions: tuple[float, float], rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the indices of train, validation and test, ascending, with the same share of each class.

    `fractions` are those of validation and test; the rest is for training.
    """
    classes, counts = np.unique(labels, return_counts=True)
    # Rounding the running totals, not each class, gives the parts the size that the fractions ask for.
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
    """Return the order in which pixels are read: row by row, or one random order for all images."""
    return stream(seed, "permutation", n_steps).permutation(n_steps) if permute else np.arange(n_steps)
