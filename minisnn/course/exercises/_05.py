"""The exercises of tutorial 05: skip connections."""

from functools import cache

import numpy as np

from minisnn import checks
from minisnn._internal.rng import stream
from minisnn.core.neuron import LIF
from minisnn.core.recurrence import SRC
from minisnn.course.exercises.exercise import Exercise, array, attempt, first_wrong, number
from minisnn.experiments import recipes
from minisnn.network import Network
from minisnn.training.fit import fit

QUANTITIES = ("q", "eps", "delta", "dx", "d_w_in", "d_bias", "d_w_rec")

# 05.1: three hops of 7 steps from step 4 on, 4 + 3 · 7

ARRIVAL_SLIPS = {
    7.0: "that is 4 + 3: three hops of an RSNN. Here each hop takes λ = 7 steps.",
    11.0: "that is where the first of the three hops ends.",
    18.0: "that is where the second of the three hops ends.",
    21.0: "three hops take 21 steps, but the first spike comes at step 4, not 0.",
    32.0: "that is one hop too many.",
}

# 05.2


SRC_CASES = [(3, "soft", False), (1, "soft", False), (4, "hard", True), (9, "soft", False), (13, "soft", False)]


def check_backward(answer) -> str | None:
    """Check the backward pass of SRC against the spec, for several resets and spans, below and above T."""
    for span, reset, detached in SRC_CASES:
        net = Network([2, 5, 4, 3], SRC(span), LIF(0.6, 0.8, reset, detached), seed=span, dtype="float64")
        net.params.flat += 0.4 * stream(span, "05.2").standard_normal(net.params.flat.size)
        x, y = 2 * stream(span, "05.2 input").standard_normal((2, 9, 2)), np.array([0, 2])
        verdict = _on_network(answer, net, x, y)
        if verdict is not None:
            return f"with λ = {span} and T = 9, {verdict}"
    return None


def _on_network(answer, net, x, y) -> str | None:
    """Finish a sentence with what is wrong with the backward pass on this network; None if nothing is."""
    seen = []

    def watched(tape, e, params):
        got = answer(tape, e, params)
        if isinstance(got, dict):
            seen.append(got)
        return got

    try:
        checks.gradcheck(net, x, y, backward=watched)
    except checks.GradientError as error:
        name, note, _ = first_wrong(error.report)
        return _about(name, note, seen[0])
    missing = [name for name in QUANTITIES if name not in seen[0]]
    return f"it is right as far as it goes, but it does not return {', '.join(missing)}." if missing else None


def _about(name: str, note: str, got: dict) -> str:
    """Say what the first wrong quantity shows about the function."""
    if "expected" in note:
        return f"{name} has another {note}."
    if name == "q":
        if "delta" in got and np.allclose(got["q"][:-1], got["delta"][1:]):
            return "q[t] is δ[t + 1], as in 02. The spike of step t arrives at t + λ: there its gradient waits."
        if np.any(got["q"][-1]):
            return "q of the last step is not 0. δ is 0 from T on; does an index run over the end, or below 0?"
        return f"q is the first to be wrong ({note.split(': ')[-1]}). Equation (7) has one tap, (λ, 1)."
    if name == "delta":
        return "q and eps are right, delta is not. Only (7) changes: in (9) the leak is c = β δ[t + 1], as in 02."
    if name == "d_w_rec":
        return "all but d_w_rec is right. It pairs s[t] with q[t], which is δ of λ steps later."
    return f"{name} is the first to be wrong. Only equation (7) changes; all else stands as in 02."


# 05.3: whole hops that fit into the lag, and the steps that remain

LAG, SPANS = 30, (1, 4, 7, 15, 31)


