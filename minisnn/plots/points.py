"""Points with names."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn.plots._base import _axes, colours, grey, label_axes, pairs_by_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.085  # between two names, as a share of the height of the axes


def named_points(points: dict[str, Any], xlabel: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw one point (x, y) per name, and the names beside the axes in the order of y, each with a line to its point.

    Parameters
    ----------
    points : dict of str to (float, float)
        x and y of each.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If a point is not a pair of numbers, or there is none.

    Examples
    --------
    >>> ax = ms.plots.named_points({"RSNN": (72.0, 54.0), "SRC": (80.0, 58.0)}, "accuracy (%)", "kept (%)")
    >>> [text.get_text() for text in ax.texts]
    ['RSNN', 'SRC']
    """
    pairs = pairs_by_name(points, "points", "x and y")
    ax = _axes(ax)
    for colour, marker, (x, y) in zip(cycle(colours()), cycle("osD^vPX"), pairs.values()):
        ax.plot(x, y, marker, color=colour, markersize=7, markerfacecolor="none", markeredgewidth=1.6)  # hides no other
    ax.margins(0.08)
    low, high = ax.get_ylim()
    by_height = sorted(pairs, key=lambda name: float(pairs[name][1]))
    heights = _spread([(float(pairs[name][1]) - low) / (high - low) for name in by_height])
    for name, height in zip(by_height, heights):
        ax.annotate(
            name, pairs[name], (1.06, height), textcoords="axes fraction", va="center", fontsize="small",
            arrowprops={"arrowstyle": "-", "color": grey(0.6), "linewidth": 0.7},
        )  # fmt: skip
    label_axes(ax, xlabel, ylabel)
    return ax


def _spread(heights: list[float]) -> np.ndarray:
    """Move ascending heights apart until neighbours are GAP apart: up from below, then down from the top."""
    moved = np.array(heights)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + GAP)
    top = max(1.0, GAP * (len(moved) - 1))
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], top - GAP * (len(moved) - 1 - i))
    return moved
