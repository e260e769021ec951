"""The engine as Numba loops: the equations of `reference.py`, with its names, numbers and order.

Kernels take arrays and fill arrays. They check nothing, know no kinds of neuron or recurrence (those arrive as
numbers), and work in the dtype of their arrays, float32 or float64. What makes them fast, and yet plain loops:

- *Events.* Spikes are mostly 0. A list of the columns that are not 0 turns x[t] W_in, s[t] W_rec and the outer products
  of (10) into a few row additions.
- *Rows.* A row of weights is contiguous, so adding a multiple of it is one vectorised loop. (8) and (12) multiply by a
  transpose; they get a transposed copy for the same reason.
- *Blocks.* δ[t] hears δ[t + k_j], no δ nearer than the shortest delay. So (8) can be done for min(4, shortest delay)
  steps at once, and each weight that is loaded serves four steps: a skip in time also skips memory traffic.
- *Lanes.* The drivers at the end run one sequence in each lane, in parallel. A lane has its own slab of gradients, so
  the result does not depend on how many threads there are.

Loops over neurons are kept to one array expression each, since those vectorise. No number literal takes part in float
arithmetic: 1 as well as 1.0 would turn float32 into float64. All kernels are in this one file, because Numba's disk
cache does not notice an edit in another.
"""

from typing import NamedTuple

import numba
import numpy as np

jit = numba.njit(cache=True, nogil=True, fastmath={"contract"})
jit_parallel = numba.njit(cache=True, nogil=True, fastmath={"contract"}, parallel=True)

BLOCK = 4  # rows that share a load of weights in `add_product`


class Events(NamedTuple):
    """Where an array (T, n) is not 0."""

    columns: np.ndarray  # (T, n) int32; the first n[t] entries of row t are columns, ascending
    n: np.ndarray  # (T,) int64


class Run(NamedTuple):
    """What `layer_forward` fills."""

    v: np.ndarray  # (T, N)
    s: np.ndarray  # (T, N)
    z: np.ndarray  # (T, N)
    columns: np.ndarray  # (T, N) int32, the events of s
    n: np.ndarray  # (T,) int64


class Grads(NamedTuple):
    """The gradients that `layer_backward` adds to; with a leading axis of lanes, the slabs of `backward_lanes`."""

    d_w_in: np.ndarray  # (n_in, N)
    d_bias: np.ndarray  # (N,)
    d_w_rec: np.ndarray  # (N, N)
    d_decay: np.ndarray  # (N,), or (0,) if nobody waits for it
    d_weights: np.ndarray  # (J,), or (0,)


@jit
def find_events(row, index):
    """Write the columns at which `row` (n,) is not 0 into `index` (n,); return how many there are."""
    count = 0
    for i in range(row.size):
        index[count] = i  # overwritten by the next unless it counts
        count += row[i] != 0
    return count


@jit
def taps_within(delays, steps):
    """How many of the delays (ascending) are at most `steps`: the taps that reach a step of the sequence."""
    count = delays.size
    while count > 0 and delays[count - 1] > steps:
        count -= 1
    return count


@jit
def add_rows(weights, rows, base, offsets, count, out):
    """out (N,) += Σ_j weights[j] rows[base + offsets[j]], j < count: four rows at a time share each access to out."""
    N = out.size
    for j in range(0, count - 3, 4):
        p0, p1, p2, p3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        i0, i1, i2, i3 = offsets[j] + base, offsets[j + 1] + base, offsets[j + 2] + base, offsets[j + 3] + base
        for n in range(N):
            out[n] += p0 * rows[i0, n] + p1 * rows[i1, n] + p2 * rows[i2, n] + p3 * rows[i3, n]
    for j in range(count - count % 4, count):
        p, i = weights[j], offsets[j] + base
        for n in range(N):
            out[n] += p * rows[i, n]


@jit
def find_all_events(x, x_events):
    """The events of an analog input x (T, n_in)."""
    for t in range(x.shape[0]):
        x_events.n[t] = find_events(x[t], x_events.columns[t])


