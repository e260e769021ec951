"""Rung 7: what must hold by construction, whatever the numbers."""

import numpy as np

from minisnn._internal.rng import stream
from minisnn.checks import oracle
from minisnn.checks.oracle import CheckedBatch
from minisnn.checks.report import Row, compare
from minisnn.core import readout
from minisnn.core.kernels import SLABS
from minisnn.core.neuron import LIF
from minisnn.core.parameters import SPAN_LOGIT
from minisnn.core.recurrence import ASRC, SRC, Recurrent
from minisnn.network import Network

RUNG = "7 structure"


def structure(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 7: causality, linearity, batches, lengths, windows, arrival after exactly λ steps, and limits.

    Sees a step too early or too late, a sequence that is lost or counted twice, in a slab too, a wrong share of the
    batch, in spec and kernels alike, without any reference. Can't see a wrong factor.
    """
    net = net.astype("float64")
    rows = [
        *causality(net, batch),
        *linearity(net, batch),
        *batches(net, batch),
        *lengths(net, batch),
        *windows(net, batch),
    ]
    for recurrence in dict.fromkeys(net.recurrence):
        rows += arrival(recurrence)
    return rows + span_logits(net, batch)


def causality(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that nothing before t changes with x[t], and that no gradient reaches a step after the last one read."""
    T = batch.x.shape[1]
    t = T // 2
    changed = batch.x.copy()
    changed[:, t:] += 3.0
    tape, other = net.record(batch.x), net.record(changed)
    rows = [
        compare(RUNG, f"layers.{i}.v before t", b.v[:, :t], a.v[:, :t], 0.0)
        for i, (a, b) in enumerate(zip(tape.layers, other.layers))
    ]
    e = np.zeros_like(tape.layers[-1].s)
    e[:, t] = 1.0
    adjoint = net.adjoint(tape, e)
    for i, delta in enumerate(adjoint.delta):
        rows.append(compare(RUNG, f"layers.{i}.delta after t", delta[:, t + 1 :], 0 * delta[:, t + 1 :], 0.0))
    rows.append(compare(RUNG, "dx after t", adjoint.dx[:, t + 1 :], 0 * adjoint.dx[:, t + 1 :], 0.0))
    return rows


def arrival(recurrence) -> list[Row]:
    """Check, for each λ, that a spike arrives exactly λ steps later, and that the δ of that step returns to it."""
    if not isinstance(recurrence, Recurrent | SRC | ASRC):
        return []
    spans = {Recurrent: lambda: [1], SRC: lambda: [recurrence.span], ASRC: lambda: range(1, recurrence.max_span + 1)}
    rows = []
    for span in spans[type(recurrence)]():
        T = span + 2
        net = Network([1, 2, 2], recurrence, LIF(decay=0.0), dtype="float64")
        net.params["layers.0.bias"] = [0.0, 0.5]
        net.params["layers.0.w_in"] = [[1.0, 0.0]]
        net.params["layers.0.w_rec"] = [[0.0, 0.25], [0.0, 0.0]]  # neuron 0 speaks to neuron 1
        if isinstance(recurrence, ASRC):
            name = "span_logits" if recurrence.shared else "layers.0.span_logits"
            net.params[name] = np.arange(1, recurrence.max_span + 1) == span
            net.temperature = 1e-3
        x = np.full((1, T, 1), 0.5)  # potentials near θ, where σ′ is not 0
        x[0, 0] = 1.0
        tape = net.record(x)
        heard = np.where(np.arange(T) == span, 0.75, 0.5)
        rows.append(compare(RUNG, f"arrival after {span}", tape.layers[0].current[0, :, 1], heard, 0.0))
        e = np.zeros((1, T, 2))
        e[0, T - 1, 1] = 1.0
        delta = net.adjoint(tape, e).delta[0][0]
        sent = np.zeros(T)
        sent[1] = net.surrogate.derivative(tape.layers[0].v[0, 1, 0] - 1.0) * 0.25 * delta[-1, 1]  # T - 1 - λ = 1
        rows.append(compare(RUNG, f"return after {span}", delta[:, 0], sent, 1e-14))
    return rows


def linearity(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that the backward pass is linear in e."""
    tape = net.record(batch.x, batch.lengths, batch.span_mode, batch.masks)
    rng = stream(0, "linearity")
    e, f = rng.standard_normal((2, *tape.layers[-1].s.shape))
    of_e, of_f, both = (net.adjoint(tape, part).grads for part in (e, f, 2 * e - 3 * f))
    floor, sizes = (
        np.abs(of_e.flat).max() + np.abs(of_f.flat).max(),
        oracle.cancelled(net, tape, 2 * np.abs(e) + 3 * np.abs(f)),
    )
    return [
        compare(
            RUNG, f"linear: {name}", both[name], 2 * of_e[name] - 3 * of_f[name], 1e-12, max(floor, sizes.get(name, 0))
        )
        for name in both
        if not name.startswith("readout.")  # e enters below it
    ]


def batches(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that the gradient of a batch is the mean over its sequences, also where a slab sums several of them."""
    arguments = [(batch.x, batch.y, batch.lengths, batch.span_mode, batch.masks)]
    times = SLABS // len(batch.y) + 1
    x, y, lengths, *masks = (np.concatenate([part] * times) for part in (batch.x, batch.y, batch.lengths, *batch.masks))
    arguments.append((x, y, lengths, batch.span_mode, masks))
    for b in range(len(batch.y)):
        one = slice(b, b + 1)
        masks = [mask[one] for mask in batch.masks]
        arguments.append((batch.x[one], batch.y[one], batch.lengths[one], batch.span_mode, masks))
    (loss, grads), (loss_repeated, repeated), *singles = [net.loss_and_grad(*a, **batch.options) for a in arguments]
    tape = net.record(batch.x, batch.lengths, batch.span_mode, batch.masks)
    floor, sizes = np.abs(grads.flat).max(), oracle.cancelled(net, tape, oracle.loss_error(net, tape, batch.y))
    rows = [
        compare(RUNG, "batch loss = mean", loss, np.mean([single[0] for single in singles]), 1e-12, 1.0),
        compare(RUNG, "batch repeated: loss", loss_repeated, loss, 1e-12, 1.0),
    ]
    for name in grads:
        mean, largest = np.mean([single[name] for _, single in singles], axis=0), max(floor, sizes.get(name, 0))
        rows.append(compare(RUNG, f"mean of singles: {name}", grads[name], mean, 1e-12, largest))
        rows.append(compare(RUNG, f"batch repeated: {name}", repeated[name], grads[name], 1e-12, largest))
    return rows


def lengths(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that steps after the end of a sequence change neither loss nor gradients."""
    T = batch.x.shape[1]
    short = np.maximum(1, T - 1 - np.arange(len(batch.y)) % T)
    noisy = np.where(np.arange(T)[:, np.newaxis] < short[:, np.newaxis, np.newaxis], batch.x, 7.0)
    (loss, grads), (noisy_loss, noisy_grads) = (net.loss_and_grad(x, batch.y, short) for x in (batch.x, noisy))
    one, alone = slice(0, 1), slice(0, int(short[0]))
    cut, padded = (
        net.loss_and_grad(batch.x[one, alone], batch.y[one]),
        net.loss_and_grad(batch.x[one], batch.y[one], short[one]),
    )
    return [
        compare(RUNG, "after the end: loss", noisy_loss, loss, 0.0),
        compare(RUNG, "after the end: gradients", noisy_grads.flat, grads.flat, 0.0),
        compare(RUNG, "cut off = lengths", padded[1].flat, cut[1].flat, 0.0),
    ]


def windows(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that the readout counts the spikes of its window, the last steps of each sequence."""
    tape = net.record(batch.x, batch.lengths)
    w, b, window = net.readout()
    counts, n_read = np.zeros_like(tape.counts), np.zeros(len(batch.y))
    for i, length in enumerate(batch.lengths):
        steps = range(length) if window is None else range(max(0, length - window), length)
        counts[i] = sum(tape.layers[-1].s[i, t] for t in steps)
        n_read[i] = len(steps)
    return [
        compare(RUNG, "counts", tape.counts, counts, 0.0),
        compare(RUNG, "logits", tape.logits, readout.logits(counts, n_read, w, b), 1e-12),
    ]


def span_logits(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check that gradients of span logits sum to 0, and that a cold mixture becomes its arg-max."""
    names = net.params.names(SPAN_LOGIT)
    if not names:
        return []
    _, grads = net.loss_and_grad(batch.x, batch.y)
    tape = net.record(batch.x)
    sizes, rows = oracle.cancelled(net, tape, oracle.loss_error(net, tape, batch.y)), []
    for name in names:
        floor = max(np.abs(grads[name]).max(), sizes[name], 1e-3)
        rows.append(compare(RUNG, f"sum of d {name}", grads[name].sum(), 0.0, 1e-12, floor))
    cold = net.astype(net.dtype)
    for name in names:
        K = len(cold.params[name])
        cold.params[name] = stream(0, "cold", name).permutation(K) / K  # distinct
    cold.temperature = 1e-4
    (soft, soft_grads), (hard, hard_grads) = (
        cold.loss_and_grad(batch.x, batch.y, span_mode=s) for s in ("soft", "hard")
    )
    others = np.concatenate(
        [soft_grads.flat[:0], *(soft_grads[name].ravel() for name in soft_grads if name not in names)]
    )
    hard_others = np.concatenate([hard_grads.flat[:0], *(hard_grads[n].ravel() for n in hard_grads if n not in names)])
    rows.append(compare(RUNG, "cold = hard: loss", soft, hard, 1e-12))
    rows.append(compare(RUNG, "cold = hard: gradients", others, hard_others, 1e-12, np.abs(hard_others).max()))
    return rows
