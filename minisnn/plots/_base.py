"""Colours, axes, arguments and files, shared by all figures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn._internal import storage
from minisnn._internal.types import PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def colours() -> tuple[str, ...]:
    """Return `COLOURS`, with the style's colour of text in place of black, which a dark style would swallow.

    Returns
    -------
    tuple of colour

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.style.context("dark_background"):
    ...     ms.plots.colours()[-1]
    'white'
    """
    return (*COLOURS[:-1], grey(0.0))


def grey(level: float) -> Any:
    """Return a grey as it is on white paper, 0 black and 1 white: the style's colour of text, thinned."""
    import matplotlib
    from matplotlib.colors import to_rgba

    text = matplotlib.rcParams["text.color"]
    return to_rgba(text, 1 - level) if level > 0 else text


def _axes(ax: Axes | None, width: float = 6.0, height: float = 3.6) -> Axes:
    if ax is not None:
        if not hasattr(ax, "plot"):
            slip = "; did you mean axes[0]?" if isinstance(ax, np.ndarray | list | tuple) else ""
            raise TypeError(f"ax must be matplotlib Axes, got {type(ax).__name__}{slip}")
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def label_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Name both axes, and draw a light grid."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)


def legend(ax: Axes, **options) -> None:
    """Add a legend without a frame, if anything has a name."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, **options)


def seeds_by_name(things, name: str, kind: str, attribute: str) -> dict[str | None, list]:
    """Return lists with one thing per seed by name, from a thing, a list, or a dict of either; None is no name.

    A `kind` is known by its attribute: the classes stand above this folder.
    """
    groups = things if isinstance(things, dict) else {None: things}
    lists = {key: list(group) if isinstance(group, list | tuple) else [group] for key, group in groups.items()}
    if not lists or not all(lists.values()):
        raise ValueError(f"{name} is empty, or holds an empty list: there is nothing to draw")
    for thing in (thing for group in lists.values() for thing in group):
        if not hasattr(thing, attribute):
            what = f"a {kind}, a list with one per seed, or a dict of them by name"
            raise TypeError(f"{name} must be {what}; got {type(thing).__name__}")
    return lists


def arrays_by_name(things, name: str, axes: str, ndim: int | None = 1) -> dict[str | None, np.ndarray]:
    """Return arrays by name, from an array or a dict of them; each of real numbers, with these axes (None: any)."""
    things = things if isinstance(things, dict) else {None: things}
    groups = {key: np.asarray(array) for key, array in things.items()}
    if not groups:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    for array in groups.values():
        if ndim not in (None, array.ndim) or array.dtype.kind not in "biuf":
            got = f"shape {array.shape}, dtype {array.dtype}"
            raise ValueError(f"{name} must be an array {axes}, or a dict of them by name, got {got}")
    return groups


def pairs_by_name(things, name: str, what: str) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    """Return pairs of arrays (n,) by name, from a pair or a dict of them."""
    groups = things if isinstance(things, dict) else {None: things}
    for pair in groups.values():
        if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2 or np.shape(pair[0]) != np.shape(pair[1]):
            raise ValueError(f"{name} must be a pair of arrays of one length, {what}, or a dict of them by name")
    if not groups:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    return {key: (np.asarray(x), np.asarray(y)) for key, (x, y) in groups.items()}


def save(path: PathLike, paint: Any, rows: int = 1, columns: int = 1, width: float = 6.0, height: float = 3.6) -> Path:
    """Draw a figure of rows x columns axes and write it as PNG; this needs no display and leaves no figure open.

    Parameters
    ----------
    path : path
    paint : callable, or matplotlib Axes
        `paint(axes)` draws on a flat array of axes. Of axes, one or an array, or a Figure, what is drawn there is
        written as it is, and left open.
    rows, columns : int
    width, height : float
        In inches, of the whole figure.

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If the file can't be written.
    TypeError
        If `paint` is neither a function nor something drawn.

    Examples
    --------
    >>> v = np.array([[0.4, 1.1], [0.7, 0.3]])
    >>> ms.plots.save("potentials.png", lambda axes: ms.plots.potentials(v, v, ax=axes[0])).name
    'potentials.png'
    >>> ms.plots.save("again.png", ms.plots.potentials(v)).name
    'again.png'
    """
    checked_suffix(path, ".png")
    figure = _drawn(paint)
    if figure is not None:
        return storage.write_bytes(path, _png(figure, dpi=120))
    if not callable(paint):
        raise TypeError(f"paint must be a function of axes, or axes or a Figure, got {type(paint).__name__}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    paint(figure.subplots(rows, columns, squeeze=False).ravel())
    return storage.write_bytes(path, _png(figure, dpi=120))


def checked_suffix(path, suffix: str) -> None:
    """Raise ValueError for the name of another kind of file."""
    if Path(path).suffix.lower() not in ("", suffix):
        raise ValueError(f"the file is a {suffix}, whatever its name; got {Path(path).name!r}")


def _drawn(thing) -> Figure | None:
    """Return the figure of axes, of the first of several axes, or the figure itself; None of anything else."""
    if isinstance(thing, np.ndarray | list | tuple) and np.size(thing):
        thing = np.ravel(np.asarray(thing, object))[0]
    if hasattr(thing, "savefig"):
        return thing
    return thing.get_figure() if hasattr(thing, "get_figure") else None


def compact(figure: Figure) -> bytes:
    """Close a figure and return it as PNG with few colours, at a quarter of the usual size.

    It keeps notebooks with figures of many panels small; `IPython.display.Image` shows the bytes.

    Parameters
    ----------
    figure : Figure
        Of matplotlib's pyplot.

    Returns
    -------
    bytes

    Examples
    --------
    >>> ax = ms.plots.step_sweep([1e-2, 1e-4], [1e-3, 1e-7])
    >>> ms.plots.compact(ax.figure)[1:4]
    b'PNG'
    """
    import matplotlib.pyplot as plt

    png = _png(figure, bbox_inches="tight")
    plt.close(figure)
    return png


def _png(figure: Figure, **options) -> bytes:
    """Render the figure as PNG with 128 colours."""
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", **options)
    picture = Image.open(whole).convert("RGB")
    kept = picture.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)  # thin lines keep their colours
    kept.save(small, "PNG", optimize=True)
    return small.getvalue()
