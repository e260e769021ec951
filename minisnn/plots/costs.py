"""Costs: the benchmark, firing rates, caches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import COLOURS, _axes, colours, grey, label_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bench(results: dict[str, Any], axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw a benchmark: times of others relative to minisnn's, for each kind of problem; and how time grows with size.

    Parameters
    ----------
    results : dict
        From `minisnn.bench.bench.bench`.
    axes : sequence of matplotlib Axes, optional
        Two, or three if the results hold "growth"; None: a new figure.

    Returns
    -------
    sequence of matplotlib Axes

    Examples
    --------
    >>> models = {"RSNN": {"multiply_adds": 1e9, "seconds": [0.5]}}
    >>> results = {"models": {"sparse": models, "dense": models}, "blas_multiply_adds_per_second": 1e10}
    >>> [ax.get_title() for ax in ms.plots.bench(results)]
    ['sparse problem', 'dense problem']
    """
    if axes is None:
        import matplotlib.pyplot as plt

        n = 3 if "growth" in results else 2
        axes = plt.subplots(1, n, figsize=(5.5 * n, 4.0), layout="constrained")[1]
    for ax, kind in zip(axes, ("sparse", "dense")):
        _beside(results, kind, ax)
    if "growth" in results:
        _growth(results["growth"], axes[2])
    return axes


def _beside(results: dict, kind: str, ax) -> None:
    """Draw the times of products and of peers for each model, relative to minisnn's, as stems from 1."""
    models = results["models"][kind]
    others = {"matrix products": {}, "JAX": {}, "PyTorch": {}}
    for i, row in enumerate(models.values()):
        products = row["multiply_adds"] / results["blas_multiply_adds_per_second"]
        others["matrix products"][i] = products / np.median(row["seconds"])
    for row in results.get("peers", {}).values():
        if row["kind"] == kind and "error" not in row:
            at = list(models).index(row["model"])
            others[row["peer"]][at] = np.median(row["seconds"]) / np.median(row["minisnn_seconds"])
    ax.axvline(1.0, ymax=0.88, color=grey(0.3), linewidth=1)
    for j, (name, ratios) in enumerate(others.items()):
        for n, (i, ratio) in enumerate(ratios.items()):
            y, side = i + 0.22 * (j - 1), 1 if ratio >= 1 else -1
            label = name if n == 0 else None
            ax.plot([1.0, ratio], [y, y], "o-", color=COLOURS[j], markevery=[1], linewidth=2, label=label)
            beside = {"xytext": (6 * side, 0), "textcoords": "offset points", "ha": "left" if side > 0 else "right"}
            ax.annotate(f"{ratio:.2g}", (ratio, y), va="center", fontsize="small", **beside)
    found = [ratio for ratios in others.values() for ratio in ratios.values()]
    ax.set_xscale("log", base=2)
    ax.set_xlim(min(1 / 4, min(found) / 1.7), max(4, 1.7 * max(found)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(range(len(models)), [f"{name}\n{np.median(row['seconds']):.2g} s" for name, row in models.items()])
    ax.set_ylim(len(models) - 0.5, -0.9)  # with room for the legend
    ax.set_xlabel("time, relative to minisnn's")
    ax.set_title(f"{kind} problem")
    ax.legend(loc="upper center", ncols=3, frameon=False, fontsize="small")


def _growth(growth: dict, ax) -> None:
    """Draw time against size on log axes, both relative to the smallest, one line per kind of size."""
    for colour, (axis, sizes) in zip(cycle(colours()), growth.items()):
        x, y = np.array(list(sizes), float), np.array(list(sizes.values()))
        ax.loglog(x / x[0], y / y[0], color=colour, marker="o", markersize=4, label=f"{axis} from {x[0]:.0f}")
    grid = np.array([1.0, 16.0])
    ax.loglog(grid, grid, color=grey(0.6), linestyle="--", linewidth=1, label="proportional")
    label_axes(ax, "size, relative to the smallest", "time, relative to the smallest")
    ax.legend(frameon=False)


def cost(
    rates: ArrayLike, measured: dict[str, ArrayLike], predicted: dict[str, ArrayLike], dense: dict[str, float],
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw time per step against firing rate: measurements as dots, predictions as lines, dense algebra as flat lines.

    Parameters
    ----------
    rates : array (n,)
        Shares of neurons that fire at a step, 0 .. 1.
    measured, predicted : dict of str to array (n,)
        Seconds per step, by name; the line of a name has the colour of its dots.
    dense : dict of str to float
        Seconds per step of dense matrix products, by name.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ax = ms.plots.cost([0.1, 0.5], {"events": [1e-6, 4e-6]}, {"events": [1e-6, 5e-6]}, {"BLAS": 3e-6})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('firing rate (%)', 'time (µs per step)')
    """
    if unknown := predicted.keys() - measured.keys():
        raise ValueError(f"predicted has {', '.join(sorted(unknown))}, which measured has not")
    ax = _axes(ax)
    percent = 100 * np.asarray(rates)
    for colour, (name, times) in zip(cycle(colours()), measured.items()):
        ax.plot(percent, 1e6 * np.asarray(times), "o", color=colour, markersize=5, label=f"{name}, measured")
        if name in predicted:
            ax.plot(percent, 1e6 * np.asarray(predicted[name]), color=colour, linewidth=1.5, label=f"{name}, predicted")
    styles = cycle(("--", "-.", ":"))
    for colour, style, (name, seconds) in zip(islice(cycle(colours()), len(measured), None), styles, dense.items()):
        ax.axhline(1e6 * seconds, color=colour, linestyle=style, linewidth=1.5, label=name)
    label_axes(ax, "firing rate (%)", "time (µs per step)")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize="small")
    return ax


def speed(sizes: ArrayLike, speeds: ArrayLike, caches: dict[str, float], ax: Axes | None = None) -> Axes:
    """Draw multiply-adds per second against the bytes of weights that they read.

    Parameters
    ----------
    sizes : array (n,)
        Bytes.
    speeds : array (n,)
        Multiply-adds per second.
    caches : dict of str to float
        Bytes of each cache, by name: dashed lines.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ax = ms.plots.speed([2**14, 2**20], [4e9, 2e9], {"L1": 2**15})
    >>> ax.get_ylabel()
    'multiply-adds (10⁹ per second)'
    """
    ax = _axes(ax)
    ax.semilogx(np.asarray(sizes), np.asarray(speeds) / 1e9, color=COLOURS[0], marker="o", markersize=4)
    for name, size in caches.items():
        ax.axvline(size, color=grey(0.5), linestyle="--", linewidth=1)
        beside = {"xytext": (3, 3), "textcoords": "offset points", "va": "bottom"}
        ax.annotate(name, (size, 0), xycoords=("data", "axes fraction"), **beside)
    label_axes(ax, "weights (bytes)", "multiply-adds (10⁹ per second)")
    ax.set_ylim(bottom=0)
    return ax
