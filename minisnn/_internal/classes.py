"""Classes by name: labels of any kind become numbers, and the names are kept beside them."""

import numpy as np

from minisnn._internal import validate

KINDS = {"b": "bool", "i": "int", "u": "int", "U": "str"}
"""What a label may be, by the kind of dtype that holds it."""


def as_labels(y, name: str = "y") -> np.ndarray:
    """Return labels as an array; TypeError if they are of several kinds, of which NumPy would make texts or numbers."""
    validate.unmasked(y, name)
    y = y if isinstance(y, list | tuple) else np.asarray(y)
    if isinstance(y, list | tuple) or (y.dtype.kind == "O" and y.ndim == 1):
        kinds = [_kind(label) for label in y]
        other = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), None)
        if other is not None and set(kinds) & set(KINDS.values()):
            raise TypeError(
                f"{name} mixes {kinds[0]} and {kinds[other]}: {name}[0] = {y[0]!r}, {name}[{other}] = {y[other]!r}; "
                "labels must be all names, all integers or all bools"
            )
        y = np.array(list(y)) if kinds and kinds[0] in KINDS.values() else np.asarray(y)
    return np.array(y.tolist(), str) if y.dtype.kind == "T" else y  # NumPy's strings of any length


def _kind(label) -> str:
    """Name the kind of a label: bool, int, str, or whatever else it is."""
    if isinstance(label, str):
        return "str"
    if isinstance(label, bool | np.bool_):
        return "bool"
    return "int" if isinstance(label, int | np.integer) else type(label).__name__


def numbered(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (B,) as numbers of int64, and the classes that they count, each once and in ascending order."""
    classes, numbers = np.unique(y, return_inverse=True)
    return numbers.astype(np.int64), classes


def checked(classes, n_classes: int) -> np.ndarray:
    """Return the names of classes as a read-only array, one per class and all different; None: 0 .. n_classes - 1."""
    if classes is None:
        classes = np.arange(n_classes)
    names = as_labels(classes, "classes").copy()
    if names.dtype.kind not in KINDS:
        raise TypeError(f"classes must be names, integers or bools, got dtype {names.dtype}")
    if names.shape != (n_classes,):
        raise ValueError(f"classes must have one name per class, shape ({n_classes},), got shape {names.shape}")
    if len(np.unique(names)) < n_classes:
        once, counts = np.unique(names, return_counts=True)
        raise ValueError(f"classes must differ, got {once[counts > 1][0].item()!r} more than once")
    names.flags.writeable = False
    return names


def are_numbers(classes: np.ndarray) -> bool:
    """Tell whether classes have no names but their numbers, 0 .. n - 1."""
    return classes.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes)))
