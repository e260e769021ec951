"""The figures of the findings, from stored results. Each function takes `ax`, returns it, and changes no input.

`draw` writes all of them as PNG files; tutorials 04 to 08 use them one by one.
"""

from itertools import cycle
from pathlib import Path

import numpy as np

from minisnn import plots
from minisnn._internal import storage
from minisnn.experiments.findings.intervals import mean_interval
from minisnn.experiments.findings.results import by_seed, curves, read
from minisnn.experiments.findings.tasks import LEVELS, TASKS, TITLES, Task
from minisnn.training.history import History

LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))

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
    """Draw the test accuracy of each network: every seed as a dot, the mean with its 95 % t-interval as a bar."""
    names = list(networks or dict.fromkeys(row["network"] for row in rows))
    for place, name in enumerate(names):
        values = 100 * by_seed(rows, "test_accuracy", network=name)
        interval = mean_interval(values)
        ax.plot(values, np.full(len(values), place), "o", color=plots.COLOURS[0], markersize=4, alpha=0.4)
        bar = {"color": plots.COLOURS[1], "capsize": 3, "markersize": 6}
        ax.errorbar(interval.mean, place, xerr=interval.half_width, fmt="|", **bar)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("test accuracy (%): seeds, mean, 95 % interval")
    ax.grid(axis="x", alpha=0.3)
    return ax


def over_lag(lines: dict[str, np.ndarray], ax):
    """Draw sizes over lag on a log axis: for each name the geometric mean over seeds of an array (seeds, lags).

    Seeds without a gradient (NaN) are left out.
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


def measured_and_predicted(rows: list[dict], networks: dict[str, tuple[str, str]], ax):
    """Draw norms of Jacobians over lag: measured ones as lines, the mean-field estimate as dots of the same colour.

    `networks` maps names in the legend to (network, state); the state is that of an ASRC's taps, otherwise "".
    """
    for colour, (name, (network, state)) in zip(cycle(plots.colours()), networks.items()):
        chosen = {"network": network, "state": state}
        measured, predicted = (
            np.exp(np.log(np.maximum(curves(rows, **chosen, kind=kind), 1e-300)).mean(axis=0))
            for kind in ("measured", "mean field")
        )
        ax.plot(measured, color=colour, linewidth=1.8, label=name)
        ax.plot(np.arange(len(predicted))[::2], predicted[::2], ".", color=colour, markersize=4)
    ax.set_yscale("log")
    ax.set_xlabel("lag (steps)")
    ax.set_ylabel("‖∂v[t + lag]/∂v[t]‖ / √N")
    ax.grid(alpha=0.3)
    ax.set_title("lines: measured, dots: mean field", fontsize="small")
    ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return ax


def chosen_spans(rows: list[dict], network: str, ax):
    """Draw the final spans of a network's layers: one dot per seed, moved apart where seeds agree."""
    spans = np.array([[int(span) for span in text.split()] for text in by_seed(rows, "spans", network=network)])
    for layer in range(spans.shape[1]):
        values, counts = np.unique(spans[:, layer], return_counts=True)
        for value, count in zip(values, counts):
            apart = (np.arange(count) - (count - 1) / 2) * 0.06
            ax.plot(np.full(count, value), layer + apart, "o", color=plots.COLOURS[layer], markersize=5, alpha=0.8)
    ax.set_yticks(range(spans.shape[1]), [f"layer {layer}" for layer in range(spans.shape[1])])
    ax.set_ylim(-0.6, spans.shape[1] - 0.4)
    ax.set_xlabel("span (steps)")
    ax.grid(alpha=0.3)
    return ax


def accuracy_over_span(rows: list[dict], task: Task, ax):
    """Draw test accuracy of SRC over λ and ASRC over K, with 95 % intervals; RSNN is λ = 1. Two points get no line."""
    src, asrc = {1: task.baseline, **task.over("src", "span")}, task.over("asrc", "max_span")
    for name, chosen, colour, marker in (("SRC over λ", src, 1, "o-"), ("ASRC over K", asrc, 0, "s--")):
        intervals = [
            mean_interval(100 * by_seed(rows, "test_accuracy", network=network)) for network in chosen.values()
        ]
        means, widths = [i.mean for i in intervals], [i.half_width for i in intervals]
        bars = {"color": plots.COLOURS[colour], "fmt": marker if len(chosen) > 2 else marker[0], "capsize": 3}
        ax.errorbar(list(chosen), means, yerr=widths, label=name, markersize=4, **bars)
    ax.set_xlabel("λ or K (steps)")
    ax.set_ylabel("test accuracy (%)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small")
    return ax


