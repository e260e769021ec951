"""The exercises of tutorial 06: right answers pass, typical wrong ones get the sentence that is meant for them."""

import inspect

import numpy as np
import pytest

from minisnn.core import recurrence
from minisnn.course import backward
from minisnn.course.exercises import check, hint


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


@pytest.mark.parametrize("name", [f"06.{i}" for i in range(1, 6)])
def test_every_exercise_waits_and_has_hints(name):
    assert "no answer yet" in told(name, ...)
    assert hint(name) != hint(name, 2)
    for odd in ("a", [1, 2], {}, lambda *a: None, lambda: 1, lambda *a: "b"):
        assert told(name, odd)


def test_weights():
    assert check("06.1", np.array([1, 4, 16]) / 21)
    assert "T° = 1" in told("06.1", np.array([1, 2, 4]) / 7)
    assert "multiplied" in told("06.1", np.array([1, 2**0.5, 2]) / (3 + 2**0.5))
    assert "add up to 1" in told("06.1", [1, 4, 16])
    assert "inside" in told("06.1", np.array([1, 2, 4]) / 7 * 2)
    assert "limit" in told("06.1", [0, 0, 1])
    assert "shape (3,)" in told("06.1", 16 / 21)


def test_d_logits():
    assert check("06.2", [5 / 2, -3 / 4, -7 / 4])
    assert "1/T° is missing" in told("06.2", [5 / 4, -3 / 8, -7 / 8])
    assert "multiplied" in told("06.2", [5 / 8, -3 / 16, -7 / 16])
    assert "add up to 0" in told("06.2", [3, -1 / 2, -3 / 2])
    assert "plain" in told("06.2", [10 / 3, -1 / 3, -4 / 3])
    assert "in front" in told("06.2", [5, -3, -7])
    assert "sign" in told("06.2", [-5 / 2, 3 / 4, 7 / 4])


def altered(*changes):
    """Our backward pass with lines of its source changed."""
    source = inspect.getsource(backward.lif_backward_asrc)
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names = {"np": np, "d_span_logits": recurrence.d_span_logits}
    exec(source, names)
    return names["lif_backward_asrc"]


@pytest.mark.parametrize(
    "change, sentence",
    [
        (("q[t] += p * delta[t + k]", "q[t] += delta[t + k]"), "without their weights"),
        (("zip(params.delays, params.tap_weights)", "[(params.delays[0], 1.0)]"), "one tap only"),
        (("tape.z[t] @ delta[t + k]", "tape.s[t] @ delta[t + k]"), "pairs δ with s"),
        (("tape.z[t] @ delta[t + k]", "tape.z[t] @ delta[t]"), "not known yet"),
        (
            ("    grads = {", "    d_tap_weights[:] = (tape.z * delta).sum()\n    grads = {"),
            "arrives k steps later",
        ),
        (("+= tape.z[t]", "+= p * tape.z[t]"), "has p in it"),
        ((" / params.temperature", ""), "lacks 1/T°"),
        (
            (
                "params.tap_weights * (d_tap_weights - mean) / params.temperature",
                "params.tap_weights * d_tap_weights / 0.7",
            ),
            "lacks the mean",
        ),
        (("params.tap_weights * (d_tap_weights - mean) / params.temperature", "d_tap_weights"), "softmax between"),
        (
            (
                "params.tap_weights * (d_tap_weights - mean) / params.temperature",
                "params.tap_weights * (d_tap_weights - d_tap_weights.mean()) / params.temperature",
            ),
            "plain mean",
        ),
        (
            (
                "params.tap_weights * (d_tap_weights - mean) / params.temperature",
                "(d_tap_weights - params.tap_weights @ d_tap_weights) / params.temperature",
            ),
            "lacks the factor p_k",
        ),
        (("if t + k < T", "if t + k < T - 1"), "first to go wrong, walking back: step t = "),
        (("eps[t] = e[t] + q[t] @ params.w_rec.T", "eps[t] = e[t] + q[t] @ params.w_rec"), "eps is wrong"),
        (("tape.mask * delta[t])  # (10)", "delta[t])  # (10)"), "a dropout mask: d_w_in is wrong"),
        (('grads["d_tap_weights"] = d_tap_weights', "pass"), "does not return d_tap_weights yet"),
        (("d_tap_weights = np.zeros(len(params.delays))", "d_tap_weights = np.zeros(4)"), "raised IndexError"),
    ],
)
def test_backward_slips(change, sentence):
    assert sentence in told("06.3", altered(change))


def test_backward():
    assert check("06.3", backward.lif_backward_asrc)
    assert all("returns nothing yet" in told(name, lambda *args: None) for name in ("06.3", "06.4", "06.5"))
    assert "does not return d_tap_weights, d_span_logits" in told("06.3", backward.lif_backward)


def test_cooling():
    assert check("06.4", lambda epochs, start, end: start * (end / start) ** (np.arange(epochs) / epochs))
    assert "too early" in told("06.4", lambda epochs, start, end: np.linspace(start, end, epochs))
    assert "equal steps" in told("06.4", lambda n, start, end: start + (end - start) * np.arange(n) / n)
    assert "one more factor" in told("06.4", lambda epochs, start, end: np.geomspace(start, end, epochs))
    assert "colder" in told("06.4", lambda n, start, end: start * (end / start) ** (np.arange(1, n + 1) / n))
    assert "For 20 epochs" in told("06.4", lambda epochs, start, end: start * 0.96 ** np.arange(epochs))
    assert "shape (200,)" in told("06.4", lambda epochs, start, end: [start])


def d_temperature(a, d_p, T):
    return -a @ recurrence.d_span_logits(recurrence.span_weights(a, T), d_p, T) / T


def test_d_temperature():
    assert check("06.5", d_temperature)
    assert "sign" in told("06.5", lambda *args: -d_temperature(*args))
    assert "too few" in told("06.5", lambda a, d_p, T: T * d_temperature(a, d_p, T))
    assert "too many" in told("06.5", lambda a, d_p, T: d_temperature(a, d_p, T) / T)
    assert "mean is missing" in told("06.5", lambda a, d_p, T: -(recurrence.span_weights(a, T) * d_p) @ a / T**2)
    assert "which is 0" in told("06.5", lambda a, d_p, T: 0.0)
    assert "shape (3,)" in told("06.5", lambda a, d_p, T: a)
    assert "the gradient is" in told("06.5", lambda a, d_p, T: 1.0)
