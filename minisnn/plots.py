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
