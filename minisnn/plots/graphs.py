"""The graph of a spiking neuron over time: what each variable goes into, and the same walked backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minisnn.plots._base import COLOURS, _axes, grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACES = {"v": (0.0, 0.0), "s": (0.0, 1.0), "v⁺": (0.5, 0.0), "z": (0.5, 1.0)}  # in the column of a step
COLLECTED = {"v": "δ", "s": "∂L/∂s", "v⁺": "c", "z": "q"}  # what a node gathers on the way back
WAYS = ("above", "recurrence", "reset", "membrane")  # three routes of s[t], and all that is not one of them
INNER = (("v", "s", 0, "membrane"), ("v", "v⁺", 0, "membrane"), ("v⁺", "v", 1, "membrane"), ("s", "v⁺", 0, "reset"))
RECURRENT = (("s", "z", 0, "recurrence"), ("z", "v", 1, "recurrence"))
FORWARD = {"above": "s[t] goes above", "recurrence": "s[t] goes through $W_{rec}$", "reset": "s[t] resets v"}
BACKWARD = {"above": "from above", "recurrence": "back through $W_{rec}^T$", "reset": "back through the reset"}


def unrolled(
    steps: int = 3,
    recurrent: bool = False,
    backward: bool = False,
    reset: tuple[str, str] = ("1 − h s", "−(a θ + h v)"),
    ax: Axes | None = None,
) -> Axes:
    """Draw one neuron unrolled over time as a graph: what each of v[t], s[t], v⁺[t] (and z[t]) goes into.

    The routes that a spike s[t] takes have a colour each: above, through W_rec, and into its own reset.

    Parameters
    ----------
    steps : int
        How many to draw.
    recurrent : bool
        Whether to draw z[t], which goes into the next step.
    backward : bool
        Whether to draw the backward pass instead: the gradient that each node collects, with the local derivative
        beside every arrow.
    reset : (str, str)
        The derivatives of v⁺[t] with respect to v[t] and to s[t], as they are to be written.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> len(ms.plots.unrolled(steps=4, backward=True).get_xticks())
    4
    >>> soft = ms.plots.unrolled(backward=True, reset=("1", "−θ"))
    """
    ax = _axes(ax, width=10.0, height=4.2 if recurrent else 3.8)
    names = COLLECTED if backward else {name: name for name in PLACES}
    edges = INNER + RECURRENT if recurrent else INNER
    factors = {"vs": "σ′", "vv⁺": reset[0], "sv⁺": reset[1], "v⁺v": "β", "sz": "$W_{rec}^T$", "zv": "1"}
    factors = factors if backward else {"sz": "$W_{rec}$"}
    for t in range(steps):
        _outside(ax, t, backward)
        for a, b, later, way in edges:
            if t + later < steps:
                _arrow(ax, _place(a, t), _place(b, t + later), backward, way, factors.get(a + b, ""))
        for name in PLACES if recurrent else list(PLACES)[:3]:
            ax.scatter(*_place(name, t), s=1500, color=[ax.get_facecolor()], edgecolors=[grey(0.3)], zorder=2)
            size = 8 if len(names[name]) > 2 else 11
            ax.annotate(f"{names[name]}[{t}]", _place(name, t), ha="center", va="center", fontsize=size, zorder=4)
    ax.set_xlim(-0.35, steps - 0.2)
    ax.set_ylim(-0.45 if backward else -1.0, 2.0)
    ax.set_xticks(range(steps))
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.set_xlabel("time t (steps)")
    _name_ways(ax, edges, backward)
    return ax


def _place(name: str, t: int) -> tuple[float, float]:
    """Return where a node stands."""
    return t + PLACES[name][0], PLACES[name][1]


def _colour(way: str) -> Any:
    """Return the colour of a way; what is not a route of a spike has the style's colour of text."""
    return {"above": COLOURS[2], "recurrence": COLOURS[0], "reset": COLOURS[1], "membrane": grey(0.0)}[way]


def _outside(ax, t: int, backward: bool) -> None:
    """Draw the arrows of a step to and from outside: what goes above, or e[t], and on the way forward I[t]."""
    _arrow(ax, (t, 1.0), (t, 1.9), backward, "above", "")
    word = f"e[{t}]" if backward else "above"
    ax.annotate(word, (t, 1.72), ha="center", va="bottom", color=_colour("above"))
    if not backward:
        _arrow(ax, (t, -0.9), (t, 0.0), False, "membrane", "")
        ax.annotate(f"I[{t}]", (t, -0.72), ha="center", va="top", color=_colour("membrane"))


def _arrow(ax, start, end, backward: bool, way: str, label: str) -> None:
    """Draw an arrow between two places; backwards, it points the other way. Its label stands beside it."""
    tail, head = (end, start) if backward else (start, end)
    style = {"arrowstyle": "-|>", "color": _colour(way), "shrinkA": 20, "shrinkB": 20, "linewidth": 1.6}
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    if not label:
        return
    flat, upright = start[1] == end[1], start[0] == end[0]
    offset, ha, va = (0, 4), "center", "bottom"
    if not flat:
        offset, ha, va = ((-6, 0), "right", "center") if upright else ((7, 2), "left", "center")
    at = [(p + q) / 2 for p, q in zip(start, end)]
    ax.annotate(label, at, offset, textcoords="offset points", ha=ha, va=va, color=_colour(way), fontsize=10)


def _name_ways(ax, edges, backward: bool) -> None:
    """Add a legend of the colours above the graph."""
    from matplotlib.lines import Line2D

    words = BACKWARD if backward else FORWARD
    words = words | {"membrane": "along the membrane, and σ′" if backward else "all else"}
    drawn = {"above", *(way for *_, way in edges)}
    shown = [way for way in WAYS if way in drawn]
    lines = [Line2D([], [], color=_colour(way), linewidth=2) for way in shown]
    ax.legend(lines, [words[way] for way in shown], ncols=len(shown), loc="lower center", bbox_to_anchor=(0.5, 1.0),
              frameon=False)  # fmt: skip
