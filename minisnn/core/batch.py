"""The sequences of a batch, over threads: `kernels.py` for one sequence, again and again.

Each thread has room for one sequence (`Work`), so memory is O(threads · T · N) and a set of gradients for each slab,
whatever the batch size; only `record` and `adjoint` keep all of (B, T, N). Sequence b adds its gradients to slab b mod
SLABS, after the earlier sequences of that slab, and slabs are added up in order: results have the same bits for any
number of threads. Python threads suffice, since kernels release the GIL; they live as long as a call, so processes may
fork before and after.

All functions take `layers` (a list of reference.Layer), `output` (reference.Readout), the surrogate, x (B, T, n_in),
`lengths` (B,) of int64, and, where dropout may be, masks, one (B, N) array per layer, or None.
"""

import math

import numpy as np

from minisnn._internal import validate
from minisnn._internal.flat import Flat
from minisnn._internal.threads import in_threads, n_threads
from minisnn.core import kernels
from minisnn.core.kernels import SLABS, Events, Net, Weights, Work
from minisnn.core.reference import NO_PENALTY, WHOLE, Layer, LayerTape, Readout
from minisnn.core.surrogate import BUILT_IN
from minisnn.core.tape import layer_tape

PART = 2**26  # numbers of x that `logits` casts at once: 256 MB in float32
NEURON_STEPS = 100_000  # of work, below which another thread is not worth starting


def gradients(
    layers, output, surrogate, x, y, lengths, masks, threads=None, cut=WHOLE, penalty=NO_PENALTY
) -> tuple[float, list[Weights]]:
    """Return the loss, and the gradients by layer, the readout's last, as `w_in` and `bias`; y is (B,) of int64."""
    net, x, masks = _packed(layers, output, surrogate, x, masks, cut, penalty)
    slabs = np.empty((min(SLABS, len(x)), net.weights.size), x.dtype)
    losses = np.zeros(len(x), x.dtype)

    def run(slab, work):
        if net.surrogate[0] >= 0:
            kernels.slab_gradients(slab, x, y, lengths, masks, net, work, slabs, losses)
            return
        # A user's own surrogate: the same steps, but slopes are filled by Python in between.
        slabs[slab], share = 0, x.dtype.type(1 / len(x))
        for b in range(slab, len(x), SLABS):
            T = int(lengths[b])
            kernels.sequence_forward(x[b, :T], masks[b % len(masks)], net, work)
            _fill_slopes(surrogate, layers, net, work, T)
            losses[b] = kernels.loss_and_error(T, y[b], share, net, work, slabs[slab])
            no_dx = np.zeros((T, 0), x.dtype)
            losses[b] += kernels.sequence_backward(masks[b % len(masks)], no_dx, share, net, work, slabs[slab])

    in_threads(run, len(slabs), lambda: _new_work(net, x), threads or _worth(lengths, layers))
    return float(losses.mean(dtype=np.float64)), _summed(slabs, net)


