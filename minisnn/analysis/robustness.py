"""How accuracy falls as something is disturbed: the input, the spikes, the parameters.

A disturbance is drawn from a stream named by seed and kind, the same for every network and level: networks are compared
under equal noise, and along a curve the noise of a seed only grows. (What is drawn inside a network has a stream for
each array of weights, or for each sequence and layer of spikes: equal wherever these have equal sizes.)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.core import neuron as neurons
from minisnn.core import reference
from minisnn.core.neuron import PLIF
from minisnn.core.parameters import NEURON, WEIGHT
from minisnn.datasets import Split
from minisnn.network import Network


@dataclass(frozen=True)
class Robustness:
    """Accuracy over the level of a disturbance."""

    noise: str
    levels: np.ndarray  # (L,), ascending
    accuracies: np.ndarray  # (seeds, L)

    @property
    def area(self) -> np.ndarray:
        """The area under each seed's curve over the range of levels: its mean accuracy there, (seeds,)."""
        steps = np.diff(self.levels)
        return (steps * (self.accuracies[:, 1:] + self.accuracies[:, :-1]) / 2).sum(axis=1) / steps.sum()


def robustness(net: Network, data, noise: str, levels, seeds: int = 5, span_mode: str = "hard") -> Robustness:
    """Accuracy of a trained network under a disturbance.

    Parameters
    ----------
    net : Network
        Is not changed.
    data : Split
        As `data.test`: x, y and perhaps lengths. What lies past the end of a sequence plays no part.
    noise : str
        What is disturbed, and what the level is (`NOISES`):

        ==========  ================================================================================
        gaussian    x + level · N(0, 1), drawn for each value
        dropped     each value of x is 0 with the probability `level`
        shifted     each sequence moves in time by up to `level` steps, to and fro; what comes in is 0
        jittered    each step shows the input of a step up to `level` away
        deleted     each spike is lost with the probability `level`
        spurious    each neuron that does not fire at a step does so with the probability `level`
        weights     each weight and bias w becomes w + level · N(0, 1) · (root mean square of its array)
        decay       β becomes β (1 + level), cut off at 1
        threshold   θ becomes θ (1 + level)
        ==========  ================================================================================

        Deleted and spurious spikes go through the spec, which takes a second for some hundred sequences.
    levels : sequence of float
        At least two, ascending; whole numbers up to T for shifted and jittered (rounded from a uniform draw, so half of
        the sequences or steps stay in place at level 1), probabilities for dropped, deleted, spurious.
        At level 0 accuracy is that of `net.evaluate`.
    seeds : int
        How many draws (0, 1, ...); `decay` and `threshold` draw nothing and have one.
    span_mode : {"soft", "hard"}

    Raises
    ------
    TypeError, ValueError
        If an argument is off.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {type(net).__name__}")
    plain = net.evaluate(data, span_mode).accuracy
    data = Split(data.x, data.y, getattr(data, "lengths", None))
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
        raise ValueError(f"levels must be two or more numbers, as (0, 0.1, 0.3), got {levels!r}")
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
        raise ValueError("a threshold must stay above 0, so levels of 'threshold' above -1")
    return checked


def _accuracy(net: Network, data, x, span_mode: str) -> float:
    """Accuracy with x in place of the data's."""
    logits = net.logits(x, data.lengths, span_mode)
    return float((logits.argmax(axis=1) == data.y).mean())


# Disturbances: (net, data, level, draw, span_mode) to an accuracy. `draw(...)` is the generator of that name.


def gaussian(net, data, level, draw, span_mode) -> float:
    """Noise on the input."""
    return _accuracy(net, data, data.x + level * draw().standard_normal(data.x.shape), span_mode)


def dropped(net, data, level, draw, span_mode) -> float:
    """Missing values of the input."""
    return _accuracy(net, data, data.x * (draw().random(data.x.shape) >= level), span_mode)


