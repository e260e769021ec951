"""Training: curves over epochs, settings and spans."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes, arrays_by_name, colours, grey, label_axes, legend, seeds_by_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME = (
    *("seed", "test_accuracy", "test_accuracy_soft", "validation_accuracy"),
    *("best_epoch", "seconds", "spans", "firing_rates"),
)
"""The columns of a sweep's rows besides the settings of the runs."""


def learning_curves(histories: Any, column: str = "validation_accuracy_hard", ax: Axes | None = None) -> Axes:
    """Draw a column of histories over epochs: each seed as a thin line, the mean of a model as a thick line.

    The mean ends with the shortest run.

    Parameters
    ----------
    histories : History, list of History, or dict of them by name
        A dict has models by name; a list has one history per seed.
    column : str
        Which column of `History`; accuracies are shown in per cent.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> runs = [ms.History([{"train_loss": loss}, {"train_loss": loss / 2}]) for loss in (2.0, 2.4)]
    >>> ms.plots.learning_curves({"RSNN": runs}, "train_loss").get_ylabel()
    'train loss'
    >>> len(ms.plots.learning_curves(runs[0], "train_loss").get_lines())  # one seed, and the mean
    2
    """
    models = seeds_by_name(histories, "histories", "History", "column")
    ax = _axes(ax)
    percent = "accuracy" in column
    for colour, (name, runs) in zip(cycle(colours()), models.items()):
        curves = [np.array(run.column(column)) * (100 if percent else 1) for run in runs]
        for curve in curves:
            ax.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=0.7, alpha=0.4)
        shortest = min(map(len, curves))
        mean = np.mean([curve[:shortest] for curve in curves], axis=0)
        ax.plot(np.arange(1, shortest + 1), mean, color=colour, linewidth=2, label=name)
    ax.xaxis.get_major_locator().set_params(integer=True)
    label_axes(ax, "epoch", column.replace("_", " ") + (" (%)" if percent else ""))
    n_seeds = set(map(len, models.values()))
    legend(ax, title=None if n_seeds == {1} else f"mean and {n_seeds.pop() if len(n_seeds) == 1 else 'single'} seeds")
    return ax


def sweep(rows: Sequence[dict[str, Any]], setting: str, ax: Axes | None = None) -> Axes:
    """Draw test accuracy against a setting: each seed as a dot, the mean as a line, per model and other settings.

    Runs without the setting, e.g. an ASRC beside SRCs of several spans, are a band from the worst to the best seed,
    with their mean as a dashed line.

    Parameters
    ----------
    rows : list of dict
        From `minisnn.sweep`.
    setting : str
        A numerical setting, for the horizontal axis.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If there are no rows, or none of them has the setting as a number.

    Examples
    --------
    >>> rows = [{"model": "src", "span": span, "seed": 0, "test_accuracy": 0.9} for span in (4, 8)]
    >>> ms.plots.sweep(rows, "span").get_xlabel()
    'span λ (steps)'
    """
    _check_rows(rows, setting)
    ax = _axes(ax)
    groups = {}
    for row in rows:
        rest = [(k, v) for k, v in row.items() if k not in (*OUTCOME, setting)]
        groups.setdefault((", ".join(f"{k}={v}" for k, v in rest) or "runs", setting in row), []).append(row)
    styles = product((("o", "-"), ("s", "--"), ("^", ":")), colours())  # where colours repeat, marker and line differ
    for ((marker, line), colour), ((name, has_setting), runs) in zip(cycle(styles), groups.items()):
        accuracies = 100 * np.array([run["test_accuracy"] for run in runs])
        if has_setting:
            x = np.array([run[setting] for run in runs])
            places = np.unique(x)
            means = [accuracies[x == place].mean() for place in places]
            ax.plot(x, accuracies, marker, color=colour, markersize=4, alpha=0.5)
            ax.plot(places, means, line, color=colour, linewidth=2, label=name)
        else:
            ax.axhspan(accuracies.min(), accuracies.max(), color=colour, alpha=0.2, linewidth=0)
            ax.axhline(accuracies.mean(), color=colour, linestyle="--", linewidth=1.5, label=name)
    label_axes(ax, setting.replace("_", " ") + (" λ (steps)" if setting == "span" else ""), "test accuracy (%)")
    outside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(groups) > 5 else {}
    legend(ax, **outside)
    return ax


def _check_rows(rows, setting: str) -> None:
    """Check that rows of a sweep can be drawn against a setting."""
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) and "test_accuracy" in row for row in rows):
        raise TypeError(f"rows must be the list of dicts that minisnn.sweep returns, got {type(rows).__name__}")
    if not rows:
        raise ValueError("rows is empty: there is nothing to draw")
    values = [row[setting] for row in rows if setting in row]
    if not values or not all(isinstance(value, int | float | np.number) for value in values):
        names = dict.fromkeys(name for row in rows for name in row if name not in OUTCOME)
        raise ValueError(f"setting must be one of {', '.join(names)} whose values are numbers, got {setting!r}")


