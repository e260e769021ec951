"""The exercises of tutorial 05: right answers pass, typical wrong ones fail with the sentence that belongs to them."""

import numpy as np
import pytest

from minisnn.course import backward, exercises
from minisnn.course.exercises import _05


def verdict(name, answer, says=None):
    """Whether the answer passes; a wrong one must say so in these words."""
    result = exercises.check(name, answer)
    if says is not None:
        assert says in result.text
    return bool(result)


def test_there_are_five_exercises_with_hints():
    assert list(_05.EXERCISES) == [f"05.{i}" for i in range(1, 6)]
    assert all(exercise.hints for exercise in _05.EXERCISES.values())
    assert all("no answer yet" in exercises.check(name, ...).text for name in _05.EXERCISES)


@pytest.mark.parametrize("wrong, says", [(7, "RSNN"), (21, "at step 4"), (11, "first of the three"), (26, "too high")])
def test_arrival(wrong, says):
    assert verdict("05.1", 25)
    assert not verdict("05.1", wrong, says)


def leak_from_later(tape, e, params):
    """Takes the leak, too, from λ steps later."""
    late = backward.lif_backward_src(tape, e, params)
    span, c = params.delays[0], np.zeros(e.shape)
    if span > 1:
        c[:-1] = params.decay * late["delta"][1:]
        late["delta"] = late["delta"] - c
    return late


def no_reset_term(tape, e, params):
    """Right in (7), wrong in (9)."""
    return backward.lif_backward_src(tape, e, params._replace(reset=(0.0, 0.0, 0.0)))


def wrapped(tape, e, params):
    """δ[(t + λ) mod T]: the index runs over the end."""
    grads = backward.lif_backward_src(tape, e, params)
    grads["q"] = np.roll(grads["delta"], -params.delays[0], axis=0)
    return grads


def always_three(tape, e, params):
    return backward.lif_backward_src(tape, e, params._replace(delays=np.array([3])))


def without_d_w_rec(tape, e, params):
    grads = backward.lif_backward_src(tape, e, params)
    del grads["d_w_rec"]
    return grads


def d_w_rec_of_delta(tape, e, params):
    grads = backward.lif_backward_src(tape, e, params)
    grads["d_w_rec"] = tape.s.T @ grads["delta"]
    return grads


def folded(tape, e, params):
    """δ[(t + λ) mod T]: right as long as λ <= T, as δ of earlier steps is not there yet."""
    span = int(params.delays[0])
    if span > len(e):
        params = params._replace(delays=params.delays - len(e))
    return backward.lif_backward_src(tape, e, params)


def over_the_end(tape, e, params):
    return backward.lif_backward_src(tape, e, params)["q"][len(e)]


def transposed(tape, e, params):
    grads = backward.lif_backward_src(tape, e, params)
    grads["q"] = grads["q"].T
    return grads


@pytest.mark.parametrize(
    "wrong, says",
    [
        (backward.lif_backward, "as in 02"),
        (leak_from_later, "the leak"),
        (no_reset_term, "Only (7) changes: in (9)"),
        (wrapped, "run over the end"),
        (folded, "with λ = 13 and T = 9"),
        (always_three, "with λ = 1 and T = 9"),
        (without_d_w_rec, "does not return d_w_rec"),
        (d_w_rec_of_delta, "pairs s[t] with q[t]"),
        (over_the_end, "raised IndexError"),
        (transposed, "another shape"),
        (lambda tape, e, params: None, "returns nothing yet"),
        (lambda tape, e, params: 3, "dict"),
        (3, "a function"),
    ],
)
def test_backward(wrong, says):
    assert verdict("05.2", backward.lif_backward_src)
    assert verdict("05.2", backward.lif_backward_asrc)  # right as well: it knows any taps
    assert not verdict("05.2", wrong, says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ([[0, 30], [2, 7], [2, 4], [0, 2], [30, 0]], "other way round"),
        ([[30, 0], [7, 23], [4, 26], [2, 28], [0, 30]], "must leak"),
        ([[30, 0], [7, 0], [4, 0], [2, 0], [0, 0]], "left of the 30"),
        ([30, 7, 4, 2, 0], "shape"),
        ([[30, 0], [7, 2], [4, 2], [2, 0], [1, 0]], "2 of 10 entries"),
    ],
)
def test_paths(wrong, says):
    assert verdict("05.3", [[30, 0], [7, 2], [4, 2], [2, 0], [0, 30]])
    assert not verdict("05.3", wrong, says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ([6, 8, 24, 34], "no spike ever arrives"),
        ([6, 8, 16, 24], "8 steps must leak. In the table"),
        ([1, 6, 8, 24], "24 hops"),
        ([6, 24], "not all are there yet"),
        ([], "not all are there yet"),
        ([6, 12], "choose among"),
        (6, "a list"),
        ([6.5, 8.2, 24.9], "a list"),
    ],
)
def test_solving(wrong, says):
    assert verdict("05.4", [6, 8, 24]) and verdict("05.4", {24, 8, 6}) and verdict("05.4", np.array([6, 8, 24]))
    assert not verdict("05.4", wrong, says)


def test_smallest_span_with_made_up_accuracies(monkeypatch):
    solves = {4: (1.0, 1.0), 3: (1.0, 0.96), 6: (1.0, 1.0)}
    monkeypatch.setattr(_05, "accuracy", lambda span, seed: solves.get(span, (0.7, 1.0))[seed])
    assert verdict("05.5", 4)
    assert not verdict("05.5", 3, "λ = 3 reaches 96.0% with seed 1")
    assert not verdict("05.5", 6, "so does λ = 4")
    assert not verdict("05.5", 2, "70.0% with seed 0")
    assert not verdict("05.5", 30, "no spike ever arrives")
    assert not verdict("05.5", 2.5, "whole number")
    assert not verdict("05.5", "four", "one span")


@pytest.mark.slow
def test_smallest_span_by_training():
    smallest = next(span for span in range(1, 30) if _05.failure(span) is None)
    assert verdict("05.5", smallest)
    assert not verdict("05.5", smallest + 1)
