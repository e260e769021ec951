"""The algorithm as Numba loops: `reference.py` once more, with its names, its steps and its equation numbers.

`sequence_gradients` is all of it but (11), which `parameters.from_layers` applies, for one sequence: layers up, readout
and loss, layers down. A batch is a loop over it (`slab_gradients`). Kernels take arrays and fill arrays, check nothing,
and know no kinds of neuron or recurrence: those arrive as numbers. They are plain loops, made fast by:

- *Events.* Spikes are mostly 0. A list of the others turns x[t] W_in, s[t] W_rec and (10) into a few row additions.
- *Rows* of weights are contiguous, so adding one is a vectorised loop; (8) and (12) get transposed copies for that.
- *Blocks.* Through W_rec, δ[t] depends on no δ nearer than the shortest delay. So (8) is done for min(4, shortest
  delay) steps at once, and each loaded weight serves four steps: a skip in time also skips memory traffic.
- *Pieces.* The backward pass takes 64 steps through all its equations while they are in the cache.
- *No denormals.* A δ that nothing feeds decays with β, until it is a denormal number, with which some processors
  compute a hundred times slower. What is smaller than `tiny`, 10⁸ times the smallest normal number, becomes 0.
- *Fused multiply-adds*, in order: `out = out + a * b + c * d` is two of them, `out += a * b + c * d` is not.

All layers lie in a few flat arrays (`Net`), so one compilation serves networks of any depth. Loops over neurons are
short, and have no branches but conditional expressions, so that they vectorise. No number literal takes part in float
arithmetic: it would turn float32 into float64. So a typed zero is written as x - x. All kernels are in this one file:
Numba's disk cache does not notice an edit in another.
"""

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from minisnn._internal.cache import cached_jit

OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "no_cfunc_wrapper": True}
jit = cached_jit(**OPTIONS)  # called from Python
jit_step = cached_jit(**OPTIONS, inline="always")  # called by one kernel, of which it becomes part
jit_inner = register_jitable(**OPTIONS, no_cpython_wrapper=True)  # called by kernels; from Python it is plain Python

SLABS = 16  # sequence b adds its gradients to slab b mod SLABS: sums are grouped by this, not by threads
BLOCK = 4  # steps that share a load of weights
PIECE = 64  # steps that go through all equations of the backward pass while they are in the cache

# Columns of `Net.table`: sizes of a layer, its first neuron, and where its arrays start.
N_IN, N_OUT, N_TAPS, NEURON, W_IN, BIAS, W_REC, DECAY, TAP_WEIGHTS = range(9)
THRESHOLD, RESET, W_IN_T, W_REC_T, DELAYS, ADAPTATION, ADAPTS = range(9, 16)


class Net(NamedTuple):
    """A network as numbers. Row i of `table` is layer i; the last is the readout, W_out and b_out as W_in and b."""

    table: np.ndarray  # (L + 1, 16) int64, see the columns above
    weights: np.ndarray  # flat: W_in, b, W_rec, β and p of all layers; gradients lie in an array of the same layout
    constants: np.ndarray  # flat: θ, reset, transposes, ρ and κ
    delays: np.ndarray  # flat, int64
    surrogate: tuple  # (code, peak, width) for `fill_slope`; code -1: slopes are filled by Python
    window: int  # R is the last `window` steps
    tiny: float  # smaller numbers become 0
    hops: bool  # whether errors pass through W_rec, in (8)
    truncate: int  # number of steps after which no error passes backwards
    penalty: tuple  # (μ, ν*) of (14)


class Weights(NamedTuple):
    """What is learned in a layer, or its gradients."""

    w_in: np.ndarray  # (n_in, N)
    bias: np.ndarray  # (N,)
    w_rec: np.ndarray  # (N, N), feedforward (0, N)
    decay: np.ndarray  # (N,)
    tap_weights: np.ndarray  # (J,)


