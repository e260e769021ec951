"""Cures for a vanishing gradient side by side: how far each reaches, what it is good for; and one sum in two orders."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes, arrays_by_name, colours, grey, label_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def gradient_by_lag(
    curves: dict[str, ArrayLike],
    dashed: dict[str, str] | None = None,
    marked: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what is left of several gradients over the lag, on a log axis; names come in the order of what is left.

    Parameters
    ----------
    curves : dict of str to array (lags,)
        By name, relative to lag 0. A curve that becomes 0 ends there with a cross.
    dashed : dict of str to str, optional
        Names of curves to dash, each with the name of the curve whose colour it takes.
    marked : (int, int), optional
        First and last lag of a grey band.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If `dashed` names no curve, or gives one the colour of another dashed one.

    Examples
    --------
    >>> ax = ms.plots.gradient_by_lag({"RSNN": 0.5 ** np.arange(9), "SRC": 0.9 ** np.arange(9)}, marked=(4, 6))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['SRC', 'RSNN']
    """
    groups = arrays_by_name(curves, "curves", "(lags,)")
    dashed = dashed or {}
    solid = dict(zip([name for name in groups if name not in dashed], cycle(colours())))
    unknown = {name for name in dashed if name not in groups} | {name for name in dashed.values() if name not in solid}
    if unknown:
        words = f"dashed must name curves of {', '.join(groups)}, each with one that is not dashed"
        raise ValueError(f"{words}; got {', '.join(sorted(unknown))}")
    ax = _axes(ax, width=7.6)
    if marked is not None:
        ax.axvspan(*marked, color=grey(0.88), linewidth=0)
    lines = {}
    for (name, values), marker in zip(groups.items(), cycle("os^Dv<>P")):
        line, there = "--" if name in dashed else "-", np.flatnonzero(values > 0)
        style: dict[str, Any] = {"color": solid[dashed.get(name, name)], "linewidth": 1.8, "markersize": 5}
        drawn = np.where(values > 0, values, np.nan)[: there.max(initial=-1) + 1]  # with gaps, where it is 0
        (lines[name],) = ax.plot(drawn, linestyle=line, marker=marker, markevery=5, label=name, **style)
        if len(there) and there[-1] < len(values) - 1:
            ax.plot(there[-1:], values[there[-1:]], "x", markeredgewidth=2.5, **style | {"markersize": 11})
    order = sorted(groups, key=lambda name: -groups[name][-1])
    ax.set_yscale("log")
    label_axes(ax, "lag (steps before the step that is read)", "‖∂L/∂v[t]‖, relative to lag 0")
    ax.legend([lines[name] for name in order], order, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def seeds_by_row(
    values: dict[str, ArrayLike], xlabel: str, marked: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the results of several seeds, one row per name: a dot per seed, a bar at their mean.

    Parameters
    ----------
    values : dict of str to array (seeds,)
        The first is at the top.
    xlabel : str
    marked : float, optional
        Where to draw a dashed line, such as what guessing gives.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ax = ms.plots.seeds_by_row({"RSNN": [51, 49], "SRC": [98, 95]}, "test accuracy (%)", marked=50)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['RSNN', 'SRC']
    """
    groups = arrays_by_name(values, "values", "(seeds,)")
    ax = _axes(ax, width=6.4, height=0.9 + 0.3 * len(groups))
    for row, results in enumerate(groups.values()):
        ax.plot(results, np.full(len(results), row), "o", color=COLOURS[0], markersize=6, alpha=0.6, linewidth=0)
        ax.vlines(results.mean(), row - 0.32, row + 0.32, color=COLOURS[1], linewidth=2.5)
    if marked is not None:
        ax.axvline(marked, color=grey(0.4), linestyle="--", linewidth=1)
    ax.set_yticks(range(len(groups)), list(groups))
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", alpha=0.3)
    return ax


def double_sum(terms: ArrayLike, row_name: str, column_name: str, ax: Axes | None = None) -> Axes:
    """Draw a table of terms, one row per step t′ and one column per step t, with the sums of its rows and columns.

    Parameters
    ----------
    terms : array (T, T)
        Positive numbers are blue, negative ones orange; those that are 0 stay blank.
    row_name, column_name : str
        Over the sums of the rows, and beside those of the columns.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are not as many rows as columns.

    Examples
    --------
    >>> ax = ms.plots.double_sum([[1.0, 0.5], [0.0, 2.0]], "backward", "forward")
    >>> [text.get_text() for text in ax.texts][-1]  # the sum of all
    '3.5'
    """
    from matplotlib.colors import to_rgba

    terms = np.asarray(terms, float)
    if terms.ndim != 2 or terms.shape[0] != terms.shape[1]:
        raise ValueError(f"terms must have the shape (T, T), got {terms.shape}")
    T = len(terms)
    ax = _axes(ax, width=0.95 * T + 2.4, height=0.45 * T + 1.4)
    largest = np.abs(terms).max(initial=0.0) or 1.0
    cells = np.array([[to_rgba(COLOURS[int(v < 0)], 0.75 * abs(v) / largest) for v in row] for row in terms])
    ax.imshow(cells, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(terms):
        if value:
            ax.annotate(f"{value:.3g}", (column, row), ha="center", va="center", fontsize="small")
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": "small",
        "fontweight": "bold",
        "annotation_clip": False,
    }
    for step in range(T):
        ax.annotate(f"{terms[step].sum():.3g}", (T + 0.1, step), **style)
        ax.annotate(f"{terms[:, step].sum():.3g}", (step, T + 0.1), **style)
    ax.annotate(row_name, (T + 0.1, -0.95), **style)
    ax.annotate(column_name, (-1.1, T + 0.1), **style)
    ax.annotate(f"{terms.sum():.3g}", (T + 0.1, T + 0.1), **style)
    ax.set_xlim(-0.5, T + 0.7)
    ax.set_ylim(T + 0.6, -0.5)
    ax.axhline(T - 0.5, color=grey(0.4), linewidth=1)
    ax.axvline(T - 0.5, color=grey(0.4), linewidth=1)
    ax.set_xticks(range(T))
    ax.set_yticks(range(T))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("t, where a spike is read")
    ax.set_ylabel("t′, where it arrives")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax
