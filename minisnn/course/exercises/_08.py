"""The exercises of tutorial 08: how robust is it."""

from functools import cache
from itertools import cycle

import numpy as np

from minisnn._internal.rng import stream
from minisnn.course import notebooks
from minisnn.course.exercises.exercise import Exercise, attempt, number
from minisnn.experiments import findings

# 08.1: (0.1 · 0.85 + 0.2 · 0.65 + 0.2 · 0.4) / 0.5

LEVELS, CURVE = np.array([0.0, 0.1, 0.3, 0.5]), np.array([0.9, 0.8, 0.5, 0.3])
STEPS = np.diff(LEVELS)
LEFT, RIGHT = (float((STEPS * ends).sum() / STEPS.sum()) for ends in (CURVE[:-1], CURVE[1:]))
AREA = (LEFT + RIGHT) / 2
AREA_SLIPS = {
    CURVE.mean(): "that is the mean of the four accuracies. The levels are not equally far apart.",
    AREA * STEPS.sum(): "that is the area itself. Divided by the range of levels it is a mean accuracy.",
    AREA / CURVE[0]: "that is what is kept: the area relative to the accuracy without noise.",
    100 * AREA: "right in per cent; the answer is a share between 0 and 1.",
    LEFT: "each piece has the height of its left end here; take the mean of both ends.",
    RIGHT: "each piece has the height of its right end here; take the mean of both ends.",
}

# 08.2


def half_way(levels, accuracies, guess: float) -> float:
    """Find the first level at which accuracy has fallen half way to guessing; inf if it never has."""
    target = (accuracies[0] + guess) / 2
    for i in range(1, len(levels)):
        if accuracies[i] <= target:
            share = (accuracies[i - 1] - target) / (accuracies[i - 1] - accuracies[i])
            return levels[i - 1] + share * (levels[i] - levels[i - 1])
    return np.inf


HALF_WAY_CASES = {
    "a curve that falls": ((0.0, 0.1, 0.2, 0.4), (0.9, 0.8, 0.6, 0.2), 0.1),
    "levels in steps": ((0, 1, 2, 4, 8), (0.95, 0.93, 0.85, 0.7, 0.55), 0.5),
    "a curve that comes to half way at a level": ((0.0, 0.25, 0.5), (0.9, 0.5, 0.3), 0.1),
    "a curve that falls, rises and falls again": ((0.0, 0.1, 0.2, 0.3, 0.4), (0.9, 0.4, 0.6, 0.55, 0.2), 0.1),
    "a curve that rises before it falls": ((0.0, 0.1, 0.2, 0.3), (0.8, 0.9, 0.5, 0.2), 0.1),
    "a curve that stays above half way": ((0.0, 0.1, 0.2), (0.9, 0.8, 0.7), 0.1),
}


@attempt
def check_half_way(function) -> str | None:
    for name, (levels, accuracies, guess) in HALF_WAY_CASES.items():
        got = function(np.array(levels, float), np.array(accuracies), guess)
        if np.ndim(got) != 0 or not isinstance(got, int | float | np.number | np.ndarray):
            return f"it must return one number, got {type(got).__name__}."
        right = half_way(levels, accuracies, guess)
        if got == right or abs(got - right) < 1e-9:
            continue
        if np.isinf(right):
            return f"for {name}, it must return np.inf; yours returned {got:g}."
        if abs(got - half_way(levels, accuracies, 0.0)) < 1e-9:
            return f"for {name}: that is where half of the accuracy is left. Half way to guessing is less far down."
        if got in levels and right not in levels:
            return f"for {name}: that is one of the levels, {got:g}; draw a straight line between two of them."
        return f"for {name}, {list(accuracies)} at {list(levels)} with guess = {guess}, it returned {got:g}."
    return None


# 08.3

BURSTS = ((40, 20, 1, (0, 1, 2, 5, 10, 19, 20)), (50, 12, 3, (0, 2, 3, 6, 11, 12)))  # B, T, n_in, steps that are lost


