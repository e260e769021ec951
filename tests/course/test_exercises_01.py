"""The exercises of tutorial 01: right answers pass, typical wrong ones get the sentence that is meant for them."""

import numpy as np
import pytest

import minisnn as ms
from minisnn.course.exercises import check, hint

POTENTIALS = np.array([0.25, 0.75, 1.0, 1.125, 1.75])


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


@pytest.mark.parametrize("name", [f"01.{i}" for i in range(1, 6)])
def test_every_exercise_waits_and_has_hints(name):
    assert "no answer yet" in told(name, ...)
    assert hint(name) != hint(name, 2)
    for odd in ("a", [1, 2, 3], {}, lambda *a: None, lambda: 1):
        assert told(name, odd)


def test_central_differences():
    assert check("01.1", [0, 2 / 3])
    assert "The first is right" in told("01.1", [0, 0])
    assert "2h, not h" in told("01.1", [0, 4 / 3])
    assert "divide by 2h" in told("01.1", [0, 1])
    assert "sign" in told("01.1", [0, -2 / 3])


def test_slopes():
    right = np.array([[0.25, 0.75, 1, 0.875, 0.25], [0, 0.5, 1, 0.75, 0]])
    assert check("01.2", right)
    assert "the distance from the threshold" in told("01.2", [np.maximum(0, 1 - POTENTIALS / w) for w in (1, 0.5)])
    assert "half" in told("01.2", [np.maximum(0, 1 - abs(POTENTIALS - 1) / w) for w in (0.5, 0.25)])
    assert "exchanged" in told("01.2", right[::-1])
    assert "peak stays 1" in told("01.2", right * [[1], [2]])
    assert "primitive" in told("01.2", [s.primitive(POTENTIALS - 1) for s in (ms.Triangle(), ms.Triangle(width=0.5))])
    assert "shape (2, 5)" in told("01.2", right[0])


def test_pair():
    def pair(primitive, derivative):
        return ms.Custom("mine", primitive, derivative)

    def bump(u):
        return 1 - np.tanh(u) ** 2

    assert check("01.3", pair(np.tanh, bump))
    assert check("01.3", pair(lambda u: np.arctan(u) + 3, lambda u: 1 / (1 + u**2)))  # a constant has no slope
    assert "2 times the derivative" in told("01.3", pair(lambda u: np.tanh(u) / 2, bump))
    assert "negative" in told("01.3", pair(np.sin, np.cos))
    assert "peak is to be at 0" in told("01.3", pair(lambda u: np.tanh(u - 1), lambda u: bump(u - 1)))
    assert "σ has the slope" in told("01.3", pair(np.tanh, lambda u: 1 / (1 + u**2)))
    assert "fall off" in told("01.3", pair(lambda u: u, np.ones_like))
    assert "got Triangle" in told("01.3", ms.Triangle())
    assert "it has no primitive" in told("01.3", pair(None, bump))


def test_dead_share():
    def zero(v, threshold, surrogate):
        return surrogate.derivative(v - threshold) == 0

    assert check("01.4", lambda v, threshold, surrogate: zero(v, threshold, surrogate).all(axis=(0, 1)).mean())
    wrong = {
        "share of all": lambda v, threshold, surrogate: zero(v, threshold, surrogate).mean(),
        "left the threshold out": lambda v, threshold, surrogate: zero(v, 0, surrogate).all(axis=(0, 1)).mean(),
        "it has to be every one": lambda v, threshold, surrogate: zero(v, threshold, surrogate).any(axis=(0, 1)).mean(),
        "silent neurons": lambda v, threshold, surrogate: (v < threshold).all(axis=(0, 1)).mean(),
        "do get gradient": lambda v, threshold, surrogate: 1 - zero(v, threshold, surrogate).all(axis=(0, 1)).mean(),
        "divide by N": lambda v, threshold, surrogate: zero(v, threshold, surrogate).all(axis=(0, 1)).sum(),
        "one number": lambda v, threshold, surrogate: zero(v, threshold, surrogate).all(axis=(0, 1)),
        "changes its input": lambda v, threshold, surrogate: (np.subtract(v, threshold, out=v) == 0).mean(),
    }
    for words, function in wrong.items():
        assert words in told("01.4", function)


def broken():
    net = ms.Network([8, 24, 24, 24, 10], surrogate=ms.Triangle(width=0.3), seed=0)
    net.params["layers.0.w_in"] *= 8
    net.params["layers.1.bias"] -= 2
    net.params["layers.2.w_in"] *= 0.2
    return net


def test_mended():
    net = broken()
    assert "layer 0 fires too much" in told("01.5", net)
    net.params["layers.0.w_in"] /= 2
    assert "layer 1 fires too little" in told("01.5", net)
    net.params["layers.1.bias"] += 2
    net.params["layers.1.w_in"] *= 3
    assert "layer 2 fires too little" in told("01.5", net)
    net.params["layers.2.w_in"] *= 10
    assert check("01.5", net)
    assert "the sizes stay" in told("01.5", ms.Network([8, 24, 24, 10]))
    assert "a ms.Network" in told("01.5", net.params)


def test_one_factor_for_all_layers_will_not_do():
    for factor in (0.1, 0.25, 0.5, 2, 4, 8, 16):
        net = broken()
        for i in range(3):
            net.params[f"layers.{i}.w_in"] *= factor
        assert not check("01.5", net)
