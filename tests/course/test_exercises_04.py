"""The exercises of tutorial 04: right answers pass, typical wrong ones fail with the sentence that belongs to them."""

from math import comb

import numpy as np
import pytest

from minisnn.course import exercises
from minisnn.course.exercises import _04


def verdict(name, answer, says=None):
    """Whether the answer passes; a wrong one must say so in these words."""
    result = exercises.check(name, answer)
    if says is not None:
        assert says in result.text
    return bool(result)


def test_there_are_five_exercises_with_hints():
    assert list(_04.EXERCISES) == [f"04.{i}" for i in range(1, 6)]
    assert all(exercise.hints for exercise in _04.EXERCISES.values())
    assert all("no answer yet" in exercises.check(name, ...).text for name in _04.EXERCISES)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (0.8**10, "the leak alone"),
        (0.8**10 / 2, "not at one"),
        (0.8**8 / 4, "too, the membrane leaks"),
        (0.4**10, "two of the ten"),
        (0.8**8, "something is left"),
        (0.8**10 * 1.5**2, "a minus in f"),
        (0.5, "too high"),
        ("small", "one number"),
    ],
)
def test_what_is_left(wrong, says):
    assert verdict("04.1", 0.8**10 / 4) and verdict("04.1", 0.0268)
    assert not verdict("04.1", wrong, says)


def jacobians(f, slope, w_rec):
    steps = [np.diag(f_t) + np.diag(slope_t) @ w_rec for f_t, slope_t in zip(f, slope)]
    J = [np.eye(len(w_rec))]
    for step in steps:
        J.append(J[-1] @ step)
    return np.array(J)


def other_order(f, slope, w_rec):
    J = [np.eye(len(w_rec))]
    for f_t, slope_t in zip(f, slope):
        J.append((np.diag(f_t) + np.diag(slope_t) @ w_rec) @ J[-1])
    return np.array(J)


def one_step_late(f, slope, w_rec):
    return jacobians(np.roll(f, -1, axis=0), np.roll(slope, -1, axis=0), w_rec)


def in_place(f, slope, w_rec):
    f *= 1.0 + slope
    return jacobians(f, slope, w_rec)


def raises(f, slope, w_rec):
    return jacobians(f[: len(f) + 1], slope, w_rec)[len(f) + 1]


@pytest.mark.parametrize(
    "wrong, says",
    [
        (other_order, "wrong side. A row"),
        (lambda f, slope, w: jacobians(f, slope, w).transpose(0, 2, 1), "transposed: row i"),
        (lambda f, slope, w: jacobians(f, 0 * slope, w), "the hops are not"),
        (lambda f, slope, w: jacobians(0 * f, slope, w), "the leaks are not"),
        (lambda f, slope, w: jacobians(f, slope, w.T), "W_rec is transposed"),
        (lambda f, slope, w: jacobians(f, slope, w)[1:], "J[0] = 1 is missing"),
        (lambda f, slope, w: jacobians(f, slope, w)[-1], "the last of them"),
        (lambda f, slope, w: jacobians(f[::-1], slope[::-1], w), "from the last to the first"),
        (lambda f, slope, w: jacobians(f, slope, w)[:, :2], "the shape is (2, 5, 5)"),
        (lambda f, slope, w: jacobians(f, slope**2, w), "J[1] is the first"),
        (one_step_late, "is the first that is wrong, with a lag of 6"),
        (in_place, "changes what it was given"),
        (raises, "is out of bounds"),
        (lambda f, slope, w: None, "returns nothing"),
        (lambda f, slope, w: ..., "returns nothing"),
        (np.eye(3), "a function"),
    ],
)
def test_jacobians(wrong, says):
    assert verdict("04.2", jacobians)
    assert verdict("04.2", lambda f, slope, w: list(jacobians(f, slope, w)))
    assert not verdict("04.2", wrong, says)


def test_slope_on_the_wrong_side_of_w_rec():
    def wrong(f, slope, w_rec):
        J = [np.eye(len(w_rec))]
        for f_t, slope_t in zip(f, slope):
            J.append(J[-1] @ (np.diag(f_t) + w_rec @ np.diag(slope_t)))
        return np.array(J)

    assert not verdict("04.2", wrong, "the neuron that sends")


def test_the_cases_of_the_jacobian_are_alive():
    """Leaks, resets and hops all matter in them."""
    for f, slope, w_rec, right in _04._cases():
        assert (slope > 0).any() and len(right) == len(f) + 1
        slips = _04._slips(f, slope, w_rec, right)
        same = [s for s, wrong in slips.items() if wrong.shape == right.shape and np.allclose(wrong, right)]
        assert len(f) == 1 or not same


@pytest.mark.parametrize(
    "wrong, says",
    [
        (5040, "not numbered"),
        (1024, "any number"),
        (40, "has 10 places"),
        (120, "3 hops"),
        (126, "9 steps"),
        (6, "too low"),
    ],
)
def test_orders(wrong, says):
    assert verdict("04.3", comb(10, 4))
    assert not verdict("04.3", wrong, says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (828, "last step at which it is normal"),
        (830, "one step earlier"),
        (127, "β = 0.5"),
        (126, "binary places"),
        (981, "smallest of all"),
        (987, "rounded to 0"),
        (6724, "float64"),
        (0.9, "too low"),
    ],
)
def test_denormal(wrong, says):
    assert 0.9**829 < 2.0**-126 <= 0.9**828
    assert verdict("04.4", 829)
    assert not verdict("04.4", wrong, says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ((0.5, 1.0), "with seed 0 it vanishes"),
        ((0.7, 20.0), "it explodes"),
        ((0.99, 1.0), "at most 0.7"),
        ((0.5, float("nan")), "finite"),
        ((0.0, 3.0), "above 0"),
        (3.0, "a pair"),
        ((0.5, ...), "a pair"),
        ((0.5, 1.0, 2.0), "a pair"),
    ],
)
def test_open(wrong, says):
    assert verdict("04.5", (0.7, 3.0)) and verdict("04.5", np.array([0.7, 3.0]))
    assert not verdict("04.5", wrong, says)
