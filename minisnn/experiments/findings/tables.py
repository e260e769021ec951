"""The tables of `tutorials/findings/README.md`, made from stored results: no number in them is typed in.

A document marks where a table goes, and `fill` puts it there:

    <!-- findings: accuracy psdigits -->
    ...
    <!-- end of findings -->
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minisnn._internal import validate
from minisnn.experiments import run as runs
from minisnn.experiments.findings import full as full_length
from minisnn.experiments.findings import measures
from minisnn.experiments.findings.claims import CLAIMS, PAIRS, Claim, tests
from minisnn.experiments.findings.experiments import decided_after, in_words, over_updates
from minisnn.experiments.findings.intervals import mean_interval, paired_difference
from minisnn.experiments.findings.measures import signed
from minisnn.experiments.findings.results import by_unit, curves, read, stored, tied, validation_means
from minisnn.experiments.findings.tasks import LEVELS, MAIN, TASKS

MARKED = re.compile(r"(<!-- findings: ([\w ]+) -->\n)((?:(?!<!--).)*)(<!-- end of findings -->)", re.DOTALL)
ROWS = "\n[Rows](results/{})\n"
NOT_RUN = "Not run yet.\n"


def fill(text: str, results) -> str:
    """Return the text with all its marked tables made anew.

    Raises
    ------
    ValueError
        If a mark names no table, or is not followed by its end.
        Or if a stored result is damaged.
    """
    names = stored(results)

    def table(match) -> str:
        name, *of_task = match[2].split()
        make = TABLES[validate.choice(name, "table", TABLES)]
        if bool(of_task) == (name in WITHOUT_TASK) or len(of_task) > 1:
            raise ValueError(f"{match[2]!r} in a mark: {', '.join(WITHOUT_TASK)} take no task, other tables one each")
        task = [validate.choice(task, "task", TASKS) for task in of_task]
        needed = WITHOUT_TASK.get(name)
        has_rows = bool(names) and set(task) <= set(names) if needed is None else (Path(results) / needed).exists()
        link = ROWS.format(needed or f"{task[0]}-{name}.csv") if needed or task else ""
        return match[1] + (make(results, *task) + link if has_rows else NOT_RUN) + match[4]

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


def verdicts(results) -> str:
    """Tabulate the primary claims by task, in short: the verdict, in bold if there is one, and the difference."""
    names, cells = stored(results), {claim: [] for claim in CLAIMS}
    for test in tests(results, names):
        word = test.verdict.partition(";")[0]
        if test.difference:
            decided = word if word == "undecided" else f"**{word}**"
            word = f"{decided} {signed(test.difference, _digits(test.claim))}"
        cells[test.claim].append(word)
    lines = [[f"{claim.text} ({claim.unit})", *of_tasks] for claim, of_tasks in cells.items()]
    return _table(["claim", *(task.name for task in TASKS.values())], lines)


def _digits(claim: Claim) -> int:
    return 2 if claim.unit == "decades" else 1


def claims(results) -> str:
    """Tabulate the primary claims on the tasks that have results: difference, p before and after Holm, verdict."""
    lines, shown, names = [], None, stored(results)
    for test in tests(results, names):
        if test.task not in names:
            continue
        difference = f"{signed(test.difference, _digits(test.claim))} {test.claim.unit}" if test.difference else ""
        p, corrected = (_p(value) if test.difference else "" for value in (test.p, test.corrected))
        against = f"{test.claim.ours} minus {test.other}"
        claim = "" if test.claim is shown else test.claim.text
        shown = test.claim
        lines.append([claim, TASKS[test.task].title, against, difference, p, corrected, test.verdict])
    return _table(["claim", "task", "difference", "mean, 95 % interval", "p", "p by Holm", "verdict"], lines)


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def tuning(results, name: str) -> str:
    """Tabulate the chosen settings of each family, with best, median and worst validation accuracy of its twelve."""
    means, best = validation_means(results, name), tied(results, name)
    lines = []
    for family, values in means.items():
        first, *others = best[family]
        equal = f"; the first of {1 + len(others)} equals" if others else ""
        cells = [f"{100 * value:.1f}" for value in (values.max(), np.median(values), values.min())]
        lines.append([family, in_words(first) + equal, *cells])
    return _table(["family", "best of twelve", "validation (%)", "median", "worst"], lines)


def accuracy(results, name: str) -> str:
    """Tabulate every network of a task: mean, standard deviation, differences to RSNN, rival and SRC, every unit."""
    others = dict.fromkeys(("RSNN", measures.rival(results, name), "SRC"))
    lines = []
    for network in MAIN:
        values = measures.test_accuracy(results, name, network)
        differences = [
            "" if network == other else signed(paired_difference(values, measures.test_accuracy(results, name, other)))
            for other in others
        ]
        units = " ".join(f"{value:.1f}" for value in values)
        lines.append([network, f"{values.mean():.1f}", f"{values.std(ddof=1):.1f}", *differences, units])
    units = list(TASKS[name].units)
    each = f"seeds {units[0]} to {units[-1]}" if units[0].isdigit() else ", ".join(units)
    return _table(["network", "mean (%)", "sd", *(f"minus {other}" for other in others), each], lines)


def gradients(results, name: str) -> str:
    """Tabulate decades per step, the share of gradient from beyond L, and the share of σ′ that are 0."""
    rows, lines = read(results, name, "gradients"), []
    for network in MAIN:
        decades = measures.decades_per_step(results, name, network)
        share = measures.log_far_share(results, name, network)
        some = np.isfinite(decades)
        cells = ["no gradient"] * 3
        if some.sum() > 1:
            cells = [signed(mean_interval(decades[some]), 3), signed(mean_interval(share[some]), 2)]
            cells.append(f"{100 * 10 ** share[some].mean():.2g}")
        silent = by_unit(rows, "zero_slopes", network=network).mean()
        lines.append([network, *cells, f"{100 * silent:.0f}"])
    far = TASKS[name].far
    head = ["network", "decades per step", f"log10 of the share from beyond {far} steps", "that share (%)"]
    return _table([*head, "σ′ = 0 (%)"], lines)


def spans(results, name: str) -> str:
    """Tabulate by layer where the spans of ASRC ended, and after how many updates they were decided."""
    rows = read(results, name, "spans")
    last, decided = max(row["epoch"] for row in rows), measures.updates_until_decided(results, name)
    lines = []
    for layer in sorted({row["layer"] for row in rows}):
        ended = [row["span"] for row in rows if row["layer"] == layer and row["epoch"] == last]
        updates = decided[:, layer]
        never = f"; {np.isinf(updates).sum()} of {len(updates)} never" if np.isinf(updates).any() else ""
        some = updates[np.isfinite(updates)]
        when = f"{np.median(some):,.0f} ({some.min():,.0f} to {some.max():,.0f})" if len(some) else "-"
        span = f"{np.median(ended):g} ({min(ended)} to {max(ended)})"
        lines.append([str(layer), span, when + never])
    return _table(["layer", "span: median (range)", "updates until p > 0.9: median (range)"], lines)


def robustness(results, name: str) -> str:
    """Tabulate the mean accuracy over the range of each noise, and what SRC keeps more of its own than the rival.

    A last line has what is kept over all noises, except by networks that guess.
    """
    rows, rival = read(results, name, "robustness"), measures.rival(results, name)
    kept = {network: np.array([measures.kept(rows, network, noise) for noise in LEVELS]) for network in MAIN}
    lines = []
    for i, (noise, levels) in enumerate(LEVELS.items()):
        areas = [f"{measures.area(rows, network, noise).mean():.1f}" for network in MAIN]
        more = signed(paired_difference(kept["SRC"][i], kept[rival][i]))
        lines.append([f"{noise}, {levels[0]:g} to {levels[-1]:g}", *areas, more])
    over_all, total = {network: of_noises.mean(axis=0) for network, of_noises in kept.items()}, []
    for network, values in over_all.items():
        interval, guess = mean_interval(values), measures.guesses(results, name, network)
        total.append("guesses" if guess else f"{interval.mean:.1f} ± {interval.half_width:.1f}")
    more = signed(paired_difference(over_all["SRC"], over_all[rival]))
    lines.append(["kept of the accuracy without noise", *total, more])
    return _table(["noise", *MAIN, f"kept: SRC minus {rival}"], lines)


def ties(results) -> str:
    """Tabulate SRC, ASRC and random spans with all settings that are equal in tuning."""
    rows, lines = read(results, "match", "ties"), []
    for network, setting in dict.fromkeys((row["network"], row["setting"]) for row in rows):
        values = 100 * by_unit(rows, "test_accuracy", network=network, setting=setting)
        cells = [f"{values.mean():.1f}", f"{values.min():.1f}", f"{(values < 90).sum()} of {len(values)}", ""]
        if network == "random spans":
            learned = 100 * by_unit(rows, "test_accuracy", network="ASRC", setting=setting)
            cells[-1] = signed(paired_difference(learned, values))
        lines.append([network, setting, *cells])
    return _table(["network", "settings", "mean (%)", "lowest", "below 90 %", "ASRC minus these"], lines)


def beyond(results) -> str:
    """Tabulate claim 1 for other L, and for the slope: the difference of log10 of the share, SRC minus rival."""
    lengths = {name: len(curves(read(results, name, "gradients"), network="SRC")[0]) for name in stored(results)}
    shown = [far for far in (5, 10, 15, 20, 25, 30, 35, 40, 50, 75, 100, 150) if far < max(lengths.values()) - 1]
    lines = []
    for name, length in lengths.items():
        cells, networks = [], ("SRC", measures.rival(results, name))
        for far in shown:
            pair = (measures.log_far_share(results, name, network, far) for network in networks)
            cells.append(signed(paired_difference(*pair), 2) if far < length - 1 else "")
        slopes = (measures.decades_per_step(results, name, network) for network in networks)
        lines.append([TASKS[name].name, *cells, signed(paired_difference(*slopes), 3)])
    links = ",\n".join(f"[{TASKS[name].name}](results/{name}-gradients.csv)" for name in lengths)
    return _table(["L", *map(str, shown), "decades per step"], lines) + f"\nRows: {links}\n"


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


def slow(results) -> str:
    """Tabulate the trainings with as many updates as the paper's, and the difference of the two networks."""
    rows = read(results, "psdigits", "slow")
    lines = [
        [row["network"], str(row["seed"]), str(row["best_epoch"] + 1)]
        + [f"{100 * row[name]:.1f}" for name in ("validation_accuracy", "test_accuracy")]
        + [row["spans"], _updates(map(float, row["decided"].split()))]
        for row in rows
    ]
    values = [100 * by_unit(rows, "test_accuracy", network=network) for network in ("ASRC", "random spans")]
    lines.append(["ASRC minus random spans", "", "", "", signed(paired_difference(*values)), "", ""])
    head = ["network", "seed", "best epoch", "validation (%)", "test (%)", "spans", "updates until p > 0.9, by layer"]
    return _table(head, lines)


