"""The exercises of tutorial 11: what else mends a vanishing gradient, and what it costs."""

from functools import cache

import numpy as np

from minisnn import checks, datasets
from minisnn._internal.rng import stream
from minisnn.core import reference
from minisnn.core.neuron import ALIF, LIF, PLIF
from minisnn.core.recurrence import ASRC, KINDS, SRC, Recurrent
from minisnn.core.surrogate import Triangle
from minisnn.course.exercises.exercise import NEEDED, Exercise, attempt, first_wrong, number, returning
from minisnn.network import Network
from minisnn.training import optim
from minisnn.training.fit import fit

# 11.1: an error of the steps 32 .. 39 is to reach the steps 2 .. 5, in the piece 0 .. k - 1

FIRST_CUE, SECOND_CUE, T = range(2, 6), range(32, 36), 40
SHORTEST = SECOND_CUE[0] + 1
SHORTEST_SLIPS: dict[float, str] = {
    30: "that is the lag. With k = 30 the first piece ends at step 29, before the first error at 32.",
    27: "from step 5 to step 32 it is 27 steps, but pieces begin at 0, 27, ...: step 32 is in the second one.",
    28: "pieces begin at 0, 28, ...: step 32 is in the second one.",
    32: "with k = 32 the first piece has the steps 0 .. 31, and the first error comes at step 32.",
    36: "that takes in all of the second cue. The first error comes at its onset already.",
    40: "then nothing is cut. Which is the first step that has an error of its own?",
}

# 11.2


def cases():
    """Yield the cases of a backward pass as (words, network, masks), for sequences of 9 steps."""
    rng = stream(0, "exercise 11.2")
    adapting = {"adaptation_decay": (0.9, 0.7, 0.8, 0.5), "adaptation_strength": (0.3, 0.5, 0.2, 0.4)}
    for words, recurrence, neuron in (
        ("ALIF in an RSNN", Recurrent(), ALIF(0.6, 0.8, **adapting)),
        ("ALIF, λ = 3 and a hard reset", SRC(3), ALIF(0.6, 0.8, "hard", **adapting)),
        ("ALIF, K = 4, a detached reset and a dropout mask", ASRC(4), ALIF(0.6, 0.8, "soft", True, **adapting)),
        ("LIF neurons, where params.adaptation is None", ASRC(4), LIF(0.6, 0.8)),
    ):
        net = Network([3, 4, 2], recurrence, neuron, dtype="float64")
        net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
        net.temperature = 0.7
        masks = [(rng.random((2, 4)) < 0.7) / 0.7]
        yield words, net, masks if "mask" in words else None


SLIPS = {  # sentence: φ[t] from φ[t+1], r, ε, σ′, ρ, κ, β
    "(13) has no effect: does ε[t] get φ[t + 1], and does φ change in the loop?": (
        lambda phi, r, eps, slope, rho, kappa, decay: 0 * phi
    ),
    "the sign of κ: a higher A[t] makes a spike less likely.": (
        lambda phi, r, eps, slope, rho, kappa, decay: rho * phi + kappa * slope * r
    ),
    "φ forgets: A[t] also went into A[t + 1], with the factor ρ.": (
        lambda phi, r, eps, slope, rho, kappa, decay: -kappa * slope * r
    ),
    "φ[t + 1] comes back with the factor ρ.": (lambda phi, r, eps, slope, rho, kappa, decay: phi - kappa * slope * r),
    "φ[t + 1] comes back with β; A has a decay of its own, ρ.": (
        lambda phi, r, eps, slope, rho, kappa, decay: decay * phi - kappa * slope * r
    ),
    "κ is missing: A[t] raises the threshold by κ A[t].": (
        lambda phi, r, eps, slope, rho, kappa, decay: rho * phi - slope * r
    ),
    "σ′ is missing: A[t] acts through the spike.": (
        lambda phi, r, eps, slope, rho, kappa, decay: rho * phi - kappa * r
    ),
    "φ takes ε[t] where it needs r[t], all that s[t] collects, its own reset included.": (
        lambda phi, r, eps, slope, rho, kappa, decay: rho * phi - kappa * slope * eps
    ),
}


def slip(backward) -> str | None:
    """Return the sentence for a typical slip, recognised by the δ that it leads to."""
    rng = stream(0, "exercise 11.2", "slip")
    _, net, _ = next(cases())
    layer, x, e, mask = net.layers()[0], rng.standard_normal((9, 3)), rng.standard_normal((9, 4)), np.ones(4)
    run = reference.layer_forward(x, layer, mask)
    slope = Triangle().derivative(run.v - reference.thresholds(layer, run.s))
    tape, params = checks.StudentTape(x, *run, slope, mask), checks.StudentParams(*layer, net.temperature)
    delta = np.asarray(backward(tape, e.copy(), params)["delta"])
    right = reference.layer_backward(e, x, run, slope, layer, mask).delta
    if delta.shape != right.shape or np.allclose(delta, right, rtol=0, atol=1e-9):
        return None
    for sentence, step in SLIPS.items():
        if np.allclose(delta, _delta(tape, e, params, step), rtol=0, atol=1e-9):
            return sentence
    return None