class Layer(NamedTuple):
    """One layer as numbers."""

    weights: Weights
    delays: np.ndarray  # (J,)
    threshold: np.ndarray  # (N,)
    reset: np.ndarray  # (3,) a, h, detached
    w_in_T: np.ndarray  # (N, n_in), a transposed copy, as is w_rec_T
    w_rec_T: np.ndarray
    adaptation: np.ndarray  # (2, N) ρ and κ, or (0, N)


class Events(NamedTuple):
    """Where an array (T, n) is not 0, and its values there: the events of row t are start[t] .. start[t+1] - 1."""

    columns: np.ndarray  # (T n,) int64, ascending within a row
    values: np.ndarray  # (T n,)
    start: np.ndarray  # (T + 1,) int64


class Tape(NamedTuple):
    """What the forward pass of a layer leaves behind for the backward pass."""

    v: np.ndarray  # (T, N)
    lowered: np.ndarray  # (T, N) v - κ A, which meets θ; without adaptation v itself
    z: np.ndarray  # (T, N), or (0, N) with one tap or none: then its rows are computed when they arrive
    s: Events


class Work(NamedTuple):
    """Room for one sequence of up to T steps, reused for the next: all layers one after the other."""

    room: int  # T
    x: Events
    v: np.ndarray  # (T · all neurons,), as are lowered, z, columns and values
    lowered: np.ndarray
    z: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    start: np.ndarray  # ((T + 1) L,)
    e: np.ndarray  # ((T + 1) · all neurons,): e on the way in, δ on the way out, in the last row δ[T] = 0
    slope: np.ndarray  # σ′: a piece of one layer; all steps of all layers if Python fills it
    q: np.ndarray  # a piece of one layer
    z_delta: np.ndarray  # (J N,) of one layer
    row: np.ndarray  # (N,) of one layer: A, then rates, then φ
    counts: np.ndarray  # (N,) of the last layer
    logits: np.ndarray  # (classes,), then g


@jit_step
def sequence_gradients(x, y, mask, share, net, work, grads):
    """Run all of it for x (T, n_in), with all masks side by side, `share` = 1/B: return the loss, add to `grads`."""
    dx = matrix(work.e, 0, len(x), 0)  # the gradient with respect to the input: not asked for
    sequence_forward(x, mask, net, work)
    loss = loss_and_error(len(x), y, share, net, work, grads)
    return loss + sequence_backward(mask, dx, share, net, work, grads)


@jit_step
def sequence_forward(x, mask, net, work):
    """Run all layers upwards, (1) to (5), then the readout (6): fill tapes, counts and logits of `work`."""
    find_events(x, work.x)
    below = work.x
    for i in range(len(net.table) - 1):
        N, neuron = net.table[i, N_OUT], net.table[i, NEURON]
        tape = tape_of(net, work, i, len(x))
        layer_forward(below, layer_of(net, i), mask[neuron : neuron + N], net.tiny, work.row[:N], tape)
        below = tape.s
    # (6) counts = Σ_{t in R} s[t]
    T, counts, logits, output = len(x), work.counts, work.logits, weights_of(net, len(net.table) - 1, net.weights)
    start = max(0, T - net.window)
    clear(counts)
    for k in range(below.start[start], below.start[T]):
        counts[below.columns[k]] += below.values[k]
    # logits = counts W_out + |R| b_out
    n_read = counts.dtype.type(T - start)
    for c in range(logits.size):
        logits[c] = n_read * output.bias[c]
    for n in range(counts.size):
        for c in range(logits.size):
            logits[c] += counts[n] * output.w_in[n, c]


