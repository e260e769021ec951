"""How accuracy falls as something is disturbed: the input, the spikes, the parameters.

A disturbance is drawn from a stream named by seed and kind, the same for every network and level: networks are compared
under equal noise, and along a curve the noise of a seed only grows. What is drawn inside a network has one stream per
array of weights, or per sequence and layer of spikes, so it is equal wherever these have equal sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from minisnn._internal import validate
from minisnn._internal.display import counted, joined
from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike, SpanMode
from minisnn.core import neuron as neurons
from minisnn.core import reference
from minisnn.core.neuron import PLIF
from minisnn.core.parameters import NEURON, WEIGHT
from minisnn.datasets import Split
from minisnn.network import Network


@dataclass(frozen=True)
class Robustness:
    """Accuracy as a function of the level of a disturbance.

    Attributes
    ----------
    noise : str
        The disturbance, one of `NOISES`.
    levels : array (L,)
        Ascending.
    accuracies : array (seeds, L)
        In [0, 1].
    """

    noise: str
    levels: np.ndarray
    accuracies: np.ndarray

    def __repr__(self) -> str:
        seeds, mean = counted(len(self.accuracies), "seed"), self.accuracies.mean(axis=0)
        pairs = [f"{level:.3g}: {accuracy:.1%}" for level, accuracy in zip(self.levels, mean)]
        return f"Robustness({self.noise}, {seeds}, mean accuracy at {joined(pairs)})"

    @property
    def area(self) -> np.ndarray:
        """Area under each seed's curve over the range of levels, i.e. its mean accuracy there, (seeds,)."""
        steps = np.diff(self.levels)
        return (steps * (self.accuracies[:, 1:] + self.accuracies[:, :-1]) / 2).sum(axis=1) / steps.sum()


def robustness(
    net: Network, data: object, noise: str, levels: ArrayLike, seeds: int = 5, span_mode: SpanMode = "hard"
) -> Robustness:
    """Measure the accuracy of a trained network under a disturbance.

    Parameters
    ----------
    net : Network
        It is not changed.
    data : Split
        E.g. `data.test`: x, y and perhaps lengths. What lies past the end of a sequence is ignored.
    noise : str
        The disturbance, and the meaning of its level:

        ==========  ================================================================================
        gaussian    x + level · N(0, 1), drawn for each value
        dropped     each value of x is 0 with the probability `level`
        shifted     each sequence moves by up to `level` steps, earlier or later; steps moved in are 0
        jittered    each step sees the input of a step up to `level` away
        deleted     each spike is lost with the probability `level`
        spurious    each silent neuron fires at a step with the probability `level`
        weights     each weight and bias w becomes w + level · N(0, 1) · (root mean square of its array)
        decay       β becomes β (1 + level), at most 1
        threshold   θ becomes θ (1 + level)
        ==========  ================================================================================

        Deleted and spurious spikes run through the slow reference in NumPy: a second for some hundred sequences.
    levels : sequence of float
        At least two, ascending and not negative; only those of decay and threshold may go down to -1. Probabilities for
        dropped, deleted and spurious; whole numbers up to T for shifted and jittered, which round a uniform draw, so
        that half of the sequences or steps stay in place at level 1. At level 0 the accuracy is that of `net.evaluate`.
    seeds : int
        Number of draws, named 0, 1, ...; decay and threshold draw nothing and have one.
    span_mode : {"soft", "hard"}
        As in `Network.evaluate`.

    Returns
    -------
    Robustness
        With `levels` (L,), `accuracies` (seeds, L) and `area` (seeds,), the mean accuracy over the range of levels.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Examples
    --------
    >>> data, net = ms.datasets.digits(), ms.Network([1, 8, 10])
    >>> result = ms.robustness(net, data.test, "gaussian", levels=(0, 0.1, 0.3), seeds=2)
    >>> result.accuracies.shape
    (2, 3)
    >>> bool(result.accuracies[0, 0] == net.evaluate(data.test).accuracy)
    True
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {type(net).__name__}")
    plain = net.evaluate(data, span_mode).accuracy
    y = validate.labels(data.y, len(data.x), net.sizes[-1], net.classes)  # numbers, where they are names
    data = Split(data.x, y, getattr(data, "lengths", None))
    noise = validate.choice(noise, "noise", NOISES)
    levels = _checked_levels(noise, levels, data.x.shape[1])
    seeds = validate.integer(seeds, "seeds", 1)
    accuracies = [
        [
            plain
            if level == 0
            else NOISES[noise](net, data, level, partial(stream, seed, "robustness", noise), span_mode)
            for level in levels
        ]
        for seed in range(1 if noise in ("decay", "threshold") else seeds)
    ]
    return Robustness(noise, levels, np.array(accuracies))


def _checked_levels(noise: str, levels, n_steps: int) -> np.ndarray:
    if np.ndim(levels) != 1:
        raise ValueError(f"levels must be two or more numbers, e.g. (0, 0.1, 0.3), got {levels!r}")
    low, high = -1.0 if noise in ("decay", "threshold") else 0.0, np.inf
    if noise in ("dropped", "deleted", "spurious"):
        high = 1.0
    if noise in ("shifted", "jittered"):
        high = n_steps
    checked = np.array([validate.number(level, "levels", low, high) for level in levels])
    if len(checked) < 2 or (np.diff(checked) <= 0).any():
        raise ValueError(f"levels must be two or more, ascending, got {list(levels)}")
    if noise in ("shifted", "jittered") and (checked != np.rint(checked)).any():
        raise ValueError(f"levels of {noise!r} are steps, whole numbers, got {list(levels)}")
    if noise == "threshold" and checked[0] == -1:
        raise ValueError(f"a threshold must stay above 0, so levels of 'threshold' must be above -1, got {checked[0]}")
    return checked


def _accuracy(net: Network, data, x, span_mode: str) -> float:
    """Return the accuracy with x in place of the data's."""
    logits = net.logits(x, data.lengths, span_mode)
    return float((logits.argmax(axis=1) == data.y).mean())


