"""The primary claims of `tutorials/findings/PLAN.md`: what is measured of each, and Holm's verdicts over all tasks."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minisnn.experiments.findings import measures
from minisnn.experiments.findings.intervals import Interval, paired_difference
from minisnn.experiments.findings.tasks import TASKS

PAIRS = "claims.csv"  # what the tests compare, beside the stored results
LEVEL = 0.05
MARGIN = 2.0  # points
CEILING = 98.0  # %: two networks above it solve the task


@dataclass(frozen=True)
class Claim:
    """A claim, and the paired difference that supports it if it is above 0.

    Parameters
    ----------
    text : str
        The claim, with its number in the plan.
    measure : callable
        Maps (results, task name, network) to one number per unit.
    ours, other : str
        Networks; "rival" is the best RSNN of the task.
    unit : str
        Of the difference.
    margin : float, optional
        A difference whose interval lies within it reads "no difference above" it, unless both solve the task.
    above_chance : bool
        Whether it says nothing of networks that guess.
    """

    text: str
    measure: Callable
    ours: str
    other: str
    unit: str
    margin: float | None = None
    above_chance: bool = False


CLAIMS = (
    Claim("1 The skip carries the gradient", measures.log_far_share, "SRC", "rival", "decades"),
    Claim("2 SRC is more accurate than the best RSNN", measures.test_accuracy, "SRC", "rival", "points"),
    Claim("3a ASRC is more accurate than the best SRC", measures.test_accuracy, "ASRC", "SRC", "points", MARGIN),
    Claim(
        "3b Learned spans are better than random ones",
        measures.test_accuracy, "ASRC", "random spans", "points", MARGIN,
    ),
    Claim(
        "4a SRC is more robust than the best RSNN",
        measures.kept_under_noise, "SRC", "rival", "points", above_chance=True,
    ),
    Claim(
        "4b ASRC is more robust than the best SRC",
        measures.kept_under_noise, "ASRC", "SRC", "points", above_chance=True,
    ),
    Claim(
        "5 Learning on the way matters, not only where it ends",
        measures.test_accuracy, "ASRC", "transplanted spans", "points", MARGIN,
    ),
)  # fmt: skip
"""Seven tests of five claims."""


@dataclass(frozen=True)
class Test:
    """A claim tested on a task.

    Parameters
    ----------
    claim : Claim
    task : str
    other : str
        The network compared with.
    difference : Interval or None
        None: not run; a network guesses, where that matters; or a unit has no number.
    p : float
        Of the paired t-test; 1 without a difference.
    corrected : float
        By Holm, over all tests of all tasks.
    at_ceiling : bool
        Whether both networks solve the task, so that their accuracy can hardly differ.
    """

    claim: Claim
    task: str
    other: str
    difference: Interval | None
    p: float
    corrected: float = 1.0
    at_ceiling: bool = False

    @property
    def verdict(self) -> str:
        """What the test says of the claim."""
        if self.difference is None:
            return "not tested"
        word = "undecided"
        if self.corrected < LEVEL:
            word = "supported" if self.difference.mean > 0 else "refuted"
        elif self.at_ceiling:
            return f"{word}; both solve the task"
        margin = self.claim.margin
        if margin is not None and max(-self.difference.low, self.difference.high) <= margin:
            return f"{word}; no difference above {margin:g}"
        return word


def tests(results, stored: list[str]) -> list[Test]:
    """Test all claims on all tasks; those that are not stored count as not tested."""
    found = [_test(results, claim, name, name in stored) for claim in CLAIMS for name in TASKS]
    corrected = holm([test.p for test in found])
    return [replace(test, corrected=float(p)) for test, p in zip(found, corrected)]


def pairs(results, stored: list[str]) -> list[dict]:
    """List what the tests compare: one row per claim, task and unit, with the numbers of both networks."""
    found = []
    for claim, name in itertools.product(CLAIMS, stored):
        other, ours, theirs = _pair(results, claim, name)
        of_test = {"claim": claim.text.split()[0], "task": name, "network": claim.ours, "other": other}
        for unit, one, another in zip(TASKS[name].units, ours, theirs, strict=True):
            numbers = {"of network": one, "of other": another, "difference": one - another}
            found.append({**of_test, "unit": unit, **{key: round(float(n), 6) for key, n in numbers.items()}})
    return found


def _pair(results, claim: Claim, name: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the other network of a claim, and the numbers of ours and of the other, unit by unit."""
    other = measures.rival(results, name) if claim.other == "rival" else claim.other
    ours, theirs = (claim.measure(results, name, network) for network in (claim.ours, other))
    return other, ours, theirs


def _test(results, claim: Claim, name: str, is_stored: bool) -> Test:
    if not is_stored:
        return Test(claim, name, claim.other, None, 1.0)
    other, ours, theirs = _pair(results, claim, name)
    guess = claim.above_chance and any(measures.guesses(results, name, network) for network in (claim.ours, other))
    if guess or not np.isfinite([ours, theirs]).all():
        return Test(claim, name, other, None, 1.0)
    both = claim.measure is measures.test_accuracy and min(ours.mean(), theirs.mean()) > CEILING
    return Test(claim, name, other, paired_difference(ours, theirs), p_value(ours - theirs), at_ceiling=both)


def p_value(differences) -> float:
    """Return the two-sided p of a paired t-test, of the differences of its pairs."""
    from scipy.stats import t

    differences = np.asarray(differences, float)
    n, mean, s = len(differences), differences.mean(), differences.std(ddof=1)
    if s == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * t.sf(abs(mean) * np.sqrt(n) / s, n - 1))


def holm(p_values) -> np.ndarray:
    """Correct p-values for their number by Holm's step-down method.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none becomes smaller than one before it, or
    larger than 1. If all below a level is rejected, the chance that any true hypothesis is among it is at most that.

    Examples
    --------
    >>> from minisnn.experiments.findings.claims import holm
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
