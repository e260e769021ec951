"""Checks of arguments, done once by public functions, and the messages if one is invalid.

Every message names what was got, what was expected and, where one can guess it, the likely slip. Kernels and the spec
check nothing.
"""

import contextlib
import math
from collections.abc import Sequence

import numpy as np

from minisnn._internal.names import did_you_mean, did_you_mean_kind

DTYPES = ("float32", "float64")
SPAN_MODES = ("soft", "hard")


def integer(value, name: str, minimum: int) -> int:
    """Return `value` as an int that is at least `minimum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def number(value, name: str, low: float, high: float, ends: str = "[]") -> float:
    """Return `value` as a float from low to high; a round bracket of `ends` leaves out that end."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    inside = low <= value <= high and not (ends[0] == "(" and value == low) and not (ends[1] == ")" and value == high)
    if not inside or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number in {ends[0]}{low}, {high}{ends[1]}, got {value}")
    return float(value)


def per_neuron(value, name: str, low: float, high: float, ends: str = "[]") -> float | tuple[float, ...]:
    """Return a number, or a sequence with one number per neuron as a tuple; all of them as in `number`."""
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) and np.ndim(value) > 0:
        if np.ndim(value) != 1 or len(value) == 0:
            raise ValueError(f"{name} must be a number or one number per neuron, got shape {np.shape(value)}")
        return tuple(number(v, f"{name}[{i}]", low, high, ends) for i, v in enumerate(value))
    return number(value, name, low, high, ends)


def choice(value, name: str, choices) -> str:
    """Return `value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        slip = did_you_mean(value, choices)
        if slip and len(choices) > 12:  # a list that nobody reads
            raise ValueError(f"there is no {name} {value!r}{slip}")
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}{slip}")
    return value


def dtype(value) -> str:
    """Return the precision of a network as a word."""
    with contextlib.suppress(TypeError):  # NumPy reads None as float64
        value = value if value is None else str(np.dtype(value))
    return choice(value, "dtype", DTYPES)


def flag(value, name: str) -> bool:
    """Return `value` as a bool if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def held(values, name: str, dtype: str) -> None:
    """Check that numbers, where they are not 0, are neither infinite nor denormal in `dtype`."""
    limits, values = np.finfo(dtype), np.ravel(np.asarray(values, np.float64))
    sizes = np.abs(values)
    wrong = values[(sizes != 0) & ((sizes < float(limits.tiny)) | (sizes > float(limits.max)))]
    if wrong.size:
        where = f"{limits.tiny:.3g} .. {limits.max:.3g}"
        raise ValueError(f"{name} must lie in {where}, as {dtype} holds it, got {wrong[0]}")


def temperature(value, name: str, dtype: str) -> float:
    """Return `value` as a float that is above 0, and held by `dtype`."""
    value = number(value, name, 0.0, np.inf, "()")
    held(value, name, dtype)
    return value


