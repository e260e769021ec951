"""Gradients over time, over hops and over step sizes."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import (
    COLOURS,
    _axes,
    arrays_by_name,
    colours,
    grey,
    label_axes,
    legend,
    pairs_by_name,
    seeds_by_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def gradient_flow(flows: Any, layer: int = 0, ax: Axes | None = None) -> Axes:
    """Draw ‖∂L/∂v[t]‖ of one layer over the steps before the readout, relative to its value at lag 0, on a log axis.

    Parameters
    ----------
    flows : GradientFlow, list of GradientFlow, or dict of them by name
        A dict has models by name; a list has one result of `gradient_flow` per seed. Thin lines are the seeds' medians
        over sequences, the thick line is their geometric mean. Seeds in which no gradient starts (no neuron near its
        threshold) are left out.
    layer : int
        Which hidden layer, from 0.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If `flows` is something else or empty, or has no such layer.

    Examples
    --------
    >>> flows = [ms.gradient_flow(ms.Network([1, 16, 2], seed=seed), np.ones((3, 20, 1))) for seed in (0, 1)]
    >>> ms.plots.gradient_flow({"RSNN": flows}, layer=0).get_xlabel()
    'steps before the readout'
    """
    models = seeds_by_name(flows, "flows", "GradientFlow", "norms")
    for flow in (flow for runs in models.values() for flow in runs):
        if not 0 <= layer < len(flow.norms):
            raise ValueError(f"layer must be one of 0 .. {len(flow.norms) - 1}, got {layer}")
    ax = _axes(ax)
    for colour, (name, runs) in zip(cycle(colours()), models.items()):
        curves = []
        for flow in runs:
            relative = flow.relative(layer)
            curves.append(np.median(relative, axis=0) if len(relative) else np.full(relative.shape[1], np.nan))
            ax.plot(curves[-1], color=colour, linewidth=0.7, alpha=0.4)
        started = [curve for curve in curves if np.isfinite(curve[0])]
        with np.errstate(divide="ignore"):
            mean = np.exp(np.mean(np.log(started), axis=0)) if started else curves[0]
        ax.plot(mean, color=colour, linewidth=2, label=name)
    ax.set_yscale("log")
    summed = any(flow.at is None for runs in models.values() for flow in runs)
    label_axes(ax, "steps before the last" if summed else "steps before the readout", "‖∂L/∂v[t]‖, relative")
    ax.set_title(f"layer {layer}", fontsize="medium")
    legend(ax)
    return ax


def hop_sizes(parts: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw the size of the parts of a Jacobian against their number of hops, on a log axis.

    The size is the root mean square over sequences of ‖part‖_F / √N. Parts that are 0 are left out.

    Parameters
    ----------
    parts : dict
        A result of `minisnn.hops`, or a dict of them by name. The parts without a hop, leak and reset, are added up.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> net = ms.Network([1, 8, 2], recurrence=ms.SRC(3))
    >>> ax = ms.plots.hop_sizes({"SRC λ=3": ms.hops(net, np.ones((5, 20, 1)), layer=0, lag=7)})
    >>> ax.get_xlabel()
    'passages through W_rec (hops)'
    """
    models = {None: parts} if "leak" in parts else parts
    if not models or not all(isinstance(by_hops, dict) and "leak" in by_hops for by_hops in models.values()):
        raise TypeError("parts must be a result of minisnn.hops, or a dict of them by name")
    ax = _axes(ax)
    for (marker, colour), (name, by_hops) in zip(cycle(zip("os^Dv", colours())), models.items()):
        by_hops = dict(by_hops)
        parts_in_order = [by_hops.pop("leak") + by_hops.pop("reset"), *by_hops.values()]
        sizes = np.array([np.sqrt(np.square(part).sum(axis=2).mean()) for part in parts_in_order])
        hops = np.flatnonzero(sizes)
        ax.semilogy(hops, sizes[hops], color=colour, marker=marker, markersize=5, linewidth=1, label=name)
    label_axes(ax, "passages through W_rec (hops)", "part of the Jacobian, ‖·‖ / √N")
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    return ax


