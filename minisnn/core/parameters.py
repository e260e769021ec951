"""Parameters: one flat vector with named views, and their conversion to layers and back.

The names are `layers.0.w_in`, `layers.0.bias`, `layers.0.w_rec` (unless feedforward), `layers.0.decay_logit` (PLIF),
`layers.0.span_logits` (ASRC; shared: `span_logits`), `readout.w` and `readout.bias`. Each has a role, by which
optimisers group them: "weight", "span logit" or "neuron". Gradients have the same type, so one line of arithmetic on
`.flat` serves all of them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minisnn._internal import validate
from minisnn._internal.display import joined
from minisnn._internal.types import ArrayLike, DTypeLike
from minisnn.core import neuron as neurons
from minisnn.core import recurrence as recurrences
from minisnn.core.neuron import PLIF
from minisnn.core.recurrence import ASRC, Feedforward
from minisnn.core.reference import Layer

WEIGHT, SPAN_LOGIT, NEURON = ROLES = ("weight", "span logit", "neuron")


class Block(NamedTuple):
    """What a parameter is."""

    shape: tuple[int, ...]
    role: str  # one of ROLES


class Structure(NamedTuple):
    """What turns parameters into numbers, besides the parameters themselves."""

    sizes: list[int]  # inputs, hidden layers, classes
    recurrence: Sequence  # one per hidden layer, as is neuron
    neuron: Sequence
    temperature: float  # T° of the span softmax
    span_mode: str  # "soft": the mixture of an ASRC; "hard": its arg-max span alone


@dataclass(eq=False)
class Params:
    """Named arrays in one flat vector: the parameters of a network, or their gradients.

    `params["layers.0.w_in"]` is a view: writing into it changes `params.flat`. Iteration and `in` go by name. What
    is assigned is one number, or an array of the parameter's shape; ValueError if it has another, or overflows in the
    dtype. NaN and infinity are refused by the network, when it runs.

    Parameters
    ----------
    flat : array (n,)
        All values, one block after the other.
    blocks : dict of str to Block
        Shape and role of each parameter, in the order of `flat`.

    Examples
    --------
    >>> params = ms.Network([2, 3, 2], recurrence=ms.ASRC(4)).params
    >>> before = params.copy()
    >>> params["readout.w"] = 0
    >>> [name for name, value in params.items() if (value != before[name]).any()]
    ['readout.w']
    >>> dict(params).keys() == params.shapes.keys()  # views by name
    True
    >>> params.names("span logit"), params.block("layers.0.bias")
    (['layers.0.span_logits'], slice(6, 9, None))
    >>> ms.Params.zeros(params.blocks, "float32").astype("float64").flat.shape
    (30,)
    """

    flat: np.ndarray
    blocks: dict[str, Block]

    @classmethod
    def zeros(cls, blocks: dict[str, Block], dtype: DTypeLike) -> "Params":
        """Return parameters that are all 0.

        Parameters
        ----------
        blocks : dict of str to Block
        dtype : dtype
        """
        return cls(np.zeros(sum(math.prod(block.shape) for block in blocks.values()), dtype), dict(blocks))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, by name."""
        return {name: block.shape for name, block in self.blocks.items()}

    def copy(self) -> "Params":
        """Return a copy, whose values are its own."""
        return Params(self.flat.copy(), self.blocks)

    def astype(self, dtype: DTypeLike) -> "Params":
        """Return a copy in another dtype.

        Parameters
        ----------
        dtype : dtype
            ValueError if a finite value would overflow in it.
        """
        for name, value in self.items():
            validate.cast(value, name, dtype)
        return Params(self.flat.astype(dtype), self.blocks)

    def block(self, name: str) -> slice:
        """Return the slice of `flat` where a parameter lies.

        Parameters
        ----------
        name : str
            KeyError if no parameter has it.
        """
        start = 0
        for other, (shape, _) in self.blocks.items():
            if other == name:
                return slice(start, start + math.prod(shape))
            start += math.prod(shape)
        raise KeyError(f"no parameter is called {name!r}; there are {', '.join(self.blocks)}")

    def names(self, role: str) -> list[str]:
        """Return the names of the parameters with a role.

        Parameters
        ----------
        role : {"weight", "span logit", "neuron"}
            ValueError if it is none of them.
        """
        validate.choice(role, "role", ROLES)
        return [name for name, block in self.blocks.items() if block.role == role]

    def __repr__(self) -> str:
        shapes = joined([f"{name} {shape}" for name, shape in self.shapes.items()], 3)
        return f"Params({self.flat.size:,} numbers, {self.flat.dtype}: {shapes})"

    def __getitem__(self, name: str) -> np.ndarray:
        return self.flat[self.block(name)].reshape(self.blocks[name].shape)

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        view, value = self[name], np.asarray(value)
        if value.size != 1 and value.shape != view.shape:
            slip = "; is it transposed?" if value.shape == view.shape[::-1] else ""
            raise ValueError(f"{name} must have the shape {view.shape}, got {value.shape}{slip}")
        view[...] = validate.cast(value, name, view.dtype)

    def __contains__(self, name: str) -> bool:
        return name in self.blocks

    def __iter__(self) -> Iterator[str]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def keys(self) -> Iterator[str]:
        """Iterate over names, as iteration does; so `dict(params)` works."""
        return iter(self.blocks)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """Iterate over names and views."""
        return ((name, self[name]) for name in self.blocks)


