"""What a network leaves behind when it runs: tapes of the forward pass, adjoints of the backward pass, evaluations."""

from dataclasses import dataclass

import numpy as np

from minisnn.core.kernels import Run
from minisnn.core.parameters import Params
from minisnn.core.reference import Layer


@dataclass(frozen=True, eq=False)
class LayerTape:
    """What one layer did; all (B, T, N), zero after the end of a sequence."""

    current: np.ndarray  # I
    v: np.ndarray
    v_reset: np.ndarray  # v⁺
    s: np.ndarray
    z: np.ndarray


@dataclass(frozen=True, eq=False)
class Tape:
    """A recorded forward pass; later changes of the network don't touch it.

    `Network.adjoint` runs it again from x, lengths, masks and params: changing what is in `layers` changes nothing
    there.
    """

    x: np.ndarray  # (B, T, n_in)
    lengths: np.ndarray  # (B,)
    masks: list[np.ndarray]  # m, (B, N) a layer
    layers: list[LayerTape]
    counts: np.ndarray  # (B, N)
    n_read: np.ndarray  # (B,) |R|
    logits: np.ndarray  # (B, classes)
    params: Params
    temperature: float
    spans: str


@dataclass(frozen=True, eq=False)
class Adjoint:
    """What runs backwards along a tape."""

    delta: list[np.ndarray]  # δ, (B, T, N) a layer
    q: list[np.ndarray]  # (B, T, N) a layer
    dx: np.ndarray  # (B, T, n_in)
    grads: Params  # of the hidden layers; the readout's are 0, since e enters below it


@dataclass(frozen=True)
class Evaluation:
    """How a network does on a data set."""

    loss: float
    accuracy: float  # share of sequences whose largest logit is the label's
    firing_rates: tuple[float, ...]  # of each layer: spikes a neuron and step


def layer_tape(layer: Layer, run: Run, lengths) -> LayerTape:
    """The recorded arrays of a layer, with s by (4), v⁺ by (5) and I by (3) solved for it: the kernels keep none."""
    a, h, _ = layer.reset
    s = (run.v >= layer.threshold).astype(run.v.dtype)
    v_reset = run.v - s * (a * layer.threshold + h * run.v)
    current = run.v.copy()
    current[:, 1:] -= layer.decay * v_reset[:, :-1]
    for array in (current, v_reset, s):
        clear_after(array, lengths)
    return LayerTape(current, run.v, v_reset, s, run.z)


def gather(delta, layer: Layer) -> np.ndarray:
    """Equation (7), q[t] = Σ_j p_j δ[t + k_j], for all sequences, (B, T, N): the kernels keep a few steps of it."""
    T, q = delta.shape[1], np.zeros_like(delta)
    for k, p in zip(layer.delays, layer.weights):
        if k < T:
            q[:, : T - k] += p * delta[:, k:]
    return q


def clear_after(array, lengths) -> None:
    """Zero what lies after the end of each sequence."""
    for row, length in zip(array, lengths):
        row[length:] = 0
