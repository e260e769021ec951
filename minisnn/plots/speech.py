"""Speech: a wave, its spectra, the spikes and the evidence that it leaves; accuracies of voices; scales of time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.types import ArrayLike
from minisnn.plots._base import _axes, colours, grey, label_axes, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = (100, 500, 1000, 2000, 3500)  # Hz


def wave(samples: ArrayLike, rate: int, start: float = 0.0, ax: Axes | None = None) -> Axes:
    """Draw a wave over time.

    Parameters
    ----------
    samples : array (n,)
    rate : int
        Samples per second.
    start : float
        When the first sample is, in ms.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.wave([0.0, 0.2, -0.1], rate=8000).get_xlabel()
    'time (ms)'
    """
    ax = _axes(ax, height=2.0)
    ax.plot(start + 1000 * np.arange(len(samples)) / rate, samples, color=colours()[0], linewidth=0.7)
    label_axes(ax, "time (ms)", "amplitude")
    return ax


def spectrum(
    hertz: ArrayLike, amplitudes: ArrayLike, centres: ArrayLike, bands: ArrayLike, ax: Axes | None = None
) -> Axes:
    """Draw the amplitudes of one window and what its bands make of them, each in decibels below its loudest.

    Parameters
    ----------
    hertz, amplitudes : array (n,)
        Of the window's frequencies.
    centres, bands : array (m,)
        Of its bands: their middle in Hz, and their amplitude.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.spectrum([0, 100, 200], [1, 3, 2], [50, 150], [2, 2.5]).get_xlabel()
    'frequency (Hz)'
    """
    ax = _axes(ax, height=2.6)
    parts = [("frequencies", hertz, amplitudes, "-"), ("bands", centres, bands, "o-")]
    for colour, (name, x, y, line) in zip(colours(), parts):
        y = np.maximum(np.asarray(y, float), 1e-10)
        decibels = 20 * np.log10(y / y.max())
        ax.plot(x, decibels, line, color=colour, linewidth=1.2, markersize=3.5, label=f"{len(y)} {name}")
    label_axes(ax, "frequency (Hz)", "decibels (0: the loudest)")
    legend(ax)
    return ax


def log_mel(values: ArrayLike, centres: ArrayLike, step: float = 10.0, ax: Axes | None = None) -> Axes:
    """Draw a log-mel spectrogram: a column per step, a row per band, brighter where it is louder.

    Parameters
    ----------
    values : array (T, bands)
    centres : array (bands,)
        The middle of each band in Hz.
    step : float
        In ms.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.log_mel(np.zeros((5, 3)), [100, 1000, 3000]).get_ylabel()
    'frequency (Hz)'
    """
    ax = _axes(ax, height=2.4)
    values = np.asarray(values)
    T, n = values.shape
    extent = (-step / 2, (T - 0.5) * step, -0.5, n - 0.5)
    ax.imshow(values.T, origin="lower", aspect="auto", cmap="cividis", interpolation="nearest", extent=extent)
    ticks = [hertz for hertz in TICKS if centres[0] <= hertz <= centres[-1]]
    ax.set_yticks(np.interp(ticks, centres, np.arange(n)), [f"{hertz:,}" for hertz in ticks])
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("frequency (Hz)")
    return ax


def raster(s: ArrayLike, step: float = 10.0, ax: Axes | None = None) -> Axes:
    """Draw the spikes of a layer over time, a row per neuron.

    Parameters
    ----------
    s : array (T, N)
        0 or 1.
    step : float
        In ms.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.raster(np.eye(4)).get_ylabel()
    'neuron'
    """
    ax = _axes(ax, height=2.4)
    t, n = np.nonzero(s)
    ax.scatter(step * t, n, s=14, marker="|", linewidths=1.2, color=colours()[0])
    ax.set_ylim(-1, np.shape(s)[1])
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("neuron")
    return ax


def evidence(
    running: ArrayLike, names: Sequence[str], named: int = 3, step: float = 10.0, ax: Axes | None = None
) -> Axes:
    """Draw the logits of each class as they add up over time; those that are largest in the end are named.

    Parameters
    ----------
    running : array (T, classes)
    names : sequence of str
        Of the classes.
    named : int
        How many to name; the others are grey.
    step : float
        In ms.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ax = ms.plots.speech.evidence([[0.0, 1.0], [2.0, 1.5]], ["yes", "no"], named=1)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['yes']
    """
    ax = _axes(ax, height=2.4)
    running = np.asarray(running)
    order = np.argsort(-running[-1], kind="stable")
    colour = dict(zip(order[:named].tolist(), cycle(colours())))
    for i in (*order[named:][::-1].tolist(), *order[:named].tolist()):
        label, width = (names[i], 1.8) if i in colour else (None, 0.8)
        ax.step(
            step * np.arange(len(running)), running[:, i], where="mid",
            color=colour.get(i, grey(0.7)), linewidth=width, label=label,
        )  # fmt: skip
    label_axes(ax, "time (ms)", "running logits")
    legend(ax, loc="upper left", ncols=named)
    return ax


def voices(
    names: Sequence[str], known: ArrayLike, unheard: ArrayLike, chance: float = 0.1, ax: Axes | None = None
) -> Axes:
    """Draw two accuracies per voice: of networks that know it, and of those that never heard it.

    Parameters
    ----------
    names : sequence of str
        Of the voices.
    known, unheard : array (n,)
        Accuracies, 0 to 1; of `known` one or more per voice, (n,) or (n, m).
    chance : float
        Accuracy of a guess.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.voices(["a", "b"], [0.9, 0.8], [0.5, 0.7]).get_xlabel()
    'test accuracy (%)'
    """
    ax = _axes(ax, height=2.8)
    known = np.asarray(known, float).reshape(len(names), -1)
    rows = np.arange(len(names))[::-1]
    first, second = colours()[:2]
    ax.hlines(rows, 100 * np.asarray(unheard), 100 * known.mean(axis=1), color=grey(0.7), linewidth=1)
    ax.plot(100 * known, np.tile(rows[:, np.newaxis], known.shape[1]), "o", color=first, markersize=4, alpha=0.5)
    ax.plot(100 * known.mean(axis=1), rows, "o", color=first, label="known")
    ax.plot(100 * np.asarray(unheard), rows, "D", color=second, label="never heard")
    ax.axvline(100 * chance, color=grey(0.5), linestyle="--", linewidth=1, label="a guess")
    ax.set_yticks(rows, names)
    ax.set_xlim(0, 101)
    ax.set_xlabel("test accuracy (%)")
    ax.grid(alpha=0.3, axis="x")
    legend(ax, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def time_scales(
    ranges: dict[str, tuple[float, float]], points: dict[str, ArrayLike] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw lengths of time under each other on a log axis: ranges as bars, single lengths as dots.

    Parameters
    ----------
    ranges : dict of str to (float, float)
        Shortest and longest, in ms.
    points : dict of str to array (n,), optional
        In ms; equal ones are drawn beside each other.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.speech.time_scales({"a word": (200, 600)}, {"spans": [40, 70]}).get_xlabel()
    'ms'
    """
    points = points or {}
    names = [*ranges, *points]
    ax = _axes(ax, height=0.6 + 0.36 * len(names))
    for row, (low, high) in enumerate(ranges.values()):
        ax.barh(row, high - low, left=low, height=0.55, color=colours()[5], alpha=0.6)
    for row, values in enumerate(points.values(), len(ranges)):
        values = np.sort(np.asarray(values, float))
        nth = np.arange(len(values)) - np.searchsorted(values, values)  # of the equal ones
        ax.plot(values, row + 0.16 * nth, "o", color=colours()[1], markersize=5)
    ax.set_xscale("log")
    ticks = [3, 10, 30, 100, 300, 1000]
    ax.set_xticks(ticks, map(str, ticks))
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("ms")
    ax.grid(alpha=0.3, axis="x")
    return ax
