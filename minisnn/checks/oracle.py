"""The spec over whole networks and batches: loss and gradients as functions of the parameters.

Everything here runs in float64 (or complex numbers), one sequence after the other, through `reference.py` alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.core import readout, reference
from minisnn.core.parameters import Params, from_layers, to_layers
from minisnn.core.tape import Tape
from minisnn.network import Network

COMPLEX_STEP = 1e-30
DIFFERENCE_STEP = 1e-5  # about the cube root of the rounding error, where truncation and rounding are equally small


@dataclass(frozen=True)
class Batch:
    """A checked batch, and how the network is to run on it."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    masks: list[np.ndarray]
    spans: str

    def sequences(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """(x (T, n_in), masks [(N,), ...]) of each sequence, without what follows its end."""
        for i, length in enumerate(self.lengths):
            yield self.x[i, :length], [mask[i] for mask in self.masks]


def make_batch(net: Network, x, y, lengths=None, masks=None, spans: str = "soft") -> Batch:
    """Check a batch as `Network.loss_and_grad` does."""
    x = validate.sequences(x, net.sizes[0]).astype(np.float64)
    masks = validate.masks(masks, len(x), net.sizes[1:-1])
    return Batch(
        x=x,
        y=validate.labels(y, len(x), net.sizes[-1]),
        lengths=validate.lengths(lengths, *x.shape[:2]),
        masks=masks if masks is not None else [np.ones((len(x), n)) for n in net.sizes[1:-1]],
        spans=validate.choice(spans, "spans", validate.SPANS),
    )


def spec_forward(net: Network, params: Params, batch: Batch, fires=None, replays=None):
    """The spec over a batch: (loss, logits (B, classes), runs [sequence][layer]).

    `fires(i)` gives the `fire` of each layer for sequence i (default: hard spikes); `replays(i)` the spikes of its
    resets.
    """
    layers = spec_layers(net, params, batch.spans)
    output = reference.Readout(params["readout.w"], params["readout.bias"], net.readout_window)
    runs, logits = [], []
    for i, (x, masks) in enumerate(batch.sequences()):
        fire = fires(i) if fires else None
        replay = replays(i) if replays else None
        run, _, row = reference.network_forward(x, layers, output, masks, fire, replay)
        runs.append(run)
        logits.append(row)
    logits = np.array(logits)
    return readout.losses(logits, batch.y).mean(), logits, runs


def spec_layers(net: Network, params: Params, spans: str) -> list[reference.Layer]:
    """`net.layers` for other parameters than the network's own, which may be complex."""
    return to_layers(params, net.sizes, net.recurrence, net.neuron, net.temperature, spans)


def slopes(net: Network, layers, run) -> list[np.ndarray]:
    """σ′(v - θ) of each layer along a run."""
    return [net.surrogate.derivative(r.v - layer.threshold) for r, layer in zip(run, layers)]


def spec_backward(net: Network, batch: Batch, logits, runs) -> Params:
    """The gradients of the spec along recorded runs of a batch."""
    layers = spec_layers(net, net.params, batch.spans)
    output = net.readout()
    g = readout.d_logits(logits, batch.y, len(batch.y))
    totals, d_w_out, d_b_out = None, np.zeros_like(output.w), np.zeros_like(output.bias)
    for i, (x, masks) in enumerate(batch.sequences()):
        e = reference.readout_error(g[i], len(x), output)
        grads = reference.network_backward(e, x, runs[i], slopes(net, layers, runs[i]), layers, masks)
        totals = _add(totals, grads)
        start, stop = readout.window(len(x), output.window)
        d_w_out += np.outer(runs[i][-1].s[start:stop].sum(axis=0), g[i])
        d_b_out += (stop - start) * g[i]
    return from_layers(
        totals, d_w_out, d_b_out, layers, net.params, net.recurrence, net.neuron, net.temperature, batch.spans
    )


def reset_replays(net: Network, runs):
    """For layers whose reset is detached, the recorded spikes; None for the others."""
    return lambda i: [run.s if neuron.detach_reset else None for run, neuron in zip(runs[i], net.neuron)]


def smooth_runs(net: Network, batch: Batch) -> list[list[reference.LayerRun]]:
    """The runs [sequence][layer] with the surrogate's primitive in place of Θ."""
    fires = [reference.smooth(net.surrogate)] * (len(net.sizes) - 2)
    return spec_forward(net, net.params, batch, lambda i: fires)[2]


def smooth_mode(net: Network, batch: Batch):
    """(loss as a function of Params, gradients by the spec) with the surrogate's primitive in place of Θ."""
    fires = [reference.smooth(net.surrogate)] * (len(net.sizes) - 2)
    _, logits, runs = spec_forward(net, net.params, batch, lambda i: fires)
    grads = spec_backward(net, batch, logits, runs)
    return lambda params: spec_forward(net, params, batch, lambda i: fires, reset_replays(net, runs))[0], grads


def frozen_linearisation(net: Network, batch: Batch):
    """The loss as a function of Params, with each spike linearised around the recorded run."""
    layers = spec_layers(net, net.params, batch.spans)
    _, _, runs = spec_forward(net, net.params, batch)
    fires = [
        [reference.frozen(r, slope, layer.threshold) for r, slope, layer in zip(run, slopes(net, layers, run), layers)]
        for run in runs
    ]
    return lambda params: spec_forward(net, params, batch, lambda i: fires[i], reset_replays(net, runs))[0]


def complex_step(loss, params: Params, name: str, indices) -> np.ndarray:
    """∂loss/∂params[name] at the indices, as Im loss(w + ih) / h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        moved = params.astype(np.complex128)
        moved[name][index] += 1j * COMPLEX_STEP
        result[index] = loss(moved).imag / COMPLEX_STEP
    return result


def central_differences(loss, params: Params, name: str, indices, step: float = DIFFERENCE_STEP) -> np.ndarray:
    """∂loss/∂params[name] at the indices, as (loss(w + h) - loss(w - h)) / 2h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        up, down = params.copy(), params.copy()
        up[name][index] += step
        down[name][index] -= step
        result[index] = (loss(up) - loss(down)) / (up[name][index] - down[name][index])
    return result


def draw_entries(grads: Params, entries: int, seed: int) -> dict[str, list[tuple[int, ...]]]:
    """Indices of each block: all, or `entries` of them drawn without repetition."""
    drawn = {}
    for name, shape in grads.shapes.items():
        size = int(np.prod(shape))
        chosen = np.sort(stream(seed, "gradcheck", name).permutation(size)[:entries])
        drawn[name] = [tuple(int(k) for k in np.unravel_index(c, shape)) for c in chosen]
    return drawn


def spec_adjoint(net: Network, tape: Tape, e) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, Params]:
    """What `Network.adjoint` computes, by the spec in float64 along a tape: (δ, q of each layer, dx, gradients)."""
    net = net.astype("float64")
    layers = spec_layers(net, net.params, tape.spans)
    delta, q = ([np.zeros(t.v.shape) for t in tape.layers] for _ in range(2))
    dx, totals = np.zeros(tape.x.shape), None
    for i, length in enumerate(tape.lengths):
        run = [
            reference.LayerRun(
                *(getattr(t, name)[i, :length].astype(np.float64) for name in reference.LayerRun._fields)
            )
            for t in tape.layers
        ]
        masks = [mask[i].astype(np.float64) for mask in tape.masks]
        x = tape.x[i, :length].astype(np.float64)
        grads = reference.network_backward(e[i, :length], x, run, slopes(net, layers, run), layers, masks)
        for layer, d in enumerate(grads):
            delta[layer][i, :length], q[layer][i, :length] = d.delta, d.q
        dx[i, :length] = grads[0].dx
        totals = _add(totals, grads)
    output = net.readout()
    numbers = (net.recurrence, net.neuron, tape.temperature, tape.spans)
    zeros = np.zeros_like(output.w), np.zeros_like(output.bias)
    return delta, q, dx, from_layers(totals, *zeros, layers, net.params, *numbers)


def _add(totals, grads):
    """Parameter gradients summed over sequences; what has a time axis is left out."""
    grads = [d._replace(eps=0.0, delta=0.0, q=0.0, dx=0.0) for d in grads]
    if totals is None:
        return grads
    return [type(d)(*(a + b for a, b in zip(total, d))) for total, d in zip(totals, grads)]
