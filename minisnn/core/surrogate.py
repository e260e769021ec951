"""Surrogate derivatives: what stands in for the derivative of the spike.

A spike is s = Θ(u) with u = v - θ (equation 4). The derivative of the step Θ is 0 wherever it exists, so nothing would
be learned. Training puts a *surrogate* σ′(u) in its place. Each is a pair: `derivative` is σ′, which the backward pass
uses at v[t] - θ; `primitive` is σ, the smooth or ramp-like step whose derivative it is, scale included. (With σ for Θ
in the forward pass, the hand-written gradients must equal finite differences of the loss: that is a check.)

All seven are scaled from a pair φ, Φ with φ = Φ′ and φ(0) = 1: σ′(u) = peak · φ(u / width), and σ(u) = peak · width ·
Φ(u / width). So `peak` is the largest slope and `width` the unit of the potential axis; `kinks` are the u at which σ′
has a kink or a jump. With the default values peak and area are 1: σ rises by 1, as Θ does. A surrogate gradient is not
the gradient of the spiking loss (Gygax and Zenke, arXiv 2404.14964).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minisnn._internal import validate
from minisnn._internal.names import did_you_mean_kind, suggesting


@dataclass(frozen=True)
class _Pair:
    """The scaling that all seven share. Each adds its φ and Φ, and its kinks in units of the width."""

    peak: float = 1.0
    width: float = 1.0
    phi: ClassVar[Callable]
    Phi: ClassVar[Callable]
    unit_kinks: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self):
        for name in ("peak", "width"):
            object.__setattr__(self, name, validate.number(getattr(self, name), name, 0.0, np.inf, "()"))

    @property
    def kinks(self) -> tuple[float, ...]:
        """The u at which σ′ has a kink or a jump."""
        return tuple(self.width * x for x in self.unit_kinks)

    @np.errstate(under="ignore")
    def primitive(self, u: np.ndarray | float) -> np.ndarray:
        """Return σ(u), for an array u = v - θ in its shape."""
        return self.peak * self.width * self.Phi(u / self.width)

    @np.errstate(under="ignore")
    def derivative(self, u: np.ndarray | float) -> np.ndarray:
        """Return σ′(u), for an array u = v - θ in its shape."""
        return self.peak * self.phi(u / self.width)


@dataclass(frozen=True)
class Triangle(_Pair):
    """Triangular surrogate, the default and the paper's: σ′(u) = peak · max(0, 1 - |u| / width), 0 from |u| =
    `width` on; area peak · width."""

    width: float = 1.0
    unit_kinks = (-1, 0, 1)
    phi = staticmethod(lambda x: np.maximum(0.0, 1.0 - np.abs(x)))
    Phi = staticmethod(lambda x: 0.5 + (c := np.clip(x, -1.0, 1.0)) - 0.5 * c * np.abs(c))


@dataclass(frozen=True)
class Rectangle(_Pair):
    """Rectangular surrogate: σ′(u) = peak where |u| < width, else 0, on the edges as well; area 2 · peak · width."""

    width: float = 0.5
    unit_kinks = (-1, 1)
    phi = staticmethod(lambda x: np.where(np.abs(x) < 1.0, 1.0, 0.0))
    Phi = staticmethod(lambda x: 1.0 + np.clip(x, -1.0, 1.0))


@dataclass(frozen=True)
class Exponential(_Pair):
    """Exponential surrogate: σ′(u) = peak · exp(-|u| / width), which falls to peak / e at `width`; area 2 · peak ·
    width."""

    width: float = 0.5
    unit_kinks = (0,)
    phi = staticmethod(lambda x: np.exp(-np.abs(x)))
    Phi = staticmethod(lambda x: np.where(x < 0.0, tail := np.exp(-np.abs(x)), 2.0 - tail))


@dataclass(frozen=True)
class Sigmoid(_Pair):
    """Sigmoid surrogate: σ′(u) = peak · 4 p (1 - p), p = 1 / (1 + exp(-u / width)), the logistic function; area 4 ·
    peak · width."""

    width: float = 0.25
    phi = staticmethod(lambda x: 4.0 * (tail := np.exp(-np.abs(x))) / (1.0 + tail) ** 2)
    Phi = staticmethod(lambda x: 4.0 * np.where(x < 0.0, tail := np.exp(-np.abs(x)), 1.0) / (1.0 + tail))


@dataclass(frozen=True)
class Gaussian(_Pair):
    """Gaussian surrogate: σ′(u) = peak · exp(-(u / width)² / 2), with the standard deviation `width`; area √(2π) ·
    peak · width."""

    width: float = 1.0 / math.sqrt(2.0 * math.pi)
    phi = staticmethod(lambda x: np.exp(-0.5 * x * x))
    Phi = staticmethod(lambda x: math.sqrt(math.pi / 2.0) * np.vectorize(math.erfc, [float])(-x / math.sqrt(2.0)))


@dataclass(frozen=True)
class ATan(_Pair):
    """Arctangent surrogate: σ′(u) = peak / (1 + (u / width)²), the derivative of an arctangent: it halves at
    `width`; area π · peak · width."""

    width: float = 1.0 / math.pi
    phi = staticmethod(lambda x: 1.0 / (1.0 + x * x))
    Phi = staticmethod(lambda x: np.arctan(x) + 0.5 * math.pi)


@dataclass(frozen=True)
class FastSigmoid(_Pair):
    """Fast-sigmoid surrogate: σ′(u) = peak / (1 + |u| / width)², that of SuperSpike: it falls to a quarter at
    `width`; area 2 · peak · width."""

    width: float = 0.5
    unit_kinks = (0,)
    phi = staticmethod(lambda x: 1.0 / (1.0 + np.abs(x)) ** 2)
    Phi = staticmethod(lambda x: 1.0 + x / (1.0 + np.abs(x)))


@suggesting
@dataclass(frozen=True)
class Custom:
    """A surrogate of your own: a pair of plain NumPy functions, or the derivative alone.

    Parameters
    ----------
    name : str
        Written into saved files, so that loading can ask for this surrogate.
    primitive, derivative : callable
        σ and σ′, from an array u = v - θ of any shape to an array of that shape. Training calls only `derivative`; the
        checks compare it with differences of `primitive`, and leave out what needs it if it is None.
    kinks : sequence of float
        The u at which σ′ has a kink or a jump, e.g. (-1, 0, 1) for a triangle; the checks keep away from them.
    width : float
        The scale of u on which σ′ varies, > 0; the checks choose their points by it. TypeError or ValueError if it, or
        another argument, is of the wrong kind or out of range.

    Examples
    --------
    >>> cubic = ms.Custom("cubic", lambda u: u**3 / 3, lambda u: u**2)
    >>> loss, grads = ms.Network([2, 8, 3], surrogate=cubic).loss_and_grad(np.ones((1, 20, 2)), [0])
    >>> cubic.derivative(np.array([-2.0, 0.0, 2.0])).tolist()
    [4.0, 0.0, 4.0]
    >>> ms.Custom("box", derivative=lambda u: 1.0 * (np.abs(u) < 0.5)).primitive is None
    True
    """

    name: str
    primitive: Callable[[np.ndarray], np.ndarray] | None = None
    derivative: Callable[[np.ndarray], np.ndarray] = None  # must be given: the default is for the order of arguments
    kinks: Sequence[float] = ()
    width: float = 1.0

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a non-empty string, got {self.name!r}")
        if not (self.primitive is None or callable(self.primitive)):
            raise TypeError(f"primitive must be a function of an array, or None, got {self.primitive!r}")
        if not callable(self.derivative):
            slip = f"; did you mean Custom({self.name!r}, derivative=...)?" if self.derivative is None else ""
            raise TypeError(f"derivative must be a function of an array, got {self.derivative!r}{slip}")
        if not np.iterable(self.kinks):
            raise TypeError(f"kinks must be a sequence of numbers, e.g. (-1, 0, 1), got {self.kinks!r}")
        kinks = tuple(validate.number(u, f"kinks[{i}]", -np.inf, np.inf) for i, u in enumerate(self.kinks))
        object.__setattr__(self, "kinks", kinks)
        object.__setattr__(self, "width", validate.number(self.width, "width", 0.0, np.inf, "()"))


BUILT_IN = (Triangle, Rectangle, Exponential, Sigmoid, Gaussian, ATan, FastSigmoid)
"""Their positions are the integer codes in `kernels.fill_slope`; rung 1 of the checks compares the two."""

_SHARED_HELP = """

    u = v - θ is the distance of the potential from the threshold.

    Parameters
    ----------
    peak, width : float
        The largest slope, σ′(0), and the unit of u. TypeError or ValueError if they are not positive, finite numbers.

    Examples
    --------
    >>> net = ms.Network([2, 8, 3], surrogate=ms.{name}(peak=0.5))
    >>> float(net.surrogate.derivative(0.0))  # its largest slope
    0.5
"""

for _kind in map(suggesting, BUILT_IN):
    _kind.__doc__ = f"{_kind.__doc__}{_SHARED_HELP.format(name=_kind.__name__)}"

Surrogate = Triangle | Rectangle | Exponential | Sigmoid | Gaussian | ATan | FastSigmoid | Custom


def checked(surrogate: Surrogate) -> Surrogate:
    """Return a surrogate; TypeError if it is none."""
    kinds = (*BUILT_IN, Custom)
    if type(surrogate) not in kinds:
        names, slip = ", ".join(kind.__name__ for kind in kinds), did_you_mean_kind(surrogate, kinds)
        if isinstance(surrogate, kinds):
            slip = "; for one of your own take Custom"
        raise TypeError(f"surrogate must be one of {names}, got {surrogate!r}{slip}")
    return surrogate
