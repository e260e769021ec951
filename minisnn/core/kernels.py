"""The engine as Numba loops: the equations of `reference.py`, with its names, numbers and order.

Kernels take arrays and fill arrays. They check nothing, know no kinds of neuron or recurrence (those arrive as
numbers), and work in the dtype of their arrays, float32 or float64. What makes them fast, and yet plain loops:

- *Events.* Spikes are mostly 0. A list of what is not 0 turns x[t] W_in, s[t] W_rec and the outer products of (10) into
  a few row additions. The lists of all steps lie one behind the other, so they touch as little memory as there is.
- *Rows.* A row of weights is contiguous, so adding a multiple of it is one vectorised loop. (8) and (12) multiply by a
  transpose; they get a transposed copy for the same reason.
- *Blocks.* δ[t] hears δ[t + k_j], no δ nearer than the shortest delay. So (8) can be done for min(4, shortest delay)
  steps at once, and each weight that is loaded serves four steps: a skip in time also skips memory traffic.
- *Pieces.* The backward pass takes 64 steps through all its equations before it goes further back, while they are in
  the cache. What later steps don't need (q, σ′) is kept for one piece only.
- *Lanes.* The drivers at the end run one sequence in each lane, in parallel. A lane has its own slab of gradients, so
  the result does not depend on how many threads there are.

What docstrings call measured was measured on one core of a Zen 5 server at 128 neurons in float32 (GMAC/s: 10⁹
multiply-adds a second; BLAS reaches 50 on large matrices); `minisnn bench` measures the whole.

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
PIECE = 64  # steps that `layer_backward` takes through all its equations while they are in the cache


class Events(NamedTuple):
    """Where an array (T, n) is not 0, and what stands there: the events of row t are start[t] .. start[t+1] - 1."""

    columns: np.ndarray  # (T n,) int64, ascending within a row
    values: np.ndarray  # (T n,)
    start: np.ndarray  # (T + 1,) int64


class Run(NamedTuple):
    """What `layer_forward` fills; s[t] stands there as events alone."""

    v: np.ndarray  # (T, N)
    z: np.ndarray  # (T, N), or (T, 0) if nobody waits for it
    columns: np.ndarray  # (T N,) int64, the events of s
    values: np.ndarray  # (T N,)
    start: np.ndarray  # (T + 1,) int64


class Grads(NamedTuple):
    """The gradients that `layer_backward` adds to; with a leading axis of lanes, the slabs of `backward_lanes`."""

    d_w_in: np.ndarray  # (n_in, N)
    d_bias: np.ndarray  # (N,)
    d_w_rec: np.ndarray  # (N, N)
    d_decay: np.ndarray  # (N,), or (0,) if nobody waits for it
    d_weights: np.ndarray  # (J,), or (0,)


@jit
def find_events(row, columns, values):
    """Write where `row` (n,) is not 0, and what stands there, into `columns` and `values`; return how many."""
    count = 0
    for i in range(row.size):
        columns[count] = i  # overwritten by the next unless it counts
        values[count] = row[i]
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
    """out (N,) += Σ_j weights[j] rows[base + offsets[j]], j < count: four rows at a time share each access to out.

    Measured: 37 GMAC/s for 128 rows, each of which is loaded from L2 for one multiply-add; eight rows at a time: 33.
    """
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
    columns, values, start = x_events
    for t in range(x.shape[0]):
        start[t + 1] = start[t] + find_events(x[t], columns[start[t] :], values[start[t] :])


@jit
def add_event_rows(events, t, rows, out):
    """out (N,) += Σ_i a[t, i] rows[i] for the array a of these events: a[t] @ rows."""
    columns, values, start = events
    add_rows(values[start[t] : start[t + 1]], rows, 0, columns[start[t] : start[t + 1]], start[t + 1] - start[t], out)


@jit
def layer_forward(x_events, layer, mask, v_reset, first, origin, run):
    """Equations (1) to (5) for one sequence, or for a piece of one: fills the rows of `run` from `first` on.

    The step t = 0 of the sequence is row `origin`, which may lie before row 0. `v_reset` (N,) holds v⁺ of the step
    before row `first` and is left at that of the last; rows of z before `first` are read. A whole sequence has first
    = origin = 0 and v_reset = 0. A layer with one tap may do without z: its row is made when it arrives.

    Measured: 0.25 µs a step where 5 to 10 % fire above and below (dense products would take 0.65), 0.4 with 41 taps.
    """
    w_in, bias, w_rec, delays, weights, decay, threshold, reset = layer
    v, z, columns, values, start = run
    s_events = Events(columns, values, start)
    a, h = reset[0], reset[1]
    T, N = v.shape
    back = -delays
    s, z_past = np.zeros_like(bias), np.zeros_like(bias)
    for t in range(first, T):
        # (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j], gathered in v[t]
        for n in range(N):
            v[t, n] = bias[n]
        add_event_rows(x_events, t, w_in, v[t])
        for n in range(N):
            v[t, n] *= mask[n]
        n_taps = taps_within(delays, t - origin)
        if z.shape[1] > 0:
            add_rows(weights, z, t, back, n_taps, v[t])
        elif n_taps == 1:
            z_past[:] = 0
            add_event_rows(s_events, t - delays[0], w_rec, z_past)
            for n in range(N):
                v[t, n] += weights[0] * z_past[n]
        # (3) v[t] = β v⁺[t-1] + I[t]
        for n in range(N):
            v[t, n] += decay[n] * v_reset[n]
        # (4) s[t] = Θ(v[t] - θ)
        for n in range(N):
            s[n] = v[t, n] >= threshold[n]
        start[t + 1] = start[t] + find_events(s, columns[start[t] :], values[start[t] :])
        # (5) v⁺[t] = v[t] - s[t] (a θ + h v[t])
        for n in range(N):
            v_reset[n] = v[t, n] - s[n] * (a * threshold[n] + h * v[t, n])
        # (1) z[t] = s[t] W_rec
        if delays.size > 0 and z.shape[1] > 0:
            z[t] = 0
            add_event_rows(s_events, t, w_rec, z[t])


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
    """out (R, N) += a (R, M) @ w (M, N), for few rows: four rows at a time share each load of w.

    Measured: 47 to 65 GMAC/s with two rows of w at a time, 33 to 41 with one; a single row of a: see `add_rows`.
    """
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
def potential_gradients(first, last, v, slope, layer, w_rec_T, c, delta, q):
    """Equations (7) to (9) for the steps first .. last - 1 of one sequence, after those behind them.

    `delta` (T, N) holds e in these steps on entry; (8) turns it into ε and (9) into δ, a block of steps at a time. c
    (N,) holds β δ[last] on entry and β δ[first] on return. Fills q; row 0 of q and `slope` is step `first`.

    Measured: 0.33 µs a step in blocks of four, 0.66 where λ = 1 allows no block, 0.82 with 41 taps.
    """
    _, _, _, delays, weights, decay, threshold, reset = layer
    a, h, detached = reset[0], reset[1], reset[2]
    T, N = v.shape
    block = min(BLOCK, delays.min()) if delays.size > 0 else BLOCK
    for stop in range(last, first, -block):
        start = max(first, stop - block)
        # (7) q[t] = Σ_j p_j δ[t + k_j]
        for t in range(start, stop):
            q[t - first] = 0
            add_rows(weights, delta, t, delays, taps_within(delays, T - 1 - t), q[t - first])
        # (8) ε[t] = e[t] + q[t] W_recᵀ
        if delays.size > 0 and start + delays.min() < T:
            add_product(q[start - first : stop - first], w_rec_T, delta[start:stop])
        # (9) δ[t] = (1 - h s[t]) c[t] + σ′[t] (ε[t] - (a θ + h v[t]) c[t])
        for t in range(stop - 1, start - 1, -1):
            for n in range(N):
                through_reset = (a * threshold[n] + h * v[t, n]) * c[n]
                through_reset -= detached * through_reset
                h_s = h if v[t, n] >= threshold[n] else h - h  # h s[t]
                delta[t, n] = c[n] - h_s * c[n] + slope[t - first, n] * (delta[t, n] - through_reset)
            for n in range(N):
                c[n] = decay[n] * delta[t, n]


@jit
def parameter_gradients(first, last, x_events, run, layer, mask, delta, q, grads):
    """Equation (10) for the steps first .. last - 1 of one sequence, but for the taps: adds to `grads`.

    Row 0 of q is step `first`; d_decay is empty where nobody learns it. Measured: 0.15 µs a step.
    """
    v, _, columns, _, start = run
    _, _, _, delays, _, _, threshold, reset = layer
    a, h = reset[0], reset[1]
    N = v.shape[1]
    d_w_in, d_bias, d_w_rec, d_decay, _ = grads
    m_delta = np.zeros_like(mask)
    for t in range(first, last):
        # d_decay = Σ v⁺[t-1] ⊙ δ[t]
        if t > 0 and d_decay.size > 0:
            for n in range(N):
                taken = a * threshold[n] + h * v[t - 1, n]
                s_taken = taken if v[t - 1, n] >= threshold[n] else taken - taken
                d_decay[n] += (v[t - 1, n] - s_taken) * delta[t, n]
        # d_w_rec = Σ s[t]ᵀ q[t]
        if delays.size > 0:
            for i in columns[start[t] : start[t + 1]]:
                for n in range(N):
                    d_w_rec[i, n] += q[t - first, n]
        # d_bias = Σ m ⊙ δ[t],  d_w_in = Σ x[t]ᵀ (m ⊙ δ[t])
        for n in range(N):
            m_delta[n] = mask[n] * delta[t, n]
        for n in range(N):
            d_bias[n] += m_delta[n]
        for e in range(x_events.start[t], x_events.start[t + 1]):
            i, x_ti = x_events.columns[e], x_events.values[e]
            for n in range(N):
                d_w_in[i, n] += x_ti * m_delta[n]


@jit
def tap_gradients(first, last, z, delta, delays, z_delta):
    """Equation (10) for the taps, Σ z[t - k_j] · δ[t], t = first .. last - 1: adds to `z_delta` (J, N).

    Products are added up neuron by neuron, four steps at a time; their sum over neurons is d_weights. Measured: 0.18 µs
    a step with 41 taps, 29 GMAC/s.
    """
    N = delta.shape[1]
    blocked = last - (last - first) % BLOCK
    for t in range(first, blocked, BLOCK):
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
    for t in range(blocked, last):
        for j in range(taps_within(delays, t)):
            for n in range(N):
                z_delta[j, n] += z[t - delays[j], n] * delta[t, n]


@jit
def input_gradients(first, last, mask, delta, w_in_T, dx):
    """Equation (12) for one sequence, dx[t] = (m ⊙ δ[t]) W_inᵀ: fills dx (T, n_in) in the steps first .. last - 1.

    Measured: 0.28 µs a step, 58 GMAC/s.
    """
    N = delta.shape[1]
    m_delta = np.zeros((BLOCK, N), delta.dtype)
    dx[first:last] = 0
    for start in range(first, last, BLOCK):
        stop = min(last, start + BLOCK)
        for t in range(start, stop):
            for n in range(N):
                m_delta[t - start, n] = mask[n] * delta[t, n]
        add_product(m_delta[: stop - start], w_in_T, dx[start:stop])


@jit
def layer_backward(x_events, run, surrogate, slope, layer, w_in_T, w_rec_T, mask, delta, q, dx, grads):
    """Equations (7) to (10) and (12) for one sequence, a piece of PIECE steps at a time, the last first.

    `delta` holds e on entry and δ on return; dx is filled; `grads` is added to. `surrogate` is (code, peak, width) for
    `fill_slope`; with code < 0, `slope` (T, N) is full already. Otherwise `slope` needs PIECE rows, as q does: they
    hold one piece at a time. `w_in_T` may have no columns: then dx has none either and nothing is computed for it (the
    first layer, below which nobody waits for it).

    Measured: with s, z, q and slope kept for all steps, 256 sequences of 784 steps took a fifth longer, and twice as
    many steps took 2.2 times as long instead of 2.05.
    """
    T, N = delta.shape
    code, peak, width = surrogate
    c = np.zeros_like(mask)  # β δ[T]
    z_delta = np.zeros((grads.d_weights.size, N), delta.dtype)
    for last in range(T, 0, -PIECE):
        first = max(0, last - PIECE)
        slope_, q_ = slope[first:last] if code < 0 else slope[: last - first], q[: last - first]
        if code >= 0:
            fill_slope(code, peak, width, run.v[first:last], layer.threshold, slope_)
        potential_gradients(first, last, run.v, slope_, layer, w_rec_T, c, delta, q_)
        parameter_gradients(first, last, x_events, run, layer, mask, delta, q_, grads)
        tap_gradients(first, last, run.z, delta, layer.delays[: len(z_delta)], z_delta)
        if dx.shape[1] > 0:
            input_gradients(first, last, mask, delta, w_in_T, dx)
    for j in range(len(z_delta)):
        grads.d_weights[j] += z_delta[j].sum()


# What follows has a leading axis of lanes.


@jit
def events_of_lane(events, lane):
    """The events of a lane."""
    columns, values, start = events
    return Events(columns[lane], values[lane], start[lane])


@jit
def run_of_lane(runs, lane, T):
    """The first T steps of a lane's run."""
    v, z, columns, values, start = runs
    return Run(v[lane, :T], z[lane, :T], columns[lane], values[lane], start[lane])


