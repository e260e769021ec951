"""The exercises of tutorial 08: right answers pass, typical wrong ones fail with the sentence that belongs to them."""

import numpy as np
import pytest

from minisnn.course import exercises
from minisnn.course.exercises import _08


def verdict(name, answer, says=None):
    """Whether the answer passes; a wrong one must say so in these words."""
    result = exercises.check(name, answer)
    if says is not None:
        assert says in result.text, result.text
    return bool(result)


def test_there_are_five_exercises_with_hints():
    assert list(_08.EXERCISES) == [f"08.{i}" for i in range(1, 6)]
    assert all(exercise.hints for exercise in _08.EXERCISES.values())
    assert all("no answer yet" in exercises.check(name, ...).text for name in _08.EXERCISES)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (0.625, "equally far apart"),
        (0.295, "range of levels"),
        (0.59 / 0.9, "what is kept"),
        (59, "in per cent"),
        (0.7, "left end"),
        (0.48, "right end"),
        (0.6, "too high"),
        ([0.59], "one number"),
    ],
)
def test_area(wrong, says):
    assert verdict("08.1", 0.59) and verdict("08.1", np.float64(0.59))
    assert not verdict("08.1", wrong, says)


def half_way_by_interp(levels, accuracies, guess):
    """Another right one: along the lowest value so far, which falls."""
    target = (accuracies[0] + guess) / 2
    if accuracies.min() > target:
        return np.inf
    end = int(np.argmax(accuracies <= target))
    return np.interp(-target, -accuracies[end - 1 : end + 1], levels[end - 1 : end + 1])


def last_crossing(levels, accuracies, guess):
    target = (accuracies[0] + guess) / 2
    for i in range(len(levels) - 1, 0, -1):
        if accuracies[i] <= target < accuracies[i - 1]:
            return np.interp(-target, -accuracies[i - 1 : i + 1], levels[i - 1 : i + 1])
    return np.inf


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda levels, a, guess: _08.half_way(levels, a, 0.0), "half of the accuracy"),
        (lambda levels, a, guess: levels[np.argmax(a <= (a[0] + guess) / 2)], "one of the levels"),
        (last_crossing, "falls, rises"),
        (
            lambda levels, a, guess: _08.half_way(levels, [max(a), *a[1:]], guess),
            "for a curve that rises before it falls",
        ),
        (lambda levels, a, guess: min(_08.half_way(levels, a, guess), levels[-1]), "must return np.inf"),
        (lambda levels, a, guess: None, "returns nothing yet"),
        (lambda levels, a, guess: a[9], "raised IndexError"),
        (0.2, "a function"),
    ],
)
def test_half_way(wrong, says):
    assert verdict("08.2", _08.half_way) and verdict("08.2", half_way_by_interp)
    assert not verdict("08.2", wrong, says)


def test_half_way_in_a_container():
    assert verdict("08.2", lambda levels, a, guess: np.array(_08.half_way(levels, a, guess)))


def cut_down(x, level, rng):
    """As it should be, but for `int` in place of `round`."""
    return _08.burst(x, int(level * x.shape[1] + 1e-9) / x.shape[1], rng)


def fixed_generator(x, level, rng):
    return _08.burst(x, level, np.random.default_rng(0))


def at_the_start(x, level, rng):
    kept = x.copy()
    kept[:, : round(level * x.shape[1])] = 0
    return kept


def in_place(x, level, rng):
    lost = _08.burst(x, level, rng)
    x[...] = lost
    return lost


def single_steps(x, level, rng):
    order = rng.random(x.shape[:2]).argsort(axis=1).argsort(axis=1)
    return x * (order >= round(level * x.shape[1]))[:, :, np.newaxis]


def by_chance(x, level, rng):
    return x * (rng.random(x.shape[:2]) >= level)[:, :, np.newaxis]


def anywhere(x, level, rng):
    """As it should be, but the place is drawn anew at each level."""
    skipped = rng.random(round(97 * level))
    return _08.burst(x, level, rng) if len(skipped) else x.copy()


