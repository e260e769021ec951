"""The exercises of tutorial 12: what was found, and how it is read."""

import numpy as np

from minisnn._internal.rng import stream
from minisnn.course.exercises.exercise import Exercise, attempt, choice

# 12.1


def decided(updates, weights, limit: float) -> float:
    """Find after how many updates the weight stayed above the limit to the end; inf if it did not."""
    found = np.inf
    for n, weight in zip(reversed(list(updates)), reversed(list(weights))):
        if weight <= limit:
            break
        found = n
    return float(found)


DECIDED_CASES = {
    "a weight that rises": ([52, 104, 156, 208], [0.1, 0.5, 0.93, 0.99]),
    "a weight that falls back once": ([30, 60, 90, 120, 150], [0.2, 0.95, 0.6, 0.92, 0.97]),
    "a weight that never gets there": ([10, 20, 30], [0.2, 0.3, 0.89]),
    "a weight that is there and leaves": ([10, 20, 30, 40], [0.2, 0.95, 0.97, 0.7]),
    "a weight above it from the first": ([7, 14, 21], [0.91, 0.95, 0.99]),
    "a weight that is at the limit, not above": ([5, 10, 15], [0.5, 0.9, 0.95]),
}


@attempt
def check_decided(function) -> str | None:
    return _check_decided(function) or _check_limit(function)


def _check_limit(function) -> str | None:
    for name, (updates, weights) in DECIDED_CASES.items():
        got, right = (f(np.array(updates), np.array(weights), 0.5) for f in (function, decided))
        if got != right:
            return f"for {name}, {weights}, and limit = 0.5 it is {right:g}; yours returned {got:g}. Use `limit`."
    return None


def _check_decided(function) -> str | None:
    for name, (updates, weights) in DECIDED_CASES.items():
        updates, weights = np.array(updates), np.array(weights)
        got = function(updates, weights, 0.9)
        if np.ndim(got) != 0 or not isinstance(got, int | float | np.number | np.ndarray):
            return f"it must return one number, got {type(got).__name__}."
        right = decided(updates, weights, 0.9)
        if got == right:
            continue
        above = weights > 0.9
        case = f"for {name}, {weights.tolist()}"
        if np.isinf(right):
            return f"{case}: in the end it is not above 0.9, so np.inf; yours returned {got:g}."
        if above.any() and got == updates[np.argmax(above)]:
            return f"{case}: that is the first time. It fell back; decided is what *stays* above."
        if got == int(np.searchsorted(updates, right)):
            return f"{case}: that is the place in the array; the answer is a number of updates."
        if got == updates[np.argmax(weights >= 0.9)]:
            return f"{case}: above the limit, not at it."
        return f"{case} after {updates.tolist()} updates, it returned {got:g}."
    return None


# 12.2


def holm(p) -> np.ndarray:
    """Correct p-values by Holm's method, one after the other as on paper."""
    p = np.asarray(p, float)
    corrected, largest = np.empty(len(p)), 0.0
    for place, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, (len(p) - place) * p[i])
        corrected[i] = min(largest, 1.0)
    return corrected


def _bonferroni(p):
    return np.minimum(len(p) * p, 1.0)


def _in_order(p):
    return np.sort(holm(p))


def _without_maximum(p):
    ranks = np.argsort(np.argsort(p, kind="stable"))
    return np.minimum((len(p) - ranks) * p, 1.0)


def _not_capped(p):
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    return corrected


def _from_the_largest(p):
    ranks = np.argsort(np.argsort(p, kind="stable"))
    return np.minimum((ranks + 1) * p, 1.0)


HOLM_SLIPS = (
    (_bonferroni, "that is Bonferroni's: every p times m. Only the smallest is multiplied by m, the next by m - 1."),
    (_in_order, "the values are right, but sorted: return them in the order in which the p-values came."),
    (_without_maximum, "a corrected p must not be smaller than that of a smaller p: take the largest so far."),
    (_not_capped, "a corrected p is a probability: at most 1."),
    (_from_the_largest, "the smallest p is multiplied by m, the number of tests, and the largest by 1."),
)


@attempt
def check_holm(function) -> str | None:
    rng = stream(0, "exercise 12.2")
    cases = [np.array([0.03, 0.01, 0.04]), np.array([0.5, 0.2, 0.9, 0.001]), np.array([0.02])]
    cases += [rng.random(n) ** 3 for n in (5, 7, 28)]
    for p in cases:
        before = p.copy()
        got = np.asarray(function(p))
        if not np.array_equal(p, before):
            return "it has changed the array that it was handed; work on a copy."
        if got.dtype == bool:
            return "return the corrected p-values; whether they are below 0.05 is the next question."
        if got.shape != p.shape:
            return f"of {len(p)} p-values it must return as many, got the shape {got.shape}."
        if np.allclose(got, holm(p), rtol=0, atol=1e-12):
            continue
        for slip, sentence in HOLM_SLIPS:
            if np.allclose(got, slip(p), rtol=0, atol=1e-12):
                return sentence
        return f"of {p.round(4).tolist()} it makes {got.round(4).tolist()}; {holm(p).round(4).tolist()} is right."
    return None


# 12.3

READINGS = {
    "a": "0.04 belongs to a test that was made alone. It was one of 28, and by Holm its p is 0.5.",
    "b": "undecided is not refuted: refuted would need a mean below 0, and a corrected p below 0.05.",
    "d": "the interval reaches up to 2.7: a difference above 2 is not excluded.",
}


EXERCISES = {
    "12.1": Exercise(
        check_decided,
        "From the end backwards: a decision is what nothing took back.",
        (
            "Walk from the last epoch backwards, as long as the weight is above the limit.",
            "Or: the places where it is not above; the decision is the one after the last of them.",
        ),
    ),
    "12.2": Exercise(
        check_holm,
        "That is `findings.holm`. Apply it to the p-values of this notebook.",
        (
            "np.argsort(p) gives the places of the p-values from the smallest on; m - 0, m - 1, ... are their factors.",
            "np.maximum.accumulate is the largest so far; np.minimum(..., 1) caps.",
            "corrected[order] = ... puts them back where they came from.",
        ),
    ),
    "12.3": Exercise(
        choice("c", READINGS),
        "It is a candidate. Fresh seeds, one test: then 0.04 would count.",
        ("Which p does the plan ask for? And does the interval lie within ±2?",),
    ),
}
