"""Optimisers on the flat parameter vector, and schedules of their rate.

An optimiser is a frozen dataclass of numbers. Its memory is a dict of plain arrays, made by `start` and handed to
`update`: it lies in checkpoints as it is. Every optimiser has two groups of parameters: the span logits of ASRC have
a rate of their own and no weight decay; all other parameters share one rate and the decay.

A schedule maps (epoch, epochs) to a factor of the peak rate; it is called once an epoch, as the paper does.
"""

import math
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn.core.parameters import Params

State = dict[str, np.ndarray]


def _check(optimiser) -> None:
    for name in ("rate", "span_rate", "weight_decay", "eps"):
        if hasattr(optimiser, name):
            object.__setattr__(optimiser, name, validate.number(getattr(optimiser, name), name, 0.0, np.inf))
    for name in ("beta1", "beta2", "momentum"):
        if hasattr(optimiser, name):
            below_1 = float(np.nextafter(1.0, 0.0))
            object.__setattr__(optimiser, name, validate.number(getattr(optimiser, name), name, 0.0, below_1))


def _span_logits(params: Params) -> np.ndarray:
    """Which entries of the flat vector are span logits, bool."""
    mask = np.zeros(params.flat.size, bool)
    for name in params:
        mask[params.block(name)] = name.endswith("span_logits")
    return mask


def _rates(optimiser, params: Params, factor: float) -> np.ndarray:
    """The rate of each entry of the flat vector."""
    rates = np.where(_span_logits(params), optimiser.span_rate, optimiser.rate)
    return (factor * rates).astype(params.flat.dtype)


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum: u ← momentum u + g + weight_decay w;  w ← w - rate u.

    Rates and decay are at least 0, the momentum in [0, 1).
    """

    rate: float = 0.1
    span_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self):
        _check(self)

    def start(self, params: Params) -> State:
        return {"velocity": np.zeros_like(params.flat)}

    def update(self, params: Params, grads: Params, state: State, factor: float = 1.0) -> None:
        """One step on `params` and `state`, in place; `factor` scales the rates."""
        decay = np.where(_span_logits(params), 0, self.weight_decay).astype(params.flat.dtype)
        state["velocity"] *= self.momentum
        state["velocity"] += grads.flat + decay * params.flat
        params.flat -= _rates(self, params, factor) * state["velocity"]


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101):

        m ← β1 m + (1 - β1) g,   v ← β2 v + (1 - β2) g²,
        w ← w - rate weight_decay w - rate (m / (1 - β1ⁿ)) / (√(v / (1 - β2ⁿ)) + eps)   in step n = 1, 2, ...

    Here m and v are Adam's moments, not a mask and a potential. Rates, decay and eps are at least 0, β1 and β2 in [0,
    1). The defaults are the paper's for (P)S-MNIST. `Adam` is AdamW without decay.
    """

    rate: float = 1e-3
    span_rate: float = 0.1
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self):
        _check(self)

    def start(self, params: Params) -> State:
        return {"m": np.zeros_like(params.flat), "v": np.zeros_like(params.flat), "step": np.zeros(1, np.int64)}

    def update(self, params: Params, grads: Params, state: State, factor: float = 1.0) -> None:
        """One step on `params` and `state`, in place; `factor` scales the rates."""
        m, v, g = state["m"], state["v"], grads.flat
        state["step"] += 1
        n = int(state["step"][0])
        m += (1 - self.beta1) * (g - m)
        v += (1 - self.beta2) * (g * g - v)
        rates = _rates(self, params, factor)
        decay = np.where(_span_logits(params), 0, self.weight_decay).astype(params.flat.dtype)
        params.flat -= rates * decay * params.flat
        params.flat -= rates * (m / (1 - self.beta1**n)) / (np.sqrt(v / (1 - self.beta2**n)) + self.eps)


def Adam(
    rate: float = 1e-3, span_rate: float = 0.1, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> AdamW:
    """AdamW with weight_decay = 0 (Kingma and Ba, arXiv 1412.6980)."""
    return AdamW(rate, span_rate, weight_decay=0.0, beta1=beta1, beta2=beta2, eps=eps)


def gradient_norm(grads: Params) -> float:
    """The Euclidean norm of all gradients, added up in float64."""
    return math.sqrt(float(np.square(grads.flat, dtype=np.float64).sum()))


def clip(grads: Params, max_norm: float) -> None:
    """Scale `grads`, in place, so that their norm is at most `max_norm`."""
    norm = gradient_norm(grads)
    if norm > max_norm:
        grads.flat *= grads.flat.dtype.type(max_norm / norm)


def constant(epoch: int, epochs: int) -> float:
    """The peak rate throughout."""
    return 1.0


def cosine(epoch: int, epochs: int) -> float:
    """Half a cosine from 1 in the first epoch towards 0 after the last."""
    return 0.5 * (1.0 + math.cos(math.pi * epoch / epochs))


def one_cycle(epoch: int, epochs: int, warmup: float = 0.3, first: float = 1 / 25, last: float = 1 / 250_000) -> float:
    """Up from `first` to 1 during `warmup` of all epochs, then down to `last`, each along half a cosine (arXiv
    1708.07120).

    With the defaults and four epochs or more, the rates of PyTorch's `OneCycleLR(max_lr, total_steps=epochs)` stepped
    once an epoch. Shorter runs have no time to warm up and start at the peak.
    """
    peak = max(warmup * epochs - 1, 0.0)
    if epoch < peak:
        start, stop, fraction = first, 1.0, epoch / peak
    else:
        start, stop, fraction = 1.0, last, (epoch - peak) / max(epochs - 1 - peak, 1.0)
    return stop + (start - stop) * 0.5 * (1.0 + math.cos(math.pi * fraction))
