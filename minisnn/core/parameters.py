"""Parameters: one flat vector with named views; their first values; and their way into layers and back.

The names are `layers.0.w_in`, `layers.0.bias`, `layers.0.w_rec` (unless feedforward), `layers.0.span_logits` (ASRC;
shared: `span_logits`), `layers.0.decay_logit` (PLIF), `readout.w` and `readout.bias`. Gradients and optimiser states
have the same type, so one line of arithmetic on `.flat` serves all of them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minisnn._internal.rng import stream
from minisnn.core import neuron as neurons
from minisnn.core import recurrence as recurrences
from minisnn.core.neuron import PLIF
from minisnn.core.recurrence import ASRC, Feedforward
from minisnn.core.reference import Layer


@dataclass(eq=False)
class Params:
    """A flat vector and the shapes of the blocks that lie in it, one after the other.

    `params["layers.0.w_in"]` is a view: writing into it (`params[name][...] = 0`) changes `params.flat`.
    """

    flat: np.ndarray
    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def zeros(cls, shapes: dict[str, tuple[int, ...]], dtype) -> "Params":
        return cls(np.zeros(sum(math.prod(shape) for shape in shapes.values()), dtype), dict(shapes))

    def copy(self) -> "Params":
        return Params(self.flat.copy(), self.shapes)

    def astype(self, dtype) -> "Params":
        return Params(self.flat.astype(dtype), self.shapes)

    def block(self, name: str) -> slice:
        """Where the block `name` lies in `flat`."""
        start = 0
        for other, shape in self.shapes.items():
            if other == name:
                return slice(start, start + math.prod(shape))
            start += math.prod(shape)
        raise KeyError(f"no parameter is called {name!r}; there are {', '.join(self.shapes)}")

    def __getitem__(self, name: str) -> np.ndarray:
        return self.flat[self.block(name)].reshape(self.shapes[name])

    def __setitem__(self, name: str, value) -> None:
        self[name][...] = value

    def __contains__(self, name: str) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, self[name]) for name in self.shapes)


def span_logits_name(i: int, recurrence) -> str | None:
    """The name of the span logits that layer i uses; None if it has none."""
    if not isinstance(recurrence, ASRC):
        return None
    return "span_logits" if recurrence.shared else f"layers.{i}.span_logits"


def shapes(sizes, recurrence, neuron) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all parameters of a network, in the order of the flat vector."""
    result = {}
    for i, (n_in, n) in enumerate(pairwise(sizes[:-1])):
        result[f"layers.{i}.w_in"] = (n_in, n)
        result[f"layers.{i}.bias"] = (n,)
        if not isinstance(recurrence[i], Feedforward):
            result[f"layers.{i}.w_rec"] = (n, n)
        if isinstance(neuron[i], PLIF):
            result[f"layers.{i}.decay_logit"] = (n if neuron[i].per_neuron else 1,)
        if isinstance(recurrence[i], ASRC):
            result[span_logits_name(i, recurrence[i])] = (recurrence[i].max_span,)
    result["readout.w"] = (sizes[-2], sizes[-1])
    result["readout.bias"] = (sizes[-1],)
    return result


def orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    """A random orthogonal matrix (n, n): Gaussian rows, each freed of its part along the rows before it.

    Freed twice, for rounding. `einsum` rather than a QR of LAPACK, whose last bits depend on the number of threads.
    """
    q = rng.standard_normal((n, n))
    for i in range(n):
        for _ in range(2):
            q[i] -= np.einsum("j,jn->n", np.einsum("jn,n->j", q[:i], q[i]), q[:i])
        q[i] /= np.sqrt(np.square(q[i]).sum())
    return q


def initial(sizes, recurrence, neuron, seed: int, dtype) -> Params:
    """First values: W_in, b, readout uniform in ±1/√n_in, W_rec orthogonal, span logits 0, PLIF's decay as given."""
    params = Params.zeros(shapes(sizes, recurrence, neuron), dtype)
    for name, block in params.items():
        part, _, kind = name.rpartition(".")
        rng = stream(seed, "init", name)
        if kind in ("w_in", "bias", "w"):
            n_in = sizes[-2] if part == "readout" else sizes[int(part.removeprefix("layers."))]
            block[...] = rng.uniform(-1, 1, block.shape) / math.sqrt(n_in)
        elif kind == "w_rec":
            block[...] = orthogonal(rng, len(block))
        elif kind == "decay_logit":
            block[...] = neurons.decay_to_logit(neuron[int(part.removeprefix("layers."))].decay)
    return params


def to_layers(params: Params, sizes, recurrence, neuron, temperature: float, spans: str) -> list[Layer]:
    """The hidden layers as numbers: what `reference.py` and `kernels.py` compute with, in the parameters' dtype."""
    dtype = params.flat.dtype
    real = params.flat.real.dtype  # thresholds and resets stay real in complex steps
    layers = []
    for i, n in enumerate(sizes[1:-1]):
        logits_name = span_logits_name(i, recurrence[i])
        logits = params[logits_name] if logits_name else None
        delays, weights = recurrences.taps(recurrence[i], logits, temperature, spans)
        if isinstance(neuron[i], PLIF):
            decay = neurons.decay_from_logit(params[f"layers.{i}.decay_logit"], n)
        else:
            decay = np.broadcast_to(neuron[i].decay, n)
        no_recurrence = isinstance(recurrence[i], Feedforward)
        layers.append(
            Layer(
                w_in=params[f"layers.{i}.w_in"],
                bias=params[f"layers.{i}.bias"],
                w_rec=np.zeros((n, n), dtype) if no_recurrence else params[f"layers.{i}.w_rec"],
                delays=delays,
                weights=weights.astype(dtype),
                decay=decay.astype(dtype),
                threshold=np.broadcast_to(neuron[i].threshold, n).astype(real),
                reset=np.array(neurons.reset_numbers(neuron[i]), real),
            )
        )
    return layers


def from_layers(
    layer_grads, d_w_out, d_b_out, layers, params: Params, recurrence, neuron, temperature: float, spans: str
):
    """The adjoint of `to_layers`, equation (11): gradients of all parameters, as Params.

    `layer_grads` holds, for each layer, an object with `d_w_in`, `d_bias`, `d_w_rec`, `d_decay` and `d_weights`. What
    several layers share gets the sum. With `spans="hard"` nothing reaches the span logits.
    """
    grads = Params.zeros(params.shapes, params.flat.dtype)
    for i, (d, layer) in enumerate(zip(layer_grads, layers)):
        grads[f"layers.{i}.w_in"] += d.d_w_in
        grads[f"layers.{i}.bias"] += d.d_bias
        if not isinstance(recurrence[i], Feedforward):
            grads[f"layers.{i}.w_rec"] += d.d_w_rec
        if isinstance(neuron[i], PLIF):
            name = f"layers.{i}.decay_logit"
            grads[name] += neurons.d_decay_logit(layer.decay, d.d_decay, grads[name].size)
        if isinstance(recurrence[i], ASRC) and spans == "soft" and len(layer.delays) > 1:
            name = span_logits_name(i, recurrence[i])
            grads[name][layer.delays - 1] += recurrences.d_span_logits(layer.weights, d.d_weights, temperature)
    grads["readout.w"] += d_w_out
    grads["readout.bias"] += d_b_out
    return grads
