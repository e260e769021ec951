"""Recurrence: from which earlier steps a layer gets its own spikes.

Every recurrence is a set of *taps* (k_j, p_j), a delay in steps and a weight. The recurrent input is Σ_j p_j z[t - k_j]
with z[t] = s[t] W_rec (equations 1 and 2):

    Feedforward()     none
    Recurrent()       (1, 1)                      the usual recurrent spiking network, RSNN
    SRC(span)         (span, 1)                   skip recurrence: the spikes of `span` steps ago
    ASRC(max_span)    (k, p_k), k = 1 .. K        p = softmax(span_logits / temperature), learned;
                      (arg-max p, 1)              hardened: what remains when the temperature has fallen to 0
    Mixture(max_span) (k, 1/K), k = 1 .. K        all spans alike, never learned: a control for ASRC

so SRC(1) and Recurrent() are the same taps, and one engine serves all. Before t = 0 there are no spikes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.names import suggesting


@suggesting
@dataclass(frozen=True)
class Feedforward:
    """No recurrent input: the layer has no `w_rec`.

    Examples
    --------
    >>> "layers.0.w_rec" in ms.Network([2, 8, 3], recurrence=ms.Feedforward()).params
    False
    """


@suggesting
@dataclass(frozen=True)
class Recurrent:
    """The usual recurrence, of an RSNN: the recurrent input comes from the step before.

    Examples
    --------
    >>> ms.Network([2, 8, 3], recurrence=ms.Recurrent()).spans()
    [1]
    """


@suggesting
@dataclass(frozen=True)
class SRC:
    """Skip recurrent connection: the recurrent input comes from λ steps ago.

    Parameters
    ----------
    span : int
        λ >= 1; otherwise TypeError or ValueError. In sequences of at most λ steps nothing comes back: the layer is
        feedforward there.

    Examples
    --------
    >>> ms.Network([2, 8, 8, 3], recurrence=[ms.SRC(4), ms.SRC(9)]).spans()
    [4, 9]
    """

    span: int

    def __post_init__(self):
        object.__setattr__(self, "span", validate.integer(self.span, "span", 1))


@suggesting
@dataclass(frozen=True)
class ASRC:
    """Adaptive skip recurrent connection: λ is learned among the spans 1 .. K, through one logit per span.

    In training the recurrent input is a mixture over all spans, with weights softmax(span_logits / T°). `fit` lowers T°
    on a schedule, and at its end one span usually has nearly all the weight; `evaluate` and `predict` use that alone.

    Parameters
    ----------
    max_span : int
        K >= 1; otherwise TypeError or ValueError.
    shared : bool
        Whether the layers share one set of logits, the parameter `span_logits`; then their K must agree. Otherwise each
        layer learns its own, `layers.0.span_logits` and so on. Entry k - 1 belongs to span k.

    Examples
    --------
    >>> net = ms.Network([2, 8, 3], recurrence=ms.ASRC(max_span=4))
    >>> net.params["layers.0.span_logits"].tolist(), net.span_weights()[0].tolist()
    ([0.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25])
    """

    max_span: int
    shared: bool = False

    def __post_init__(self):
        object.__setattr__(self, "max_span", validate.integer(self.max_span, "max_span", 1))
        object.__setattr__(self, "shared", validate.flag(self.shared, "shared"))


@suggesting
@dataclass(frozen=True)
class Mixture:
    """A fixed mixture: the recurrent input is the mean over the spans 1 .. K, in either span mode.

    Parameters
    ----------
    max_span : int
        K >= 1; otherwise TypeError or ValueError.

    Examples
    --------
    >>> ms.Network([2, 8, 3], recurrence=ms.Mixture(4)).layers()[0].tap_weights.tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    max_span: int

    def __post_init__(self):
        object.__setattr__(self, "max_span", validate.integer(self.max_span, "max_span", 1))


KINDS = (Feedforward, Recurrent, SRC, ASRC, Mixture)
Recurrence = Feedforward | Recurrent | SRC | ASRC | Mixture


def check_shared(layers: Iterable[Recurrence]) -> None:
    """Check that layers which share span logits have as many spans."""
    shared = {layer.max_span for layer in layers if isinstance(layer, ASRC) and layer.shared}
    if len(shared) > 1:
        raise ValueError(f"layers that share span logits need one max_span, got {sorted(shared)}")


def taps(recurrence: Recurrence, span_logits, temperature: float, span_mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the taps of a layer: delays (J,) of int64, at least 1, and their weights (J,).

    The last three arguments are read only for ASRC: logits (K,), T° > 0, and "soft" for the mixture, without the taps
    whose weight is exactly 0, as when the softmax is cold; or "hard" for the arg-max span alone.
    """
    match recurrence:
        case Feedforward():
            return np.zeros(0, np.int64), np.zeros(0)
        case Recurrent():
            return np.ones(1, np.int64), np.ones(1)
        case SRC(span):
            return np.full(1, span, np.int64), np.ones(1)
        case ASRC() if span_mode == "hard":
            return np.full(1, hard_span(span_logits), np.int64), np.ones(1)
        case ASRC(max_span):
            p = span_weights(span_logits, temperature)
            delays = np.arange(1, max_span + 1)
            return delays[p != 0], p[p != 0]
        case Mixture(max_span):
            return np.arange(1, max_span + 1), np.full(max_span, 1 / max_span)
    raise TypeError(f"recurrence must be one of {', '.join(kind.__name__ for kind in KINDS)}, got {recurrence!r}")


@np.errstate(under="ignore")
def span_weights(span_logits, temperature: float) -> np.ndarray:
    """Return p = softmax(span_logits / temperature), (K,). As the temperature falls, the largest logit takes all."""
    # The largest real part is subtracted, so no exponential overflows; complex logits pass (for complex-step checks).
    exponentials = np.exp((span_logits - np.max(np.real(span_logits))) / temperature)
    return exponentials / exponentials.sum()


def hard_span(span_logits) -> int:
    """Return λ, the span with the largest logit; of equal ones the shortest."""
    return int(np.argmax(np.real(span_logits))) + 1


def d_span_logits(tap_weights, d_tap_weights, temperature: float) -> np.ndarray:
    """Return (11), the adjoint of `span_weights`: d_a_k = p_k (d_p_k - Σ_m p_m d_p_m) / T°. Its sum is 0."""
    return tap_weights * (d_tap_weights - (tap_weights * d_tap_weights).sum()) / temperature
