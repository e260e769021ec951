"""Results of a check: rows, a table of them, and the exception that carries it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minisnn._internal.display import counted
from minisnn._internal.types import ArrayLike

NOT_RETURNED = "not returned"
NOT_CHECKED = "not checked: this surrogate has no primitive"
NO_LOSS = "not checked: a gradient that is cut is no derivative of a loss"
NOT_RESOLVED = "not resolved: the smooth loss is too rough for differences"


@dataclass(frozen=True)
class Row:
    """One quantity under one rung: where the difference is largest, and whether it is small enough.

    Parameters
    ----------
    rung : str
        A name from `LADDER`, or "student".
    block : str
        The quantity, e.g. "layers.0.w_rec".
    max_abs, max_rel : float
        Largest absolute error, and relative error max |got - expected| / max |expected|, over the entries compared; the
        divisor is at least the `floor` of `compare`.
    index : tuple of int
        Where the difference is largest.
    got, expected : float
        The two values there.
    tolerance : float
        Largest relative error that is right.
    note : str
        A remark for the table.
    first : bool
        Whether it goes wrong first on the way back from the loss; see `check_backward`.

    Examples
    --------
    >>> row = ms.checks.Row("mine", "w", 0.5, 0.25, (1,), got=2.5, expected=2.0, tolerance=1e-6)
    >>> row.ok
    False
    """

    rung: str
    block: str
    max_abs: float
    max_rel: float
    index: tuple[int, ...]
    got: float
    expected: float
    tolerance: float
    note: str = ""
    first: bool = False

    @property
    def ok(self) -> bool:
        """Whether the relative error is within the tolerance; NaN is not. A row that compares nothing is not wrong."""
        return not self.compared or bool(self.max_rel <= self.tolerance)

    @property
    def compared(self) -> bool:
        """Whether there was something to compare; otherwise the note says why not."""
        return self.note not in (NOT_RETURNED, NOT_CHECKED, NO_LOSS, NOT_RESOLVED)

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        if not self.compared:
            return self.note
        wrong = f"WRONG at {list(self.index)}: got {self.got:.9g}, expected {self.expected:.9g}"
        return ("ok" if self.ok else wrong) + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True)
class Report:
    """The rows of a check; `print` shows them as a table.

    Parameters
    ----------
    rows : tuple of Row

    Examples
    --------
    >>> row = ms.checks.compare("mine", "w", [1.0, 2.5], [1.0, 2.0], tolerance=1e-6)
    >>> report = ms.checks.Report((row,))
    >>> print(report)
    rung         block                       max abs  max rel  verdict
    mine         w                           5.0e-01  2.5e-01  WRONG at [1]: got 2.5, expected 2
    >>> print(report.summary())
    rung          rows largest rel. error  allowed  verdict
    mine             1            2.5e-01    1e-06  1 WRONG
    """

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether no row is wrong; the table shows whether something was left out."""
        return all(row.ok for row in self.rows)

    @property
    def wrong(self) -> tuple[Row, ...]:
        """The rows that are not right."""
        return tuple(row for row in self.rows if not row.ok)

    def __repr__(self) -> str:
        verdicts = ["ok" if self.ok else f"{len(self.wrong)} WRONG"]
        verdicts += list(dict.fromkeys(row.note for row in self.rows if not row.compared))
        return f"Report({counted(len(self.rows), 'row')}: {'; '.join(verdicts)})"

    def __str__(self) -> str:
        lines = [f"{'rung':<12} {'block':<26} {'max abs':>8} {'max rel':>8}  verdict"]
        for row in self.rows:
            errors = f"{row.max_abs:8.1e} {row.max_rel:8.1e}" if row.compared else f"{'-':>8} {'-':>8}"
            lines.append(f"{row.rung:<12} {row.block:<26} {errors}  {row.verdict}")
        return "\n".join(lines)

    def summary(self) -> str:
        """Return a table with one line per rung: number of rows, largest relative error, tolerance, verdict.

        Returns
        -------
        str
        """
        lines = [f"{'rung':<12} {'rows':>5} {'largest rel. error':>18}  {'allowed':>7}  verdict"]
        for rung in dict.fromkeys(row.rung for row in self.rows):
            of_rung = [row for row in self.rows if row.rung == rung]
            rows = [row for row in of_rung if row.compared]
            if not rows:
                lines.append(f"{rung:<12} {'-':>5} {'-':>18}  {'-':>7}  {of_rung[0].note}")
                continue
            wrong, left_out = sum(not row.ok for row in rows), len(of_rung) - len(rows)
            verdict = "ok" if not wrong else f"{wrong} WRONG"
            verdict += f"; {left_out} not compared" if left_out else ""
            largest, allowed = max(row.max_rel for row in rows), max(row.tolerance for row in rows)
            lines.append(f"{rung:<12} {len(rows):>5} {largest:>18.1e}  {allowed:>7.0e}  {verdict}")
        return "\n".join(lines)


