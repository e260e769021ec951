"""The exercises of tutorial 06: the mixture of spans, its gradient, its temperature."""

import numpy as np

from minisnn import checks
from minisnn._internal.rng import stream
from minisnn.core import recurrence, reference
from minisnn.core.neuron import LIF
from minisnn.core.recurrence import ASRC
from minisnn.core.surrogate import Triangle
from minisnn.course.exercises.exercise import NEEDED, Exercise, array, attempt, first_wrong, returning
from minisnn.network import Network
from minisnn.training.fit import temperature_at

# 06.1

LOGITS = np.log([1.0, 2.0, 4.0])
TEMPERATURE = 0.5


def check_weights(answer) -> str | None:
    """Check p of the logits (0, ln 2, ln 4) at T° = 1/2: the exponentials of a / T° = 2 a are 1, 4, 16."""
    exponentials = np.exp(LOGITS / TEMPERATURE)
    slips = {
        "that is T° = 1: divide the logits by T° first.": recurrence.span_weights(LOGITS, 1.0),
        "you multiplied the logits by T°; they are divided by it.": recurrence.span_weights(LOGITS, 1 / TEMPERATURE),
        "those are the exponentials; divide by their sum, so that the weights add up to 1.": exponentials,
        "you divided by T° after the softmax; it belongs inside the exponential.": (
            recurrence.span_weights(LOGITS, 1.0) / TEMPERATURE
        ),
        "that is the limit T° → 0; at 1/2 the others still have a share.": np.array([0.0, 0.0, 1.0]),
    }
    return array(recurrence.span_weights(LOGITS, TEMPERATURE), slips=slips)(answer)


# 06.2

P = np.array([1 / 2, 1 / 4, 1 / 4])
D_P = np.array([3.0, -1.0, -3.0])


def check_d_logits(answer) -> str | None:
    """Check d_a for P and D_P at T° = 1/2: the mean Σ p d_p is 3/2 - 1/4 - 3/4 = 1/2."""
    mean = (P * D_P).sum()
    slips = {
        "1/T° is missing.": P * (D_P - mean),
        "you multiplied by T°; (11) divides by it.": P * (D_P - mean) * TEMPERATURE,
        "the other weights are missing: a larger a_k also takes from all p_m. Your entries do not add up to 0.": (
            P * D_P / TEMPERATURE
        ),
        "take the mean of d_p with the weights p, not the plain one.": P * (D_P - D_P.mean()) / TEMPERATURE,
        "p_k in front is missing: a span of little weight gains little.": (D_P - mean) / TEMPERATURE,
        "the sign is reversed: that is the way the logits move, -d_a.": -P * (D_P - mean) / TEMPERATURE,
    }
    return array(recurrence.d_span_logits(P, D_P, TEMPERATURE), slips=slips)(answer)


# 06.3


def cases():
    """Yield the cases of a backward pass as (words, network, masks), with T = 9 steps."""
    rng = stream(0, "exercise 06.3")
    for words, max_span, neuron in (
        ("K = 4 spans, all within the sequence", 4, LIF(0.6, 0.8)),
        ("K = 12 spans, some longer than the sequence of 9 steps", 12, LIF(0.6, 0.8)),
        ("K = 4 spans and a hard reset", 4, LIF(0.6, 0.8, "hard")),
        ("K = 4 spans, a detached reset and a dropout mask", 4, LIF(0.6, 0.8, detach_reset=True)),
    ):
        net = Network([3, 5, 4, 2], recurrence=ASRC(max_span), neuron=neuron, dtype="float64")
        net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
        net.temperature = 0.7
        masks = [(rng.random((2, n)) < 0.7) / 0.7 for n in net.sizes[1:-1]]
        yield words, net, masks if "mask" in words else None


