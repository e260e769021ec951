"""The algorithm as equations, in plain NumPy, one sequence at a time. Read this file first.

`sequence_gradients` is all of it: x and y in, the loss and all gradients out. Upwards, layer by layer. A layer of N
spiking neurons hears its input x and, through taps (k_j, p_j), its own spikes of k_j steps ago:

    (1) z[t] = s[t] W_rec
    (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j]
    (3) v[t] = β v⁺[t-1] + I[t]
    (4) s[t] = Θ(v[t] - θ),  Θ(0) = 1
    (5) v⁺[t] = v[t] - s[t] (a θ + h v[t])

with β the decay, θ the threshold, m a dropout mask (1 in evaluation), Θ the step function and (a, h) the reset: soft
(1, 0), hard (0, 1), none (0, 0). Everything is 0 before t = 0. The readout counts the spikes of the last layer in the
steps R, all of them or the last w; B is the number of sequences in the batch, over which the loss is averaged:

    (6) counts = Σ_{t in R} s[t];  logits = counts W_out + |R| b_out;  loss = cross-entropy(softmax(logits), y)

Downwards, σ′[t], the surrogate derivative at v[t] - θ (`surrogate.py`), stands in for Θ′, which is 0 almost everywhere.
Given e[t] = ∂L/∂s[t] from above, with δ[t] = ∂L/∂v[t] and c[t] = β δ[t+1]:

    (7) q[t] = Σ_j p_j δ[t + k_j]
    (8) ε[t] = e[t] + q[t] W_recᵀ
    (9) δ[t] = (1 - h s[t]) c[t] + σ′[t] (ε[t] - (a θ + h v[t]) c[t])      detach_reset drops the last term
   (10) d_w_in = Σ x[t]ᵀ (m ⊙ δ[t]),  d_bias = Σ m ⊙ δ[t],  d_w_rec = Σ s[t]ᵀ q[t],  d_decay = Σ v⁺[t-1] ⊙ δ[t],
        d_tap_weights_j = Σ z[t - k_j] · δ[t]
   (11) d_span_logits_k = p_k (d_p_k - Σ_l p_l d_p_l) / T°,  d_decay_logit = d_decay β (1 - β);  a logit that neurons
        or layers share gets the sum
   (12) dx[t] = (m ⊙ δ[t]) W_inᵀ is e[t] of the layer below.  Of the last layer e[t] = g W_outᵀ for t in R, with
        g = (softmax(logits) - onehot(y)) / B;  d_w_out = countsᵀ g,  d_b_out = |R| g

A layer may adapt (ALIF): each spike raises its threshold by κ, and the rise decays with ρ. With φ[t] = ∂L/∂A[t], and
r[t] the bracket behind σ′[t] in (9),

   (13) A[t] = ρ A[t-1] + s[t-1],  and θ + κ A[t] in place of θ in (4) and in σ′[t];
        ε[t] gets φ[t+1] as well, and φ[t] = ρ φ[t+1] - κ σ′[t] r[t]

Two contrasts leave something out of the gradient (`Cut`). Without *hops*, q[t] W_recᵀ is dropped from (8): what a
spike does through W_rec is learned, but no error passes through it. *Truncated*, the steps form blocks of one length,
counted from t = 0, and no error passes from a block to the one before, neither by the leak nor by a tap. A firing-rate
penalty adds to the loss, for each layer,

   (14) μ/2 Σ_i (ν_i - ν*)²,  ν_i = Σ_t s_i[t] / T;  so e[t] gets μ (ν - ν*) / (B T), with ν* the target rate

This file is the definition; `kernels.py` says the same in fast loops. It leaves out batches (call it for each sequence
with the batch's B: the gradients add up, the loss is the mean), the kinds of neuron and recurrence (they arrive as
numbers), and checks of its input. θ, ρ and κ are not learned. Weights are [pre, post], vectors are rows.
"""

from typing import NamedTuple

import numpy as np

from minisnn.core import readout


class Layer(NamedTuple):
    """One layer as numbers. Without taps `w_rec` is 0; delays ascend."""

    w_in: np.ndarray  # (n_in, N)
    bias: np.ndarray  # (N,)
    w_rec: np.ndarray  # (N, N)
    delays: np.ndarray  # (J,) int64, k_j >= 1
    tap_weights: np.ndarray  # (J,) p_j
    decay: np.ndarray  # (N,) β
    threshold: np.ndarray  # (N,) θ
    reset: np.ndarray  # (3,) a, h, detached (0 or 1)
    adaptation: np.ndarray | None = None  # (2, N) ρ and κ of (13); None: no adaptation