def unmasked(x, name: str) -> None:
    """Raise TypeError for a masked array: NumPy would take what is masked for what it is not."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first, e.g. with {name}.filled(0)")


def real(x, name: str) -> np.ndarray:
    """Return `x` as a bool, integer or float array of any shape; the dtype is kept."""
    if hasattr(x, "x") and hasattr(x, "y"):
        raise TypeError(f"{name} must be an array, got a {type(x).__name__}: pass its x, and its lengths as lengths=")
    if hasattr(x, "train"):
        raise TypeError(f"{name} must be an array, got a {type(x).__name__}; did you mean data.train.x?")
    ragged = "are the sequences of different length? Pad them with zeros, and pass their lengths as lengths="
    unmasked(x, name)
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} can't be made an array: {error}; {ragged}") from error
    if array.dtype.kind not in "biuf":
        slip = f"; {ragged}" if array.dtype.kind == "O" else ""
        raise TypeError(f"{name} must hold real numbers (bool, integer or float), got dtype {array.dtype}{slip}")
    return array


def finite(array: np.ndarray, name: str, dtype: str, lengths=None) -> np.ndarray:
    """Return a real array whose values are finite, also in products of two of them in `dtype`.

    With `lengths` (B,), what lies after the end of a sequence in (B, T, n) may be anything; if it is not finite, a copy
    with zeros there comes back.
    """
    limit = math.sqrt(np.finfo(dtype).max)
    if array.dtype.kind != "f" or all(_within(part, limit).all() for part in _parts(array)):
        return array
    if lengths is not None:
        after = np.arange(array.shape[1]) >= lengths[:, np.newaxis]
        array = array.copy()
        array[after] = 0
    bad = np.argwhere(~_within(array, limit))
    if not len(bad):
        return array
    first = tuple(map(int, bad[0]))
    if not np.isfinite(array[first]):
        slip = "" if lengths is None else f" (lengths[{first[0]}] = {lengths[first[0]]})"
        raise ValueError(f"{name} holds {len(bad)} values that are NaN or infinite, the first at index {first}{slip}")
    raise ValueError(
        f"{name} holds {len(bad)} values beyond ±{limit:.3g}, the first at index {first}: {array[first]:.3g}; "
        f"products of such numbers are more than {dtype} can hold; scale {name}"
    )


def _parts(array: np.ndarray):
    """Cut an array along its first axis into parts of about a million values, to look at one at a time."""
    array = np.atleast_1d(array)
    rows = max(1, 2**20 * len(array) // max(1, array.size))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def _within(array: np.ndarray, limit: float) -> np.ndarray:
    """Tell of each value whether it is a number within ± limit."""
    with np.errstate(all="ignore"):
        return np.abs(array) <= min(limit, float(np.finfo(array.dtype).max))


def cast(value, name: str, dtype) -> np.ndarray:
    """Return `value` in `dtype`; what was finite must stay so."""
    with np.errstate(all="ignore"):
        result = np.asarray(value, dtype)
    if result.dtype.kind == "f" and not np.isfinite(result).all():
        lost = np.argwhere(~np.isfinite(result) & np.isfinite(np.asarray(value)))
        if len(lost):
            first = tuple(map(int, lost[0]))
            got = np.asarray(value)[first]
            raise ValueError(f"{name} must fit into {result.dtype}, got {got:.3g} at index {first}")
    return result


def axes(x, n_in: int) -> np.ndarray:
    """Return a batch of input sequences as a real array with the axes (B, T, n_in), none of them empty."""
    x = real(x, "x")
    if x.ndim != 3:
        slip = ""
        if x.ndim == 2 and n_in == 1:
            slip = "; for one number per step, write x[:, :, np.newaxis]"
        elif x.ndim == 2 and x.shape[1] == n_in:
            slip = "; for a batch of one sequence, write x[np.newaxis]"
        raise ValueError(f"x must have the axes (B, T, n_in), here (B, T, {n_in}), got shape {x.shape}{slip}")
    if 0 in x.shape[:2]:
        what = "sequences" if x.shape[0] == 0 else "time steps"
        raise ValueError(f"x has no {what}: shape {x.shape}, expected (B, T, n_in) with B, T >= 1")
    if x.shape[2] != n_in:
        slip = ""
        if n_in in x.shape[:2]:
            slip = f"; are the axes swapped? Axis {x.shape.index(n_in)} has size {n_in}, the order is (B, T, n_in)"
        raise ValueError(f"x must have {n_in} inputs on its last axis, got shape {x.shape}{slip}")
    return x


def sequences(x, n_in: int, dtype: str = "float64", lengths=None) -> np.ndarray:
    """Return a batch of input sequences, (B, T, n_in), finite in `dtype` up to the end of each; see `finite`."""
    x = axes(x, n_in)
    return finite(x, "x", dtype, None if lengths is None else _lengths(lengths, *x.shape[:2]))


def labels(y, n_sequences: int, n_classes: int, names: np.ndarray | None = None) -> np.ndarray:
    """Return class labels, (B,) of int64 in 0 .. n_classes - 1; texts are looked up among the classes' names."""
    unmasked(y, "y")
    y = np.asarray(y)
    if y.ndim == 1 and len(y) > 0 and names is not None and names.dtype.kind == "U" and _are_texts(y):
        y = _numbers(y, names)
    if y.dtype.kind not in "biu":
        raise TypeError(f"y must hold integer class labels, got dtype {y.dtype}{_slip_of_labels(y)}")
    if y.shape != (n_sequences,):
        slip = "; for one-hot rows take y.argmax(axis=1)" if y.ndim == 2 and y.shape[1] == n_classes else ""
        raise ValueError(f"y must have one label per sequence, shape ({n_sequences},), got shape {y.shape}{slip}")
    outside = np.flatnonzero((y < 0) | (y >= n_classes))
    if outside.size:
        i = int(outside[0])
        slip = "; do the labels start at 1? Then write y - 1" if y.min() == 1 and y.max() == n_classes else ""
        if names is not None and names.dtype.kind in "iu" and np.isin(y, names).all() and (np.diff(names) > 0).all():
            slip = "; if these are the classes' names, write np.searchsorted(net.classes, y)"
        raise ValueError(f"y must lie in 0 .. {n_classes - 1}, got y[{i}] = {y[i]}{slip}")
    return y.astype(np.int64)


