"""The walk through a batch: micro-batches of a few lanes, layer by layer, forward and backward, on the kernels.

A micro-batch holds LANES sequences, one a lane. Memory is therefore O(LANES · T · N), whatever the batch. LANES is a
constant and not the number of threads: which sequence meets which gradient slab, and in which order slabs are added,
must not depend on the machine. So results have the same bits for any number of threads.
"""

import functools
import sys
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from minisnn import kernels
from minisnn.kernels import Events, Grads, Run
from minisnn.reference import Layer
from minisnn.surrogate import BUILT_IN

LANES = 8

# Numba's default threading layer aborts the process if two threads run parallel kernels at once.
_one_at_a_time = threading.Lock()


def aligned(shape, dtype) -> np.ndarray:
    """Zeros that start at a multiple of 64 bytes, where vector loads don't straddle cache lines."""
    dtype = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(n_bytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + n_bytes].view(dtype).reshape(shape)


def aligned_copy(a) -> np.ndarray:
    """A copy of `a` that is contiguous and aligned."""
    result = aligned(a.shape, a.dtype)
    result[...] = a
    return result


class Room(NamedTuple):
    """The arrays that a walk through B sequences fills."""

    x: np.ndarray  # (B, T, n_in)
    x_events: Events
    masks: list[np.ndarray]  # m, (B, N) a layer
    runs: list[Run]
    e: list[np.ndarray]  # (B, T, N) a layer: e on the way in, δ on the way out
    q: list[np.ndarray]  # (B, T, N) a layer
    slope: list[np.ndarray]  # (B, T, N) a layer


def new_events(*shape) -> Events:
    """Room for the events of an array of this shape."""
    return Events(aligned(shape, np.int32), aligned(shape[:-1], np.int64))


def new_room(n_sequences: int, n_steps: int, layers: list[Layer], keep: bool) -> Room:
    """Room for so many sequences; masks are 1.

    With `keep`, δ and q of every layer stay to be looked at. Otherwise layers share memory: one buffer for q and one
    for slope, and two for e, since layer i reads its own and writes that of layer i - 1.
    """
    dtype = layers[0].bias.dtype
    n_in = len(layers[0].w_in)
    shapes = [(n_sequences, n_steps, len(layer.bias)) for layer in layers]

    def shared(n_buffers):
        memory = [aligned(max(map(np.prod, shapes)), dtype) for _ in range(n_buffers)]
        return [memory[k % n_buffers][: np.prod(shape)].reshape(shape) for k, shape in enumerate(shapes)]

    def separate():
        return [aligned(shape, dtype) for shape in shapes]

    return Room(
        x=aligned((n_sequences, n_steps, n_in), dtype),
        x_events=new_events(n_sequences, n_steps, n_in),
        masks=[np.ones((n_sequences, len(layer.bias)), dtype) for layer in layers],
        runs=[Run(*(aligned(shape, dtype) for _ in range(3)), *new_events(*shape)) for shape in shapes],
        e=separate() if keep else shared(2),
        q=separate() if keep else shared(1),
        slope=shared(1),
    )


def take(arrays, part: slice):
    """`arrays[part]` for every array in a (nested) list or named tuple."""
    if isinstance(arrays, np.ndarray):
        return arrays[part]
    items = [take(item, part) for item in arrays]
    return items if isinstance(arrays, list) else type(arrays)(*items)


def micro_batches(n_sequences: int):
    """Slices of at most LANES sequences."""
    return [slice(start, min(start + LANES, n_sequences)) for start in range(0, n_sequences, LANES)]


def new_slabs(n_lanes: int, layers: list[Layer]) -> list[Grads]:
    """A slab of gradients for each lane, all layers, zero."""
    dtype = layers[0].bias.dtype
    return [
        Grads(*(aligned((n_lanes, *a.shape), dtype) for a in (d.w_in, d.bias, d.w_rec, d.decay, d.weights)))
        for d in layers
    ]


def sum_slabs(slabs: list[Grads]) -> list[Grads]:
    """The slabs of all lanes added up, lane 0 first."""
    return [Grads(*(np.add.reduce(block, axis=0) for block in slab)) for slab in slabs]


def aligned_layers(layers: list[Layer]) -> list[Layer]:
    """The same layers in arrays as the kernels like them: contiguous, aligned, writable."""
    return [Layer(*(aligned_copy(a) for a in layer)) for layer in layers]


