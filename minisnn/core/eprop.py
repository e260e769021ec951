"""The gradient without hops in its other form, forward in time: e-prop (Bellec et al., 2020).

`layer_backward(..., Cut(hops=False))` walks back from the loss. The same numbers come out of a walk forward. Each
weight has an *eligibility trace*: how much the spike of its neuron would change now if the weight had been a little
larger all along, with all spikes that arrive taken as given. A dot marks that derivative, for the weight from i to n:

    (2″) İ[t] = m x_i[t] for w_in,  m for bias,  Σ_j p_j s_i[t - k_j] for w_rec
    (3″) v̇[t] = β v̇⁺[t-1] + İ[t]
    (4″) ṡ[t] = σ′[t] (v̇[t] - κ Ȧ[t])
    (5″) v̇⁺[t] = (1 - h s[t]) v̇[t] - (a θ + h v[t]) ṡ[t]          detached: without the last term
   (13″) Ȧ[t+1] = ρ Ȧ[t] + ṡ[t]

and the gradient is Σ_t e[t] ṡ[t]. If e[t] is known at each step, it needs no memory of the past but the traces, which
is why it is thought of as a model of learning in the brain. What it leaves out: whatever a spike does later, through
W_rec.
"""

import numpy as np

from minisnn.core.reference import Layer


def eligibility_gradients(e, x, tape, slope, layer: Layer, mask) -> dict[str, np.ndarray]:
    """Return d_w_in (n_in, N), d_bias (N,) and d_w_rec (N, N) of a layer; arguments of `reference.layer_backward`."""
    _, _, _, delays, tap_weights, decay, threshold, (a, h, detached), adaptation = layer
    T, N = e.shape
    rho, kappa = np.zeros((2, N)) if adaptation is None else adaptation
    n_in = x.shape[1]
    v_plus_dot, trace_dot, gradient = (np.zeros((n_in + 1 + N, N)) for _ in range(3))  # rows: w_in, bias, w_rec
    for t in range(T):
        arriving = sum((p * tape.s[t - k] for k, p in zip(delays, tap_weights) if k <= t), np.zeros(N))
        current_dot = np.concatenate([np.outer([*x[t], 1.0], mask), np.tile(arriving[:, np.newaxis], N)])
        v_dot = decay * v_plus_dot + current_dot
        s_dot = slope[t] * (v_dot - kappa * trace_dot)
        v_plus_dot = (1 - h * tape.s[t]) * v_dot - (1 - detached) * (a * threshold + h * tape.v[t]) * s_dot
        trace_dot = rho * trace_dot + s_dot
        gradient += e[t] * s_dot
    return {"w_in": gradient[:n_in], "bias": gradient[n_in], "w_rec": gradient[n_in + 1 :]}