def span_weights(history: Any, layer: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the span weights p of one ASRC layer over training, as a heat map of epoch against span.

    Colours scale with √p, so that p = 1/K can be told from 0.

    Parameters
    ----------
    history : History
        Of one run.
    layer : int
        Which hidden layer, from 0.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is no such layer, or it is not ASRC; if the history has no epochs.

    Examples
    --------
    >>> history = ms.History([{"span_weights": [[0.25, 0.25, 0.5]]}, {"span_weights": [[0.0, 0.1, 0.9]]}])
    >>> ms.plots.span_weights(history, layer=0).get_title()
    'layer 0: last span 3'
    """
    history, *others = chain(*seeds_by_name(history, "history", "History", "column").values())
    if others:
        raise ValueError(f"history must be that of one run, got {1 + len(others)}; span_maps draws several")
    p = span_history(history, layer)
    ax = _axes(ax)
    image = span_image(p, ax)
    ax.figure.colorbar(image, ax=ax, label="span weight p")
    ax.set_title(f"layer {layer}: last span {int(p[:, -1].argmax()) + 1}", fontsize="medium")
    return ax


def span_history(history: Any, layer: int) -> np.ndarray:
    """Return the span weights of a layer over training, (K, epochs); raise ValueError if there are none."""
    if len(history) == 0:
        raise ValueError("history has no epochs: there is nothing to draw")
    n_layers = len(history.column("span_weights")[0])
    if not 0 <= layer < n_layers:
        raise ValueError(f"layer must be one of 0 .. {n_layers - 1}, got {layer}")
    if history.column("span_weights")[0][layer] is None:
        raise ValueError(f"layer {layer} has no span weights: it is not ASRC")
    return np.array([weights[layer] for weights in history.column("span_weights")]).T


def span_image(p: np.ndarray, ax: Axes) -> Any:
    """Draw span weights (K, epochs) as a heat map without a colour bar, and return the image."""
    from matplotlib.colors import PowerNorm

    image = ax.imshow(
        p, origin="lower", aspect="auto", cmap="cividis", norm=PowerNorm(0.5, 0, 1), interpolation="nearest",
        extent=(0.5, p.shape[1] + 0.5, 0.5, p.shape[0] + 0.5),
    )  # fmt: skip
    ax.set_xlabel("epoch")
    ax.set_ylabel("span (steps)")
    ax.yaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return image


def over_spans(
    curves: ArrayLike | dict[str, ArrayLike], ylabel: str, marked: Sequence[int] = (), ax: Axes | None = None
) -> Axes:
    """Draw a number for each span 1 .. K as dots; only faint lines join them, since no span lies between two.

    Parameters
    ----------
    curves : array (K,), or dict of str to array (K,)
        One series, or several by name.
    ylabel : str
    marked : sequence of int
        Spans to mark by a dashed line.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.over_spans({"p": [0.2, 0.5, 0.3]}, "span weight", marked=[2]).get_ylabel()
    'span weight'
    """
    series = arrays_by_name(curves, "curves", "(K,)").items()
    ax = _axes(ax)
    for span in marked:
        ax.axvline(span, color=grey(0.6), linestyle="--", linewidth=1)
    for colour, (name, values) in zip(cycle(colours()), series):
        spans = np.arange(1, len(values) + 1)
        ax.plot(spans, values, color=colour, linewidth=0.7, alpha=0.4)
        ax.plot(spans, values, "o", color=colour, markersize=3.5, label=name)
    label_axes(ax, "span λ (steps)", ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    return ax


def accuracy_map(
    accuracies: ArrayLike, rows: Sequence[str], columns: Sequence[Any], xlabel: str,
    marked: ArrayLike | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw accuracies as a coloured table, in per cent: from 50 and less (dark) to 100 (bright).

    Parameters
    ----------
    accuracies : array (len(rows), len(columns))
        In [0, 1]; NaN leaves a cell empty.
    rows, columns : list
        Their names; the first row is at the top.
    xlabel : str
    marked : array of bool, optional
        Cells to frame.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are more or fewer names than rows or columns.

    Examples
    --------
    >>> ax = ms.plots.accuracy_map([[0.9, np.nan], [0.6, 0.7]], ["RSNN", "SRC"], [10, 30], "lag (steps)")
    >>> [text.get_text() for text in ax.texts]
    ['90', '60', '70']
    """
    from matplotlib.patches import Rectangle

    percent = 100 * np.asarray(accuracies, float)
    shape = (len(rows), len(columns))
    if percent.shape != shape:
        raise ValueError(f"accuracies must have one row and column per name, shape {shape}, got {percent.shape}")
    ax = _axes(ax, width=1.4 + 0.75 * len(columns), height=1.0 + 0.32 * len(rows))
    image = ax.imshow(percent, aspect="auto", cmap="cividis", vmin=50, vmax=100, interpolation="nearest")
    lower = "min" if np.nanmin(percent, initial=100) < 50 else "neither"
    ax.figure.colorbar(image, ax=ax, label="test accuracy (%)", extend=lower)
    for (row, column), value in np.ndenumerate(percent):
        if np.isfinite(value):
            colour = "white" if value < 80 else "black"
            ax.annotate(f"{value:.0f}", (column, row), ha="center", va="center", fontsize="small", color=colour)
        if marked is not None and marked[row][column]:
            corner = column - 0.46, row - 0.42
            ax.add_patch(Rectangle(corner, 0.92, 0.84, fill=False, edgecolor=COLOURS[1], linewidth=2))
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel(xlabel)
    ax.tick_params(length=0)
    return ax