def shifted(net, data, level, draw, span_mode) -> float:
    """Sequences that start early or late."""
    B, T = data.x.shape[:2]
    shift = np.rint(level * (2 * draw().random((B, 1)) - 1)).astype(int)
    return _accuracy(net, data, _moved(data, np.arange(T) - shift), span_mode)


def jittered(net, data, level, draw, span_mode) -> float:
    """Steps that are out of order."""
    B, T = data.x.shape[:2]
    jitter = np.rint(level * (2 * draw().random((B, T)) - 1)).astype(int)
    return _accuracy(net, data, _moved(data, np.clip(np.arange(T) + jitter, 0, _lengths(data) - 1)), span_mode)


def _lengths(data) -> np.ndarray:
    """How many steps each sequence has, (B, 1)."""
    return validate.lengths(data.lengths, *data.x.shape[:2])[:, np.newaxis]


def _moved(data, source) -> np.ndarray:
    """x[b, source[b, t]] for each t; 0 where the sequence has no such step."""
    there = (source >= 0) & (source < _lengths(data))
    return np.take_along_axis(data.x, np.where(there, source, 0)[:, :, np.newaxis], axis=1) * there[:, :, np.newaxis]


def deleted(net, data, level, draw, span_mode) -> float:
    """Spikes that are lost, in all hidden layers; neurons that have fired are reset only if the spike is not lost."""
    return _noisy_spikes(net, data, level, 0.0, draw, span_mode)


def spurious(net, data, level, draw, span_mode) -> float:
    """Spikes without a reason."""
    return _noisy_spikes(net, data, 0.0, level, draw, span_mode)


def _noisy_spikes(net, data, lost: float, added: float, draw, span_mode) -> float:
    """Accuracy through the spec, whose `fire` deletes and adds spikes."""
    layers, output = net.layers(span_mode), net.readout()
    masks = [np.ones_like(layer.bias) for layer in layers]
    right = 0
    for b, (x, y, (length,)) in enumerate(zip(data.x, data.y, _lengths(data))):
        fires = [_noisy_fire(lost, added, draw(b, i)) for i in range(len(layers))]
        _, _, logits = reference.sequence_forward(x[:length].astype(net.dtype), layers, output, masks, fires)
        right += int(logits.argmax() == y)
    return right / len(data.y)


def _noisy_fire(lost: float, added: float, rng) -> Callable:
    """A `fire` that deletes and adds spikes: one number is drawn for each neuron and step, whatever the level."""

    def fire(t, u):
        s, drawn = reference.heaviside(t, u), rng.random(u.shape)
        return np.where(s == 1, drawn >= lost, drawn < added).astype(u.dtype)

    return fire


def weights(net, data, level, draw, span_mode) -> float:
    """Imprecise weights; span logits and decays stay."""
    other = net.astype(net.dtype)
    for name, block in other.params.items():
        if other.params.blocks[name].role == WEIGHT:
            block += level * np.sqrt(np.square(block).mean()) * draw(name).standard_normal(block.shape)
    return _accuracy(other, data, data.x, span_mode)


def decay(net, data, level, draw, span_mode) -> float:
    """Membranes that leak more or less than they were trained for."""
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
    """Thresholds other than those trained for."""
    other = net.astype(net.dtype)
    other.neuron = [_scaled(neuron, "threshold", 1 + level, np.inf) for neuron in net.neuron]
    return _accuracy(other, data, data.x, span_mode)


def _scaled(neuron, name: str, factor: float, most: float):
    """The neuron with its decay or threshold, one for all or one for each, times a factor, at most `most`."""
    value = np.minimum(np.multiply(getattr(neuron, name), factor), most)
    return replace(neuron, **{name: tuple(value) if value.ndim else float(value)})


NOISES = {
    disturbance.__name__: disturbance
    for disturbance in (gaussian, dropped, shifted, jittered, deleted, spurious, weights, decay, threshold)
}
"""What `robustness` knows, by name."""
