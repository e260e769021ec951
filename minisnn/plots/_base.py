"""What all figures share: colours, axes, files."""

import io

from minisnn._internal import storage

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def _axes(ax, width: float = 6.0, height: float = 3.6):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def save(path, paint, rows: int = 1, columns: int = 1, width: float = 6.0, height: float = 3.6):
    """Draw a figure of rows x columns axes with `paint(axes)`, axes being a flat array, and write it as PNG.

    Needs no display, and leaves nothing open; returns the path. Width and height are in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    paint(figure.subplots(rows, columns, squeeze=False).ravel())
    return storage.write_file(path, lambda file: file.write(_png(figure, dpi=120)))


def compact(figure) -> bytes:
    """A figure as PNG with few colours, a quarter of the usual bytes; `IPython.display.Image` shows it in a notebook.

    For figures of many panels, with which a notebook would grow too large. Closes the figure.
    """
    import matplotlib.pyplot as plt

    png = _png(figure, bbox_inches="tight")
    plt.close(figure)
    return png


def _png(figure, **options) -> bytes:
    """The figure as PNG with 128 colours."""
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", **options)
    picture = Image.open(whole).convert("RGB")
    kept = picture.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)  # thin lines keep theirs
    kept.save(small, "PNG", optimize=True)
    return small.getvalue()
