"""The claims about SRC and ASRC, and four controls, each with its measure and a verdict at this scale."""

from collections.abc import Callable

import numpy as np

from minisnn.experiments.findings.intervals import Interval, mean_interval, paired_difference
from minisnn.experiments.findings.measures import LAGS, guesses, robust_gains, signed
from minisnn.experiments.findings.results import by_seed, curves, read

MORE_ACCURATE, MORE_ROBUST = 12.0, 35.0  # %, claimed for ASRC in a summary of the paper, not in its abstract


def _vanishing(results, name, task) -> tuple[str, str]:
    """Measure the decades that the gradient of the RSNN loses up to the last but one lag of the task's table."""
    lag = LAGS[name][-2]
    sizes = _log_sizes(results, name, task.baseline, slice(lag, lag + 1))
    interval = mean_interval(sizes[np.isfinite(sizes)])
    verdict = "yes: below 1 %" if interval.high < -2 else "no: above 1 %" if interval.low > -2 else "undecided"
    return (
        f"{lag} steps back the gradient is 10^({signed(interval)}) of its first size{_seeds(interval, task)}",
        verdict,
    )


def _mended(results, name, task) -> tuple[str, str]:
    """Compare gradients at one lag, and in the mean over all: below its span a skip passes on less than the RSNN."""
    lag, intervals = LAGS[name][-2], []
    for lags in (slice(lag, lag + 1), slice(1, None)):
        more = _log_sizes(results, name, task.skip, lags) - _log_sizes(results, name, task.baseline, lags)
        intervals.append(mean_interval(more[np.isfinite(more)]))
    at_lag, over_all = intervals
    text = f"{lag} steps back that of {task.skip} is 10^({signed(at_lag)}) times as large{_seeds(at_lag, task)}"
    text += f", in the mean over all lags 10^({signed(over_all)}) times"
    verdicts = {interval.verdict for interval in intervals}
    return text, {("higher",): "yes", ("lower",): "no"}.get(tuple(verdicts), "undecided")


def _seeds(interval: Interval, task) -> str:
    return "" if interval.n == task.seeds else f" ({interval.n} seeds: in the others the last layer is silent)"


def _log_sizes(results, name, network, lags: slice) -> np.ndarray:
    """Return log10 of the relative gradient after training, the mean over these lags, one per seed.

    0 counts as 1e-300; NaN stands for no gradient at all.
    """
    rows = read(results, name, "gradients")
    return np.log10(np.maximum(curves(rows, network=network, when="after")[:, lags], 1e-300)).mean(axis=1)


def _against(results, name, task, other) -> tuple[Interval, str]:
    """Compare the accuracy of ASRC with that of another network, in points."""
    rows = read(results, name, "accuracy")
    ours, theirs = (100 * by_seed(rows, "test_accuracy", network=network) for network in (task.adaptive, other))
    interval = paired_difference(ours, theirs)
    return interval, f"{task.adaptive} minus {other}: {signed(interval)} points"


def _best(results, name, networks) -> str:
    """Choose the network with the best mean validation accuracy."""
    rows = read(results, name, "accuracy")
    return max(networks, key=lambda network: by_seed(rows, "validation_accuracy", network=network).mean())


def _finds_span(results, name, task) -> tuple[str, str]:
    """Compare with the SRC whose λ is the best of those tried on validation data."""
    tried = task.over("src", "span").values()
    interval, text = _against(results, name, task, _best(results, name, tried))
    most = max(abs(interval.low), abs(interval.high))
    verdicts = {"higher": "it is higher", "lower": "it is lower", "undecided": f"undecided; not off by over {most:.1f}"}
    how = f"best λ of {len(tried)} on validation data" if len(tried) > 1 else "the only λ tried"
    return f"{text} ({how})", verdicts[interval.verdict]


def _skip_helps(results, name, task) -> tuple[str, str]:
    rows = read(results, name, "accuracy")
    interval = paired_difference(
        *(100 * by_seed(rows, "test_accuracy", network=network) for network in (task.skip, task.baseline))
    )
    return f"{task.skip} minus {task.baseline}: {signed(interval)} points", BETTER[interval.verdict]


def _more_accurate(results, name, task) -> tuple[str, str]:
    interval, text = _against(results, name, task, task.baseline)
    return text, _than(interval, MORE_ACCURATE)


def _than(interval: Interval, claimed: float) -> str:
    if interval.low > claimed:
        return f"yes: more than {claimed:g}"
    if interval.high < claimed:
        return "lower" if interval.high < 0 else f"better, by less than {claimed:g}" if interval.low > 0 else "no"
    return f"better; whether by {claimed:g} is undecided" if interval.low > 0 else "undecided"