def _are_texts(y: np.ndarray) -> bool:
    """Check that an array holds texts; pandas makes arrays of objects of them."""
    return y.dtype.kind == "U" or (y.dtype.kind == "O" and all(isinstance(name, str) for name in y))


def _numbers(y: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the numbers of classes that are given by their names."""
    numbers = {name: number for number, name in enumerate(names.tolist())}
    unknown = next((name for name in y.tolist() if name not in numbers), None)
    if unknown is not None:
        raise ValueError(f"y holds {unknown!r}, the network's classes are {', '.join(map(repr, numbers))}")
    return np.array([numbers[name] for name in y.tolist()], np.int64)


def _slip_of_labels(y: np.ndarray) -> str:
    """Say what to do with targets that are no integers: names, one-hot rows, whole numbers, real numbers."""
    if y.dtype.kind in "OUS":
        return "; number the classes: names, y = np.unique(y, return_inverse=True)"
    if y.dtype.kind != "f":
        return ""
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return "; for one-hot rows take y.argmax(axis=1)"
    if y.ndim == 1 and (y == np.round(y)).all():
        return "; if these whole numbers are classes, write y.astype(int)"
    return "; there is no regression here, only classes: cut the range of y into some, e.g. np.digitize(y, edges)"


def lengths(lengths, n_sequences: int, n_steps: int) -> np.ndarray:
    """Return the number of steps of each sequence, (B,) of int64 in 1 .. T; None stands for T."""
    if lengths is None:
        return np.full(n_sequences, n_steps, np.int64)
    unmasked(lengths, "lengths")
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must hold integers, got dtype {lengths.dtype}")
    if lengths.shape != (n_sequences,):
        raise ValueError(
            f"lengths must have one number per sequence, shape ({n_sequences},), got shape {lengths.shape}"
        )
    outside = np.flatnonzero((lengths < 1) | (lengths > n_steps))
    if outside.size:
        i = int(outside[0])
        raise ValueError(f"lengths must lie in 1 .. {n_steps}, the steps of x, got lengths[{i}] = {lengths[i]}")
    return lengths.astype(np.int64)


_lengths = lengths  # for functions with an argument of that name


def masks(masks, n_sequences: int, sizes: Sequence[int], dtype: str = "float64") -> list[np.ndarray] | None:
    """Return dropout masks, one (B, N) array per layer, finite in `dtype`; None stands for no dropout."""
    if masks is None:
        return None
    if not np.iterable(masks):
        raise TypeError(f"masks must be a list with one array per hidden layer, got {masks!r}")
    masks = list(masks)
    if len(masks) != len(sizes):
        raise ValueError(f"masks must be one array per hidden layer, expected {len(sizes)}, got {len(masks)}")
    for i, (mask, n) in enumerate(zip(masks, sizes)):
        masks[i] = real(mask, f"masks[{i}]")
        if masks[i].shape != (n_sequences, n):
            raise ValueError(f"masks[{i}] must have the shape (B, N) = ({n_sequences}, {n}), got {masks[i].shape}")
        masks[i] = finite(masks[i], f"masks[{i}]", dtype)
    return masks


def cut(hops, truncate) -> tuple[bool, int | None]:
    """Return what a gradient leaves out: whether errors pass through W_rec, after how many steps they stop."""
    return flag(hops, "hops"), None if truncate is None else integer(truncate, "truncate", 1)


def penalty(rate_penalty, target_rate, dtype: str) -> tuple[float, float]:
    """Return the strength of a firing-rate penalty, and the target: spikes per neuron and step."""
    strength, rate = number(rate_penalty, "rate_penalty", 0.0, np.inf), number(target_rate, "target_rate", 0.0, 1.0)
    held((strength, rate), "rate_penalty and target_rate", dtype)
    return strength, rate


def sizes(sizes) -> list[int]:
    """Return sizes as a list: inputs, hidden layers, classes."""
    try:
        sizes = list(sizes)
    except TypeError:
        raise TypeError(f"sizes must be a list, e.g. [1, 64, 10], got {sizes!r}") from None
    if len(sizes) < 3:
        raise ValueError(f"sizes must be inputs, at least one hidden layer, classes, e.g. [1, 64, 10]; got {sizes}")
    sizes = [integer(n, f"sizes[{i}]", 1) for i, n in enumerate(sizes)]
    if sizes[-1] < 2:
        raise ValueError(f"a readout needs at least 2 classes, got sizes[-1] = {sizes[-1]}")
    return sizes


def per_layer(value, n_layers: int, kinds, name: str) -> list:
    """Return one value per layer, from one value for all or from a list with one per layer."""
    values = list(value) if isinstance(value, list | tuple) else [value] * n_layers
    if len(values) != n_layers:
        raise ValueError(f"{name} has {len(values)} entries, expected one for each of the {n_layers} hidden layers")
    for v in values:
        if type(v) not in kinds:
            slip = "; a class of your own can't be saved" if isinstance(v, kinds) else did_you_mean_kind(v, kinds)
            raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in kinds)}, got {v!r}{slip}")
    return values


def neurons_fit(neurons: list, sizes: Sequence[int], dtype: str) -> None:
    """Check that values per neuron, e.g. decays, are as many as their layer has neurons, and held by `dtype`."""
    for i, (neuron, n) in enumerate(zip(neurons, sizes)):
        for name, value in vars(neuron).items():
            if isinstance(value, tuple) and len(value) != n:
                raise ValueError(f"{name} of layer {i} has {len(value)} values, the layer has {n} neurons")
            if name in ("threshold", "adaptation_strength"):  # the others lie below 1, and may be as small as they like
                held(value, f"{name} of layer {i}", dtype)


def slope(surrogate, u) -> np.ndarray:
    """Return σ′(u) by a user's own derivative: finite real numbers in shape and dtype of u."""
    result, name = np.asarray(surrogate.derivative(u)), surrogate.name
    if result.shape != u.shape:
        raise ValueError(f"the derivative of surrogate {name!r} must keep the shape {u.shape}, got {result.shape}")
    with np.errstate(over="ignore"):
        held_there = result.dtype.kind in "biuf" and np.isfinite(result.astype(u.dtype)).all()
    if not held_there:
        raise ValueError(
            f"the derivative of surrogate {name!r} must give finite real numbers; "
            f"got dtype {result.dtype} for u between {u.min():.3g} and {u.max():.3g}"
        )
    return result
