"""Learned spans: who leads over training, in several runs; the mixture beside its arg-max span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn.plots._base import _axes, colours, label_axes, legend, seeds_by_name
from minisnn.plots.training import span_history, span_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def span_maps(histories: dict[str, Any], layer: int = 0, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the span weights p of one ASRC layer over training for several runs, side by side, with one colour bar.

    Parameters
    ----------
    histories : dict of str to History
        Runs by name; a title says which span leads in the end.
    layer : int
        Which hidden layer, from 0.
    axes : sequence of matplotlib Axes, optional
        One per run; None: a new figure.

    Returns
    -------
    sequence of matplotlib Axes

    Raises
    ------
    ValueError
        If there is no such layer, or it is not ASRC; if a history has no epochs, or there are more or fewer axes.

    Examples
    --------
    >>> run = ms.History([{"span_weights": [[0.25, 0.25, 0.5]]}, {"span_weights": [[0.0, 0.1, 0.9]]}])
    >>> axes = ms.plots.span_maps({"seed 0": run, "seed 1": run})
    >>> [ax.get_title() for ax in axes]
    ['seed 0: last span 3', 'seed 1: last span 3']
    """
    runs = seeds_by_name(histories, "histories", "History", "column")
    several = [name for name, histories in runs.items() if len(histories) > 1]
    if several:
        raise ValueError(f"histories must have one run per name, got several of {', '.join(several)}")
    weights = {name: span_history(run, layer) for name, (run,) in runs.items()}
    if axes is None:
        import matplotlib.pyplot as plt

        size = (2.7 * len(weights) + 0.9, 2.8)
        axes = plt.subplots(1, len(weights), figsize=size, layout="constrained", squeeze=False)[1][0]
    if len(axes) != len(weights):
        raise ValueError(f"axes must be one per run, {len(weights)}, got {len(axes)}")
    for ax, (name, p) in zip(axes, weights.items()):
        image = span_image(p, ax)
        ax.set_title(f"{name}: last span {int(p[:, -1].argmax()) + 1}", fontsize="medium")
        ax.xaxis.get_major_locator().set_params(integer=True)
    for ax in axes[1:]:
        ax.set_ylabel("")
    axes[0].figure.colorbar(image, ax=list(axes), pad=0.02, label="span weight p")
    return axes


def soft_and_hard(histories: Any, ax: Axes | None = None) -> Axes:
    """Draw the validation accuracy of the mixture and of its arg-max span alone over epochs.

    Each seed is a thin line, the mean a thick one.

    Parameters
    ----------
    histories : History, or list of History
        One per seed, of one length.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> epochs = [{"validation_accuracy_soft": 0.5 + i / 10, "validation_accuracy_hard": i / 10} for i in range(4)]
    >>> ms.plots.soft_and_hard(ms.History(epochs)).get_ylabel()
    'validation accuracy (%)'
    """
    of_models = seeds_by_name(histories, "histories", "History", "column")
    if len(of_models) > 1:
        raise ValueError(f"histories must be those of one model, got {', '.join(of_models)}")
    (runs,) = of_models.values()
    ax = _axes(ax)
    kinds = {"soft": ("soft: the mixture", "-"), "hard": ("hard: the arg-max span alone", "--")}
    for colour, (kind, (name, line)) in zip(colours(), kinds.items()):
        curves = 100 * np.array([run.column(f"validation_accuracy_{kind}") for run in runs])  # (seeds, epochs)
        epochs = np.arange(1, curves.shape[1] + 1)
        for curve in curves:
            ax.plot(epochs, curve, line, color=colour, linewidth=0.8, alpha=0.4)
        ax.plot(epochs, curves.mean(axis=0), line, color=colour, linewidth=2, label=name)
    ax.xaxis.get_major_locator().set_params(integer=True)
    label_axes(ax, "epoch", "validation accuracy (%)")
    legend(ax, title=f"mean and {len(runs)} seeds" if len(runs) > 1 else None)
    return ax
