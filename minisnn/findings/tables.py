"""The tables of README and `tutorials/README.md`, made from what is stored: no number in them is typed in.

A document marks where a table goes, and `fill` puts it there:

    <!-- findings: accuracy psdigits -->
    ...
    <!-- end of findings -->
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minisnn import _validate
from minisnn.disturbances import Robustness
from minisnn.findings.intervals import Interval, mean_interval, paired_difference
from minisnn.findings.results import by_seed, curves, read, read_csv
from minisnn.findings.tasks import LEVELS, TASKS, TITLES

MARKED = re.compile(r"(<!-- findings: ([\w ]+) -->\n).*?(<!-- end of findings -->)", re.DOTALL)
LAGS = {"psdigits": (8, 16, 32, 63), "match": (5, 15, 30, 39), "psmnist14": (10, 20, 50, 195)}
MORE_ACCURATE, MORE_ROBUST = 12.0, 35.0  # per cent: said of ASRC in a summary of the paper, not in its abstract


def fill(text: str, results) -> str:
    """The text with all its marked tables made anew.

    Raises
    ------
    ValueError
        If a mark names no table.
    FileNotFoundError
        If a result is missing.
    """

    def table(match) -> str:
        name, *task = match[2].split()
        make = TABLES[_validate.choice(name, "table", TABLES)]
        return match[1] + make(results, *task) + match[3]

    return MARKED.sub(table, text)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _signed(interval: Interval, digits: int = 1) -> str:
    return f"{interval.mean:+.{digits}f} ± {interval.half_width:.{digits}f}"


def accuracy(results, name: str) -> str:
    """Every network of a task: mean, standard deviation, difference to the RSNN, every seed."""
    rows, task = read(results, name, "accuracy"), TASKS[name]
    baseline = 100 * by_seed(rows, "test_accuracy", network=task.baseline)
    lines = []
    for network in task.networks:
        values = 100 * by_seed(rows, "test_accuracy", network=network)
        difference = "" if network == task.baseline else _signed(paired_difference(values, baseline))
        seeds = " ".join(f"{value:.1f}" for value in values)
        lines.append([network, f"{values.mean():.1f}", f"{values.std(ddof=1):.1f}", difference, seeds])
    return _table(["network", "mean (%)", "sd", "minus RSNN", f"seeds 0 to {task.seeds - 1}"], lines)


def gradients(results, name: str) -> str:
    """‖∂L/∂v[t]‖ at some lags relative to lag 0, geometric mean over seeds, after training (before it in brackets).

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
    """The spans that the adaptive networks ended on, layer by layer: median, least and greatest over seeds; and
    validation accuracy with soft and hard spans at the end of training."""
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


def area(rows: list[dict], network: str, noise: str) -> np.ndarray:
    """The area under a network's accuracy over the levels of a noise, divided by their range: per cent, one a seed."""
    values = [by_seed(rows, "accuracy", network=network, noise=noise, level=level) for level in LEVELS[noise]]
    return 100 * Robustness(noise, np.array(LEVELS[noise], float), np.array(values).T).area


def robustness(results, name: str) -> str:
    """Mean accuracy over the levels of each noise; ASRC minus RSNN; and that of accuracies relative to those without
    noise, which takes out how much better a network is to begin with."""
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
                _signed(paired_difference(areas[task.adaptive], areas[task.baseline])),
                _signed(paired_difference(*relative)),
            ]
        )
    return _table(["noise", *networks, "ASRC - RSNN", "the same of what is kept"], lines)


def lags(results) -> str:
    """Delayed match without distractors: mean accuracy in per cent by lag and model, from the sweep in `match.csv`."""
    rows = read_csv(Path(results) / "match.csv")
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
    """Each claim of the paper, what was measured of it on every task, and the verdict at this scale."""
    lines = []
    for claim, measure in CLAIMS.items():
        for number, (name, task) in enumerate(TASKS.items()):
            measured, verdict = measure(results, name, task)
            lines.append([claim if number == 0 else "", TITLES[name], measured, verdict])
    return _table(["claim", "task", "measured", "verdict"], lines)


