"""What a network leaves behind when it runs: tapes of the forward pass, adjoints of the backward pass, evaluations."""

from dataclasses import dataclass

import numpy as np

from minisnn._internal.display import counted, joined
from minisnn.core.parameters import Params, Structure
from minisnn.core.reference import Layer, LayerTape
from minisnn.core.surrogate import Surrogate


@dataclass(frozen=True, eq=False)
class Tape:
    """A recorded forward pass. `Network.adjoint` reruns it from x, lengths, masks and params, not from `layers`."""

    x: np.ndarray  # (B, T, n_in)
    lengths: np.ndarray  # (B,)
    masks: list[np.ndarray]  # m, (B, N) per layer
    layers: list[LayerTape]  # all (B, T, N), zero after the end of a sequence
    counts: np.ndarray  # (B, N)
    n_read: np.ndarray  # (B,) |R|
    logits: np.ndarray  # (B, classes)
    params: Params
    structure: Structure  # of the network, temperature and span mode included
    surrogate: Surrogate

    def __repr__(self) -> str:
        return f"Tape({_sizes(self.x, self.layers)}, {counted(self.logits.shape[1], 'class', 'es')}, {self.x.dtype})"


@dataclass(frozen=True, eq=False)
class Adjoint:
    """A backward pass along a tape."""

    delta: list[np.ndarray]  # δ, (B, T, N) per layer
    q: list[np.ndarray]  # (B, T, N) per layer
    dx: np.ndarray  # (B, T, n_in)
    grads: Params  # of the hidden layers; those of the readout are 0, since e enters below it

    def __repr__(self) -> str:
        return f"Adjoint({_sizes(self.dx, self.delta)}, {self.dx.dtype})"


@dataclass(frozen=True)
class Evaluation:
    """The result of a network on a data set."""

    loss: float
    accuracy: float  # share of sequences whose largest logit is that of the label
    firing_rates: tuple[float, ...]  # of each layer: spikes per neuron and step

    def __repr__(self) -> str:
        rates = joined([f"{rate:.4g}" for rate in self.firing_rates], 6)
        return f"Evaluation(loss={self.loss:.4g}, accuracy={self.accuracy:.4g}, firing_rates=({rates}))"


def _sizes(x, layers: list) -> str:
    """Write sequences, steps, inputs, and the neurons of each layer."""
    numbers = [counted(n, thing) for n, thing in zip(x.shape, ("sequence", "step", "input"))]
    neurons = joined([str(layer[-1].shape[-1]) for layer in layers], 8)
    return f"{', '.join(numbers)}, layers of {neurons} neurons"


def layer_tape(layer: Layer, v, lowered, lengths) -> LayerTape:
    """Return the tape of a layer from v (B, T, N): s by (4), v⁺ by (5), z by (1), and I by (3) solved for it.

    `lowered` is v - κ A, which meets θ by (13); without adaptation v itself.
    """
    a, h, _ = layer.reset
    s = (lowered >= layer.threshold).astype(v.dtype)
    v_reset = v - s * (a * layer.threshold + h * v)
    current = v.copy()
    current[:, 1:] -= layer.decay * v_reset[:, :-1]
    for array in (current, v_reset, s):
        clear_after(array, lengths)
    return LayerTape(current, v, v_reset, s, s @ layer.w_rec)


def gather(delta, layer: Layer, truncate: int | None = None) -> np.ndarray:
    """Return q[t] = Σ_j p_j δ[t + k_j], equation (7), (B, T, N): the kernels keep only a few steps of it."""
    T, q = delta.shape[1], np.zeros_like(delta)
    for k, p in zip(layer.delays, layer.tap_weights):
        if k < T:
            steps = np.arange(T - k)
            passes = truncate is None or (steps // truncate == (steps + k) // truncate)[:, np.newaxis]
            q[:, : T - k] += p * delta[:, k:] * passes
    return q


def clear_after(array, lengths) -> None:
    """Zero what lies after the end of each sequence."""
    array[np.arange(array.shape[1]) >= lengths[:, np.newaxis]] = 0