def _robust_text(gain: Interval, own: Interval) -> str:
    return f"{signed(gain)} % more accurate under noise; relative to each without noise {signed(own)} %"


def _more_robust(results, name, task) -> tuple[str, str]:
    gain, own = robust_gains(read(results, name, "robustness"), task.adaptive, task.baseline)
    if guesses(results, name, task):
        text = f"{signed(gain)} % more accurate under noise than a network that guesses, with noise and without"
        return text, "says nothing: the RSNN guesses"
    return _robust_text(gain, own), _than(gain, MORE_ROBUST)


def _more_robust_than_src(results, name, task) -> tuple[str, str]:
    """Require a lead under noise *and* more of the accuracy kept: else the lead may be a head start."""
    gain, own = robust_gains(read(results, name, "robustness"), task.adaptive, task.skip)
    verdict = BETTER[gain.verdict] if gain.verdict == own.verdict else "undecided"
    if (gain.verdict, own.verdict) == ("higher", "undecided"):
        verdict = "undecided: the lead may be a head start"
    return _robust_text(gain, own), verdict


def _design(results, name, task) -> tuple[str, str]:
    """Measure how accuracy depends on the choice: greatest minus least over equal values of λ and K, seed by seed."""
    tried = {"SRC": task.over("src", "span"), "ASRC": task.over("asrc", "max_span")}
    both = sorted(set(tried["SRC"]) & set(tried["ASRC"]))
    if len(both) < 2:
        return "not run", ""
    rows = read(results, name, "accuracy")
    spread = {}
    for model, networks in tried.items():
        values = np.array([100 * by_seed(rows, "test_accuracy", network=networks[value]) for value in both])
        spread[model] = values.max(axis=0) - values.min(axis=0)
    interval = paired_difference(spread["SRC"], spread["ASRC"])
    text = ", ".join(f"{model} {values.mean():.1f}" for model, values in spread.items())
    text = f"range of accuracy over {', '.join(map(str, both))}: {text}; difference {signed(interval)} points"
    return text, BETTER[interval.verdict] if len(both) > 2 else "says little: two values"


BETTER = {"higher": "yes", "lower": "no: it is lower", "undecided": "undecided"}


def _against_mixture(results, name, task) -> tuple[str, str]:
    interval, text = _against(results, name, task, task.mixture)
    return text, BETTER[interval.verdict]


def _against_random(results, name, task) -> tuple[str, str]:
    drawn = list(task.over("random", "max_span").values())
    if not drawn:
        return "not run", ""
    interval, text = _against(results, name, task, drawn[0])
    return text, BETTER[interval.verdict]


def _against_slow_decay(results, name, task) -> tuple[str, str]:
    slow = task.over("rsnn", "decay")
    if not slow:
        return "not run", ""
    interval, text = _against(results, name, task, _best(results, name, slow.values()))
    return text, BETTER[interval.verdict]


def _against_other_lrs(results, name, task) -> tuple[str, str]:
    """Compare with the RSNN whose learning rate is the best of those tried on validation data; ASRC keeps its own."""
    others = task.over("rsnn", "lr")
    if not others:
        return "not run", ""
    interval, text = _against(results, name, task, _best(results, name, [task.baseline, *others.values()]))
    return f"{text} (best of {1 + len(others)} learning rates on validation data)", BETTER[interval.verdict]


CLAIMS: dict[str, Callable] = {
    "Gradients vanish in an RSNN": _vanishing,
    "SRC mends it": _mended,
    "SRC is more accurate than the RSNN": _skip_helps,
    "ASRC, which chooses its spans, is as accurate as the best SRC": _finds_span,
    "ASRC is more robust to noise than SRC": _more_robust_than_src,
    "ASRC is over 12 % more accurate than the RSNN*": _more_accurate,
    "ASRC is 35 % more robust to noise than the RSNN*": _more_robust,
    "ASRC depends less on K than SRC on λ": _design,
    "Control: ASRC is better than a fixed uniform mixture": _against_mixture,
    "Control: ASRC is better than spans drawn at random": _against_random,
    "Control: ASRC is better than an RSNN with a longer time constant": _against_slow_decay,
    "Control: ASRC is better than an RSNN with a learning rate of its own": _against_other_lrs,
}
"""The paper's claims, and four controls, each with a function that returns (what was measured, verdict)."""
