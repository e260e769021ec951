"""The tables of `tutorials/findings/README.md`, made from stored results: no number in them is typed in.

A document marks where a table goes, and `fill` puts it there:

    <!-- findings: accuracy psdigits -->
    ...
    <!-- end of findings -->
"""

import re
from collections.abc import Callable

import numpy as np

from minisnn._internal import validate
from minisnn.experiments.findings.claims import CLAIMS
from minisnn.experiments.findings.intervals import paired_difference
from minisnn.experiments.findings.measures import LAGS, area, guesses, kept, signed
from minisnn.experiments.findings.results import by_seed, curves, read
from minisnn.experiments.findings.tasks import LEVELS, TASKS, TITLES

MARKED = re.compile(r"(<!-- findings: ([\w ]+) -->\n)((?:(?!<!--).)*)(<!-- end of findings -->)", re.DOTALL)


def fill(text: str, results) -> str:
    """Return the text with all its marked tables made anew.

    Raises
    ------
    ValueError
        If a mark names no table, or is not followed by its end.
    FileNotFoundError
        If a result is missing.
    """

    def table(match) -> str:
        name, *of_task = match[2].split()
        make = TABLES[validate.choice(name, "table", TABLES)]
        if bool(of_task) == (name in ("claims", "lags")) or len(of_task) > 1:
            raise ValueError(f"{match[2]!r} in a mark: claims and lags cover all tasks, the other tables one each")
        return match[1] + make(results, *(validate.choice(task, "task", TASKS) for task in of_task)) + match[4]

    filled, n = MARKED.subn(table, text)
    for what in ("<!-- findings:", "<!-- end of findings"):
        if text.count(what) != n:
            raise ValueError(
                f"{text.count(what)} marks `{what} ...`, but {n} tables: each takes a line `<!-- findings: NAME -->`, "
                "and then a line `<!-- end of findings -->`"
            )
    return filled


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def accuracy(results, name: str) -> str:
    """Tabulate every network of a task: mean, standard deviation, difference to the RSNN, every seed."""
    rows, task = read(results, name, "accuracy"), TASKS[name]
    baseline = 100 * by_seed(rows, "test_accuracy", network=task.baseline)
    lines = []
    for network in task.networks:
        values = 100 * by_seed(rows, "test_accuracy", network=network)
        difference = "" if network == task.baseline else signed(paired_difference(values, baseline))
        seeds = " ".join(f"{value:.1f}" for value in values)
        lines.append([network, f"{values.mean():.1f}", f"{values.std(ddof=1):.1f}", difference, seeds])
    return _table(["network", "mean (%)", "sd", "minus RSNN", f"seeds 0 to {task.seeds - 1}"], lines)


def gradients(results, name: str) -> str:
    """Tabulate ‖∂L/∂v[t]‖ at some lags relative to lag 0, geometric mean over seeds, after (before) training.

    Seeds whose last layer gets no gradient at all, since no neuron there is near its threshold, are left out.
    """
    rows, lags = read(results, name, "gradients"), LAGS[name]
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        sizes = {}
        for when in ("after", "before"):
            found = curves(rows, network=network, when=when)[:, list(lags)]
            with np.errstate(divide="ignore"):
                logs = np.log10(found[np.isfinite(found[:, 0])])
            sizes[when] = [f"{10**value:.0e}" for value in logs.mean(axis=0)] if len(logs) else ["-"] * len(lags)
        cells = [f"{after} ({before})" for after, before in zip(sizes["after"], sizes["before"])]
        share = by_seed(rows, "zero_slopes", network=network, when="after").mean()
        lines.append([network, *cells, f"{100 * share:.0f}"])
    return _table(["network", *(f"lag {lag}" for lag in lags), "σ′ = 0 (%)"], lines)


def spans(results, name: str) -> str:
    """Tabulate the final spans of the adaptive networks by layer: median, least and greatest over seeds.

    Beside them stands the validation accuracy with soft and hard spans at the end of training.
    """
    rows, found = read(results, name, "accuracy"), read(results, name, "spans")
    lines = []
    for network, curve in found.items():
        texts = by_seed(rows, "spans", network=network)
        chosen = np.array([[int(span) for span in text.split()] for text in texts])
        cells = [f"{np.median(layer):g} ({layer.min()} to {layer.max()})" for layer in chosen.T]
        soft, hard = (100 * np.array(curve[kind])[:, -1].mean() for kind in ("soft", "hard"))
        lines.append([network, "; ".join(cells), f"{curve['temperature'][-1]:.1g}", f"{soft:.1f}", f"{hard:.1f}"])
    head = ["network", "spans: median (range), by layer", "last T°", "soft, last epoch (%)", "hard (%)"]
    return _table(head, lines)


def robustness(results, name: str) -> str:
    """Tabulate the mean accuracy over the levels of each noise, and ASRC minus RSNN.

    The last column has the difference of accuracies relative to those without noise. It leaves out how much better a
    network is to begin with, and says nothing where the RSNN guesses.
    """
    rows, task = read(results, name, "robustness"), TASKS[name]
    networks = list(dict.fromkeys(row["network"] for row in rows))
    lines = []
    for noise, levels in LEVELS.items():
        areas = {network: area(rows, network, noise) for network in networks}
        relative = [kept(rows, network, noise) for network in (task.adaptive, task.baseline)]
        lines.append(
            [
                f"{noise}, {levels[0]:g} to {levels[-1]:g}",
                *(f"{values.mean():.1f}" for values in areas.values()),
                signed(paired_difference(areas[task.adaptive], areas[task.baseline])),
                "-" if guesses(results, name, task) else signed(paired_difference(*relative)),
            ]
        )
    return _table(["noise", *networks, "ASRC - RSNN", "the same of what is kept"], lines)


def lags(results) -> str:
    """Tabulate delayed match without distractors: mean accuracy in per cent by lag and model."""
    rows = read(results, "match", "lags")
    names = {"ff": "feedforward", "rsnn": "RSNN", "src": "SRC λ={span}", "asrc": "ASRC K=40"}
    columns = sorted({row["lag"] for row in rows})
    groups = {}
    for row in sorted(rows, key=lambda row: (list(names).index(row["model"]), row["span"] or 0)):
        groups.setdefault(names[row["model"]].format(**row), []).append(row)
    lines = [
        [name, *(f"{100 * np.mean([r['test_accuracy'] for r in runs if r['lag'] == lag]):.0f}" for lag in columns)]
        for name, runs in groups.items()
    ]
    return _table(["lag", *map(str, columns)], lines)


def claims(results) -> str:
    """Tabulate each claim of the paper, what was measured on every task, and the verdict at this scale."""
    lines = []
    for claim, measure in CLAIMS.items():
        for number, (name, task) in enumerate(TASKS.items()):
            measured, verdict = measure(results, name, task)
            lines.append([claim if number == 0 else "", TITLES[name], measured, verdict])
    return _table(["claim", "task", "measured", "verdict"], lines)


TABLES: dict[str, Callable] = {
    table.__name__: table for table in (claims, lags, accuracy, gradients, spans, robustness)
}
"""The tables by the name that a mark gives, with the task where it has one."""
