"""The figures. Each function takes `ax` (None: a new figure), draws on it alone, returns it, and changes none of its
input.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart, and `cividis`; matplotlib is imported
when a figure is first drawn.
"""

from itertools import cycle, product

import numpy as np

from minisnn import storage

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
    return storage.write_file(path, lambda file: figure.savefig(file, format="png", dpi=120))


def step_sweep(steps, errors, ax=None):
    """The V of central differences: largest relative error over step size, both on log axes (`checks.step_sweep`)."""
    ax = _axes(ax)
    ax.loglog(steps, errors, color=COLOURS[0], marker="o", markersize=4)
    ax.set_xlabel("step size h of (L(w + h) - L(w - h)) / 2h")
    ax.set_ylabel("largest relative error")
    ax.annotate("rounding, 1/h", (0.04, 0.06), xycoords="axes fraction")
    ax.annotate("curvature, h²", (0.96, 0.06), xycoords="axes fraction", ha="right")
    ax.grid(alpha=0.3)
    return ax


def bench(results: dict, axes=None):
    """A benchmark's ratios to dense products as bars, and its growth as lines on log axes; two axes (`bench.bench`)."""
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(1, 2, figsize=(11.0, 4.0), layout="constrained")[1]
    names = list(results["models"])
    ratios = [np.median(r["seconds"]) / r["dense"] for r in results["models"].values()]
    axes[0].barh(names, ratios, color=COLOURS[0])
    axes[0].axvline(1.0, color="0.3", linewidth=1)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("time, relative to dense matrix products at the BLAS peak")
    for colour, (axis, sizes) in zip(cycle(COLOURS), results["growth"].items()):
        x, y = np.array(list(sizes), float), np.array(list(sizes.values()))
        axes[1].loglog(x / x[0], y / y[0], color=colour, marker="o", markersize=4, label=f"{axis} from {x[0]:.0f}")
    grid = np.array([1.0, 16.0])
    axes[1].loglog(grid, grid, color="0.6", linestyle="--", linewidth=1, label="proportional")
    axes[1].set_xlabel("size, relative to the smallest")
    axes[1].set_ylabel("time, relative to the smallest")
    axes[1].grid(alpha=0.3)
    axes[1].legend(frameon=False)
    return axes


def learning_curves(histories: dict[str, list], column: str = "validation_accuracy_hard", ax=None):
    """A column of the histories over epochs: for each model every seed as a thin line, their mean as a thick one.

    Parameters
    ----------
    histories : dict of str to list of History
        Models by name, one history a seed.
    column : str
        Which column of `History`; an accuracy is shown in per cent.
    """
    ax = _axes(ax)
    percent = "accuracy" in column
    for colour, (name, runs) in zip(cycle(COLOURS), histories.items()):
        curves = [np.array(run.column(column)) * (100 if percent else 1) for run in runs]
        for curve in curves:
            ax.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=0.7, alpha=0.4)
        shortest = min(map(len, curves))
        mean = np.mean([curve[:shortest] for curve in curves], axis=0)
        ax.plot(np.arange(1, shortest + 1), mean, color=colour, linewidth=2, label=name)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(column.replace("_", " ") + (" (%)" if percent else ""))
    ax.grid(alpha=0.3)
    n_seeds = max(map(len, histories.values()))
    ax.legend(title=f"mean and {n_seeds} seeds" if n_seeds > 1 else None, frameon=False)
    return ax


def sweep(rows: list[dict], setting: str, ax=None):
    """Test accuracy against a setting: every seed as a dot, the mean as a line, for each model or other settings.

    Runs without the setting (an ASRC beside SRCs of several spans) are a band from the worst to the best seed, with
    their mean as a dashed line.

    Parameters
    ----------
    rows : list of dict
        From `minisnn.sweep`.
    setting : str
        A setting that is a number, for the horizontal axis.
    """
    ax = _axes(ax)
    groups = {}
    for row in rows:
        rest = [(k, v) for k, v in list(row.items())[: list(row).index("seed")] if k != setting]
        groups.setdefault((", ".join(f"{k}={v}" for k, v in rest) or "runs", setting in row), []).append(row)
    styles = product((("o", "-"), ("s", "--"), ("^", ":")), COLOURS)  # where colours repeat, the rest differs
    for ((marker, line), colour), ((name, has_setting), runs) in zip(cycle(styles), groups.items()):
        accuracies = 100 * np.array([run["test_accuracy"] for run in runs])
        if has_setting:
            x = np.array([run[setting] for run in runs])
            places = np.unique(x)
            means = [accuracies[x == place].mean() for place in places]
            ax.plot(x, accuracies, marker, color=colour, markersize=4, alpha=0.5)
            ax.plot(places, means, line, color=colour, linewidth=2, label=name)
        else:
            ax.axhspan(accuracies.min(), accuracies.max(), color=colour, alpha=0.2, linewidth=0)
            ax.axhline(accuracies.mean(), color=colour, linestyle="--", linewidth=1.5, label=name)
    ax.set_xlabel(setting.replace("_", " ") + (" λ (steps)" if setting == "span" else ""))
    ax.set_ylabel("test accuracy (%)")
    ax.grid(alpha=0.3)
    outside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(groups) > 5 else {}
    ax.legend(frameon=False, **outside)
    return ax