def _updates(decided) -> str:
    """Write after how many updates the layers of a run have decided."""
    return ", ".join("never" if np.isinf(updates) else f"{updates:,.0f}" for updates in decided)


def full(results) -> str:
    """Tabulate the networks at full length."""
    lines = []
    for network in full_length.stored(results):
        run = full_length.of(results, network)
        result, decided = runs.read_result(run), ""
        if network == "ASRC":
            decided = _updates(decided_after(over_updates(run)))
        lines.append(
            [network, str(result["best_epoch"] + 1)]
            + [f"{100 * result[name]:.2f}" for name in ("validation_accuracy", "test_accuracy")]
            + [" ".join(map(str, result["spans"])) if network in ("SRC", "ASRC", "random spans") else "", decided]
            + [", ".join(f"{rate:.3f}" for rate in result["firing_rates"])]
        )
    head = ["network", "best epoch", "validation (%)", "test (%)", "spans", "updates until p > 0.9, by layer"]
    return _table([*head, "firing rates"], lines)


WITHOUT_TASK = {
    "verdicts": PAIRS,
    "claims": PAIRS,
    "beyond": None,
    "lags": "match-lags.csv",
    "ties": "match-ties.csv",
    "slow": "psdigits-slow.csv",
    "full": "full",
}
"""The tables that take no task, and what must be there of the results, if not all of a task."""

TABLES: dict[str, Callable] = {
    table.__name__: table
    for table in (verdicts, claims, beyond, lags, ties, slow, full, tuning, accuracy, gradients, spans, robustness)
}
"""The tables by the name that a mark gives, with the task where it has one."""