def burst(x, level, rng):
    """Return x with one run of round(level T) steps lost in each sequence."""
    B, T = x.shape[:2]
    lost = round(level * T)
    first = np.floor(rng.random(B) * (T - lost + 1))[:, np.newaxis]
    steps = np.arange(T)
    return x * ((steps < first) | (steps >= first + lost))[:, :, np.newaxis]


@attempt
def check_burst(function) -> str | None:
    for B, T, n_in, losses in BURSTS:
        x = 0.5 + stream(0, "08.3").random((B, T, n_in))
        before, smaller = x.copy(), np.zeros((B, T), bool)
        for lost, shift in zip(losses, cycle((0, 0.4, -0.4))):  # whether it rounds
            level = min(max(lost + shift, 0), T) / T
            got = function(x, level, stream(1, "08.3"))
            wrong = _no_burst(got, x, before, lost)
            if wrong is None and (smaller & ~_gone(got)).any():
                wrong = "a step that a lower level lost is there again; draw one number per sequence, at any level."
            if wrong is not None:
                return f"T = {T}, level {level:g}: {wrong}"
            smaller = _gone(got)
    return _not_random(function)


def _gone(got) -> np.ndarray:
    """Return which steps are 0 in all inputs, (B, T)."""
    return (got == 0).all(axis=2)


def _no_burst(got, x, before, lost: int) -> str | None:
    if not isinstance(got, np.ndarray) or got.shape != x.shape:
        return f"it must return an array of the shape of x, {x.shape}."
    if not np.array_equal(x, before):
        return "it has changed x itself; work on a copy."
    gone = _gone(got)
    if not np.array_equal(got, np.where(gone[:, :, np.newaxis], 0, x)):
        if np.isin(got, (0.0, *np.unique(x))).all():
            return "a lost step is lost in all inputs, and the others stay as they are."
        return "a value is 0 or what it was."
    counts = gone.sum(axis=1)
    if (counts != lost).any():
        return f"{lost} steps of each sequence are to be lost, got {counts.min()} to {counts.max()}."
    edges = np.diff(gone.astype(int), axis=1, prepend=0) == 1
    if lost and (edges.sum(axis=1) != 1).any():
        return "the lost steps of a sequence are to be one run, without a gap."
    return None


def _not_random(function) -> str | None:
    """Say what is wrong with where the runs lie, over many sequences."""
    x = np.ones((400, 10, 1))
    one, again, other = (_gone(function(x, 0.3, stream(seed, "08.3 many"))) for seed in (0, 0, 1))
    if not np.array_equal(one, again):
        return "two equal generators must give the same: draw from `rng` alone."
    if len(np.unique(one, axis=0)) == 1:
        return "where the run lies is to be drawn for each sequence."
    if np.array_equal(one, other):
        return "another generator gives the same runs; draw from `rng`."
    if len(np.unique(one, axis=0)) < 8:
        return "a run of 3 of 10 steps can lie in 8 places; yours does not come to all of them."
    return None


# 08.4: the noise is given and right answers count; how sensitive, whatever the accuracy; how much noise may there be

SITUATIONS = "bcd"
WRONG_MEASURES = (
    {
        "a": "i: the sensor is noisy; accuracy without noise is what you will not get.",
        "c": "i: an inaccurate network can keep all it has. It is right answers that count here.",
        "d": "i: the levels are given. A network that starts lower may be half way later, and wrong more often.",
    },
    {
        "a": "ii: that says nothing about noise.",
        "b": "ii: the area contains how accurate the networks are to begin with.",
        "d": "ii: this is one level on the curve; the question is about a share, over all levels.",
    },
    {
        "a": "iii: that says nothing about noise.",
        "b": "iii: the area is an accuracy; the question is about a level of noise.",
        "c": "iii: that is a share; the question is about a level of noise.",
    },
)


def check_measures(answer) -> str | None:
    letters = "".join(str(letter) for letter in answer) if isinstance(answer, list | tuple) else str(answer)
    letters = "".join(letter for letter in letters.lower() if letter.isalnum())
    if len(letters) != 3 or set(letters) - set("abcd"):
        return 'the answer is three letters of a to d, e.g. "aaa".'
    for given, right, wrong in zip(letters, SITUATIONS, WRONG_MEASURES):
        if given != right:
            return wrong[given]
    return None


# 08.5

SURE = 0.99