class Readout(NamedTuple):
    """The readout as numbers."""

    w: np.ndarray  # (N, classes)
    bias: np.ndarray  # (classes,)
    window: int | None  # R is the last `window` steps; None: all


class Cut(NamedTuple):
    """What a gradient leaves out, for comparison; by default nothing."""

    hops: bool = True  # whether errors pass through W_rec, in (8)
    truncate: int | None = None  # number of steps after which no error passes backwards; None: errors pass everywhere


class Penalty(NamedTuple):
    """The firing-rate penalty (14)."""

    strength: float = 0.0  # μ
    rate: float = 0.0  # ν*, spikes per neuron and step


WHOLE, NO_PENALTY = Cut(), Penalty()


class LayerTape(NamedTuple):
    """What the forward pass of a layer leaves behind: (T, N) each, in the tape of a batch (B, T, N)."""

    current: np.ndarray  # I
    v: np.ndarray
    v_reset: np.ndarray  # v⁺
    s: np.ndarray
    z: np.ndarray


class LayerGrads(NamedTuple):
    """What the backward pass of a layer leaves behind."""

    eps: np.ndarray  # (T, N) ε
    delta: np.ndarray  # (T, N) δ
    q: np.ndarray  # (T, N)
    dx: np.ndarray  # (T, n_in)
    d_w_in: np.ndarray  # (n_in, N)
    d_bias: np.ndarray  # (N,)
    d_w_rec: np.ndarray  # (N, N)
    d_decay: np.ndarray  # (N,)
    d_tap_weights: np.ndarray  # (J,)


class Gradients(NamedTuple):
    """What the backward pass of a sequence leaves behind."""

    layers: list[LayerGrads]
    d_span_logits: list[np.ndarray]  # (J,) of each layer: for logits behind its p, if there are any
    d_decay_logit: list[np.ndarray]  # (N,) of each layer: for logits behind its β, if there are any; not yet summed
    d_w_out: np.ndarray  # (N, classes)
    d_b_out: np.ndarray  # (classes,)


def sequence_gradients(
    x, y, layers, output, masks, derivative, temperature=1.0, batch_size=1, fires=None, cut=WHOLE, penalty=NO_PENALTY
):
    """Run the whole algorithm for one sequence: return its loss, not divided by B, and its share of the gradients.

    Parameters
    ----------
    x : array (T, n_in)
    y : int
        The label.
    layers, output : list of Layer, Readout
    masks : list of array (N,)
        Dropout masks m, one per layer; ones in evaluation.
    derivative : callable
        σ′, from an array of u = v - θ to an array of that shape: `surrogate.derivative`.
    temperature, batch_size
        T° of the softmax behind the tap weights, for `d_span_logits`: `net.temperature`; B.
    fires : list of callable, optional
        Stand in for Θ in (4), one per layer; see `layer_forward`.
    cut, penalty : Cut, Penalty
        What the gradient leaves out; the penalty on firing rates.
    """
    # Layers up: (1) to (5)
    tapes, counts, logits = sequence_forward(x, layers, output, masks, fires)
    # Readout and loss: (6) and (14), and (12) from the loss to e of the last layer
    loss = readout.cross_entropy(logits, y) + sum(rate_penalty(tape.s, penalty) for tape in tapes)
    g = readout.d_logits(logits, y) / batch_size
    start, stop = readout.window(len(x), output.window)
    d_w_out, d_b_out = np.outer(counts, g), (stop - start) * g
    # Layers down: (7) to (10) and (12)
    slopes = [derivative(tape.v - thresholds(layer, tape.s)) for tape, layer in zip(tapes, layers)]
    from_rates = [rate_error(tape.s, penalty, batch_size) for tape in tapes]
    e = readout_error(g, len(x), output)
    grads = sequence_backward(e, x, tapes, slopes, layers, masks, cut, from_rates)
    # (11) From tap weights and decays to the logits behind them
    d_span_logits = [span_logit_gradient(layer, d.d_tap_weights, temperature) for layer, d in zip(layers, grads)]
    d_decay_logit = [decay_logit_gradient(layer, d.d_decay) for layer, d in zip(layers, grads)]
    return loss, Gradients(grads, d_span_logits, d_decay_logit, d_w_out, d_b_out)


