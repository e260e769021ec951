"""Delayed match to sample: a task in which memory must bridge a known number of steps."""

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split

FIRST_ONSET = 2
CUE_STEPS = 4


def delayed_match(
    lag: int = 30, cues: int = 4, distractors: int = 0, n_train: int = 3000, n_test: int = 500, seed: int = 0
) -> Dataset[Split]:
    """Draw a delayed-match task: say whether the second cue, `lag` steps after the first, is as high as the first.

    =====================  ======================================================
    steps                  input
    =====================  ======================================================
    0, 1                   silence (0)
    2 .. 5                 the first cue: its height, constant for 4 steps
    6 .. lag + 1           silence, or distractors
    lag + 2 .. lag + 5     the second cue
    lag + 6 .. lag + 9     silence
    =====================  ======================================================

    The class is 1 if the two heights are equal, else 0. Each split is balanced: half of it matches, and within each
    class all heights are equally frequent as first cue and as second cue, or as nearly as the numbers allow. So neither
    cue alone tells anything about the class, nor do the distractors.

    Parameters
    ----------
    lag : int
        Steps from the onset of the first cue to that of the second; at least 4, the length of a cue.
    cues : int
        The number of heights, at least 2: 1/cues, 2/cues, .., 1.
    distractors : int
        Number of cues without meaning, each 4 steps long and of one of the same heights at random. They lie at random
        places between the two cues, with at least one silent step before and after; lag >= 5 * distractors + 5.
    n_train, n_test : int
        Number of sequences, at least 2; `n_test` is that of validation and that of test. The three splits are drawn
        independently, so the test split does not depend on `n_train`.
    seed : int
        Seed of the random draws; at least 0. It is kept in `record`.

    Returns
    -------
    Dataset
        x (B, lag + 10, 1) float32 in [0, 1], y (B,) 0 or 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the distractors don't fit.

    Notes
    -----
    Plain recall (how high was the cue?) needs no memory where the readout sums over time: the cue leaves its mark in
    the sum when it is seen. Here the sum holds the marks of both cues, g(first) + g(second), with any g that a network
    without memory makes of a cue; the class is 1 if the sum is positive. For a match it is 2 g(first). So to recognise
    all matches, g must be positive for all heights, and then all other pairs are taken for matches too. For an even
    number c of cues, such a network is right in at most 1/2 + c / (8 (c - 1)) of the sequences: in 2/3 for 4 cues, with
    g positive for half of the heights. Guessing gives 1/2.

    Examples
    --------
    >>> data = ms.datasets.delayed_match(lag=30, distractors=2, n_train=40, n_test=20)
    >>> data.train.x.shape, data.test.x.shape
    ((40, 40, 1), (20, 40, 1))
    >>> int(data.train.y.sum())  # half of them match
    20
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
    """Draw a split of n sequences, in random order."""
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
    """Return the levels (0 .. cues - 1) of first and second cue, (n, 2): balanced, with the matching pairs last.

    The other pairs come in groups of `cues`: within a group each level is once the first and once the second cue, and
    the distance between the two is constant; it differs from one group to the next.
    """
    n_match = n // 2
    i = np.arange(n - n_match)
    first = i % cues
    second = (first + 1 + i // cues % (cues - 1)) % cues
    equal = np.arange(n_match) % cues
    return np.stack([np.concatenate([first, equal]), np.concatenate([second, equal])], axis=1)


def _distractor_onsets(n: int, lag: int, distractors: int, rng: np.random.Generator) -> np.ndarray:
    """Draw where distractors start, (n, distractors), ascending; all arrangements are equally likely.

    A distractor and the silent step after it are one block, so the lag - 5 steps from the second after the first cue up
    to the second cue hold blocks and free steps in any order: of these `places`, draw those that are blocks. Each
    earlier block shifts a block by another 4 steps.
    """
    if distractors == 0:
        return np.empty((n, 0), int)
    places = lag - 5 - CUE_STEPS * distractors
    chosen = np.sort(rng.random((n, places)).argsort(axis=1)[:, :distractors], axis=1)
    return FIRST_ONSET + CUE_STEPS + 1 + chosen + CUE_STEPS * np.arange(distractors)