def check_paths(answer) -> str | None:
    right = np.array([divmod(LAG, span) for span in SPANS])
    per_hop = np.array([(LAG // span, LAG - LAG // span) for span in SPANS])
    slips = {
        "the columns are the other way round: hops first.": right[:, ::-1],
        "of the 30 steps a hop takes λ of them, not one; what is left over must leak.": per_hop,
        "the hops are right. What is left of the 30 steps after them?": right * [1, 0],
    }
    return array(right, slips=slips)(answer)


# 05.4: those that divide 24 and need at most 6 hops for it: 6, 8, 24. T = lag + 10 = 34

MATCH_LAG, MATCH_SPANS = 24, (1, 6, 8, 16, 24, 34)
MOST_HOPS = 6


def solving_spans(lag: int, spans) -> set[int]:
    """Return the spans that divide the lag and need at most `MOST_HOPS` hops for it."""
    return {span for span in spans if lag % span == 0 and lag // span <= MOST_HOPS}


def check_solving(answer) -> str | None:
    try:
        got = {int(span) for span in answer}
        if any(int(span) != span for span in answer):
            raise ValueError
    except (TypeError, ValueError):
        return "the answer is a list of spans."
    if not got <= set(MATCH_SPANS):
        return f"choose among {', '.join(map(str, MATCH_SPANS))}."
    right = solving_spans(MATCH_LAG, MATCH_SPANS)
    for span in sorted(got - right):
        if span >= MATCH_LAG + 10:
            return f"the sequences have T = 34 steps: with λ = {span} no spike ever arrives."
        if MATCH_LAG % span:
            return (
                f"λ = {span} does not divide 24: after {MATCH_LAG // span} hop, {MATCH_LAG % span} steps must leak. "
                "In the table, where 6 or more steps had to leak, eight cells of nine missed some sequences."
            )
        return f"λ = {span} divides 24, but it takes {MATCH_LAG // span} hops; how many did the framed cells take?"
    return None if got == right else "not all are there yet. Try each span that divides 24 in up to six hops."


# 05.5

SHORT_LAG, EPOCHS, SEEDS = 20, 15, (0, 1)


@cache
def accuracy(span: int, seed: int, lag: int = SHORT_LAG) -> float:
    """Train the recipe `match-src` for 15 epochs, and return its test accuracy."""
    recipe = recipes.recipe("match-src", lag=lag, span=span, seed=seed, epochs=EPOCHS)
    net, data = recipes.make_network(recipe), recipes.make_data(recipe)
    fit(net, data, **recipes.fit_options(recipe), progress=False)
    return net.evaluate(data.test).accuracy


def failure(span: int) -> int | None:
    """Find the first seed with which a span does not solve the task; None if it solves it."""
    return next((seed for seed in SEEDS if accuracy(span, seed) < 1), None)


def check_smallest(answer) -> str | None:
    try:
        span = int(answer)
    except (TypeError, ValueError):
        return f"the answer is one span, got {type(answer).__name__}."
    if span != answer or span < 1:
        return "a span is a whole number of steps, at least 1."
    if span >= SHORT_LAG + 10:
        return f"the sequences have T = {SHORT_LAG + 10} steps: with λ = {span} no spike ever arrives."
    seed = failure(span)
    if seed is not None:
        return f"λ = {span} reaches {accuracy(span, seed):.1%} with seed {seed}."
    for smaller in range(span - 1, 0, -1):
        if failure(smaller) is None:
            return f"λ = {span} solves it, but so does λ = {smaller}."
    return None


EXERCISES = {
    "05.1": Exercise(
        number(4 + 3 * 7, slips=ARRIVAL_SLIPS),
        "A hop takes λ steps, whatever else happens.",
        ("One hop takes λ steps.", "The first spike comes at step 4; three hops follow."),
    ),
    "05.2": Exercise(
        attempt(check_backward),
        "One index, in one line; the leak still goes one step.",
        (
            "Which line is equation (7)? It is the only one to change.",
            "q[t] = δ[t + λ] as long as t + λ < T, else 0. λ is params.delays[0].",
            "Your `later` serves two lines: (7), which changes, and c = β δ[t + 1], which does not.",
        ),
    ),
    "05.3": Exercise(
        check_paths,
        "The fewest factors on the way are hops + leaks: 30, 9, 6, 2 and 30.",
        ("How often does λ fit into 30? What remains?", "divmod(30, λ) gives both."),
    ),
    "05.4": Exercise(
        check_solving,
        "They divide the lag and need few hops.",
        (
            "The framed cells of the table are spans that divide the lag. How many hops did those take that solve it?",
            "Few hops (up to six always sufficed), nothing left to leak, and λ below T = 34.",
        ),
    ),
    "05.5": Exercise(
        check_smallest,
        "Short spans need many hops; training decides how many are too many.",
        (
            "Begin with λ = 1, and stop a span at its first seed below 100 %.",
            f"Use recipes.recipe('match-src', lag={SHORT_LAG}, span=..., seed=..., epochs={EPOCHS}).",
        ),
    ),
}
