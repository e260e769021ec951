"""Neurons: potentials, spikes, firing rates, and the graph of their equations."""

from itertools import cycle

import numpy as np

from minisnn.plots._base import COLOURS, _axes


def spikes(tape, sequence: int = 0, ax=None):
    """Draw the spikes of one recorded sequence in all layers, one row per neuron, the first layer at the bottom.

    Parameters
    ----------
    tape : Tape
        From `Network.record`.
    sequence : int
        Its index in the batch.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> tape = ms.Network([1, 8, 4, 2]).record(np.ones((3, 20, 1)))
    >>> len(ms.plots.spikes(tape, sequence=2).get_yticks())  # layers
    2
    """
    ax = _axes(ax, height=4.5)
    offset, ticks, names = 0, [], []
    for i, layer in enumerate(tape.layers):
        s = layer.s[sequence, : tape.lengths[sequence]]
        t, n = np.nonzero(s)
        ax.scatter(t, n + offset, s=5, marker="|", linewidths=0.8, color=COLOURS[i % len(COLOURS)])
        ticks.append(offset + s.shape[1] / 2)
        names.append(f"layer {i}\n{s.shape[1]} neurons\n{s.mean():.1%} firing")
        offset += s.shape[1]
        ax.axhline(offset - 0.5, color="0.8", linewidth=0.5)
    ax.set_xlim(-1, tape.lengths[sequence])
    ax.set_ylim(-0.5, offset - 0.5)
    ax.set_yticks(ticks, names)
    ax.set_xlabel("time (steps)")
    return ax


def potentials(v, v_reset, threshold: float | None = None, names: list[str] | None = None, ax=None):
    """Draw the potential of neurons over time: from v[t] down to v⁺[t] where a spike resets it, and on to v[t+1].

    Parameters
    ----------
    v, v_reset : array (T, N)
        Before and after the reset, one column per neuron.
    threshold : float, optional
        θ of all neurons: a dashed line, with a dot at each v[t] that reaches it, a spike.
    names : list of str, optional
        One per neuron, for the legend.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> layer = ms.Network([1, 8, 2]).record(np.ones((1, 20, 1))).layers[0]
    >>> ax = ms.plots.potentials(layer.v[0], layer.v_reset[0], threshold=1.0)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (steps)', 'potential v')
    """
    ax = _axes(ax)
    steps = np.arange(len(v))
    for i, colour in zip(range(v.shape[1]), cycle(COLOURS)):
        path = np.column_stack([v[:, i], v_reset[:, i]]).ravel()  # v[0], v⁺[0], v[1], v⁺[1], ...
        ax.plot(np.repeat(steps, 2), path, color=colour, linewidth=1.2, label=names[i] if names else None)
        if threshold is not None:
            fires = v[:, i] >= threshold
            ax.plot(steps[fires], v[fires, i], "o", color=colour, markersize=4)
    if threshold is not None:
        ax.axhline(threshold, color="0.5", linestyle="--", linewidth=1)
        beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate("θ", (1, threshold), xycoords=("axes fraction", "data"), **beside)
    ax.set_xlabel("time (steps)")
    ax.set_ylabel("potential v")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    if names:
        ax.legend(frameon=False)
    return ax


