"""The exercises of tutorial 07: how sure one can be of a difference."""

from collections.abc import Callable

import numpy as np

from minisnn._internal.rng import stream
from minisnn.course.exercises.exercise import Exercise, attempt, choice, number

# 07.1: 84, 87 and 90 have mean 87 and squared distances 9, 0 and 9, so s = √(18 / 2) = 3

VALUES, T_OF_THREE = np.array([84.0, 87.0, 90.0]), 4.303


def half_width_of_three() -> Callable:
    s, root = VALUES.std(ddof=1), np.sqrt(len(VALUES))
    right = T_OF_THREE * s / root
    slips = {
        2 * right: "that is the whole width; half of it goes to each side of the mean.",
        T_OF_THREE * s: "that is t s: how far a single seed may lie from the mean. The mean of three is surer, by √3.",
        T_OF_THREE * VALUES.std() / root: "s divides the sum of squares by n - 1 = 2, not by 3.",
        T_OF_THREE * s**2 / root: "that has the variance in it; s is its root.",
        T_OF_THREE * s / len(VALUES): "divide by √n, not by n.",
        1.96 * s / root: "1.96 belongs to a σ that is known. From three values σ is only estimated, and t is 4.303.",
        s / root: "that is the standard deviation of the mean; t is missing.",
    }
    return number(right, tolerance=0.01, slips=slips)


# 07.2


def check_paired(answer) -> str | None:
    """Check mean and half width of paired differences, for several lists of values."""
    rng = stream(0, "exercise 07.2")
    for n, t, exact_t in ((3, 4.303, 4.3026527), (10, 2.262, 2.2621572), (5, 2.776, 2.7764451)):
        common = rng.normal(80, 5, n)  # what a seed does to both
        first, second = (common + rng.normal(shift, 1, n) for shift in (3, 0))
        got = np.array([float(value) for value in answer(first.tolist(), second.tolist(), t)])
        if got.shape != (2,):
            return f"return two numbers, the mean and the half width; yours returned {got.size}."
        d, root = first - second, np.sqrt(n)
        if np.isclose(got[0], -d.mean()):
            return "the sign of the mean is reversed: it is first minus second."
        if not np.isclose(got[0], d.mean()):
            return f"with {n} seeds the mean of first - second is {d.mean():.4f}, yours is {got[0]:.4f}."
        right = t * d.std(ddof=1) / root
        slips = {
            t * np.hypot(first.std(ddof=1), second.std(ddof=1)) / root: (
                "the mean is right, but the half width is that of unpaired values. Take the differences first, seed by "
                "seed, and then their standard deviation."
            ),
            t * d.std() / root: "the mean is right; s divides the sum of squares by n - 1 (ddof=1), not by n.",
            t * d.std(ddof=1): "the mean is right; the half width lacks 1/√n.",
            t * d.std(ddof=1) / n: "the mean is right; divide by √n, not by n.",
            d.std(ddof=1) / root: "the mean is right; the half width lacks t.",
            2 * right: "the mean is right; you return the whole width, not half of it.",
            1.96 * d.std(ddof=1) / root: "the mean is right; use the t that is handed in, not 1.96.",
            exact_t * d.std(ddof=1) / root: "the mean is right; use the t that is handed in, though it is rounded.",
        }
        if not np.isclose(got[1], right, rtol=1e-6):
            for wrong, sentence in slips.items():
                if np.isclose(got[1], wrong, rtol=1e-6):
                    return sentence
            return f"with {n} seeds and t = {t} the half width is {right:.4f}, yours is {got[1]:.4f}."
    return None


# 07.3: to see d in four of five experiments, d - 2 s/√n = 0.84 s/√n; so n = (2.84 s/d)², about 8 (s/d)²

SD, WANTED = 3.5, 2.0


