"""The exercises of tutorial 04: watch the gradient vanish."""

from math import comb

import numpy as np

from minisnn import datasets
from minisnn._internal.rng import stream
from minisnn.analysis import gradients
from minisnn.core.neuron import LIF
from minisnn.course.exercises.exercise import Exercise, attempt, number
from minisnn.network import Network

# 04.1: eight leaks and two steps whose slope is 1/2, where the reset takes half

DECAY, STEPS, STEEP, SLOPE = 0.8, 10, 2, 1 / 2
LEFT = DECAY**STEPS * (1 - SLOPE) ** STEEP
LEFT_SLIPS = {
    DECAY**STEPS: "that is the leak alone. At two of the steps σ′ is not 0: what does the reset take there?",
    DECAY**STEPS * (1 - SLOPE): "σ′ = 1/2 at two of the steps, not at one.",
    DECAY ** (STEPS - STEEP) * (1 - SLOPE) ** STEEP: "at the two steps, too, the membrane leaks: f = β (1 - σ′ θ).",
    (DECAY * (1 - SLOPE)) ** STEPS: "σ′ = 1/2 at two of the ten steps only.",
    DECAY ** (STEPS - STEEP): "at the two steps something is left: f = β (1 - σ′ θ) is not 1.",
    DECAY**STEPS * (1 + SLOPE) ** STEEP: "a spike lowers the potential, so the reset takes away: a minus in f.",
}

# 04.2


def _cases():
    """Yield (f, slope, w_rec, J) of RSNNs with several resets, decays and lags."""
    for seed, (reset, lag) in enumerate((("soft", 1), ("soft", 6), ("hard", 5), ("none", 7))):
        rng = stream(seed, "exercise 04.2")
        net = Network([2, 5, 3], neuron=LIF((0.4, 0.5, 0.6, 0.7, 0.8), 0.8, reset), seed=seed, dtype="float64")
        net.params["layers.0.w_rec"] += 0.4 * rng.standard_normal((5, 5))
        x = 2 * rng.standard_normal((1, 11, 2))
        tape, steps = net.record(x), slice(2, 2 + lag)
        slope = gradients.slopes(net, tape, 0)
        f = gradients.leak_factors(net.layers()[0], tape.layers[0], slope)
        right = gradients.jacobian(net, x, layer=0, lag=lag, start=2)[0]
        yield f[0, steps], slope[0, steps], net.params["layers.0.w_rec"].copy(), right


def _chain(matrices, left: bool = False) -> np.ndarray:
    """Return 1, then the products of one-step matrices; `left`: each new one on the left."""
    products = [np.eye(matrices.shape[-1])]
    for matrix in matrices:
        products.append(matrix @ products[-1] if left else products[-1] @ matrix)
    return np.array(products)


def _slips(f, slope, w_rec, right) -> dict[str, np.ndarray]:
    """Return typical wrong answers by the feedback to them."""
    eye = np.eye(len(w_rec))
    leaks, hops = f[:, :, np.newaxis] * eye, slope[:, :, np.newaxis] * w_rec
    steps = leaks + hops
    return {
        "these are J transposed: row i is the neuron that is changed, column j the one that answers.": right.transpose(
            0, 2, 1
        ),
        "the factors stand on the wrong side. A row is multiplied from the right, so later steps come further right.": (
            _chain(steps, left=True)
        ),
        "the leaks are there, the hops are not.": _chain(leaks),
        "the hops are there, the leaks are not.": _chain(hops),
        "σ′ stands on the wrong side of W_rec: it belongs to the neuron that sends, the row.": _chain(
            leaks + w_rec * slope[:, np.newaxis]
        ),
        "W_rec is transposed: it is [pre, post], and J goes forward in time.": _chain(
            leaks + slope[:, :, np.newaxis] * w_rec.T
        ),
        "this goes through the steps from the last to the first; J[d] ends at t + d.": _chain(steps[::-1]),
        "J[0] = 1 is missing: lag + 1 matrices.": right[1:],
        "that is the last of them: return all, J[0] to J[lag].": right[-1],
    }


@attempt
def check_jacobians(function) -> str | None:
    """Check J[0], ..., J[lag] of an RSNN against `jacobian`."""
    for f, slope, w_rec, right in _cases():
        given = f.copy(), slope.copy(), w_rec.copy()
        try:
            got = function(*given)
        except IndexError as error:
            return (
                f"{error}: f[t] stands at index 0, so the step from d - 1 to d uses f[d - 1]; and J[0] to J[lag] are "
                "lag + 1 matrices."
            )
        if any(not np.array_equal(now, before) for now, before in zip(given, (f, slope, w_rec))):
            return "your function changes what it was given."
        got = np.asarray(got, float)
        if got.shape == right.shape and np.allclose(got, right, rtol=1e-9, atol=1e-12):
            continue
        for sentence, wrong in _slips(f, slope, w_rec, right).items():
            if got.shape == wrong.shape and np.allclose(got, wrong, rtol=1e-9, atol=1e-12):
                return sentence
        if got.shape != right.shape:
            return f"with a lag of {len(f)} and 5 neurons the shape is {right.shape}, got {got.shape}."
        off = np.abs(got - right).max(axis=(1, 2)) > 1e-9
        return f"J[{int(off.argmax())}] is the first that is wrong, with a lag of {len(f)}."
    return None


