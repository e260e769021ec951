"""Statistics: intervals and their coverage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes, colours, grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def intervals(
    names: Sequence[str], groups: Any, xlabel: str, marked: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw means with their intervals: one row per name, in it a dot with a bar for each group; a line marks 0.

    Parameters
    ----------
    names : list of str
        The first is at the top.
    groups : list, or dict of str to list
        One entry per row: an object with `mean` and `half_width` (e.g. `findings.Interval`), or None for no dot; or
        several such lists by name.
    xlabel : str
    marked : float, optional
        Where to draw a dashed line.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> gain = SimpleNamespace(mean=1.5, half_width=0.4)
    >>> ax = ms.plots.intervals(["S-MNIST", "PS-MNIST"], {"SRC": [gain, None]}, "gain (points)")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['S-MNIST', 'PS-MNIST']
    """
    groups = groups if isinstance(groups, dict) else {None: groups}
    if not groups or any(len(rows) != len(names) for rows in groups.values()):
        raise ValueError(f"groups must have one entry for each of the {len(names)} names, or None")
    ax = _axes(ax, height=1.0 + 0.32 * len(names))
    apart = 0.7 / len(groups)
    for place, (colour, marker, (group, rows)) in enumerate(zip(cycle(colours()), cycle("os^D"), groups.items())):
        there = [(row, i) for row, i in enumerate(rows) if i is not None]
        y = [row + apart * (place - (len(groups) - 1) / 2) for row, _ in there]
        means, bars = [i.mean for _, i in there], [i.half_width for _, i in there]
        ax.errorbar(means, y, xerr=bars, fmt=marker, color=colour, markersize=4, linewidth=1.2, label=group)
    ax.axvline(0, color=grey(0.3), linewidth=1)
    if marked is not None:
        ax.axvline(marked, color=grey(0.3), linewidth=1, linestyle="--")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", alpha=0.3)
    return ax


def coverage(intervals: ArrayLike, truth: float, xlabel: str, ax: Axes | None = None) -> Axes:
    """Draw intervals one above the other; those that miss the true value stand out.

    Parameters
    ----------
    intervals : array (n, 2)
        Lower and upper end of each.
    truth : float
        A dashed line.
    xlabel : str
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.coverage([[0.1, 0.4], [0.2, 0.6]], truth=0.5, xlabel="mean").get_ylabel()
    'experiment'
    """
    ax = _axes(ax)
    low, high = np.asarray(intervals, float).T
    places = np.arange(len(low))
    missed = (low > truth) | (high < truth)
    for colour, which, width in ((COLOURS[0], ~missed, 0.8), (COLOURS[1], missed, 1.8)):
        ax.hlines(places[which], low[which], high[which], color=colour, linewidth=width)
    ax.axvline(truth, color=grey(0.3), linestyle="--", linewidth=1)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("experiment")
    return ax