def _vanishing(results, name, task) -> tuple[str, str]:
    """Decades that the gradient of the RSNN loses over the longest lag of the task's table."""
    lag = LAGS[name][-2]
    sizes = _log_sizes(results, name, task.baseline, lag)
    interval = mean_interval(sizes[np.isfinite(sizes)])
    verdict = "yes: below 1 %" if interval.high < -2 else "no: above 1 %" if interval.low > -2 else "undecided"
    return (
        f"{lag} steps back the gradient is 10^({_signed(interval)}) of its first size{_seeds(interval, task)}",
        verdict,
    )


def _mended(results, name, task) -> tuple[str, str]:
    lag = LAGS[name][-2]
    more = _log_sizes(results, name, task.skip, lag) - _log_sizes(results, name, task.baseline, lag)
    interval = mean_interval(more[np.isfinite(more)])
    verdict = {"higher": "yes", "lower": "no"}.get(interval.verdict, interval.verdict)
    text = f"{lag} steps back that of {task.skip} is 10^({_signed(interval)}) times as large{_seeds(interval, task)}"
    return text, verdict


def _seeds(interval: Interval, task) -> str:
    return "" if interval.n == task.seeds else f" ({interval.n} seeds: in the others the last layer is silent)"


def _log_sizes(results, name, network, lag) -> np.ndarray:
    """log10 of the relative gradient at this lag after training, one a seed; 0 counts as 1e-300, NaN: none at all."""
    rows = read(results, name, "gradients")
    return np.log10(np.maximum(curves(rows, network=network, when="after")[:, lag], 1e-300))


def _against(results, name, task, other) -> tuple[Interval, str]:
    """ASRC minus another network in accuracy, in points."""
    rows = read(results, name, "accuracy")
    ours, theirs = (100 * by_seed(rows, "test_accuracy", network=network) for network in (task.adaptive, other))
    interval = paired_difference(ours, theirs)
    return interval, f"{task.adaptive} minus {other}: {_signed(interval)} points"


def _finds_span(results, name, task) -> tuple[str, str]:
    """Against the SRC whose λ is the best of those tried on validation data."""
    rows = read(results, name, "accuracy")
    tried = [network for network in task.networks if re.fullmatch(r"SRC λ=\d+", network)]
    best = max(tried, key=lambda network: by_seed(rows, "validation_accuracy", network=network).mean())
    interval, text = _against(results, name, task, best)
    verdicts = {"higher": "yes, and better", "lower": "not quite: it is lower", "undecided": "yes: no difference seen"}
    return f"{text} (best λ of {len(tried)} on validation data)", verdicts[interval.verdict]


def _skip_helps(results, name, task) -> tuple[str, str]:
    rows = read(results, name, "accuracy")
    interval = paired_difference(
        *(100 * by_seed(rows, "test_accuracy", network=network) for network in (task.skip, task.baseline))
    )
    return f"{task.skip} minus {task.baseline}: {_signed(interval)} points", BETTER[interval.verdict]


def _more_accurate(results, name, task) -> tuple[str, str]:
    interval, text = _against(results, name, task, task.baseline)
    return text, _than(interval, MORE_ACCURATE)


def _than(interval: Interval, claimed: float) -> str:
    if interval.low > claimed:
        return f"yes: more than {claimed:g}"
    if interval.high < claimed:
        return "lower" if interval.high < 0 else f"better, by less than {claimed:g}" if interval.low > 0 else "no"
    return f"better; whether by {claimed:g} is undecided" if interval.low > 0 else "undecided"


def robust_gains(rows: list[dict], network: str, other: str) -> tuple[Interval, Interval]:
    """By how many per cent a network's accuracy under noise exceeds another's, as the mean over all kinds of noise; and
    the same of accuracies relative to each network's own without noise."""
    ratios = [
        [measure(rows, network, noise) / measure(rows, other, noise) for noise in LEVELS] for measure in (area, kept)
    ]
    gain, own = (mean_interval(100 * (np.mean(ratio, axis=0) - 1)) for ratio in ratios)
    return gain, own