def cooling(found: dict, ax):
    """Draw validation accuracy with soft and hard spans over the epochs, mean over seeds, and note the last T°."""
    epochs = np.arange(1, len(found["temperature"]) + 1)
    for colour, line, kind in ((plots.COLOURS[0], "-", "soft"), (plots.COLOURS[1], "--", "hard")):
        ax.plot(epochs, 100 * np.mean(found[kind], axis=0), line, color=colour, label=f"{kind} spans")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel("validation accuracy (%)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize="small", loc="lower right", title=f"T° ends at {found['temperature'][-1]:.2g}")
    return ax


def under_noise(rows: list[dict], noise: str, networks, ax):
    """Draw test accuracy over the level of a noise, mean over seeds with 95 % intervals.

    Fewer than five seeds, whose intervals would cover all else, are drawn as thin lines, one per seed.
    """
    for colour, line, network in zip(cycle(plots.colours()), cycle(LINES), networks):
        values = [100 * by_seed(rows, "accuracy", network=network, noise=noise, level=level) for level in LEVELS[noise]]
        mean = np.mean(values, axis=1)
        ax.plot(LEVELS[noise], mean, color=colour, linestyle=line, linewidth=1.8, label=network)
        if len(values[0]) < 5:
            ax.plot(LEVELS[noise], values, color=colour, linewidth=0.6, alpha=0.6)
        else:
            half = np.array([mean_interval(of_level).half_width for of_level in values])
            ax.fill_between(LEVELS[noise], mean - half, mean + half, color=colour, alpha=0.12, linewidth=0)
    ax.set_ylim(0, 101)
    ax.set_xlabel(LEVEL_NAMES[noise])
    ax.set_ylabel("test accuracy (%)")
    ax.grid(alpha=0.3)
    return ax


def draw(results, folder) -> list[Path]:
    """Write all figures, and return the files."""
    folder = storage.make_folder(folder)
    drawn = [plots.save(folder / "summary.png", lambda axes: _summary(results, axes), 1, len(TASKS), 12, 3)]
    for name, task in TASKS.items():
        stem = str(folder / name)
        rows = read(results, name, "accuracy")
        height = 1.2 + 0.25 * len(task.networks)
        drawn.append(plots.save(f"{stem}-accuracy.png", lambda axes, r=rows: accuracies(r, axes[0]), 1, 1, 7, height))
        paint = _gradients(read(results, name, "gradients"), task)
        drawn.append(plots.save(f"{stem}-gradients.png", paint, 1, 2, 10, 4))
        paint = _jacobians(read(results, name, "jacobians"), task)
        n_panels = 3 if task.having("decay") else 2
        drawn.append(plots.save(f"{stem}-jacobians.png", paint, 1, n_panels, 12, 4.8))
        drawn.append(plots.save(f"{stem}-spans.png", _spans(rows, read(results, name, "spans"), task), 2, 2, 10, 6))
        weights = read(results, name, "spans")[task.adaptive]["span_weights"]
        n_layers = len(weights[0])
        drawn.append(plots.save(f"{stem}-weights.png", _weights(weights), 1, n_layers, 4 * n_layers, 3))
        paint = _robustness(read(results, name, "robustness"), task)
        drawn.append(plots.save(f"{stem}-robustness.png", paint, 3, 3, 12, 9.5))
    return drawn


def _summary(results, axes) -> None:
    """Draw the accuracy of the main networks and of two controls, one panel per task."""
    for (name, task), ax in zip(TASKS.items(), axes):
        slow = task.over("rsnn", "decay")
        controls = [*task.of_model("random"), *(slow[decay] for decay in (0.9,) if decay in slow)]
        accuracies(read(results, name, "accuracy"), ax, [*task.main, *controls])
        ax.set_title(TITLES[name].partition(",")[0])
        ax.set_xlabel("test accuracy (%)")


def _gradients(rows, task):
    slow = task.over("rsnn", "decay")
    names = [*task.main, *(slow[decay] for decay in (0.9, 0.99) if decay in slow)]

    def paint(axes):
        for ax, when in zip(axes, ("before", "after")):
            over_lag({name: curves(rows, network=name, when=when) for name in names}, ax)
            ax.set_title(f"{when} training", fontsize="medium")
            ax.set_ylabel("‖∂L/∂v[t]‖ in the last hidden layer, relative")
        low, high = (np.array([ax.get_ylim() for ax in axes])[:, side] for side in (0, 1))
        for ax in axes:
            ax.set_ylim(min(low), max(high))

    return paint


def _jacobians(rows, task):
    plain, slow = (
        {name: (name, "") for name in (task.baseline, *others)}
        for others in (task.over("src", "span").values(), task.having("decay"))
    )
    states = {f"{task.adaptive}, {state}": (task.adaptive, state) for state in ("uniform", "half way", "hardened")}

    def paint(axes):
        panels = [plain, states] if len(slow) == 1 else [plain, states, slow]
        for ax, networks in zip(axes, panels):
            measured_and_predicted(rows, networks, ax)

    return paint


def _spans(rows, found, task):
    slow = [network for network in task.having("last_temperature") if network in found]

    def paint(axes):
        accuracy_over_span(rows, task, axes[0])
        chosen_spans(rows, task.adaptive, axes[2])
        axes[2].set_title(f"{task.adaptive}: where each seed ended", fontsize="medium")
        right = max(axes[0].get_xlim()[1], axes[2].get_xlim()[1])
        for ax in (axes[0], axes[2]):
            ax.set_xlim(0, right)
        cooling(found[task.adaptive], axes[1])
        axes[1].set_title(task.adaptive, fontsize="medium")
        if slow:
            cooling(found[slow[0]], axes[3])
            axes[3].set_title(slow[0], fontsize="medium")
        else:
            axes[3].set_visible(False)

    return paint


def _weights(weights):
    history = History([{"span_weights": layers} for layers in weights])

    def paint(axes):
        for layer, ax in enumerate(axes):
            plots.span_weights(history, layer, ax)

    return paint


def _robustness(rows, task):
    networks = list(dict.fromkeys(row["network"] for row in rows))

    def paint(axes):
        for ax, noise in zip(axes, LEVELS):
            under_noise(rows, noise, networks, ax)
        lines = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(*lines, loc="outside lower center", ncols=len(networks), frameon=False)

    return paint
