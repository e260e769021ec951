"""The exercises of tutorial 03, "Check your gradients"."""

import numpy as np

from minisnn._internal.rng import stream
from minisnn.checks import GradientError, StudentParams, StudentTape, gradcheck
from minisnn.core import reference
from minisnn.core.surrogate import Triangle
from minisnn.course import example
from minisnn.course.exercises.exercise import Exercise, attempt, choice
from minisnn.network import Network


def best_step(answer) -> str | None:
    """Check 03.1: where truncation h² and rounding eps / h meet, for float32, within a factor of 4."""
    try:
        got = float(answer)
    except (TypeError, ValueError):
        return f"the answer is one number, got {type(answer).__name__}."
    single, double = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
    expected = single ** (1 / 3)
    if not got > 0:
        return f"a step size is above 0, got {got:g}."
    if expected / 4 <= got <= 4 * expected:
        return None
    slips = {
        double ** (1 / 3): "that is the best step in float64; float32 has another eps.",
        single: "that is eps itself: w + h is then the next number after w, and the difference of the losses is noise.",
        single**0.5: "that is the best step of a one-sided difference, whose truncation is h, not h².",
    }
    for wrong, sentence in slips.items():
        if wrong / 2 <= got <= 2 * wrong:
            return sentence
    return f"{got:g} is too {'large: truncation, h²,' if got > expected else 'small: rounding, eps / h,'} leads there."


def _gradient_cases() -> list:
    """List (what it is, f, w, its gradient) of analytic functions."""
    matrix = np.array([[1.0, 2.0, 0.0], [-1.0, 0.5, 3.0], [4.0, 0.0, -2.0]])
    w, table = np.array([0.3, -1.2, 2.0]), np.array([[0.1, 0.7, -0.4], [1.1, -0.2, 0.5]])
    return [
        ("np.sin(w).sum()", lambda w: np.sin(w).sum(), w, np.cos(w)),
        ("w @ A @ w", lambda w: w @ matrix @ w, w, w @ (matrix + matrix.T)),
        ("np.exp(w).sum(), w of shape (2, 3)", lambda w: np.exp(w).sum(), table, np.exp(table)),
        ("1e6 + (w**3).sum()", lambda w: 1e6 + (w**3).sum(), w, 3 * w**2),
    ]


@attempt
def complex_gradient(function) -> str | None:
    """Check 03.2: Im f(w + ih) / h, entry by entry."""
    for name, f, w, expected in _gradient_cases():
        given = w.copy()
        with np.errstate(all="ignore"):
            result = function(f, given)
        got = np.asarray(result)
        if not np.array_equal(given, w):
            return "your function changes w: move a copy."
        if got.shape != w.shape:
            return f"for w of shape {w.shape} the gradient has that shape, got {got.shape}."
        if np.iscomplexobj(got):
            return "the gradient is real: take the imaginary part of f."
        scale = np.abs(expected).max()
        error = np.abs(got - expected).max() / scale
        if error <= 1e-13:
            continue
        if np.allclose(got, expected.sum(), rtol=1e-9):
            return "every entry holds the sum of all: move one entry at a time."
        if not got.any():
            return (
                "all entries are 0: nothing moved. Is the copy of w complex, e.g. w.astype(complex), and is the step "
                "ih, with an i?"
            )
        if np.abs(got).max() < 1e-2 * np.abs(expected).max():
            return f"for f = {name} the entries are far too small: divide by h."
        if error <= 1e-1:
            return f"for f = {name} the error is {error:.0e}, not rounding: is there a subtraction, or is h not tiny?"
        return f"for f = {name} the error is {error:.0e}: is it Im f(w + ih) / h, with the other entries left alone?"
    return None


