"""The exercises of tutorial 02: right answers pass, typical wrong ones get the sentence that is meant for them."""

import numpy as np
import pytest

from minisnn.core import reference
from minisnn.core.surrogate import Triangle
from minisnn.course import example
from minisnn.course.backward import lif_backward
from minisnn.course.exercises import check, hint


@pytest.fixture(scope="module")
def run():
    return reference.layer_forward(example.X, example.layer(), example.MASK)


@pytest.fixture(scope="module")
def slope(run):
    return Triangle().derivative(run.v - 1)


@pytest.fixture(scope="module")
def grads(run, slope):
    return reference.layer_backward(example.E, example.X, run, slope, example.layer(), example.MASK)


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


@pytest.mark.parametrize("name", [f"02.{i}" for i in range(1, 6)])
def test_every_exercise_waits_and_has_hints(name):
    assert "no answer yet" in told(name, ...)
    assert hint(name) != hint(name, 2)
    for odd in ("a", [1, 2], {}, lambda *a: None, lambda: 1):
        assert told(name, odd)


def test_last_delta(slope):
    assert check("02.1", [47 / 64, 0, 0])
    assert "σ′ stands in" in told("02.1", [0, 0, 0])
    assert "multiply by" in told("02.1", [1, 0, 0])
    assert "reads one neuron" in told("02.1", slope[5])
    assert "the first is (0,)" in told("02.1", [17 / 64, 0, 0])
    assert "shape (3,)" in told("02.1", 47 / 64)


def test_hard_step():
    assert check("02.2", lambda s, v, slope, eps, c: (1 - s) * c + slope * (eps - v * c))
    assert "soft reset" in told("02.2", lambda s, v, slope, eps, c: c + slope * (eps - c))
    assert "not by the -θ" in told("02.2", lambda s, v, slope, eps, c: (1 - s) * c + slope * (eps - c))
    assert "stands twice" in told("02.2", lambda s, v, slope, eps, c: c + slope * (eps - v * c))
    assert "is missing" in told("02.2", lambda s, v, slope, eps, c: (1 - s) * c + slope * eps)
    assert "sign" in told("02.2", lambda s, v, slope, eps, c: (1 - s) * c + slope * (eps + v * c))
    assert "raised NameError" in told("02.2", lambda s, v, slope, eps, c: unknown)  # noqa: F821


def test_hard_step_is_what_the_spec_does(run):
    """With h = 1 and no recurrence, one step of the answer is the spec's δ."""
    layer = example.layer((), (), reset=(0, 1, 0))
    run = reference.layer_forward(example.X, layer, example.MASK)
    slope = Triangle().derivative(run.v - 1)
    e = np.random.default_rng(0).standard_normal((6, 3))
    delta = reference.layer_backward(e, example.X, run, slope, layer, example.MASK).delta
    for t in range(5):
        c = delta[t + 1] / 2
        expected = (1 - run.s[t]) * c + slope[t] * (e[t] - run.v[t] * c)
        np.testing.assert_array_equal(delta[t], expected)


def test_d_w_rec(run, grads):
    assert check("02.3", run.s[:-1].T @ grads.delta[1:])
    assert "pair it with δ[t + 1]" in told("02.3", run.s.T @ grads.delta)
    assert "potential before" in told("02.3", run.s[1:].T @ grads.delta[:-1])
    assert "transposed" in told("02.3", grads.delta[1:].T @ run.s[:-1])
    assert "you took ε" in told("02.3", run.s[:-1].T @ grads.eps[1:])
    assert "mean" in told("02.3", run.s[:-1].T @ grads.delta[1:] / 6)


def changed(**parameters):
    """A backward pass that takes some parameters for others: each a function of the right ones."""

    def backward(tape, e, params):
        return lif_backward(tape, e, params._replace(**{k: f(params) for k, f in parameters.items()}))

    return backward


def slipped(slip):
    """A backward pass whose result is spoilt by `slip(result, tape)`."""

    def backward(tape, e, params):
        result = lif_backward(tape, e, params)
        slip(result, tape)
        return result

    return backward


