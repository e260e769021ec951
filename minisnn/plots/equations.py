"""Numbers over time as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