def left_out(rung: str, note: str) -> Row:
    """Return the one row of a rung that is not climbed, with the reason."""
    return Row(rung, "all", 0.0, 0.0, (), 0.0, 0.0, 0.0, note)


class GradientError(AssertionError):
    """Raised when a check fails; its text is the table of the wrong rows.

    Parameters
    ----------
    report : Report
        All rows, also those that are right.

    Examples
    --------
    >>> net = ms.Network([2, 4, 3])
    >>> try:
    ...     ms.gradcheck(net, np.ones((2, 6, 2)), [0, 2], backward=lambda tape, e, params: {"d_bias": 0 * params.bias})
    ... except ms.checks.GradientError as error:
    ...     print([row.block for row in error.report.wrong])
    ['layers.0.d_bias']
    """

    def __init__(self, report: Report):
        super().__init__(f"{len(report.wrong)} of {len(report.rows)} rows are wrong\n{Report(report.wrong)}")
        self.report = report


def compare(
    rung: str,
    block: str,
    got: ArrayLike,
    expected: ArrayLike,
    tolerance: float,
    floor: float = 1e-9,
    indices: Sequence[tuple[int, ...]] | None = None,
    note: str = "",
) -> Row:
    """Compare two arrays of one shape, entry by entry or at some indices only.

    Parameters
    ----------
    rung, block, tolerance, note
        As in `Row`.
    got, expected : array
        NaN or infinity is never right.
    floor : float
        Where all expected entries are smaller, errors are relative to this instead.
    indices : list of tuple of int, optional
        The entries to compare; None: all.

    Returns
    -------
    Row

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> row = ms.checks.compare("mine", "w", [1.0, 2.5], [1.0, 2.0], tolerance=1e-6)
    >>> row.ok, row.index, row.max_rel
    (False, (1,), 0.25)
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.shape != expected.shape:
        raise ValueError(f"{block}: shape {got.shape} can't be compared with the expected {expected.shape}")
    compared = np.ones(expected.shape, bool)
    if indices is not None:
        compared[...] = False
        compared[tuple(np.array(indices, np.intp).reshape(-1, expected.ndim).T)] = True
    if not compared.any():
        return Row(rung, block, 0.0, 0.0, (), 0.0, 0.0, tolerance, note)
    finite = np.isfinite(got) & np.isfinite(expected)
    difference = np.where(finite, np.abs(np.where(finite, got, 0) - np.where(finite, expected, 0)), np.inf)
    difference = np.where(compared, difference, -1.0)
    worst = tuple(map(int, np.unravel_index(np.argmax(difference), expected.shape)))
    scale = max(float(np.abs(expected[compared & finite]).max(initial=0.0)), floor, np.finfo(np.float64).tiny)
    return Row(
        rung=rung,
        block=block,
        max_abs=float(difference[worst]),
        max_rel=float(difference[worst] / scale),
        index=worst,
        got=float(got[worst]),
        expected=float(expected[worst]),
        tolerance=tolerance,
        note=note,
    )