def test_lif_backward():
    assert check("02.4", lif_backward)


def test_lif_backward_that_forgets_a_path():
    """The quantity and the step at which it first goes wrong: c is 0 at the last step, so at the one before."""
    text = told("02.4", changed(reset=lambda p: np.array([*p.reset[:2], 1.0])))
    assert "With soft reset: delta of layers.1 is wrong" in text
    assert "first to go wrong, walking back: step t = 7" in text and "equation (9)" in text
    text = told("02.4", changed(w_rec=lambda p: p.w_rec.T))
    assert "eps of layers.1" in text and "step t = 7" in text and "equation (8)" in text
    text = told("02.4", changed(w_in=lambda p: -p.w_in))
    assert "dx of layers.1" in text and "step t = 8" in text and "equation (12a)" in text
    text = told("02.4", changed(reset=lambda p: np.array([1.0, 0.0, p.reset[2]])))
    assert "With hard reset: delta" in text
    text = told("02.4", changed(reset=lambda p: np.array([*p.reset[:2], 0.0])))
    assert "With detached soft reset: delta" in text


def test_lif_backward_with_slips_in_the_sums():
    def same_step(result, tape):
        result["d_w_rec"] = tape.s.T @ result["delta"]

    text = told("02.4", slipped(same_step))
    assert "d_w_rec of layers.1 is wrong" in text and "all that it sums over time is right" in text
    assert "equation (10)" in text

    def no_mask(result, tape):
        result["d_bias"] = result["delta"].sum(axis=0)

    assert "With soft reset and a dropout mask: d_bias" in told("02.4", slipped(no_mask))
    assert "its shape is not that of" in told("02.4", slipped(lambda r, tape: r.update(d_w_rec=r["d_w_in"])))


def test_lif_backward_unfinished():
    def skeleton(tape, e, params):
        q = np.zeros(e.shape)
        q[0] = ...
        return {"q": q}

    assert "still has `...`" in told("02.4", skeleton)

    def sums_left_out(tape, e, params):
        d_bias = np.zeros(e.shape[1])
        d_bias += ...

    assert "still has `...`" in told("02.4", sums_left_out)
    assert "returns nothing yet" in told("02.2", lambda *a: ...)
    assert "does not return q, dx yet" in told("02.4", slipped(lambda r, tape: (r.pop("q"), r.update(dx=...))))
    assert "raised ZeroDivisionError" in told("02.4", slipped(lambda r, tape: 1 / 0))
    assert "returned tuple" in told("02.4", lambda *a: (1, 2))


def with_decay(rule):
    return slipped(lambda result, tape: result.update(d_decay=rule(tape, result["delta"])))


def test_d_decay():
    assert check("02.5", with_decay(lambda tape, delta: (tape.v_reset[:-1] * delta[1:]).sum(axis=0)))
    assert check(
        "02.5", lambda *a: {"d_decay": with_decay(lambda t, d: (t.v_reset[:-1] * d[1:]).sum(0))(*a)["d_decay"]}
    )
    assert "after the reset" in told("02.5", with_decay(lambda tape, d: (tape.v[:-1] * d[1:]).sum(axis=0)))
    assert "step before" in told("02.5", with_decay(lambda tape, d: (tape.v_reset * d).sum(axis=0)))
    assert "shape is (N,)" in told("02.5", with_decay(lambda tape, d: (tape.v_reset[:-1] * d[1:]).sum()))
    assert "not the last row" in told(
        "02.5", with_decay(lambda tape, d: sum(tape.v_reset[t - 1] * d[t] for t in range(len(d))))
    )
    assert "d_decay of layers.1 is wrong" in told("02.5", with_decay(lambda tape, d: d.sum(axis=0)))
    assert "β multiplies v⁺[t-1]" in told("02.5", with_decay(lambda t, d: -(t.v_reset[:-1] * d[1:]).sum(axis=0)))
    assert 'does not return "d_decay"' in told("02.5", lif_backward)