@jit
def layer_forward(x, x_events, layer, mask, v_reset, first, origin, run):
    """Equations (1) to (5) for one sequence, or for a piece of one: fills the rows of `run` from `first` on.

    The step t = 0 of the sequence is row `origin`, which may lie before row 0. `v_reset` (N,) holds v⁺ of the step
    before row `first` and is left at that of the last; rows of z before `first` are read. A whole sequence has first
    = origin = 0 and v_reset = 0.
    """
    w_in, bias, w_rec, delays, weights, decay, threshold, reset = layer
    v, s, z, columns, n_spikes = run
    a, h = reset[0], reset[1]
    T, N = v.shape
    back = -delays
    for t in range(first, T):
        # (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j], gathered in v[t]
        for n in range(N):
            v[t, n] = bias[n]
        for i in x_events.columns[t, : x_events.n[t]]:
            x_ti = x[t, i]
            for n in range(N):
                v[t, n] += x_ti * w_in[i, n]
        for n in range(N):
            v[t, n] *= mask[n]
        add_rows(weights, z, t, back, taps_within(delays, t - origin), v[t])
        # (3) v[t] = β v⁺[t-1] + I[t]
        for n in range(N):
            v[t, n] += decay[n] * v_reset[n]
        # (4) s[t] = Θ(v[t] - θ)
        for n in range(N):
            s[t, n] = v[t, n] >= threshold[n]
        n_spikes[t] = find_events(s[t], columns[t])
        # (5) v⁺[t] = v[t] - s[t] (a θ + h v[t])
        for n in range(N):
            v_reset[n] = v[t, n] - s[t, n] * (a * threshold[n] + h * v[t, n])
        # (1) z[t] = s[t] W_rec
        if delays.size > 0:
            for n in range(N):
                z[t, n] = 0
            for i in columns[t, : n_spikes[t]]:
                for n in range(N):
                    z[t, n] += w_rec[i, n]


@jit
def fill_slope(code, peak, width, v, threshold, slope):
    """σ′(v - θ) into `slope` (T, N), for the built-in surrogate with this integer code (see `surrogate.BUILT_IN`)."""
    one, four = v.dtype.type(1), v.dtype.type(4)
    for t in range(v.shape[0]):
        for n in range(v.shape[1]):
            slope[t, n] = abs(v[t, n] - threshold[n]) / width
        if code == 0:  # Triangle
            for n in range(v.shape[1]):
                slope[t, n] = peak * max(one - one, one - slope[t, n])
        elif code == 1:  # Rectangle
            for n in range(v.shape[1]):
                slope[t, n] = peak if slope[t, n] < one else one - one
        elif code == 2:  # Exponential
            for n in range(v.shape[1]):
                slope[t, n] = peak * np.exp(-slope[t, n])
        elif code == 3:  # Sigmoid
            for n in range(v.shape[1]):
                tail = np.exp(-slope[t, n])
                slope[t, n] = peak * four * tail / ((one + tail) * (one + tail))
        elif code == 4:  # Gaussian
            for n in range(v.shape[1]):
                slope[t, n] = peak * np.exp(-slope[t, n] * slope[t, n] / (one + one))
        elif code == 5:  # ATan
            for n in range(v.shape[1]):
                slope[t, n] = peak / (one + slope[t, n] * slope[t, n])
        elif code == 6:  # FastSigmoid
            for n in range(v.shape[1]):
                slope[t, n] = peak / ((one + slope[t, n]) * (one + slope[t, n]))


@jit
def add_product(a, w, out):
    """out (R, N) += a (R, M) @ w (M, N), for few rows: four rows at a time share each load of w."""
    R, M, N = a.shape[0], w.shape[0], w.shape[1]
    blocked = R - R % BLOCK
    for r in range(0, blocked, BLOCK):
        for j in range(0, M - 1, 2):
            a00, a10, a20, a30 = a[r, j], a[r + 1, j], a[r + 2, j], a[r + 3, j]
            a01, a11, a21, a31 = a[r, j + 1], a[r + 1, j + 1], a[r + 2, j + 1], a[r + 3, j + 1]
            for n in range(N):
                w0, w1 = w[j, n], w[j + 1, n]
                out[r, n] += a00 * w0 + a01 * w1
                out[r + 1, n] += a10 * w0 + a11 * w1
                out[r + 2, n] += a20 * w0 + a21 * w1
                out[r + 3, n] += a30 * w0 + a31 * w1
        if M % 2 == 1:
            for i in range(r, r + BLOCK):
                for n in range(N):
                    out[i, n] += a[i, M - 1] * w[M - 1, n]
    every = np.arange(M)
    for r in range(blocked, R):
        add_rows(a[r], w, 0, every, M, out[r])