def firing_rates(currents, rates: dict, ax=None):
    """Draw firing rate against constant input current (the f-I curve), one line per neuron.

    Parameters
    ----------
    currents : array (n,)
    rates : dict of str to array (n,)
        Spikes per step, by name of the neuron.
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
    ax = _axes(ax)
    for colour, (name, rate) in zip(cycle(COLOURS), rates.items()):
        ax.plot(currents, rate, color=colour, linewidth=1.5, label=name)
    ax.set_xlabel("constant current I (potential per step)")
    ax.set_ylabel("firing rate (spikes per step)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def potential_density(distances: dict, surrogate, ax=None):
    """Draw the distribution of the distances v - θ of each layer, and where the surrogate lets gradient through.

    Parameters
    ----------
    distances : dict of str to array
        v - θ by name, of any shape: an outline each.
    surrogate : surrogate
        Its derivative σ′ is the grey area, on the right axis.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> tape = ms.Network([1, 8, 2]).record(np.ones((3, 20, 1)))
    >>> ms.plots.potential_density({"layer 0": tape.layers[0].v - 1.0}, ms.Sigmoid()).get_xlabel()
    'distance from the threshold, v - θ'
    """
    ax = _axes(ax)
    ends = [np.quantile(u, q) for u in distances.values() for q in (0.001, 0.999)]
    low, high = min(*ends, -1.2 * surrogate.width), max(*ends, 1.2 * surrogate.width)
    bins = np.linspace(low, high, 81)
    for colour, (name, u) in zip(cycle(COLOURS), distances.items()):
        weights = np.full(np.size(u), 100 / np.size(u))
        ax.hist(np.ravel(u), bins, weights=weights, histtype="step", color=colour, linewidth=1.6, label=name)
    ax.axvline(0, color="0.3", linestyle="--", linewidth=1)
    ax.set_xlabel("distance from the threshold, v - θ")
    ax.set_ylabel("share of all v[t] (% per bin)")
    ax.legend(frameon=False, loc="upper right")
    right = ax.twinx()
    grid = np.linspace(low, high, 801)
    right.fill_between(grid, surrogate.derivative(grid), color="0.5", alpha=0.25, linewidth=0)
    right.set_ylim(bottom=0)
    right.set_ylabel("surrogate derivative σ′")
    return ax


def unrolled(steps: int = 3, recurrent: bool = False, backward: bool = False, ax=None):
    """Draw one neuron unrolled over time as a graph: what each of v[t], s[t], v⁺[t] (and z[t]) goes into.

    Parameters
    ----------
    steps : int
        How many to draw.
    recurrent : bool
        Whether to draw z[t], which goes into the next step.
    backward : bool
        Whether to draw the backward pass instead: the gradient that each node collects, with the local derivative on
        every arrow.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> len(ms.plots.unrolled(steps=4, backward=True).get_xticks())
    4
    """
    ax = _axes(ax, width=10.0, height=3.2)
    names = ("δ", "∂L/∂s", "c", "q") if backward else ("v", "s", "v⁺", "z")
    places = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.0), (0.5, 1.0))
    edges = [(0, 1, 0, "σ′"), (0, 2, 0, "1 − h s"), (1, 2, 0, "−(a θ + h v)"), (2, 0, 1, "β")]
    edges += [(3, 0, 1, "1"), (1, 3, 0, "$W_{rec}$")] if recurrent else []
    shown = range(4 if recurrent else 3)
    for t in range(steps):
        _arrow(ax, (t, 1.0), (t, 2.05), backward, COLOURS[2], "e")
        ax.annotate("above", (t, 1.8), ha="center", va="bottom", fontsize="small", color=COLOURS[2])
        if not backward:
            _arrow(ax, (t, -0.95), (t, 0.0), False, "0.4", "")
            ax.annotate(f"I[{t}]", (t, -0.75), ha="center", va="top", fontsize="small", color="0.4")
        for a, b, later, label in edges:
            if t + later < steps:
                start, end = ((t + dt + places[i][0], places[i][1]) for i, dt in ((a, 0), (b, later)))
                _arrow(ax, start, end, backward, COLOURS[1 if backward else 0], label)
        for i in shown:
            at = t + places[i][0], places[i][1]
            ax.scatter(*at, s=1300, color="white", edgecolors="0.3", zorder=2)
            ax.annotate(f"{names[i]}[{t}]", at, ha="center", va="center", fontsize=8 if len(names[i]) > 2 else 10)
    ax.set_xlim(-0.4, steps - 0.1)
    ax.set_ylim(-0.45 if backward else -1.1, 2.15)
    ax.set_xticks(range(steps))
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.set_xlabel("time t (steps)")
    return ax


def _arrow(ax, start, end, backward: bool, colour, label: str):
    """Draw an arrow between two nodes of `unrolled`; backwards, it points the other way and carries its label."""
    tail, head = (end, start) if backward else (start, end)
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 18, "shrinkB": 18, "linewidth": 1.4}
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    if backward and label:
        at = [(p + q) / 2 for p, q in zip(start, end)]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        ax.annotate(label, at, ha="center", va="center", fontsize=8, color=colour, bbox=box, zorder=3)


def signed_grid(values, rows, ax=None):
    """Draw numbers over time as a table, one column per step; the larger a number, the stronger its colour.

    Parameters
    ----------
    values : array (len(rows), T)
        Positive numbers are blue, negative ones orange.
    rows : list of str
        Names of the rows, from the top.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> ax = ms.plots.signed_grid([[0.5, -0.2], [0.0, 1.0]], ["q", "δ"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['q', 'δ']
    """
    from matplotlib.colors import to_rgba

    values = np.asarray(values, float)
    ax = _axes(ax, width=1.1 * values.shape[1] + 1.4, height=0.55 * len(values) + 0.8)
    cells = np.array([[to_rgba(COLOURS[0] if v >= 0 else COLOURS[1]) for v in row] for row in values])
    largest = np.abs(values).max(initial=0.0)
    cells[..., 3] = 0.75 * (np.abs(values) / largest if largest > 0 else 0.0)
    ax.imshow(cells, aspect="auto", interpolation="nearest")
    for (row, t), value in np.ndenumerate(values):
        ax.annotate(f"{value:.3g}" if value else "0", (t, row), ha="center", va="center", fontsize="small")
    ax.set_xticks(range(values.shape[1]))
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel("time t (steps)")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def curves(x, values: dict, xlabel: str, ylabel: str, ax=None):
    """Draw several curves over one x.

    Parameters
    ----------
    x : array (n,)
    values : dict of str to array (n,)
        One line each, by name.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> u = np.linspace(-2, 2, 9)
    >>> ms.plots.curves(u, {"triangle": ms.Triangle().derivative(u)}, "v - θ", "σ′").get_ylabel()
    'σ′'
    """
    ax = _axes(ax)
    for colour, line, (name, y) in zip(cycle(COLOURS), cycle(("-", "--", "-.", ":")), values.items()):
        ax.plot(x, y, line, color=colour, linewidth=1.6, label=name)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax
