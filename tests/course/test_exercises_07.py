"""The exercises of tutorial 07: right answers pass, typical wrong ones get the sentence that is meant for them."""

import numpy as np
import pytest
from scipy.stats import t as student

from minisnn.course.exercises import check, hint
from minisnn.experiments.findings import MAIN, by_unit, paired_difference


def told(name, answer) -> str:
    """What is said to a wrong answer."""
    verdict = check(name, answer)
    assert not verdict
    return verdict.text


@pytest.mark.parametrize("name", [f"07.{i}" for i in range(1, 6)])
def test_every_exercise_waits_and_has_hints(name):
    assert "no answer yet" in told(name, ...)
    assert hint(name) != hint(name, 2)
    for odd in ("a", [1, 2], {}, lambda *a: None, lambda: 1, lambda *a: "b", lambda *a: (1, "b"), np.nan, 1j):
        assert told(name, odd)


def test_half_width():
    assert check("07.1", 4.303 * 3 / 3**0.5) and check("07.1", 7.45)
    assert "whole width" in told("07.1", 14.906)
    assert "single seed" in told("07.1", 12.909)
    assert "n - 1" in told("07.1", 4.303 * 6**0.5 / 3**0.5)
    assert "variance" in told("07.1", 4.303 * 9 / 3**0.5)
    assert "√n" in told("07.1", 4.303)
    assert "1.96" in told("07.1", 1.96 * 3**0.5)
    assert "t is missing" in told("07.1", 3**0.5)


def paired(first, second, t):
    d = np.asarray(first) - np.asarray(second)
    return d.mean(), t * d.std(ddof=1) / np.sqrt(len(d))


def half(factor):
    """A paired difference with another half width."""

    def answer(first, second, t):
        d = np.asarray(first) - np.asarray(second)
        return d.mean(), factor(d, np.asarray(first), np.asarray(second), t)

    return answer


def test_paired():
    assert check("07.2", paired)
    assert check("07.2", lambda *args: np.array(paired(*args)))
    assert "first minus second" in told("07.2", lambda a, b, t: paired(b, a, t))
    assert "two numbers" in told("07.2", lambda a, b, t: [*paired(a, b, t), t])
    assert "mean of first - second is" in told("07.2", lambda a, b, t: (0.0, 1.0))
    unpaired = half(lambda d, a, b, t: t * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a)))
    assert "unpaired" in told("07.2", unpaired)
    assert "ddof" in told("07.2", half(lambda d, a, b, t: t * d.std() / np.sqrt(len(d))))
    assert "lacks 1/√n" in told("07.2", half(lambda d, a, b, t: t * d.std(ddof=1)))
    assert "not by n" in told("07.2", half(lambda d, a, b, t: t * d.std(ddof=1) / len(d)))
    assert "lacks t" in told("07.2", half(lambda d, a, b, t: d.std(ddof=1) / np.sqrt(len(d))))
    assert "whole width" in told("07.2", half(lambda d, a, b, t: 2 * t * d.std(ddof=1) / np.sqrt(len(d))))
    assert "handed in" in told("07.2", half(lambda d, a, b, t: 1.96 * d.std(ddof=1) / np.sqrt(len(d))))
    assert "half width is" in told("07.2", half(lambda d, a, b, t: 0.0))
    exact = half(lambda d, a, b, t: student.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    assert "though it is rounded" in told("07.2", exact)
    assert "raised TypeError" in told("07.2", lambda a, b, t: (a - b, t))


def test_seeds_needed():
    assert check("07.3", 25)
    assert all("round up" in told("07.3", n) for n in (24, 24.5, 24.7, (2.84 * 1.75) ** 2))
    assert "half of the experiments" in told("07.3", 13)
    assert "squared" in told("07.3", 14)
    assert "changed places" in told("07.3", 3)
    assert "left out" in told("07.3", 98)
    assert "too low" in told("07.3", 10)


def test_warranted():
    assert check("07.4", "c") and check("07.4", " C ")
    assert "none" in told("07.4", "a")
    assert "procedure" in told("07.4", "b")
    assert "middle moves" in told("07.4", "d")
    assert "one of a, b, c, d" in told("07.4", "e")


def claim(first="SRC", second="RSNN", points=3.0, scale=100, read=by_unit):
    def decide(rows):
        difference = paired_difference(*(scale * read(rows, "test_accuracy", network=n) for n in (first, second)))
        verdict = "yes" if difference.low > points else "no" if difference.high < points else "undecided"
        return first, second, points, verdict

    return decide


@pytest.mark.parametrize("first, second, points", [("SRC", "RSNN", 3.0), ("feedforward", "transplanted spans", 0)])
def test_any_claim_can_be_made(first, second, points):
    assert check("07.5", claim(first, second, points))


def test_a_claim_is_decided_for_every_pair():
    assert all(check("07.5", claim(MAIN[i], MAIN[i - 1], points=i / 2)) for i in range(len(MAIN)))


def run_by_run(rows, column, network):
    return np.array([row[column] for row in rows if row["network"] == network])


def mean_alone(rows):
    ours, theirs = (100 * by_unit(rows, "test_accuracy", network=n).mean() for n in ("SRC", "RSNN"))
    return "SRC", "RSNN", 3.0, "yes" if ours - theirs > 3 else "no"


def moving_claim(rows):
    lead = by_unit(rows, "test_accuracy", network="SRC") - by_unit(rows, "test_accuracy", network="RSNN")
    return "SRC", "RSNN", max(0.0, 100 * lead.mean() - 5), "yes"


def test_slips_of_a_claim():
    assert "mean alone" in told("07.5", mean_alone)
    assert "A unit is a speaker" in told("07.5", claim(read=run_by_run))
    assert "stored as shares" in told("07.5", claim(scale=1))

    def yes_or_no(rows):
        first, second, points, verdict = claim()(rows)
        return first, second, points, "no" if verdict == "undecided" else verdict

    def no_if_below_0(rows):
        first, second, points, verdict = claim()(rows)
        ours, theirs = (100 * by_unit(rows, "test_accuracy", network=n) for n in (first, second))
        below = paired_difference(ours, theirs).high < 0
        return first, second, points, "undecided" if verdict == "no" and not below else verdict

    def too_narrow(rows):
        first, second, points, _ = claim()(rows)
        d = 100 * (by_unit(rows, "test_accuracy", network=first) - by_unit(rows, "test_accuracy", network=second))
        half = 1.9 * d.std(ddof=1) / np.sqrt(len(d))
        verdict = "yes" if d.mean() - half > points else "no" if d.mean() + half < points else "undecided"
        return first, second, points, verdict

    assert "t is 3.18" in told("07.5", too_narrow)
    assert "write 2, not 0.02" in told("07.5", claim(scale=1, points=0.02))
    assert "no network 'Src'" in told("07.5", lambda rows: ("Src", "RSNN", 3.0, "no"))
    assert "raised ValueError" in told("07.5", claim(first="Src"))
    assert "three verdicts" in told("07.5", yes_or_no)
    assert "whether or not below 0" in told("07.5", no_if_below_0)

    def on_validation(rows, column, network):
        return by_unit(rows, "validation_accuracy", network=network)

    assert "Do you read test_accuracy?" in told("07.5", claim(read=on_validation))
    assert "the claim changes" in told("07.5", moving_claim)
    assert "You said yes" in told("07.5", lambda rows: ("SRC", "RSNN", 3, "yes"))
    assert '"yes", "no" or "undecided"' in told("07.5", lambda rows: ("SRC", "RSNN", 3, "maybe"))
    assert "no network 'SRC λ=8'" in told("07.5", lambda rows: ("SRC λ=8", "RSNN", 3, "yes"))
    assert "name two" in told("07.5", lambda rows: ("RSNN", "RSNN", 3, "no"))
    assert "from 0 up" in told("07.5", lambda rows: ("SRC", "RSNN", -1, "yes"))
    assert "return four things" in told("07.5", lambda rows: "yes")