def span_logits_name(i: int, recurrence) -> str | None:
    """Return the name of the span logits that layer i uses; None if it has none."""
    if not isinstance(recurrence, ASRC):
        return None
    return "span_logits" if recurrence.shared else f"layers.{i}.span_logits"


def blocks(sizes, recurrence, neuron) -> dict[str, Block]:
    """List all parameters of a network, in the order of the flat vector."""
    result = {}
    for i, (n_in, n) in enumerate(pairwise(sizes[:-1])):
        result[f"layers.{i}.w_in"] = Block((n_in, n), WEIGHT)
        result[f"layers.{i}.bias"] = Block((n,), WEIGHT)
        if not isinstance(recurrence[i], Feedforward):
            result[f"layers.{i}.w_rec"] = Block((n, n), WEIGHT)
        if isinstance(neuron[i], PLIF):
            result[f"layers.{i}.decay_logit"] = Block((n if neuron[i].per_neuron else 1,), NEURON)
        if isinstance(recurrence[i], ASRC):
            result[span_logits_name(i, recurrence[i])] = Block((recurrence[i].max_span,), SPAN_LOGIT)
    result["readout.w"] = Block((sizes[-2], sizes[-1]), WEIGHT)
    result["readout.bias"] = Block((sizes[-1],), WEIGHT)
    return result


def to_layers(params: Params, structure: Structure) -> list[Layer]:
    """Return the hidden layers as numbers, with which `reference.py` and `kernels.py` compute, in the same dtype."""
    sizes, recurrence, neuron, temperature, span_mode = structure
    dtype = params.flat.dtype
    real = params.flat.real.dtype  # thresholds and resets stay real in complex steps
    layers = []
    for i, n in enumerate(sizes[1:-1]):
        logits_name = span_logits_name(i, recurrence[i])
        logits = params[logits_name] if logits_name else None
        delays, tap_weights = recurrences.taps(recurrence[i], logits, temperature, span_mode)
        if isinstance(neuron[i], PLIF):
            decay = neurons.decay_from_logit(params[f"layers.{i}.decay_logit"], n)
        else:
            decay = np.broadcast_to(neuron[i].decay, n)
        adaptation = neurons.adaptation_numbers(neuron[i], n)
        no_recurrence = isinstance(recurrence[i], Feedforward)
        layers.append(
            Layer(
                w_in=params[f"layers.{i}.w_in"],
                bias=params[f"layers.{i}.bias"],
                w_rec=np.zeros((n, n), dtype) if no_recurrence else params[f"layers.{i}.w_rec"],
                delays=delays,
                tap_weights=tap_weights.astype(dtype),
                decay=decay.astype(dtype),
                threshold=np.broadcast_to(neuron[i].threshold, n).astype(real),
                reset=np.array(neurons.reset_numbers(neuron[i]), real),
                adaptation=None if adaptation is None else adaptation.astype(real),
            )
        )
    return layers


def from_layers(grads, layers: list[Layer], params: Params, structure: Structure) -> Params:
    """Apply the adjoint of `to_layers`, equation (11): from gradients of numbers to those of the parameters.

    `grads` holds a `kernels.Weights` per layer, then one for the readout, W_out and b_out as `w_in` and `bias`.
    What several layers share gets the sum. With hard spans nothing reaches the span logits.
    """
    _, recurrence, neuron, temperature, span_mode = structure
    result = Params.zeros(params.blocks, params.flat.dtype)
    for i, (d, layer) in enumerate(zip(grads, layers)):
        result[f"layers.{i}.w_in"] += d.w_in
        result[f"layers.{i}.bias"] += d.bias
        if not isinstance(recurrence[i], Feedforward):
            result[f"layers.{i}.w_rec"] += d.w_rec
        if isinstance(neuron[i], PLIF):
            name = f"layers.{i}.decay_logit"
            result[name] += neurons.d_decay_logit(layer.decay, d.decay, result[name].size)
        if isinstance(recurrence[i], ASRC) and span_mode == "soft" and len(layer.delays) > 1:  # of one tap p = 1
            name = span_logits_name(i, recurrence[i])
            result[name][layer.delays - 1] += recurrences.d_span_logits(layer.tap_weights, d.tap_weights, temperature)
    result["readout.w"] += grads[-1].w_in
    result["readout.bias"] += grads[-1].bias
    return result