def first_input_alone(x, level, rng):
    kept = x.copy()
    kept[:, :, 0] = _08.burst(x, level, rng)[:, :, 0]
    return kept


def one_place(x, level, rng):
    return np.where(_08.burst(x[:1], level, rng) == 0, 0, x)


def own_generator(x, level, rng):
    return _08.burst(x, level, np.random.default_rng())


def early(x, level, rng):
    """Begins in the first half of its places; still nested."""

    class Half:
        def random(self, n):
            return rng.random(n) / 2

    return _08.burst(x, level, Half())


def halved(x, level, rng):
    return (x + _08.burst(x, level, rng)) / 2


@pytest.mark.parametrize(
    "wrong, says",
    [
        (at_the_start, "drawn for each sequence"),
        (fixed_generator, "draw from `rng`"),
        (cut_down, "are to be lost, got"),
        (one_place, "drawn for each sequence"),
        (in_place, "changed x itself"),
        (single_steps, "one run"),
        (by_chance, "are to be lost, got"),
        (anywhere, "there again"),
        (first_input_alone, "lost in all inputs"),
        (early, "does not come to all"),
        (halved, "0 or what it was"),
        (lambda x, level, rng: x[:, round(level * x.shape[1]) :], "of the shape of x"),
        (lambda x, level, rng: _08.burst(x, level / 2, rng), "are to be lost, got"),
        (lambda x, level, rng: x[99], "raised IndexError"),
        (0, "a function"),
    ],
)
def test_burst(wrong, says):
    assert verdict("08.3", _08.burst)
    assert not verdict("08.3", wrong, says)


def test_burst_from_another_generator():
    """Caught either as not nested or as not repeatable."""
    assert not verdict("08.3", own_generator)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ("acd", "i: the sensor"),
        ("ccd", "i: an inaccurate"),
        ("dcd", "i: the levels"),
        ("bbd", "ii: the area"),
        ("bcb", "iii: the area"),
        ("bcc", "iii: that is a share"),
        ("bc", "three letters"),
        ("bce", "three letters"),
        (7, "three letters"),
    ],
)
def test_measures(wrong, says):
    assert verdict("08.4", "bcd") and verdict("08.4", "B, C, D") and verdict("08.4", ["b", "c", "d"])
    assert not verdict("08.4", wrong, says)


def made_up(crossing: bool) -> dict:
    """Two networks and ten units: A is better without noise, and worse at level 0.5 if they cross."""
    noise = 0.001 * np.arange(10)
    end = 0.4 if crossing else 0.6
    return {
        ("A", "gaussian", 0): 0.9 + noise,
        ("A", "gaussian", 0.5): end + noise,
        ("B", "gaussian", 0): 0.8 - noise,
        ("B", "gaussian", 0.5): 0.5 - noise,
    }


def test_reversal_in_made_up_results(monkeypatch):
    monkeypatch.setattr(_08, "stored", lambda: {"one": made_up(True), "other": made_up(False)})
    assert _08.reversals() == [("one", "gaussian", 0.5, "A", "B")]
    assert verdict("08.5", ("one", "gaussian", 0.5, "A", "B"))
    assert not verdict("08.5", ("one", "gaussian", 0.5, "B", "A"), "name first")
    assert not verdict("08.5", ("other", "gaussian", 0.5, "A", "B"), "+10.9 points without noise, +10.9 under it")
    assert not verdict("08.5", ("one", "gaussian", 0, "A", "B"), "no noise")
    assert not verdict("08.5", ("one", "dropped", 0.5, "A", "B"), "nothing is stored")
    assert not verdict("08.5", ("third", "gaussian", 0.5, "A", "B"), "the tasks with stored results are one, other")
    assert not verdict("08.5", "none", "1 of them")
    assert not verdict("08.5", 3, "the answer is")
    monkeypatch.setattr(_08, "stored", lambda: {"other": made_up(False)})
    assert verdict("08.5", "none")


def test_reversal_in_the_stored_results():
    """Whatever they hold: what the search finds passes, or else "none" does."""
    found = _08.reversals()
    for answer in found:
        assert verdict("08.5", answer)
    assert verdict("08.5", "none") == (not found)
