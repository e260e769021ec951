"""Equations as pictures: the graph of one neuron over time, and numbers over time as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes, grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def unrolled(steps: int = 3, recurrent: bool = False, backward: bool = False, ax: Axes | None = None) -> Axes:
    """Draw one neuron unrolled over time as a graph: what each of v[t], s[t], v⁺[t] (and z[t]) goes into.

    Parameters
    ----------
    steps : int
        How many to draw.
    recurrent : bool
        Whether to draw z[t], which goes into the next step.
    backward : bool
        Whether to draw the backward pass instead: the gradient that each node collects, with the local derivative on
        every arrow.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> len(ms.plots.unrolled(steps=4, backward=True).get_xticks())
    4
    """
    ax = _axes(ax, width=10.0, height=3.2)
    names = ("δ", "∂L/∂s", "c", "q") if backward else ("v", "s", "v⁺", "z")
    places = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.0), (0.5, 1.0))
    edges = [(0, 1, 0, "σ′"), (0, 2, 0, "1 − h s"), (1, 2, 0, "−(a θ + h v)"), (2, 0, 1, "β")]
    edges += [(3, 0, 1, "1"), (1, 3, 0, "$W_{rec}$")] if recurrent else []
    shown = range(4 if recurrent else 3)
    for t in range(steps):
        _arrow(ax, (t, 1.0), (t, 2.05), backward, COLOURS[2], "e")
        ax.annotate("above", (t, 1.8), ha="center", va="bottom", fontsize="small", color=COLOURS[2])
        if not backward:
            _arrow(ax, (t, -0.95), (t, 0.0), False, grey(0.4), "")
            ax.annotate(f"I[{t}]", (t, -0.75), ha="center", va="top", fontsize="small", color=grey(0.4))
        for a, b, later, label in edges:
            if t + later < steps:
                start, end = ((t + dt + places[i][0], places[i][1]) for i, dt in ((a, 0), (b, later)))
                _arrow(ax, start, end, backward, COLOURS[1 if backward else 0], label)
        for i in shown:
            at = t + places[i][0], places[i][1]
            ax.scatter(*at, s=1300, color=[ax.get_facecolor()], edgecolors=[grey(0.3)], zorder=2)
            ax.annotate(f"{names[i]}[{t}]", at, ha="center", va="center", fontsize=8 if len(names[i]) > 2 else 10)
    ax.set_xlim(-0.4, steps - 0.1)
    ax.set_ylim(-0.45 if backward else -1.1, 2.15)
    ax.set_xticks(range(steps))
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.set_xlabel("time t (steps)")
    return ax


def _arrow(ax, start, end, backward: bool, colour, label: str):
    """Draw an arrow between two nodes of `unrolled`; backwards, it points the other way and carries its label."""
    tail, head = (end, start) if backward else (start, end)
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 18, "shrinkB": 18, "linewidth": 1.4}
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    if backward and label:
        at = [(p + q) / 2 for p, q in zip(start, end)]
        box = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.8}
        ax.annotate(label, at, ha="center", va="center", fontsize=8, color=colour, bbox=box, zorder=3)


def signed_grid(values: ArrayLike, rows: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw numbers over time as a table, one column per step; the larger a number, the stronger its colour.

    Parameters
    ----------
    values : array (len(rows), T), or (T,) for one row
        Positive numbers are blue, negative ones orange.
    rows : list of str, or str
        Names of the rows, from the top.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are more or fewer names than rows.

    Examples
    --------
    >>> ax = ms.plots.signed_grid([[0.5, -0.2], [0.0, 1.0]], ["q", "δ"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['q', 'δ']
    """
    from matplotlib.colors import to_rgba

    values, rows = np.atleast_2d(np.asarray(values, float)), [rows] if isinstance(rows, str) else rows
    if values.ndim != 2 or len(values) != len(rows):
        raise ValueError(f"values must have the shape (rows, T) with {len(rows)} rows, got {values.shape}")
    ax = _axes(ax, width=1.1 * values.shape[1] + 1.4, height=0.55 * len(values) + 0.8)
    cells = np.array([[to_rgba(COLOURS[0] if v >= 0 else COLOURS[1]) for v in row] for row in values])
    largest = np.abs(values).max(initial=0.0)
    cells[..., 3] = 0.75 * (np.abs(values) / largest if largest > 0 else 0.0)
    ax.imshow(cells, aspect="auto", interpolation="nearest")
    for (row, t), value in np.ndenumerate(values):
        ax.annotate(f"{value:.3g}" if value else "0", (t, row), ha="center", va="center", fontsize="small")
    ax.set_xticks(range(values.shape[1]))
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel("time t (steps)")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax
