"""Robustness: every disturbance does what its name says, and nothing at level 0."""

import numpy as np
import pytest
from conftest import random_network

import minisnn as ms
from minisnn import disturbances as module
from minisnn.datasets import Split

LEVELS = {name: (0, 1, 2) if name in ("shifted", "jittered") else (0.0, 0.2, 0.5) for name in module.NOISES}


@pytest.fixture
def net(rng):
    return random_network(rng, (3, 8, 7, 4), recurrence=ms.ASRC(3), neuron=[ms.PLIF(0.6, 0.5), ms.LIF(0.5, 0.6)])


@pytest.fixture
def data(rng, net):
    """Labels that the network gives, so that accuracy is 1 and falls with any disturbance that matters."""
    x = rng.standard_normal((40, 12, 3))
    return Split(x, net.logits(x, spans="hard").argmax(axis=1))


@pytest.mark.parametrize("noise", module.NOISES)
def test_level_0_is_plain_accuracy(net, data, noise):
    before = net.params.flat.copy()
    harmed = Split(data.x, np.where(np.arange(40) < 7, (data.y + 1) % 4, data.y))
    result = ms.robustness(net, harmed, noise, LEVELS[noise], seeds=2)
    assert (result.accuracies[:, 0] == net.evaluate(harmed).accuracy).all()
    assert result.accuracies[0, 0] == 33 / 40
    np.testing.assert_array_equal(net.params.flat, before)


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

    def logits(self, x, lengths, spans):
        self.x = x
        return np.zeros((len(x), 2))


def disturbed(noise, level, x):
    spy = Spy()
    module.NOISES[noise](spy, Split(x, np.zeros(len(x), int)), level, ms.stream(0, "test"), "hard")
    return spy.x


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
    short = Split(data.x[:, :5], net.logits(data.x[:, :5], spans="hard").argmax(axis=1))
    long = Split(data.x, short.y, lengths)
    for noise in ("deleted", "weights"):
        for level in (1e-12, 0.4):
            a, b = (ms.robustness(net, split, noise, (0, level), seeds=2).accuracies for split in (short, long))
            if noise == "weights" or level < 0.1:
                np.testing.assert_array_equal(a, b)


def test_weights_by_the_size_of_their_array(net, data, monkeypatch):
    changed = []
    monkeypatch.setattr(module, "_accuracy", lambda other, *rest: changed.append(other) or 0.0)
    module.weights(net, data, 0.3, ms.stream(0, "test"), "hard")
    for name, block in net.params.items():
        difference = changed[0].params[name] - block
        if name.endswith(("span_logits", "decay_logit")):
            assert not difference.any()
        elif block.size > 20:
            assert difference.std() == pytest.approx(0.3 * np.sqrt((block**2).mean()), rel=0.5)


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
    ],
)
def test_wrong_arguments(net, data, noise, levels, words):
    with pytest.raises(ValueError, match=words):
        ms.robustness(net, data, noise, levels)
