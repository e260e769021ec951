"""What tables, claims and figures share: the numbers of the findings, made from stored rows."""

import numpy as np

from minisnn.analysis.robustness import Robustness
from minisnn.experiments import recipes
from minisnn.experiments.findings.intervals import Interval, mean_interval
from minisnn.experiments.findings.results import by_seed, read
from minisnn.experiments.findings.tasks import LEVELS, Task

LAGS = {"psdigits": (8, 16, 32, 63), "match": (5, 15, 30, 39), "psmnist14": (10, 20, 50, 195)}
"""Steps back at which gradients are reported, by task; the claims are about the last but one."""


def signed(interval: Interval, digits: int = 1) -> str:
    return f"{interval.mean:+.{digits}f} ± {interval.half_width:.{digits}f}"


def guesses(results, name: str, task: Task) -> bool:
    """Check whether the RSNN is no better than guessing: then noise has nothing to take from it."""
    interval = mean_interval(by_seed(read(results, name, "accuracy"), "test_accuracy", network=task.baseline))
    return interval.low <= 1 / recipes.n_classes(recipes.RECIPES[task.recipe]) <= interval.high


def area(rows: list[dict], network: str, noise: str) -> np.ndarray:
    """Compute the area under a network's accuracy over the levels of a noise, by their range: %, one per seed."""
    values = [by_seed(rows, "accuracy", network=network, noise=noise, level=level) for level in LEVELS[noise]]
    return 100 * Robustness(noise, np.array(LEVELS[noise], float), np.array(values).T).area


def kept(rows, network: str, noise: str) -> np.ndarray:
    """Compute the area relative to the accuracy without noise: %, one per seed."""
    return 100 * area(rows, network, noise) / (100 * by_seed(rows, "accuracy", network=network, noise=noise, level=0))


def robust_gains(rows: list[dict], network: str, other: str) -> tuple[Interval, Interval]:
    """Compute by how many % a network's accuracy under noise exceeds another's, the mean over all kinds of noise.

    The second interval is the same for accuracies relative to each network's own without noise.
    """
    ratios = [
        [measure(rows, network, noise) / measure(rows, other, noise) for noise in LEVELS] for measure in (area, kept)
    ]
    gain, own = (mean_interval(100 * (np.mean(ratio, axis=0) - 1)) for ratio in ratios)
    return gain, own
