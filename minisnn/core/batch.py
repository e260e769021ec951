"""The walk through a batch: micro-batches of a few lanes, layer by layer, forward and backward, on the kernels.

A micro-batch holds a few sequences, one a lane, so memory is O(lanes · T · N), whatever the batch, and fits a cache.
How many lanes there are follows the number of threads, but nothing that is computed does: sequence b adds its gradients
to slab b mod SLABS, after the sequences before it in that slab, and slabs are added up in order. So results have the
same bits for any number of threads.
"""

import functools
import sys
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

import numba
import numpy as np

from minisnn.core import kernels
from minisnn.core.kernels import Events, Grads, Run
from minisnn.core.reference import Layer
from minisnn.core.surrogate import BUILT_IN

SLABS = 16  # a constant: sums over sequences are grouped by it
FEWEST_LANES = 4
CHUNK = 256  # steps at a time where no tape is kept

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
    v_reset: list[np.ndarray]  # v⁺ of the last step, (B, N) a layer
    runs: list[Run]
    e: list[np.ndarray]  # (B, T, N) a layer: e on the way in, δ on the way out
    q: list[np.ndarray]  # (B, T, N) a layer
    slope: list[np.ndarray]  # (B, T, N) a layer


def new_events(shape, dtype) -> Events:
    """Room for the events of an array of this shape, (B, T, n)."""
    B, T, n = shape
    return Events(aligned((B, T * n), np.int64), aligned((B, T * n), dtype), np.zeros((B, T + 1), np.int64))


def new_room(n_sequences: int, n_steps: int, layers: list[Layer]) -> Room:
    """Room for a forward pass through so many sequences; masks are 1."""
    dtype = layers[0].bias.dtype
    n_in = len(layers[0].w_in)
    shapes = [(n_sequences, n_steps, len(layer.bias)) for layer in layers]
    return Room(
        x=aligned((n_sequences, n_steps, n_in), dtype),
        x_events=new_events((n_sequences, n_steps, n_in), dtype),
        masks=[np.ones((n_sequences, len(layer.bias)), dtype) for layer in layers],
        v_reset=[np.zeros((n_sequences, len(layer.bias)), dtype) for layer in layers],
        runs=[Run(aligned(shape, dtype), aligned(shape, dtype), *new_events(shape, dtype)) for shape in shapes],
        e=[],
        q=[],
        slope=[],
    )


def with_backward(room: Room, layers: list[Layer], surrogate, keep: bool) -> Room:
    """The same room, with space for a backward pass as well.

    With `keep`, z and δ of every layer stay to be looked at. Otherwise there is no z of layers with one tap, and
    layers share two buffers for e, since layer i reads its own and writes that of layer i - 1. All share one for q and
    one for slope, which hold a piece of the steps (a slope that Python fills: all of them).
    """
    B, T = room.x.shape[:2]
    sizes = [len(layer.bias) for layer in layers]
    piece = min(T, kernels.PIECE)

    def buffers(n_buffers, n_rows):
        memory = [aligned(B * n_rows * max(sizes), room.x.dtype) for _ in range(n_buffers)]
        return [memory[i % n_buffers][: B * n_rows * N].reshape(B, n_rows, N) for i, N in enumerate(sizes)]

    def without_z(run, layer):
        return run if keep or len(layer.delays) > 1 else run._replace(z=aligned((B, T, 0), room.x.dtype))

    return room._replace(
        runs=[without_z(run, layer) for run, layer in zip(room.runs, layers)],
        e=buffers(len(layers) if keep else 2, T),
        q=buffers(1, piece),
        slope=buffers(1, T if slope_numbers(surrogate)[0] < 0 else piece),
    )


def take(arrays, part: slice):
    """`arrays[part]` for every array in a (nested) list or named tuple."""
    if isinstance(arrays, np.ndarray):
        return arrays[part]
    items = [take(item, part) for item in arrays]
    return items if isinstance(arrays, list) else type(arrays)(*items)


def n_lanes(n_sequences: int) -> int:
    """How many sequences run at once: as many as there are threads, made a power of two; at least 4, at most SLABS."""
    lanes = FEWEST_LANES
    while lanes < min(SLABS, numba.get_num_threads()):
        lanes *= 2
    return min(lanes, n_sequences)


def micro_batches(n_sequences: int) -> list[slice]:
    """Slices of at most `n_lanes` sequences."""
    step = n_lanes(n_sequences)
    return [slice(start, min(start + step, n_sequences)) for start in range(0, n_sequences, step)]


def slabs_of(slabs: list[Grads], part: slice) -> list[Grads]:
    """The slabs that the sequences of a micro-batch add to: sequence b to slab b mod SLABS."""
    return take(slabs, slice(part.start % SLABS, part.start % SLABS + part.stop - part.start))


def new_slabs(n_sequences: int, layers: list[Layer], learns_decay: list[bool]) -> list[Grads]:
    """SLABS slabs of gradients of all layers, or as many as there are sequences; zero.

    Empty for a decay that is fixed, and for the weight of a single tap, which is always 1: kernels then leave them out.
    """
    slabs = []
    for layer, learns in zip(layers, learns_decay):
        decay = layer.decay if learns else layer.decay[:0]
        weights = layer.weights if len(layer.weights) > 1 else layer.weights[:0]
        blocks = (layer.w_in, layer.bias, layer.w_rec, decay, weights)
        slabs.append(Grads(*(aligned((min(SLABS, n_sequences), *block.shape), block.dtype) for block in blocks)))
    return slabs


