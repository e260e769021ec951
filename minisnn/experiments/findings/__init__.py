"""The paper's claims at small scale: experiments, stored results, and the tables and figures made from them.

    tasks.py        which networks are compared on which data, and what is tried to tune them
    experiments.py  tuning, accuracy, gradients, robustness, spans, lags, ties, slow
    full.py         PS-MNIST at full length
    results.py      the files in `tutorials/findings/results/`
    intervals.py    means, paired differences, t-intervals
    measures.py     the numbers of the findings, made from stored rows
    claims.py       the primary claims, their tests, and Holm's correction
    tables.py       the tables of `tutorials/findings/README.md`
    figures.py      the figures
    report.py       the page with its tables and figures

What is done follows `tutorials/findings/PLAN.md`. `minisnn findings --all` does all of it (days on two cores);
`minisnn findings --report` makes tables and figures anew from the stored results (seconds).
"""

from minisnn.experiments.findings.claims import CLAIMS, holm, tests
from minisnn.experiments.findings.full import train_full
from minisnn.experiments.findings.intervals import Interval, mean_interval, paired_difference
from minisnn.experiments.findings.report import report
from minisnn.experiments.findings.results import (
    EXPERIMENTS,
    against,
    applies,
    by_unit,
    chosen,
    curves,
    read,
    run,
    stored,
)
from minisnn.experiments.findings.tasks import LEVELS, MAIN, TASKS, Task

__all__ = [
    "CLAIMS",
    "EXPERIMENTS",
    "LEVELS",
    "MAIN",
    "TASKS",
    "Interval",
    "Task",
    "against",
    "applies",
    "by_unit",
    "chosen",
    "curves",
    "holm",
    "mean_interval",
    "paired_difference",
    "read",
    "report",
    "run",
    "stored",
    "tests",
    "train_full",
]
