"""The exercises of tutorial 01: see why spikes block gradients."""

from collections.abc import Callable

import numpy as np

from minisnn import datasets
from minisnn.core import reference
from minisnn.core.surrogate import Custom, Gaussian, Rectangle, Triangle
from minisnn.course import example
from minisnn.course.exercises.exercise import Exercise, array, attempt
from minisnn.network import Network

STEPS = (1 / 1024, 3 / 4)  # h of 01.1
POTENTIALS = np.array([0.25, 0.75, 1.0, 1.125, 1.75])  # v of 01.2
RATES = (0.005, 0.3)  # 01.5: the range of firing rates of each layer


def example_loss(weight: float) -> float:
    """Return L = s_0[5] of the running example, with `weight` for W_rec[1, 0]."""
    w_rec = example.W_REC.copy()
    w_rec[1, 0] = weight
    run = reference.layer_forward(example.X, example.layer()._replace(w_rec=w_rec), example.MASK)
    return run.s[5, 0]


def check_central_differences(answer):
    w = example.W_REC[1, 0]
    rises = np.array([example_loss(w + h) - example_loss(w - h) for h in STEPS])
    expected = rises / (2 * np.array(STEPS))
    slips = {
        "The first is right. For the second, run the six steps again with W_rec[1, 0] = 1/4 and with 7/4: are the "
        "spikes of neuron 0 at step 5 the same?": np.zeros(2),
        "The distance between w - h and w + h is 2h, not h.": 2 * expected,
        "That is L(w + h) - L(w - h); divide by 2h.": rises,
        "The sign is the other way round: L(w + h) comes first.": -expected,
    }
    return array(expected, 1e-3, slips)(answer)


def check_slopes(answer):
    surrogates, u = (Triangle(), Triangle(width=0.5)), POTENTIALS - 1.0
    expected = np.array([s.derivative(u) for s in surrogates])
    slips = {
        "You put v into σ′; it expects the distance from the threshold, v - θ.": [
            s.derivative(POTENTIALS) for s in surrogates
        ],
        "The width is the *half*-width: the distance from 0 at which the triangle ends.": [
            Triangle(width=s.width / 2).derivative(u) for s in surrogates
        ],
        "These are the values of the primitive σ; asked for is its derivative σ′.": [
            s.primitive(u) for s in surrogates
        ],
        "The rows are exchanged: the first is of half-width 1.": expected[::-1],
        "The peak stays 1 when the triangle gets narrower.": expected * [[1], [2]],
    }
    return array(expected, slips=slips)(answer)


def guarded(check: Callable) -> Callable:
    """Make a check that runs functions inside the answer: an exception in them becomes the verdict."""

    def guarded_check(answer) -> str | None:
        try:
            with np.errstate(all="ignore"):
                return check(answer)
        except Exception as error:  # whatever the student's functions can raise
            return f"your answer raised {type(error).__name__}: {error}"

    return guarded_check


def check_pair(answer):
    if not isinstance(answer, Custom):
        return f'the answer is a ms.Custom("a name", primitive, derivative), got {type(answer).__name__}.'
    if answer.primitive is None:
        return "it has no primitive; the exercise asks for both functions of the pair."
    u = answer.width * (np.linspace(-5, 5, 1999) + 0.000123)  # a kink would have to lie at a very odd place
    h = 1e-5 * answer.width
    parts = {"primitive": answer.primitive, "derivative": answer.derivative}
    for name, part in parts.items():
        given = u.reshape(1, -1, 1).copy()
        got = np.asarray(part(given), float)
        if not np.array_equal(given.ravel(), u):
            return f"your {name} changes its input."
        if got.shape != given.shape:
            return f"your {name} gave an array of shape {got.shape} for one of shape {given.shape}; work on arrays."
        if not np.isfinite(got).all():
            return f"your {name} is not finite at u = {u[~np.isfinite(got.ravel())][0]:.3f}."
    slope, at_0 = np.asarray(answer.derivative(u), float), float(np.asarray(answer.derivative(np.zeros(1)))[0])
    if slope.min() < 0:
        return f"σ′ is negative at u = {u[slope.argmin()]:.3f}: more potential would mean less spike."
    if at_0 <= 0 or slope.max() > at_0 * (1 + 1e-9):
        return (
            f"σ′ is {at_0:.3g} at u = 0 and {slope.max():.3g} at u = {u[slope.argmax()]:.3f}; its peak is to be at 0."
        )
    if max(slope[0], slope[-1]) > at_0 * (1 - 1e-9):
        return "your σ′ is as large far from the threshold as at it; let it fall off on both sides."
    differences = (np.asarray(answer.primitive(u + h), float) - np.asarray(answer.primitive(u - h), float)) / (2 * h)
    off = np.abs(slope - differences)
    if off.max() > 1e-6 * at_0:
        ratio = (slope @ differences) / max(differences @ differences, 1e-300)
        if np.abs(slope - ratio * differences).max() <= 1e-6 * at_0:
            return f"σ′ is {ratio:.4g} times the derivative of your σ: the shape is right, the scale is not."
        place = u[off.argmax()]
        return (
            f"at u = {place:.3f} σ′ is {slope[off.argmax()]:.4g}, but σ has the slope {differences[off.argmax()]:.4g}."
        )
    return None