def seeds_needed() -> Callable:
    ratio = SD / WANTED
    right = int(np.ceil(8 * ratio**2))
    slips = {
        right - 1: "rounded down it falls short; round up.",
        float(np.ceil(4 * ratio**2)): "that is the n at which the half width is the difference: seen in half of the "
        "experiments only.",
        float(np.ceil(8 * ratio)): "the ratio of spread to difference enters squared.",
        float(np.ceil(8 / ratio**2)): "s and d have changed places: more spread needs more seeds.",
        float(np.ceil(8 * SD**2)): "you left out the difference of 2 points.",
    }
    check = number(right, tolerance=1e-9, slips=slips)

    def whole(answer) -> str | None:
        wrong = check(answer)
        not_whole = any(number(n, 0.05)(answer) is None for n in (8 * ratio**2, (2.84 * ratio) ** 2))
        return "seeds come whole: round up." if wrong and not_whole else wrong

    return whole


# 07.4

STATEMENTS = {
    "a": "0 is in the interval, but so is a lead of 3 points. To see no difference is not to see that there is none.",
    "b": "the interval is a statement about the procedure: it covers in 95 of 100 experiments. It gives no probability "
    "that B is better; for that one would need to say how likely it was before.",
    "d": "with more seeds the interval shrinks, but its middle moves as well, and may end on either side of 0.",
}

# 07.5

TEN = [(str(seed), seed) for seed in range(10)]  # unit and seed of each run, as they are stored
SPEAKERS = [(speaker, seed) for speaker in ("george", "jackson", "lucas", "nicolas") for seed in range(3)]


def made_rows(networks, first: str, second: str, lead: float, spread: float, runs, version: int) -> list[dict]:
    """Make rows as they are stored, with a mean lead of `first` over `second` in points.

    `spread` is the standard deviation of the lead over units; where a unit has several runs, they scatter less.
    """
    rng = stream(version, "exercise 07.5")
    units = list(dict.fromkeys(unit for unit, _ in runs))
    noise = rng.standard_normal(len(units))
    noise = spread * (noise - noise.mean()) / noise.std(ddof=1)
    common = dict(zip(units, rng.normal(0.75, 0.06, len(units))))
    leads = dict(zip(units, (lead + noise) / 100))
    rows = []
    for network in networks:
        for unit, seed in runs:
            value = common[unit] + (0.02 * rng.standard_normal() if network not in (first, second) else 0)
            value += (network == first) * (leads[unit] + (seed - 1) * 0.002 * (len(runs) > len(units)))
            rows.append({"network": network, "unit": unit, "seed": seed, "test_accuracy": float(value)})
            rows[-1]["validation_accuracy"] = 0.9
    return rows


def _read(result) -> tuple[str, str, float, str]:
    first, second, points, verdict = result
    return str(first), str(second), float(points), str(verdict).strip().lower()


def _verdict(interval, points: float) -> str:
    """Decide a claim by the rule."""
    return "yes" if interval.low > points else "no" if interval.high < points else "undecided"


def _of_runs(rows, first: str, second: str) -> list[np.ndarray]:
    """Collect the accuracies of two networks run by run, in per cent, as if each run were a unit."""
    return [
        100 * np.array([row["test_accuracy"] for row in rows if row["network"] == name]) for name in (first, second)
    ]


def check_claim(answer) -> str | None:
    """Check a claim of the student's own on rows in which it holds, does not hold, or can't be decided."""
    from minisnn.experiments.findings import MAIN, by_unit, paired_difference

    rows = made_rows(MAIN, MAIN[1], MAIN[2], 0.0, 1.0, TEN, 0)
    claim = answer(rows)
    try:
        first, second, points, _ = _read(claim)
    except (TypeError, ValueError):
        return "return four things: first network, second network, points (a number), verdict."
    for name in (first, second):
        if name not in MAIN:
            return f"there is no network {name!r} in the rows; there are {', '.join(MAIN)}."
    if first == second:
        return "a network is not more accurate than itself: name two."
    if not 0 <= points < 100:
        return f"points is a number from 0 up: how many per cent points first is ahead by, at least; got {points:g}."
    cases = ((6, 2), (-6, 2), (0.5, 4), (2, 1), (-2, 1), (1.2, 2), (2.2, 2))
    cases = [(*case, TEN) for case in cases] + [(1.5, 1.5, SPEAKERS), (4, 1.5, SPEAKERS)]
    for version, (extra, spread, runs) in enumerate(cases, start=1):
        rows = made_rows(MAIN, first, second, points + extra, spread, runs, version)
        ours, theirs = (100 * by_unit(rows, "test_accuracy", network=name) for name in (first, second))
        interval = paired_difference(ours, theirs)
        right = _verdict(interval, points)
        again, other, limit, got = _read(answer(rows))
        if (again, other, limit) != (first, second, points):
            return "the claim changes with the rows. State it before you look, and decide it then."
        if got not in ("yes", "no", "undecided"):
            return f'the verdict is "yes", "no" or "undecided", got {got!r}.'
        if got != right:
            if runs is SPEAKERS and got == _verdict(paired_difference(*_of_runs(rows, first, second)), points):
                return (
                    f"on made-up rows of {interval.n} speakers with three runs each the claim is {right}; you said "
                    f"{got}. A unit is a speaker: the mean of its runs is one number, as by_unit takes it; of four "
                    "numbers t is 3.18."
                )
            seen = f"{interval.mean:+.1f} ± {interval.half_width:.1f} points"
            sentence = (
                f"on made-up rows with {first} minus {second} {seen}, the claim of more than {points:g}: {right}."
            )
            if right == "undecided" and got == ("yes" if interval.mean > points else "no"):
                return f"{sentence} You looked at the mean alone; {points:g} is inside the interval."
            return f"{sentence} You said {got}.{_slip_of_claim(answer, rows, got, right, interval, points)}"
    return None


