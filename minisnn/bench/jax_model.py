"""The same model in JAX, from equations (1) to (6) alone: `lax.scan` over time, jitted; `grad` differentiates.

Written for speed: the input currents of all steps are one product before the scan, layers are scanned one after the
other, and the spikes that are still to arrive travel in the carry, the latest first. It covers what the benchmark runs:
training in float32 with LIF neurons, the triangle, and all steps read out.
"""

import functools

import numpy as np


def loss_and_grads(net):
    """Return a jitted function of (parameters by name, x (B, T, n_in), y (B,)) to (loss, gradients by name)."""
    import jax
    import jax.numpy as jnp

    spike = spike_function()

    def run_layer(params, i, x):
        neuron, name = net.neuron[i], f"layers.{i}."
        kind = type(net.recurrence[i]).__name__
        if kind == "ASRC":
            p = jax.nn.softmax(params[name + "span_logits"] / net.temperature)
        span = {"Recurrent": lambda: 1, "SRC": lambda: net.recurrence[i].span, "ASRC": lambda: len(p)}[kind]()

        def step(carry, driven):
            v_reset, history = carry  # history[k - 1] = s[t - k], (span, B, N)
            arriving = jnp.tensordot(p, history, 1) if kind == "ASRC" else history[-1]
            # (1), (2), (3); W_rec after the mixture
            v = neuron.decay * v_reset + driven + arriving @ params[name + "w_rec"]
            s = spike(v - neuron.threshold)  # (4)
            v_reset = v - s * neuron.threshold  # (5), soft
            return (v_reset, jnp.concatenate([s[None], history[:-1]])), s

        driven = jnp.swapaxes(x @ params[name + "w_in"] + params[name + "bias"], 0, 1)  # (T, B, N)
        zeros = jnp.zeros(driven.shape[1:], driven.dtype)
        _, s = jax.lax.scan(step, (zeros, jnp.zeros((span, *zeros.shape), driven.dtype)), driven)
        return jnp.swapaxes(s, 0, 1)

    def loss(params, x, y):
        T = x.shape[1]
        for i in range(len(net.sizes) - 2):
            x = run_layer(params, i, x)
        logits = x.sum(1) @ params["readout.w"] + T * params["readout.bias"]  # (6)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    return jax.jit(jax.value_and_grad(loss))


@functools.cache
def spike_function():
    """Return equation (4) as a function of u: Θ(u) forward, the triangle max(0, 1 - |u|) backward."""
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def spike(u):
        return (u >= 0).astype(u.dtype)

    @spike.defjvp
    def spike_jvp(primals, tangents):
        (u,), (u_dot,) = primals, tangents
        return spike(u), jnp.maximum(0.0, 1.0 - jnp.abs(u)) * u_dot

    return spike


def numpy_params(net) -> dict[str, np.ndarray]:
    """Copy the parameters of a network, by name."""
    return {name: block.copy() for name, block in net.params.items()}
