"""Short names of the types in signatures. They are for readers and type checkers; nothing is checked by them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeVar, Union

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike
else:  # what help() shows; spelled out, NumPy's own would fill half a page there
    ArrayLike, DTypeLike = np.ndarray, str

T = TypeVar("T")
PerLayer = Union[T, Sequence[T]]  # noqa: UP007, since mypy takes T | ... for no alias; one for all hidden layers or for each
PerNeuron = float | Sequence[float] | np.ndarray  # one number for all neurons of a layer, or one for each
Lengths = ArrayLike | None  # steps of each sequence; None: all
Masks = Sequence[ArrayLike] | None  # dropout masks, one per hidden layer; None: no dropout
PathLike = str | os.PathLike[str]
Reset = Literal["soft", "hard", "none"]
SpanMode = Literal["soft", "hard"]

__all__ = ["ArrayLike", "DTypeLike", "Lengths", "Masks", "PathLike", "PerLayer", "PerNeuron", "Reset", "SpanMode"]
