"""The exercises of tutorial 02: backpropagation through time, by hand."""

from functools import cache

import numpy as np

from minisnn import checks
from minisnn._internal.rng import stream
from minisnn.core import reference
from minisnn.core.neuron import LIF
from minisnn.core.surrogate import Triangle
from minisnn.course import example
from minisnn.course.exercises.exercise import Exercise, array, attempt, returning
from minisnn.network import Network

LIF_BACKWARD = ("q", "eps", "delta", "dx", "d_w_in", "d_bias", "d_w_rec")
EQUATIONS = {
    **{"q": "7", "eps": "8", "delta": "9", "dx": "12a"},
    **dict.fromkeys(("d_w_in", "d_bias", "d_w_rec", "d_decay"), "10"),
}


def spec_run(layer: reference.Layer, x, e, mask):
    """Compute (run, slope, grads) of one layer and one sequence by the spec."""
    run = reference.layer_forward(x, layer, mask)
    slope = Triangle().derivative(run.v - layer.threshold)
    return run, slope, reference.layer_backward(e, x, run, slope, layer, mask)


@cache
def example_run():
    """Compute `spec_run` of the running example."""
    return spec_run(example.layer(), example.X, example.E, example.MASK)


# 02.1


def check_last_delta(answer) -> str | None:
    """Check δ[5] of the running example: after the last step there is nothing, so it is σ′[5] e[5]."""
    _, slope, grads = example_run()
    slips = {
        "Θ′ is 0, so with it nothing comes back. σ′ stands in for it.": np.zeros(3),
        "that is e[5], what reaches the spikes. v reaches the loss only through them: multiply by ∂s/∂v.": example.E[5],
        "that is σ′[5]. The loss reads one neuron only: what does e[5] say of the other two?": slope[5],
    }
    return array(grads.delta[5], slips=slips)(answer)


# 02.2


def hard_step(s, v, slope, eps, c):
    """Compute equation (9) with (a, h) = (0, 1)."""
    return (1 - s) * c + slope * (eps - v * c)


HARD_SLIPS = {
    "that is the soft reset: there s[t] is multiplied by -θ. By what is it multiplied in v⁺[t] = v[t] - s[t] v[t]?": (
        lambda s, v, slope, eps, c: c + slope * (eps - c)
    ),
    "the way of v[t] is right; but s[t] is multiplied by -v[t] here, not by the -θ of the soft reset.": (
        lambda s, v, slope, eps, c: (1 - s) * c + slope * (eps - c)
    ),
    "v[t] stands twice in v⁺[t] = v[t] - s[t] v[t]: with s[t] held fixed, the derivative is not 1.": (
        lambda s, v, slope, eps, c: c + slope * (eps - v * c)
    ),
    "what v[t] does through s[t] to the reset is missing: s[t] went into v⁺[t], too.": (
        lambda s, v, slope, eps, c: (1 - s) * c + slope * eps
    ),
    "check the sign of what comes back from v⁺[t] to s[t]: a spike makes v⁺[t] smaller.": (
        lambda s, v, slope, eps, c: (1 - s) * c + slope * (eps + v * c)
    ),
}


def check_hard_step(answer) -> str | None:
    """Check one step of (9) for the hard reset, on spikes and on values between 0 and 1."""
    rng = stream(0, "exercise 02.2")
    v, slope, eps, c = rng.standard_normal((4, 7))
    for s in ((v >= 0).astype(float), rng.random(7)):
        expected = hard_step(s, v, slope, eps, c)
        got = np.asarray(answer(s.copy(), v.copy(), slope.copy(), eps.copy(), c.copy()), float)
        slips = {sentence: slip(s, v, slope, eps, c) for sentence, slip in HARD_SLIPS.items()}
        wrong = array(expected, slips=slips)(got)
        if wrong:
            return wrong
    return None


# 02.3


def check_d_w_rec(answer) -> str | None:
    """Check d_w_rec of the running example."""
    run, _, grads = example_run()
    slips = {
        "you paired s[t] with δ[t]. A spike of step t arrives at step t + 1: pair it with δ[t + 1].": run.s.T
        @ grads.delta,
        "you paired s[t] with δ[t - 1]: that is a spike with a potential before it.": run.s[1:].T @ grads.delta[:-1],
        "transposed: weights are [pre, post], so rows belong to the neuron that fired.": grads.d_w_rec.T,
        "you took ε; W_rec went into the currents, whose gradient is δ.": run.s[:-1].T @ grads.eps[1:],
        "that is the mean over steps; every step adds its part.": grads.d_w_rec / len(run.s),
    }
    return array(grads.d_w_rec, slips=slips)(answer)


# 02.4 and 02.5


def cases():
    """Yield the cases of a backward pass as (words, network, masks): all resets, and last with dropout masks."""
    soft = LIF(0.6, 0.8)
    neurons = {
        "soft reset": soft,
        "hard reset": LIF(0.6, 0.8, "hard"),
        "no reset": LIF(0.6, 0.8, "none"),
        "detached soft reset": LIF(0.6, 0.8, detach_reset=True),
        "detached hard reset": LIF(0.6, 0.8, "hard", detach_reset=True),
        "soft reset and a dropout mask": soft,
    }
    rng = stream(0, "exercise 02.4")
    for words, neuron in neurons.items():
        net = Network([3, 5, 4, 2], neuron=neuron, dtype="float64")
        net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
        masks = [(rng.random((2, n)) < 0.7) / 0.7 for n in net.sizes[1:-1]]
        yield words, net, masks if "mask" in words else None