def transposes(layers: list[Layer], input_gradient: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """W_inᵀ and W_recᵀ of each layer as copies; W_inᵀ of the first without columns unless its dx is wanted."""
    pairs = [(aligned_copy(layer.w_in.T), aligned_copy(layer.w_rec.T)) for layer in layers]
    if not input_gradient:
        pairs[0] = (pairs[0][0][:, :0].copy(), pairs[0][1])
    return pairs


def forward(room: Room, layers: list[Layer], lengths) -> None:
    """Equations (1) to (5) through all layers: from `room.x` and `room.masks` to `room.runs`."""
    below, below_events = room.x, room.x_events
    with _one_at_a_time:
        kernels.input_events_lanes(below, below_events)
        for layer, mask, run in zip(layers, room.masks, room.runs):
            kernels.forward_lanes(lengths, below, below_events, layer, mask, run)
            below, below_events = run.s, Events(run.columns, run.n)


def backward(room: Room, layers: list[Layer], transposed, surrogate, lengths, slabs: list[Grads]) -> np.ndarray:
    """Equations (7) to (10) and (12) through all layers, the last first, after `forward`.

    On entry `room.e[-1]` holds e; on return `room.e` holds each layer's δ (if the room keeps them), and lane i has
    added its gradients to slab i. Returns dx of the first layer (without columns if `transposed` has none for it).
    """
    dtype = room.x.dtype.type
    code, peak, width = slope_numbers(surrogate)
    dx = np.zeros((*room.x.shape[:2], transposed[0][0].shape[1]), dtype)
    inputs = [(room.x, room.x_events)] + [(run.s, Events(run.columns, run.n)) for run in room.runs[:-1]]
    d_inputs = [dx, *room.e[:-1]]  # (12): dx of a layer is the e of the layer below
    for i in reversed(range(len(layers))):
        if code < 0:
            room.slope[i][...] = custom_slope(surrogate, room.runs[i].v, layers[i].threshold)
        with _one_at_a_time:
            kernels.backward_lanes(
                *(lengths, *inputs[i], room.runs[i], code, dtype(peak), dtype(width), room.slope[i]),
                *(layers[i], *transposed[i], room.masks[i], room.e[i], room.q[i], d_inputs[i], slabs[i]),
            )
    return dx


def slope_numbers(surrogate) -> tuple[int, float, float]:
    """(code, peak, width) for `kernels.fill_slope`; code -1 for a surrogate that the kernels don't know."""
    if type(surrogate) in BUILT_IN:
        return BUILT_IN.index(type(surrogate)), surrogate.peak, surrogate.width
    return -1, 1.0, 1.0


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


def count_spikes(starts, lengths, last: Run) -> np.ndarray:
    """Equation (6): the spikes of the last layer in each sequence's steps R, (B, N)."""
    counts = np.zeros((len(lengths), last.s.shape[2]), last.s.dtype)
    kernels.count_spikes_lanes(starts, lengths, last, counts)
    return counts


def readout_error(starts, lengths, d_counts, e) -> None:
    """Equation (12): fills e (B, T, N) with `d_counts` (B, N) in the steps R, else 0."""
    with _one_at_a_time:
        kernels.readout_error_lanes(starts, lengths, d_counts, e)


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


@functools.cache
def prepare(dtype: str) -> None:
    """Compile the kernels for a dtype, or load them from the cache, by one tiny run; only the first call does that."""
    one = np.ones(1, dtype)
    square = np.ones((1, 1), dtype)
    layers = aligned_layers([Layer(square, one, square, np.ones(1, np.int64), one, one, one, np.zeros(3, dtype))])
    room, lengths, starts = new_room(1, 2, layers, keep=False), np.full(1, 2), np.zeros(1, np.int64)
    with announce(f"preparing the {dtype} kernels: compiled at the first use, later read from the cache"):
        forward(room, layers, lengths)
        readout_error(starts, lengths, count_spikes(starts, lengths, room.runs[-1]), room.e[-1])
        backward(room, layers, transposes(layers, True), BUILT_IN[0](), lengths, new_slabs(1, layers))


def warmup(net) -> float:
    """Compile the kernels that a network needs, or load them from the cache, and say so; returns the seconds it took.

    Without this call it happens, with a message if it takes longer than a second, at the first use.
    """
    start = time.perf_counter()
    prepare(net.dtype)
    seconds = time.perf_counter() - start
    print(f"minisnn: kernels for {net.dtype} are ready ({seconds:.1f} s)", file=sys.stderr)
    return seconds
