"""A backward pass of your own, compared quantity by quantity and step by step with the spec's.

Write `backward(tape, e, params)` for one layer and one sequence, and return a dict with any of

    q, eps, delta          (T, N)      equations (7), (8), (9)
    dx                     (T, n_in)   (12)
    d_w_in, d_bias, d_w_rec, d_decay, d_tap_weights, d_span_logits     (10), (11), in the shape of what they are the
    gradient of; d_span_logits (J,) as well: of a cold softmax, spans of weight 0 are no taps

It gets `e` (T, N), a `StudentTape` and `StudentParams`. What is missing in the dict is reported, not failed. Of what
is wrong the table names the quantity and the time step at which it *first* goes wrong on the way back from the loss:
the latest step, and there the first quantity in the order above. Mend that one first; the others often follow from
it.
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
    """What the forward pass of one layer left, for one sequence."""

    x: np.ndarray  # (T, n_in)
    current: np.ndarray  # (T, N) I
    v: np.ndarray  # (T, N)
    v_reset: np.ndarray  # (T, N) v⁺
    s: np.ndarray  # (T, N)
    z: np.ndarray  # (T, N)
    slope: np.ndarray  # (T, N) σ′
    mask: np.ndarray  # (N,) m


class StudentParams(NamedTuple):
    """The layer as numbers, as in `reference.Layer`, and the temperature of its span softmax."""

    w_in: np.ndarray  # (n_in, N)
    bias: np.ndarray  # (N,)
    w_rec: np.ndarray  # (N, N)
    delays: np.ndarray  # (J,) k_j
    tap_weights: np.ndarray  # (J,) p_j
    decay: np.ndarray  # (N,) β
    threshold: np.ndarray  # (N,) θ
    reset: np.ndarray  # (3,) a, h, detached
    temperature: float


def check_backward(net: Network, batch: oracle.Batch, backward: Callable) -> Report:
    """Run a student's `backward` on every layer and sequence, for a random e, and compare; see the head of this module.

    Each layer gets an e of its own, so an error in one layer does not spread to those below.
    """
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
                e, student_tape.x, recorded, student_tape.slope, layers[i], student_tape.mask
            )
            expected = spec._asdict()
            if isinstance(net.recurrence[i], ASRC) and batch.span_mode == "soft":
                expected["d_span_logits"] = reference.span_logit_gradient(layers[i], spec.d_tap_weights, temperature)
                floor = max(floor, oracle.cancelled_terms(layers[i], recorded, spec.delta, temperature))
            got = backward(student_tape, e.copy(), StudentParams(*(a.copy() for a in layers[i]), temperature))
            if not isinstance(got, dict):
                raise TypeError(f"backward must return a dict of named arrays, got {type(got).__name__}")
            pairs.append((got, expected))
        rows += _compare_layer(f"layers.{i}.", pairs, {"d_span_logits": floor})
    return Report(tuple(rows))


def _tapes(net, tape, i, b, length) -> tuple[reference.LayerTape, StudentTape]:
    """The recorded run of layer i in sequence b, for the spec and for the student."""
    recorded = reference.LayerTape(*(array[b, :length].copy() for array in tape.layers[i]))
    x = (tape.layers[i - 1].s if i > 0 else tape.x)[b, :length].copy()
    slope = net.surrogate.derivative(recorded.v - net.layers(tape.structure.span_mode)[i].threshold)
    return recorded, StudentTape(x, *recorded, slope, tape.masks[i][b].copy())


def _compare_layer(prefix: str, pairs: list[tuple[dict, dict]], floors: dict[str, float]) -> list[Row]:
    """A row for each quantity of a layer; where several are wrong, the first on the way back is marked."""
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
    """The latest t at which something differs; -1 if nothing does."""
    got = np.asarray(got)
    if got.shape != expected.shape:
        return len(expected)
    difference = np.abs(got - expected)
    wrong = ~(difference <= TOLERANCE * max(np.abs(expected).max(), 1e-9)).all(axis=1)
    return int(np.flatnonzero(wrong)[-1]) if wrong.any() else -1
