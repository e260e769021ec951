"""The sequences of a batch, over threads: `kernels.py` for one sequence, again and again.

Each thread has room for one sequence (`Work`), so memory is O(threads · T · N), whatever the batch. Sequence b adds its
gradients to slab b mod SLABS, after the sequences before it in that slab, and slabs are added up in order: results have
the same bits for any number of threads. Threads are Python's, since kernels release the GIL; they live as long as a
call, so processes may fork before and after.
"""

import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numba
import numpy as np

from minisnn.core import kernels
from minisnn.core.kernels import SLABS, Events, Grads, Net, Work
from minisnn.core.reference import Layer, LayerTape, Readout
from minisnn.core.surrogate import BUILT_IN
from minisnn.core.tape import layer_tape

NEURON_STEPS = 100_000  # of work that a thread is worth starting for


def gradients(layers, output, surrogate, x, y, lengths, masks, threads=None) -> tuple[float, list[Grads]]:
    """Loss and gradients of a batch: of the hidden layers, then of the readout, W_out and b_out as W_in and b.

    Parameters
    ----------
    layers : list of reference.Layer
    output : reference.Readout
    surrogate : one of `minisnn.core.surrogate`
    x : array (B, T, n_in)
    y, lengths : arrays (B,) of int64
    masks : list of array (B, N) or None
    threads : int, optional
        At most so many; default: `n_threads()`.
    """
    net, x, masks = pack(layers, output, surrogate), _in_dtype(x, layers), _pack_masks(masks, len(x), layers)
    slabs = np.empty((min(SLABS, len(x)), net.weights.size), x.dtype)
    losses = np.zeros(len(x), x.dtype)

    def run(slab, work):
        if net.surrogate[0] >= 0:
            kernels.slab_gradients(slab, x, y, lengths, masks, net, work, slabs, losses)
            return
        # A user's own surrogate: the same steps, with slopes by Python in between.
        share = x.dtype.type(1 / len(x))
        slabs[slab] = 0
        for b in range(slab, len(x), SLABS):
            T = int(lengths[b])
            kernels.sequence_forward(x[b, :T], masks[b], net, work)
            fill_slopes(surrogate, layers, net, work, T)
            losses[b] = kernels.loss_and_error(T, y[b], share, net, work, slabs[slab])
            kernels.sequence_backward(masks[b], np.zeros((T, 0), x.dtype), net, work, slabs[slab])

    in_threads(run, len(slabs), lambda: new_work(net, x), threads or _worth(lengths, layers))
    return float(losses.mean(dtype=np.float64)), summed(slabs, net)


def logits(layers, output, surrogate, x, lengths, threads=None) -> tuple[np.ndarray, np.ndarray]:
    """Logits (B, classes) of a batch, and the spikes of each layer, (L,); arguments as in `gradients`."""
    net, x, masks = pack(layers, output, surrogate), _in_dtype(x, layers), _pack_masks(None, len(x), layers)
    result = np.zeros((len(x), len(output.bias)), x.dtype)
    n_spikes = np.zeros((min(SLABS, len(x)), len(layers)), np.int64)

    def run(slab, work):
        kernels.slab_logits(slab, x, lengths, masks, net, work, result, n_spikes)

    in_threads(run, len(n_spikes), lambda: new_work(net, x), threads or _worth(lengths, layers))
    return result, n_spikes.sum(axis=0)


def record(layers, output, surrogate, x, lengths, masks) -> tuple[list[LayerTape], np.ndarray, np.ndarray]:
    """The forward half: tapes of the layers, counts (B, N) and logits (B, classes); arguments as in `gradients`."""
    net, x, masks = (
        pack(layers, output, surrogate, keep_z=True),
        _in_dtype(x, layers),
        _pack_masks(masks, len(x), layers),
    )
    B, T_max = x.shape[:2]
    kept = [(np.zeros((B, T_max, len(d.bias)), x.dtype), np.zeros((B, T_max, len(d.bias)), x.dtype)) for d in layers]
    counts, result = np.zeros((B, len(output.w)), x.dtype), np.zeros((B, len(output.bias)), x.dtype)

    def run(b, work):
        T = int(lengths[b])
        kernels.sequence_forward(x[b, :T], masks[b], net, work)
        counts[b], result[b] = work.counts, work.logits
        for i, (v, z) in enumerate(kept):
            v[b, :T], z[b, :T] = (_rows(flat, net, i, T_max, T) for flat in (work.v, work.z))

    in_threads(run, B, lambda: new_work(net, x), _worth(lengths, layers))
    return [layer_tape(layer, v, z, lengths) for layer, (v, z) in zip(layers, kept)], counts, result


