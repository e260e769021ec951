"""Delayed match to sample: a task in which memory must bridge a known number of steps."""

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split

FIRST_ONSET = 2
CUE_STEPS = 4


def delayed_match(
    lag: int = 30, cues: int = 4, distractors: int = 0, n_train: int = 3000, n_test: int = 500, seed: int = 0
) -> Dataset:
    """Is the second cue, `lag` steps after the first, as high as the first? x (B, lag + 10, 1) float32, y (B,) 0 or 1.

    =====================  ======================================================
    steps                  input
    =====================  ======================================================
    0, 1                   silence (0)
    2 .. 5                 the first cue: its height, constant for 4 steps
    6 .. lag + 1           silence, or distractors
    lag + 2 .. lag + 5     the second cue
    lag + 6 .. lag + 9     silence
    =====================  ======================================================

    Class 1 if the two heights are equal, else 0. Each split is balanced: half of it matches, and within each class all
    heights are equally frequent as first cue and as second cue (where the numbers don't divide, they differ by 1). So
    neither cue alone tells anything about the class, nor do the distractors.

    Parameters
    ----------
    lag : int
        Steps from the onset of the first cue to that of the second; at least 4, the length of a cue.
    cues : int
        The number of heights, at least 2: 1/cues, 2/cues, .. 1.
    distractors : int
        Cues that mean nothing, each 4 steps long: of random heights (the same ones), at random places between the two
        cues, with at least one silent step before and after. Needs lag >= 5 * distractors + 5.
    n_train, n_test : int
        Sequences for training; for validation and again for test. At least 2. The three splits are drawn independently,
        so the test split does not depend on `n_train`.
    seed : int
        Names the draws; it stands in `record`.

    Raises
    ------
    TypeError, ValueError
        If an argument is off, or the distractors don't fit.

    Notes
    -----
    Plain recall (how high was the cue?) needs no memory where the readout sums over time: the cue leaves its mark in
    the sum when it is seen. Here the marks of both cues are in the sum, g(first) + g(second), whatever g a network
    without memory makes of a cue; class 1 if it is positive. For a match that is 2 g(first), so to recognise all
    matches, g must be positive for all heights, and then all other pairs are taken for matches too. Such a network is
    right in at most 1/2 + c / (8 (c - 1)) of the sequences, for an even number c of cues: in 2/3 for 4 of them, where g
    is positive for half of the heights. Guessing gives 1/2.
    """
    lag, cues = validate.integer(lag, "lag", CUE_STEPS), validate.integer(cues, "cues", 2)
    distractors, seed = validate.integer(distractors, "distractors", 0), validate.integer(seed, "seed", 0)
    n_train, n_test = validate.integer(n_train, "n_train", 2), validate.integer(n_test, "n_test", 2)
    if distractors and lag < 5 * distractors + 5:
        raise ValueError(
            f"{distractors} distractors don't fit between cues {lag} steps apart; "
            f"lag must be at least 5 * distractors + 5 = {5 * distractors + 5}"
        )
    splits = [
        _draw(n, lag, cues, distractors, stream(seed, "delayed_match", name))
        for name, n in (("train", n_train), ("validation", n_test), ("test", n_test))
    ]
    numbers = {"lag": lag, "cues": cues, "distractors": distractors, "n_train": n_train, "n_test": n_test}
    return Dataset(*splits, n_classes=2, record={"name": "delayed_match", **numbers, "seed": seed})


def _draw(n: int, lag: int, cues: int, distractors: int, rng: np.random.Generator) -> Split:
    """A split of n sequences, in random order."""
    pairs = _pairs(n, cues)[rng.permutation(n)]
    levels = np.concatenate([pairs, rng.integers(0, cues, (n, distractors))], axis=1)
    onsets = np.empty((n, 2 + distractors), int)
    onsets[:, 0], onsets[:, 1] = FIRST_ONSET, FIRST_ONSET + lag
    onsets[:, 2:] = _distractor_onsets(n, lag, distractors, rng)
    steps = onsets[:, :, np.newaxis] + np.arange(CUE_STEPS)
    x = np.zeros((n, lag + 10, 1), np.float32)
    x[np.arange(n)[:, np.newaxis, np.newaxis], steps, 0] = ((levels + 1) / cues)[:, :, np.newaxis]
    return Split(x, (pairs[:, 0] == pairs[:, 1]).astype(np.int64))


def _pairs(n: int, cues: int) -> np.ndarray:
    """The levels (0 .. cues - 1) of first and second cue, (n, 2): balanced, those that match come last.

    Of those that don't match, `cues` in a row have each level once as first and once as second cue; the distance
    between the two is the same for all of them, and differs from one such row to the next.
    """
    n_match = n // 2
    i = np.arange(n - n_match)
    first = i % cues
    second = (first + 1 + i // cues % (cues - 1)) % cues
    equal = np.arange(n_match) % cues
    return np.stack([np.concatenate([first, equal]), np.concatenate([second, equal])], axis=1)


def _distractor_onsets(n: int, lag: int, distractors: int, rng: np.random.Generator) -> np.ndarray:
    """Where distractors start, (n, distractors), ascending; all arrangements are equally likely.

    A distractor and the silent step after it are one block, so the lag - 5 steps from the second after the first cue up
    to the second cue hold blocks and free steps in any order: of these `places`, draw those that are blocks. Each block
    before moves a block by 4 more.
    """
    if distractors == 0:
        return np.empty((n, 0), int)
    places = lag - 5 - CUE_STEPS * distractors
    chosen = np.sort(rng.random((n, places)).argsort(axis=1)[:, :distractors], axis=1)
    return FIRST_ONSET + CUE_STEPS + 1 + chosen + CUE_STEPS * np.arange(distractors)