def grade(backward, needed, names) -> str | None:
    """Put into words what is wrong first with a backward pass: which quantity, at which step."""
    rng = stream(0, "exercise 02.4", "x")
    x, y = rng.standard_normal((2, 9, 3)), [0, 1]
    for words, net, masks in cases():
        try:
            checks.gradcheck(net, x, y, masks=masks, backward=returning(backward, needed, names))
        except checks.GradientError as error:
            return f"With {words}: {_first_wrong(error.report)}"
        except TypeError as error:
            if "ellipsis" in str(error).lower() or "dtype('O')" in str(error):  # of `x = ...` and of `x += ...`
                return "a line of your function still has `...` in it."
            raise
    return None


def _first_wrong(report: checks.Report) -> str:
    """Put the row that the report marks as first into a sentence."""
    row = next(row for row in report.wrong if row.first)
    layer, name = row.block.rsplit(".", 1)
    note = row.note.replace("FIRST WRONG", "it is the first to go wrong")
    if not row.index:  # no place where it differs: arrays of different shapes
        return f"{name} of {layer} is wrong: its shape is not that of the quantity whose gradient it is."
    where = f"; the largest error is at {list(row.index)}, where you have {row.got:.6g}, not {row.expected:.6g}"
    if name == "d_decay":
        return f"{name} of {layer} is wrong{where}. Look at (3): β multiplies v⁺[t-1], in each step from 1 on."
    return f"{name} of {layer} is wrong: {note}{where}. Look at equation ({EQUATIONS[name]})."


def check_lif_backward(answer) -> str | None:
    """Check the whole backward pass of an RSNN layer."""
    return grade(answer, LIF_BACKWARD, LIF_BACKWARD)


def check_d_decay(answer) -> str | None:
    """Check d_decay in what a backward pass returns; typical slips are reported first."""
    rng = stream(0, "exercise 02.5")
    net = next(cases())[1]
    layer, x, e = net.layers()[0], rng.standard_normal((9, 3)), rng.standard_normal((9, 5))
    mask = np.ones(5)
    run, slope, grads = spec_run(layer, x, e, mask)
    tape, params = checks.StudentTape(x, *run, slope, mask), checks.StudentParams(*layer, 1.0)
    result = answer(tape, e.copy(), params)
    if not isinstance(result, dict) or result.get("d_decay", ...) is ...:
        return 'your function does not return "d_decay" in its dict yet.'
    v, v_reset, delta = run.v, run.v_reset, grads.delta
    slips = {
        "you took v[t - 1]; what β multiplies in (3) is v⁺[t - 1], after the reset.": (v[:-1] * delta[1:]).sum(axis=0),
        "you took v⁺[t] with δ[t]; in (3) β multiplies the potential of the step before.": (v_reset * delta).sum(
            axis=0
        ),
        "each neuron has its own β, so the sum is over steps only: the shape is (N,).": (
            v_reset[:-1] * delta[1:]
        ).sum(),
        "the sum is over all steps, and at t = 0 there is no step before: v⁺[-1] is 0, not the last row.": (
            (np.roll(v_reset, 1, axis=0) * delta).sum(axis=0)
        ),
    }
    for sentence, wrong in slips.items():
        got = np.asarray(result["d_decay"], float)
        if got.shape == np.shape(wrong) and np.allclose(got, wrong, rtol=0, atol=1e-9):
            return sentence
    whole = {"q", "delta", "d_decay"} <= result.keys()  # then an error can be placed
    needed = ("q", "delta", "d_decay") if whole else ("d_decay",)
    return grade(answer, needed, needed)


EXERCISES = {
    "02.1": Exercise(
        check_last_delta,
        "At the last step nothing comes back from later, so δ = σ′ e.",
        (
            "After step 5 there is nothing: v⁺[5] and z[5] go nowhere. Only e[5] is left.",
            "σ′(u) = max(0, 1 - |u|) at u = v[5] - θ, and v[5] = (81/64, 105/128, 51/128).",
        ),
    ),
    "02.2": Exercise(
        attempt(check_hard_step),
        "The hard reset cuts the way along the membrane where there is a spike, and leaves the way through the spike.",
        (
            "Ask twice: what did v[t] go into, and what did s[t] go into?",
            "∂v⁺/∂v with s held fixed is 1 - s; ∂v⁺/∂s is -v. The way from s[t] goes on through slope.",
        ),
    ),
    "02.3": Exercise(
        check_d_w_rec,
        "Even neuron 2, which sends nothing, has a gradient: its spike of step 3 could have been of use at step 4.",
        (
            "Spikes are 0 or 1: row i is the sum of δ[t + 1] over the steps t at which neuron i fires.",
            "As arrays: the spikes of steps 0 .. 4, transposed, times δ of steps 1 .. 5.",
        ),
    ),
    "02.4": Exercise(
        attempt(check_lif_backward),
        "This is backpropagation through time, for every reset, and to the layer below.",
        (
            "Each missing line is one equation: (7), (8), (9), then (10) three times and (12a).",
            "Begin with later = delta[t + 1] if t + 1 < T else np.zeros(N): q[t] is later, c is params.decay * later.",
            "m stands beside x[t] W_in + b in (2), so mask * delta[t] stands in d_w_in, d_bias and dx, not in d_w_rec.",
        ),
    ),
    "02.5": Exercise(
        attempt(check_d_decay),
        "A parameter that is used at every step collects at every step, whatever it is.",
        (
            "What did β go into? v[t] = β v⁺[t-1] + I[t], at every t from 1 on.",
            "Add v⁺[t-1] δ[t] at each t > 0; tape.v_reset has v⁺.",
        ),
    ),
}
