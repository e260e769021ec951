"""The exercises of tutorial 00: simulate a spiking neuron."""

import numpy as np

from minisnn.core import reference
from minisnn.core.neuron import RESETS
from minisnn.course import example
from minisnn.course.exercises.exercise import Exercise, array, attempt, number

CURRENT = np.array([1 / 2, 1, 1, 1 / 4, 2, 1 / 2])  # (T,), the input of 00.2


def unconnected(current, decay, threshold, reset):
    """Run neurons without synapses, each with its own column of current (T, N), by the spec: a `LayerTape`."""
    N = current.shape[1]
    layer = reference.Layer(
        w_in=np.eye(N),
        bias=np.zeros(N),
        w_rec=np.zeros((N, N)),
        delays=np.zeros(0, np.int64),
        tap_weights=np.zeros(0),
        decay=np.broadcast_to(decay, N),
        threshold=np.broadcast_to(threshold, N),
        reset=np.array([*reset, 0.0]),
    )
    return reference.layer_forward(current, layer, np.ones(N))


def check_time_constant(answer):
    step, decay = 2.0, 0.9  # ms, per step
    slips = {
        -1 / np.log(decay): "That is the time constant in steps; a step is 2 ms.",
        step / np.log(decay): "A time constant is positive; look at the sign of ln β.",
        step / (1 - decay): "That takes 1 - β for Δt over the time constant, as Euler does; use the exact exponential.",
        -np.log(decay) / step: "That is one over the time constant.",
        -step * np.log(decay): "You multiplied by -ln β; solve β = exp(-Δt / time constant) for the time constant.",
    }
    return number(-step / np.log(decay), 0.01, slips)(answer)


def check_hard_reset(answer):
    def run_with(reset, decay=0.5, threshold=1.0):
        return unconnected(CURRENT[:, np.newaxis], decay, threshold, RESETS[reset])

    run = run_with("hard")
    strict = run_with("hard", threshold=np.nextafter(1.0, 2.0))  # as if Θ(0) were 0
    slips = {
        "You subtracted θ: that is the soft reset. The hard one sets the potential to 0.": run_with("soft").v[:, 0],
        "These are the potentials without a reset.": run_with("none").v[:, 0],
        "These are the potentials after the reset, v⁺; asked for is v, before it.": run.v_reset[:, 0],
        "At step 2 the potential is exactly θ, and Θ(0) = 1: it fires.": strict.v[:, 0],
        "These are the spikes; asked for are the potentials before the reset.": run.s[:, 0],
        "You left the leak out: β v⁺[t-1] is half of what was left.": run_with("hard", decay=1.0).v[:, 0],
    }
    return array(run.v[:, 0], slips=slips)(answer)


def check_lif_step(lif_step):
    """Check one step against the spec, with the three resets, and with decays and thresholds that differ by neuron."""
    rng = np.random.default_rng(0)
    v_before = np.array([0.0, 0.5, -0.25, 1.5, 0.75, 2.0])
    current = np.array([1.0, 0.25, 0.5, -0.5, 0.625, 0.5])  # β = 1/2 takes neurons 0 and 4 to exactly θ = 1
    inputs = [(v_before, current, np.full(6, 0.5), np.ones(6), RESETS[name]) for name in ("soft", "hard", "none")]
    decay, threshold = rng.uniform(0.1, 1, 40), rng.uniform(0.5, 2, 40)
    inputs += [(rng.normal(0, 2, 40), rng.normal(0, 2, 40), decay, threshold, (0.5, 0.25))]
    for number_of_input, (v_before, current, decay, threshold, reset) in enumerate(inputs):
        given = [np.array(thing) for thing in (v_before, current, decay, threshold)]
        try:
            got = lif_step(*given, reset)
        except ValueError as error:
            if "truth value" not in str(error):
                raise
            return "`if` decides once, not for each neuron; v >= threshold is an array, a yes or no per neuron."
        if any(not np.array_equal(a, b) for a, b in zip(given, (v_before, current, decay, threshold))):
            return "your function changes its input; make new arrays (v = ... rather than v_before += ...)."
        if not isinstance(got, tuple | list | np.ndarray) or len(got) != 3:
            return "the function returns three arrays, (v, s, v_reset)."
        if any(thing is None or thing is ... for thing in got):
            return "v, s or v_reset is still to be written."
        wrong = _first_wrong(got, v_before, current, decay, threshold, reset)
        if wrong:
            return f"on input {number_of_input}, with the reset (a, h) = {reset}, {wrong}"
    return None