@jit
def grads_of_lane(slabs, lane):
    """The gradients of a lane."""
    d_w_in, d_bias, d_w_rec, d_decay, d_weights = slabs
    return Grads(d_w_in[lane], d_bias[lane], d_w_rec[lane], d_decay[lane], d_weights[lane])


@jit_parallel
def input_events_lanes(x, x_events):
    """The events of an analog input x (lanes, T, n_in)."""
    for lane in numba.prange(x.shape[0]):
        find_all_events(x[lane], events_of_lane(x_events, lane))


@jit_parallel
def forward_lanes(rows, x_events, layer, masks, v_reset, first, origin, runs):
    """`layer_forward` for one sequence in each lane, up to row `rows[lane]`."""
    for lane in numba.prange(rows.size):
        T = rows[lane]
        events, run = events_of_lane(x_events, lane), run_of_lane(runs, lane, T)
        layer_forward(events, layer, masks[lane], v_reset[lane], first, origin, run)


@jit
def count_spikes_lanes(starts, lengths, runs, counts):
    """Equation (6), counts = Σ_{t in R} s[t] with R = starts .. lengths - 1: fills counts (lanes, N)."""
    counts[:] = 0
    for lane in range(lengths.size):
        start = runs.start[lane]
        for i in runs.columns[lane, start[starts[lane]] : start[lengths[lane]]]:
            counts[lane, i] += 1


@jit_parallel
def readout_error_lanes(starts, lengths, d_counts, e):
    """Equation (12), e[t] = g W_outᵀ = d_counts for t in R, else 0: fills e (lanes, T, N)."""
    for lane in numba.prange(lengths.size):
        for t in range(lengths[lane]):
            for n in range(e.shape[2]):
                e[lane, t, n] = d_counts[lane, n] if t >= starts[lane] else 0


@jit_parallel
def backward_lanes(lengths, x_events, runs, surrogate, slope, layer, w_in_T, w_rec_T, masks, delta, q, dx, slabs):
    """`layer_backward` for one sequence in each lane; lane i adds to slab i."""
    for lane in numba.prange(lengths.size):
        T = lengths[lane]
        events, run, grads = events_of_lane(x_events, lane), run_of_lane(runs, lane, T), grads_of_lane(slabs, lane)
        layer_backward(
            *(events, run, surrogate, slope[lane], layer, w_in_T, w_rec_T),
            *(masks[lane], delta[lane, :T], q[lane], dx[lane, :T], grads),
        )


def cache_folder() -> str:
    """Where Numba keeps the compiled kernels; with NUMBA_DISABLE_JIT there are none."""
    return "no folder: NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else str(forward_lanes.stats.cache_path)
