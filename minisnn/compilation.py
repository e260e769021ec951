"""The kernels, compiled before they are needed."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from minisnn._internal.announce import announce, say
from minisnn.core import batch
from minisnn.core.reference import Layer, Readout
from minisnn.core.surrogate import BUILT_IN, Custom, Triangle

if TYPE_CHECKING:
    from minisnn.network import Network


@cache
def prepare(dtype: str) -> None:
    """Compile the kernels for a dtype, or load them from the cache, by one tiny run; later calls do nothing."""
    layers, output, x = _tiny(dtype)
    with _compiling(f"the {dtype} kernels"):
        batch.gradients(layers, output, Triangle(), x, np.zeros(1, np.int64), np.full(1, 2), None)
        batch.logits(layers, output, Triangle(), x, np.full(1, 2))


@cache
def prepare_custom(dtype: str) -> None:
    """Do the same for gradients with a surrogate of the user's own, whose kernels stop for it."""
    layers, output, x = _tiny(dtype)
    with _compiling(f"the {dtype} kernels for a surrogate of your own"):
        custom = Custom("flat", derivative=np.zeros_like)
        batch.gradients(layers, output, custom, x, np.zeros(1, np.int64), np.full(1, 2), None)


def prepare_network(net: Network) -> None:
    """Prepare the kernels that training and evaluating this network use."""
    prepare(net.dtype)
    if type(net.surrogate) not in BUILT_IN:
        prepare_custom(net.dtype)


@cache
def prepare_halves(dtype: str) -> None:
    """Do the same for the two halves, `Network.record` and `Network.adjoint`."""
    layers, output, x = _tiny(dtype)
    with _compiling(f"the {dtype} kernels of record and adjoint"):
        batch.record(layers, output, Triangle(), x, np.full(1, 2), None)
        batch.adjoint(layers, output, Triangle(), x, np.ones((1, 2, 1), dtype), np.full(1, 2), None)


@contextmanager
def _compiling(kernels: str):
    """Announce what takes long the first time; afterwards kernels are read from the cache in less than a second."""
    try:
        with announce(f"preparing {kernels}: the first time takes 10 s on a fast machine, a minute on a slow one"):
            yield
    except FileNotFoundError as error:
        raise FileNotFoundError("kernels can't be compiled in a folder that was deleted; go to another one") from error


def _tiny(dtype: str):
    """Return a network of one neuron as numbers, and its input: layers, readout, x."""
    one, square = np.ones(1, dtype), np.ones((1, 1), dtype)
    layers = [Layer(square, one, square, np.ones(1, np.int64), one, one, one, np.zeros(3, dtype))]
    return layers, Readout(np.ones((1, 2), dtype), np.ones(2, dtype), None), np.ones((1, 2, 1), dtype)


def warmup(net: Network) -> float:
    """Compile what training and evaluation of a network run, or load it from the cache; print and return the seconds.

    Without this call it happens at the first use, with a message if it takes longer than a second.

    Parameters
    ----------
    net : Network
        Its dtype selects the kernels; a `Custom` surrogate needs a few more.

    Returns
    -------
    seconds : float

    Examples
    --------
    >>> seconds = ms.warmup(ms.Network([2, 8, 3]))  # before timing anything
    """
    if not hasattr(net, "surrogate"):
        raise TypeError(f"net must be a Network, got {net!r}")
    start = time.perf_counter()
    prepare_network(net)
    seconds = time.perf_counter() - start
    say(f"minisnn: kernels for {net.dtype} are ready ({seconds:.1f} s)")
    return seconds