@jit
def potential_gradients(run, slope, layer, w_rec_T, delta, q):
    """Equations (7) to (9) for one sequence.

    `delta` (T, N) holds e on entry; (8) turns it into ε and (9) into δ, a block of steps at a time. Fills q (T, N).
    """
    v = run.v
    _, _, _, delays, weights, decay, threshold, reset = layer
    a, h, detached = reset[0], reset[1], reset[2]
    T, N = v.shape
    c = np.zeros_like(decay)  # β δ[T]
    block = min(BLOCK, delays.min()) if delays.size > 0 else BLOCK
    for stop in range(T, 0, -block):
        start = max(0, stop - block)
        # (7) q[t] = Σ_j p_j δ[t + k_j]
        for t in range(start, stop):
            for n in range(N):
                q[t, n] = 0
            add_rows(weights, delta, t, delays, taps_within(delays, T - 1 - t), q[t])
        # (8) ε[t] = e[t] + q[t] W_recᵀ
        if delays.size > 0 and start + delays.min() < T:
            add_product(q[start:stop], w_rec_T, delta[start:stop])
        # (9) δ[t] = (1 - h s[t]) c[t] + σ′[t] (ε[t] - (a θ + h v[t]) c[t])
        for t in range(stop - 1, start - 1, -1):
            for n in range(N):
                through_reset = (a * threshold[n] + h * v[t, n]) * c[n]
                through_reset -= detached * through_reset
                h_s = h if v[t, n] >= threshold[n] else h - h  # h s[t], without reading s
                delta[t, n] = c[n] - h_s * c[n] + slope[t, n] * (delta[t, n] - through_reset)
            for n in range(N):
                c[n] = decay[n] * delta[t, n]


@jit
def parameter_gradients(x, x_events, run, layer, mask, delta, q, grads):
    """Equation (10) for one sequence, but for the taps: adds to `grads`; d_decay is empty where nobody learns it."""
    v, s, _, columns, n_spikes = run
    _, _, _, delays, _, _, threshold, reset = layer
    a, h = reset[0], reset[1]
    T, N = v.shape
    d_w_in, d_bias, d_w_rec, d_decay, _ = grads
    m_delta = np.zeros_like(mask)
    for t in range(T):
        # d_decay = Σ v⁺[t-1] ⊙ δ[t]
        if t > 0 and d_decay.size > 0:
            for n in range(N):
                v_reset = v[t - 1, n] - s[t - 1, n] * (a * threshold[n] + h * v[t - 1, n])
                d_decay[n] += v_reset * delta[t, n]
        # d_w_rec = Σ s[t]ᵀ q[t]
        if delays.size > 0:
            for i in columns[t, : n_spikes[t]]:
                for n in range(N):
                    d_w_rec[i, n] += q[t, n]
        # d_bias = Σ m ⊙ δ[t],  d_w_in = Σ x[t]ᵀ (m ⊙ δ[t])
        for n in range(N):
            m_delta[n] = mask[n] * delta[t, n]
        for n in range(N):
            d_bias[n] += m_delta[n]
        for i in x_events.columns[t, : x_events.n[t]]:
            x_ti = x[t, i]
            for n in range(N):
                d_w_in[i, n] += x_ti * m_delta[n]


@jit
def tap_gradients(z, delta, delays, d_weights):
    """Equation (10) for the taps of one sequence, d_weights_j = Σ z[t - k_j] · δ[t]: adds to `d_weights` (J,).

    Products are added up neuron by neuron, four steps at a time, and over neurons at the end.
    """
    T, N = delta.shape
    z_delta = np.zeros((delays.size, N), delta.dtype)
    for t in range(0, T - T % BLOCK, BLOCK):
        for j in range(taps_within(delays, t)):
            k = delays[j]
            for n in range(N):
                z_delta[j, n] += (
                    z[t - k, n] * delta[t, n]
                    + z[t + 1 - k, n] * delta[t + 1, n]
                    + z[t + 2 - k, n] * delta[t + 2, n]
                    + z[t + 3 - k, n] * delta[t + 3, n]
                )
        for j in range(taps_within(delays, t), taps_within(delays, t + BLOCK - 1)):
            for late in range(t + 1, t + BLOCK):
                if late >= delays[j]:
                    for n in range(N):
                        z_delta[j, n] += z[late - delays[j], n] * delta[late, n]
    for t in range(T - T % BLOCK, T):
        for j in range(taps_within(delays, t)):
            for n in range(N):
                z_delta[j, n] += z[t - delays[j], n] * delta[t, n]
    for j in range(delays.size):
        d_weights[j] += z_delta[j].sum()