def span_weights(history, layer: int, ax=None):
    """The span weights p of one ASRC layer over training: a heat map, epoch against span."""
    ax = _axes(ax)
    if history.column("span_weights")[0][layer] is None:
        raise ValueError(f"layer {layer} has no span weights: it is not ASRC")
    p = np.array([weights[layer] for weights in history.column("span_weights")]).T  # (K, epochs)
    image = ax.imshow(
        p, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="nearest",
        extent=(0.5, p.shape[1] + 0.5, 0.5, p.shape[0] + 0.5),
    )  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label="span weight p")
    ax.set_xlabel("epoch")
    ax.set_ylabel("span (steps)")
    ax.set_title(f"layer {layer}: last span {int(p[:, -1].argmax()) + 1}", fontsize="medium")
    ax.yaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return ax


def gradient_flow(flows: dict[str, list], layer: int, ax=None):
    """‖∂L/∂v[t]‖ of one layer over the steps before the readout, on a log axis, each relative to its value at lag 0.

    Parameters
    ----------
    flows : dict of str to list of GradientFlow
        Models by name, one flow a seed: thin lines are the seeds' medians over sequences, the thick line their
        geometric mean.
    """
    ax = _axes(ax)
    for colour, (name, runs) in zip(cycle(COLOURS), flows.items()):
        curves = []
        for flow in runs:
            norms = flow.norms[layer][:, flow.at :: -1]  # lag 0, 1, ...
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = np.where(norms[:, :1] > 0, norms / norms[:, :1], np.nan)
            alive = relative[~np.isnan(relative).any(axis=1)]  # where no gradient starts, none can shrink
            curves.append(np.median(alive, axis=0) if len(alive) else np.full(relative.shape[1], np.nan))
            ax.plot(curves[-1], color=colour, linewidth=0.7, alpha=0.4)
        with np.errstate(divide="ignore"):
            mean = np.exp(np.mean(np.log(curves), axis=0))
        ax.plot(mean, color=colour, linewidth=2, label=name)
    ax.set_yscale("log")
    ax.set_xlabel("steps before the readout")
    ax.set_ylabel("‖∂L/∂v[t]‖, relative")
    ax.set_title(f"layer {layer}", fontsize="medium")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def spikes(tape, sequence: int = 0, ax=None):
    """The spikes of one recorded sequence in all layers, one row a neuron, the first layer at the bottom."""
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


def unrolled(steps: int = 3, recurrent: bool = False, backward: bool = False, ax=None):
    """One neuron unrolled over time as a graph: what each of v[t], s[t], v⁺[t] (and z[t]) goes into; or, backwards,
    what gradient each collects, with the local derivative on every arrow."""
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
    """An arrow between two nodes of `unrolled`; backwards, it points the other way and carries its label."""
    tail, head = (end, start) if backward else (start, end)
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 18, "shrinkB": 18, "linewidth": 1.4}
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    if backward and label:
        at = [(p + q) / 2 for p, q in zip(start, end)]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        ax.annotate(label, at, ha="center", va="center", fontsize=8, color=colour, bbox=box, zorder=3)