# Disturbances map (net, data, level, draw, span_mode) to an accuracy; `draw(...)` is the generator of that name.


def gaussian(net, data, level, draw, span_mode) -> float:
    """Add noise to the input."""
    return _accuracy(net, data, data.x + level * draw().standard_normal(data.x.shape), span_mode)


def dropped(net, data, level, draw, span_mode) -> float:
    """Set values of the input to 0."""
    return _accuracy(net, data, data.x * (draw().random(data.x.shape) >= level), span_mode)


def shifted(net, data, level, draw, span_mode) -> float:
    """Start sequences early or late."""
    B, T = data.x.shape[:2]
    shift = np.rint(level * (2 * draw().random((B, 1)) - 1)).astype(int)
    return _accuracy(net, data, _moved(data, np.arange(T) - shift), span_mode)


def jittered(net, data, level, draw, span_mode) -> float:
    """Read steps out of order."""
    B, T = data.x.shape[:2]
    jitter = np.rint(level * (2 * draw().random((B, T)) - 1)).astype(int)
    return _accuracy(net, data, _moved(data, np.clip(np.arange(T) + jitter, 0, _lengths(data) - 1)), span_mode)


def _lengths(data) -> np.ndarray:
    """Return the number of steps of each sequence, (B, 1)."""
    return validate.lengths(data.lengths, *data.x.shape[:2])[:, np.newaxis]


def _moved(data, source) -> np.ndarray:
    """Return x[b, source[b, t]] for each t; 0 where the sequence has no such step."""
    there = (source >= 0) & (source < _lengths(data))
    return np.take_along_axis(data.x, np.where(there, source, 0)[:, :, np.newaxis], axis=1) * there[:, :, np.newaxis]


def deleted(net, data, level, draw, span_mode) -> float:
    """Lose spikes in all hidden layers; a neuron is not reset if its spike is lost."""
    return _noisy_spikes(net, data, level, 0.0, draw, span_mode)


def spurious(net, data, level, draw, span_mode) -> float:
    """Add spikes for no reason, in all hidden layers."""
    return _noisy_spikes(net, data, 0.0, level, draw, span_mode)


def _noisy_spikes(net, data, lost: float, added: float, draw, span_mode) -> float:
    """Return the accuracy by the spec, with a `fire` that deletes and adds spikes."""
    layers, output = net.layers(span_mode), net.readout()
    masks = [np.ones_like(layer.bias) for layer in layers]
    right = 0
    for b, (x, y, (length,)) in enumerate(zip(data.x, data.y, _lengths(data))):
        fires = [_noisy_fire(lost, added, draw(b, i)) for i in range(len(layers))]
        _, _, logits = reference.sequence_forward(x[:length].astype(net.dtype), layers, output, masks, fires)
        right += int(logits.argmax() == y)
    return right / len(data.y)


def _noisy_fire(lost: float, added: float, rng) -> Callable:
    """Make a `fire` that deletes and adds spikes: one number is drawn per neuron and step, whatever the level."""

    def fire(t, u):
        s, drawn = reference.heaviside(t, u), rng.random(u.shape)
        return np.where(s == 1, drawn >= lost, drawn < added).astype(u.dtype)

    return fire


def weights(net, data, level, draw, span_mode) -> float:
    """Add noise to weights; leave span logits and decays as they are."""
    other = net.astype(net.dtype)
    for name in other.params.names(WEIGHT):
        block = other.params[name]
        block += level * np.sqrt(np.square(block).mean()) * draw(name).standard_normal(block.shape)
    return _accuracy(other, data, data.x, span_mode)


def decay(net, data, level, draw, span_mode) -> float:
    """Let membranes leak more or less than they were trained to."""
    other = net.astype(net.dtype)
    other.neuron = [
        neuron if isinstance(neuron, PLIF) else _scaled(neuron, "decay", 1 + level, 1.0) for neuron in net.neuron
    ]
    for name in other.params.names(NEURON):
        block = other.params[name]
        learned = neurons.decay_from_logit(block, block.size) * (1 + level)
        block[...] = neurons.decay_to_logit(np.clip(learned, 1e-6, 1 - 1e-6))
    return _accuracy(other, data, data.x, span_mode)


def threshold(net, data, level, draw, span_mode) -> float:
    """Use other thresholds than those trained with."""
    other = net.astype(net.dtype)
    other.neuron = [_scaled(neuron, "threshold", 1 + level, np.inf) for neuron in net.neuron]
    return _accuracy(other, data, data.x, span_mode)


def _scaled(neuron, name: str, factor: float, most: float):
    """Scale the decay or threshold of a neuron, one for all or one per neuron, by a factor; at most `most`."""
    value = np.minimum(np.multiply(getattr(neuron, name), factor), most)
    return replace(neuron, **{name: tuple(value) if value.ndim else float(value)})


NOISES = {
    disturbance.__name__: disturbance
    for disturbance in (gaussian, dropped, shifted, jittered, deleted, spurious, weights, decay, threshold)
}
"""The disturbances of `robustness`, by name."""