def dead_share(v, threshold, surrogate) -> float:
    """Return the share of neurons whose σ′(v - θ) is 0 at every step of every sequence; v is (B, T, N)."""
    return float((surrogate.derivative(v - threshold) == 0).all(axis=(0, 1)).mean())


def check_dead_share(function):
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(-0.2, 0.7, (2, 4, 40)), 1.0, Triangle()),
        (rng.normal(0.3, 0.5, (3, 2, 30)), rng.uniform(0.5, 2.0, 30), Triangle(peak=0.5, width=0.75)),
        (rng.normal(0.0, 1.0, (1, 3, 25)), 0.75, Rectangle(width=0.25)),
        (rng.normal(0.0, 0.5, (2, 3, 20)), 1.0, Gaussian()),
    ]
    expected, slips = [], {}
    for v, threshold, surrogate in cases:
        expected.append(dead_share(v, threshold, surrogate))
        slope = surrogate.derivative(v - threshold)
        wrong = {
            "That is the share of all σ′[t] that are 0. A neuron gets gradient if *one* of its σ′[t] is not 0: ask for "
            "all steps and sequences of a neuron first.": (slope == 0).mean(),
            "You count neurons for which *some* σ′[t] is 0; it has to be every one.": (slope == 0).any((0, 1)).mean(),
            "You count silent neurons. One that stays below θ may still lie within reach of σ′.": (v < threshold)
            .all((0, 1))
            .mean(),
            "You left the threshold out: σ′ is taken at v - θ.": dead_share(v, 0.0, surrogate),
            "That is the share of neurons that do get gradient.": 1 - expected[-1],
            "That is a number of neurons; divide by N.": expected[-1] * v.shape[2],
            "That is in per cent; give a share between 0 and 1.": expected[-1] * 100,
        }
        for sentence, value in wrong.items():
            slips.setdefault(sentence, []).append(value)
    got = []
    for v, threshold, surrogate in cases:
        given = v.copy()
        got.append(function(given, threshold, surrogate))
        if not np.array_equal(given, v):
            return "your function changes its input."
        if np.ndim(got[-1]) != 0:
            return f"the function returns one number, got an array of shape {np.shape(got[-1])}."
    got = np.array(got, float)
    if np.allclose(got, expected, rtol=0, atol=1e-9):
        return None
    for sentence, values in slips.items():
        if np.allclose(got, values, rtol=0, atol=1e-9):
            return sentence
    i = int(np.argmax(~np.isclose(got, expected, rtol=0, atol=1e-9)))
    v, _, surrogate = cases[i]
    return f"for potentials of shape {v.shape} and {surrogate} you have {got[i]:.4g}; it is {expected[i]:.4g}."


def check_mended(answer):
    if not isinstance(answer, Network):
        return f"the answer is the mended network, a ms.Network, got {type(answer).__name__}."
    if list(answer.sizes) != [8, 24, 24, 24, 10]:
        return f"the sizes stay [8, 24, 24, 24, 10]; yours are {list(answer.sizes)}."
    split = datasets.digits().validation
    rates = answer.evaluate(datasets.Split(split.x.reshape(-1, 8, 8), split.y)).firing_rates
    low, high = RATES
    for i, rate in enumerate(rates):
        if not low <= rate <= high:
            what = "too little" if rate < low else "too much"
            above = " Mend the layers from the input upwards: each hears the one below." if i < len(rates) - 1 else ""
            return f"layer {i} fires {what}: {rate:.2%} of its neurons per step; 0.5 % to 30 % are asked for.{above}"
    return None


EXERCISES = {
    "01.1": Exercise(
        check_central_differences,
        "The small step gives the derivative, 0. The large one says only that there is a jump somewhere between: what "
        "it gives depends on h.",
        (
            "L is 0 or 1. Does the last spike of neuron 0 depend on a change of 1/1024?",
            "Neuron 0 at W_rec[1, 0] = w, as long as it has not fired: v = 1/2, 1/4 + w, ... Put in 1/4 and 7/4.",
        ),
    ),
    "01.2": Exercise(
        check_slopes,
        "The narrow triangle sees three of the five potentials, the wide one all.",
        (
            "σ′(u) = max(0, 1 - |u| / width) with u = v - θ.",
            "The first potential is 3/4 below θ: 1 - 3/4 in the first row; beyond the half-width 1/2 in the second.",
        ),
    ),
    "01.3": Exercise(
        guarded(check_pair),
        "A pair of your own: positive, with its peak at the threshold, and of one scale.",
        (
            "Start from σ′: a bump that is largest at 0 and nowhere negative. Its integral is σ.",
            "tanh is a step, and its derivative is 1 - tanh². Or: a bump (1 + cos πu)/2 for |u| < 1, else 0; its "
            "integral is (u + sin(πu)/π)/2 + 1/2.",
        ),
    ),
    "01.4": Exercise(
        attempt(check_dead_share),
        "These neurons are cut off: nothing in the batch changes the weights that lead to them.",
        (
            "slope = surrogate.derivative(v - threshold) has the axes (B, T, N), as v has.",
            "(slope == 0).all(axis=(0, 1)) says for each neuron whether all its slopes are 0.",
        ),
    ),
    "01.5": Exercise(
        guarded(check_mended),
        "Every layer fires, none of them all the time.",
        (
            "Print net.evaluate(rows.validation).firing_rates after each change, and begin with layer 0.",
            "Each layer has an ailment of its own: compare the spread of w_in and the mean of bias of the layers.",
        ),
    ),
}
