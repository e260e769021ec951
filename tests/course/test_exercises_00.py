"""Exercises of tutorial 00: right answers pass, typical slips get the sentence that belongs to them."""

import re

import numpy as np
import pytest

from minisnn.course import example, exercises

NAMES = ["00.1", "00.2", "00.3", "00.4", "00.5"]


def lif_step(v_before, current, decay, threshold, reset):
    a, h = reset
    v = decay * v_before + current
    s = (v >= threshold).astype(float)
    return v, s, v - s * (a * threshold + h * v)


def changed(value, pre=1, post=2):
    w_rec = example.W_REC.copy()
    w_rec[pre, post] = value
    return w_rec


RIGHT = [
    ("00.1", 18.98),
    ("00.1", -2 / np.log(0.9)),
    ("00.2", [0.5, 1.25, 1, 0.25, 2.125, 0.5]),  # by hand: 1/2; 1/4 + 1; 0 + 1; 1/4; 1/8 + 2; 1/2
    ("00.3", lif_step),
    ("00.4", 64 / 175),  # (1/4) / (1 - 81/256)
    ("00.4", 0.3657),
    ("00.5", changed(0.75)),
    ("00.5", changed(0.5, 0, 2)),
    ("00.5", changed(0.71875, 2, 2).tolist()),
]


@pytest.mark.parametrize("name, answer", RIGHT)
def test_right_answers(name, answer):
    verdict = exercises.check(name, answer)
    assert verdict and verdict.text.startswith("right.")


WRONG = [
    ("00.1", 9.4912, "in steps"),
    ("00.1", -18.98, "sign"),
    ("00.1", 20, "Euler"),
    ("00.1", 0.0527, "one over"),
    ("00.1", 0.2107, "solve"),
    ("00.1", 15, "too low"),
    ("00.1", "nineteen", "one number"),
    ("00.2", [0.5, 1.25, 1.125, 0.3125, 2.15625, 1.078125], "soft reset"),
    ("00.2", [0.5, 1.25, 1.625, 1.0625, 2.53125, 1.765625], "without a reset"),
    ("00.2", [0.5, 0, 0, 0.25, 0, 0.5], "after the reset"),
    ("00.2", [0.5, 1.25, 1, 0.75, 2.375, 0.5], "exactly θ"),
    ("00.2", [0, 1, 1, 0, 1, 0], "the spikes"),
    ("00.2", [0.5, 1.5, 1, 0.25, 2.25, 0.5], "leak"),
    ("00.2", [0.5, 1.25, 1, 0.25, 2, 0.5], r"\(4,\)"),
    ("00.2", [0.5, 1.25], "shape"),
    ("00.4", 0.25, "nor ever"),
    ("00.4", 0.25 / (1 - 0.75**3), "step 2 already"),
    ("00.4", 0.25 / (1 - 0.75**5), "step 4"),
    ("00.4", 1, "at once"),
    ("00.4", 0.5, "too high"),
    ("00.5", changed(0.5), "0 differ"),
    ("00.5", changed(0.75) * 2, "differ"),
    ("00.5", changed(-2, 1, 0), "neurons 0 and 1 change"),
    ("00.5", changed(1.5), r"3 of two .*1, 3, 5"),
    ("00.5", changed(0.25), "0 of two .*none"),
    ("00.5", changed(1e308), "of two spikes"),
    ("00.5", 0.75, "shape"),
    ("00.5", changed(np.nan), "finite"),
    ("00.5", "0.75", "shape"),
    ("00.5", "more", "got str"),
]


@pytest.mark.parametrize("name, answer, hint", WRONG)
def test_wrong_answers(name, answer, hint):
    verdict = exercises.check(name, answer)
    assert not verdict
    assert verdict.text.startswith("not yet.")
    assert re.search(hint, verdict.text)


def no_leak(v_before, current, decay, threshold, reset):
    return lif_step(v_before, current, 1.0, threshold, reset)


def all_leaks(v_before, current, decay, threshold, reset):
    return lif_step(v_before + current, 0.0, decay, threshold, reset)


def strict(v_before, current, decay, threshold, reset):
    v, _, v_reset = lif_step(v_before, current, decay, threshold, reset)
    return v, (v > threshold).astype(float), v_reset


def always_resets(v_before, current, decay, threshold, reset):
    v, s, _ = lif_step(v_before, current, decay, threshold, reset)
    return v, s, v - (reset[0] * threshold + reset[1] * v)


def only_soft(v_before, current, decay, threshold, reset):
    v, s, _ = lif_step(v_before, current, decay, threshold, reset)
    return v, s, v - s * threshold


def with_if(v_before, current, decay, threshold, reset):
    v = decay * v_before + current
    s = 1 if v >= threshold else 0
    return v, s, v - s * threshold


def of_a_drive(v_before, current, decay, threshold, reset):
    return lif_step(v_before, (1 - decay) * current, decay, threshold, reset)


def other_reset(v_before, current, decay, threshold, reset):
    return lif_step(v_before, current, decay, threshold, (reset[1], reset[0]))


def one_potential(v_before, current, decay, threshold, reset):
    _, s, v_reset = lif_step(v_before, current, decay, threshold, reset)
    return v_reset, s, v_reset


def other_potential(v_before, current, decay, threshold, reset):
    return lif_step(v_before, -current, decay, threshold, reset)


def other_spikes(v_before, current, decay, threshold, reset):
    v, s, v_reset = lif_step(v_before, current, decay, threshold, reset)
    return v, 1 - s, v_reset


def in_place(v_before, current, decay, threshold, reset):
    v_before *= decay
    v_before += current
    return lif_step(v_before, 0.0, 1.0, threshold, reset)


FUNCTIONS = [
    (no_leak, "where is the leak"),
    (all_leaks, "part of the new current"),
    (of_a_drive, "part of the new current"),
    (strict, ">="),
    (always_resets, "did not fire"),
    (only_soft, r"input 1, with the reset \(a, h\) = \(0.0, 1.0\), v_reset is the soft reset"),
    (with_if, "a yes or no per neuron"),
    (other_reset, r"v_reset is wrong: equation \(5\)"),
    (one_potential, "before it too"),
    (other_potential, "v is wrong"),
    (other_spikes, "s is wrong"),
    (in_place, "changes its input"),
    (lambda *arguments: None, "returns nothing yet"),
    (lambda *arguments: (..., ..., ...), "still to be written"),
    (lambda *arguments: (1.0, 1.0, 0.0), "shape"),
    (lambda v: v, "raised TypeError"),
    (3.0, "is a function"),
]


@pytest.mark.parametrize("function, hint", FUNCTIONS)
def test_wrong_steps(function, hint):
    test_wrong_answers("00.3", function, hint)


def test_a_step_may_return_bool_spikes():
    """0 and 1 are what counts."""

    def with_bools(*arguments):
        v, s, v_reset = lif_step(*arguments)
        return v, s > 0, v_reset

    assert exercises.check("00.3", with_bools)


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_and_hints(name):
    verdict = exercises.check(name, ...)
    assert not verdict and verdict.text.startswith("no answer yet")
    assert exercises.hint(name, 1) != exercises.hint(name, 2)