def signed_grid(values, rows, ax=None):
    """Numbers over time as a table: a row each for `rows`, a column a step; the stronger the colour, the larger.

    Parameters
    ----------
    values : array (len(rows), T)
        Positive numbers are blue, negative ones orange.
    rows : list of str
        Names of the rows, from the top.
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


def potentials(v, v_reset, threshold: float | None = None, names: list[str] | None = None, ax=None):
    """The potential of neurons over time: from v[t] down to v⁺[t] where a spike resets it, and on to v[t+1].

    Parameters
    ----------
    v, v_reset : array (T, N)
        Before and after the reset, one column a neuron.
    threshold : float, optional
        θ of all of them: a dashed line, and a dot at every v[t] that reaches it, a spike.
    names : list of str, optional
        One a neuron, for the legend.
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
    """Firing rate against constant input current (the f-I curve), one line for each neuron by name.

    Parameters
    ----------
    currents : array (n,)
    rates : dict of str to array (n,)
        Spikes a step.
    """
    ax = _axes(ax)
    for colour, (name, rate) in zip(cycle(COLOURS), rates.items()):
        ax.plot(currents, rate, color=colour, linewidth=1.5, label=name)
    ax.set_xlabel("constant current I (potential a step)")
    ax.set_ylabel("firing rate (spikes a step)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def over_spans(curves: dict, ylabel: str, marked=(), ax=None):
    """A number for each span 1 .. K, one series for each name: dots, and between them a faint line to lead the eye,
    since there is no span between two.

    Parameters
    ----------
    curves : dict of str to array (K,)
    ylabel : str
    marked : sequence of int
        Spans that a dashed line marks.
    """
    ax = _axes(ax)
    for span in marked:
        ax.axvline(span, color="0.6", linestyle="--", linewidth=1)
    for colour, (name, values) in zip(cycle(COLOURS), curves.items()):
        spans = np.arange(1, len(values) + 1)
        ax.plot(spans, values, color=colour, linewidth=0.7, alpha=0.4)
        ax.plot(spans, values, "o", color=colour, markersize=3.5, label=name)
    ax.set_xlabel("span λ (steps)")
    ax.set_ylabel(ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def hop_sizes(parts: dict[str, dict], ax=None):
    """The parts of a Jacobian by their number of hops (`analysis.hops`): the root mean square of ‖part‖_F / √N over
    sequences, on a log axis; parts that are 0 are left out.

    Parameters
    ----------
    parts : dict of str to dict
        Models by name, each with what `hops` gave. What resets do without a hop is shown at 0 hops, with the leak.
    """
    ax = _axes(ax)
    for (marker, colour), (name, by_hops) in zip(cycle(zip("os^Dv", COLOURS)), parts.items()):
        by_hops = dict(by_hops)
        parts_in_order = [by_hops.pop("leak") + by_hops.pop("reset"), *by_hops.values()]
        sizes = np.array([np.sqrt(np.square(part).sum(axis=2).mean()) for part in parts_in_order])
        hops = np.flatnonzero(sizes)
        ax.semilogy(hops, sizes[hops], color=colour, marker=marker, markersize=5, linewidth=1, label=name)
    ax.set_xlabel("passages through W_rec (hops)")
    ax.set_ylabel("part of the Jacobian, ‖·‖ / √N")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def accuracy_map(accuracies, rows: list[str], columns: list, xlabel: str, marked=None, ax=None):
    """Accuracies as a table in colour, in per cent: from 50 (dark) to 100 (bright).

    Parameters
    ----------
    accuracies : array (len(rows), len(columns))
        Between 0 and 1; NaN leaves a cell empty.
    rows, columns : list
        Their names; the first row is at the top.
    xlabel : str
    marked : array of bool, optional
        Cells to be framed.
    """
    from matplotlib.patches import Rectangle

    percent = 100 * np.asarray(accuracies, float)
    ax = _axes(ax, width=1.4 + 0.75 * len(columns), height=1.0 + 0.32 * len(rows))
    image = ax.imshow(percent, aspect="auto", cmap="cividis", vmin=50, vmax=100, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label="test accuracy (%)")
    for (row, column), value in np.ndenumerate(percent):
        if np.isfinite(value):
            colour = "white" if value < 80 else "black"
            ax.annotate(f"{value:.0f}", (column, row), ha="center", va="center", fontsize="small", color=colour)
        if marked is not None and marked[row][column]:
            corner = column - 0.46, row - 0.42
            ax.add_patch(Rectangle(corner, 0.92, 0.84, fill=False, edgecolor=COLOURS[1], linewidth=2))
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel(xlabel)
    ax.tick_params(length=0)
    return ax


def losses_along(offsets, losses: dict, ax=None):
    """Losses by name over the offset of one weight from its value, each a line; a dotted line marks offset 0."""
    ax = _axes(ax)
    for colour, line, (name, values) in zip(cycle(COLOURS), cycle(("-", "--", ":")), losses.items()):
        ax.plot(offsets, values, line, color=colour, linewidth=2, label=name)
    ax.axvline(0, color="0.6", linewidth=1, linestyle=":")
    ax.set_xlabel("offset of the weight")
    ax.set_ylabel("loss L")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def step_sizes(curves: dict, ax=None):
    """Relative errors of derivatives over the step size, both on log axes; `curves` holds (steps, errors) by name.

    An error of 0 is drawn at 1e-17.
    """
    ax = _axes(ax, width=7.5)
    for colour, marker, (name, (steps, errors)) in zip(cycle(COLOURS), cycle("os^v"), curves.items()):
        ax.loglog(steps, np.maximum(errors, 1e-17), color=colour, marker=marker, markersize=4, label=name)
    ax.set_xlabel("step size h")
    ax.set_ylabel("largest relative error")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def cost(rates, measured: dict, predicted: dict, dense: dict, ax=None):
    """Time a step against firing rate: what was measured as dots, what was predicted as lines, dense algebra flat.

    Parameters
    ----------
    rates : array (n,)
        Shares of neurons that fire in a step, 0 .. 1.
    measured, predicted : dict of str to array (n,)
        Seconds a step, by name; the line of a name has the colour of its dots.
    dense : dict of str to float
        Seconds a step of dense matrix products, by name.
    """
    ax = _axes(ax)
    percent = 100 * np.asarray(rates)
    for colour, (name, times) in zip(cycle(COLOURS), measured.items()):
        ax.plot(percent, 1e6 * np.asarray(times), "o", color=colour, markersize=5, label=f"{name}, measured")
        if name in predicted:
            ax.plot(percent, 1e6 * np.asarray(predicted[name]), color=colour, linewidth=1.5, label=f"{name}, predicted")
    styles = cycle(("--", "-.", ":"))
    for colour, style, (name, seconds) in zip(cycle(COLOURS[len(measured) :]), styles, dense.items()):
        ax.axhline(1e6 * seconds, color=colour, linestyle=style, linewidth=1.5, label=name)
    ax.set_xlabel("firing rate (%)")
    ax.set_ylabel("time (µs a step)")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small")
    return ax


def speed(sizes, speeds, caches: dict, ax=None):
    """Multiply-adds a second against the bytes of weights that they read, with the size of each cache by name."""
    ax = _axes(ax)
    ax.semilogx(np.asarray(sizes), np.asarray(speeds) / 1e9, color=COLOURS[0], marker="o", markersize=4)
    for name, size in caches.items():
        ax.axvline(size, color="0.5", linestyle="--", linewidth=1)
        beside = {"xytext": (3, 3), "textcoords": "offset points", "va": "bottom"}
        ax.annotate(name, (size, 0), xycoords=("data", "axes fraction"), **beside)
    ax.set_xlabel("weights (bytes)")
    ax.set_ylabel("multiply-adds (10⁹ a second)")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    return ax


def curves(x, values: dict, xlabel: str, ylabel: str, ax=None):
    """Lines by name over one axis x, (n,); `values` holds an array (n,) for each name."""
    ax = _axes(ax)
    for colour, line, (name, y) in zip(cycle(COLOURS), cycle(("-", "--", "-.", ":")), values.items()):
        ax.plot(x, y, line, color=colour, linewidth=1.6, label=name)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def potential_density(distances: dict, surrogate, ax=None):
    """How the distances v - θ of each layer are spread, as outlines, and where the surrogate lets gradient through.

    Parameters
    ----------
    distances : dict of str to array
        v - θ by name, of any shape.
    surrogate
        Its derivative σ′ is the grey area, on the right axis.
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
    ax.set_ylabel("share of all v[t] (%, a bin)")
    ax.legend(frameon=False, loc="upper right")
    right = ax.twinx()
    grid = np.linspace(low, high, 801)
    right.fill_between(grid, surrogate.derivative(grid), color="0.5", alpha=0.25, linewidth=0)
    right.set_ylim(bottom=0)
    right.set_ylabel("surrogate derivative σ′")
    return ax


def hop_shares(lags, shares, predicted: float | None = None, ax=None):
    """Shares by the number of hops on the way (rows of `shares`, from 0) for each lag (columns): a heat map.

    Parameters
    ----------
    lags : array (n,)
        Evenly spaced.
    shares : array (hops, n)
        0 .. 1, in each column; 0.3 and more have the same colour.
    predicted : float, optional
        The share of steps that are hops: a dashed line.
    """
    ax = _axes(ax)
    lags = np.asarray(lags, float)
    half = np.diff(lags).min(initial=np.inf) / 2 if len(lags) > 1 else 0.5
    image = ax.imshow(
        shares, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=0.3, interpolation="nearest",
        extent=(lags[0] - half, lags[-1] + half, -0.5, len(shares) - 0.5),
    )  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label="share of |δ|²", extend="max")
    if predicted is not None:
        ax.plot(lags, predicted * lags, color="white", linestyle="--", linewidth=1.2)
        ax.annotate("predicted", (lags[-1], predicted * lags[-1]), xytext=(4, -14), textcoords="offset points",
                    ha="right", va="top", fontsize="small", color="white")  # fmt: skip
    ax.set_xlabel("lag (steps)")
    ax.set_ylabel("passages through W_rec (hops)")
    return ax
