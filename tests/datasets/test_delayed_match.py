"""Delayed match: the arrangement in time, the balance, and what can't be told without memory."""

import itertools
import json

import numpy as np
import pytest

import minisnn as ms
from minisnn.datasets import delayed_match

SPLITS = ("train", "validation", "test")
VARIANTS = [
    {},
    {"lag": 4, "cues": 2, "n_train": 301, "n_test": 50},
    {"lag": 7, "cues": 3, "n_train": 97, "n_test": 2},
    {"lag": 10, "cues": 3, "distractors": 1, "n_train": 120, "n_test": 31},
    {"lag": 41, "cues": 5, "distractors": 3, "n_train": 413, "n_test": 60, "seed": 7},
]


def heights(split, lag) -> tuple[np.ndarray, np.ndarray]:
    """The heights of first and second cue, from the steps in which they must be."""
    return split.x[:, 2, 0], split.x[:, lag + 2, 0]


@pytest.mark.parametrize("options", VARIANTS)
def test_shapes_and_types(options):
    data = delayed_match(**options)
    n_test = options.get("n_test", 500)
    for name, n in zip(SPLITS, (options.get("n_train", 3000), n_test, n_test)):
        split = getattr(data, name)
        assert split.x.shape == (n, options.get("lag", 30) + 10, 1)
        assert split.x.dtype == np.float32
        assert split.y.shape == (n,)
        assert split.y.dtype == np.int64
        assert split.lengths is None
        assert not split.x.flags.writeable
    assert (data.n_in, data.n_classes) == (1, 2)


@pytest.mark.parametrize("options", VARIANTS)
def test_cues_and_silence(options):
    """Two cues of 4 steps, `lag` steps apart, one of the heights each; silence around; the class says if they match."""
    lag, cues = options.get("lag", 30), options.get("cues", 4)
    data = delayed_match(**options)
    for name in SPLITS:
        split = getattr(data, name)
        first, second = heights(split, lag)
        for onset, height in ((2, first), (lag + 2, second)):
            np.testing.assert_array_equal(split.x[:, onset : onset + 4, 0], np.repeat(height[:, np.newaxis], 4, axis=1))
            assert np.isin(height, np.float32(np.arange(1, cues + 1) / cues)).all()
        assert not split.x[:, :2].any()
        assert not split.x[:, lag + 6 :].any()
        between = split.x[:, 6 : lag + 2]
        assert between.any() == ("distractors" in options)
        np.testing.assert_array_equal(split.y, first == second)


@pytest.mark.parametrize("options", VARIANTS)
def test_balance(options):
    """Half of each split matches; in each class, all heights are equally frequent, as first and as second cue."""
    lag, cues = options.get("lag", 30), options.get("cues", 4)
    data = delayed_match(**options)
    for name in SPLITS:
        split = getattr(data, name)
        assert abs(2 * split.y.sum() - len(split)) <= 1
        for label, cue in itertools.product((0, 1), heights(split, lag)):
            counts = np.bincount(np.rint(cue[split.y == label] * cues).astype(int), minlength=cues + 1)[1:]
            assert np.ptp(counts) <= 1


def test_all_pairs_occur_equally():
    """480 sequences of 5 heights: each of the 5 pairs that match 48 times, each of the 20 others 12 times."""
    split = delayed_match(cues=5, n_train=480).train
    first, second = (np.rint(5 * h).astype(int) - 1 for h in heights(split, 30))
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (first, second), 1)
    np.testing.assert_array_equal(counts, np.where(np.eye(5), 48, 12))


def test_order_is_random():
    """Neither class nor height follows the place in the split."""
    split = delayed_match().train
    for values in (split.y, split.x[:, 2, 0]):
        assert abs(np.corrcoef(values, np.arange(3000))[0, 1]) < 0.06
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.06


def runs(signal) -> list[tuple[int, int, float]]:
    """(onset, steps, height) of each stretch of a signal that is not 0."""
    edges = np.flatnonzero(np.diff(signal, prepend=0, append=0))
    return [(a, b - a, signal[a]) for a, b in itertools.pairwise(edges) if signal[a]]


