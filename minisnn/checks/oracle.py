"""The spec over whole networks and batches: loss and gradients as functions of the parameters.

Everything here runs in float64 or complex numbers, one sequence after the other, through `reference.py` alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.display import counted
from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike, Lengths, Masks, SpanMode
from minisnn.core import readout, reference
from minisnn.core.parameters import Params, span_logits_name, to_layers
from minisnn.core.reference import NO_PENALTY, WHOLE, Cut, Penalty
from minisnn.core.tape import Tape
from minisnn.network import Network

COMPLEX_STEP = 1e-30
DIFFERENCE_STEP = 1e-5  # about the cube root of the rounding error, where truncation and rounding are equally small


@dataclass(frozen=True)
class CheckedBatch:
    """A checked batch, and how the network is to run on it."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    masks: list[np.ndarray]
    span_mode: str
    cut: Cut = WHOLE
    penalty: Penalty = NO_PENALTY

    @property
    def options(self) -> dict:
        """What `Network.loss_and_grad` gets besides the arrays."""
        rate_penalty, target_rate = self.penalty
        return {**self.cut._asdict(), "rate_penalty": rate_penalty, "target_rate": target_rate}

    def __repr__(self) -> str:
        sizes = ", ".join(counted(n, thing) for n, thing in zip(self.x.shape, ("sequence", "step", "input")))
        return f"CheckedBatch({sizes}, span_mode={self.span_mode!r})"

    def sequences(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield (x (T, n_in), masks [(N,), ...]) of each sequence, without what follows its end."""
        for i, length in enumerate(self.lengths):
            yield self.x[i, :length], [mask[i] for mask in self.masks]


def make_batch(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    lengths: Lengths = None,
    masks: Masks = None,
    span_mode: SpanMode = "soft",
    hops: bool = True,
    truncate: int | None = None,
    rate_penalty: float = 0.0,
    target_rate: float = 0.0,
) -> CheckedBatch:
    """Check a batch as `Network.loss_and_grad` does, and return it in one object, for `check_backward` and the rungs.

    Parameters
    ----------
    net : Network
    x, y, lengths, masks, span_mode, hops, truncate, rate_penalty, target_rate
        As in `Network.loss_and_grad`.

    Returns
    -------
    minisnn.checks.oracle.CheckedBatch
        With all arrays in full: x in float64, lengths (B,), one mask (B, N) per hidden layer.

    Raises
    ------
    TypeError, ValueError
        As in `Network.loss_and_grad`.

    Examples
    --------
    >>> batch = ms.checks.make_batch(ms.Network([2, 4, 3]), np.ones((2, 6, 2)), [0, 2])
    >>> batch.lengths.tolist(), batch.masks[0].shape
    ([6, 6], (2, 4))
    """
    x = validate.sequences(x, net.sizes[0], lengths=lengths).astype(np.float64)
    masks = validate.masks(masks, len(x), net.sizes[1:-1])
    return CheckedBatch(
        x=x,
        y=validate.labels(y, len(x), net.sizes[-1]),
        lengths=validate.lengths(lengths, *x.shape[:2]),
        masks=masks if masks is not None else [np.ones((len(x), n)) for n in net.sizes[1:-1]],
        span_mode=validate.choice(span_mode, "span_mode", validate.SPAN_MODES),
        cut=Cut(*validate.cut(hops, truncate)),
        penalty=Penalty(*validate.penalty(rate_penalty, target_rate, net.dtype)),
    )


def spec_forward(net: Network, params: Params, batch: CheckedBatch, fires=None, replays=None):
    """Run the spec over a batch: (loss, logits (B, classes), tapes [sequence][layer]).

    `fires(i)` returns the `fire` of each layer for sequence i (default: hard spikes), `replays(i)` the spikes of its
    resets.
    """
    layers = spec_layers(net, params, batch.span_mode)
    output = reference.Readout(params["readout.w"], params["readout.bias"], net.readout_window)
    tapes, logits, penalties = [], [], []
    for i, (x, masks) in enumerate(batch.sequences()):
        fire = fires(i) if fires else None
        replay = replays(i) if replays else None
        tape, _, row = reference.sequence_forward(x, layers, output, masks, fire, replay)
        tapes.append(tape)
        logits.append(row)
        penalties.append(sum(reference.rate_penalty(of_layer.s, batch.penalty) for of_layer in tape))
    logits = np.array(logits)
    return (losses(logits, batch.y) + penalties).mean(), logits, tapes


def losses(logits, y) -> np.ndarray:
    """Evaluate (6) for complex steps and differences, as ln(1 + Σ exp(l_c - l_y)) over all classes c but y, (B,).

    `readout.cross_entropy` is equal, but there the slope of l_y is 1 - p, of which rounding leaves next to nothing
    where p is close to 1.
    """
    above = logits - np.take_along_axis(logits, y[:, np.newaxis], axis=1)
    largest = np.real(above).max(axis=1)
    terms = np.exp(above - largest[:, np.newaxis])
    others = np.where(np.arange(logits.shape[1]) == y[:, np.newaxis], 0, terms).sum(axis=1)
    return np.where(largest == 0, np.log1p(others), largest + np.log(np.exp(-largest) + others))


def spec_layers(net: Network, params: Params, span_mode: str) -> list[reference.Layer]:
    """Return `net.layers` with other parameters than the network's own; they may be complex."""
    return to_layers(params, net.structure(span_mode))


def slopes(net: Network, layers, tapes) -> list[np.ndarray]:
    """Evaluate σ′(v - θ) of each layer of a sequence."""
    return [
        net.surrogate.derivative(tape.v - reference.thresholds(layer, tape.s)) for tape, layer in zip(tapes, layers)
    ]


def spec_gradients(net: Network, batch: CheckedBatch, fires=None) -> tuple[float, Params]:
    """Add up loss and gradients of a batch: `reference.sequence_gradients` of each sequence."""
    layers, losses = spec_layers(net, net.params, batch.span_mode), []
    grads = Params.zeros(net.params.blocks, np.float64)
    for (x, masks), y in zip(batch.sequences(), batch.y):
        loss, d = reference.sequence_gradients(
            *(x, y, layers, net.readout(), masks, net.surrogate.derivative, net.temperature, len(batch.y), fires),
            batch.cut,
            batch.penalty,
        )
        losses.append(loss)
        add_sequence(grads, net, layers, d, batch.span_mode)
    return float(np.mean(losses)), grads


def add_sequence(grads: Params, net: Network, layers, d: reference.Gradients, span_mode: str) -> None:
    """Add the spec's gradients of one sequence to `grads`, under the names of the parameters."""
    for i, (layer, of_layer) in enumerate(zip(layers, d.layers)):
        blocks = {name: getattr(of_layer, f"d_{name}") for name in ("w_in", "bias", "w_rec")}
        per_neuron = getattr(net.neuron[i], "per_neuron", False)
        blocks["decay_logit"] = d.d_decay_logit[i] if per_neuron else d.d_decay_logit[i].sum()
        for name, block in blocks.items():
            if f"layers.{i}.{name}" in grads:
                grads[f"layers.{i}.{name}"] += block
        name = span_logits_name(i, net.recurrence[i])
        if name and span_mode == "soft":
            grads[name][layer.delays - 1] += d.d_span_logits[i]
    grads["readout.w"] += d.d_w_out
    grads["readout.bias"] += d.d_b_out


def reset_replays(net: Network, tapes):
    """Return a function of the sequence: the recorded spikes of layers with a detached reset, None for the others."""
    return lambda i: [tape.s if neuron.detach_reset else None for tape, neuron in zip(tapes[i], net.neuron)]


def smooth_fires(net: Network) -> list:
    """Put the surrogate's primitive in place of Θ, in each layer."""
    return [reference.smooth(net.surrogate)] * (len(net.sizes) - 2)


def smooth_tapes(net: Network, batch: CheckedBatch) -> list[list[reference.LayerTape]]:
    """Return the tapes [sequence][layer] with the surrogate's primitive in place of Θ."""
    fires = smooth_fires(net)
    return spec_forward(net, net.params, batch, lambda i: fires)[2]


def smooth_mode(net: Network, batch: CheckedBatch):
    """Return (loss as a function of Params, gradients by the spec) with the surrogate's primitive in place of Θ."""
    fires, tapes = smooth_fires(net), smooth_tapes(net, batch)
    _, grads = spec_gradients(net, batch, fires)
    return lambda params: spec_forward(net, params, batch, lambda i: fires, reset_replays(net, tapes))[0], grads


def frozen_linearisation(net: Network, batch: CheckedBatch):
    """Return the loss as a function of complex Params, with each spike linearised around the recorded run."""
    layers = spec_layers(net, net.params, batch.span_mode)
    _, _, tapes = spec_forward(net, net.params, batch)
    fires = [[_frozen(*pair) for pair in zip(tape, slopes(net, layers, tape))] for tape in tapes]
    return lambda params: spec_forward(net, params, batch, lambda i: fires[i], reset_replays(net, tapes))[0]


def _frozen(tape: reference.LayerTape, slope: np.ndarray):
    """Return the `fire` of `reference.frozen` for complex steps: only the imaginary part moves.

    The real part of u - u0 is nothing but rounding, which a network whose gradients explode would blow up.
    """
    return lambda t, u: tape.s[t] + 1j * slope[t] * u.imag


def complex_step(loss, params: Params, name: str, indices, step: float = COMPLEX_STEP) -> np.ndarray:
    """Estimate ∂loss/∂params[name] at the indices, as Im loss(w + ih) / h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        moved = params.astype(np.complex128)
        moved[name][index] += 1j * step
        result[index] = loss(moved).imag / step
    return result


def central_differences(loss, params: Params, name: str, indices, step: float = DIFFERENCE_STEP) -> np.ndarray:
    """Estimate ∂loss/∂params[name] at the indices, as (loss(w + h) - loss(w - h)) / 2h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        up, down = params.copy(), params.copy()
        up[name][index] += step
        down[name][index] -= step
        result[index] = (loss(up) - loss(down)) / (up[name][index] - down[name][index])
    return result


def draw_entries(grads: Params, entries: int) -> dict[str, list[tuple[int, ...]]]:
    """Draw at most `entries` indices of each block, without repetition."""
    drawn = {}
    for name, shape in grads.shapes.items():
        size = int(np.prod(shape))
        chosen = np.sort(stream(0, "gradcheck", name).permutation(size)[:entries])
        drawn[name] = [tuple(int(k) for k in np.unravel_index(c, shape)) for c in chosen]
    return drawn


def spec_adjoint(
    net: Network, tape: Tape, e, cut=WHOLE
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, Params]:
    """Compute `Network.adjoint` by the spec, in float64 along a tape: (δ, q of each layer, dx, gradients)."""
    net = net.astype("float64")
    span_mode, temperature = tape.structure.span_mode, tape.structure.temperature
    layers = spec_layers(net, net.params, span_mode)
    output = net.readout()
    delta, q = ([np.zeros(t.v.shape) for t in tape.layers] for _ in range(2))
    dx, grads = np.zeros(tape.x.shape), Params.zeros(net.params.blocks, np.float64)
    for b, (length, masks) in enumerate(zip(tape.lengths, zip(*tape.masks))):
        x, tapes = tape.x[b, :length].astype(np.float64), sequence_tapes(tape, b)
        masks = [mask.astype(np.float64) for mask in masks]
        of_slopes = slopes(net, layers, tapes)
        of_layers = reference.sequence_backward(e[b, :length], x, tapes, of_slopes, layers, masks, cut)
        for i, d in enumerate(of_layers):
            delta[i][b, :length], q[i][b, :length] = d.delta, d.q
        dx[b, :length] = of_layers[0].dx
        pairs = list(zip(layers, of_layers))
        d_span_logits = [reference.span_logit_gradient(layer, d.d_tap_weights, temperature) for layer, d in pairs]
        d_decay_logit = [reference.decay_logit_gradient(layer, d.d_decay) for layer, d in pairs]
        d = reference.Gradients(of_layers, d_span_logits, d_decay_logit, 0 * output.w, 0 * output.bias)
        add_sequence(grads, net, layers, d, span_mode)
    return delta, q, dx, grads


def sequence_tapes(tape: Tape, b: int) -> list[reference.LayerTape]:
    """Return the tape of each layer in sequence b of a recorded batch, in float64, without what follows its end."""
    length = tape.lengths[b]
    return [reference.LayerTape(*(a[b, :length].astype(np.float64) for a in layer)) for layer in tape.layers]


def loss_error(net: Network, tape: Tape, y) -> np.ndarray:
    """Evaluate (12): e[t] of the last layer along a tape, (B, T, N)."""
    e, g = np.zeros(tape.layers[-1].s.shape), readout.d_logits(tape.logits, y) / len(y)
    for b, length in enumerate(tape.lengths):
        e[b, :length] = reference.readout_error(g[b], length, net.readout())
    return e


def cancelled(net: Network, tape: Tape, e) -> dict[str, float]:
    """Measure the terms that cancel in the gradient of span logits, for an e (B, T, N), by parameter.

    No method can be more exact than their rounding: see `cancelled_terms`. The terms of all sequences, and of layers
    that share span logits, are added up.
    """
    layers, sizes = spec_layers(net, net.params, tape.structure.span_mode), {}
    for b, length in enumerate(tape.lengths):
        tapes, masks = sequence_tapes(tape, b), [mask[b] for mask in tape.masks]
        of_slopes = slopes(net, layers, tapes)
        grads = reference.sequence_backward(e[b, :length], tape.x[b, :length], tapes, of_slopes, layers, masks)
        for i, (layer, layer_tape, d) in enumerate(zip(layers, tapes, grads)):
            name = span_logits_name(i, net.recurrence[i])
            if name:
                terms = cancelled_terms(layer, layer_tape, d.delta, tape.structure.temperature)
                sizes[name] = sizes.get(name, 0.0) + terms
    return sizes


def cancelled_terms(layer: reference.Layer, tape: reference.LayerTape, delta, temperature: float) -> float:
    """Measure the terms of (11) in one layer and sequence, p_k (d_p_k - Σ_m p_m d_p_m) / T°; return the largest over k.

    d_p_k itself is a sum over steps and neurons. At a low temperature one p is 1 and the others are 0, and next to
    nothing is left of terms as large as |d_p| / T°.
    """
    p, T = layer.tap_weights, len(delta)
    size = np.array([np.abs(tape.z[: max(T - k, 0)] * delta[k:]).sum() for k in layer.delays])
    return float((p * (size + (p * size).sum())).max(initial=0.0) / temperature)
