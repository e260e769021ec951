"""One neuron: its potential over time, its rate over the current, a curve and its slope, results of several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import _axes, arrays_by_name, colours, grey, label_axes, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def potentials(
    v: ArrayLike, v_reset: ArrayLike | None = None, threshold: float | None = None,
    names: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the potential of neurons over time, as steps: step t is v[t], and from its middle on v⁺[t].

    Parameters
    ----------
    v, v_reset : array (T, N) or (T,)
        Before and after the reset, one column per neuron, or one neuron. Without v_reset no reset is drawn.
    threshold : float, optional
        θ of all neurons: a dashed line, with a dot at each v[t] that reaches it, a spike.
    names : list of str, optional
        One per neuron, for the legend.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If an array has other axes, or there are not as many names as neurons.

    Examples
    --------
    >>> layer = ms.Network([1, 8, 2]).record(np.ones((1, 20, 1))).layers[0]
    >>> ax = ms.plots.potentials(layer.v[0], layer.v_reset[0], threshold=1.0)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (steps)', 'potential v')
    """
    v, v_reset = _columns(v, "v"), _columns(v if v_reset is None else v_reset, "v_reset")
    names = [names] if isinstance(names, str) else names
    if v.shape != v_reset.shape:
        raise ValueError(f"v and v_reset must have one shape, got {v.shape} and {v_reset.shape}")
    if names is not None and len(names) != v.shape[1]:
        raise ValueError(f"names must be one for each of the {v.shape[1]} neurons, got {len(names)}")
    ax = _axes(ax)
    steps = np.arange(len(v))
    edges = np.column_stack([steps - 0.5, steps, steps, steps + 0.5]).ravel()
    for i, colour in zip(range(v.shape[1]), cycle(colours())):
        path = np.repeat(np.column_stack([v[:, i], v_reset[:, i]]), 2)  # v[0], v[0], v⁺[0], v⁺[0], v[1], ...
        ax.plot(edges, path, color=colour, linewidth=1.2, label=names[i] if names else None)
        if threshold is not None:
            fires = v[:, i] >= threshold
            ax.plot(steps[fires], v[fires, i], "o", color=colour, markersize=4)
    if threshold is not None:
        ax.axhline(threshold, color=grey(0.5), linestyle="--", linewidth=1)
        beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate("θ", (1, threshold), xycoords=("axes fraction", "data"), **beside)
    label_axes(ax, "time (steps)", "potential v")
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    return ax


def _columns(values, name: str) -> np.ndarray:
    """Return potentials as an array (T, N)."""
    values = np.asarray(values)
    values = values[:, np.newaxis] if values.ndim == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        slip = f"; for the first sequence of a batch, write {name}[0]" if values.ndim == 3 else ""
        raise ValueError(f"{name} must be an array (T, N) or (T,), got shape {values.shape}{slip}")
    return values


def firing_rates(currents: ArrayLike, rates: ArrayLike | dict[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw firing rate against constant input current (the f-I curve), one line per neuron.

    The first line is the widest, so that where lines coincide each is seen.

    Parameters
    ----------
    currents : array (n,)
    rates : array (n,), or dict of str to array (n,)
        Spikes per step, of one neuron or of several by name.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.firing_rates([0.2, 0.6, 1.0], {"β = 0.5": [0, 0.3, 1]}).get_ylabel()
    'firing rate (spikes per step)'
    """
    lines = arrays_by_name(rates, "rates", "(n,)")
    ax = _axes(ax)
    for i, (colour, (name, rate)) in enumerate(zip(cycle(colours()), lines.items())):
        width = 1.5 + 3 * (len(lines) - 1 - i)
        ax.plot(currents, rate, color=colour, linewidth=width, solid_capstyle="butt", label=name)
    label_axes(ax, "constant current I (potential per step)", "firing rate (spikes per step)")
    legend(ax)
    return ax


def tangent(x: ArrayLike, y: ArrayLike, at: float, slope: float, ax: Axes | None = None) -> Axes:
    """Draw a curve, a dot on it, and there a line with a given slope.

    Parameters
    ----------
    x, y : array (n,)
        The curve; x increases.
    at : float
        Where the dot is, within x; its height is interpolated.
    slope : float
        Of the line, which is dashed.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If `at` lies outside x.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 21)
    >>> len(ms.plots.tangent(x, x**2, at=0.5, slope=1.0).get_lines())  # the curve, the line, the dot
    3
    """
    x, y = np.asarray(x), np.asarray(y)
    if not x[0] <= at <= x[-1]:
        raise ValueError(f"at must lie in x, {x[0]:g} .. {x[-1]:g}, got {at:g}")
    ax = _axes(ax)
    height, reach = np.interp(at, x, y), 0.25 * (x[-1] - x[0])
    ax.plot(x, y, color=colours()[0], linewidth=1.6)
    ends = np.clip([at - reach, at + reach], x[0], x[-1])
    ax.plot(ends, height + slope * (ends - at), "--", color=colours()[1], linewidth=2.4)
    ax.plot([at], [height], "o", color=colours()[1], markersize=7)
    ax.grid(alpha=0.3)
    return ax


def seeds_over(
    x: ArrayLike, values: ArrayLike | dict[str, ArrayLike], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Draw the results of several seeds over one positive x on a log axis: a dot per seed, a line through the means.

    Parameters
    ----------
    x : array (n,)
    values : array (n, seeds), or dict of str to array (n, seeds)
        One setting, or several by name; these stand side by side at each x.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If an x is not positive.

    Examples
    --------
    >>> ms.plots.seeds_over([0.1, 1], {"wide": [[50, 61, 58], [100, 98, 99]]}, "width", "accuracy (%)").get_xscale()
    'log'
    """
    groups = arrays_by_name(values, "values", "(n, seeds)", ndim=2)
    x = np.asarray(x, float)
    if not (x > 0).all():
        raise ValueError(f"x is drawn on a log axis and must be positive, got {x.min():g}")
    ax = _axes(ax)
    apart = 1.12  # factor from one setting to the next
    looks = zip(cycle(colours()), cycle("os^D"), cycle(("-", "--", "-.", ":")))
    for i, ((name, results), (colour, marker, line)) in enumerate(zip(groups.items(), looks)):
        place = x * apart ** (i - (len(groups) - 1) / 2)
        ax.plot(place, results, marker, color=colour, markersize=4, alpha=0.45, linestyle="none")
        ax.plot(place, results.mean(axis=1), line, color=colour, linewidth=1.8, label=name)
    ax.set_xscale("log")
    label_axes(ax, xlabel, ylabel)
    legend(ax)
    return ax
