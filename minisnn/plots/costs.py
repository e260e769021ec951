"""What it costs: the benchmark, firing rates, caches."""

from itertools import cycle

import numpy as np

from minisnn.plots._base import COLOURS, _axes


def bench(results: dict, axes=None):
    """A benchmark's ratios to dense products as bars, and its growth as lines on log axes; two axes (`bench.bench`)."""
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(1, 2, figsize=(11.0, 4.0), layout="constrained")[1]
    names = list(results["models"])
    ratios = [np.median(r["seconds"]) / r["dense"] for r in results["models"].values()]
    axes[0].barh(names, ratios, color=COLOURS[0])
    axes[0].axvline(1.0, color="0.3", linewidth=1)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("time, relative to dense matrix products at the BLAS peak")
    for colour, (axis, sizes) in zip(cycle(COLOURS), results["growth"].items()):
        x, y = np.array(list(sizes), float), np.array(list(sizes.values()))
        axes[1].loglog(x / x[0], y / y[0], color=colour, marker="o", markersize=4, label=f"{axis} from {x[0]:.0f}")
    grid = np.array([1.0, 16.0])
    axes[1].loglog(grid, grid, color="0.6", linestyle="--", linewidth=1, label="proportional")
    axes[1].set_xlabel("size, relative to the smallest")
    axes[1].set_ylabel("time, relative to the smallest")
    axes[1].grid(alpha=0.3)
    axes[1].legend(frameon=False)
    return axes


def cost(rates, measured: dict, predicted: dict, dense: dict, ax=None):
    """Time a step against firing rate: what was measured as dots, what was predicted as lines, dense algebra flat.

    Parameters
    ----------
    rates : array (n,)
        Shares of neurons that fire in a step, 0 .. 1.
    measured, predicted : dict of str to array (n,)
        Seconds a step, by name; the line of a name has the colour of its dots.
    dense : dict of str to float
        Seconds a step of dense matrix products, by name.
    """
    ax = _axes(ax)
    percent = 100 * np.asarray(rates)
    for colour, (name, times) in zip(cycle(COLOURS), measured.items()):
        ax.plot(percent, 1e6 * np.asarray(times), "o", color=colour, markersize=5, label=f"{name}, measured")
        if name in predicted:
            ax.plot(percent, 1e6 * np.asarray(predicted[name]), color=colour, linewidth=1.5, label=f"{name}, predicted")
    styles = cycle(("--", "-.", ":"))
    for colour, style, (name, seconds) in zip(cycle(COLOURS[len(measured) :]), styles, dense.items()):
        ax.axhline(1e6 * seconds, color=colour, linestyle=style, linewidth=1.5, label=name)
    ax.set_xlabel("firing rate (%)")
    ax.set_ylabel("time (µs a step)")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small")
    return ax


def speed(sizes, speeds, caches: dict, ax=None):
    """Multiply-adds a second against the bytes of weights that they read, with the size of each cache by name."""
    ax = _axes(ax)
    ax.semilogx(np.asarray(sizes), np.asarray(speeds) / 1e9, color=COLOURS[0], marker="o", markersize=4)
    for name, size in caches.items():
        ax.axvline(size, color="0.5", linestyle="--", linewidth=1)
        beside = {"xytext": (3, 3), "textcoords": "offset points", "va": "bottom"}
        ax.annotate(name, (size, 0), xycoords=("data", "axes fraction"), **beside)
    ax.set_xlabel("weights (bytes)")
    ax.set_ylabel("multiply-adds (10⁹ a second)")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    return ax
