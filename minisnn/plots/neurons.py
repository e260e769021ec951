"""Neurons: potentials, spikes and firing rates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.core.surrogate import Surrogate
from minisnn.core.tape import Tape
from minisnn.plots._base import _axes, arrays_by_name, colours, grey, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def spikes(tape: Tape, sequence: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the spikes of one recorded sequence in all layers, one row per neuron, the first layer at the bottom.

    Parameters
    ----------
    tape : Tape
        From `Network.record`.
    sequence : int
        Its index in the batch.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If `tape` is no Tape, or has no such sequence.

    Examples
    --------
    >>> tape = ms.Network([1, 8, 4, 2]).record(np.ones((3, 20, 1)))
    >>> len(ms.plots.spikes(tape, sequence=2).get_yticks())  # layers
    2
    """
    if not isinstance(tape, Tape):
        raise TypeError(f"tape must be a Tape, as Network.record returns it, got {type(tape).__name__}")
    if not 0 <= sequence < len(tape.x):
        raise ValueError(f"sequence must be one of 0 .. {len(tape.x) - 1}, got {sequence}")
    ax = _axes(ax, height=4.5)
    offset, ticks, names = 0, [], []
    height, width = _mark(ax, sum(layer.s.shape[2] for layer in tape.layers), tape.lengths[sequence])
    for i, (layer, colour) in enumerate(zip(tape.layers, cycle(colours()))):
        s = layer.s[sequence, : tape.lengths[sequence]]
        t, n = np.nonzero(s)
        ax.scatter(t, n + offset, s=height**2, marker="|", linewidths=width, color=colour)
        ticks.append(offset + s.shape[1] / 2)
        names.append(f"layer {i}\n{s.shape[1]} neurons\n{s.mean():.1%} firing")
        offset += s.shape[1]
        ax.axhline(offset - 0.5, color=grey(0.8), linewidth=0.5)
    ax.set_xlim(-1, tape.lengths[sequence])
    ax.set_ylim(-0.5, offset - 0.5)
    ax.set_yticks(ticks, names)
    ax.set_xlabel("time (steps)")
    return ax


def _mark(ax: Axes, neurons: int, steps: int) -> tuple[float, float]:
    """Return height and width of a mark in points: most of its row and column, but large enough to be seen."""
    box = ax.get_window_extent()
    height, width = box.height * 72 / ax.figure.dpi, box.width * 72 / ax.figure.dpi
    return min(max(0.8 * height / neurons, 2.0), 12.0), min(max(0.6 * width / steps, 0.6), 1.6)


