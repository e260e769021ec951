"""The backward pass that the student writes in tutorial 02 and extends in 05, 06 and 11, as it stands after each.

All four take what `gradcheck(backward=...)` passes, a `StudentTape`, e (T, N) and `StudentParams`
(`checks/student.py`), and compute equations (7) to (12), the last also (13), for one layer and one sequence.
"""

import numpy as np


def lif_backward(tape, e, params):
    """Compute the gradients of an RSNN (tutorial 02), whose recurrent input comes from one step before."""
    T, N = e.shape
    a, h, detached = params.reset
    q, eps, delta, dx = np.zeros((T, N)), np.zeros((T, N)), np.zeros((T, N)), np.zeros(tape.x.shape)
    d_w_in, d_bias, d_w_rec = np.zeros(params.w_in.shape), np.zeros(N), np.zeros((N, N))
    for t in reversed(range(T)):
        later = delta[t + 1] if t + 1 < T else np.zeros(N)
        q[t] = later  # (7), of one tap (1, 1)
        eps[t] = e[t] + q[t] @ params.w_rec.T  # (8)
        c = params.decay * later
        through_reset = (1 - detached) * (a * params.threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + tape.slope[t] * (eps[t] - through_reset)  # (9)
        d_w_in += np.outer(tape.x[t], tape.mask * delta[t])  # (10)
        d_bias += tape.mask * delta[t]
        d_w_rec += np.outer(tape.s[t], q[t])
        dx[t] = (tape.mask * delta[t]) @ params.w_in.T  # (12)
    return {"q": q, "eps": eps, "delta": delta, "dx": dx, "d_w_in": d_w_in, "d_bias": d_bias, "d_w_rec": d_w_rec}


def lif_backward_src(tape, e, params):
    """Compute the gradients of SRC (tutorial 05). One index changes: q[t] is δ of λ steps later."""
    T, N = e.shape
    a, h, detached = params.reset
    span = params.delays[0]  # λ
    q, eps, delta, dx = np.zeros((T, N)), np.zeros((T, N)), np.zeros((T, N)), np.zeros(tape.x.shape)
    d_w_in, d_bias, d_w_rec = np.zeros(params.w_in.shape), np.zeros(N), np.zeros((N, N))
    for t in reversed(range(T)):
        if t + span < T:
            q[t] = delta[t + span]  # (7), of one tap (λ, 1)
        eps[t] = e[t] + q[t] @ params.w_rec.T  # (8)
        c = params.decay * (delta[t + 1] if t + 1 < T else np.zeros(N))
        through_reset = (1 - detached) * (a * params.threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + tape.slope[t] * (eps[t] - through_reset)  # (9)
        d_w_in += np.outer(tape.x[t], tape.mask * delta[t])  # (10)
        d_bias += tape.mask * delta[t]
        d_w_rec += np.outer(tape.s[t], q[t])
        dx[t] = (tape.mask * delta[t]) @ params.w_in.T  # (12)
    return {"q": q, "eps": eps, "delta": delta, "dx": dx, "d_w_in": d_w_in, "d_bias": d_bias, "d_w_rec": d_w_rec}


def lif_backward_asrc(tape, e, params):
    """Compute the gradients for any taps (tutorial 06), and of the span logits behind the tap weights."""
    T, N = e.shape
    a, h, detached = params.reset
    q, eps, delta, dx = np.zeros((T, N)), np.zeros((T, N)), np.zeros((T, N)), np.zeros(tape.x.shape)
    d_w_in, d_bias, d_w_rec = np.zeros(params.w_in.shape), np.zeros(N), np.zeros((N, N))
    d_tap_weights = np.zeros(len(params.delays))
    for t in reversed(range(T)):
        for j, (k, p) in enumerate(zip(params.delays, params.tap_weights)):
            if t + k < T:
                q[t] += p * delta[t + k]  # (7)
                d_tap_weights[j] += tape.z[t] @ delta[t + k]  # (10): z[t] went into I[t + k] with weight p
        eps[t] = e[t] + q[t] @ params.w_rec.T  # (8)
        c = params.decay * (delta[t + 1] if t + 1 < T else np.zeros(N))
        through_reset = (1 - detached) * (a * params.threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + tape.slope[t] * (eps[t] - through_reset)  # (9)
        d_w_in += np.outer(tape.x[t], tape.mask * delta[t])  # (10)
        d_bias += tape.mask * delta[t]
        d_w_rec += np.outer(tape.s[t], q[t])
        dx[t] = (tape.mask * delta[t]) @ params.w_in.T  # (12)
    grads = {"q": q, "eps": eps, "delta": delta, "dx": dx, "d_w_in": d_w_in, "d_bias": d_bias, "d_w_rec": d_w_rec}
    grads["d_tap_weights"] = d_tap_weights
    mean = (params.tap_weights * d_tap_weights).sum()
    grads["d_span_logits"] = params.tap_weights * (d_tap_weights - mean) / params.temperature  # (11)
    return grads


def lif_backward_alif(tape, e, params):
    """Compute the gradients of a layer that may adapt (tutorial 11). Three lines know of (13)."""
    T, N = e.shape
    a, h, detached = params.reset
    rho, kappa = np.zeros((2, N)) if params.adaptation is None else params.adaptation
    q, eps, delta, dx = np.zeros((T, N)), np.zeros((T, N)), np.zeros((T, N)), np.zeros(tape.x.shape)
    d_w_in, d_bias, d_w_rec = np.zeros(params.w_in.shape), np.zeros(N), np.zeros((N, N))
    d_tap_weights = np.zeros(len(params.delays))
    phi = np.zeros(N)  # φ[T]
    for t in reversed(range(T)):
        for j, (k, p) in enumerate(zip(params.delays, params.tap_weights)):
            if t + k < T:
                q[t] += p * delta[t + k]  # (7)
                d_tap_weights[j] += tape.z[t] @ delta[t + k]  # (10)
        eps[t] = e[t] + q[t] @ params.w_rec.T + phi  # (8), and (13): s[t] went into A[t + 1]
        c = params.decay * (delta[t + 1] if t + 1 < T else np.zeros(N))
        r = eps[t] - (1 - detached) * (a * params.threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + tape.slope[t] * r  # (9)
        phi = rho * phi - kappa * tape.slope[t] * r  # (13): φ[t]
        d_w_in += np.outer(tape.x[t], tape.mask * delta[t])  # (10)
        d_bias += tape.mask * delta[t]
        d_w_rec += np.outer(tape.s[t], q[t])
        dx[t] = (tape.mask * delta[t]) @ params.w_in.T  # (12)
    grads = {"q": q, "eps": eps, "delta": delta, "dx": dx, "d_w_in": d_w_in, "d_bias": d_bias, "d_w_rec": d_w_rec}
    grads["d_tap_weights"] = d_tap_weights
    mean = (params.tap_weights * d_tap_weights).sum()
    grads["d_span_logits"] = params.tap_weights * (d_tap_weights - mean) / params.temperature  # (11)
    return grads
