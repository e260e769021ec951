"""The figures of the findings, from stored results. Each function takes `ax`, returns it, and changes no input.

`draw` writes all of them as PNG files; tutorials use them one by one.
"""

from itertools import cycle
from pathlib import Path

import numpy as np

from minisnn import plots
from minisnn._internal import storage
from minisnn.experiments.findings import full, measures
from minisnn.experiments.findings.experiments import DECIDED
from minisnn.experiments.findings.intervals import mean_interval
from minisnn.experiments.findings.results import by_unit, chosen, curves, read, stored, validation_means
from minisnn.experiments.findings.tasks import LEVELS, MAIN, TASKS, families
from minisnn.training.history import History

LINES = ("-", "--", "-.", (0, (9, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)), ":")

SHOWN = ("SRC", "ASRC", "random spans", "uniform mixture")
"""What is drawn beside the RSNN and the rival where all networks would be too many."""

LEVEL_NAMES = {
    "gaussian": "standard deviation of noise on x",
    "dropped": "share of inputs set to 0",
    "shifted": "shift in time, up to (steps)",
    "jittered": "jitter in time, up to (steps)",
    "deleted": "share of spikes lost",
    "spurious": "chance of a spurious spike per step",
    "weights": "noise on weights, relative",
    "decay": "change of β, relative",
    "threshold": "change of θ, relative",
}


def accuracies(rows: list[dict], ax, networks=None):
    """Draw the test accuracy of each network: every unit as a dot, the mean with its 95 % t-interval, up to 100 %.

    The dots of a network lie along a slope, in the order of the units, so that equal ones are seen.
    """
    names = list(networks or dict.fromkeys(row["network"] for row in rows))
    for place, name in enumerate(names):
        values = 100 * by_unit(rows, "test_accuracy", network=name)
        interval = mean_interval(values)
        apart = np.linspace(-0.25, 0.25, len(values))
        ax.plot(values, place + apart, "o", color=plots.COLOURS[0], markersize=4, alpha=0.4)
        bar = {"color": plots.COLOURS[1], "capsize": 3, "markersize": 6}
        arms = [[interval.half_width], [min(interval.half_width, 100 - interval.mean)]]
        ax.errorbar(interval.mean, place, xerr=arms, fmt="|", **bar)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("test accuracy (%): units, mean, 95 % interval")
    ax.grid(axis="x", alpha=0.3)
    return ax


def over_lag(lines: dict[str, np.ndarray], ax):
    """Draw sizes over lag on a log axis: for each name the geometric mean over runs of an array (runs, lags).

    Runs without a gradient (NaN) are left out.
    """
    for colour, line, (name, values) in zip(cycle(plots.colours()), cycle(LINES), lines.items()):
        with np.errstate(divide="ignore"):
            mean = np.exp(np.log(values[np.isfinite(values[:, 0])]).mean(axis=0))
        ax.plot(mean, color=colour, linestyle=line, linewidth=1.8, label=name)
    ax.set_yscale("log")
    ax.set_xlabel("lag (steps)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small")
    return ax


def chosen_spans(rows: list[dict], network: str, ax):
    """Draw the spans of a network's layers at its best epoch: one dot per run, moved apart where runs agree."""
    spans = np.array([[int(span) for span in row["spans"].split()] for row in rows if row["network"] == network])
    for layer in range(spans.shape[1]):
        values, counts = np.unique(spans[:, layer], return_counts=True)
        for value, count in zip(values, counts):
            apart = (np.arange(count) - (count - 1) / 2) * 0.06
            ax.plot(np.full(count, value), layer + apart, "o", color=plots.COLOURS[layer], markersize=5, alpha=0.8)
    ax.set_yticks(range(spans.shape[1]), [f"layer {layer}" for layer in range(spans.shape[1])])
    ax.set_ylim(-0.6, spans.shape[1] - 0.4)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("span (steps)")
    ax.grid(alpha=0.3)
    return ax


def tuned_over(results, name: str, family: str, setting: str, ax, colour=plots.COLOURS[0], marker: str = "o-"):
    """Draw the validation accuracy of a family's tuning over one setting: all learning rates thin, the best thick."""
    means, tried = validation_means(results, name)[family], families(TASKS[name])[family]
    values = sorted({settings[setting] for settings in tried})
    found = 100 * np.array([means[[settings[setting] == value for settings in tried]] for value in values])
    ax.plot(values, found, marker, color=colour, linewidth=0.6, markersize=2, alpha=0.5)
    ax.plot(values, found.max(axis=1), marker, color=colour, linewidth=1.8, markersize=5, label=family)
    ax.set_xscale("log", base=2)
    ax.set_xticks(values, [str(value) for value in values])
    ax.set_xlabel("λ or K (steps)")
    ax.set_ylabel("validation accuracy (%)")
    ax.grid(alpha=0.3)
    return ax


def deciding(rows: list[dict], ax):
    """Draw the largest span weight of each layer over updates: every run thin, the median thick."""
    for layer in sorted({row["layer"] for row in rows}):
        of_layer = [row for row in rows if row["layer"] == layer]
        updates = sorted({row["updates"] for row in of_layer})
        weights = np.array([[row["weight"] for row in of_layer if row["updates"] == n] for n in updates])
        ax.plot(updates, weights, color=plots.COLOURS[layer], linewidth=0.5, alpha=0.4)
        look = {"color": plots.COLOURS[layer], "linestyle": LINES[layer], "linewidth": 2}
        ax.plot(updates, np.median(weights, axis=1), **look, label=f"layer {layer}")
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("updates")
    ax.set_ylabel("largest span weight p")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small", loc="lower right")
    return ax


