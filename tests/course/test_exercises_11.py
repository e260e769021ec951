"""The exercises of tutorial 11: right answers pass, typical wrong ones get the sentence that is meant for them."""

import inspect

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.checks import GradientError
from minisnn.core import recurrence
from minisnn.core.reference import Cut, layer_backward, layer_forward
from minisnn.course import backward, example
from minisnn.course.exercises import _11, check, hint


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


def test_there_are_three_exercises_with_hints():
    assert list(_11.EXERCISES) == ["11.1", "11.2", "11.3"]
    for name in _11.EXERCISES:
        assert "no answer yet" in told(name, ...)
        assert hint(name) != hint(name, 2)


@pytest.mark.parametrize("name", ["11.1", "11.2", "11.3"])
def test_odd_answers_are_told_so(name):
    for odd in ("a", [1, 2], {"a": 1}, {"neuron": 3}, lambda *a: None, lambda: 1, lambda *a: "b", object()):
        assert told(name, odd)


# 11.1


@pytest.mark.parametrize(
    "wrong, says",
    [(30, "the lag"), (27, "27 steps"), (28, "0, 28"), (32, "0 .. 31"), (36, "all of the second"),
     (40, "nothing is cut"), (20, "too low"), (34, "too high")],
)  # fmt: skip
def test_shortest_piece(wrong, says):
    assert check("11.1", 33)
    assert says in told("11.1", wrong)


def test_the_shortest_piece_is_what_the_spec_does():
    """With errors at the steps of the second cue and after it, as the task has them, over silent cues."""
    layer = example.layer()
    x = np.zeros((_11.T, 2))
    x[:, 0] = 0.25  # sub-threshold for all, so that the leak carries the error
    run = layer_forward(x, layer, example.MASK)
    e, slope = np.zeros((_11.T, 3)), np.full((_11.T, 3), 0.1)
    e[_11.SECOND_CUE[0] :] = 1

    def reaches(steps) -> bool:
        delta = layer_backward(e, x, run, slope, layer, example.MASK, Cut(truncate=steps)).delta
        return bool(delta[_11.FIRST_CUE].any())

    assert next(steps for steps in range(1, 41) if reaches(steps)) == 33
    assert _11.SECOND_CUE[0] - _11.FIRST_CUE[0] == 30


# 11.2


def altered(*changes):
    """Our backward pass with lines of its source changed."""
    source = inspect.getsource(backward.lif_backward_alif)
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    names = {"np": np, "d_span_logits": recurrence.d_span_logits}
    exec(source, names)
    return names["lif_backward_alif"]


NONE = "np.zeros((2, N)) if params.adaptation is None else params.adaptation"
STEP = "phi = rho * phi - kappa * tape.slope[t] * r"


@pytest.mark.parametrize(
    "change, sentence",
    [
        (("params.w_rec.T + phi", "params.w_rec.T"), "(13) has no effect"),
        ((STEP, STEP.replace("-", "+")), "sign of κ"),
        ((STEP, "phi = -kappa * tape.slope[t] * r"), "φ forgets"),
        ((STEP, "phi = phi - kappa * tape.slope[t] * r"), "with the factor ρ"),
        ((STEP, "phi = params.decay * phi - kappa * tape.slope[t] * r"), "comes back with β"),
        ((STEP, "phi = rho * phi - tape.slope[t] * r"), "κ is missing"),
        ((STEP, "phi = rho * phi - kappa * r"), "σ′ is missing"),
        ((STEP, "phi = rho * phi - kappa * tape.slope[t] * eps[t]"), "needs r[t]"),
        ((STEP, "pass"), "(13) has no effect"),
        (("h * tape.v[t]) * c", "h * tape.s[t]) * c"), "a hard reset: delta is wrong"),
        (("(1 - detached) * (a", "(a"), "a detached reset and a dropout mask: delta is wrong"),
        ((NONE, "params.adaptation"), "is None: your"),
        (("eps[t] = e[t]", "eps[t] = 2 * e[t]"), "eps is wrong"),
        (('grads["d_tap_weights"] = d_tap_weights', "pass"), "does not return d_tap_weights yet"),
        (("phi = np.zeros(N)", "phi = None"), "raised TypeError"),
    ],
)  # fmt: skip
def test_backward_slips(change, sentence):
    assert sentence in told("11.2", altered(change))


def test_backward():
    assert check("11.2", backward.lif_backward_alif)
    assert "(13) has no effect" in told("11.2", backward.lif_backward_asrc)
    assert "does not return d_tap_weights" in told("11.2", backward.lif_backward)


@pytest.mark.parametrize("reset, detach", [("soft", False), ("soft", True), ("hard", False), ("none", False)])
@pytest.mark.parametrize("kind", [ms.Recurrent(), ms.SRC(3), ms.ASRC(4), ms.Feedforward()])
def test_our_function_is_right_for_every_network_of_the_course(rng, reset, detach, kind):
    adapting = ms.ALIF(0.6, 0.8, reset, detach, adaptation_decay=0.9, adaptation_strength=0.3)
    net = random_network(rng, recurrence=kind, neuron=[adapting, ms.LIF(0.6, 0.8, reset, detach)])
    x, y = random_batch(rng, net, B=3, T=8)
    assert ms.gradcheck(net, x, y, backward=backward.lif_backward_alif)
    with pytest.raises(GradientError):
        ms.gradcheck(net, x, y, backward=backward.lif_backward_asrc)


# 11.3


def test_local_with_made_up_accuracies(monkeypatch):
    reached = {ms.SRC(30): (0.95, 0.9), ms.SRC(15): (0.75, 0.8), ms.SRC(29): (0.9, 0.8)}
    monkeypatch.setattr(_11, "accuracy", lambda recurrence, neuron, seed: reached.get(recurrence, (0.5, 0.5))[seed])
    assert check("11.3", {"recurrence": ms.SRC(30)}) and check("11.3", ms.SRC(30))
    assert "75.0% with seed 0" in told("11.3", {"recurrence": ms.SRC(15)})
    assert "80.0% with seed 1" in told("11.3", {"recurrence": ms.SRC(29)})
    assert "50.0%" in told("11.3", {"neuron": ms.ALIF()})
    for odd in ({"readout_window": 8}, ms.LIF(), 30, {"recurrence": 30}):
        assert "the answer is a dict" in told("11.3", odd)


@pytest.mark.slow
@pytest.mark.compiled
def test_local_by_training():
    assert check("11.3", {"recurrence": ms.SRC(30)}) and check("11.3", {"recurrence": ms.ASRC(40)})
    assert not check("11.3", {"recurrence": ms.SRC(15)})
    assert not check("11.3", {"neuron": ms.ALIF(adaptation_decay=0.97, adaptation_strength=0.5)})