def logits(layers, output, surrogate, x, lengths) -> tuple[np.ndarray, np.ndarray]:
    """Return logits (B, classes), and the number of spikes that each layer fired, (L,); x may be larger than memory."""
    n = max(1, PART // x[0].size)
    parts = [_logits(layers, output, surrogate, x[i : i + n], lengths[i : i + n]) for i in range(0, len(x), n)]
    return np.concatenate([part for part, _ in parts]), sum(n_spikes for _, n_spikes in parts)


def _logits(layers, output, surrogate, x, lengths) -> tuple[np.ndarray, np.ndarray]:
    """Run `logits` on some of the sequences."""
    net, x, masks = _packed(layers, output, surrogate, x, None)
    result = np.zeros((len(x), len(output.bias)), x.dtype)
    n_spikes = np.zeros((min(SLABS, len(x)), len(layers)), np.int64)

    def run(slab, work):
        kernels.slab_logits(slab, x, lengths, masks, net, work, result, n_spikes)

    in_threads(run, len(n_spikes), lambda: _new_work(net, x), _worth(lengths, layers))
    return result, n_spikes.sum(axis=0)


def record(layers, output, surrogate, x, lengths, masks) -> tuple[list[LayerTape], np.ndarray, np.ndarray]:
    """Run the forward half: return the tapes of the layers, counts (B, N) and logits (B, classes)."""
    net, x, masks = _packed(layers, output, surrogate, x, masks)
    B, T_max = x.shape[:2]
    vs = [np.zeros((B, T_max, len(layer.bias)), x.dtype) for layer in layers]
    lowered = [v if layer.adaptation is None else np.zeros_like(v) for layer, v in zip(layers, vs)]
    counts, result = np.zeros((B, len(output.w)), x.dtype), np.zeros((B, len(output.bias)), x.dtype)

    def run(b, work):
        T = int(lengths[b])
        kernels.sequence_forward(x[b, :T], masks[b % len(masks)], net, work)
        counts[b], result[b] = work.counts, work.logits
        for i, layer in enumerate(layers):
            vs[i][b, :T] = _rows(work.v, net, i, T_max, T)
            if layer.adaptation is not None:
                lowered[i][b, :T] = _rows(work.lowered, net, i, T_max, T)

    in_threads(run, B, lambda: _new_work(net, x), _worth(lengths, layers))
    tapes = [layer_tape(layer, v, low, lengths) for layer, v, low in zip(layers, vs, lowered)]
    return tapes, counts, result


def adjoint(
    layers, output, surrogate, x, e, lengths, masks, cut=WHOLE
) -> tuple[list[np.ndarray], np.ndarray, list[Weights]]:
    """Run the backward half for any e (B, T, N): return δ (B, T, N) per layer, dx (B, T, n_in), gradients by layer."""
    net, x, masks = _packed(layers, output, surrogate, x, masks, cut)
    B, T_max = x.shape[:2]
    deltas = [np.zeros((B, T_max, len(layer.bias)), x.dtype) for layer in layers]
    dx, slabs = np.zeros_like(x), np.zeros((min(SLABS, B), net.weights.size), x.dtype)

    def run(slab, work):
        for b in range(slab, B, SLABS):
            T = int(lengths[b])
            kernels.sequence_forward(x[b, :T], masks[b % len(masks)], net, work)
            rows = [_rows(work.e, net, i, T_max + 1, T) for i in range(len(layers))]
            rows[-1][...] = e[b, :T]
            if net.surrogate[0] < 0:
                _fill_slopes(surrogate, layers, net, work, T)
            kernels.sequence_backward(masks[b % len(masks)], dx[b, :T], x.dtype.type(1), net, work, slabs[slab])
            for delta, of_sequence in zip(deltas, rows):
                delta[b, :T] = of_sequence

    in_threads(run, len(slabs), lambda: _new_work(net, x), _worth(lengths, layers))
    return deltas, dx, _summed(slabs, net)


def _worth(lengths, layers) -> int:
    """Return the number of threads that a batch is worth."""
    neuron_steps = int(lengths.sum()) * sum(len(layer.bias) for layer in layers)
    return min(n_threads(), 1 + neuron_steps // NEURON_STEPS)


# Numbers in flat arrays


def pack(layers: list[Layer], output: Readout, surrogate, cut=WHOLE, penalty=NO_PENALTY) -> Net:
    """Pack a network into a `kernels.Net`."""
    dtype, C = layers[0].bias.dtype, len(output.bias)
    weights, constants, delays, table, neurons = Flat(), Flat(), Flat(), [], 0
    no_taps, unread = np.zeros(0), np.zeros(C)  # the readout is a layer without taps, decay, threshold and reset
    as_layer = Layer(output.w, output.bias, np.zeros((0, C)), no_taps, no_taps, unread, unread, np.zeros(3))
    for layer in [*layers, as_layer]:
        n_in, N, J = *layer.w_in.shape, len(layer.delays)
        w_rec = layer.w_rec if J > 0 else layer.w_rec[:0]
        adaptation = np.zeros((0, N)) if layer.adaptation is None else layer.adaptation
        table.append(
            [n_in, N, J, neurons]
            + [weights.add(a) for a in (layer.w_in, layer.bias, w_rec, layer.decay, layer.tap_weights)]
            + [constants.add(a) for a in (layer.threshold, layer.reset, layer.w_in.T, w_rec.T)]
            + [delays.add(layer.delays), constants.add(adaptation), len(adaptation) // 2]
        )
        neurons += N
    code, peak, width = slope_numbers(surrogate)
    return Net(
        table=np.array(table),
        weights=weights.array(dtype),
        constants=constants.array(dtype),
        delays=delays.array(np.int64),
        surrogate=(code, dtype.type(peak), dtype.type(width)),
        window=np.iinfo(np.int64).max if output.window is None else output.window,
        tiny=dtype.type(np.finfo(dtype).tiny * 1e8),
        hops=cut.hops,
        truncate=2**62 if cut.truncate is None else cut.truncate,
        penalty=(dtype.type(penalty.strength), dtype.type(penalty.rate)),
    )


def _packed(layers, output, surrogate, x, masks, cut=WHOLE, penalty=NO_PENALTY) -> tuple[Net, np.ndarray, np.ndarray]:
    """Return the packed network; x in its dtype, contiguous, writable; masks side by side, (B or 1, all neurons)."""
    net, dtype = pack(layers, output, surrogate, cut, penalty), layers[0].bias.dtype
    ones = [np.ones((1, len(layer.bias))) for layer in layers]  # without dropout one mask serves all sequences
    side_by_side = np.concatenate(ones if masks is None else masks, axis=1)
    return net, *(np.require(array, dtype, ["C", "A", "W"]) for array in (x, side_by_side))


def _new_work(net: Net, x) -> Work:
    """Allocate room for one sequence of x (B, T, n_in)."""
    _, T, n_in = x.shape
    sizes = net.table[:-1, kernels.N_OUT]
    all_neurons, piece = int(sizes.sum()), kernels.PIECE * int(sizes.max())

    def empty(n, dtype=x.dtype):
        return np.empty(int(n), dtype)  # pages that are never touched cost nothing

    return Work(
        T,
        Events(empty(T * n_in, np.int64), empty(T * n_in), empty(T + 1, np.int64)),
        *(empty(T * all_neurons, dtype) for dtype in (x.dtype, x.dtype, x.dtype, np.int64, x.dtype)),
        start=empty((T + 1) * len(sizes), np.int64),
        e=empty((T + 1) * all_neurons),
        slope=empty(T * all_neurons if net.surrogate[0] < 0 else piece),
        q=empty(piece),
        row=empty(sizes.max()),
        z_delta=empty((net.table[:-1, kernels.N_TAPS] * sizes).max()),
        counts=empty(net.table[-1, kernels.N_IN]),
        logits=empty(net.table[-1, kernels.N_OUT]),
    )


def _rows(flat, net: Net, i: int, room: int, T: int) -> np.ndarray:
    """Return the first T of `room` steps of layer i in an array of `Work`, (T, N)."""
    at, N = int(net.table[i, kernels.NEURON]) * room, int(net.table[i, kernels.N_OUT])
    return flat[at : at + T * N].reshape(T, N)


def _fill_slopes(surrogate, layers, net: Net, work: Work, T: int) -> None:
    """Fill `work.slope` with σ′(v - θ) of all layers, by a user's own derivative."""
    for i, layer in enumerate(layers):
        lowered = work.v if layer.adaptation is None else work.lowered
        u = _rows(lowered, net, i, work.room, T) - layer.threshold
        _rows(work.slope, net, i, work.room, T)[...] = validate.slope(surrogate, u)


def _summed(slabs, net: Net) -> list[Weights]:
    """Add up the gradients of all slabs, in order, and return them by layer."""
    total, grads = slabs.sum(axis=0), []
    total[np.abs(total) < net.tiny] = 0
    for at in net.table:
        n_in, N, J = at[:3]
        shapes = ((n_in, N), (N,), (N if J > 0 else 0, N), (N,), (J,))
        starts = at[[kernels.W_IN, kernels.BIAS, kernels.W_REC, kernels.DECAY, kernels.TAP_WEIGHTS]]
        grads.append(Weights(*(total[a : a + math.prod(shape)].reshape(shape) for a, shape in zip(starts, shapes))))
    return grads


# Surrogates


def slope_numbers(surrogate) -> tuple[int, float, float]:
    """Return (code, peak, width) for `kernels.fill_slope`; code -1 for a surrogate that the kernels don't know."""
    if type(surrogate) in BUILT_IN:
        return BUILT_IN.index(type(surrogate)), surrogate.peak, surrogate.width
    return -1, 1.0, 1.0