def hop_shares(lags: ArrayLike, shares: ArrayLike, predicted: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw shares by lag and number of hops on the way, as a heat map.

    Parameters
    ----------
    lags : array (n,)
        Evenly spaced.
    shares : array (hops, n)
        In [0, 1], one row per number of hops, from 0; 0.3 and more have the same colour.
    predicted : float, optional
        The predicted number of hops per step: a dashed line.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.hop_shares([4, 8], [[0.7, 0.2], [0.3, 0.8]]).get_xlabel()
    'lag (steps)'
    """
    ax = _axes(ax)
    lags, shares = np.asarray(lags, float), np.asarray(shares, float)
    half = np.diff(lags).min(initial=np.inf) / 2 if len(lags) > 1 else 0.5
    image = ax.imshow(
        shares, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=0.3, interpolation="nearest",
        extent=(lags[0] - half, lags[-1] + half, -0.5, len(shares) - 0.5),
    )  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label="share of the squares", extend="max")
    if predicted is not None:
        ax.plot(lags, predicted * lags, color="white", linestyle="--", linewidth=1.2)
        ax.annotate("predicted", (lags[-1], predicted * lags[-1]), xytext=(4, -14), textcoords="offset points",
                    ha="right", va="top", fontsize="small", color="white")  # fmt: skip
    ax.set_xlabel("lag (steps)")
    ax.set_ylabel("passages through W_rec (hops)")
    return ax


def step_sweep(steps: ArrayLike, errors: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw the V of central differences: the largest relative error against the step size, on log axes.

    The two words say what rules at either end; an error of 0 is drawn at 1e-17.

    Parameters
    ----------
    steps, errors : array (n,)
        From `checks.step_sweep`.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.step_sweep([1e-2, 1e-4], [1e-3, 1e-7]).get_ylabel()
    'largest relative error'
    """
    ax = _axes(ax)
    ax.loglog(steps, np.maximum(errors, 1e-17), color=COLOURS[0], marker="o", markersize=4)
    label_axes(ax, "step size h of (L(w + h) - L(w - h)) / 2h", "largest relative error")
    ax.annotate("rounding, 1/h", (0.04, 0.06), xycoords="axes fraction")
    ax.annotate("truncation, h²", (0.96, 0.06), xycoords="axes fraction", ha="right")
    return ax


def step_sizes(curves: Any, ax: Axes | None = None) -> Axes:
    """Draw relative errors of several derivatives against the step size, on log axes.

    Parameters
    ----------
    curves : (array, array), or dict of them by name
        Steps and errors, as `checks.step_sweep` returns them. An error of 0 is drawn at 1e-17.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> steps = np.array([1e-2, 1e-4])
    >>> ms.plots.step_sizes({"one-sided": (steps, steps), "central": (steps, steps**2)}).get_xlabel()
    'step size h'
    """
    pairs = pairs_by_name(curves, "curves", "steps and errors")
    ax = _axes(ax, width=7.5)
    for colour, marker, (name, (steps, errors)) in zip(cycle(colours()), cycle("os^v"), pairs.items()):
        ax.loglog(steps, np.maximum(errors, 1e-17), color=colour, marker=marker, markersize=4, label=name)
    label_axes(ax, "step size h", "largest relative error")
    legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def losses_along(offsets: ArrayLike, losses: ArrayLike | dict[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw losses against the offset of one weight from its value; a dotted line marks offset 0.

    Parameters
    ----------
    offsets : array (n,)
    losses : array (n,), or dict of str to array (n,)
        One line, or several by name.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> offsets = np.linspace(-1, 1, 5)
    >>> ms.plots.losses_along(offsets, {"hard": np.round(offsets), "smooth": offsets}).get_ylabel()
    'loss L'
    """
    lines = arrays_by_name(losses, "losses", "(n,)").items()
    ax = _axes(ax)
    for colour, line, (name, values) in zip(cycle(colours()), cycle(("-", "--", ":")), lines):
        ax.plot(offsets, values, line, color=colour, linewidth=2, label=name)
    ax.axvline(0, color=grey(0.6), linewidth=1, linestyle=":")
    label_axes(ax, "offset of the weight", "loss L")
    legend(ax)
    return ax
