"""The forward-mode derivative: how a nudge of parameters and input moves the spikes.

It is written independently of the backward pass, on purpose: from equations (1) to (5) alone, by the product rule, over
the whole batch at once and one layer after the other, with the taps as a sum over a history of rows. A dot marks a
derivative along the direction:

    (1') ż[t] = ṡ[t] W_rec + s[t] Ẇ_rec
    (2') İ[t] = m ⊙ (ẋ[t] W_in + x[t] Ẇ_in + ḃ) + Σ_j (ṗ_j z[t - k_j] + p_j ż[t - k_j])
    (3') v̇[t] = β̇ v⁺[t-1] + β v̇⁺[t-1] + İ[t]
    (4') ṡ[t] = σ′[t] v̇[t]                          the surrogate slope in place of Θ′
    (5') v̇⁺[t] = v̇[t] - ṡ[t] (a θ + h v[t]) - s[t] h v̇[t]      detached: without the middle term
    (13') Ȧ[t] = ρ Ȧ[t-1] + ṡ[t-1], and v̇[t] - κ Ȧ[t] in place of v̇[t] in (4')

A backward pass is right exactly if it is the transpose of this one: <e, J u> = <Jᵀ e, u> for all e and u.
"""

import numpy as np

from minisnn.core.parameters import Params, span_logits_name
from minisnn.core.recurrence import ASRC
from minisnn.core.reference import WHOLE, thresholds
from minisnn.core.tape import Tape


def spike_tangent(net, tape: Tape, direction: Params, dx, cut=WHOLE) -> np.ndarray:
    """Compute ṡ of the last hidden layer, (B, T, N), as parameters move along `direction` and the input along `dx`.

    Parameters
    ----------
    net : Network
        In float64.
    tape : Tape
        From `net.record`: the run around which the derivative is taken.
    direction : Params
        Like `net.params`.
    dx : array (B, T, n_in)
    """
    exists = np.arange(tape.x.shape[1]) < tape.lengths[:, np.newaxis]
    x, x_dot = tape.x, dx
    for i, recorded in enumerate(tape.layers):
        x_dot = _layer_tangent(net, tape, direction, i, x, x_dot, cut) * exists[:, :, np.newaxis]
        x = recorded.s
    return x_dot


def _layer_tangent(net, tape, direction, i, x, x_dot, cut) -> np.ndarray:
    """Evaluate (1') to (5') for layer i: ṡ (B, T, N)."""
    layer, recorded, name = net.layers(tape.structure.span_mode)[i], tape.layers[i], f"layers.{i}."
    a, h, detached = layer.reset
    slope = net.surrogate.derivative(recorded.v - thresholds(layer, recorded.s))
    rho, kappa = np.zeros((2, len(layer.bias))) if layer.adaptation is None else layer.adaptation
    beta_dot = _decay_direction(direction, i, layer.decay)
    p_dot = _weight_directions(net, tape, direction, i, layer)
    w_rec_dot = direction[name + "w_rec"] if name + "w_rec" in direction else np.zeros_like(layer.w_rec)
    driven = tape.masks[i][:, np.newaxis] * (
        x_dot @ layer.w_in + x @ direction[name + "w_in"] + direction[name + "bias"]
    )

    v_dot, s_dot, z_dot = [], [], []
    trace_dot = np.zeros_like(recorded.v[:, 0])
    v_plus_dot = np.zeros_like(recorded.v[:, 0])
    v_plus = np.zeros_like(recorded.v[:, 0])
    for t in range(x.shape[1]):
        start = 0 if cut.truncate is None else t // cut.truncate * cut.truncate  # what was before is a constant
        if t == start:
            v_plus_dot, trace_dot = 0 * v_plus_dot, 0 * trace_dot
        current_dot = driven[:, t]
        for k, p, dp in zip(layer.delays, layer.tap_weights, p_dot):
            if k <= t:
                current_dot = current_dot + dp * recorded.z[:, t - k] + (p * z_dot[t - k] if k <= t - start else 0)
        v_dot.append(beta_dot * v_plus + layer.decay * v_plus_dot + current_dot)
        s_dot.append(slope[:, t] * (v_dot[t] - kappa * trace_dot))
        trace_dot = rho * trace_dot + s_dot[t]
        v, s = recorded.v[:, t], recorded.s[:, t]
        v_plus_dot = v_dot[t] * (1 - h * s)
        if not detached:
            v_plus_dot = v_plus_dot - s_dot[t] * (a * layer.threshold + h * v)
        v_plus = v * (1 - h * s) - a * s * layer.threshold
        z_dot.append(cut.hops * (s_dot[t] @ layer.w_rec) + s @ w_rec_dot)
    return np.stack(s_dot, axis=1)


def _decay_direction(direction, i, decay) -> np.ndarray:
    """Return β̇: the slope β (1 - β) of the logistic function times the direction of the logit; 0 for a fixed decay."""
    name = f"layers.{i}.decay_logit"
    return decay * (1 - decay) * direction[name] if name in direction else np.zeros_like(decay)


def _weight_directions(net, tape, direction, i, layer) -> np.ndarray:
    """Return ṗ: the softmax's Jacobian (diag(p) - pᵀp) / T° times the direction of the logits; 0 for fixed taps."""
    recurrence = net.recurrence[i]
    if not isinstance(recurrence, ASRC) or tape.structure.span_mode == "hard":
        return np.zeros(len(layer.tap_weights))
    p = layer.tap_weights
    jacobian = (np.diag(p) - np.outer(p, p)) / tape.structure.temperature
    logits = direction[span_logits_name(i, recurrence)]
    return jacobian @ logits[layer.delays - 1]