def slip(backward) -> str | None:
    """Return the sentence for a typical slip in q, d_tap_weights or d_span_logits, if there is one."""
    rng = stream(0, "exercise 06.3", "slip")
    _, net, _ = next(cases())
    layer, x, e, mask = net.layers()[0], rng.standard_normal((9, 3)), rng.standard_normal((9, 5)), np.ones(5)
    run = reference.layer_forward(x, layer, mask)
    slope = Triangle().derivative(run.v - layer.threshold)
    tape, params = checks.StudentTape(x, *run, slope, mask), checks.StudentParams(*layer, net.temperature)
    result = returning(backward, NEEDED)(tape, e.copy(), params)
    p, temperature = layer.tap_weights, net.temperature
    delta, d_p = (np.asarray(result[name], float) for name in ("delta", "d_tap_weights"))
    if delta.shape != run.v.shape or d_p.shape != p.shape:
        return None

    def over_taps(values):  # Σ_t values[t] · δ[t + k] for each tap, with the student's own δ
        return np.array([(values[:-k] * delta[k:]).sum() for k in layer.delays])

    slips = [
        ("q", _gathered(delta, layer.delays, np.ones(4)), "q adds up the δ of all taps, but without their weights p."),
        ("q", _gathered(delta, layer.delays[:1], np.ones(1)), "q has one tap only; loop over all of params.delays."),
        ("d_tap_weights", over_taps(run.s), "d_tap_weights pairs δ with s; what the weight multiplies in (2) is z."),
        (
            "d_tap_weights",
            np.full(4, (run.z * delta).sum()),
            "d_tap_weights pairs z[t] with δ[t]; z[t] arrives k steps later.",
        ),
        (
            "d_tap_weights",
            np.zeros(4),
            "d_tap_weights is 0. If you read δ[t]: it is not known yet, and z[t] arrives at t + k.",
        ),
        (
            "d_tap_weights",
            p * over_taps(run.z),
            "d_tap_weights has p in it; the derivative of p z with respect to p is z.",
        ),
        ("d_span_logits", p * (d_p - p @ d_p), "d_span_logits lacks 1/T°; params.temperature has T°."),
        ("d_span_logits", p * d_p / temperature, "d_span_logits lacks the mean Σ p d_p; its sum must be 0."),
        (
            "d_span_logits",
            p * (d_p - d_p.mean()) / temperature,
            "d_span_logits takes the plain mean of d_p; in (11) p weighs it.",
        ),
        ("d_span_logits", (d_p - p @ d_p) / temperature, "d_span_logits lacks the factor p_k in front of (11)."),
        ("d_span_logits", d_p, "d_span_logits is d_tap_weights; the softmax between them is missing."),
    ]
    for name, wrong, sentence in slips:
        got = np.asarray(result[name], float)
        if got.shape == wrong.shape and np.allclose(got, wrong, rtol=0, atol=1e-9):
            return sentence
    return None


def _gathered(delta, delays, tap_weights):
    """Compute equation (7)."""
    q = np.zeros_like(delta)
    for k, p in zip(delays, tap_weights):
        q[:-k] += p * delta[k:]
    return q


def check_backward(answer) -> str | None:
    """Check the whole backward pass of an ASRC layer, with the gradient of its span logits."""
    x, y = stream(0, "exercise 06.3", "x").standard_normal((2, 9, 3)), [0, 1]
    try:
        sentence = slip(answer)
        if sentence:
            return sentence
        for case in cases():
            words, net, masks = case
            checks.gradcheck(net, x, y, masks=masks, backward=returning(answer, NEEDED))
    except checks.GradientError as error:
        name, note, equation = first_wrong(error.report)
        return f"With {words}: {name} is wrong ({note}). Look at equation {equation}."
    return None


# 06.4


def check_cooling(answer) -> str | None:
    """Check T° of each epoch, geometric in the fraction of training."""
    for epochs, start, end in ((200, 1.0, 0.96**200), (20, 1.0, 2.8e-4), (5, 2.0, 0.125)):
        n = np.arange(epochs)
        expected = np.array([temperature_at(epoch / epochs, start, end) for epoch in n])
        slips = {
            "that falls by equal steps; it should fall by equal factors.": start + (end - start) * n / epochs,
            "that falls by equal steps, and reaches `end` too early; it should fall by equal factors.": (
                np.linspace(start, end, epochs)
            ),
            "your last epoch is trained at `end`; it is reached after the last epoch, by one more factor.": (
                np.geomspace(start, end, epochs)
            ),
            "your first epoch is colder than `start`; the factor comes after an epoch, not before.": (
                start * (end / start) ** ((n + 1) / epochs)
            ),
            "that is 0.96 per epoch, whatever `epochs` and `end` are.": start * 0.96**n,
        }
        got = answer(epochs, start, end)
        wrong = array(expected, slips=slips)(got)
        if wrong:
            return f"For {epochs} epochs from {start:g} to {end:.3g}: {wrong}"
    return None