@jit
def input_gradients(mask, delta, w_in_T, dx):
    """Equation (12) for one sequence, dx[t] = (m ⊙ δ[t]) W_inᵀ: fills dx (T, n_in)."""
    T, N = delta.shape
    dx[:] = 0
    m_delta = np.zeros((BLOCK, N), delta.dtype)
    for start in range(0, T, BLOCK):
        stop = min(T, start + BLOCK)
        for t in range(start, stop):
            for n in range(N):
                m_delta[t - start, n] = mask[n] * delta[t, n]
        add_product(m_delta[: stop - start], w_in_T, dx[start:stop])


@jit
def layer_backward(x, x_events, run, slope, layer, w_in_T, w_rec_T, mask, delta, q, dx, grads):
    """Equations (7) to (10) and (12) for one sequence.

    `delta` holds e on entry and δ on return; q and dx are filled; `grads` is added to. `w_in_T` may have no columns:
    then dx has none either and nothing is computed for it (the first layer, below which nobody waits for it).
    """
    potential_gradients(run, slope, layer, w_rec_T, delta, q)
    parameter_gradients(x, x_events, run, layer, mask, delta, q, grads)
    if grads.d_weights.size > 0:
        tap_gradients(run.z, delta, layer.delays, grads.d_weights)
    if dx.shape[1] > 0:
        input_gradients(mask, delta, w_in_T, dx)


# What follows has a leading axis of lanes.


@jit
def events_of_lane(events, lane, T):
    """The first T steps of a lane's events."""
    return Events(events.columns[lane, :T], events.n[lane, :T])


@jit
def run_of_lane(runs, lane, T):
    """The first T steps of a lane's run."""
    v, s, z, columns, n = runs
    return Run(v[lane, :T], s[lane, :T], z[lane, :T], columns[lane, :T], n[lane, :T])


@jit
def grads_of_lane(slabs, lane):
    """The gradients of a lane."""
    d_w_in, d_bias, d_w_rec, d_decay, d_weights = slabs
    return Grads(d_w_in[lane], d_bias[lane], d_w_rec[lane], d_decay[lane], d_weights[lane])


@jit_parallel
def input_events_lanes(x, x_events):
    """The events of an analog input x (lanes, T, n_in)."""
    for lane in numba.prange(x.shape[0]):
        find_all_events(x[lane], events_of_lane(x_events, lane, x.shape[1]))


@jit_parallel
def forward_lanes(rows, x, x_events, layer, masks, v_reset, first, origin, runs):
    """`layer_forward` for one sequence in each lane, up to row `rows[lane]`."""
    for lane in numba.prange(rows.size):
        T = rows[lane]
        events, run = events_of_lane(x_events, lane, T), run_of_lane(runs, lane, T)
        layer_forward(x[lane, :T], events, layer, masks[lane], v_reset[lane], first, origin, run)


@jit
def count_spikes_lanes(starts, lengths, runs, counts):
    """Equation (6), counts = Σ_{t in R} s[t] with R = starts .. lengths - 1: fills counts (lanes, N)."""
    counts[:] = 0
    for lane in range(lengths.size):
        for t in range(starts[lane], lengths[lane]):
            for i in runs.columns[lane, t, : runs.n[lane, t]]:
                counts[lane, i] += 1


@jit_parallel
def readout_error_lanes(starts, lengths, d_counts, e):
    """Equation (12), e[t] = g W_outᵀ = d_counts for t in R, else 0: fills e (lanes, T, N)."""
    for lane in numba.prange(lengths.size):
        for t in range(lengths[lane]):
            for n in range(e.shape[2]):
                e[lane, t, n] = d_counts[lane, n] if t >= starts[lane] else 0


@jit_parallel
def backward_lanes(
    lengths, x, x_events, runs, code, peak, width, slope, layer, w_in_T, w_rec_T, masks, delta, q, dx, slabs
):
    """`layer_backward` for one sequence in each lane; lane i adds to slab i. With code < 0, `slope` is full already."""
    for lane in numba.prange(lengths.size):
        T = lengths[lane]
        x_, q_, dx_, delta_, slope_ = x[lane, :T], q[lane, :T], dx[lane, :T], delta[lane, :T], slope[lane, :T]
        events, run, grads = events_of_lane(x_events, lane, T), run_of_lane(runs, lane, T), grads_of_lane(slabs, lane)
        if code >= 0:
            fill_slope(code, peak, width, run.v, layer.threshold, slope_)
        layer_backward(x_, events, run, slope_, layer, w_in_T, w_rec_T, masks[lane], delta_, q_, dx_, grads)


def cache_folder() -> str:
    """Where Numba keeps the compiled kernels; with NUMBA_DISABLE_JIT there are none."""
    return "no folder: NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else str(forward_lanes.stats.cache_path)
