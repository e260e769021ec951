"""The project in one picture: what a skip is, how spans are learned, and what becomes of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minisnn.plots._base import COLOURS, _axes, grey
from minisnn.plots.gradients import gradient_flow
from minisnn.plots.training import span_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def skip(span: int, ax: Axes | None = None) -> Axes:
    """Draw a spike at step t that arrives `span` steps later, as in SRC, beside one that arrives at t + 1.

    Parameters
    ----------
    span : int
        λ, at least 2.
    ax : matplotlib Axes, optional
        None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ms.plots.skip(span=6).get_xlabel()
    'time step'
    """
    ax = _axes(ax)
    below, above = 0.0, 1.0  # the rows of I and of s
    steps = range(span + 2)
    for row, name in ((above, "spikes s"), (below, "current I")):
        ax.plot([-0.5, span + 1.5], [row, row], color=grey(0.75), linewidth=1, zorder=0)
        ax.plot(steps, [row] * len(steps), "|", color=grey(0.75), markersize=6, zorder=0)
        ax.text(-0.75, row, name, ha="right", va="center")
    ax.plot([0, 0], [above, above + 0.28], color=grey(0.0), linewidth=3, solid_capstyle="butt")  # the spike
    for delay, colour, bend in ((1, grey(0.6), -0.1), (span, COLOURS[1], -0.25)):
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1 + (delay > 1), "mutation_scale": 16}
        arrow |= {"connectionstyle": f"arc3,rad={bend}", "shrinkA": 2, "shrinkB": 2}
        ax.annotate("", (delay, below + 0.03), (0, above), arrowprops=arrow)
        ax.plot(delay, below, "o", color=colour, markersize=7)
    ax.text(1.15, below + 0.12, "RSNN: next step", color=grey(0.4), fontsize="small")
    ax.text(span / 2 + 0.9, above - 0.14, f"SRC: λ = {span} steps later", color=COLOURS[1], ha="left", va="bottom")
    ax.set_title("A spike arrives λ steps later")
    equation = r"(2)   $I[t] \,=\, x[t]\,W_{in} + b \,+\, \sum_k\, p_k \; s[t-k]\; W_{rec}$"
    kinds = r"RSNN: $p_1 = 1$      SRC: $p_\lambda = 1$      ASRC: $p = $ softmax$(a\,/\,T°)$, learned"
    for height, text, size in ((-0.75, equation, "large"), (-1.05, kinds, "small")):
        ax.text((span - 0.5) / 2, height, text, ha="center", va="center", fontsize=size)
    ax.spines["bottom"].set_position(("data", below - 0.1))  # the ticks stand below the currents
    ax.tick_params(length=0)
    ax.set_xticks([0, 1, span], ["t", "t + 1", "t + λ"])
    ax.set_yticks([])
    ax.set_xlabel("time step")
    ax.set(xlim=(-2.6, span + 1.7), ylim=(below - 1.2, above + 0.35))
    ax.spines[:].set_visible(False)
    return ax


def overview(span: int, history: Any, flows: Any, layer: int, axes: np.ndarray) -> np.ndarray:
    """Draw what a skip is, how ASRC's spans crystallise during training, and how the gradient fades.

    Parameters
    ----------
    span : int
        λ of the skip on the left.
    history : History
        Of an ASRC network.
    flows : dict of str to list of GradientFlow
        As in `gradient_flow`.
    layer : int
        Whose spans and gradients are shown.
    axes : array of four matplotlib Axes
        Two rows of two; the left two become one.

    Returns
    -------
    array of matplotlib Axes
        The three that are used.

    Examples
    --------
    `minisnn compare` draws it, and so:

    >>> ms.plots.overview(8, history, {"RSNN": [flow], "SRC λ=8": [skip_flow]}, 2, axes)  # doctest: +SKIP
    """
    left, spans, spare, gradients = axes
    left.set_subplotspec(left.get_gridspec()[:, 0])
    spare.remove()
    skip(span, left)
    span_weights(history, layer, spans)
    spans.set_title("ASRC learns its span: the weights crystallise", fontsize="medium")
    gradient_flow(flows, layer, gradients)
    gradients.set_title("The gradient fades far more slowly with a skip", fontsize="medium")
    return axes[[0, 1, 3]]