@jit_step
def loss_and_error(T, y, share, net, work, grads):
    """Run (6) and (12): return the loss, fill e of the last layer, add to the gradients of the readout."""
    last, start, tiny = len(net.table) - 1, max(0, T - net.window), net.tiny
    output, d, counts, g = weights_of(net, last, net.weights), weights_of(net, last, grads), work.counts, work.logits
    # loss = cross-entropy(softmax(logits), y)
    largest, total = g[0], g.dtype.type(0)
    for c in range(g.size):
        largest = g[c] if g[c] > largest else largest
    for c in range(g.size):
        g[c] -= largest
        total += math.exp(g[c])
    log_total = math.log(total)
    loss = log_total - g[y]
    # g = (softmax(logits) - onehot(y)) / B, for y as minus the sum of the others: no digits are lost to 1 - p
    g[y] = 0
    for c in range(g.size):
        if c != y:
            g[c] = flushed(share * math.exp(g[c] - log_total), tiny)
            g[y] -= g[c]
    # e[t] = g W_outᵀ for t in R
    N = counts.size
    e = matrix(work.e, net.table[last - 1, NEURON] * (work.room + 1), T, N)
    for t in range(start + 1):
        clear(e[t])
    for n in range(N):
        for c in range(g.size):
            e[start, n] += output.w_in[n, c] * g[c]
        e[start, n] = flushed(e[start, n], tiny)
    for t in range(start + 1, T):
        for n in range(N):
            e[t, n] = e[start, n]
    # d_w_out = countsᵀ g,  d_b_out = |R| g
    n_read = counts.dtype.type(T - start)
    for c in range(g.size):
        d.bias[c] += n_read * g[c]
        for n in range(N):
            d.w_in[n, c] += counts[n] * g[c]
    return loss


@jit_step
def sequence_backward(mask, dx, share, net, work, grads):
    """Run all layers downwards, (7) to (10) and (12) to (14): turn `work.e` into δ, add to `grads`, fill dx.

    dx is (T, n_in), or (T, 0) if it is not asked for. Return the firing-rate penalty of all layers.
    """
    T, by_python, loss = len(dx), net.surrogate[0] < 0, net.tiny - net.tiny
    for i in range(len(net.table) - 2, -1, -1):
        layer, N, neuron = layer_of(net, i), net.table[i, N_OUT], net.table[i, NEURON]
        x, d_below = work.x, dx
        if i > 0:  # (12): dx of this layer is e of the layer below
            x = tape_of(net, work, i - 1, T).s
            d_below = matrix(work.e, net.table[i - 1, NEURON] * (work.room + 1), T, net.table[i - 1, N_OUT])
        tape, m, d = tape_of(net, work, i, T), mask[neuron : neuron + N], weights_of(net, i, grads)
        delta = matrix(work.e, neuron * (work.room + 1), T + 1, N)
        slope = matrix(work.slope, neuron * work.room if by_python else 0, T if by_python else PIECE, N)
        q = matrix(work.q, 0, PIECE, N)
        z_delta = matrix(work.z_delta, 0, layer.delays.size, N)
        row = work.row[:N]
        if net.penalty[0] != 0:
            loss += rate_penalty(tape.s, share, net.penalty, row, delta)
        layer_backward(x, tape, layer, m, net, slope, q, z_delta, row, delta, d_below, d)
    return loss


# One layer


@jit_inner
def layer_forward(x, layer, mask, tiny, trace, tape):
    """Run (1) to (5) for one layer: from the events of x to v, z and the events of s. `trace` is room for A."""
    (w_in, bias, w_rec, _, tap_weights), delays, threshold, _, _, _, adaptation = layer
    v, lowered, z, s = tape
    T, N = v.shape
    s.start[0] = 0
    clear(trace)
    for t in range(T):
        # (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j], gathered in v[t]
        for n in range(N):
            v[t, n] = bias[n]
        add_event_rows(x, t, w_in, v[t])
        for n in range(N):
            v[t, n] *= mask[n]
        n_taps = taps_within(delays, t)
        if len(z) > 0:
            add_rows(tap_weights, z, delays, 0, n_taps, t, -1, v[t])
        elif n_taps == 1:
            add_event_rows(s, t - delays[0], w_rec, v[t])
        # (3) v[t] = β v⁺[t-1] + I[t]
        if len(adaptation) == 0:
            add_leak(t, v, v, layer, tiny)
        else:
            add_leak(t, v, lowered, layer, tiny)
            adapt(t, v, layer, tiny, trace, lowered)
        # (4) s[t] = Θ(v[t] - θ), by (13) less κ A[t]
        find_spikes(lowered[t], threshold, t, s)
        # (1) z[t] = s[t] W_rec
        if len(z) > 0:
            clear(z[t])
            add_event_rows(s, t, w_rec, z[t])