# 04.3

LAG, HOPS = 10, 4
ORDERS_SLIPS = {
    5040.0: "that is 10 · 9 · 8 · 7: it counts which hop came first. Hops are not numbered; what to divide by?",
    1024.0: "that is 2^10, the orders with any number of hops.",
    24.0: "that is 4!, the orders of four numbered hops.",
    40.0: "that is 4 · 10. The first hop has 10 places, the second 9, ...",
    10_000.0: "that is 10^4: two hops can't be at the same step.",
    float(comb(10, 3)): "that is with 3 hops.",
    float(comb(9, 4)): "that is over 9 steps.",
}

# 04.4

BETA = 0.9


def first_denormal() -> int:
    """Find the step at which 1, multiplied by β in float32, first is below the normal range."""
    value, n = np.float32(1), 0
    while value >= np.finfo(np.float32).tiny:
        value, n = np.float32(BETA) * value, n + 1
    return n


def check_denormal(answer) -> str | None:
    first = first_denormal()
    slips = {
        first - 1: "that is the last step at which it is normal.",
        first + 1: "one step earlier it is denormal already.",
        127.0: "that is with β = 0.5. At β = 0.9 a step takes less than a binary place.",
        126.0: "that is how many binary places there are; at β = 0.9 a step takes less than one.",
        float(np.ceil(149 * np.log(2) / -np.log(BETA))): "that is where 0.9^n is below 2^-149, the smallest of all.",
        float(np.ceil(150 * np.log(2) / -np.log(BETA))): "that is where 0.9^n would be rounded to 0.",
        float(np.ceil(1022 * np.log(2) / -np.log(BETA))): "that is in float64. Take np.float32 for both factors.",
    }
    return number(float(first), slips=slips)(answer)


# 04.5

LARGEST_DECAY, LOW, HIGH = 0.7, 0.1, 10.0
FAR, SEEDS = 30, (0, 1, 2)


def left_of_gradient(decay: float, scale: float, seed: int) -> float:
    """Measure ‖δ‖ at lag 30 relative to lag 0 in the untrained RSNN on permuted digits, the median over sequences."""
    data = datasets.digits(permute=True, seed=0)
    net = Network([1, 64, 10], neuron=LIF(decay), seed=seed, dtype="float64")
    net.params["layers.0.w_rec"] *= scale
    relative = gradients.gradient_flow(net, data.train.x[:64], data.train.y[:64]).relative(0)
    return float(np.median(relative[:, FAR])) if len(relative) else 0.0


def check_open(answer) -> str | None:
    try:
        decay, scale = (float(value) for value in answer)
    except (TypeError, ValueError):
        return "the answer is a pair of numbers, (β, scale)."
    if not (0 < decay <= LARGEST_DECAY and np.isfinite(scale)):
        return (
            f"β is to be above 0 and at most {LARGEST_DECAY:g}, the scale finite; got β = {decay:g}, scale {scale:g}."
        )
    for seed in SEEDS:
        left = left_of_gradient(decay, scale, seed)
        if left < LOW:
            return f"with seed {seed} it vanishes: {left:.1e} is left after {FAR} steps."
        if not left <= HIGH:
            return f"with seed {seed} it explodes: {left:.1e} times as large after {FAR} steps."
    return None


EXERCISES = {
    "04.1": Exercise(
        number(LEFT, 5e-5, LEFT_SLIPS),
        "Where a neuron is near its threshold, the reset takes more than the leak.",
        (
            "Each step is one factor f = β (1 - σ′ θ). There are two kinds of step here.",
            "Eight factors of 0.8, and two of 0.8 · (1 - 1/2).",
        ),
    ),
    "04.2": Exercise(
        check_jacobians,
        "One matrix per step, each from the right. The backward pass of 02 takes the same ones from the other end.",
        (
            "Start with J[0] = 1 (np.eye). What was J[1] in section 4, and what is it after J[d-1] in place of 1?",
            "J[d] = J[d-1] diag(f[d-1]) + J[d-1] diag(σ′[d-1]) W_rec; the array f holds f[t] at index 0.",
            "J @ np.diag(f) is J * f in NumPy: it scales the columns.",
        ),
    ),
    "04.3": Exercise(
        number(float(comb(LAG, HOPS)), slips=ORDERS_SLIPS),
        "Among 2^10 = 1024 orders, most are about half hops.",
        ("Which of the 10 steps are hops? Choose 4 of them.", "10 · 9 · 8 · 7, divided by the orders of the four."),
    ),
    "04.4": Exercise(
        check_denormal,
        "A longer time constant stays in range longer.",
        (
            "Normal numbers go down to 2^-126. For which n is 0.9^n below that?",
            "steps_until(lambda value: value < NORMAL, 0.9) counts it.",
        ),
    ),
    "04.5": Exercise(
        check_open,
        "Each step's factor is near 1 now. Small changes of the scale add up over 30 of them.",
        (
            "In mean field a step's factor is √(f² + scale² σ′²), with mean squares. Which scale makes it 1?",
            "σ′ changes with the scale, so try some around your first guess, with all three seeds.",
            "The larger β, the wider the range of scales that do.",
        ),
    ),
}
