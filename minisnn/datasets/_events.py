"""Events, that is spikes with a time and a unit, as arrays of counts per step; and back."""

import numpy as np

from minisnn._internal import validate
from minisnn._internal.types import ArrayLike, DTypeLike


def events_to_array(
    times: ArrayLike,
    units: ArrayLike,
    n_steps: int,
    max_time: float,
    n_units: int,
    channels: int | None = None,
    dtype: DTypeLike = "float32",
) -> np.ndarray:
    """Count the events of one recording in equal steps of time and in groups of neighbouring units.

    Step t counts the events from t * max_time / n_steps on, up to (t + 1) * max_time / n_steps. Their order does not
    matter, and there may be none. An event at `max_time` or later is an error, never dropped in silence: raise
    `max_time`, or choose with `keep = times < max_time`.

    Parameters
    ----------
    times : array (events,)
        When they happened, in any unit of time: at least 0, below `max_time`.
    units : array (events,) of int
        Where, 0 .. n_units - 1.
    n_steps : int
        T, at least 1.
    max_time : float
        The end of the last step, above 0, in the unit of `times`.
    n_units : int
        At least 1.
    channels : int, optional
        Divides `n_units`: n_units / channels neighbouring units make a channel. None: one channel per unit.
    dtype : str
        Of the counts; if one does not fit, that is an error. A data set in uint8 takes a quarter of the memory.

    Returns
    -------
    array (T, channels)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> times, units = [0.05, 0.31, 0.36, 0.38], [3, 0, 0, 1]
    >>> ms.datasets.events_to_array(times, units, n_steps=4, max_time=0.4, n_units=4, channels=2, dtype="uint8")
    array([[0, 1],
           [0, 0],
           [0, 0],
           [3, 0]], dtype=uint8)

    Many recordings make a data set:

    >>> recordings = [(times, units), ([0.2], [2])]
    >>> x = np.stack([ms.datasets.events_to_array(t, u, 4, max_time=0.4, n_units=4) for t, u in recordings])
    >>> x.shape
    (2, 4, 4)
    """
    n_steps, n_units = validate.integer(n_steps, "n_steps", 1), validate.integer(n_units, "n_units", 1)
    max_time = validate.number(max_time, "max_time", 0.0, np.inf, "()")
    channels = checked_channels(channels, n_units)
    times, units = _checked_events(times, units, n_units, max_time)
    starts = np.arange(n_steps) * max_time / n_steps  # compared, since quotients round
    step = np.searchsorted(starts, times, side="right") - 1
    cells = step * channels + units.astype(np.int64) // (n_units // channels)
    counts = np.bincount(cells, minlength=n_steps * channels).reshape(n_steps, channels)
    most = _largest(np.dtype(dtype))
    if counts.max() > most:
        t, c = np.unravel_index(counts.argmax(), counts.shape)
        raise ValueError(
            f"step {t}, channel {c} has {counts.max()} events, more than {np.dtype(dtype)} can hold; take more "
            "steps or channels, or another dtype of events_to_array"
        )
    return counts.astype(dtype)


def array_to_events(counts: ArrayLike, max_time: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn counts per step and channel into events, in order of time: what `events_to_array` counts again.

    All events of a step lie in its middle, for where they were within it is lost.

    Parameters
    ----------
    counts : array (T, channels)
        Whole numbers, at least 0: how many events there are.
    max_time : float
        The end of the last step, above 0, in any unit of time.

    Returns
    -------
    times : array (events,) of float64
    units : array (events,) of int64
        Their channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> times, units = ms.datasets.array_to_events([[0, 2], [0, 0], [1, 0]], max_time=0.3)
    >>> times.round(2).tolist(), units.tolist()
    ([0.05, 0.05, 0.25], [1, 1, 0])
    >>> ms.datasets.events_to_array(times, units, n_steps=3, max_time=0.3, n_units=2).tolist()
    [[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]]
    """
    counts = validate.real(counts, "counts")
    max_time = validate.number(max_time, "max_time", 0.0, np.inf, "()")
    if counts.ndim != 2:
        slip = "; turn the recordings of a batch into events one by one" if counts.ndim == 3 else ""
        raise ValueError(f"counts must have the axes (T, channels), got shape {counts.shape}{slip}")
    if len(counts) == 0:
        raise ValueError(f"counts has no time steps: shape {counts.shape}")
    wrong = np.argwhere(~(counts == np.floor(counts)) | (counts < 0) | ~np.isfinite(counts))
    if len(wrong):
        t, c = wrong[0]
        raise ValueError(f"counts must be whole numbers, at least 0, got counts[{t}, {c}] = {counts[t, c]}")
    step, units = np.nonzero(counts)
    n = counts[step, units].astype(np.int64)
    times = (step + 0.5) * (max_time / len(counts))
    return np.repeat(times, n), np.repeat(units, n)


def _largest(dtype: np.dtype) -> int:
    """Return up to where a dtype holds all whole numbers."""
    if dtype.kind not in "biuf":
        raise TypeError(f"dtype must be one of real numbers, e.g. float32 or uint8, got {dtype}")
    if dtype.kind == "f":
        return 2 ** (np.finfo(dtype).nmant + 1)
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def checked_channels(channels: int | None, n_units: int) -> int:
    """Return the number of channels, which must divide that of units."""
    if channels is None:
        return n_units
    channels = validate.integer(channels, "channels", 1)
    if n_units % channels:
        divisors = [n for n in range(1, n_units + 1) if n_units % n == 0]
        near = min(divisors, key=lambda n: abs(n - channels))
        raise ValueError(f"channels must divide the {n_units} units into equal groups, got {channels}; e.g. {near}")
    return channels


def _checked_events(times, units, n_units: int, max_time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return times as float64, and units; each event lies in 0 <= time < max_time and 0 <= unit < n_units."""
    times, units = validate.real(times, "times"), validate.real(units, "units")
    if times.ndim != 1 or times.shape != units.shape:
        raise ValueError(
            f"times and units must be two arrays (events,) of the same length, got {times.shape} and {units.shape}"
        )
    times = times.astype(np.float64)
    if not len(times):
        return times, units
    if units.dtype.kind not in "iu":
        raise TypeError(f"units must hold integers, got dtype {units.dtype}")
    _check_range(~np.isfinite(times), times, "times must be finite numbers")
    _check_range(times < 0, times, "times must be at least 0", "; does time 0 lie later? Then subtract times.min()")
    late = times >= max_time
    slip = "; are the times in another unit?" if late.all() else "; raise max_time, or keep those with times < max_time"
    _check_range(late, times, f"times must be below max_time = {max_time:g}", slip)
    slip = "; do they start at 1?" if units.min() == 1 and units.max() == n_units else ""
    _check_range((units < 0) | (units >= n_units), units, f"units must lie in 0 .. {n_units - 1}", slip)
    return times, units


def _check_range(wrong, values, what: str, slip: str = "") -> None:
    """Raise ValueError with the first of the wrong values, if there are any."""
    if wrong.any():
        i, name = int(wrong.argmax()), what.split()[0]
        more = f" and {wrong.sum() - 1} more" if wrong.sum() > 1 else ""
        raise ValueError(f"{what}, got {name}[{i}] = {values[i]:g}{more}{slip}")