def adjoint(layers, output, surrogate, x, e, lengths, masks) -> tuple[list[np.ndarray], np.ndarray, list[Grads]]:
    """The backward half, for any e (B, T, N): δ (B, T, N) of each layer, dx (B, T, n_in) and gradients."""
    net, x, masks = pack(layers, output, surrogate), _in_dtype(x, layers), _pack_masks(masks, len(x), layers)
    B, T_max = x.shape[:2]
    deltas = [np.zeros((B, T_max, len(layer.bias)), x.dtype) for layer in layers]
    dx = np.zeros_like(x)
    slabs = np.zeros((min(SLABS, B), net.weights.size), x.dtype)

    def run(slab, work):
        for b in range(slab, B, SLABS):
            T = int(lengths[b])
            kernels.sequence_forward(x[b, :T], masks[b], net, work)
            delta = [_rows(work.e, net, i, T_max + 1, T) for i in range(len(layers))]
            delta[-1][...] = e[b, :T]
            if net.surrogate[0] < 0:
                fill_slopes(surrogate, layers, net, work, T)
            kernels.sequence_backward(masks[b], dx[b, :T], net, work, slabs[slab])
            for kept, rows in zip(deltas, delta):
                kept[b, :T] = rows

    in_threads(run, len(slabs), lambda: new_work(net, x), _worth(lengths, layers))
    return deltas, dx, summed(slabs, net)


def summed(slabs, net: Net) -> list[Grads]:
    """The gradients of all slabs added up, by layer."""
    total = slabs.sum(axis=0)
    total[np.abs(total) < net.tiny] = 0
    grads = []
    for at in net.table:
        n_in, N, J = at[:3]
        shapes = {
            kernels.W_IN: (n_in, N),
            kernels.BIAS: (N,),
            kernels.W_REC: (N if J > 0 else 0, N),
            kernels.DECAY: (N,),
            kernels.TAP_WEIGHTS: (J,),
        }
        grads.append(Grads(*(total[at[c] : at[c] + math.prod(s)].reshape(s) for c, s in shapes.items())))
    return grads


# Threads


def n_threads() -> int:
    """How many threads share a batch: NUMBA_NUM_THREADS, by default as many as cores that this process may use."""
    return numba.config.NUMBA_NUM_THREADS


