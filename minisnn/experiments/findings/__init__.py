"""The paper's claims at small scale: experiments, stored results, and the tables and figures made from them.

    tasks.py        which networks are compared on which data
    experiments.py  accuracy, gradients, jacobians, spans, robustness, lags
    results.py      the files in `tutorials/findings/results/`
    intervals.py    means, paired differences, t-intervals
    measures.py     the numbers of the findings, made from stored rows
    claims.py       what was claimed, what was measured of it, and the verdict
    tables.py       the tables of `tutorials/findings/README.md`
    figures.py      the figures
    report.py       the page with its tables and figures

`minisnn findings --all` does all of it (hours); `minisnn findings --report` makes tables and figures anew from the
stored results (seconds).
"""

from minisnn.experiments.findings.intervals import Interval, mean_interval, paired_difference
from minisnn.experiments.findings.measures import area, kept, robust_gains
from minisnn.experiments.findings.report import report
from minisnn.experiments.findings.results import EXPERIMENTS, applies, by_seed, curves, read, run
from minisnn.experiments.findings.tasks import LEVELS, LRS, TASKS, TITLES, Task

__all__ = [
    "EXPERIMENTS",
    "LEVELS",
    "LRS",
    "TASKS",
    "TITLES",
    "Interval",
    "Task",
    "applies",
    "area",
    "by_seed",
    "curves",
    "kept",
    "mean_interval",
    "paired_difference",
    "read",
    "report",
    "robust_gains",
    "run",
]