def under_noise(rows: list[dict], noise: str, networks, ax):
    """Draw test accuracy over the level of a noise, mean over units with 95 % intervals."""
    of_noise = [row for row in rows if row["noise"] == noise]
    for colour, line, network in zip(cycle(plots.colours()), cycle(LINES), networks):
        values = [100 * by_unit(of_noise, "accuracy", network=network, level=level) for level in LEVELS[noise]]
        mean = np.mean(values, axis=1)
        half = np.array([mean_interval(of_level).half_width for of_level in values])
        ax.plot(LEVELS[noise], mean, color=colour, linestyle=line, linewidth=1.8, label=network)
        ax.fill_between(LEVELS[noise], mean - half, mean + half, color=colour, alpha=0.12, linewidth=0)
    ax.set_ylim(0, 101)
    ax.set_xlabel(LEVEL_NAMES[noise])
    ax.set_ylabel("test accuracy (%)")
    ax.grid(alpha=0.3)
    return ax


def draw(results, folder) -> list[Path]:
    """Write all figures of the tasks that have results, and return the files."""
    folder, names = storage.make_folder(folder), stored(results)
    drawn = [plots.save(folder / "summary.png", lambda axes: _summary(results, names, axes), 1, len(names), 12, 3.0)]
    for name in names:
        stem, rows = str(folder / name), read(results, name, "accuracy")
        drawn += [
            plots.save(f"{stem}-gradients.png", _gradients(results, name), 1, 2, 12, 4.2),
            plots.save(f"{stem}-spans.png", _spans(results, name, rows), 1, 3, 12, 3.6),
            plots.save(f"{stem}-robustness.png", _robustness(results, name), 3, 3, 12, 9.5),
        ]
    if networks := full.stored(results):
        n = 2 if "ASRC" in networks else 1  # three layers have spans
        drawn.append(plots.save(folder / "full.png", lambda axes: _full(results, axes), n, n, 5 * n, 3.2 * n))
    return drawn


def _main(results, name: str) -> list[str]:
    return list(dict.fromkeys(("RSNN", measures.rival(results, name), *SHOWN)))


def _summary(results, names, axes) -> None:
    """Draw the accuracy of all networks but the feedforward one, far below, one panel per task."""
    for name, ax in zip(names, axes):
        accuracies(read(results, name, "accuracy"), ax, MAIN[:-1])
        ax.set_title(TASKS[name].name)
        ax.set_xlabel("test accuracy (%)")
        if ax is not axes[0]:
            ax.set_yticklabels([])


def _gradients(results, name):
    rows = read(results, name, "gradients")

    def paint(axes):
        found = {network: curves(rows, network=network) for network in _main(results, name)}
        over_lag({network: values[:1] for network, values in found.items()}, axes[0])
        axes[0].set_ylabel("‖∂L/∂v[t]‖ in the last hidden layer,\nrelative to lag 0")
        axes[0].set_title("the first run of each network", fontsize="medium")
        over_lag({network: measures.shares_beyond(values) for network, values in found.items()}, axes[1])
        axes[1].set_xlabel("L (steps)")
        axes[1].set_ylabel("share of it from beyond L")
        axes[1].set_title("geometric mean over runs", fontsize="medium")
        for ax, lowest in zip(axes, (1e-10, 1e-5)):
            ax.axvline(TASKS[name].far, color="0.6", linewidth=1, zorder=0, label=f"L = {TASKS[name].far}")
            if ax.get_ylim()[0] < lowest:
                ax.set_title(f"{ax.get_title()}, cut at {lowest:g}", fontsize="medium")
            ax.set_ylim(max(ax.get_ylim()[0], lowest), 2)
        axes[0].get_legend().remove()
        axes[1].legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))

    return paint


def _spans(results, name, rows):
    def paint(axes):
        k = chosen(results, name)["ASRC"]["max_span"]
        chosen_spans(rows, "ASRC", axes[0])
        axes[0].set_xlim(0, k + 1)
        axes[0].set_title(f"ASRC K={k}: spans of the best epoch", fontsize="medium")
        deciding(read(results, name, "spans"), axes[1])
        axes[1].axhline(DECIDED, color="0.6", linewidth=1, linestyle=":")
        axes[1].set_title("thin: each run; thick: median", fontsize="medium")
        tuned_over(results, name, "SRC", "span", axes[2], plots.COLOURS[1])
        tuned_over(results, name, "ASRC", "max_span", axes[2], plots.COLOURS[0], "s--")
        ticks = sorted({*TASKS[name].spans, *TASKS[name].max_spans})
        axes[2].set_xticks(ticks, [str(n) for n in ticks])
        axes[2].set_title("tuning; thin: each learning rate", fontsize="medium")
        axes[2].legend(frameon=False, fontsize="small", title="SRC over λ, ASRC over K", title_fontsize="small")

    return paint


def _robustness(results, name):
    rows = read(results, name, "robustness")
    chance = measures.chance(name)

    def paint(axes):
        for ax, noise in zip(axes, LEVELS):
            under_noise(rows, noise, _main(results, name), ax)
            ax.axhline(chance, color="0.6", linewidth=1, linestyle=":", label="chance")
            ax.set_ylim(chance - 6, 101)
            ax.set_title(noise, fontsize="medium")
        lines = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(*lines, loc="outside lower center", ncols=7, frameon=False)

    return paint


def _full(results, axes) -> None:
    """Draw the learning curves at full length, and the span weights of ASRC."""
    histories = {name: History.from_json(full.of(results, name) / "history.json") for name in full.stored(results)}
    plots.learning_curves(histories, ax=axes[0])
    axes[0].set_ylabel("validation accuracy (%)")
    for layer, ax in enumerate(axes[1:]):
        if "ASRC" in histories:
            plots.span_weights(histories["ASRC"], layer, ax=ax)