def _robust_text(gain: Interval, own: Interval) -> str:
    return f"{_signed(gain)} % more accurate under noise; relative to each without noise {_signed(own)} %"


def _more_robust(results, name, task) -> tuple[str, str]:
    gain, own = robust_gains(read(results, name, "robustness"), task.adaptive, task.baseline)
    return _robust_text(gain, own), _than(gain, MORE_ROBUST)


def _more_robust_than_src(results, name, task) -> tuple[str, str]:
    gain, own = robust_gains(read(results, name, "robustness"), task.adaptive, task.skip)
    return _robust_text(gain, own), BETTER[gain.verdict]


def kept(rows, network: str, noise: str) -> np.ndarray:
    """The area relative to the accuracy without noise: per cent, one a seed."""
    return 100 * area(rows, network, noise) / (100 * by_seed(rows, "accuracy", network=network, noise=noise, level=0))


def _design(results, name, task) -> tuple[str, str]:
    """How much accuracy depends on the choice: greatest minus least over λ and over K, seed by seed."""
    rows = read(results, name, "accuracy")
    spread = {}
    for model, letter in (("SRC", "λ"), ("ASRC", "K")):
        names = [network for network in task.networks if re.fullmatch(rf"{model} {letter}=\d+", network)]
        if len(names) < 2:
            return "not run", ""
        values = np.array([100 * by_seed(rows, "test_accuracy", network=network) for network in names])
        spread[model] = values.max(axis=0) - values.min(axis=0)
    interval = paired_difference(spread["SRC"], spread["ASRC"])
    text = ", ".join(f"{model} {values.mean():.1f}" for model, values in spread.items())
    text = f"range of accuracy over λ and over K: {text}; difference {_signed(interval)} points"
    return text, BETTER[interval.verdict]


BETTER = {"higher": "yes", "lower": "no: it is lower", "undecided": "undecided"}


def _against_mixture(results, name, task) -> tuple[str, str]:
    interval, text = _against(results, name, task, task.mixture)
    return text, BETTER[interval.verdict]


def _against_random(results, name, task) -> tuple[str, str]:
    drawn = [network for network in task.networks if network.startswith("random spans")]
    if not drawn:
        return "not run", ""
    interval, text = _against(results, name, task, drawn[0])
    return text, BETTER[interval.verdict]


def _against_slow_decay(results, name, task) -> tuple[str, str]:
    slow = [network for network in task.networks if re.fullmatch(r"RSNN, β=.*", network)]
    if not slow:
        return "not run", ""
    rows = read(results, name, "accuracy")
    best = max(slow, key=lambda network: by_seed(rows, "validation_accuracy", network=network).mean())
    interval, text = _against(results, name, task, best)
    return text, BETTER[interval.verdict]


CLAIMS: dict[str, Callable] = {
    "Gradients vanish in an RSNN": _vanishing,
    "SRC mends it": _mended,
    "SRC is more accurate than the RSNN": _skip_helps,
    "ASRC finds the span: it is as accurate as the best SRC": _finds_span,
    "ASRC is more robust to noise than SRC": _more_robust_than_src,
    "ASRC is over 12 % more accurate than the RSNN*": _more_accurate,
    "ASRC is 35 % more robust to noise than the RSNN*": _more_robust,
    "ASRC depends less on K than SRC on λ": _design,
    "Control: ASRC is better than a fixed uniform mixture": _against_mixture,
    "Control: ASRC is better than spans drawn at random": _against_random,
    "Control: ASRC is better than an RSNN with a longer time constant": _against_slow_decay,
}
"""The paper's claims, and two controls, each with what measures it: (what was measured, verdict)."""


TABLES: dict[str, Callable] = {
    table.__name__: table for table in (claims, lags, accuracy, gradients, spans, robustness)
}
"""The tables by the name that a mark gives, with the task where it has one."""