def sum_slabs(slabs: list[Grads]) -> list[Grads]:
    """All slabs added up, the first first."""
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


def forward(room: Room, layers: list[Layer], rows, first: int = 0, origin: int = 0) -> None:
    """Equations (1) to (5) through all layers: from `room.x` and `room.masks` to `room.runs`.

    Parameters
    ----------
    rows : array (B,) of int64
        Up to which row each sequence goes: its length, if the room holds it whole.
    first, origin : int
        See `kernels.layer_forward`.
    """
    if first == origin:
        for v_reset in room.v_reset:
            v_reset[...] = 0
    below = room.x_events
    with _one_at_a_time:
        kernels.input_events_lanes(room.x, room.x_events)
        for layer, mask, v_reset, run in zip(layers, room.masks, room.v_reset, room.runs):
            kernels.forward_lanes(rows, below, layer, mask, v_reset, first, origin, run)
            below = Events(run.columns, run.values, run.start)


def new_chunk_room(n_sequences: int, n_steps: int, layers: list[Layer]) -> Room:
    """Room for `forward_in_chunks`: a chunk of steps, and before it as many as the longest delay reaches back."""
    longest = max((int(layer.delays.max()) for layer in layers if layer.delays.size), default=0)
    return new_room(n_sequences, min(n_steps, longest) + min(n_steps, CHUNK), layers)


def forward_in_chunks(room: Room, layers: list[Layer], x, lengths, starts) -> tuple[np.ndarray, np.ndarray]:
    """The forward pass of one micro-batch without a tape, in memory O(B (K + CHUNK) N) for any T.

    A chunk of steps is run at a time; of those before, z is kept for as many as the longest delay. The numbers are
    those of `forward`, bit for bit.

    Parameters
    ----------
    room : Room
        From `new_chunk_room`, for B sequences of T steps.
    x : array (B, T, n_in)
    lengths, starts : arrays (B,) of int64
        The readout reads the steps starts .. lengths - 1.

    Returns
    -------
    counts : array (B, N)
        Spikes of the last layer that the readout reads.
    spikes : array (layers,)
        All spikes of each layer.
    """
    B, T = x.shape[:2]
    H = room.x.shape[1] - min(T, CHUNK)  # rows of history
    counts, spikes = np.zeros((B, len(layers[-1].bias)), room.x.dtype), np.zeros(len(layers))
    for t in range(0, T, CHUNK):
        n_steps = min(CHUNK, T - t)
        room.x[:, H : H + n_steps] = x[:, t : t + n_steps]
        rows = H + np.clip(lengths - t, 0, n_steps)
        forward(room, layers, rows, first=H, origin=H - t)
        counts += count_spikes(np.clip(H + starts - t, H, rows), rows, room.runs[-1])
        for i, run in enumerate(room.runs):
            spikes[i] += run.start[np.arange(B), rows].sum()
            run.z[:, :H] = run.z[:, n_steps : n_steps + H].copy()
    return counts, spikes


def backward(room: Room, layers: list[Layer], transposed, surrogate, lengths, slabs: list[Grads]) -> np.ndarray:
    """Equations (7) to (10) and (12) through all layers, the last first, after `forward`.

    On entry `room.e[-1]` holds e; on return `room.e` holds each layer's δ (if the room keeps them), and each lane has
    added its gradients to its slab. Returns dx of the first layer (without columns if `transposed` has none for it).
    """
    dtype = room.x.dtype.type
    code, peak, width = slope_numbers(surrogate)
    numbers = (code, dtype(peak), dtype(width))
    dx = np.zeros((*room.x.shape[:2], transposed[0][0].shape[1]), dtype)
    inputs = [room.x_events] + [Events(run.columns, run.values, run.start) for run in room.runs[:-1]]
    d_inputs = [dx, *room.e[:-1]]  # (12): dx of a layer is the e of the layer below
    for i in reversed(range(len(layers))):
        if code < 0:
            room.slope[i][...] = custom_slope(surrogate, room.runs[i].v, layers[i].threshold)
        with _one_at_a_time:
            kernels.backward_lanes(
                *(lengths, inputs[i], room.runs[i], numbers, room.slope[i]),
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
    counts = np.zeros((len(lengths), last.v.shape[2]), last.v.dtype)
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
    room = with_backward(new_room(1, 2, layers), layers, BUILT_IN[0](), keep=False)
    lengths, starts = np.full(1, 2), np.zeros(1, np.int64)
    with announce(f"preparing the {dtype} kernels: compiled at the first use, later read from the cache"):
        forward(room, layers, lengths)
        readout_error(starts, lengths, count_spikes(starts, lengths, room.runs[-1]), room.e[-1])
        backward(room, layers, transposes(layers, True), BUILT_IN[0](), lengths, new_slabs(1, layers, [True]))


def warmup(net) -> float:
    """Compile the kernels that a network needs, or load them from the cache, and say so; returns the seconds it took.

    Without this call it happens, with a message if it takes longer than a second, at the first use.
    """
    start = time.perf_counter()
    prepare(net.dtype)
    seconds = time.perf_counter() - start
    print(f"minisnn: kernels for {net.dtype} are ready ({seconds:.1f} s)", file=sys.stderr)
    return seconds