@jit_step
def add_leak(t, v, lowered, layer, tiny):
    """Add β v⁺[t-1] to v[t], with (5); `lowered` is v itself without adaptation: a single array to the compiler."""
    decay, threshold, a, h = layer.weights.decay, layer.threshold, layer.reset[0], layer.reset[1]
    if t > 0:
        for n in range(v.shape[1]):
            v_before = after_reset(v[t - 1, n], lowered[t - 1, n], threshold[n], a, h)
            v[t, n] = flushed(v[t, n] + decay[n] * v_before, tiny)


@jit_inner
def adapt(t, v, layer, tiny, trace, lowered):
    """Run (13): turn `trace` into A[t] = ρ A[t-1] + s[t-1], and fill lowered[t] with v[t] - κ A[t]."""
    threshold, rho, kappa = layer.threshold, layer.adaptation[0], layer.adaptation[1]
    zero, one = trace.dtype.type(0), trace.dtype.type(1)
    for n in range(trace.size):
        s_before = one if t > 0 and lowered[t - 1, n] >= threshold[n] else zero
        trace[n] = flushed(rho[n] * trace[n] + s_before, tiny)
        lowered[t, n] = v[t, n] - kappa[n] * trace[n]


@jit_step
def layer_backward(x, tape, layer, mask, net, slope, q, z_delta, phi, delta, dx, grads):
    """Run (7) to (10) and (12) for one layer, last piece first: turn `delta` from e into δ, fill dx, add to `grads`."""
    T, N = tape.v.shape
    code, peak, width = net.surrogate
    clear(delta[T])
    clear(phi)
    for j in range(len(z_delta)):
        clear(z_delta[j])
    for last in range(T, 0, -PIECE):
        first = max(0, last - PIECE)
        slopes = slope[first:last] if code < 0 else slope[: last - first]
        if code >= 0:
            fill_slope(code, peak, width, tape.lowered[first:last], layer.threshold, slopes)
        potential_gradients(first, last, tape, slopes, layer, net.tiny, net.hops, net.truncate, phi, delta, q)
        parameter_gradients(first, last, x, tape, layer, mask, delta, q, grads)
        if len(tape.z) > 0:
            tap_gradients(first, last, tape.z, delta, layer.delays, z_delta)
        if dx.shape[1] > 0:
            input_gradients(first, last, mask, delta, layer.w_in_T, q, dx)
    for j in range(len(z_delta)):
        for n in range(N):
            grads.tap_weights[j] += z_delta[j, n]


