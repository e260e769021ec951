"""The spec: traces computed by hand, and gradients against differences."""

import itertools

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.core import reference
from minisnn.core.neuron import reset_numbers


def single_neuron(reset: str, w_rec: float = 0.0, delays=()) -> reference.Layer:
    """One neuron with β = 0.5, θ = 1 and an input weight of 1."""
    return reference.Layer(
        *(np.ones((1, 1)), np.zeros(1), np.full((1, 1), w_rec), np.array(delays, np.int64), np.ones(len(delays))),
        *(np.full(1, 0.5), np.ones(1), np.array(reset_numbers(ms.LIF(reset=reset)))),
    )


# Input, and v[t] and s[t] by pencil: v[t] = v⁺[t-1] / 2 + I[t]; all numbers are sums of powers of two.
INPUT = [0.5, 0.75, 0.5, 2.0, 0.0, 0.25, 1.0, 0.5, 0.0, 1.0]
TRACES = {
    "soft": (
        [0.5, 1.0, 0.5, 2.25, 0.625, 0.5625, 1.28125, 0.640625, 0.3203125, 1.16015625],
        [0, 1, 0, 1, 0, 0, 1, 0, 0, 1],
    ),
    "hard": (
        [0.5, 1.0, 0.5, 2.25, 0.0, 0.25, 1.125, 0.5, 0.25, 1.125],
        [0, 1, 0, 1, 0, 0, 1, 0, 0, 1],
    ),
    "none": (
        [0.5, 1.0, 1.0, 2.5, 1.25, 0.875, 1.4375, 1.21875, 0.609375, 1.3046875],
        [0, 1, 1, 1, 1, 0, 1, 1, 0, 1],
    ),
}


@pytest.mark.parametrize("reset", TRACES)
def test_ten_steps_by_hand(reset):
    v, s = TRACES[reset]
    x = np.array(INPUT)[:, np.newaxis]
    run = reference.layer_forward(x, single_neuron(reset), np.ones(1))
    np.testing.assert_array_equal(run.v[:, 0], v)
    np.testing.assert_array_equal(run.s[:, 0], s)
    net = ms.Network([1, 1, 2], neuron=ms.LIF(reset=reset), recurrence=ms.Feedforward(), dtype="float64")
    net.params["layers.0.w_in"], net.params["layers.0.bias"] = 1, 0
    tape = net.record(x[np.newaxis])
    np.testing.assert_array_equal(tape.layers[0].v[0, :, 0], v)
    np.testing.assert_array_equal(tape.layers[0].s[0, :, 0], s)


@pytest.mark.parametrize("span, T", [*itertools.product(range(1, 9), (3, 7, 8, 9, 20))])
def test_a_single_spike_arrives_exactly_span_steps_later(span, T):
    """Forward: I[span] alone hears the spike of step 0. Backward: δ[span] alone reaches s[0]."""
    for recurrence in (ms.SRC(span), ms.ASRC(8)):
        net = ms.Network([1, 2, 2], recurrence=recurrence, neuron=ms.LIF(decay=0.0), dtype="float64")
        net.params["layers.0.bias"] = 0
        net.params["layers.0.w_in"] = [[1.0, 0.0]]
        net.params["layers.0.w_rec"] = [[0.0, 0.25], [0.0, 0.0]]  # neuron 0 speaks to neuron 1
        if isinstance(recurrence, ms.ASRC):
            net.params["layers.0.span_logits"] = np.where(np.arange(1, 9) == span, 1.0, 0.0)
        x = np.zeros((1, T, 1))
        x[0, 0] = 1.0
        tape = net.record(x, span_mode="hard")
        expected = np.zeros(T)
        if span < T:
            expected[span] = 0.25
        np.testing.assert_array_equal(tape.layers[0].s[0].sum(axis=1), np.arange(T) == 0)
        np.testing.assert_array_equal(tape.layers[0].current[0, :, 1], expected)
        for t in range(T):
            e = np.zeros((1, T, 2))
            e[0, t, 1] = 1.0
            adjoint = net.adjoint(tape, e)
            assert adjoint.delta[0][0, 0, 0] == (adjoint.delta[0][0, t, 1] * 0.25 if t == span else 0.0)
            assert adjoint.grads["layers.0.w_rec"][0, 1] == (adjoint.delta[0][0, t, 1] if t == span else 0.0)