@attempt
def relative_error(function) -> str | None:
    """03.3: max |got - expected| / max(max |expected|, floor), and NaN is never small."""

    def value(got, expected, floor):
        with np.errstate(all="ignore"):
            return float(function(np.array(got, float), np.array(expected, float), floor))

    if value([1.0, np.nan], [1.0, 2.0], 1e-9) <= 1e6:  # NaN and infinity are both large enough
        return "for got = [1, nan] the error must not come out small: what is NaN is wrong."
    if value([1.0, 1.9], [1.0, 2.0], 1e-9) <= 0:
        return "for got = [1, 1.9], expected = [1, 2] it is not above 0: too small is wrong as well (|got - expected|)."
    zero = value([1e-12, 0.0], [0.0, 0.0], 1e-9)
    if not np.isfinite(zero):
        return "where everything expected is 0 you divide by 0: that is what the floor is for."
    cases = [
        ([1e-12, 0.0], [0.0, 0.0], 1e-9, 1e-3, "divide by the floor where all expected values are below it."),
        ([1.0, 1e-8], [1.0, 2e-8], 1e-9, 1e-8, "one scale for all entries: the largest |expected|, not each its own."),
        ([3.0, 1.0], [2.0, 1.0], 1e-9, 0.5, "the scale is that of what is expected, not of what you got."),
        ([1.0, -4.5], [1.0, -4.0], 1e-9, 0.125, "the largest |expected|: values can be negative."),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.4]], 1e-9, 1 / 11, "the largest difference over all entries."),
        ([0.5], [0.25], 1.0, 0.25, "the floor replaces the scale where the scale is below it; it isn't added."),
    ]
    difference, scale = np.array([0.3, -0.4, 0.0]), 2.0
    slips = {
        "the largest entry counts, not the root of the sum of squares.": np.linalg.norm(difference) / np.sqrt(4.25),
        "the largest entry counts, not the mean.": np.abs(difference).mean() / scale,
    }
    for sentence, wrong in slips.items():
        if np.isclose(value(difference + [2.0, 0.0, 0.5], [2.0, 0.0, 0.5], 1e-9), wrong, rtol=1e-6, atol=0):
            return sentence
    for got, expected, floor, right, sentence in cases:
        answer = value(got, expected, floor)
        if not np.isclose(answer, right, rtol=1e-6, atol=0):
            return f"for got = {got}, expected = {expected}, floor = {floor:g} it is {answer:.3g}: {sentence}"
    return None


def weak_check(backward):
    """Check the running example alone: everything as computed by hand, to the last bits."""
    layer = example.layer()
    run = reference.layer_forward(example.X, layer, example.MASK)
    slope = Triangle().derivative(run.v - layer.threshold)
    right = reference.layer_backward(example.E, example.X, run, slope, layer, example.MASK)
    tape = StudentTape(example.X, *run, slope, example.MASK)
    got = backward(tape, example.E.copy(), StudentParams(*layer, temperature=1.0))
    return all(np.allclose(value, getattr(right, name), rtol=1e-14, atol=0) for name, value in got.items())


@attempt
def fools_the_weak_check(function) -> str | None:
    """Check 03.5: the running example accepts it, gradcheck does not."""
    if not weak_check(function):
        return "the running example rejects it already: look for something that its X, E, W_rec or T don't use."
    net = Network([3, 5, 4, 2], dtype="float64")
    rng = stream(0, "exercise 03.5")
    net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
    x, y = rng.standard_normal((6, 9, 3)), rng.integers(0, 2, 6)
    try:
        gradcheck(net, x, y, backward=function)
    except GradientError as error:
        if not all(np.isfinite(row.max_rel) for row in error.report.wrong):
            return "a wrong shape, or NaN, shows without a check: give wrong numbers in the right shape."
        return None
    return "gradcheck accepts it as well: as far as it can see, this one is right."


EXERCISES = {
    "03.1": Exercise(
        best_step,
        "eps is 1.2e-7, its cube root 5e-3, and the error left there about eps^(2/3) = 2e-5.",
        (
            "The two errors are about h² and eps / h. At the best step they are equally large.",
            "np.finfo(np.float32).eps is the eps of float32.",
        ),
    ),
    "03.2": Exercise(
        complex_gradient,
        "No subtraction, so nothing cancels: exact even where f is a million and its slopes are 0.3 to 12.",
        (
            "Make a complex copy of w for each entry, add 1j * h to that entry, and call f once.",
            "np.ndindex(w.shape) walks through the entries of an array of any shape; h = 1e-30 will do.",
        ),
    ),
    "03.3": Exercise(
        relative_error,
        "One scale for a block of entries, with a floor, and a NaN stays a NaN: `nan <= tolerance` is false.",
        (
            "The largest |got - expected|, divided by the largest |expected| or the floor, whichever is larger.",
            "np.max hands a NaN on; Python's max(a, b) of two floats may not, so use it for the scale only.",
        ),
    ),
    "03.4": Exercise(
        choice(
            "c",
            {
                "a": "without the reset term δ[8] is still right: c[8] = β δ[9] = 0, so there is nothing to drop.",
                "b": "a W_rec that is not transposed shows in ε first, and not before t = 7: q[8] = 0.",
                "d": "a wrong x in d_w_in leaves everything right that has a time axis.",
            },
        ),
        "At t = 8 there is no δ[9] yet, so (9) is δ[8] = σ′[8] e[8]. ε[8] is right: only σ′ is left.",
        (
            "Write down (7), (8) and (9) for t = 8, the last step, where δ[9] = 0.",
            "Which of the four slips changes σ′[8] ε[8]?",
        ),
    ),
    "03.5": Exercise(
        fools_the_weak_check,
        "A check sees no more than its data show it.",
        (
            "Print example.E, example.X and example.W_REC. Which entries are 0, and what is multiplied by them?",
            "e is 0 but at the last step; T is 6. Which wrong backward would not notice, if it ignored the rest?",
        ),
    ),
}