def _slip_of_claim(answer, rows, got: str, right: str, interval, points: float) -> str:
    """Say what a wrong verdict may come from, by asking for another one on changed rows."""
    from minisnn.experiments.findings import paired_difference

    in_per_cent = [{**row, "test_accuracy": 100 * row["test_accuracy"]} for row in rows]
    first, second, _, verdict = _read(answer(in_per_cent))
    shares = [values / 100 for values in _of_runs(rows, first, second)]
    if verdict == right and got == _verdict(paired_difference(*shares), points) and points >= 1:
        return " Are your accuracies in per cent? They are stored as shares."
    if 0 < points < 1:
        return " Points are per cent points: for a lead of two write 2, not 0.02."
    as_validation = [{**row, "validation_accuracy": row["test_accuracy"]} for row in rows]
    if _read(answer(as_validation))[3] == right:
        return " Do you read test_accuracy?"
    if right == "undecided":
        return " There are three verdicts: the claim's points may lie inside the interval."
    if got == "undecided" and interval.high < points:
        return ' It is "no" as soon as the interval lies below the claim\'s points, whether or not below 0.'
    return " Is it the 95 % t-interval of the paired differences, as in exercise 07.2?"


EXERCISES = {
    "07.1": Exercise(
        half_width_of_three(),
        "87 ± 7.5: three seeds that lie within 6 points leave 15 points open.",
        (
            "t s / √n. First s: the root of the sum of squared distances to the mean, divided by n - 1.",
            "The mean is 87, the squares are 9, 0, 9; s = √(18 / 2) = 3.",
        ),
    ),
    "07.2": Exercise(
        attempt(check_paired),
        "That is `findings.paired_difference`, except for the t.",
        (
            "np.asarray(first) - np.asarray(second) are the differences, one per seed.",
            "d.mean() and t * d.std(ddof=1) / np.sqrt(len(d)).",
        ),
    ),
    "07.3": Exercise(
        seeds_needed(),
        "Twenty-five seeds of each, for 2 points. Ten show about 3.5 as often. By the t-test it is 27.",
        ("n = 8 (s/d)², rounded up.", "s/d = 3.5 / 2 = 1.75, and its square is 3.06."),
    ),
    "07.4": Exercise(
        choice("c", STATEMENTS),
        "The interval says which leads the seeds do not rule out. That is all it says.",
        (
            "Which differences lie in the interval, and which lie outside?",
            "The interval goes from -0.8 to +3.0. Which sentence says no more than that?",
        ),
    ),
    "07.5": Exercise(
        attempt(check_claim),
        "Decided by the rule, whatever the rows say. Now hand it the stored ones, once.",
        (
            "paired_difference(accuracy of first, accuracy of second, in per cent): its .low and .high against points.",
            '"yes" if the whole interval lies above points, "no" if it lies below, else "undecided".',
            "100 * findings.by_unit(rows, 'test_accuracy', network=first): one number per unit, in per cent.",
        ),
    ),
}