def sequence_forward(x, layers, output, masks, fires=None, reset_spikes=None):
    """Run all layers upwards, then the readout (6): return the tapes, counts (N,) and logits (classes,).

    Arguments as in `sequence_gradients`; `reset_spikes`, one (T, N) array per layer, as in `layer_forward`.
    """
    fires = fires or [heaviside] * len(layers)
    reset_spikes = reset_spikes or [None] * len(layers)
    tapes = []
    for layer, mask, fire, replay in zip(layers, masks, fires, reset_spikes):
        tapes.append(layer_forward(x, layer, mask, fire, replay))
        x = tapes[-1].s
    # (6) counts = Σ_{t in R} s[t];  logits = counts W_out + |R| b_out
    start, stop = readout.window(len(x), output.window)
    counts = x[start:stop].sum(axis=0)
    return tapes, counts, readout.logits(counts, stop - start, output.w, output.bias)


def sequence_backward(e, x, tapes, slopes, layers, masks, cut=WHOLE, from_rates=None):
    """Run all layers downwards, for any e (T, N) on the spikes of the last: return one LayerGrads per layer.

    `from_rates`, one row (N,) per layer, is what (14) adds to its e[t].
    """
    grads = []
    for i in reversed(range(len(layers))):
        below = tapes[i - 1].s if i > 0 else x
        if from_rates is not None:
            e = e + from_rates[i]
        grads.append(layer_backward(e, below, tapes[i], slopes[i], layers[i], masks[i], cut))
        e = grads[-1].dx
    return grads[::-1]


def readout_error(g, length, output):
    """Return e (T, N) by equation (12), from g (classes,): e[t] = g W_outᵀ for t in R, else 0."""
    e = np.zeros((length, len(output.w)), np.result_type(g, output.w))
    start, stop = readout.window(length, output.window)
    e[start:stop] = g @ output.w.T
    return e


def thresholds(layer, s):
    """Return θ + κ A[t] by (13), in the shape of the spikes, (T, N) or (B, T, N); without adaptation θ, (N,)."""
    if layer.adaptation is None:
        return layer.threshold
    rho, kappa = layer.adaptation
    trace = np.zeros(s.shape, np.result_type(s, rho, kappa))  # A
    for t in range(1, s.shape[-2]):
        trace[..., t, :] = rho * trace[..., t - 1, :] + s[..., t - 1, :]
    return layer.threshold + kappa * trace


def rate_penalty(s, penalty):
    """Return (14) for the spikes (T, N) of a layer: μ/2 Σ_i (ν_i - ν*)²."""
    return penalty.strength / 2 * ((s.mean(axis=0) - penalty.rate) ** 2).sum()


def rate_error(s, penalty, batch_size):
    """Return what (14) adds to e[t] of a layer, the same for all steps: μ (ν - ν*) / (B T), (N,)."""
    return penalty.strength * (s.mean(axis=0) - penalty.rate) / (batch_size * len(s))


def heaviside(t, u):
    """Return Θ(u), the hard spikes of equation (4). Like every `fire`, it gets the time step and u = v[t] - θ, (N,)."""
    return np.where(u >= 0, 1, 0).astype(u.dtype)


def smooth(surrogate):
    """Return a `fire` for checks: the surrogate's primitive σ in place of Θ. Then σ′ is the true derivative."""
    return lambda t, u: surrogate.primitive(u)


def frozen(tape, slope, threshold):
    """Return a `fire` for checks: s = s0 + σ′0 (u - u0), the linearisation of (4) around a recorded tape.

    At the recorded point it gives the recorded hard spikes, and its true derivative there is the surrogate's.
    """
    recorded = tape.v - threshold  # that is (N,), or (T, N) from `thresholds`
    return lambda t, u: tape.s[t] + slope[t] * (u - recorded[t])


def layer_forward(x, layer, mask, fire=heaviside, reset_spikes=None):
    """Run equations (1) to (5) for one layer and one sequence: return a LayerTape.

    x (T, n_in) is analog input, or the spikes of the layer below; `mask` (N,) the dropout mask of this input;
    `fire(t, u)` gives s[t] from u = v[t] - θ. `reset_spikes` (T, N), if given, drive the reset in place of the layer's
    own spikes: to replay recorded ones is what `detach_reset` means.
    """
    w_in, bias, w_rec, delays, tap_weights, decay, threshold, (a, h, _), adaptation = layer
    T, N = len(x), len(bias)
    dtype = np.result_type(x, w_in, bias, w_rec, tap_weights, decay)
    rho, kappa = np.zeros((2, N), dtype) if adaptation is None else adaptation
    current, v, v_reset, s, z = (np.zeros((T, N), dtype) for _ in range(5))
    v_before, trace = np.zeros(N, dtype), np.zeros(N, dtype)  # v⁺[-1], A[0]
    for t in range(T):
        # (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j]
        current[t] = mask * (x[t] @ w_in + bias)
        for k, p in zip(delays, tap_weights):
            if t - k >= 0:
                current[t] += p * z[t - k]
        # (3) v[t] = β v⁺[t-1] + I[t]
        v[t] = decay * v_before + current[t]
        # (4) s[t] = Θ(v[t] - θ), by (13) less κ A[t]
        s[t] = fire(t, v[t] - threshold - kappa * trace)
        trace = rho * trace + s[t]
        # (5) v⁺[t] = v[t] - s[t] (a θ + h v[t])
        s_reset = s[t] if reset_spikes is None else reset_spikes[t]
        v_reset[t] = v[t] - s_reset * (a * threshold + h * v[t])
        v_before = v_reset[t]
        # (1) z[t] = s[t] W_rec
        z[t] = s[t] @ w_rec
    return LayerTape(current, v, v_reset, s, z)


