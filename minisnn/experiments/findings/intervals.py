"""Means over seeds and how certain they are: t-intervals of values and of paired differences.

Networks with the same seed start equal and see equal data, so their difference is free of what a seed does to both.
With n seeds, mean ± t s / √n covers the true mean in 95 of 100 experiments, if the values are about normal; s is their
standard deviation and t the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean with the half width of its interval, and the number n of values."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    @property
    def verdict(self) -> str:
        """The sign of the mean, if 0 is not in the interval: "higher" or "lower"; else "undecided"."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "undecided"


def mean_interval(values, level: float = 0.95) -> Interval:
    """Compute the t-interval of a mean.

    Parameters
    ----------
    values : sequence of float
        At least two, one per seed.
    level : float
        How often such intervals cover the true mean, in (0, 1).

    Raises
    ------
    ValueError
        If there are fewer than two values, or one is not finite.
    ImportError
        If SciPy is missing: `pip install "minisnn[tutorials]"`.
    """
    from scipy.stats import t

    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"an interval needs two or more finite values, one per seed, got {values}")
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), e.g. 0.95, got {level!r}")
    n = len(values)
    half_width = t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return Interval(float(values.mean()), float(half_width), n)


def paired_difference(first, second, level: float = 0.95) -> Interval:
    """Compute the t-interval of the mean of first - second, paired seed by seed.

    Raises
    ------
    ValueError
        If they don't have equally many values; otherwise as in `mean_interval`.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise ValueError(f"pairs need equal numbers of seeds, got {first.shape} and {second.shape}")
    return mean_interval(first - second, level)
