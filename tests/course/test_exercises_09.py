"""The exercises of tutorial 09: right answers pass, typical wrong ones get the hint that belongs to them."""

import re

import numba
import numpy as np
import pytest

import minisnn as ms
from minisnn.core import kernels
from minisnn.course import exercises

FIRST = 128 * 256 / 4 + 256 * 256 / 16
TAPE = 5 * 256 * 784 * 128 * 4


def event_list(a):
    columns = np.nonzero(a)[1]
    start = np.concatenate([[0], np.cumsum((a != 0).sum(axis=1))])
    return columns, a[a != 0], start


@numba.njit
def dense_rows(columns, start, w):
    s = np.zeros((start.size - 1, w.shape[0]), w.dtype)
    for b in range(start.size - 1):
        for k in range(start[b], start[b + 1]):
            s[b, columns[k]] = 1
    return s @ w


@numba.njit
def batch_rows(columns, start, w):
    z = np.zeros((start.size - 1, w.shape[1]), w.dtype)
    for b in range(start.size - 1):
        for i in columns[start[b] : start[b + 1]]:
            for n in range(w.shape[1]):
                z[b, n] += w[i, n]
    return z


@numba.njit
def first_row_only(columns, start, w):
    z = np.zeros((start.size - 1, w.shape[1]), w.dtype)
    for i in columns:
        z[0] += w[i]
    return z


@numba.njit
def in_float64(columns, start, w):
    z = np.zeros((start.size - 1, w.shape[1]))
    for b in range(start.size - 1):
        for i in columns[start[b] : start[b + 1]]:
            z[b] += w[i]
    return z


@numba.njit
def filled_with_ones(columns, start, w):
    z = batch_rows(columns, start, w)
    for b in range(start.size - 1):
        if start[b] == start[b + 1]:
            z[b] += 1
    return z


@numba.njit
def transposed(columns, start, w):
    return batch_rows(columns, start, w).T.copy()


def kernels_event_list(a):
    """The right answer by the package's own kernel."""
    events = kernels.Events(np.zeros(a.size, np.int64), np.zeros(a.size, a.dtype), np.zeros(len(a) + 1, np.int64))
    find_events = getattr(kernels.find_events, "py_func", kernels.find_events)  # compiled, it is for kernels alone
    find_events(a, events)
    count = events.start[-1]
    return events.columns[:count], events.values[:count], events.start


@pytest.mark.parametrize(
    "name, answer",
    [
        ("09.1", FIRST),
        ("09.2", event_list),
        ("09.2", kernels_event_list),
        ("09.3", 6 / 2.2),
        ("09.3", 2.73),
        ("09.3", 2.7),
        ("09.4", batch_rows),
        ("09.5", TAPE),
    ],
)
def test_right_answers_pass(name, answer):
    verdict = exercises.check(name, answer)
    assert verdict, verdict


def changes_its_input(a):
    a += 1
    return event_list(a)


WRONG = [
    ("09.1", 128 * 256 + 256 * 256, "dense step"),
    ("09.1", 4096, r"\(1\) alone"),
    ("09.1", 8192, r"\(2\) alone"),
    ("09.1", 48, "how many rows"),
    ("09.1", 10, "too low"),
    ("09.1", "many", "one number"),
    ("09.2", lambda a: (*event_list(a)[:2], event_list(a)[2][1:]), "one entry more"),
    ("09.2", lambda a: (*event_list(a)[:2], event_list(a)[2][:-1]), "one entry more"),
    ("09.2", lambda a: (*event_list(a)[:2], (a != 0).sum(axis=1)), "sum of the counts"),
    ("09.2", lambda a: (*event_list(a)[:2], event_list(a)[2] + 1), "before t have"),
    ("09.2", lambda a: (event_list(a)[0], np.ones(np.count_nonzero(a)), event_list(a)[2]), "with its sign"),
    ("09.2", lambda a: (np.nonzero(a)[0], *event_list(a)[1:]), "hold the rows"),
    ("09.2", lambda a: (np.nonzero(a.T)[1], a.T[a.T != 0], event_list(a)[2]), "within a row|hold the rows"),
    ("09.2", lambda a: (event_list(a)[0][1:], *event_list(a)[1:]), "have the shape"),
    ("09.2", lambda a: event_list(a)[:2], "three arrays"),
    ("09.2", lambda a: None, "returns nothing yet"),
    ("09.2", changes_its_input, "changes the array"),
    ("09.2", lambda a: a.no_such_thing, "raised AttributeError"),
    ("09.2", 3, "is a function"),
    ("09.3", 20, "not sparse"),
    ("09.3", 3, "silent network"),
    ("09.3", 2.2 / 6, "inverse"),
    ("09.3", 6 / 3.15, r"\(8\) and \(12\)"),
    ("09.3", 6 / 1.25, "not one"),
    ("09.4", first_row_only, r"differs from|no events"),
    ("09.4", in_float64, "w.dtype"),
    ("09.4", dense_rows, "reads rows of w that no event asks for"),
    ("09.4", filled_with_ones, "start as zeros"),
    ("09.4", transposed, "one row per sequence"),
    ("09.4", numba.njit(lambda columns, start, w: 1.0), "return the array"),
    ("09.5", TAPE / 5, "keeps five"),
    ("09.5", TAPE / 4, "4 bytes"),
    ("09.5", TAPE / 20, "five arrays"),
    ("09.5", 2 * TAPE, "float64"),
    ("09.5", TAPE / 1e6, "give bytes"),
]


@pytest.mark.parametrize("name, answer, words", WRONG)
def test_wrong_answers_get_their_hint(name, answer, words):
    verdict = exercises.check(name, answer)
    assert not verdict
    assert re.search(words, verdict.text), verdict


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="then nothing is compiled")
def test_plain_python_is_not_numba():
    verdict = exercises.check("09.4", batch_rows.py_func)
    assert not verdict and "@numba.njit" in verdict.text


def test_changed_weights_are_noticed():
    @numba.njit
    def clears(columns, start, w):
        z = batch_rows(columns, start, w)
        w[:] = 0
        return z

    assert "changes the weights" in exercises.check("09.4", clears).text


def test_the_tape_is_as_large_as_computed():
    """At a size that fits: every dimension differs from those the exercise scales up from."""
    from minisnn.course.exercises._09 import tape_bytes

    tape = ms.Network([2, 7, 3]).record(np.zeros((5, 6, 2)))
    assert tape_bytes(5, 6, 7) == sum(array.nbytes for array in tape.layers[0]) == 5 * 5 * 6 * 7 * 4


@pytest.mark.parametrize("name", [f"09.{i}" for i in range(1, 6)])
def test_no_answer_yet_and_hints(name):
    assert "no answer yet" in exercises.check(name, ...).text
    assert exercises.hint(name) and exercises.hint(name, 2)