def layer_backward(e, x, tape, slope, layer, mask, cut=WHOLE):
    """Run equations (7) to (10) and (12), the adjoint of `layer_forward`: return LayerGrads.

    e (T, N) is what reaches s[t] from the layer above, or from the readout; x, `layer` and `mask` are what the forward
    pass got, `tape` is what it left, and `slope` (T, N) is σ′(v[t] - θ).
    """
    w_in, _, w_rec, delays, tap_weights, decay, threshold, (a, h, detached), adaptation = layer
    T, N = e.shape
    dtype = np.result_type(e, tape.v, w_rec, tap_weights)
    rho, kappa = np.zeros((2, N), dtype) if adaptation is None else adaptation
    eps, delta, q = (np.zeros((T, N), dtype) for _ in range(3))
    dx, d_w_in, d_bias, d_w_rec, d_decay, d_tap_weights = (
        np.zeros(shape, dtype) for shape in (x.shape, w_in.shape, N, w_rec.shape, N, len(delays))
    )
    delta_after, phi_after = np.zeros(N, dtype), np.zeros(N, dtype)  # δ[T], φ[T]
    for t in reversed(range(T)):
        end = T if cut.truncate is None else min(T, (t // cut.truncate + 1) * cut.truncate)  # no error from there
        if t + 1 == end:
            delta_after, phi_after = np.zeros(N, dtype), np.zeros(N, dtype)
        # (7) q[t] = Σ_j p_j δ[t + k_j]                          from (2): z[t] went into I[t + k_j] with weight p_j
        for k, p in zip(delays, tap_weights):
            if t + k < end:
                q[t] += p * delta[t + k]
        # (8) ε[t] = e[t] + q[t] W_recᵀ                          from (1): z[t] = s[t] W_rec, and (13)
        eps[t] = e[t] + cut.hops * (q[t] @ w_rec.T) + phi_after
        # (9) δ[t] = (1 - h s[t]) c[t] + σ′[t] (ε[t] - (a θ + h v[t]) c[t])          from (3), (4), (5)
        c = decay * delta_after
        through_reset = (1 - detached) * (a * threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + slope[t] * (eps[t] - through_reset)
        # (13) φ[t] = ρ φ[t+1] - κ σ′[t] r[t]
        phi_after = rho * phi_after - kappa * slope[t] * (eps[t] - through_reset)
        delta_after = delta[t]
        # (10) from (2), (1) and (3)
        d_w_in += np.outer(x[t], mask * delta[t])
        d_bias += mask * delta[t]
        d_w_rec += np.outer(tape.s[t], q[t])
        if t > 0:
            d_decay += tape.v_reset[t - 1] * delta[t]
        for j, k in enumerate(delays):
            if t - k >= 0:
                d_tap_weights[j] += tape.z[t - k] @ delta[t]
        # (12) dx[t] = (m ⊙ δ[t]) W_inᵀ                           from (2)
        dx[t] = (mask * delta[t]) @ w_in.T
    return LayerGrads(eps, delta, q, dx, d_w_in, d_bias, d_w_rec, d_decay, d_tap_weights)


def span_logit_gradient(layer, d_tap_weights, temperature):
    """Return (11) for taps that are a softmax p = softmax(a / T°): p_k (d_p_k - Σ_l p_l d_p_l) / T°, (J,).

    `recurrence.d_span_logits` is the engine's own; the checks compare the two.
    """
    p = layer.tap_weights
    return p * (d_tap_weights - (p * d_tap_weights).sum()) / temperature


def decay_logit_gradient(layer, d_decay):
    """Return (11) for decays that are a logistic function of a logit: d_decay β (1 - β), (N,)."""
    return d_decay * layer.decay * (1 - layer.decay)
