"""One path between two steps of a layer, piece by piece: leaks, hops, and the factor that each of them costs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal import storage, validate
from minisnn._internal.display import counted
from minisnn._internal.types import PathLike
from minisnn.plots._base import COLOURS, _axes, checked_suffix, grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANES = 3  # neurons to draw: a hop goes to the next, and from the last back again
COLOUR = {False: COLOURS[0], True: COLOURS[1]}  # of a leak, of a hop
HALF_AND_HALF = (True, False) * 15  # 15 hops and 15 leaks of one step each
STEP_MS, REST_MS = 250, 3000  # how long the animation shows a step, and its end


def path(
    hops: Sequence[bool],
    span: int = 1,
    factors: tuple[str, str] = ("f", "σ′W"),
    walked: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one path from step t to step t + lag, with the factor of each of its pieces below.

    Every dot is a neuron at a step. A leak goes one step on in its neuron; a hop takes `span` steps, to another.

    Parameters
    ----------
    hops : sequence of bool
        Its pieces in order of time: True for a hop, False for a leak. The lag is what they take together.
    span : int
        λ, at least 1.
    factors : (str, str)
        What to write below a leak and below a hop.
    walked : int, optional
        How many steps of the path to draw, from its end back as a gradient goes; None: all.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If there are no pieces, or `span` or `walked` is out of range.

    Examples
    --------
    >>> ax = ms.plots.path([True, True], span=15, factors=("0.4", "0.4"))
    >>> ax.get_title()
    'λ = 15: 2 factors for 30 steps'
    """
    pieces, span = [bool(hop) for hop in hops], validate.integer(span, "span", 1)
    if not pieces:
        raise ValueError("hops is empty: a path has at least one piece")
    places = _places(pieces, span)
    lag = places[-1][0]
    reached = 0 if walked is None else lag - validate.integer(walked, "walked", 0)
    if reached < 0:
        raise ValueError(f"walked must be one of 0 .. {lag}, the steps of this path, got {walked}")
    ax = _axes(ax, width=9.0, height=1.8)
    _paper(ax, lag)
    for hop, (start, end) in zip(pieces, pairwise(places)):
        line, walks = _curve(start, end), end[0] > reached
        ax.plot(*line, color=grey(0.85), linewidth=2)
        if walks:
            ax.plot(*line[:, line[0] >= reached], color=COLOUR[hop], linewidth=2)
        if start[0] >= reached:
            middle, size = (start[0] + end[0]) / 2, 10 if len(pieces) <= 12 else 7.5
            ax.annotate(factors[hop], (middle, -0.75), ha="center", va="center", fontsize=size, color=COLOUR[hop])
    ax.plot(*np.transpose(places), "o", color=grey(0.3), markersize=3)
    if walked is not None:
        ax.plot(*_at(places, reached), "o", color=grey(0.0), markersize=7)
    ax.set_title(f"λ = {span}: {counted(len(pieces), 'factor')} for {counted(lag, 'step')}", fontsize="medium")
    return ax


def animate(
    file: PathLike,
    paths: Sequence[tuple[Sequence[bool], int]] | None = None,
    factor: float = 0.4,
) -> Path:
    """Write an animation, in which a gradient walks back along paths of one lag, one below the other, as a GIF.

    Parameters
    ----------
    file : path
    paths : sequence of (hops, span), optional
        As in `path`, all with the same lag. None: 15 hops and 15 leaks in turn, and two hops with a span of 15.
    factor : float
        What is left after a piece, in (0, 1).

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If the lags differ, or the factor is out of range.

    Examples
    --------
    >>> ms.plots.animate("two.gif", paths=[([True, False], 1), ([True], 2)]).name
    'two.gif'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    checked_suffix(file, ".gif")
    factor = validate.number(factor, "factor", 0.0, 1.0, "()")
    paths = ((HALF_AND_HALF, 1), ((True, True), 15)) if paths is None else paths
    lags = {_places(hops, span)[-1][0] for hops, span in paths}
    if len(lags) != 1:
        raise ValueError(f"paths must have one lag in common, got lags {sorted(lags)}")
    (lag,) = lags
    figure = Figure(figsize=(7.2, 1.9 * len(paths)), layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots(len(paths), squeeze=False)[:, 0]
    pictures = []
    for walked in range(lag + 1):
        _paint(axes, paths, factor, walked)
        canvas.draw()
        figure.set_layout_engine("none")  # as in the first frame: what stays takes no room in the file
        pictures.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    few = pictures[-1].quantize(32)  # colours, the same in all frames
    frames = [picture.quantize(palette=few, dither=Image.Dither.NONE) for picture in pictures]
    gif, times = io.BytesIO(), [STEP_MS] * lag + [REST_MS]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    return storage.write_bytes(file, gif.getvalue())


def _paint(axes, paths, factor: float, walked: int) -> None:
    """Draw each path as it is `walked` steps from its end, and what is left there of a gradient of 1."""
    for ax, (hops, span) in zip(axes, paths):
        ax.clear()
        path(hops, span, (f"{factor:g}", f"{factor:g}"), walked, ax)
        n = _pieces_done(hops, span, walked)
        left = f"{counted(walked, 'step')} back, {counted(n, 'factor')}: {factor:g}$^{{{n}}}$ = {factor**n:.2g}"
        ax.set_title(f"λ = {span}: {left}", fontsize="medium")


def _places(hops: Sequence[bool], span: int) -> list[tuple[int, int]]:
    """List the ends of the pieces, (step, lane), from (0, 0) on; after the last lane the hops turn back."""
    step, n, places = 0, 0, [(0, 0)]
    for hop in hops:
        step, n = step + (span if hop else 1), n + bool(hop)
        around = n % (2 * LANES - 2)
        places.append((step, min(around, 2 * LANES - 2 - around)))
    return places


def _pieces_done(hops: Sequence[bool], span: int, walked: int) -> int:
    """Count the pieces that lie within the last `walked` steps as a whole."""
    places = _places(hops, span)
    return sum(step >= places[-1][0] - walked for step, _ in places[:-1])


def _curve(start, end) -> np.ndarray:
    """Return the line of a piece, (2, n): straight within one step, an arc over several."""
    share = np.linspace(0, 1, 61)
    (x0, y0), (x1, y1) = start, end
    bulge = 1.1 if x1 - x0 > 1 else 0.0
    return np.array([x0 + share * (x1 - x0), y0 + share * (y1 - y0) + 4 * bulge * share * (1 - share)])


def _at(places, step) -> tuple[float, float]:
    """Find where on the path a step is."""
    for start, end in pairwise(places):
        if start[0] <= step <= end[0]:
            x, y = _curve(start, end)
            return step, float(np.interp(step, x, y))
    raise AssertionError("the step lies on the path")


def _paper(ax: Axes, lag: int) -> None:
    """Draw the neurons at every step, and the axis of time."""
    grid = np.stack(np.meshgrid(np.arange(lag + 1), np.arange(LANES)), axis=-1).reshape(-1, 2)
    ax.plot(*grid.T, "o", color=grey(0.85), markersize=2, zorder=0)
    ticks = range(0, lag + 1, 5) if lag > 10 else range(lag + 1)
    ax.set_xticks(ticks, ["t", *(f"t+{step}" for step in ticks[1:])])
    ax.set_yticks([])
    ax.set_xlabel("time (steps)")
    ax.set_ylabel("neurons")
    ax.set(xlim=(-0.6, lag + 0.6), ylim=(-1.15, LANES + 0.1))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