@cache
def stored() -> dict[str, dict]:
    """Read the stored results: by task, {(network, noise, level): accuracies, one per unit}."""
    results = notebooks.folder() / "findings" / "results"
    tables = {}
    for task in findings.stored(results):
        groups = {}
        for row in findings.read(results, task, "robustness"):
            key = (row["network"], row["noise"], row["level"])
            groups.setdefault(key, {}).setdefault(row["unit"], []).append(row["accuracy"])
        tables[task] = {key: np.array([np.mean(runs) for runs in of.values()]) for key, of in groups.items()}
    return tables


def reversed_order(table: dict, noise: str, level: float, first: str, second: str) -> bool:
    """Check whether `first` is the better one without noise, and the worse one at the level."""
    without, under = (
        findings.paired_difference(table[first, noise, at], table[second, noise, at], SURE) for at in (0, level)
    )
    return (without.verdict, under.verdict) == ("higher", "lower")


def reversals() -> list[tuple]:
    """List all (task, noise, level, first, second) with reversed order."""
    return [
        (task, noise, level, first, second)
        for task, table in stored().items()
        for first, noise, level in table
        for second in dict.fromkeys(name for name, _, _ in table)
        if first != second and level != 0 and reversed_order(table, noise, level, first, second)
    ]


def check_reversal(answer) -> str | None:
    if isinstance(answer, str) and answer.strip().lower() == "none":
        found = len(reversals())
        return f"there is more to find: {found} of them." if found else None
    try:
        task, noise, level, first, second = answer
    except (TypeError, ValueError):
        return 'the answer is (task, noise, level, better, worse), or "none".'
    if task not in stored():
        return f"the tasks with stored results are {', '.join(stored()) or 'none yet'}."
    table = stored()[task]
    for name in (first, second):
        if (name, noise, level) not in table:
            return f"nothing is stored for {name!r} under {noise!r} at level {level!r}."
    if level == 0:
        return "at level 0 there is no noise."
    if reversed_order(table, noise, level, first, second):
        return None
    without, under = (100 * (table[first, noise, at] - table[second, noise, at]).mean() for at in (0, level))
    if reversed_order(table, noise, level, second, first):
        return "these two are reversed; name first the one that is better without noise."
    return f"{first} minus {second}: {without:+.1f} points without noise, {under:+.1f} under it; no reversal at 99 %."


EXERCISES = {
    "08.1": Exercise(
        number(AREA, 1e-9, AREA_SLIPS),
        "A mean accuracy in which each level counts by the range that it stands for.",
        (
            "Between two levels the curve is a straight line: its mean there is that of the two ends.",
            "(0.1 · (0.9 + 0.8) / 2 + ...) divided by the whole range, 0.5.",
        ),
    ),
    "08.2": Exercise(
        check_half_way,
        "A measure in units of the noise: how much of it a network stands.",
        (
            "Half way is (accuracies[0] + guess) / 2. Find the first level at which the accuracy is not above that.",
            "Between the level before and this one the curve is a straight line.",
            "left + (right - left) · (a_left - half) / (a_left - a_right); np.inf if there is no such level.",
        ),
    ),
    "08.3": Exercise(
        check_burst,
        "It has all the properties: nothing at level 0, growing with the level, drawn for each sequence, repeatable.",
        (
            "n = round(level * T) steps are lost. In how many places can the run begin?",
            "T - n + 1 places. Draw one u in [0, 1) per sequence, rng.random(B); a run begins at floor(u (T - n + 1)).",
            "With one u for all levels the runs are nested: with n + 1 one begins at the same step, or one before.",
        ),
    ),
    "08.4": Exercise(
        check_measures,
        "First the question, then the measure.",
        ("Which of the four are accuracies, which a share, which a level of noise?",),
    ),
    "08.5": Exercise(
        check_reversal,
        "Which of two networks is better depends on how much noise there is, or it does not: you have looked.",
        (
            "Loop over tasks, noises, levels and pairs of networks; the verdict of findings.paired_difference(..., "
            "level=0.99) is higher, lower or undecided.",
            "Look where curves cross in the figures: networks that begin above others and end below them.",
        ),
    ),
}