# 06.5


def check_d_temperature(answer) -> str | None:
    """Check ∂L/∂T° against a complex step through the softmax."""
    rng = stream(0, "exercise 06.5")
    for K, T in ((3, 1.0), (5, 0.5), (8, 2.0)):
        a, d_p = rng.standard_normal((2, K))
        p = recurrence.span_weights(a, T)
        expected = (recurrence.span_weights(a, T + 1e-30j).imag / 1e-30) @ d_p
        got = answer(a.copy(), d_p.copy(), T)
        got = np.asarray(got)
        if got.shape != ():
            return f"T° is one number, so its gradient is one too; yours has shape {got.shape}."
        d_a = recurrence.d_span_logits(p, d_p, T)
        slips = {
            "the sign is reversed: a larger T° makes a / T° smaller.": -expected,
            "one factor 1/T° too few: the derivative of a / T° with respect to T° is -a / T°².": expected * T,
            "one factor 1/T° too many: (11) has one of the two already.": expected / T,
            "the mean is missing: T° changes all exponentials, and so the sum they are divided by.": (
                -(p * d_p) @ a / T**2
            ),
            "that is the sum of d_a, which is 0; each a_k counts for what it is.": d_a.sum(),
        }
        if abs(got - expected) <= 1e-9:
            continue
        for sentence, wrong in slips.items():
            if abs(got - wrong) <= 1e-9 and T != 1.0:
                return sentence
        if T != 1.0 or not any(abs(got - wrong) <= 1e-9 for wrong in slips.values()):
            return f"with {K} spans at T° = {T:g} the gradient is {expected:.6g}, yours {float(got):.6g}."
    return None


EXERCISES = {
    "06.1": Exercise(
        check_weights,
        "At T° = 1/2 the ratios 1 : 2 : 4 become their squares, 1 : 4 : 16.",
        ("p_k is proportional to exp(a_k / T°).", "a / T° = (0, 2 ln 2, 2 ln 4), and exp(2 ln 4) = 16."),
    ),
    "06.2": Exercise(
        check_d_logits,
        "The entries add up to 0: what one span gains, the others lose.",
        ("First Σ p d_p, one number.", "Σ p d_p = 3/2 - 1/4 - 3/4 = 1/2; subtract it from d_p, times p, over T°."),
    ),
    "06.3": Exercise(
        attempt(check_backward),
        "This backward pass serves every recurrence here: RSNN and SRC are the case of one tap.",
        (
            "Two lines change, and two are new: q[t] is a sum over taps, and so is what d_tap_weights collects.",
            "In the loop over the taps j, k, p, if t + k < T: q[t] += p δ[t + k], d_tap_weights[j] += z[t] · δ[t + k].",
            "After the loop over time: params.tap_weights * (d_tap_weights - its weighted mean) / params.temperature.",
        ),
    ),
    "06.4": Exercise(
        attempt(check_cooling),
        "With 200 epochs the factor is the paper's 0.96; with fewer it is smaller, and the end is the same.",
        (
            "The same factor after each epoch: after `epochs` factors, start has become end.",
            "factor = (end / start) ** (1 / epochs), and epoch n is trained at start * factor ** n.",
        ),
    ),
    "06.5": Exercise(
        attempt(check_d_temperature),
        "p depends on a and T° through a / T° alone, so this is -Σ a_k d_a_k / T°.",
        (
            "p is a function of u = a / T°. What is ∂L/∂u_k, if (11) is its d_a_k at T° = 1?",
            "∂L/∂T° = Σ ∂L/∂u_k ∂u_k/∂T°, with ∂u_k/∂T° = -a_k / T°² and ∂L/∂u_k = p_k (d_p_k - Σ p d_p).",
        ),
    ),
}