def potentials(
    v: ArrayLike, v_reset: ArrayLike | None = None, threshold: float | None = None,
    names: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the potential of neurons over time: from v[t] down to v⁺[t] where a spike resets it, and on to v[t+1].

    Parameters
    ----------
    v, v_reset : array (T, N) or (T,)
        Before and after the reset, one column per neuron, or one neuron. Without v_reset no reset is drawn.
    threshold : float, optional
        θ of all neurons: a dashed line, with a dot at each v[t] that reaches it, a spike.
    names : list of str, optional
        One per neuron, for the legend.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If an array has other axes, or there are not as many names as neurons.

    Examples
    --------
    >>> layer = ms.Network([1, 8, 2]).record(np.ones((1, 20, 1))).layers[0]
    >>> ax = ms.plots.potentials(layer.v[0], layer.v_reset[0], threshold=1.0)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (steps)', 'potential v')
    """
    v, v_reset = _columns(v, "v"), _columns(v if v_reset is None else v_reset, "v_reset")
    names = [names] if isinstance(names, str) else names
    if v.shape != v_reset.shape:
        raise ValueError(f"v and v_reset must have one shape, got {v.shape} and {v_reset.shape}")
    if names is not None and len(names) != v.shape[1]:
        raise ValueError(f"names must be one for each of the {v.shape[1]} neurons, got {len(names)}")
    ax = _axes(ax)
    steps = np.arange(len(v))
    for i, colour in zip(range(v.shape[1]), cycle(colours())):
        path = np.column_stack([v[:, i], v_reset[:, i]]).ravel()  # v[0], v⁺[0], v[1], v⁺[1], ...
        ax.plot(np.repeat(steps, 2), path, color=colour, linewidth=1.2, label=names[i] if names else None)
        if threshold is not None:
            fires = v[:, i] >= threshold
            ax.plot(steps[fires], v[fires, i], "o", color=colour, markersize=4)
    if threshold is not None:
        ax.axhline(threshold, color=grey(0.5), linestyle="--", linewidth=1)
        beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate("θ", (1, threshold), xycoords=("axes fraction", "data"), **beside)
    ax.set_xlabel("time (steps)")
    ax.set_ylabel("potential v")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    legend(ax)
    return ax


def _columns(values, name: str) -> np.ndarray:
    """Return potentials as an array (T, N)."""
    values = np.asarray(values)
    values = values[:, np.newaxis] if values.ndim == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        slip = f"; for the first sequence of a batch, write {name}[0]" if values.ndim == 3 else ""
        raise ValueError(f"{name} must be an array (T, N) or (T,), got shape {values.shape}{slip}")
    return values


def firing_rates(currents: ArrayLike, rates: ArrayLike | dict[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw firing rate against constant input current (the f-I curve), one line per neuron.

    Parameters
    ----------
    currents : array (n,)
    rates : array (n,), or dict of str to array (n,)
        Spikes per step, of one neuron or of several by name.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.firing_rates([0.2, 0.6, 1.0], {"β = 0.5": [0, 0.3, 1]}).get_ylabel()
    'firing rate (spikes per step)'
    """
    lines = arrays_by_name(rates, "rates", "(n,)").items()
    ax = _axes(ax)
    for colour, (name, rate) in zip(cycle(colours()), lines):
        ax.plot(currents, rate, color=colour, linewidth=1.5, label=name)
    ax.set_xlabel("constant current I (potential per step)")
    ax.set_ylabel("firing rate (spikes per step)")
    ax.grid(alpha=0.3)
    legend(ax)
    return ax


def potential_density(
    distances: ArrayLike | dict[str, ArrayLike], surrogate: Surrogate, ax: Axes | None = None
) -> Axes:
    """Draw the distribution of the distances v - θ of each layer, and where the surrogate lets gradient through.

    Parameters
    ----------
    distances : array, or dict of str to array
        v - θ, of any shape: an outline each.
    surrogate : surrogate
        Its derivative σ′ is the grey area, on the right axis.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> tape = ms.Network([1, 8, 2]).record(np.ones((3, 20, 1)))
    >>> ms.plots.potential_density({"layer 0": tape.layers[0].v - 1.0}, ms.Sigmoid()).get_xlabel()
    'distance from the threshold, v - θ'
    """
    distances = arrays_by_name(distances, "distances", "of numbers", ndim=None)
    ax = _axes(ax)
    ends = [np.quantile(u, q) for u in distances.values() for q in (0.001, 0.999)]
    low, high = min(*ends, -1.2 * surrogate.width), max(*ends, 1.2 * surrogate.width)
    bins = np.linspace(low, high, 81)
    for colour, (name, u) in zip(cycle(colours()), distances.items()):
        weights = np.full(u.size, 100 / u.size)
        ax.hist(u.ravel(), bins, weights=weights, histtype="step", color=colour, linewidth=1.6, label=name)
    ax.axvline(0, color=grey(0.3), linestyle="--", linewidth=1)
    ax.set_xlabel("distance from the threshold, v - θ")
    ax.set_ylabel("share of all v[t] (% per bin)")
    legend(ax, loc="upper right")
    right = ax.twinx()
    grid = np.linspace(low, high, 801)
    right.fill_between(grid, surrogate.derivative(grid), color="0.5", alpha=0.25, linewidth=0)
    right.set_ylim(bottom=0)
    right.set_ylabel("surrogate derivative σ′")
    return ax


def curves(
    x: ArrayLike, values: ArrayLike | dict[str, ArrayLike], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Draw several curves over one x.

    Parameters
    ----------
    x : array (n,)
    values : array (n,), or dict of str to array (n,)
        One line, or several by name.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> u = np.linspace(-2, 2, 9)
    >>> ms.plots.curves(u, {"triangle": ms.Triangle().derivative(u)}, "v - θ", "σ′").get_ylabel()
    'σ′'
    """
    lines = arrays_by_name(values, "values", "(n,)").items()
    ax = _axes(ax)
    for colour, line, (name, y) in zip(cycle(colours()), cycle(("-", "--", "-.", ":")), lines):
        ax.plot(x, y, line, color=colour, linewidth=1.6, label=name)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.3)
    legend(ax)
    return ax
