"""The same model in PyTorch, from equations (1) to (6) alone: autograd differentiates, nothing here is a backward pass.

The only derivative written down is σ′, that of the spike (4), since a surrogate is a choice and not the derivative of
anything. All else is the forward pass as the equations have it, for a batch (B, ..., N) at once. From minisnn it reads
what a user wrote (the parameters by name and the settings of neurons, recurrences and surrogate), and it calls none of
its functions.

torch is imported inside the functions, so this file can be imported where torch is not installed.
"""

import functools

RESETS = {"soft": (1, 0), "hard": (0, 1), "none": (0, 0)}  # (a, h) of equation (5)

SLOPES = {  # σ′(u) of each surrogate
    "Triangle": lambda u, peak, width: peak * (1 - u.abs() / width).clamp(min=0),
    "Rectangle": lambda u, peak, width: peak * (u.abs() < width).to(u.dtype),
    "Exponential": lambda u, peak, width: peak * (-u.abs() / width).exp(),
    "Sigmoid": lambda u, peak, width: 4 * peak * (u / width).sigmoid() * (-u / width).sigmoid(),
    "Gaussian": lambda u, peak, width: peak * (-((u / width) ** 2) / 2).exp(),
    "ATan": lambda u, peak, width: peak / (1 + (u / width) ** 2),
    "FastSigmoid": lambda u, peak, width: peak / (1 + u.abs() / width) ** 2,
}


def loss_and_grads(net, x, y, lengths=None, span_mode="soft", masks=None):
    """Compute logits, loss and gradients of a network by autograd; arguments as in `Network.loss_and_grad`.

    Returns
    -------
    logits : array (B, classes)
    loss : float
    grads : dict of arrays
        By the names of `net.params`; 0 where the loss does not depend on a parameter.
    """
    import torch

    leaves = {name: torch.tensor(block, requires_grad=True) for name, block in net.params.items()}
    s = torch.tensor(x, dtype=getattr(torch, net.dtype))
    B, T = s.shape[:2]
    for i in range(len(net.sizes) - 2):
        mask = 1 if masks is None else torch.tensor(masks[i], dtype=getattr(torch, net.dtype))
        s = layer(net, i, leaves, s, mask, span_mode)

    # (6) counts = Σ_{t in R} s[t];  logits = counts W_out + |R| b_out;  loss = mean cross-entropy(softmax(logits), y)
    stop = torch.full((B,), T) if lengths is None else torch.tensor(lengths)
    start = stop - (T if net.readout_window is None else net.readout_window)
    t = torch.arange(T)
    in_window = ((start[:, None] <= t) & (t < stop[:, None])).to(s.dtype)
    counts = (in_window[:, :, None] * s).sum(1)
    logits = counts @ leaves["readout.w"] + in_window.sum(1)[:, None] * leaves["readout.bias"]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))

    grads = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return logits.detach().numpy(), loss.item(), {name: d.numpy() for name, d in zip(leaves, grads)}


def layer(net, i, leaves, x, mask, span_mode):
    """Compute equations (1) to (5): from the input x (B, T, n_in) of layer i to its spikes (B, T, N)."""
    import torch

    own = {name.removeprefix(f"layers.{i}."): leaf for name, leaf in leaves.items()}
    if type(net.neuron[i]).__name__ == "ALIF":
        raise NotImplementedError(f"{net.neuron[i]}: adaptation is not written here")
    neuron, taps = net.neuron[i], taps_of(net.recurrence[i], own, net.temperature, span_mode)
    a, h = RESETS[neuron.reset]
    threshold = torch.tensor(neuron.threshold, dtype=x.dtype)
    decay = own["decay_logit"].sigmoid() if "decay_logit" in own else torch.tensor(neuron.decay, dtype=x.dtype)
    spike = spike_function()

    spikes, z = [], []
    v_reset = x.new_zeros(len(x), net.sizes[i + 1])
    for t, x_t in enumerate(x.unbind(1)):  # its backward is one stack; that of x[:, t] would fill all of x each step
        # (2) I[t] = m ⊙ (x[t] W_in + b) + Σ_j p_j z[t - k_j]
        current = mask * (x_t @ own["w_in"] + own["bias"])
        current = current + sum(p * z[t - k] for k, p in taps if k <= t)
        # (3) v[t] = β v⁺[t-1] + I[t]
        v = decay * v_reset + current
        # (4) s[t] = Θ(v[t] - θ)
        s = spike(v - threshold, net.surrogate)
        # (5) v⁺[t] = v[t] - s[t] (a θ + h v[t])
        s_reset = s.detach() if neuron.detach_reset else s
        v_reset = v - s_reset * (a * threshold + h * v)
        # (1) z[t] = s[t] W_rec
        if taps:
            z.append(s @ own["w_rec"])
        spikes.append(s)
    return torch.stack(spikes, 1)


def taps_of(recurrence, own, temperature, span_mode):
    """Return pairs (k, p): none; (1, 1); (λ, 1); for ASRC p = softmax(a / T°) over k = 1 .. K, or (arg-max, 1)."""
    match type(recurrence).__name__:
        case "Feedforward":
            return []
        case "Recurrent":
            return [(1, 1)]
        case "SRC":
            return [(recurrence.span, 1)]
        case "ASRC":
            span_logits = own["span_logits"]
            if span_mode == "hard":
                return [(1 + int(span_logits.argmax()), 1)]
            return list(enumerate((span_logits / temperature).softmax(0), start=1))
    raise NotImplementedError(recurrence)


@functools.cache
def spike_function():
    """Return equation (4) as an autograd function of (u, surrogate): Θ(u) forward, with Θ(0) = 1; σ′(u) backward."""
    import torch

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, surrogate):
            ctx.save_for_backward(u)
            ctx.surrogate = surrogate
            return (u >= 0).to(u.dtype)

        @staticmethod
        def backward(ctx, d_s):
            (u,), surrogate = ctx.saved_tensors, ctx.surrogate
            return d_s * SLOPES[type(surrogate).__name__](u, surrogate.peak, surrogate.width), None

    return Spike.apply
