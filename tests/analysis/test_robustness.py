"""Robustness: every disturbance does what its name says, and nothing at level 0."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from conftest import random_network

import minisnn as ms
from minisnn.analysis import robustness as module
from minisnn.datasets import Split

DRAW = partial(ms.stream, 0, "test")
LEVELS = {name: (0, 1, 2) if name in ("shifted", "jittered") else (0.0, 0.2, 0.5) for name in module.NOISES}


@pytest.fixture
def net(rng):
    return random_network(rng, (3, 8, 7, 4), recurrence=ms.ASRC(3), neuron=[ms.PLIF(0.6, 0.5), ms.LIF(0.5, 0.6)])


@pytest.fixture
def data(rng, net):
    """Labels that the network gives, so that accuracy is 1 and falls with any disturbance that matters."""
    x = rng.standard_normal((40, 12, 3))
    return Split(x, net.logits(x, span_mode="hard").argmax(axis=1))


@pytest.mark.parametrize("noise", module.NOISES)
def test_labels_may_be_names(net, data, noise):
    net.classes = ["north", "east", "south", "west"]
    named = Split(data.x, net.classes[data.y])
    by_name, by_number = (ms.robustness(net, split, noise, LEVELS[noise], seeds=2) for split in (named, data))
    np.testing.assert_array_equal(by_name.accuracies, by_number.accuracies)
    assert by_number.accuracies[:, 1:].any()


@pytest.mark.parametrize("noise", module.NOISES)
def test_level_0_is_plain_accuracy(net, data, noise):
    before = net.params.flat.copy()
    harmed = Split(data.x, np.where(np.arange(40) < 7, (data.y + 1) % 4, data.y))
    result = ms.robustness(net, harmed, noise, LEVELS[noise], seeds=2)
    assert (result.accuracies[:, 0] == net.evaluate(harmed).accuracy).all()
    assert result.accuracies[0, 0] == 33 / 40
    np.testing.assert_array_equal(net.params.flat, before)


@pytest.mark.parametrize("span_mode", ["soft", "hard"])
@pytest.mark.parametrize("noise", module.NOISES)
def test_level_0_changes_nothing(net, data, noise, span_mode):
    """The disturbance itself, not only the shortcut for level 0; in the span mode that was asked for."""
    labels = {each: net.logits(data.x, span_mode=each).argmax(axis=1) for each in ("soft", "hard")}
    assert (labels["soft"] != labels["hard"]).any()
    own = Split(data.x, labels[span_mode])
    assert module.NOISES[noise](net, own, 0.0, DRAW, span_mode) == 1
    assert ms.robustness(net, own, noise, LEVELS[noise], 1, span_mode).accuracies[0, 0] == 1


@pytest.mark.parametrize("noise", module.NOISES)
def test_accuracy_falls(net, data, noise):
    """And each seed draws its own noise; the same again the second time."""
    result = ms.robustness(net, data, noise, LEVELS[noise], seeds=6)
    drawn = noise not in ("decay", "threshold")
    assert result.accuracies.shape == (6 if drawn else 1, 3)
    assert (result.accuracies[:, 0] == 1).all() and result.accuracies[:, 2].mean() < 0.97
    again = ms.robustness(net, data, noise, LEVELS[noise], seeds=6)
    np.testing.assert_array_equal(again.accuracies, result.accuracies)
    assert not drawn or len(np.unique(result.accuracies[:, 2])) > 1


def test_area():
    """Trapezoids, relative to the range of levels: 1 for a curve that stays at 1."""
    curve = module.Robustness("gaussian", np.array([0.0, 1.0, 4.0]), np.array([[1.0, 1.0, 1.0], [1.0, 0.5, 0.1]]))
    np.testing.assert_allclose(curve.area, [1.0, (0.75 * 1 + 0.3 * 3) / 4])


class Spy:
    """Stands in for a network: keeps the input that it was asked about."""

    def logits(self, x, lengths, span_mode):
        self.x = x
        return np.zeros((len(x), 2))


def disturbed(noise, level, x, lengths=None):
    spy = Spy()
    module.NOISES[noise](spy, Split(x, np.zeros(len(x), int), lengths), level, DRAW, "hard")
    return spy.x


def test_one_stream_for_all_levels(net, data, monkeypatch):
    drawn = []
    monkeypatch.setitem(
        module.NOISES, "gaussian", lambda net, data, level, draw, span_mode: drawn.append(draw().random()) or 0
    )
    ms.robustness(net, data, "gaussian", (0, 0.1, 0.3), seeds=3)
    assert drawn[::2] == drawn[1::2] and len(set(drawn)) == 3
    assert drawn[2] == ms.stream(1, "robustness", "gaussian").random()


def test_along_a_curve_noise_only_grows():
    x = np.ones((20, 9, 3))
    np.testing.assert_allclose(disturbed("gaussian", 0.4, x) - x, 4 * (disturbed("gaussian", 0.1, x) - x), atol=1e-12)
    lost = [disturbed("dropped", level, x) == 0 for level in (0.1, 0.3, 0.6)]
    for less, more in pairwise(lost):
        assert less.sum() < more.sum() and not (less & ~more).any()
    assert (lost[1].any(axis=2) & ~lost[1].all(axis=2)).any()  # each value by itself
    steps = np.arange(1.0, 12.0)[:, np.newaxis] + np.zeros((20, 11, 1))
    for noise in ("shifted", "jittered"):
        middle = [(disturbed(noise, level, steps) - steps)[:, 5, 0] for level in (1, 2, 4)]
        for less, more in pairwise(middle):
            assert (np.abs(less) <= np.abs(more)).all() and (less * more >= 0).all()
            assert np.abs(less).sum() < np.abs(more).sum()


@pytest.mark.parametrize("noise", ["shifted", "jittered"])
def test_what_lies_past_the_end_stays_there(noise):
    x, lengths = np.ones((50, 10, 1)), np.arange(50) % 5 + 4
    x[np.arange(10) >= lengths[:, np.newaxis]] = 999.0
    moved = disturbed(noise, 3, x, lengths)
    inside = moved[np.arange(10) < lengths[:, np.newaxis]]
    assert set(np.unique(inside)) == ({1.0} if noise == "jittered" else {0.0, 1.0})


def test_equal_arrays_get_equal_noise(rng, data, monkeypatch):
    """Whatever recurrence and neurons there are: weights by the name of their array, spikes by sequence and layer."""
    recurrences, neurons = (ms.Recurrent(), ms.ASRC(5), ms.ASRC(3, True)), (ms.LIF(), ms.LIF(), ms.PLIF(0.5))
    nets = [random_network(rng, (3, 8, 7, 4), recurrence=r, neuron=n) for r, n in zip(recurrences, neurons)]
    noisy = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "_accuracy", lambda other, *rest: noisy.append(other) or 0.0)
        for net in nets:
            module.weights(net, data, 1.0, DRAW, "hard")
    for name in ("layers.0.w_in", "layers.1.w_in", "layers.1.w_rec", "readout.w", "readout.bias"):
        first, *others = (
            (other.params[name] - net.params[name]) / np.sqrt(np.square(net.params[name]).mean())
            for net, other in zip(nets, noisy)
        )
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-9)
    names = []
    module.deleted(nets[0], data, 0.3, lambda *name: names.append(name) or DRAW(*name), "hard")
    assert names == [(b, i) for b in range(40) for i in range(2)]


def test_gaussian_input():
    x = np.random.default_rng(0).random((50, 40, 3))
    noise = disturbed("gaussian", 0.3, x) - x
    assert abs(noise.mean()) < 0.02 and noise.std() == pytest.approx(0.3, rel=0.05)


def test_dropped_input():
    x = np.ones((50, 40, 3))
    assert disturbed("dropped", 0.3, x).mean() == pytest.approx(0.7, abs=0.03)
    assert set(np.unique(disturbed("dropped", 0.3, x))) == {0.0, 1.0}


def test_shifted_input():
    """Each sequence is itself, moved by -2 .. 2 steps, all of them and all alike; what comes in is 0."""
    x = np.arange(1.0, 10.0)[np.newaxis, :, np.newaxis] + np.zeros((60, 1, 1))
    moved = disturbed("shifted", 2, x)[:, :, 0]
    shifts = set()
    for row in moved:
        shift = next(k for k in range(-2, 3) if row[4 + k] == 5)
        expected = np.zeros(9)
        expected[max(0, shift) : 9 + min(0, shift)] = np.arange(1, 10)[max(0, -shift) : 9 - max(0, shift)]
        np.testing.assert_array_equal(row, expected)
        shifts.add(shift)
    assert shifts == {-2, -1, 0, 1, 2}


def test_jittered_input():
    """Each step shows one at most 2 steps away."""
    x = np.arange(30.0)[np.newaxis, :, np.newaxis] + np.zeros((20, 1, 1))
    distance = disturbed("jittered", 2, x) - x
    assert set(np.unique(distance)) == {-2, -1, 0, 1, 2}
    assert len(np.unique(distance, axis=0)) > 1


@pytest.mark.parametrize("noise, level, rate", [("deleted", 1.0, 0.0), ("spurious", 1.0, 1.0)])
def test_all_spikes_or_none(net, data, noise, level, rate):
    """All logits are then those of constant counts."""
    counts = rate * 12 * np.ones((1, 7))
    logits = counts @ net.params["readout.w"] + 12 * net.params["readout.bias"]
    expected = (data.y == logits.argmax()).mean()
    result = ms.robustness(net, data, noise, (0, level), seeds=1)
    assert result.accuracies[0, 1] == expected


def test_noisy_spikes_without_noise_are_the_plain_network(net, data):
    """With a probability that never comes true, the spec gives what the kernels give."""
    for noise in ("deleted", "spurious"):
        assert ms.robustness(net, data, noise, (0, 1e-12), seeds=1).accuracies[0, 1] == 1


def test_lengths_are_kept(net, data):
    lengths = np.full(40, 5)
    short = Split(data.x[:, :5], net.logits(data.x[:, :5], span_mode="hard").argmax(axis=1))
    long = Split(data.x, short.y, lengths)
    for noise in ("deleted", "weights"):
        for level in (1e-12, 0.4):
            a, b = (ms.robustness(net, split, noise, (0, level), seeds=2).accuracies for split in (short, long))
            if noise == "weights" or level < 0.1:
                np.testing.assert_array_equal(a, b)


def test_weights_by_the_size_of_their_array(net, data, monkeypatch):
    changed = []
    monkeypatch.setattr(module, "_accuracy", lambda other, *rest: changed.append(other) or 0.0)
    module.weights(net, data, 0.3, DRAW, "hard")
    for name, block in net.params.items():
        difference = changed[0].params[name] - block
        if net.params.blocks[name].role != "weight":
            assert not difference.any()
        else:
            size = np.sqrt((block**2).mean())
            np.testing.assert_allclose(difference, 0.3 * size * DRAW(name).standard_normal(block.shape), rtol=1e-9)


def test_decay_and_threshold(net, data, monkeypatch):
    """Fixed or learned, they are scaled; a decay stays within its range."""
    changed = []
    monkeypatch.setattr(module, "_accuracy", lambda other, *rest: changed.append(other) or 0.0)
    for level in (-0.3, 0.2, 5.0):
        module.decay(net, data, level, None, "hard")
        for before, after in zip(net.layers(), changed[-1].layers()):
            np.testing.assert_allclose(after.decay, np.minimum(before.decay * (1 + level), 1), atol=2e-6)
            np.testing.assert_array_equal(after.threshold, before.threshold)
        module.threshold(net, data, level, None, "hard")
        for before, after in zip(net.layers(), changed[-1].layers()):
            np.testing.assert_allclose(after.threshold, before.threshold * (1 + level))
            np.testing.assert_array_equal(after.decay, before.decay)


@pytest.mark.parametrize(
    "noise, levels, words",
    [
        ("white", (0, 1), "noise must be one of 'gaussian'"),
        ("gaussian", (0,), "two or more, ascending"),
        ("gaussian", (0.5, 0.1), "two or more, ascending"),
        ("gaussian", (-0.1, 0.1), "levels must be a finite number"),
        ("deleted", (0, 1.5), "levels must be a finite number"),
        ("shifted", (0, 1.5), "whole numbers"),
        ("threshold", (-1, 0), "above 0"),
        ("shifted", (0, 13), "levels must be a finite number"),
        ("gaussian", 0.3, "two or more numbers"),
        ("gaussian", None, "two or more numbers"),
    ],
)
def test_wrong_arguments(net, data, noise, levels, words):
    with pytest.raises(ValueError, match=words):
        ms.robustness(net, data, noise, levels)


def test_wrong_networks_and_data(net, data):
    with pytest.raises(TypeError, match="net must be a Network, got NoneType"):
        ms.robustness(None, data, "gaussian", (0, 1))
    with pytest.raises(TypeError, match="seeds must be an integer"):
        ms.robustness(net, data, "decay", (0, 0.1), seeds="x")

    class Lists:
        x, y = data.x.tolist(), data.y.tolist()

    for noise in module.NOISES:  # lists will do
        curve = ms.robustness(net, Lists(), noise, LEVELS[noise], 1)
        np.testing.assert_array_equal(curve.accuracies, ms.robustness(net, data, noise, LEVELS[noise], 1).accuracies)
