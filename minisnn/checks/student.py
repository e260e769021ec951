"""A backward pass of your own, compared quantity by quantity and step by step with the spec's.

Write `backward(tape, e, params)` for one layer and one sequence, and return a dict with any of

    q, eps, delta          (T, N)      equations (7), (8), (9)
    dx                     (T, n_in)   (12)
    d_w_in, d_bias, d_w_rec, d_decay, d_tap_weights, d_span_logits     (10), (11), in the shape of what they are the
    gradient of; d_span_logits too has shape (J,): in a cold softmax, spans of weight 0 are no taps

It gets `e` (T, N), a `StudentTape` and `StudentParams`. What is missing in the dict is reported, not counted as
wrong. The table also names the quantity and the time step that go wrong *first* on the way back from the loss: the
latest step, and there the first quantity in the order above. Mend that one first; the others often follow from it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minisnn._internal.rng import stream
from minisnn.checks import oracle
from minisnn.checks.report import NOT_RETURNED, Report, Row, compare
from minisnn.core import reference
from minisnn.core.recurrence import ASRC
from minisnn.network import Network

IN_TIME = ("q", "eps", "delta", "dx")
SUMMED = ("d_w_in", "d_bias", "d_w_rec", "d_decay", "d_tap_weights", "d_span_logits")
TOLERANCE = 1e-9
NOTHING_TESTED = "0 throughout: this network tests nothing of it"


class StudentTape(NamedTuple):
    """The recorded forward pass of one layer and sequence, as a student's `backward` gets it.

    Parameters
    ----------
    x : array (T, n_in)
        Input of the layer.
    current, v, v_reset, s, z : array (T, N)
        I, v, v⁺, s and z of equations (1) to (5).
    slope : array (T, N)
        σ′(v - θ).
    mask : array (N,)
        The dropout mask m.

    Examples
    --------
    >>> def backward(tape: ms.checks.StudentTape, e, params):
    ...     print(tape.x.shape, tape.s.shape)
    ...     return {"delta": e * tape.slope}  # right at the last step alone
    >>> net = ms.Network([2, 4, 3])
    >>> batch = ms.checks.make_batch(net, np.ones((1, 6, 2)), [0])
    >>> print(ms.checks.check_backward(net, batch, backward).wrong[0].note)
    (6, 2) (6, 4)
    FIRST WRONG, walking back: step t = 4
    """

    x: np.ndarray
    current: np.ndarray
    v: np.ndarray
    v_reset: np.ndarray
    s: np.ndarray
    z: np.ndarray
    slope: np.ndarray
    mask: np.ndarray


class StudentParams(NamedTuple):
    """The numbers of one layer, as a student's `backward` gets them.

    Parameters
    ----------
    w_in : array (n_in, N)
    bias : array (N,)
    w_rec : array (N, N)
    delays, tap_weights : array (J,)
        k_j and p_j of the taps.
    decay, threshold : array (N,)
        β and θ.
    reset : array (3,)
        a, h and detached (0 or 1).
    adaptation : array (2, N) or None
        ρ and κ of (13); None: no adaptation.
    temperature : float
        T° of the span softmax.

    Examples
    --------
    >>> def backward(tape, e, params: ms.checks.StudentParams):
    ...     print(params.w_rec.shape, params.delays, params.tap_weights)
    ...     return {"d_w_rec": np.zeros_like(params.w_rec)}
    >>> net = ms.Network([2, 4, 3], recurrence=ms.SRC(2))
    >>> report = ms.checks.check_backward(net, ms.checks.make_batch(net, np.ones((1, 6, 2)), [0]), backward)
    (4, 4) [2] [1.]
    """

    w_in: np.ndarray
    bias: np.ndarray
    w_rec: np.ndarray
    delays: np.ndarray
    tap_weights: np.ndarray
    decay: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    adaptation: np.ndarray | None
    temperature: float


def check_backward(net: Network, batch: oracle.CheckedBatch, backward: Callable) -> Report:
    """Compare a backward pass of your own with the reference's, for each layer and sequence, step by step.

    The e (T, N) is random and drawn per layer, so an error in one layer does not spread to those below.

    Parameters
    ----------
    net : Network
        A float64 copy is used.
    batch : CheckedBatch
        From `make_batch`, with its `hops` and `truncate`. Labels and penalty play no part: e is drawn for each layer.
    backward : callable
        `backward(tape, e, params)` for one layer and one sequence, with a `StudentTape` and `StudentParams`. It returns
        a dict with any of q, eps, delta (T, N), dx (T, n_in), d_w_in, d_bias, d_w_rec, d_decay, d_tap_weights and
        d_span_logits: equations (7) to (12).

    Returns
    -------
    Report
        One row per layer and quantity. The row that goes wrong first, walking back from the loss, has `first` set, and
        its note names the step. Quantities that are missing in the dict are noted, not wrong.

    Raises
    ------
    TypeError, ValueError
        If `batch` is another one; if `backward` returns no dict, an unknown name, or nothing at all.

    Examples
    --------
    >>> def backward(tape, e, params):
    ...     return {"d_bias": np.ones_like(params.bias)}
    >>> net = ms.Network([2, 4, 3])
    >>> batch = ms.checks.make_batch(net, np.ones((2, 6, 2)), [0, 2])
    >>> [row.block for row in ms.checks.check_backward(net, batch, backward).wrong]
    ['layers.0.d_bias']
    """
    if not isinstance(batch, oracle.CheckedBatch):
        raise TypeError(f"batch must come from minisnn.checks.make_batch(net, x, y), got {type(batch).__name__}")
    net = net.astype("float64")
    tape = net.record(batch.x, batch.lengths, batch.span_mode, batch.masks)
    rng = stream(0, "student")
    rows = []
    layers = net.layers(batch.span_mode)
    for i in reversed(range(len(layers))):
        pairs, floor = [], 1e-9  # of the gradient of span logits, which is a difference of larger terms
        for b, length in enumerate(batch.lengths):
            recorded, student_tape = _tapes(net, tape, i, b, int(length))
            e, temperature = rng.standard_normal(recorded.v.shape), tape.structure.temperature
            spec = reference.layer_backward(
                e, student_tape.x, recorded, student_tape.slope, layers[i], student_tape.mask, batch.cut
            )
            expected = spec._asdict()
            if isinstance(net.recurrence[i], ASRC) and batch.span_mode == "soft":
                expected["d_span_logits"] = reference.span_logit_gradient(layers[i], spec.d_tap_weights, temperature)
                floor = max(floor, oracle.cancelled_terms(layers[i], recorded, spec.delta, temperature))
            got = backward(student_tape, e.copy(), StudentParams(*map(_copied, layers[i]), temperature))
            if not isinstance(got, dict):
                raise TypeError(f"backward must return a dict of named arrays, got {type(got).__name__}")
            pairs.append((got, expected))
        rows += _compare_layer(f"layers.{i}.", pairs, {"d_span_logits": floor})
    return Report(tuple(rows))


def _copied(array):
    return None if array is None else array.copy()


def _tapes(net, tape, i, b, length) -> tuple[reference.LayerTape, StudentTape]:
    """Return the recorded run of layer i in sequence b, for the spec and for the student."""
    recorded = reference.LayerTape(*(array[b, :length].copy() for array in tape.layers[i]))
    x = (tape.layers[i - 1].s if i > 0 else tape.x)[b, :length].copy()
    layer = net.layers(tape.structure.span_mode)[i]
    slope = net.surrogate.derivative(recorded.v - reference.thresholds(layer, recorded.s))
    return recorded, StudentTape(x, *recorded, slope, tape.masks[i][b].copy())


def _compare_layer(prefix: str, pairs: list[tuple[dict, dict]], floors: dict[str, float]) -> list[Row]:
    """Make a row per quantity of a layer; of several wrong ones, mark the first on the way back."""
    unknown = sorted({name for got, _ in pairs for name in got} - {*IN_TIME, *SUMMED})
    if unknown:
        raise ValueError(f"backward returned {', '.join(unknown)}; known are {', '.join(IN_TIME + SUMMED)}")
    if not any(got for got, _ in pairs):
        raise ValueError(f"backward returned nothing to check; it may return {', '.join(IN_TIME + SUMMED)}")
    rows, first = [], None
    for name in IN_TIME + SUMMED:
        known = [(got[name], expected[name]) for got, expected in pairs if name in got and name in expected]
        if not known:
            if name in pairs[0][1]:
                rows.append(Row("student", prefix + name, 0.0, 0.0, (), 0.0, 0.0, TOLERANCE, NOT_RETURNED))
            continue
        floor = floors.get(name, 1e-9)
        worst = max((_row(prefix + name, *pair, floor) for pair in known), key=lambda row: row.max_rel)
        if worst.ok and not any(np.any(expected) for _, expected in known):
            worst = replace(worst, note=NOTHING_TESTED)  # a layer that never fires, a span longer than the sequence
        rows.append(worst)
        if name in IN_TIME and not worst.ok:
            t = max(_last_wrong_step(*pair) for pair in known)
            if first is None or t > first[0]:  # at equal t the earlier name in the order wins
                first = (t, len(rows) - 1)
    if first is not None:
        t, k = first
        rows[k] = replace(rows[k], first=True, note=rows[k].note or f"FIRST WRONG, walking back: step t = {t}")
    else:
        wrong = [k for k, row in enumerate(rows) if not row.ok]
        if wrong:
            returned = {"q", "delta"} <= set(pairs[0][0])
            note = (
                "all that it sums over time is right" if returned else "return q and delta too, to see where it starts"
            )
            rows[wrong[0]] = replace(rows[wrong[0]], first=True, note=rows[wrong[0]].note or f"FIRST WRONG: {note}")
    return rows


def _row(block: str, got, expected, floor: float) -> Row:
    got = np.asarray(got)
    if got.shape != expected.shape:
        note = f"shape {got.shape}, expected {expected.shape}"
        return Row("student", block, np.inf, np.inf, (), np.nan, np.nan, TOLERANCE, note)
    return compare("student", block, got, expected, TOLERANCE, floor)


def _last_wrong_step(got, expected) -> int:
    """Return the latest t at which something differs; -1 if nothing does."""
    got = np.asarray(got)
    if got.shape != expected.shape:
        return len(expected)
    difference = np.abs(got - expected)
    wrong = ~(difference <= TOLERANCE * max(np.abs(expected).max(), 1e-9)).all(axis=1)
    return int(np.flatnonzero(wrong)[-1]) if wrong.any() else -1
