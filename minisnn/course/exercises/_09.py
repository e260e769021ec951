"""The exercises of tutorial 09, Make it fast."""

import numba
import numpy as np

from minisnn.course.exercises.exercise import Exercise, attempt, number

# 09.1: n_in = 128, N = 256; a quarter of the inputs and a sixteenth of the neurons are not 0 in a step.
N_IN, N, INPUT_RATE, RATE = 128, 256, 1 / 4, 1 / 16
INPUT_PART, RECURRENT_PART = INPUT_RATE * N_IN * N, RATE * N * N  # (2): 8192, (1): 4096

# 09.3: n_in = N, everything fires at this rate; in units of N N multiply-adds.
SPEEDUP_RATE = 0.05
DENSE = 6  # (2), (1), (8), (12) and both outer products of (10)
EVENTS = 2 + 4 * SPEEDUP_RATE  # (8) and (12) stay dense

# 09.5
TAPE_SHAPE = (256, 784, 128)  # (B, T, N)


def tape_bytes(B: int, T: int, N: int) -> int:
    """Return the bytes of the arrays (B, T, N) that `record` keeps of a float32 layer: a small tape, scaled up."""
    import minisnn as ms

    tape = ms.Network([1, 4, 2], seed=0).record(np.zeros((2, 3, 1)))
    small = sum(array.nbytes for array in tape.layers[0])
    return small * B * T * N // (2 * 3 * 4)


def _tape(answer) -> str | None:
    right = tape_bytes(*TAPE_SHAPE)
    slips = {
        right / 4: "that is how many numbers; each float32 has 4 bytes.",
        right / 5: "that is one array; a `LayerTape` keeps five: current, v, v_reset, s and z.",
        right / 20: "that is how many numbers one array has. There are five arrays, and 4 bytes per number.",
        2 * right: "that would be float64; the network computes in float32, 4 bytes per number.",
        right / 1e6: "that is megabytes; give bytes.",
    }
    return number(right, 0.5, slips)(answer)


def _sparse(rng, shape) -> np.ndarray:
    """Draw numbers of both signs, most of them 0; the first row and the last are empty."""
    a = rng.standard_normal(shape) * (rng.random(shape) < 0.3)
    a[0], a[-1] = 0, 0
    return a


@attempt
def _event_list(function) -> str | None:
    rng = np.random.default_rng(0)
    cases = [np.array([[0.0, 2, 0], [0, 0, 0], [-1, 0, 3]]), _sparse(rng, (7, 5)), _sparse(rng, (4, 9))]
    cases += [np.zeros((3, 4)), np.ones((2, 3)), _sparse(rng, (6, 6)).astype(np.float32)]
    for a in cases:
        before = a.copy()
        got = function(a)
        if not np.array_equal(a, before):
            return "your function changes the array that it is given."
        if not (isinstance(got, tuple | list) and len(got) == 3):
            return "return three arrays: columns, values, start."
        columns, values, start = (np.asarray(part) for part in got)
        rows, right_columns = np.nonzero(a)
        counts = (a != 0).sum(axis=1)
        wrong = _start(start, counts, len(a))
        if wrong:
            return wrong
        if columns.shape != rows.shape or values.shape != rows.shape:
            return (
                f"{rows.size} numbers are not 0, so columns and values have the shape ({rows.size},); "
                f"got {columns.shape} and {values.shape}."
            )
        if np.array_equal(columns, rows) and not np.array_equal(columns, right_columns):
            return "your columns hold the rows; which row an event belongs to is what `start` says."
        if not np.array_equal(columns, right_columns):
            return "the events of row 0 come first, then those of row 1; within a row the columns ascend."
        if not np.array_equal(values, a[rows, right_columns]):
            return "values[i] is what stands in the array, with its sign; not 1 for every event."
    return None


def _start(start, counts, T: int) -> str | None:
    """Say what is wrong with the starts of rows with these counts of events."""
    right = np.concatenate([[0], np.cumsum(counts)])
    if np.array_equal(start, right):
        return None
    if np.array_equal(start, right[1:]) or np.array_equal(start, right[:-1]):
        return f"start has one entry more than there are rows, {T + 1} here: 0 at the beginning, all events at the end."
    if np.array_equal(start, counts):
        return "start is where the events of a row begin: the sum of the counts before it, not the count."
    return f"start[t] is how many events the rows before t have: {right.tolist()} where you have {start.tolist()}."


