"""Surrogate derivatives: what stands in for the derivative of the spike.

A spike is s = Θ(u) with u = v - θ (equation 4). The derivative of the step Θ is 0 wherever it exists, so nothing would
be learned. Training puts a *surrogate* σ′(u) in its place. Here each surrogate is a pair,

    primitive(u)     σ(u), a smooth or ramp-like step,
    derivative(u)    σ′(u), which the backward pass uses at v[t] - θ,

and the pair belongs together: σ′ is the derivative of σ, scale included. (The checks use it: with σ in place of Θ in
the forward pass, the hand-written gradients must equal the finite differences of the loss.)

All seven have the form σ′(u) = peak · φ(u / width) with φ(0) = 1, so `peak` is the largest slope and `width` the unit
of the potential axis; `kinks` are the u at which σ′ has a kink or a jump. With the default values peak and area are 1
for every one: σ rises by 1, as Θ does. A surrogate gradient is not the gradient of the spiking loss (Gygax and Zenke,
arXiv 2404.14964).

Your own surrogate is a pair of plain NumPy functions: `Custom("cubic", primitive, derivative)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate


def _check(surrogate) -> None:
    for name in ("peak", "width"):
        value = validate.number(getattr(surrogate, name), name, 0.0, np.inf, open_ends=True)
        object.__setattr__(surrogate, name, value)


@dataclass(frozen=True)
class Triangle:
    """σ′(u) = peak · max(0, 1 - |u| / width): that of the ASRC-SNN paper's code, and the default.

    Peak `peak` at u = 0; half-width `width`, the distance at which it reaches 0; area peak · width.
    """

    peak: float = 1.0
    width: float = 1.0

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (-self.width, 0.0, self.width)

    def primitive(self, u):
        x = np.clip(u / self.width, -1.0, 1.0)
        return self.peak * self.width * (0.5 + x - 0.5 * x * np.abs(x))

    def derivative(self, u):
        return self.peak * np.maximum(0.0, 1.0 - np.abs(u) / self.width)


@dataclass(frozen=True)
class Rectangle:
    """σ′(u) = peak where |u| < width, else 0; on the edges |u| = width it is 0.

    Peak `peak`; half-width `width`; area 2 · peak · width.
    """

    peak: float = 1.0
    width: float = 0.5

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (-self.width, self.width)

    def primitive(self, u):
        return self.peak * self.width * (1.0 + np.clip(u / self.width, -1.0, 1.0))

    def derivative(self, u):
        return self.peak * np.where(np.abs(u) < self.width, 1.0, 0.0)


@dataclass(frozen=True)
class Exponential:
    """σ′(u) = peak · exp(-|u| / width).

    Peak `peak` at u = 0; `width` is the distance over which it falls to 1/e; area 2 · peak · width.
    """

    peak: float = 1.0
    width: float = 0.5

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def primitive(self, u):
        tail = np.exp(-np.abs(u) / self.width)
        return self.peak * self.width * np.where(u < 0.0, tail, 2.0 - tail)

    def derivative(self, u):
        return self.peak * np.exp(-np.abs(u) / self.width)


@dataclass(frozen=True)
class Sigmoid:
    """σ′(u) = peak · 4 p (1 - p) with p = 1 / (1 + exp(-u / width)), the logistic function.

    Peak `peak` at u = 0; `width` is the scale of the logistic function; area 4 · peak · width.
    A logistic function of slope α, 1 / (1 + exp(-α u)), is Sigmoid(peak=α / 4, width=1 / α).
    """

    peak: float = 1.0
    width: float = 0.25

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return ()

    def primitive(self, u):
        tail = np.exp(-np.abs(u) / self.width)
        return 4.0 * self.peak * self.width * np.where(u < 0.0, tail, 1.0) / (1.0 + tail)

    def derivative(self, u):
        tail = np.exp(-np.abs(u) / self.width)
        return self.peak * 4.0 * tail / ((1.0 + tail) * (1.0 + tail))


@dataclass(frozen=True)
class Gaussian:
    """σ′(u) = peak · exp(-(u / width)² / 2).

    Peak `peak` at u = 0; `width` is the standard deviation; area peak · width · √(2π).
    """

    peak: float = 1.0
    width: float = 1.0 / math.sqrt(2.0 * math.pi)

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return ()

    def primitive(self, u):
        x = np.asarray(u / (math.sqrt(2.0) * self.width))
        upper_tail = np.array([math.erfc(-value) for value in x.ravel()]).reshape(x.shape)
        return self.peak * self.width * math.sqrt(math.pi / 2.0) * upper_tail

    def derivative(self, u):
        x = u / self.width
        return self.peak * np.exp(-0.5 * x * x)


@dataclass(frozen=True)
class ATan:
    """σ′(u) = peak / (1 + (u / width)²), the derivative of an arc tangent.

    Peak `peak` at u = 0; `width` is the distance at which it is half as large; area π · peak · width.
    """

    peak: float = 1.0
    width: float = 1.0 / math.pi

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return ()

    def primitive(self, u):
        return self.peak * self.width * (np.arctan(u / self.width) + 0.5 * math.pi)

    def derivative(self, u):
        x = u / self.width
        return self.peak / (1.0 + x * x)


@dataclass(frozen=True)
class FastSigmoid:
    """σ′(u) = peak / (1 + |u| / width)² (SuperSpike: Zenke and Ganguli, 2018).

    Peak `peak` at u = 0; `width` is the distance at which it is a quarter as large; area 2 · peak · width.
    """

    peak: float = 1.0
    width: float = 0.5

    def __post_init__(self):
        _check(self)

    @property
    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def primitive(self, u):
        x = u / self.width
        return self.peak * self.width * (1.0 + x / (1.0 + np.abs(x)))

    def derivative(self, u):
        x = 1.0 + np.abs(u) / self.width
        return self.peak / (x * x)


@dataclass(frozen=True)
class Custom:
    """A surrogate of your own: a name and a pair of plain NumPy functions; no Numba needed.

    Parameters
    ----------
    name : str
        Stands in saved files, so that loading can ask for this surrogate back.
    primitive, derivative : callable
        Map an array u = v - θ of any shape to σ(u) and σ′(u) of that shape. Training calls only `derivative`; the
        checks hold it against differences of `primitive`.
    kinks : sequence of float
        The u at which σ′ has a kink or a jump, as (-1, 0, 1) for a triangle; the checks keep away from them.
    width : float
        The scale of u on which σ′ varies, for the checks' choice of points.
    """

    name: str
    primitive: Callable
    derivative: Callable
    kinks: tuple[float, ...] = ()
    width: float = 1.0

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a non-empty string, got {self.name!r}")
        for part in ("primitive", "derivative"):
            if not callable(getattr(self, part)):
                raise TypeError(f"{part} must be a function of an array, got {getattr(self, part)!r}")
        kinks = tuple(validate.number(u, f"kinks[{i}]", -np.inf, np.inf) for i, u in enumerate(self.kinks))
        object.__setattr__(self, "kinks", kinks)
        object.__setattr__(self, "width", validate.number(self.width, "width", 0.0, np.inf, open_ends=True))


BUILT_IN = (Triangle, Rectangle, Exponential, Sigmoid, Gaussian, ATan, FastSigmoid)
"""The surrogates that the kernels know, in the order of their integer codes."""

Surrogate = Triangle | Rectangle | Exponential | Sigmoid | Gaussian | ATan | FastSigmoid | Custom
