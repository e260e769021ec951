"""Optimisers on the flat parameter vector, and schedules of their learning rate.

An optimiser is a frozen dataclass of numbers. Its memory is a dict of plain arrays, made by `start` and passed to
`update`; checkpoints store it as it is. Parameters are grouped by their role (`core/parameters.py`):

    weights             lr            weight_decay
    span logits         span_lr       no decay: it would pull the weights of the spans towards 1/K
    neuron parameters   neuron_lr     no decay: it would pull the β of PLIF to 0.5

A schedule maps (epoch, epochs) to a factor of the peak learning rates, one for each epoch, as in the paper. `fit`
computes all factors before training starts.
"""

import math
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.names import suggesting
from minisnn.core.parameters import NEURON, SPAN_LOGIT, WEIGHT, Params

State = dict[str, np.ndarray]


def _check(optimizer) -> None:
    for name in ("lr", "span_lr", "neuron_lr", "weight_decay"):
        object.__setattr__(optimizer, name, validate.number(getattr(optimizer, name), name, 0.0, np.inf))
    if hasattr(optimizer, "eps"):
        object.__setattr__(optimizer, "eps", validate.number(optimizer.eps, "eps", 0.0, np.inf, "()"))
    for name in ("beta1", "beta2", "momentum"):
        if hasattr(optimizer, name):
            object.__setattr__(optimizer, name, validate.number(getattr(optimizer, name), name, 0.0, 1.0, "[)"))


def _groups(optimizer, params: Params, lr_factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the learning rate and the weight decay of each entry of the flat vector."""
    by_role = {WEIGHT: (optimizer.lr, optimizer.weight_decay), SPAN_LOGIT: (optimizer.span_lr, 0.0)}
    by_role[NEURON] = (optimizer.neuron_lr, 0.0)
    lr, weight_decay = np.empty((2, params.flat.size), params.flat.dtype)
    for name, block in params.blocks.items():
        lr[params.block(name)], weight_decay[params.block(name)] = by_role[block.role]
    return lr_factor * lr, weight_decay


def _flush(array, limit: float) -> None:
    """Set smaller entries to 0, in place; left to decay, they would become denormal numbers, which are slow."""
    array[np.abs(array) < limit] = 0


@suggesting
@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum: u ← momentum u + g + weight_decay w;  w ← w - lr u.

    Parameters
    ----------
    lr : float
        Learning rate of weights and biases, at least 0.
    span_lr : float
        Learning rate of the span logits of ASRC, at least 0.
    neuron_lr : float
        Learning rate of the decay logits of PLIF, at least 0.
    momentum : float
        In [0, 1).
    weight_decay : float
        Of weights and biases only, at least 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> net, sgd = ms.Network([1, 8, 2]), ms.SGD(lr=0.05)
    >>> state = sgd.start(net.params)
    >>> loss, grads = net.loss_and_grad(np.ones((4, 20, 1)), [0, 1, 0, 1])
    >>> sgd.update(net.params, grads, state)  # one step, in place
    >>> list(state)
    ['velocity']
    """

    lr: float = 0.1
    span_lr: float = 0.1
    neuron_lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self):
        _check(self)

    def start(self, params: Params) -> State:
        """Return the memory before the first step.

        Parameters
        ----------
        params : Params
            Those of the network to be trained, `net.params`.

        Returns
        -------
        dict of array
            Zeros, to be passed to `update`.
        """
        return {"velocity": np.zeros_like(params.flat)}

    @np.errstate(under="ignore")
    def update(self, params: Params, grads: Params, state: State, lr_factor: float = 1.0) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : Params
            Changed.
        grads : Params
            From `Network.loss_and_grad`.
        state : dict of array
            From `start`; changed.
        lr_factor : float
            Factor of the learning rates, as returned by a schedule.
        """
        lr, weight_decay = _groups(self, params, lr_factor)
        state["velocity"] *= self.momentum
        state["velocity"] += grads.flat + weight_decay * params.flat
        _flush(state["velocity"], 1e8 * np.finfo(params.flat.dtype).tiny)
        params.flat -= lr * state["velocity"]


@suggesting
@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101):

        m ← β1 m + (1 - β1) g,   v ← β2 v + (1 - β2) g²,
        w ← w - lr weight_decay w - lr (m / (1 - β1ⁿ)) / (√(v / (1 - β2ⁿ)) + eps)   in step n = 1, 2, ...

    Here m and v are Adam's moments, not a mask and a potential. The defaults of `lr` and `span_lr` are the paper's for
    (P)S-MNIST.

    Parameters
    ----------
    lr, span_lr, neuron_lr, weight_decay : float
        As in `SGD`.
    beta1, beta2 : float
        Decay of the two moments, in [0, 1).
    eps : float
        Above 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> net, adam = ms.Network([1, 8, 2], recurrence=ms.ASRC(6)), ms.AdamW(lr=5e-3)
    >>> state = adam.start(net.params)
    >>> loss, grads = net.loss_and_grad(np.ones((4, 20, 1)), [0, 1, 0, 1])
    >>> adam.update(net.params, grads, state)  # one step, in place
    >>> int(state["step"][0])
    1
    """

    lr: float = 1e-3
    span_lr: float = 0.1
    neuron_lr: float = 1e-4
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self):
        _check(self)

    def start(self, params: Params) -> State:
        """Return the memory before the first step; see `SGD.start`.

        Parameters
        ----------
        params : Params

        Returns
        -------
        dict of array
        """
        return {"m": np.zeros_like(params.flat), "v": np.zeros_like(params.flat), "step": np.zeros(1, np.int64)}

    @np.errstate(under="ignore")
    def update(self, params: Params, grads: Params, state: State, lr_factor: float = 1.0) -> None:
        """Take one step, in place; see `SGD.update`.

        Parameters
        ----------
        params, grads, state, lr_factor
            As in `SGD.update`.
        """
        m, v, g = state["m"], state["v"], grads.flat.copy()
        tiny = float(np.finfo(g.dtype).tiny)
        _flush(g, math.sqrt(1e8 * tiny))  # what underflows in g² must not reach m either
        state["step"] += 1
        n = int(state["step"][0])
        m += (1 - self.beta1) * (g - m)
        v += (1 - self.beta2) * (g * g - v)
        _flush(m, 1e8 * tiny)
        _flush(v, tiny)  # v decays more slowly: m has long been 0
        lr, weight_decay = _groups(self, params, lr_factor)
        params.flat -= lr * weight_decay * params.flat
        params.flat -= lr * (m / (1 - self.beta1**n)) / (np.sqrt(v / (1 - self.beta2**n)) + self.eps)


