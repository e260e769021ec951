"""What a gradient may leave out: hops, and errors from far ahead; and the firing-rate penalty."""

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.core import readout, reference
from minisnn.core.eprop import eligibility_gradients

NEURONS = {
    "soft": ms.LIF(0.6, 0.8),
    "hard": ms.LIF(0.6, 0.8, "hard"),
    "hard detached": ms.LIF(0.6, 0.8, "hard", True),
    "none": ms.LIF(0.6, 0.8, "none"),
    "adaptive": ms.ALIF(0.6, 0.8, adaptation_decay=0.8, adaptation_strength=0.4),
    "adaptive detached": ms.ALIF(0.6, 0.8, "soft", True, adaptation_decay=0.8, adaptation_strength=0.4),
}


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("recurrence", [ms.Recurrent(), ms.SRC(3), ms.ASRC(4), ms.Feedforward()])
def test_without_hops_it_is_e_prop(rng, recurrence, neuron):
    """The traces that run forward give the numbers of the pass that runs back."""
    net = random_network(rng, (3, 6, 2), recurrence=recurrence, neuron=NEURONS[neuron])
    x, y = random_batch(rng, net, B=1, T=13)
    (layer,), mask = net.layers(), np.array([1.25, 0, 1.25, 1.25, 0, 1.25])
    _, grads = net.loss_and_grad(x, y, masks=[mask[np.newaxis]], hops=False)
    (tape,), _, logits = reference.sequence_forward(x[0], [layer], net.readout(), [mask])
    g = readout.d_logits(logits, y[0])
    slope = net.surrogate.derivative(tape.v - reference.thresholds(layer, tape.s))
    e = reference.readout_error(g, 13, net.readout())
    for name, expected in eligibility_gradients(e, x[0], tape, slope, layer, mask).items():
        if f"layers.0.{name}" in grads:
            np.testing.assert_allclose(
                grads[f"layers.0.{name}"], expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max()
            )
    assert tape.s.sum() > 3


@pytest.mark.compiled
@pytest.mark.parametrize("neuron", ["soft", "adaptive"])
def test_hops_are_all_that_differs(rng, neuron):
    """With W_rec = 0 no error passes through it; else the whole gradient is another one."""
    net = random_network(rng, recurrence=ms.SRC(2), neuron=NEURONS[neuron])
    x, y = random_batch(rng, net)
    assert not np.allclose(net.loss_and_grad(x, y)[1].flat, net.loss_and_grad(x, y, hops=False)[1].flat)
    for i in range(2):
        net.params[f"layers.{i}.w_rec"] = 0
    whole, without = net.loss_and_grad(x, y)[1], net.loss_and_grad(x, y, hops=False)[1]
    np.testing.assert_array_equal(whole.flat, without.flat)
    assert np.abs(whole["layers.0.w_rec"]).max() > 0


@pytest.mark.compiled
@pytest.mark.parametrize("neuron", ["soft", "adaptive"])
@pytest.mark.parametrize("recurrence", [ms.Recurrent(), ms.SRC(5), ms.ASRC(6)])
def test_truncation_after_the_end_changes_no_bit(rng, recurrence, neuron):
    net = random_network(rng, recurrence=recurrence, neuron=NEURONS[neuron])
    x, y = random_batch(rng, net, T=11)
    whole = net.loss_and_grad(x, y)[1]
    for steps in (11, 12, 1000):
        np.testing.assert_array_equal(net.loss_and_grad(x, y, truncate=steps)[1].flat, whole.flat)
    assert (net.loss_and_grad(x, y, truncate=10)[1].flat != whole.flat).any()


@pytest.mark.compiled
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("steps", [1, 3, 4, 64])
def test_truncated_is_the_gradient_of_parts_that_start_anew(rng, neuron, steps):
    """δ of a part depends on the e of that part alone, and is what the whole pass gives for an e that is 0 elsewhere
    and after which nothing follows."""
    net = random_network(rng, recurrence=ms.SRC(2), neuron=NEURONS[neuron])
    x, _ = random_batch(rng, net, B=2, T=70)
    tape = net.record(x)
    e = rng.standard_normal(tape.layers[-1].s.shape)
    got = net.adjoint(tape, e, truncate=steps).delta[-1]
    for first in range(0, 70, steps):
        part = np.zeros_like(e)
        part[:, first : first + steps] = e[:, first : first + steps]
        expected = net.adjoint(tape, part).delta[-1][:, first : first + steps]
        np.testing.assert_allclose(got[:, first : first + steps], expected, rtol=1e-11, atol=1e-12)


@pytest.mark.compiled
@pytest.mark.parametrize("lengths", [None, [11, 4, 9, 1, 11, 7, 2]])
def test_the_penalty_adds_to_the_loss(rng, lengths):
    net = random_network(rng, recurrence=ms.SRC(2))
    x, y = random_batch(rng, net, B=7, T=11)
    plain, _ = net.loss_and_grad(x, y, lengths)
    got, _ = net.loss_and_grad(x, y, lengths, rate_penalty=0.3, target_rate=0.2)
    tape, expected = net.record(x, lengths), 0.0
    for b, length in enumerate(lengths or [11] * 7):
        for layer in tape.layers:
            expected += 0.15 * ((layer.s[b, :length].mean(axis=0) - 0.2) ** 2).sum() / 7
    assert got - plain == pytest.approx(expected, rel=1e-12)


@pytest.mark.compiled
def test_the_penalty_holds_a_rate():
    """A silent layer is drawn to the target, and stays near it; without the penalty it stays far below."""
    data = ms.datasets.delayed_match(lag=6, n_train=64, n_test=16)
    rates = []
    for strength in (0.0, 3.0):
        net = ms.Network([1, 9, 2], ms.SRC(3), seed=0)
        net.params["layers.0.bias"] = 0.3  # v stays below 0.6
        net.params["layers.0.w_in"] *= 0.2
        assert net.evaluate(data.test).firing_rates == (0.0,)
        adam = ms.Adam(lr=0.01)
        state = adam.start(net.params)
        for _ in range(60):
            _, grads = net.loss_and_grad(data.train.x, data.train.y, rate_penalty=strength, target_rate=0.3)
            adam.update(net.params, grads, state, 1.0)
        rates.append(net.evaluate(data.test).firing_rates[0])
    assert rates[0] < 0.1 and abs(rates[1] - 0.3) < 0.1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"truncate": 0}, "truncate must be at least 1, got 0"),
        ({"hops": 1}, "hops must be True or False, got 1"),
        ({"rate_penalty": -1.0}, "rate_penalty must be a finite number in"),
        ({"target_rate": 1.5}, "target_rate must be a finite number in"),
    ],
)
def test_wrong_values_are_refused(options, words):
    net = ms.Network([1, 3, 2])
    with pytest.raises((ValueError, TypeError), match=words):
        net.loss_and_grad(np.ones((1, 4, 1)), [0], **options)
