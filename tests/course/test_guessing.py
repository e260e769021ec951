"""Guess first, and what an exercise reveals."""

import doctest
import itertools
import math
import re
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest

import minisnn as ms
from minisnn.course import answer, exercises, guess, guessing, sliders


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No guess and no solved exercise before a test, nor after it."""
    monkeypatch.setattr(guessing, "_guesses", {})
    monkeypatch.setattr(exercises, "_solved", set())


@pytest.mark.parametrize("nothing", [..., None])
def test_without_a_guess_nothing_is_said(capsys, nothing):
    guess("04.a", nothing)
    assert capsys.readouterr().out == ""
    answer("04.a", 0.25)
    assert capsys.readouterr().out == "04.a: 0.25\n"


def test_a_guess_stands_beside_the_answer(capsys):
    guess("04.a", 1e-4)
    guess("04.b", 7)
    assert "1e-4" in capsys.readouterr().out
    answer("04.a", 3.2e-5)
    assert capsys.readouterr().out == "04.a: your guess 1e-4, measured 3.2e-5: off by a factor of 3.1\n"
    answer("04.b", 7)
    assert capsys.readouterr().out == "04.b: your guess 7, measured 7: exactly\n"


def test_a_guess_can_be_changed_and_withdrawn(capsys):
    guess("04.a", 1)
    guess("04.a", 2)
    answer("04.a", 8)
    assert "guess 2, measured 8: off by a factor of 4" in capsys.readouterr().out
    guess("04.a", ...)
    answer("04.a", 8)
    assert capsys.readouterr().out == "04.a: 8\n"


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3), np.int64(3), Fraction(3), "3"], ids=repr)
def test_what_is_a_number(capsys, value):
    guess("04.a", value)
    answer("04.a", value)
    assert capsys.readouterr().out.endswith("your guess 3, measured 3: exactly\n")


@pytest.mark.parametrize(
    "value", ["many", [1, 2], {}, math.nan, -math.inf, 1j, 10**400], ids=lambda x: type(x).__name__
)
def test_what_is_none(value):
    with pytest.raises(ValueError, match=re.escape(f"a guess is one number, or ... for none; got {value!r}")):
        guess("04.a", value)
    with pytest.raises(ValueError, match=re.escape(f"an answer is one number; got {value!r}")):
        answer("04.a", value)


NUMBERS = (-1e300, -2.5, -1e-5, 0.0, 1e-300, 1e-5, 0.1, 1 / 3, 2, 1797, 123456.7, 1e300)


@pytest.mark.parametrize("guessed, measured", list(itertools.product(NUMBERS, NUMBERS)))
def test_how_far_off(guessed, measured):
    """A factor where both have one sign, in either direction the same; else the difference."""
    said = guessing._off(guessed, measured)
    assert said == guessing._off(measured, guessed)
    if guessed == measured:
        assert said == "exactly"
    elif guessed * measured > 0 and 0 < guessed / measured < math.inf:
        factor = float(said.removeprefix("off by a factor of "))
        assert math.isclose(factor, max(guessed / measured, measured / guessed), rel_tol=0.06)
    else:
        assert math.isclose(float(said.removeprefix("off by ")), abs(guessed - measured), rel_tol=0.01)


@pytest.mark.parametrize("percent", [0.2, 2, 9])
def test_near(percent):
    said = guessing._off(100.0, 100.0 + percent)
    assert said == f"within {max(percent, 1)} %"


@pytest.mark.parametrize("number", [*NUMBERS, 0.001, 0.00099999, 0.02, -100, 1e-10, 1e10, 999999.5])
def test_numbers_are_written_short(number):
    text = guessing._format(number)
    assert math.isclose(float(text), number, rel_tol=6e-3)
    assert len(text) <= 9 and not re.search(r"e\+|e-?0|\.0*e|\.\d*0$", text)


def test_reveal_waits_for_the_exercise(capsys):
    """Neither a wrong answer nor another exercise opens it; the right answer does, and so does asking."""
    name, text = "04.3", "the diff"
    calls = []

    def show():
        calls.append(1)
        return text

    exercises.check(name, 1024)
    exercises._solved.add("04.4")
    exercises.reveal(name, text)
    exercises.reveal(name, show)
    assert not calls
    out = capsys.readouterr().out
    assert text not in out and out.count(f"{name}: shown once the exercise is right, or with reveal=True\n") == 2
    exercises.reveal(name, show, reveal=True)
    assert capsys.readouterr().out == f"{text}\n"
    assert exercises.check(name, math.comb(10, 4))
    exercises.reveal(name, text)
    exercises.reveal(name, show)
    assert capsys.readouterr().out == 2 * f"{text}\n"
    exercises.reveal(name, lambda: None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("module", [guessing, sliders], ids=lambda module: module.__name__)
def test_examples_run(module):
    result = doctest.testmod(module)
    plt.close("all")
    assert result.attempted and not result.failed


def test_reveal_of_no_exercise():
    with pytest.raises(ValueError, match=r"no exercise '04\.99'"):
        ms.exercises.reveal("04.99", "text", reveal=True)