def test_span_beyond_the_sequence_is_silence(rng):
    """λ >= T: the same numbers as without recurrence, and no gradient of w_rec; λ = T - 1 still has one."""
    T = 9
    for span, reaches in ((T - 1, True), (T, False), (T + 5, False)):
        net = random_network(rng, (3, 5, 2), recurrence=ms.SRC(span))
        x, y = random_batch(rng, net, T=T)
        x *= 3
        loss, grads = net.loss_and_grad(x, y)
        assert net.record(x).layers[0].s[:, 0].any()
        assert grads["layers.0.w_rec"].any() == reaches
        other = ms.Network([3, 5, 2], recurrence=ms.Feedforward(), dtype="float64")
        for name in other.params:
            other.params[name] = net.params[name]
        assert (other.loss_and_grad(x, y)[0] == loss) == (not reaches)


def test_causality(rng):
    """Nothing before t changes when x[t] does, in any layer; and ∂L/∂x is 0 after the last step that L reads."""
    net = random_network(rng, recurrence=ms.ASRC(4))
    x, _ = random_batch(rng, net, B=2, T=12)
    changed = x.copy()
    changed[:, 6] += 5.0
    tape, other = net.record(x), net.record(changed)
    for a, b in zip(tape.layers, other.layers):
        np.testing.assert_array_equal(a.v[:, :6], b.v[:, :6])
        assert (a.v[:, 6] != b.v[:, 6]).any()
    e = np.zeros_like(tape.layers[-1].s)
    e[:, 7] = 1.0
    adjoint = net.adjoint(tape, e)
    assert not adjoint.dx[:, 8:].any()
    assert adjoint.dx[:, :8].any()


def test_hard_spans_leave_the_logits_alone(rng):
    net = random_network(rng, recurrence=ms.ASRC(5))
    _, grads = net.loss_and_grad(*random_batch(rng, net), span_mode="hard")
    assert not grads["layers.0.span_logits"].any()
    assert grads["layers.0.w_rec"].any()


def test_span_logit_gradients_sum_to_zero(rng):
    for shared in (False, True):
        net = random_network(rng, recurrence=ms.ASRC(6, shared=shared))
        _, grads = net.loss_and_grad(*random_batch(rng, net))
        for name in grads:
            if net.params.blocks[name].role == "span logit":
                assert np.abs(grads[name]).max() > 1e-6
                assert abs(grads[name].sum()) < 1e-14 * np.abs(grads[name]).max() * 10


def test_cold_softmax_is_the_hardest_span(rng):
    """Temperature towards 0 with distinct logits: loss and gradients are those of SRC at the arg-max."""
    net = random_network(rng, recurrence=ms.ASRC(6))
    logits = np.array([0.1, 0.4, 0.2, 0.9, 0.3, 0.0])
    for layer in range(2):
        net.params[f"layers.{layer}.span_logits"] = logits
    net.temperature = 1e-3
    src = ms.Network([3, 5, 4, 2], recurrence=ms.SRC(4), dtype="float64")
    for name in src.params:
        src.params[name] = net.params[name]
    x, y = random_batch(rng, net)
    (loss, grads), (src_loss, src_grads) = net.loss_and_grad(x, y), src.loss_and_grad(x, y)
    assert loss == pytest.approx(src_loss, rel=1e-12)
    assert net.loss_and_grad(x, y, span_mode="hard")[0] == src_loss
    for name in src.params:
        np.testing.assert_allclose(grads[name], src_grads[name], rtol=1e-12, atol=1e-15)


def test_steps_after_the_end_change_nothing(rng):
    net = random_network(rng, recurrence=ms.ASRC(4), readout_window=3)
    x, y = random_batch(rng, net, B=10)
    lengths = rng.integers(1, 12, 10)
    loss, grads = net.loss_and_grad(x, y, lengths)
    noisy = x.copy()
    for row, length in zip(noisy, lengths):
        row[length:] = 50.0
    noisy_loss, noisy_grads = net.loss_and_grad(noisy, y, lengths)
    assert loss == noisy_loss
    np.testing.assert_array_equal(grads.flat, noisy_grads.flat)
    np.testing.assert_array_equal(net.logits(x, lengths), net.logits(noisy, lengths))


def test_readout_window_of_the_last_steps(rng):
    """The last w valid steps; a window longer than the sequence reads all of it."""
    net = random_network(rng, readout_window=4)
    x, _ = random_batch(rng, net, B=3)
    tape = net.record(x, lengths=[11, 6, 2])
    s = tape.layers[-1].s
    np.testing.assert_array_equal(tape.counts, [s[0, 7:].sum(axis=0), s[1, 2:6].sum(axis=0), s[2, :2].sum(axis=0)])
    np.testing.assert_array_equal(tape.n_read, [4, 4, 2])
    w, b = net.params["readout.w"], net.params["readout.bias"]
    np.testing.assert_allclose(tape.logits, tape.counts @ w + tape.n_read[:, np.newaxis] * b, rtol=1e-13)
