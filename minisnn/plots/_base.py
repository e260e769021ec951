"""Colours, axes and files, shared by all figures."""

import io

from minisnn._internal import storage

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def _axes(ax, width: float = 6.0, height: float = 3.6):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def save(path, paint, rows: int = 1, columns: int = 1, width: float = 6.0, height: float = 3.6):
    """Draw a figure of rows x columns axes and write it as PNG; this needs no display and leaves no figure open.

    Parameters
    ----------
    path : path
    paint : callable
        `paint(axes)` draws on a flat array of axes.
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

    Examples
    --------
    >>> v = np.array([[0.4, 1.1], [0.7, 0.3]])
    >>> ms.plots.save("potentials.png", lambda axes: ms.plots.potentials(v, v, ax=axes[0])).name
    'potentials.png'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    paint(figure.subplots(rows, columns, squeeze=False).ravel())
    return storage.write_file(path, lambda file: file.write(_png(figure, dpi=120)))


def compact(figure) -> bytes:
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


def _png(figure, **options) -> bytes:
    """Render the figure as PNG with 128 colours."""
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", **options)
    picture = Image.open(whole).convert("RGB")
    kept = picture.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)  # thin lines keep their colours
    kept.save(small, "PNG", optimize=True)
    return small.getvalue()
