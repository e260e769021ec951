"""Neurons: leaky integrate-and-fire (LIF), with a learned decay (PLIF), and adaptive (ALIF).

All follow equations (3) to (5): the membrane leaks and integrates, fires at the threshold, and is reset. Potentials
are plain numbers, whose scale the threshold sets; time is counted in steps. A decay β is a membrane time constant of
-1 / ln β steps: 1.44 for β = 0.5, 9.5 for β = 0.9.
"""

from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.names import suggesting
from minisnn._internal.types import PerNeuron, Reset

RESETS = {"soft": (1.0, 0.0), "hard": (0.0, 1.0), "none": (0.0, 0.0)}
"""(a, h) of equation (5): subtract θ; set to 0; leave as it is."""


@suggesting
@dataclass(frozen=True)
class LIF:
    """Leaky integrate-and-fire neurons with a fixed decay, equations (3) to (5).

    Parameters
    ----------
    decay, threshold : float or sequence of N floats
        β in [0, 1] and θ > 0, for all neurons of the layer or one per neuron.
    reset : {"soft", "hard", "none"}
        After a spike: subtract θ, set to 0, or nothing.
    detach_reset : bool
        Whether the backward pass ignores that the reset depends on the spike: the last term of equation (9).

    Raises
    ------
    TypeError, ValueError
        If a value is of the wrong kind or out of range.

    Examples
    --------
    >>> net = ms.Network([2, 3, 2], neuron=ms.LIF(decay=(0.5, 0.75, 0.875), reset="hard"))
    >>> net.layers()[0].decay.tolist()
    [0.5, 0.75, 0.875]
    """

    decay: PerNeuron = 0.5
    threshold: PerNeuron = 1.0
    reset: Reset = "soft"
    detach_reset: bool = False

    def __post_init__(self):
        _check(self, "[]")


@suggesting
@dataclass(frozen=True)
class PLIF:
    """LIF neurons that learn their decay by a logit, β = 1 / (1 + exp(-decay_logit)), after Fang et al. (2021).

    Parameters
    ----------
    decay : float or sequence of N floats
        β in (0, 1) before training.
    threshold, reset, detach_reset
        As in `LIF`.
    per_neuron : bool
        Whether each neuron has its own logit. Otherwise the layer has one, and `decay` must be a single number.

    Examples
    --------
    >>> net = ms.Network([2, 8, 3], neuron=ms.PLIF(decay=0.9, per_neuron=True))
    >>> net.params["layers.0.decay_logit"].shape
    (8,)
    """

    decay: PerNeuron = 0.5
    threshold: PerNeuron = 1.0
    reset: Reset = "soft"
    detach_reset: bool = False
    per_neuron: bool = False

    def __post_init__(self):
        _check(self, "()")
        object.__setattr__(self, "per_neuron", validate.flag(self.per_neuron, "per_neuron"))
        if isinstance(self.decay, tuple) and not self.per_neuron:
            raise ValueError("one decay per neuron needs per_neuron=True: otherwise the layer has a single logit")


@suggesting
@dataclass(frozen=True)
class ALIF:
    """LIF neurons that adapt: each spike raises the threshold, and the rise decays, equation (13).

    The threshold of step t is θ + κ A[t], with A[t] = ρ A[t-1] + s[t-1]. After Bellec et al. (2018), where κ is written
    β (1 - ρ).

    Parameters
    ----------
    decay, threshold, reset, detach_reset
        As in `LIF`.
    adaptation_decay : float or sequence of N floats
        ρ in [0, 1); a time constant of -1 / ln ρ steps: 19.5 for 0.95.
    adaptation_strength : float or sequence of N floats
        κ >= 0: how much a spike raises the threshold.

    Raises
    ------
    TypeError, ValueError
        If a value is of the wrong kind or out of range.

    Examples
    --------
    >>> net = ms.Network([1, 1, 2], neuron=ms.ALIF(decay=0, adaptation_decay=0.9, adaptation_strength=0.3))
    >>> net.params["layers.0.w_in"], net.params["layers.0.bias"], net.params["layers.0.w_rec"] = 1.5, 0, 0
    >>> net.record(np.ones((1, 8, 1))).layers[0].s[0, :, 0].astype(int).tolist()  # the rate falls
    [1, 1, 0, 0, 1, 0, 0, 0]
    """

    decay: PerNeuron = 0.5
    threshold: PerNeuron = 1.0
    reset: Reset = "soft"
    detach_reset: bool = False
    adaptation_decay: PerNeuron = 0.95
    adaptation_strength: PerNeuron = 0.1

    def __post_init__(self):
        _check(self, "[]")
        for name, high in (("adaptation_decay", 1.0), ("adaptation_strength", np.inf)):
            object.__setattr__(self, name, validate.per_neuron(getattr(self, name), name, 0.0, high, "[)"))


KINDS = (LIF, PLIF, ALIF)
Neuron = LIF | PLIF | ALIF


def _check(neuron, ends_of_decay: str) -> None:
    """Check the fields that all kinds have; turn sequences into tuples, so that neurons compare and hash."""
    decay = validate.per_neuron(neuron.decay, "decay", 0.0, 1.0, ends_of_decay)
    threshold = validate.per_neuron(neuron.threshold, "threshold", 0.0, np.inf, "()")
    detach_reset = validate.flag(neuron.detach_reset, "detach_reset")
    for name, value in (("decay", decay), ("threshold", threshold), ("detach_reset", detach_reset)):
        object.__setattr__(neuron, name, value)
    validate.choice(neuron.reset, "reset", RESETS)


def reset_numbers(neuron) -> tuple[float, float, float]:
    """Return (a, h, detached) of equations (5) and (9)."""
    return (*RESETS[neuron.reset], float(neuron.detach_reset))


def adaptation_numbers(neuron, n: int) -> np.ndarray | None:
    """Return ρ and κ of equation (13) for n neurons, (2, n); None for neurons that don't adapt."""
    if not isinstance(neuron, ALIF):
        return None
    return np.stack([np.broadcast_to(values, n) for values in (neuron.adaptation_decay, neuron.adaptation_strength)])


@np.errstate(under="ignore")
def decay_from_logit(decay_logit, n: int) -> np.ndarray:
    """Return β = 1 / (1 + exp(-decay_logit)) for n neurons, (n,); safe for logits of any size, and complex ones."""
    negative = np.real(decay_logit) < 0
    tail = np.exp(np.where(negative, decay_logit, -decay_logit))
    return np.broadcast_to(np.where(negative, tail, 1) / (1 + tail), n)


def decay_to_logit(decay) -> np.ndarray:
    """Invert `decay_from_logit`: return ln(β / (1 - β)), always with an axis."""
    decay = np.atleast_1d(np.asarray(decay, dtype=np.float64))
    return np.log(decay) - np.log1p(-decay)


def d_decay_logit(decay, d_decay, n_logits: int) -> np.ndarray:
    """Return d_decay_logit = d_decay β (1 - β), equation (11), summed if one logit serves the layer."""
    d = d_decay * decay * (1 - decay)
    return d if n_logits == d.size else d.sum(keepdims=True)