def _worth(lengths, layers) -> int:
    """How many threads a batch is worth."""
    neuron_steps = int(lengths.sum()) * sum(len(layer.bias) for layer in layers)
    return min(n_threads(), 1 + neuron_steps // NEURON_STEPS)


def in_threads(run, n_tasks: int, new_room, threads: int) -> None:
    """Call `run(task, room)` for each task < n_tasks; each thread has a room of its own and takes the next task."""
    tasks, lock = iter(range(n_tasks)), threading.Lock()

    def work_on():
        room = new_room()
        while True:
            with lock:
                task = next(tasks, None)
            if task is None:
                return
            run(task, room)

    threads = min(threads, n_tasks)
    if threads == 1:
        return work_on()
    with ThreadPoolExecutor(threads - 1, "minisnn") as pool:  # this thread is one of them
        others = [pool.submit(work_on) for _ in range(threads - 1)]
        work_on()
        for other in others:
            other.result()


# Numbers in flat arrays


def pack(layers: list[Layer], output: Readout, surrogate, keep_z: bool = False) -> Net:
    """A network as `kernels.Net`."""
    dtype = layers[0].bias.dtype
    weights, constants, delays, table, neurons = _Flat(), _Flat(), _Flat(), [], 0
    for layer in [*layers, _as_layer(output)]:
        n_in, N, J = *layer.w_in.shape, len(layer.delays)
        w_rec = layer.w_rec if J > 0 else layer.w_rec[:0]
        table.append(
            [n_in, N, J, neurons]
            + [weights.add(a) for a in (layer.w_in, layer.bias, w_rec, layer.decay, layer.tap_weights)]
            + [constants.add(a) for a in (layer.threshold, layer.reset, layer.w_in.T, w_rec.T)]
            + [delays.add(layer.delays)]
        )
        neurons += N
    code, peak, width = slope_numbers(surrogate)
    return Net(
        table=np.array(table),
        weights=weights.array(dtype),
        constants=constants.array(dtype),
        delays=delays.array(np.int64),
        surrogate=(code, dtype.type(peak), dtype.type(width)),
        keep_z=keep_z,
        window=np.iinfo(np.int64).max if output.window is None else output.window,
        tiny=dtype.type(np.finfo(dtype).tiny * 1e8),
    )


class _Flat:
    """Arrays one behind the other, each at a multiple of 64 bytes, where vector loads don't straddle cache lines."""

    def __init__(self):
        self.size, self.parts = 0, []

    def add(self, a) -> int:
        """Append an array; returns where it starts."""
        start = self.size
        self.parts.append((start, a))
        self.size += -(-a.size // 16) * 16
        return start

    def array(self, dtype) -> np.ndarray:
        flat = aligned(self.size, dtype)
        for start, a in self.parts:
            flat[start : start + a.size].reshape(a.shape)[...] = a
        return flat


def _as_layer(output: Readout) -> Layer:
    C = len(output.bias)
    return Layer(output.w, output.bias, np.zeros((0, C)), *np.zeros((2, 0)), *np.zeros((2, C)), np.zeros(3))


def _pack_masks(masks, n_sequences: int, layers) -> np.ndarray:
    """Masks of all layers side by side, (B, all neurons)."""
    sizes = [len(layer.bias) for layer in layers]
    packed = np.ones((n_sequences, sum(sizes)), layers[0].bias.dtype)
    if masks is not None:
        packed[...] = np.concatenate(masks, axis=1)
    return packed


def _in_dtype(x, layers) -> np.ndarray:
    """x as kernels take it: in the dtype of the layers, contiguous and writable."""
    return np.require(x, layers[0].bias.dtype, ["C", "A", "W"])


def new_work(net: Net, x) -> Work:
    """Room for one sequence of x (B, T, n_in)."""
    _, T, n_in = x.shape
    sizes = net.table[:-1, kernels.N_OUT]
    all_neurons, piece = int(sizes.sum()), kernels.PIECE * int(sizes.max())

    def empty(n, dtype=x.dtype):
        return np.empty(n, dtype)  # pages that are never touched cost nothing

    slopes = T * all_neurons if net.surrogate[0] < 0 else piece
    return Work(
        room=T,
        x=Events(empty(T * n_in, np.int64), empty(T * n_in), empty(T + 1, np.int64)),
        v=empty(T * all_neurons),
        z=empty(T * all_neurons),
        columns=empty(T * all_neurons, np.int64),
        values=empty(T * all_neurons),
        start=np.zeros((T + 1) * len(sizes), np.int64),
        e=empty((T + 1) * all_neurons),
        slope=empty(slopes),
        q=empty(piece),
        z_delta=empty(int((net.table[:-1, kernels.N_TAPS] * sizes).max())),
        counts=empty(int(net.table[-1, kernels.N_IN])),
        logits=empty(int(net.table[-1, kernels.N_OUT])),
    )


def _rows(flat, net: Net, i: int, room: int, T: int) -> np.ndarray:
    """The first T of `room` steps of layer i in an array of `Work`, (T, N)."""
    at, N = int(net.table[i, kernels.NEURON]) * room, int(net.table[i, kernels.N_OUT])
    return flat[at : at + T * N].reshape(T, N)


def aligned(size: int, dtype) -> np.ndarray:
    """Zeros that start at a multiple of 64 bytes."""
    n_bytes = size * np.dtype(dtype).itemsize
    room = np.zeros(n_bytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + n_bytes].view(dtype)


# Surrogates


def slope_numbers(surrogate) -> tuple[int, float, float]:
    """(code, peak, width) for `kernels.fill_slope`; code -1 for a surrogate that the kernels don't know."""
    if type(surrogate) in BUILT_IN:
        return BUILT_IN.index(type(surrogate)), surrogate.peak, surrogate.width
    return -1, 1.0, 1.0


def fill_slopes(surrogate, layers, net: Net, work: Work, T: int) -> None:
    """σ′(v - θ) of all layers into `work.slope`, from a user's own derivative."""
    for i, layer in enumerate(layers):
        v = _rows(work.v, net, i, work.room, T)
        _rows(work.slope, net, i, work.room, T)[...] = custom_slope(surrogate, v, layer.threshold)


def custom_slope(surrogate, v, threshold) -> np.ndarray:
    """σ′(v - θ) from a user's own derivative, checked: finite real numbers in the shape of v."""
    slope = np.asarray(surrogate.derivative(v - threshold))
    if slope.shape != v.shape:
        raise ValueError(
            f"the derivative of surrogate {surrogate.name!r} must keep the shape {v.shape}, got {slope.shape}"
        )
    if slope.dtype.kind not in "biuf" or not np.isfinite(slope).all():
        raise ValueError(
            f"the derivative of surrogate {surrogate.name!r} must give finite real numbers; "
            f"got dtype {slope.dtype} for u between {(v - threshold).min():.3g} and {(v - threshold).max():.3g}"
        )
    return slope


# Compilation


@contextmanager
def announce(message: str, after: float = 1.0):
    """Print `message` to standard error if what is inside takes longer than `after` seconds, then how long it took."""
    start = time.perf_counter()
    timer = threading.Timer(after, lambda: print(f"minisnn: {message} ...", end="", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        seconds = time.perf_counter() - start
        if seconds > after:
            print(f" {seconds:.0f} s", file=sys.stderr, flush=True)


@cache
def prepare(dtype: str) -> None:
    """Compile the kernels for a dtype, or load them from the cache, by one tiny run; only the first call does that."""
    one, square = np.ones(1, dtype), np.ones((1, 1), dtype)
    layers = [Layer(square, one, square, np.ones(1, np.int64), one, one, one, np.zeros(3, dtype))]
    batch = (layers, Readout(np.ones((1, 2), dtype), np.ones(2, dtype), None), BUILT_IN[0](), np.ones((1, 2, 1), dtype))
    with announce(f"preparing the {dtype} kernels: compiled at the first use, later read from the cache"):
        gradients(*batch, np.zeros(1, np.int64), np.full(1, 2), None)


def warmup(net) -> float:
    """Compile the kernels that a network needs, or load them from the cache, and say so; returns the seconds it took.

    Without this call it happens, with a message if it takes longer than a second, at the first use.
    """
    start = time.perf_counter()
    prepare(net.dtype)
    seconds = time.perf_counter() - start
    print(f"minisnn: kernels for {net.dtype} are ready ({seconds:.1f} s)", file=sys.stderr)
    return seconds
