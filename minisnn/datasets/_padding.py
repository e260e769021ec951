"""Sequences of different length in one array."""

from collections.abc import Iterable

import numpy as np

from minisnn._internal import validate
from minisnn._internal.types import ArrayLike


def pad(sequences: Iterable[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """Put sequences of different length into one array, with zeros after the end of each.

    Parameters
    ----------
    sequences : list of array (T_b, n_in)
        At least one; all with the same number of inputs, none of them empty.

    Returns
    -------
    x : array (B, T, n_in)
        T is the length of the longest; the dtype is one that holds all of them.
    lengths : array (B,) of int64
        How many steps of each exist: what `from_arrays`, `Split` and networks take as `lengths`.

    Raises
    ------
    TypeError, ValueError
        If there is no sequence, or one is not numeric, is empty, or has other axes or another number of inputs.

    Examples
    --------
    >>> x, lengths = ms.datasets.pad([np.ones((5, 2)), np.ones((3, 2))])
    >>> x.shape, lengths.tolist()
    ((2, 5, 2), [5, 3])
    >>> x[1, :, 0].tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """
    return padded(sequences, "sequences")


def padded(sequences: Iterable[ArrayLike], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Do what `pad` does; errors call the list by this name."""
    arrays = [_checked(sequence, f"{name}[{i}]") for i, sequence in enumerate(sequences)]
    if not arrays:
        raise ValueError("there are no sequences to pad: got an empty list, expected arrays (T_b, n_in)")
    n_in = arrays[0].shape[1]
    for i, array in enumerate(arrays):
        if array.shape[1] != n_in:
            slip = "; are the axes swapped? The order is (T_b, n_in)" if array.shape[0] == arrays[0].shape[0] else ""
            raise ValueError(f"{name}[{i}] has {array.shape[1]} inputs, {name}[0] has {n_in}{slip}")
    lengths = np.array([len(array) for array in arrays], np.int64)
    x = np.zeros((len(arrays), lengths.max(), n_in), np.result_type(*{array.dtype for array in arrays}))
    for row, array in zip(x, arrays):
        row[: len(array)] = array
    return x, lengths


def _checked(sequence, name: str) -> np.ndarray:
    """Check one sequence."""
    array = validate.real(sequence, name)
    if array.ndim != 2:
        slip = "; for one number per step, write sequence[:, np.newaxis]" if array.ndim == 1 else ""
        raise ValueError(f"{name} must have the axes (T_b, n_in), got shape {array.shape}{slip}")
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: shape {array.shape}, expected (T_b, n_in) with T_b, n_in >= 1")
    return array