@pytest.mark.parametrize("lag, distractors", [(10, 1), (15, 2), (41, 3), (33, 1)])
def test_distractors(lag, distractors):
    """So many stretches of 4 steps between the cues, set apart by silence; all heights, all places."""
    split = delayed_match(lag=lag, distractors=distractors, n_train=600, n_test=2, seed=1).train
    found = [runs(x[:, 0]) for x in split.x]
    assert all(len(stretches) == 2 + distractors for stretches in found)
    middle = np.array([stretches[1:-1] for stretches in found])
    assert (middle[:, :, 1] == 4).all()
    assert middle[:, :, 0].min() == 7
    assert middle[:, :, 0].max() == lag - 3
    if distractors == 1:
        assert set(middle[:, 0, 0]) == set(range(7, lag - 2))
    counts = np.unique(middle[:, :, 2], return_counts=True)
    np.testing.assert_array_equal(counts[0], [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(counts[1], 150 * distractors, rtol=0.25)


def test_distractor_places_are_equally_likely():
    """Two distractors and two free steps between cues 17 steps apart: 6 arrangements."""
    split = delayed_match(lag=17, distractors=2, n_train=3000, n_test=2).train
    onsets = [tuple(onset for onset, _, _ in runs(x[:, 0])[1:-1]) for x in split.x]
    arrangements, counts = np.unique(onsets, axis=0, return_counts=True)
    assert arrangements.tolist() == [[7, 12], [7, 13], [7, 14], [8, 13], [8, 14], [9, 14]]
    np.testing.assert_allclose(counts, 500, rtol=0.2)


def test_distractors_say_nothing():
    """Their sum has the same mean in both classes, and for each height of a cue."""
    split = delayed_match(lag=30, distractors=3, n_train=6000).train
    total = split.x[:, 6:32, 0].sum(axis=1)
    for values in (split.y, *heights(split, 30)):
        assert abs(np.corrcoef(total, values)[0, 1]) < 0.04


@pytest.mark.parametrize("cues", [2, 4, 6])
def test_best_accuracy_without_memory(cues, rng):
    """A network without memory answers by the sign of g(first) + g(second): none is better than the docstring says."""
    split = delayed_match(cues=cues, n_train=60 * cues * (cues - 1)).train
    first, second = (np.rint(cues * h).astype(int) - 1 for h in heights(split, 30))

    def accuracy(g) -> float:
        return np.mean((g[first] + g[second] > 0) == split.y)

    best = 1 / 2 + cues / (8 * (cues - 1))
    half = np.where(np.arange(cues) < cues / 2, 1.0, -2.0)
    assert accuracy(half) == pytest.approx(best, abs=1e-12)
    assert max(accuracy(g) for g in rng.standard_normal((400, cues))) <= best + 1e-12


def test_seeds_and_splits_are_independent():
    """The number of training sequences does not change the others; seeds and splits differ."""
    data, fewer, other = delayed_match(), delayed_match(n_train=64), delayed_match(seed=1)
    for name in SPLITS[1:]:
        np.testing.assert_array_equal(getattr(data, name).x, getattr(fewer, name).x)
        assert not np.array_equal(getattr(data, name).x, getattr(other, name).x)
    assert not np.array_equal(data.train.x, other.train.x)
    assert not np.array_equal(data.validation.x, data.test.x)
    assert not np.array_equal(data.train.x[:500], data.test.x)


def test_record_makes_the_data_again():
    data = delayed_match(lag=np.int64(16), cues=3, distractors=2, n_train=40, n_test=12, seed=5)
    record = json.loads(json.dumps(data.record))
    assert record == data.record
    assert record.pop("name") == "delayed_match"
    again = ms.datasets.delayed_match(**record)
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(again, name).x, getattr(data, name).x)
        np.testing.assert_array_equal(getattr(again, name).y, getattr(data, name).y)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"lag": 3}, ValueError, "lag must be at least 4, got 3"),
        ({"lag": 30.0}, TypeError, "lag must be an integer"),
        ({"cues": 1}, ValueError, "cues must be at least 2, got 1"),
        ({"distractors": -1}, ValueError, "distractors must be at least 0"),
        ({"lag": 9, "distractors": 1}, ValueError, r"1 distractors don't fit .* 9 steps apart; lag .* = 10"),
        ({"distractors": 6}, ValueError, r"6 distractors don't fit between cues 30 steps apart; lag .* = 35"),
        ({"n_train": 1}, ValueError, "n_train must be at least 2"),
        ({"n_test": 0}, ValueError, "n_test must be at least 2"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": True}, TypeError, "seed must be an integer"),
    ],
)
def test_errors(options, error, words):
    with pytest.raises(error, match=words):
        delayed_match(**options)