def _delta(tape, e, params, step) -> np.ndarray:
    """Compute δ of an RSNN with a soft reset, with (13) as `step` has it."""
    rho, kappa = params.adaptation
    delta, phi = np.zeros((len(e) + 1, e.shape[1])), np.zeros(e.shape[1])
    for t in reversed(range(len(e))):
        eps = e[t] + delta[t + 1] @ params.w_rec.T + phi
        c = params.decay * delta[t + 1]
        r = eps - params.threshold * c
        delta[t] = c + tape.slope[t] * r
        phi = step(phi, r, eps, tape.slope[t], rho, kappa, params.decay)
    return delta[:-1]


def check_backward(answer) -> str | None:
    """Check the whole backward pass of a layer with and without adaptation."""
    x, y, words = stream(0, "exercise 11.2", "x").standard_normal((2, 9, 3)), [0, 1], "ALIF"
    backward = returning(answer, NEEDED)
    try:
        sentence = slip(backward)
        if sentence:
            return sentence
        for case in cases():
            words, net, masks = case
            checks.gradcheck(net, x, y, masks=masks, backward=backward)
    except TypeError as error:  # such as unpacking None
        return f"With {words}: your function raised TypeError: {error}"
    except checks.GradientError as error:
        name, note, equation = first_wrong(error.report)
        return f"With {words}: {name} is wrong ({note}). Look at {equation} and (13)."
    return None


# 11.3

ENOUGH, SEEDS = 0.85, (0, 1)


@cache
def accuracy(recurrence, neuron, seed: int) -> float:
    """Train without hops on the task of the tutorial, and return the test accuracy."""
    data = datasets.delayed_match(lag=30, distractors=2, n_train=2000)
    net = Network([1, 64, 2], recurrence, neuron, readout_window=8, seed=seed)
    adam = optim.AdamW(lr=5e-3, neuron_lr=0.05)
    local = {"hops": False}
    fit(net, data, epochs=12, batch_size=32, optimizer=adam, gradient=local, seed=seed, progress=False)
    return net.evaluate(data.test).accuracy


def check_local(answer) -> str | None:
    """Check that a network, trained by e-prop alone, solves the task with each seed."""
    options = answer if isinstance(answer, dict) else {"recurrence": answer}
    recurrence, neuron = options.get("recurrence", Recurrent()), options.get("neuron", LIF())
    known = set(options) <= {"recurrence", "neuron"}
    if not (known and isinstance(recurrence, KINDS) and isinstance(neuron, LIF | PLIF | ALIF)):
        return "the answer is a dict with recurrence, neuron or both, e.g. {'recurrence': ms.SRC(2)}."
    for seed in SEEDS:
        reached = accuracy(recurrence, neuron, seed)
        if reached < ENOUGH:
            return (
                f"it reaches {reached:.1%} with seed {seed}. Through how many hops does a spike of the first cue come "
                "to the second? An error passes none, but the weights of the last hop learn without it."
            )
    return None


EXERCISES = {
    "11.1": Exercise(
        number(SHORTEST, slips=SHORTEST_SLIPS),
        "Step 32 must lie in the first piece, 0 .. k - 1. A lag of 30 asks for more than 30 steps.",
        (
            "Which step is the first that has an error of its own, e[t] ≠ 0?",
            "Pieces begin at 0, k, 2k, ... An error of step 32 and an input of step 5 must share one.",
        ),
    ),
    "11.2": Exercise(
        attempt(check_backward),
        "One function now serves every network of the course: LIF and ALIF, RSNN, SRC and ASRC.",
        (
            "Three places: φ is 0 before the loop; ε[t] gets it; after (9) it takes one step.",
            "φ belongs to the loop over time, like `later` did: when t is reached, it holds φ[t + 1].",
            "r = ε[t] - (1 - detached) (a θ + h v[t]) c; φ = ρ φ - κ σ′[t] r. Without adaptation ρ = κ = 0.",
        ),
    ),
    "11.3": Exercise(
        check_local,
        "One hop from cue to cue: its weights pair a spike then with an error now, and no error passes through W_rec.",
        (
            "In (10), d_w_rec = Σ s[t]ᵀ q[t] needs no error that has passed through W_rec. The other hops do.",
            "With λ = 15 the way has two hops. With which spans has it one?",
        ),
    ),
}
