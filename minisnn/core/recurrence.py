"""Recurrence: from which earlier steps a layer hears itself.

Every recurrence is a set of *taps* (k_j, p_j), a delay in steps and a weight. The recurrent input is Σ_j p_j z[t - k_j]
with z[t] = s[t] W_rec (equations 1 and 2):

    Feedforward()     none
    Recurrent()       (1, 1)                      the usual recurrent spiking network, RSNN
    SRC(span)         (span, 1)                   skip recurrence: the spikes of `span` steps ago
    ASRC(max_span)    (k, p_k), k = 1 .. K        p = softmax(span_logits / temperature), learned;
                      (arg-max p, 1)              hardened: what remains when the temperature has fallen to 0
    Mixture(max_span) (k, 1/K), k = 1 .. K        all spans alike, for good: a control for ASRC

so SRC(1) and Recurrent() are the same taps, and one engine serves all. A tap that is longer than the sequence brings
nothing: there is no step before t = 0.
"""

from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate


@dataclass(frozen=True)
class Feedforward:
    """No recurrent input; the layer has no `w_rec`."""


@dataclass(frozen=True)
class Recurrent:
    """The recurrent input comes from the step before: an RSNN."""


@dataclass(frozen=True)
class SRC:
    """Skip recurrent connection: the recurrent input comes from λ = `span` >= 1 steps ago."""

    span: int

    def __post_init__(self):
        object.__setattr__(self, "span", validate.integer(self.span, "span", 1))


@dataclass(frozen=True)
class ASRC:
    """Adaptive skip recurrent connection: λ is learned among the spans 1 .. `max_span` = K >= 1.

    `span_logits[k - 1]` belongs to span k. If `shared`, all layers with a shared ASRC learn one set of logits, named
    `span_logits` (then their K must agree); otherwise each layer has its own, `layers.0.span_logits` and so on.
    """

    max_span: int
    shared: bool = False

    def __post_init__(self):
        object.__setattr__(self, "max_span", validate.integer(self.max_span, "max_span", 1))
        object.__setattr__(self, "shared", validate.flag(self.shared, "shared"))


@dataclass(frozen=True)
class Mixture:
    """A fixed mixture: the recurrent input is the mean over the spans 1 .. `max_span` = K >= 1, soft or hard."""

    max_span: int

    def __post_init__(self):
        object.__setattr__(self, "max_span", validate.integer(self.max_span, "max_span", 1))


KINDS = (Feedforward, Recurrent, SRC, ASRC, Mixture)
Recurrence = Feedforward | Recurrent | SRC | ASRC | Mixture


def taps(recurrence: Recurrence, span_logits, temperature: float, span_mode: str) -> tuple[np.ndarray, np.ndarray]:
    """The taps of a layer. Of an ASRC those whose weight is exactly 0, as when the softmax is cold, are left out.

    Parameters
    ----------
    recurrence : Feedforward, Recurrent, SRC, ASRC or Mixture
    span_logits : array (K,) or None
        Read for ASRC only.
    temperature : float
        T° > 0 of the softmax.
    span_mode : {"soft", "hard"}
        For ASRC: the softmax mixture, or the arg-max span alone.

    Returns
    -------
    delays : array (J,) of int64, at least 1
    tap_weights : array (J,) of float
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


def span_weights(span_logits, temperature: float) -> np.ndarray:
    """p = softmax(span_logits / temperature), (K,). As the temperature falls, the largest logit takes all."""
    # The largest real part is subtracted, so no exponential overflows; complex logits pass (for complex-step checks).
    exponentials = np.exp((span_logits - np.max(np.real(span_logits))) / temperature)
    return exponentials / exponentials.sum()


def hard_span(span_logits) -> int:
    """λ, the span with the largest logit; of equal ones the shortest."""
    return int(np.argmax(np.real(span_logits))) + 1


def d_span_logits(tap_weights, d_tap_weights, temperature: float) -> np.ndarray:
    """Equation (11), the adjoint of `span_weights`: d_a_k = p_k (d_p_k - Σ_m p_m d_p_m) / T°. Its sum is 0."""
    return tap_weights * (d_tap_weights - (tap_weights * d_tap_weights).sum()) / temperature