@attempt
def _batch_rows(function) -> str | None:
    if not numba.config.DISABLE_JIT and not hasattr(getattr(function, "__wrapped__", function), "py_func"):
        return "it is plain Python: put @numba.njit above it."
    rng = np.random.default_rng(1)
    for B, n, m, rate, dtype in (
        *((3, 4, 6, 0.5, np.float64), (5, 7, 3, 0.2, np.float64), (1, 8, 8, 1.0, np.float64)),
        *((4, 5, 5, 0.0, np.float64), (6, 32, 16, 0.1, np.float32)),
    ):
        s = (rng.random((B, n)) < rate).astype(dtype)
        w = rng.standard_normal((n, m)).astype(dtype)
        columns = np.nonzero(s)[1].astype(np.int64)
        start = np.concatenate([[0], np.cumsum(s.sum(axis=1))]).astype(np.int64)
        never = ~s.any(axis=0)
        right = s @ w
        w[never] = np.nan  # rows that no event asks for
        w_before = w.copy()
        z = function(columns, start, w)
        if not isinstance(z, np.ndarray):
            return f"return the array z (B, N), got {type(z).__name__}."
        if z.shape != (B, m):
            return f"z has one row per sequence and one column per column of w: {(B, m)}, got {z.shape}."
        if not np.array_equal(w, w_before, equal_nan=True):
            return "your function changes the weights."
        if np.isnan(z).any():
            return "your function reads rows of w that no event asks for: add those of columns, and no other."
        wrong = np.abs(z - right).max(axis=1) > (1e-12 if dtype == np.float64 else 1e-4)
        if wrong.any():
            b = int(np.argmax(wrong))
            if s[b].sum() == 0:
                return f"row {b} has no events, so z[{b}] is 0; does z start as zeros?"
            return f"row {b}, with the events columns[{start[b]}:{start[b + 1]}], differs from (s @ w)[{b}]."
        if z.dtype != dtype:
            return f"weights of {np.dtype(dtype)} gave {z.dtype}: make z with w.dtype."
    return None


EXERCISES = {
    "09.1": Exercise(
        check=number(
            INPUT_PART + RECURRENT_PART,
            slips={
                N_IN * N + N * N: "that is the dense step. How many rows of each matrix does a step add?",
                RECURRENT_PART: "that is (1) alone; the input costs W_in rows in (2).",
                INPUT_PART: "that is (2) alone; the layer's own spikes cost rows of W_rec in (1).",
                INPUT_RATE * N_IN + RATE * N: "that is how many rows are added; each has N entries.",
            },
        ),
        right="48 rows of 256 instead of 384: an eighth of the dense step.",
        hints=(
            "How many inputs are not 0 in a step, how many neurons fire? Each of them is one row.",
            "A row of W_in [pre, post] has N entries, and so has a row of W_rec.",
        ),
    ),
    "09.2": Exercise(
        check=_event_list,
        right="the same three arrays as the kernels', only that theirs have room for every entry.",
        hints=(
            "np.nonzero(a) gives rows and columns of all that is not 0, row by row.",
            "start is 0, followed by the running sum of how many entries of each row are not 0: np.cumsum.",
        ),
    ),
    "09.3": Exercise(
        check=number(
            DENSE / EVENTS,
            tolerance=0.03,  # 2.7 will do
            slips={
                1 / SPEEDUP_RATE: "that would be so if all six products shrank; δ and q are not sparse.",
                DENSE
                / 2: "that is the limit for a silent network; here the four sparse products still cost something.",
                EVENTS / DENSE: "that is the share that is left; the speed-up is its inverse.",
                DENSE / (3 + 3 * SPEEDUP_RATE): "only two of the six products stay dense: (8) and (12).",
                DENSE / (1 + 5 * SPEEDUP_RATE): "two of the six products stay dense, (8) and (12), not one.",
            },
        ),
        right="what stays dense sets the limit: even at rate 0 no more than 3 can be won.",
        hints=(
            "Count in units of N N multiply-adds: six products, each 1 if dense. Which of them become r?",
            "(2), (1) and the two outer products of (10) become r each; (8) and (12) stay 1 each.",
        ),
    ),
    "09.4": Exercise(
        check=_batch_rows,
        right="one row addition for each spike of the batch, and not one multiplication.",
        hints=(
            "z = np.zeros((start.size - 1, w.shape[1]), w.dtype); row b has start[b] .. start[b + 1] - 1.",
            "Three loops: over the rows b, over the events of a row, over the columns n: z[b, n] += w[i, n].",
        ),
    ),
    "09.5": Exercise(
        check=_tape,
        right="half a gigabyte for one layer: why loss_and_grad keeps no tape of the batch.",
        hints=(
            "tape.layers[0]._fields names the arrays that a tape keeps of a layer. Each is (B, T, N).",
            "Bytes: number of arrays, times B T N, times 4 for float32.",
        ),
    ),
}