@jit_inner
def potential_gradients(first, last, tape, slope, layer, tiny, hops, truncate, phi, delta, q):
    """Run (7) to (9) for the steps first .. last - 1, once all later steps are done.

    `delta` holds e in these steps on entry; (8) turns it into ε and (9) into δ, a block of steps at a time. Fill q.
    Row 0 of q and of `slope` is step `first`. `phi` (N,) is φ of step `last`, and then of step `first`.
    """
    (_, _, _, _, tap_weights), delays, _, _, _, w_rec_T, adaptation = layer
    v, zero, one = tape.v, delta.dtype.type(0), delta.dtype.type(1)
    T, N = v.shape
    block = min(BLOCK, delays[0]) if delays.size > 0 else BLOCK
    for stop in range(last, first, -block):
        start = max(first, stop - block)
        # (7) q[t] = Σ_j p_j δ[t + k_j]
        for t in range(start, stop):
            clear(q[t - first])
            end = min(T, (t // truncate + 1) * truncate)  # no error comes from there
            add_rows(tap_weights, delta, delays, 0, taps_within(delays, end - 1 - t), t, 1, q[t - first])
            if delays.size > 1:
                for n in range(N):
                    q[t - first, n] = flushed(q[t - first, n], tiny)
        # (8) ε[t] = e[t] + q[t] W_recᵀ
        if hops and delays.size > 0 and start + delays[0] < T:
            add_product(q[start - first : stop - first], w_rec_T, delta[start:stop])
        # (9) δ[t] = (1 - h s[t]) c[t] + σ′[t] (ε[t] - (a θ + h v[t]) c[t]),  c[t] = β δ[t+1]
        for t in range(stop - 1, start - 1, -1):
            kept = zero if (t + 1) % truncate == 0 else one
            if len(adaptation) == 0:
                step_back(t, v, v, slope[t - first], layer, kept, tiny, delta)
            else:
                adaptation_gradients(t, v, slope[t - first], layer, kept, tiny, phi, delta)
                step_back(t, v, tape.lowered, slope[t - first], layer, kept, tiny, delta)


@jit_step
def step_back(t, v, lowered, slope, layer, kept, tiny, delta):
    """Run (9): turn ε[t], which `delta` holds, into δ[t]. `kept` is 0 where no error passes from t + 1, else 1."""
    decay, threshold, zero = layer.weights.decay, layer.threshold, delta.dtype.type(0)
    a, h, detached = layer.reset[0], layer.reset[1], layer.reset[2]
    for n in range(v.shape[1]):
        c = kept * decay[n] * delta[t + 1, n]
        through_reset = (a * threshold[n] + h * v[t, n]) * c
        through_reset -= detached * through_reset
        h_s = h if lowered[t, n] >= threshold[n] else zero  # h s[t]
        delta[t, n] = flushed(c - h_s * c + slope[n] * (delta[t, n] - through_reset), tiny)


@jit_inner
def adaptation_gradients(t, v, slope, layer, kept, tiny, phi, delta):
    """Run (13) before (9): add φ[t+1] to ε[t], which `delta` holds, and turn `phi` into φ[t]; `kept` is 0 at a cut."""
    decay, threshold = layer.weights.decay, layer.threshold
    rho, kappa = layer.adaptation[0], layer.adaptation[1]
    a, h, detached = layer.reset[0], layer.reset[1], layer.reset[2]
    for n in range(phi.size):
        phi[n] *= kept
        delta[t, n] += phi[n]
        # φ[t] = ρ φ[t+1] - κ σ′[t] r[t],  r[t] = ε[t] - (a θ + h v[t]) c[t]
        through_reset = (a * threshold[n] + h * v[t, n]) * (kept * decay[n] * delta[t + 1, n])
        r = delta[t, n] - (through_reset - detached * through_reset)
        phi[n] = flushed(rho[n] * phi[n] - kappa[n] * slope[n] * r, tiny)


@jit_inner
def parameter_gradients(first, last, x, tape, layer, mask, delta, q, grads):
    """Add (10) of the steps first .. last - 1 to `grads`, except for the taps. Row 0 of q is step `first`."""
    v, lowered, _, s = tape
    d_w_in, d_bias, d_w_rec, d_decay, _ = grads
    N = v.shape[1]
    for t in range(first, last):
        # d_w_in = Σ x[t]ᵀ (m ⊙ δ[t]),  d_bias = Σ m ⊙ δ[t]
        for k in range(x.start[t], x.start[t + 1]):
            i, x_ti = x.columns[k], x.values[k]
            for n in range(N):
                d_w_in[i, n] += x_ti * (mask[n] * delta[t, n])
        for n in range(N):
            d_bias[n] += mask[n] * delta[t, n]
        # d_w_rec = Σ s[t]ᵀ q[t]
        if layer.delays.size > 0:
            for k in range(s.start[t], s.start[t + 1]):
                i = s.columns[k]
                for n in range(N):
                    d_w_rec[i, n] += q[t - first, n]
        # d_decay = Σ v⁺[t-1] ⊙ δ[t]
        if len(layer.adaptation) == 0:
            add_d_decay(t, v, v, layer, delta, d_decay)
        else:
            add_d_decay(t, v, lowered, layer, delta, d_decay)


@jit_step
def add_d_decay(t, v, lowered, layer, delta, d_decay):
    """Add (10) of the decay, v⁺[t-1] ⊙ δ[t]."""
    threshold, a, h = layer.threshold, layer.reset[0], layer.reset[1]
    if t > 0:
        for n in range(v.shape[1]):
            d_decay[n] += after_reset(v[t - 1, n], lowered[t - 1, n], threshold[n], a, h) * delta[t, n]


@jit_inner
def tap_gradients(first, last, z, delta, delays, z_delta):
    """Add (10) of the taps, Σ z[t - k_j] · δ[t], t = first .. last - 1, to `z_delta` (J, N), by neuron."""
    N = delta.shape[1]
    for t in range(first, last, BLOCK):
        stop = min(t + BLOCK, last)
        for j in range(taps_within(delays, stop - 1)):
            k = delays[j]
            if k <= t and t + 4 == stop:
                for n in range(N):
                    two = z_delta[j, n] + z[t - k, n] * delta[t, n] + z[t + 1 - k, n] * delta[t + 1, n]
                    z_delta[j, n] = two + z[t + 2 - k, n] * delta[t + 2, n] + z[t + 3 - k, n] * delta[t + 3, n]
            else:
                for u in range(max(t, k), stop):
                    for n in range(N):
                        z_delta[j, n] += z[u - k, n] * delta[u, n]


@jit_inner
def input_gradients(first, last, mask, delta, w_in_T, m_delta, dx):
    """Fill dx (T, n_in) by (12), dx[t] = (m ⊙ δ[t]) W_inᵀ, in the steps first .. last - 1; m_delta is room for it."""
    for t in range(first, last):
        for n in range(delta.shape[1]):
            m_delta[t - first, n] = mask[n] * delta[t, n]
        clear(dx[t])
    add_product(m_delta[: last - first], w_in_T, dx[first:last])


@jit_inner
def rate_penalty(s, share, penalty, rates, e):
    """Add (14) to e (T + 1, N) of a layer with the events s, but for row T, and return its part of the loss."""
    T, (strength, target) = len(e) - 1, penalty
    two, n_steps = rates.dtype.type(2), rates.dtype.type(len(e) - 1)
    clear(rates)
    for k in range(s.start[T]):
        rates[s.columns[k]] += s.values[k]
    loss = two - two
    for n in range(rates.size):
        excess = rates[n] / n_steps - target
        loss += strength / two * excess * excess
        rates[n] = share * strength * excess / n_steps
    for t in range(T):
        for n in range(rates.size):
            e[t, n] += rates[n]
    return loss


@jit
def fill_slope(code, peak, width, v, threshold, slope):
    """Fill `slope` (T, N) with σ′(v - θ) of the built-in surrogate with this integer code, see `surrogate.BUILT_IN`."""
    zero, one, four = v.dtype.type(0), v.dtype.type(1), v.dtype.type(4)
    for t in range(v.shape[0]):
        for n in range(v.shape[1]):
            slope[t, n] = abs(v[t, n] - threshold[n]) / width
        if code == 0:  # Triangle
            for n in range(v.shape[1]):
                slope[t, n] = peak * max(zero, one - slope[t, n])
        elif code == 1:  # Rectangle
            for n in range(v.shape[1]):
                slope[t, n] = peak if slope[t, n] < one else zero
        elif code == 2:  # Exponential
            for n in range(v.shape[1]):
                slope[t, n] = peak * math.exp(-slope[t, n])
        elif code == 3:  # Sigmoid
            for n in range(v.shape[1]):
                tail = math.exp(-slope[t, n])
                slope[t, n] = peak * four * tail / ((one + tail) * (one + tail))
        elif code == 4:  # Gaussian
            for n in range(v.shape[1]):
                slope[t, n] = peak * math.exp(-slope[t, n] * slope[t, n] / (one + one))
        elif code == 5:  # ATan
            for n in range(v.shape[1]):
                slope[t, n] = peak / (one + slope[t, n] * slope[t, n])
        elif code == 6:  # FastSigmoid
            for n in range(v.shape[1]):
                slope[t, n] = peak / ((one + slope[t, n]) * (one + slope[t, n]))


# A batch


@jit
def slab_gradients(slab, x, y, lengths, masks, net, work, grads, losses):
    """Run the sequences slab, slab + SLABS, ... of a batch in turn: fill `losses` and a slab of `grads`."""
    share = x.dtype.type(1) / x.dtype.type(len(x))
    clear(grads[slab])
    for b in range(slab, len(x), SLABS):
        losses[b] = sequence_gradients(x[b, : lengths[b]], y[b], masks[b % len(masks)], share, net, work, grads[slab])


@jit
def slab_logits(slab, x, lengths, masks, net, work, logits, n_spikes):
    """Run the same sequences forward: fill `logits` (B, classes), add each layer's spikes to `n_spikes` (slabs, L)."""
    for b in range(slab, len(x), SLABS):
        T = lengths[b]
        sequence_forward(x[b, :T], masks[b % len(masks)], net, work)
        for c in range(work.logits.size):
            logits[b, c] = work.logits[c]
        for i in range(len(net.table) - 1):
            n_spikes[slab, i] += tape_of(net, work, i, T).s.start[T]


# Views into flat arrays


@jit_inner
def matrix(flat, start, m, n):
    """View the part of `flat` that begins at `start` as (m, n)."""
    return flat[start : start + m * n].reshape(m, n)


@jit_inner
def weights_of(net, i, flat):
    """View the weights of layer i, or of the readout, in a flat array; or their gradients."""
    at = net.table[i]
    n_in, N, J = at[N_IN], at[N_OUT], at[N_TAPS]
    w_in, w_rec = matrix(flat, at[W_IN], n_in, N), matrix(flat, at[W_REC], N if J > 0 else 0, N)
    bias, decay = flat[at[BIAS] : at[BIAS] + N], flat[at[DECAY] : at[DECAY] + N]
    return Weights(w_in, bias, w_rec, decay, flat[at[TAP_WEIGHTS] : at[TAP_WEIGHTS] + J])


@jit_inner
def layer_of(net, i):
    """View layer i."""
    at = net.table[i]
    n_in, N, J = at[N_IN], at[N_OUT], at[N_TAPS]
    threshold = net.constants[at[THRESHOLD] : at[THRESHOLD] + N]
    reset, delays = net.constants[at[RESET] : at[RESET] + 3], net.delays[at[DELAYS] : at[DELAYS] + J]
    w_in_T = matrix(net.constants, at[W_IN_T], N, n_in)
    w_rec_T = matrix(net.constants, at[W_REC_T], N if J > 0 else 0, N)
    adaptation = matrix(net.constants, at[ADAPTATION], 2 * at[ADAPTS], N)
    return Layer(weights_of(net, i, net.weights), delays, threshold, reset, w_in_T, w_rec_T, adaptation)


@jit_inner
def tape_of(net, work, i, T):
    """View the first T steps of layer i in `work`."""
    N, at = net.table[i, N_OUT], net.table[i, NEURON] * work.room
    first, stop = i * (work.room + 1), (i + 1) * (work.room + 1)
    s = Events(work.columns[at : at + T * N], work.values[at : at + T * N], work.start[first:stop])
    v, z = matrix(work.v, at, T, N), matrix(work.z, at, T if net.table[i, N_TAPS] > 1 else 0, N)
    return Tape(v, matrix(work.lowered, at, T, N) if net.table[i, ADAPTS] > 0 else v, z, s)


# Primitives


@jit_inner
def flushed(value, tiny):
    """Return the value, or 0 if its size is below `tiny`; NaN stays NaN."""
    return tiny - tiny if abs(value) < tiny else value


@jit_inner
def clear(row):
    """Fill a row with 0."""
    for n in range(row.size):
        row[n] = 0


@jit_inner
def after_reset(v, lowered, threshold, a, h):
    """Return v⁺ = v - s (a θ + h v) by (5), with s by (4)."""
    return v - (a * threshold + h * v) if lowered >= threshold else v


@jit_inner
def find_spikes(v, threshold, t, events):
    """List where v (N,) is at its threshold or above (4), as the events of step t."""
    columns, values, start = events
    at = start[t]
    for n in range(v.size):
        columns[at] = n  # overwritten by the next one unless it counts
        values[at] = 1
        at += v[n] >= threshold[n]
    start[t + 1] = at


@jit_inner
def find_events(x, events):
    """List the events of an analog input x (T, n_in)."""
    columns, values, start = events
    at = start[0] = 0
    for t in range(len(x)):
        for i in range(x.shape[1]):
            columns[at] = i
            values[at] = x[t, i]
            at += x[t, i] != 0
        start[t + 1] = at


@jit_inner
def taps_within(delays, steps):
    """Count the delays (ascending) that are at most `steps`: the taps that reach a step of the sequence."""
    count = delays.size
    while count > 0 and delays[count - 1] > steps:
        count -= 1
    return count


@jit_step
def add_event_rows(events, t, rows, out):
    """Add a[t] @ rows to out (N,), for the array a of these events."""
    add_rows(events.values, rows, events.columns, events.start[t], events.start[t + 1], 0, 1, out)


@jit_inner
def add_rows(weights, rows, columns, first, last, base, sign, out):
    """Add Σ_k weights[k] rows[base + sign columns[k]], k = first .. last - 1, to out (N,). Four rows share a load."""
    N = out.size
    k = first
    while k + 4 <= last:
        p0, p1, p2, p3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        i0, i1 = base + sign * columns[k], base + sign * columns[k + 1]
        i2, i3 = base + sign * columns[k + 2], base + sign * columns[k + 3]
        for n in range(N):
            out[n] = out[n] + p0 * rows[i0, n] + p1 * rows[i1, n] + p2 * rows[i2, n] + p3 * rows[i3, n]
        k += 4
    while k < last:
        p, i = weights[k], base + sign * columns[k]
        for n in range(N):
            out[n] += p * rows[i, n]
        k += 1


@jit_inner
def add_product(a, w, out):
    """Add a (R, M) @ w (M, N) to out (R, N): four rows of out share a load of w, four rows of w an access to out."""
    R, M, N = len(a), len(w), out.shape[1]
    for r in range(0, R - R % 4, 4):
        for j in range(0, M - M % 4, 4):
            a0, a1, a2, a3 = a[r, j], a[r, j + 1], a[r, j + 2], a[r, j + 3]
            b0, b1, b2, b3 = a[r + 1, j], a[r + 1, j + 1], a[r + 1, j + 2], a[r + 1, j + 3]
            c0, c1, c2, c3 = a[r + 2, j], a[r + 2, j + 1], a[r + 2, j + 2], a[r + 2, j + 3]
            d0, d1, d2, d3 = a[r + 3, j], a[r + 3, j + 1], a[r + 3, j + 2], a[r + 3, j + 3]
            for n in range(N):
                w0, w1, w2, w3 = w[j, n], w[j + 1, n], w[j + 2, n], w[j + 3, n]
                out[r, n] = out[r, n] + a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                out[r + 1, n] = out[r + 1, n] + b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
                out[r + 2, n] = out[r + 2, n] + c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3
                out[r + 3, n] = out[r + 3, n] + d0 * w0 + d1 * w1 + d2 * w2 + d3 * w3
    for r in range(R - R % 4, R):  # rows of out after the last four
        for j in range(0, M - M % 4, 4):
            a0, a1, a2, a3 = a[r, j], a[r, j + 1], a[r, j + 2], a[r, j + 3]
            for n in range(N):
                out[r, n] = out[r, n] + a0 * w[j, n] + a1 * w[j + 1, n] + a2 * w[j + 2, n] + a3 * w[j + 3, n]
    for r in range(R):  # rows of w after the last four
        for j in range(M - M % 4, M):
            a0 = a[r, j]
            for n in range(N):
                out[r, n] += a0 * w[j, n]
