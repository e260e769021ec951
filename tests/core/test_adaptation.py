"""ALIF, equation (13): by hand, against LIF, and against itself in other forms."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.core import reference

RESETS = [("soft", False), ("soft", True), ("hard", False), ("hard", True), ("none", False)]


def alif(reset="soft", detach=False, N=5, rng=None) -> ms.ALIF:
    """Per-neuron adaptation, if there is a generator to draw it."""
    rho, kappa = (0.75, 0.5) if rng is None else (tuple(rng.uniform(0.1, 0.95, N)), tuple(rng.uniform(0.1, 0.6, N)))
    return ms.ALIF(0.6, 0.8, reset, detach, adaptation_decay=rho, adaptation_strength=kappa)


def test_a_trace_by_hand():
    """θ = 1, κ = 1/2, ρ = 1/2, β = 0: a constant current of 5/4 fires whenever A[t] <= 1/2."""
    A, expected = Fraction(0), []
    for _ in range(12):
        fires = Fraction(5, 4) >= 1 + A / 2
        expected.append(int(fires))
        A = A / 2 + fires
    neuron = ms.ALIF(decay=0, reset="none", adaptation_decay=0.5, adaptation_strength=0.5)
    net = ms.Network([1, 1, 2], ms.Feedforward(), neuron, dtype="float64")
    net.params["layers.0.w_in"], net.params["layers.0.bias"] = 1.25, 0
    tape = net.record(np.ones((1, 12, 1)))
    assert tape.layers[0].s[0, :, 0].tolist() == expected
    assert 0 < sum(expected) < 12


@pytest.mark.compiled
@pytest.mark.parametrize("reset, detach", RESETS)
@pytest.mark.parametrize("recurrence", [ms.Recurrent(), ms.SRC(3), ms.ASRC(4)])
def test_without_strength_it_is_lif_to_the_last_bit(rng, reset, detach, recurrence):
    lif = random_network(rng, recurrence=recurrence, neuron=ms.LIF(0.6, 0.8, reset, detach))
    still = ms.Network(
        lif.sizes, recurrence, ms.ALIF(0.6, 0.8, reset, detach, adaptation_strength=0.0), dtype="float64"
    )
    still.params.flat[:] = lif.params.flat
    x, y = random_batch(rng, lif)
    (loss, grads), (same_loss, same) = lif.loss_and_grad(x, y), still.loss_and_grad(x, y)
    assert loss == same_loss
    np.testing.assert_array_equal(grads.flat, same.flat)


@pytest.mark.compiled
@pytest.mark.parametrize("T", [3, 64, 131])  # below, at and above a piece
@pytest.mark.parametrize("reset, detach", RESETS)
def test_kernels_equal_the_spec(rng, T, reset, detach):
    """Per-neuron ρ and κ, layers with and without adaptation, sequences of different lengths."""
    neurons = [alif(reset, detach, 5, rng), ms.LIF(0.5, 0.9)]
    net = random_network(rng, recurrence=[ms.SRC(2), ms.ASRC(3)], neuron=neurons)
    x, y = random_batch(rng, net, B=4, T=T)
    lengths = np.array([T, 1, T, max(1, T - 2)])
    loss, grads = net.loss_and_grad(x, y, lengths)
    losses, sums = [], 0.0
    for x_b, y_b, length in zip(x, y, lengths):
        masks, derivative = [np.ones(5), np.ones(4)], net.surrogate.derivative
        one, g = reference.sequence_gradients(
            x_b[:length], y_b, net.layers(), net.readout(), masks, derivative, batch_size=len(y)
        )
        losses.append(one)
        sums = sums + g.layers[0].d_w_in
    assert loss == pytest.approx(np.mean(losses), rel=1e-13)
    np.testing.assert_allclose(grads["layers.0.w_in"], sums, rtol=1e-10, atol=1e-12 * np.abs(sums).max())
    assert net.record(x, lengths).layers[0].s.sum() > 0


@pytest.mark.compiled
def test_it_fires_less(rng):
    strong = ms.ALIF(adaptation_strength=1.0)
    rates = []
    for neuron in (ms.LIF(), strong):
        net = ms.Network([3, 7, 2], ms.SRC(2), neuron, seed=1)
        net.params["layers.0.bias"] = 0.8
        rates.append(net.record(rng.random((4, 60, 3))).layers[0].s.mean())
    assert 0 < rates[1] < 0.5 * rates[0]


@pytest.mark.compiled
def test_threads_surrogates_of_ones_own_and_files(rng, tmp_path):
    net = random_network(rng, neuron=alif("soft", False, 5, None), recurrence=ms.SRC(2), surrogate=ms.Sigmoid())
    own = ms.Custom("own", ms.Sigmoid().primitive, ms.Sigmoid().derivative)
    twin = ms.Network(net.sizes, ms.SRC(2), net.neuron, own, dtype="float64")
    twin.params.flat[:] = net.params.flat
    x, y = random_batch(rng, net, B=9)
    expected = net.loss_and_grad(x, y, threads=1)[1].flat
    np.testing.assert_array_equal(net.loss_and_grad(x, y, threads=3)[1].flat, expected)
    np.testing.assert_allclose(twin.loss_and_grad(x, y)[1].flat, expected, rtol=1e-12, atol=1e-15)
    net.save(tmp_path / "net.npz")
    loaded = ms.Network.load(tmp_path / "net.npz")
    assert loaded.neuron == net.neuron
    np.testing.assert_array_equal(loaded.loss_and_grad(x, y)[1].flat, expected)


@pytest.mark.compiled
def test_the_ladder_holds(rng):
    net = random_network(rng, (2, 4, 3), recurrence=ms.ASRC(3), neuron=alif("hard", True, 4, rng))
    x, y = random_batch(rng, net, B=3, T=7)
    assert ms.gradcheck(net, x, y).ok


@pytest.mark.parametrize(
    "options, words",
    [
        ({"adaptation_decay": 1.0}, r"adaptation_decay must be a finite number in \[0\.0, 1\.0\), got 1\.0"),
        ({"adaptation_strength": -0.1}, "adaptation_strength must be a finite number in"),
        ({"adaptation_decay": [0.5, np.nan]}, r"adaptation_decay\[1\]"),
    ],
)
def test_wrong_values_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ms.ALIF(**options)


def test_values_per_neuron_must_fit():
    with pytest.raises(ValueError, match="adaptation_strength of layer 0 has 2 values, the layer has 3 neurons"):
        ms.Network([1, 3, 2], neuron=ms.ALIF(adaptation_strength=[0.1, 0.2]))
