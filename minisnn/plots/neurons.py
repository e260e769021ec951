"""Many neurons: their spikes, and how far their potentials are from the threshold; curves."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.core.surrogate import Surrogate
from minisnn.core.tape import Tape
from minisnn.plots._base import _axes, arrays_by_name, colours, grey, label_axes, legend

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


def potential_density(
    distances: ArrayLike | dict[str, ArrayLike], surrogate: Surrogate, ax: Axes | None = None
) -> Axes:
    """Draw the distribution of the distances v - θ of each layer, and where the surrogate lets gradient through.

    The smallest and the largest 0.1 % may lie outside.

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
    label_axes(ax, xlabel, ylabel)
    legend(ax)
    return ax