@suggesting
def Adam(
    lr: float = 1e-3,
    span_lr: float = 0.1,
    neuron_lr: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> AdamW:
    """Return Adam (Kingma and Ba, arXiv 1412.6980), which is AdamW without weight decay.

    Parameters
    ----------
    lr, span_lr, neuron_lr, beta1, beta2, eps : float
        As in `AdamW`.

    Returns
    -------
    AdamW

    Examples
    --------
    >>> ms.Adam(lr=5e-3) == ms.AdamW(lr=5e-3, weight_decay=0)
    True
    """
    return AdamW(lr, span_lr, neuron_lr, weight_decay=0.0, beta1=beta1, beta2=beta2, eps=eps)


@np.errstate(under="ignore")
def gradient_norm(grads: Params) -> float:
    """Return the Euclidean norm of all gradients, added up in float64."""
    return math.sqrt(float(np.square(grads.flat, dtype=np.float64).sum()))


def clip(grads: Params, max_norm: float | None) -> float:
    """Scale `grads`, in place, so that their norm is at most `max_norm` (None: any); return the norm before."""
    norm = gradient_norm(grads)
    if max_norm is not None and norm > max_norm:
        grads.flat *= grads.flat.dtype.type(max_norm / norm)
    return norm


def constant(epoch: int, epochs: int) -> float:
    """Return 1: the learning rates stay at their peak.

    Parameters
    ----------
    epoch, epochs : int
        Number of the epoch, 0 .. epochs - 1, and of epochs in total, at least 1; they are not checked.

    Returns
    -------
    float
        Factor of the learning rates.

    Examples
    --------
    >>> [ms.constant(epoch, 4) for epoch in range(4)]
    [1.0, 1.0, 1.0, 1.0]
    """
    return 1.0


def cosine(epoch: int, epochs: int) -> float:
    """Lower the learning rates along half a cosine, from 1 in the first epoch towards 0 after the last.

    Parameters
    ----------
    epoch, epochs : int
        As in `constant`.

    Returns
    -------
    float
        Factor of the learning rates, in (0, 1].

    Examples
    --------
    >>> [round(ms.cosine(epoch, 4), 2) for epoch in range(4)]
    [1.0, 0.85, 0.5, 0.15]
    """
    return 0.5 * (1.0 + math.cos(math.pi * epoch / epochs))


def one_cycle(epoch: int, epochs: int, warmup: float = 0.3, first: float = 1 / 25, last: float = 1 / 250_000) -> float:
    """Raise the learning rates from `first` to 1, then lower them to `last`, each along half a cosine.

    With the defaults and at least four epochs, this is PyTorch's `OneCycleLR(max_lr, total_steps=epochs)` stepped once
    per epoch (Smith and Topin, arXiv 1708.07120). Shorter runs have no time to warm up and start at the peak.

    Parameters
    ----------
    epoch, epochs : int
        As in `constant`.
    warmup : float
        Fraction of the epochs after which the peak is reached, in [0, 1].
    first, last : float
        Factors in the first and in the last epoch.

    Returns
    -------
    float
        Factor of the learning rates.

    Examples
    --------
    >>> [round(ms.one_cycle(epoch, 10), 2) for epoch in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
    """
    peak = max(warmup * epochs - 1, 0.0)
    if epoch < peak:
        start, stop, fraction = first, 1.0, epoch / peak
    else:
        start, stop, fraction = 1.0, last, (epoch - peak) / max(epochs - 1 - peak, 1.0)
    return stop + (start - stop) * 0.5 * (1.0 + math.cos(math.pi * fraction))
