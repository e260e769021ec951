"""The exercises of tutorial 12: right answers pass, typical wrong ones get the sentence that is meant for them."""

import numpy as np
import pytest

from minisnn.course.exercises import _12, check, hint
from minisnn.experiments import findings


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


@pytest.mark.parametrize("name", [f"12.{i}" for i in range(1, 4)])
def test_every_exercise_waits_and_has_hints(name):
    assert list(_12.EXERCISES) == ["12.1", "12.2", "12.3"]
    assert "no answer yet" in told(name, ...)
    assert hint(name)
    for odd in ("x", [1, 2], {}, lambda *a: None, lambda *a: "b", lambda *a: (1, "b"), np.nan, 1j):
        assert told(name, odd)


def in_place(p):
    p *= len(p)
    return p


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda p: np.minimum(len(p) * p, 1), "Bonferroni"),
        (lambda p: np.sort(findings.holm(p)), "but sorted"),
        (lambda p: np.minimum((len(p) - np.argsort(np.argsort(p))) * p, 1), "the largest so far"),
        (lambda p: np.minimum((1 + np.argsort(np.argsort(p))) * p, 1), "and the largest by 1"),
        (_12._not_capped, "at most 1"),
        (lambda p: findings.holm(p) < 0.05, "return the corrected p-values"),
        (lambda p: findings.holm(p)[:1], "as many"),
        (in_place, "changed the array"),
        (lambda p: 0 * p, "is right"),
        (lambda p: p[99], "raised IndexError"),
    ],
)
def test_holm(wrong, says):
    assert check("12.2", findings.holm) and check("12.2", lambda p: findings.holm(p).tolist())
    assert says in told("12.2", wrong)


def test_reading():
    assert check("12.3", "c")
    assert "one of 28" in told("12.3", "a")
    assert "not refuted" in told("12.3", "b")
    assert "not excluded" in told("12.3", "d")


def test_decided_in_a_container():
    assert check("12.1", lambda *a: np.array(_12.decided(*a)))


def decided_by_places(updates, weights, limit):
    """Another right one: the update after the last that is not above."""
    after = np.append(np.flatnonzero(weights <= limit), -1).max() + 1
    return updates[after] if after < len(updates) else np.inf


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda u, w, limit: u[np.argmax(w > limit)] if (w > limit).any() else np.inf, "that is the first time"),
        (lambda u, w, limit: min(decided_by_places(u, w, limit), u[-1]), "in the end it is not above"),
        (lambda u, w, limit: int(np.argmax(w > limit)), "place in the array"),
        (lambda u, w, limit: decided_by_places(u, w, limit - 1e-9), "not at it"),
        (lambda u, w, limit: decided_by_places(u, w, 0.9), "Use `limit`"),
        (lambda u, w, limit: u, "one number"),
        (lambda u, w, limit: -1.0, "it returned -1"),
        (lambda u, w, limit: u[99], "raised IndexError"),
    ],
)
def test_decided(wrong, says):
    assert check("12.1", _12.decided) and check("12.1", decided_by_places)
    assert says in told("12.1", wrong)
