"""The numbers of the findings, made from stored rows: one per unit."""

import numpy as np

from minisnn.analysis.robustness import Robustness
from minisnn.experiments import recipes
from minisnn.experiments.findings.experiments import decided_after
from minisnn.experiments.findings.intervals import Interval, mean_interval
from minisnn.experiments.findings.results import by_unit, read, validation_means
from minisnn.experiments.findings.tasks import LEVELS, RNNS, TASKS

SILENT = 1e-300  # stands for a gradient of 0 in logarithms


def signed(interval: Interval, digits: int = 1) -> str:
    """Write an interval as mean ± half width."""
    return f"{interval.mean:+.{digits}f} ± {interval.half_width:.{digits}f}"


def rival(results, name: str) -> str:
    """Return the RSNN with the best mean validation accuracy in tuning."""
    means = validation_means(results, name)
    return max(RNNS, key=lambda family: means[family].max())


def test_accuracy(results, name: str, network: str) -> np.ndarray:
    """Return the test accuracy of a network, %."""
    return 100 * by_unit(read(results, name, "accuracy"), "test_accuracy", network=network)


def chance(name: str) -> float:
    """Return the accuracy of guessing on a task, in per cent."""
    return 100 / recipes.n_classes(recipes.RECIPES[TASKS[name].recipe])


def guesses(results, name: str, network: str) -> bool:
    """Check whether a network is no better than guessing: then noise has nothing to take from it."""
    interval = mean_interval(test_accuracy(results, name, network))
    return interval.low <= chance(name)


def log_far_share(results, name: str, network: str, far: int | None = None) -> np.ndarray:
    """Return log10 of the share of ‖∂L/∂v[t]‖, summed over lags, that comes from more than L steps back.

    L is `far`, or that of the task. NaN for a unit in which no gradient reaches the last hidden layer.
    """
    far = TASKS[name].far if far is None else far
    return _of_curves(results, name, network, lambda curve: _log10(shares_beyond(curve)[far]))


def shares_beyond(curves: np.ndarray) -> np.ndarray:
    """Return the share of the sum of a curve over lags, (..., lags), from above lag L, for L = 0 .. lags - 2."""
    tails = np.cumsum(curves[..., :0:-1], axis=-1)[..., ::-1]
    return tails / curves.sum(axis=-1, keepdims=True)


def decades_per_step(results, name: str, network: str) -> np.ndarray:
    """Return the slope of log10 ‖∂L/∂v[t]‖ over all lags, by least squares; NaN as in `log_far_share`."""
    return _of_curves(results, name, network, lambda curve: np.polyfit(np.arange(len(curve)), _log10(curve), 1)[0])


def _of_curves(results, name: str, network: str, measure) -> np.ndarray:
    """Apply a measure to the gradients over lag of each run."""
    rows = []
    for row in read(results, name, "gradients"):
        curve = np.array([value for key, value in row.items() if key.startswith("lag ")], float)
        rows.append({**row, "measure": np.nan if np.isnan(curve).any() else measure(curve)})
    return by_unit(rows, "measure", network=network)


def _log10(values):
    return np.log10(np.maximum(values, SILENT))


def area(rows: list[dict], network: str, noise: str) -> np.ndarray:
    """Compute the area under a network's accuracy over the levels of a noise, by their range: %."""
    of_noise = [row for row in rows if row["noise"] == noise]
    values = [by_unit(of_noise, "accuracy", network=network, level=level) for level in LEVELS[noise]]
    return 100 * Robustness(noise, np.array(LEVELS[noise], float), np.array(values).T).area


def kept(rows: list[dict], network: str, noise: str) -> np.ndarray:
    """Compute the area relative to the accuracy without noise: %."""
    of_noise = [row for row in rows if row["noise"] == noise]
    return area(of_noise, network, noise) / by_unit(of_noise, "accuracy", network=network, level=0)


def kept_under_noise(results, name: str, network: str) -> np.ndarray:
    """Compute the mean of `kept` over all kinds of noise: %."""
    rows = read(results, name, "robustness")
    return np.mean([kept(rows, network, noise) for noise in LEVELS], axis=0)


def updates_until_decided(results, name: str) -> np.ndarray:
    """Return after how many updates each layer had decided for good, (runs, layers); inf: never."""
    runs = {}
    for row in read(results, name, "spans"):
        runs.setdefault((row["unit"], row["seed"]), []).append(row)
    return np.array([decided_after(rows) for rows in runs.values()])