def _first_wrong(got, v_before, current, decay, threshold, reset):
    """Say what is wrong with (v, s, v_reset) of one step, in the order of the equations; None if nothing is."""
    run = unconnected((decay * v_before + current)[np.newaxis], decay, threshold, reset)
    v, s, v_reset = run.v[0], run.s[0], run.v_reset[0]
    got_v, got_s, got_v_reset = (np.asarray(thing, float) for thing in got)
    for name, mine, spec in (("v", got_v, v), ("s", got_s, s), ("v_reset", got_v_reset, v_reset)):
        if mine.shape != spec.shape:
            return f"{name} has the shape {mine.shape}, for {len(spec)} neurons it is {spec.shape}."
    if np.allclose(got_v, v_before + current, rtol=0, atol=1e-12):
        return "v is v_before + current: where is the leak, equation (3)?"
    if np.allclose(got_v, decay * (v_before + current), rtol=0, atol=1e-12):
        return (
            "v takes a part of the new current only: in equation (3) β multiplies v⁺[t-1] alone, and the factor 1 - β "
            "of section 2 is already in I."
        )
    if not np.allclose(got_v, v, rtol=0, atol=1e-12):
        if np.allclose(got_v, v_reset, rtol=0, atol=1e-12):
            return "v is the potential after the reset; keep the one before it too."
        return "v is wrong: equation (3)."
    if np.array_equal(got_s, v > threshold) and not np.array_equal(got_s, s):
        return "a neuron whose potential is exactly θ does not fire: Θ(0) = 1, so compare with >=."
    if not np.array_equal(got_s, s):
        return "s is wrong: equation (4), 1 where v[t] - θ >= 0, else 0."
    if not np.allclose(got_v_reset, v_reset, rtol=0, atol=1e-12):
        a, h = reset
        if np.allclose(got_v_reset, v - (a * threshold + h * v), rtol=0, atol=1e-12):
            return "v_reset: you reset neurons that did not fire; equation (5) multiplies the bracket by s[t]."
        if np.allclose(got_v_reset, v - s * threshold, rtol=0, atol=1e-12):
            return "v_reset is the soft reset, whatever (a, h) is; equation (5) takes a θ + h v[t]."
        return "v_reset is wrong: equation (5), v[t] - s[t] (a θ + h v[t])."
    return None


def check_first_current(answer):
    def reaches(n):
        """Return the current whose potential after n steps from rest, I (1 - βⁿ) / (1 - β), is θ = 1."""
        decay = 0.75
        return (1 - decay) / (1 - decay**n)

    slips = {
        0.25: "That is (1 - β) θ: with it the potential comes near θ, but not within 4 steps, nor ever.",
        reaches(3): "With that it fires at step 2 already. Steps 0 to 3 are four steps, not three.",
        reaches(5): "With that it fires at step 4. Steps 0 to 3 are four steps, not five.",
        1.0: "With that it fires at once, at step 0. Less will do: four steps add up.",
    }
    return number(reaches(4), 1e-4, slips)(answer)


def check_two_spikes(answer):
    try:
        w_rec = np.array(answer, float)
    except (TypeError, ValueError, OverflowError):
        return f"the answer is the new W_rec, an array (3, 3), got {type(answer).__name__}."
    if w_rec.shape != example.W_REC.shape or not np.isfinite(w_rec).all():
        return f"the answer is the new W_rec, (3, 3) finite numbers; got the shape {w_rec.shape}."
    changed = np.argwhere(w_rec != example.W_REC)
    if len(changed) != 1:
        return f"one entry of W_rec is to change; in yours {len(changed)} differ from the example's."
    with np.errstate(over="ignore", invalid="ignore"):  # whatever the weight is
        spikes, before = (
            reference.layer_forward(example.X, example.layer()._replace(w_rec=w), example.MASK).s
            for w in (w_rec, example.W_REC)
        )
    if not np.array_equal(spikes[:, :2], before[:, :2]):
        pre, post = changed[0]
        return (
            f"with your entry [{pre}, {post}] the spikes of neurons 0 and 1 change too. "
            "Column 2 of W_rec, [pre, post], is what neuron 2 hears."
        )
    count = int(spikes[:, 2].sum())
    if count != 2:
        steps = ", ".join(str(t) for t in np.flatnonzero(spikes[:, 2])) or "none"
        return f"neuron 2 has {count} of two spikes (steps: {steps})."
    return None


EXERCISES = {
    "00.1": Exercise(
        check_time_constant,
        "About 19 ms, a little less than the 20 ms of Euler's method.",
        (
            "β = exp(-Δt / time constant), with Δt = 2 ms.",
            "Take the logarithm: ln β = -Δt / time constant. Solve for the time constant.",
        ),
    ),
    "00.2": Exercise(
        check_hard_reset,
        "Three spikes; after each of them nothing is left of what came before.",
        (
            "Write three columns, v, s and v⁺, and go down row by row.",
            "v[0] = 1/2: no spike. v[1] = 1/2 · 1/2 + 1: a spike, so v⁺[1] = 0 and v[2] = I[2].",
        ),
    ),
    "00.3": Exercise(
        attempt(check_lif_step),
        "One step of a layer, whatever its reset: equations (3), (4), (5).",
        (
            "Three lines, one for each of equations (3), (4), (5).",
            "s is 1.0 where v >= threshold and 0.0 elsewhere: (v >= threshold).astype(float). And a, h = reset.",
        ),
    ),
    "00.4": Exercise(
        check_first_current,
        "With any less, v[3] stays below θ.",
        (
            "From rest, without a spike, v[t] = I (1 - β^(t+1)) / (1 - β), and it grows with t.",
            "So it is enough to ask that v[3] = θ. Solve for I.",
        ),
    ),
    "00.5": Exercise(
        check_two_spikes,
        "Neuron 2 fires twice, and the others as before: row 2 of W_rec is 0, so no one hears it.",
        (
            "What neuron 2 hears is column 2 of W_rec: weights from neurons 0, 1 and 2. Neuron 1 fires at step 0.",
            "With w = W_rec[1, 2] the potential of neuron 2 at step 1 is 1/2 · 1/4 + 1/4 + w. When is that at least θ?",
        ),
    ),
}
