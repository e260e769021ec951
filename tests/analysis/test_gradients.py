"""Gradient flow, Jacobians and their parts, against computations of another kind."""

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.analysis import gradients
from minisnn.core import reference

CASES = [
    (recurrence, ms.LIF((0.3, 0.5, 0.7, 0.9), 0.6, reset, detach))
    for recurrence in (ms.Feedforward(), ms.Recurrent(), ms.SRC(3), ms.ASRC(4), ms.ASRC(9))
    for reset, detach in (("soft", False), ("hard", False), ("hard", True), ("none", False), ("soft", True))
]
LAYER = 1  # of [3, 5, 4, 2]: 4 neurons, driven by spikes


def case(recurrence, neuron, T=12, B=2):
    """A network that fires, with sloppy reset and wide surrogate, and input."""
    rng = np.random.default_rng(3)
    net = random_network(rng, recurrence=recurrence, neuron=[ms.LIF(0.6, 0.5), neuron], surrogate=ms.Sigmoid(0.8, 0.5))
    return net, random_batch(rng, net, B, T)[0]


def steps_of(net, x):
    """s, σ′ and the numbers of the layer, from the tape and the surrogate's formula alone."""
    tape, numbers = net.record(x), net.layers()[LAYER]
    tail = np.exp(-np.abs(tape.layers[LAYER].v - numbers.threshold) / 0.5)
    return tape.layers[LAYER], 0.8 * 4 * tail / (1 + tail) ** 2, numbers


@pytest.mark.parametrize("recurrence, neuron", CASES)
def test_jacobian_is_a_product_of_companion_matrices(recurrence, neuron):
    """With the spikes of the last K - 1 steps in the state, one step is a matrix, and many steps are their product."""
    net, x = case(recurrence, neuron)
    run, slope, numbers = steps_of(net, x)
    a, h, detached = numbers.reset
    N, K, start, lag = 4, int(max(numbers.delays, default=1)), 2, 9
    w_rec = np.zeros((N, N)) if isinstance(recurrence, ms.Feedforward) else numbers.w_rec
    p = np.zeros(K + 1)
    p[numbers.delays] = numbers.tap_weights
    jacobians = ms.jacobian(net, x, LAYER, lag, start)
    assert jacobians.shape == (2, lag + 1, N, N)
    for b in range(2):
        product = np.eye(N * K)
        for d in range(lag + 1):
            np.testing.assert_allclose(jacobians[b, d], product[:N, :N], rtol=1e-10, atol=1e-12)
            t = start + d
            v, s, sigma = run.v[b, t], run.s[b, t], slope[b, t]
            reset_by_v = 1 - h * s
            reset_by_s = 0 if detached else sigma * (a * numbers.threshold + h * v)
            step = np.zeros((N * K, N * K))
            step[:N, :N] = np.diag(numbers.decay * (reset_by_v - reset_by_s)) + p[1] * np.diag(sigma) @ w_rec
            for k in range(2, K + 1):  # ds[t + 1 - k] is block k - 1 of the state
                step[(k - 1) * N : k * N, :N] = p[k] * w_rec
            if K > 1:
                step[:N, N : 2 * N] = np.diag(sigma)
            for k in range(2, K):
                step[(k - 1) * N : k * N, k * N : (k + 1) * N] = np.eye(N)
            product = product @ step


@pytest.mark.parametrize("recurrence, neuron", CASES)
def test_jacobian_against_the_frozen_linearisation(recurrence, neuron):
    """Complex steps of an extra input to one neuron at one step, through the spec linearised at its recorded spikes."""
    net, x = case(recurrence, neuron)
    tape, numbers = net.record(x), net.layers()[LAYER]
    _, slope, _ = steps_of(net, x)
    start, lag, N = 1, 8, 4
    jacobians = ms.jacobian(net, x, LAYER, lag, start)
    wider = numbers._replace(w_in=np.concatenate([numbers.w_in, np.eye(N)]))
    for b, i in np.ndindex(2, N):
        run = reference.layer_forward(tape.layers[0].s[b], numbers, np.ones(N))
        extra = np.zeros((len(x[b]), N), complex)
        extra[start, i] = 1e-30j
        moved = reference.layer_forward(
            np.concatenate([tape.layers[0].s[b], extra], axis=1),
            wider,
            np.ones(N),
            reference.frozen(run, slope[b], numbers.threshold),
            run.s if numbers.reset[2] else None,
        )
        expected = moved.v.imag[start : start + lag + 1] / 1e-30
        np.testing.assert_allclose(jacobians[b, :, i], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("recurrence, neuron", CASES)
@pytest.mark.parametrize("lag", [0, 1, 7])
def test_the_parts_add_up(recurrence, neuron, lag):
    net, x = case(recurrence, neuron)
    parts = ms.hops(net, x, LAYER, lag, start=2)
    np.testing.assert_allclose(sum(parts.values()), ms.jacobian(net, x, LAYER, lag, start=2)[:, lag], atol=1e-10)
    np.testing.assert_allclose(parts["leak"][0], np.diag(np.array([0.3, 0.5, 0.7, 0.9]) ** lag))
    shortest = {ms.Feedforward: None, ms.SRC: 3}.get(type(recurrence), 1)
    assert len(parts) == 2 + (lag // shortest if shortest else 0)


@pytest.mark.parametrize("recurrence, neuron", CASES[5:])
def test_hops_are_the_powers_of_the_recurrent_weights(recurrence, neuron):
    """At frozen spikes and slopes J[lag] is a polynomial in a factor of W_rec; the part of n hops is its n-th term."""
    net, x = case(recurrence, neuron)
    tape, numbers = net.record(x), net.layers()[LAYER]
    _, slope, _ = steps_of(net, x)
    start, lag, N = 1, 7, 4
    n_hops = lag // {ms.SRC: 3}.get(type(recurrence), 1)
    factors = 1.5 * np.cos(np.pi * (np.arange(n_hops + 1) + 0.5) / (n_hops + 1))  # where such fits are accurate
    parts = list(ms.hops(net, x, LAYER, lag, start).values())
    by_hops = np.array([parts[0] + parts[1], *parts[2:]])
    assert len(by_hops) == n_hops + 1
    for b, i in np.ndindex(2, N):
        run = reference.layer_forward(tape.layers[0].s[b], numbers, np.ones(N))
        fire = reference.frozen(run, slope[b], numbers.threshold)
        heard = run.current - tape.layers[0].s[b] @ numbers.w_in - numbers.bias  # Σ_j p_j z[t - k_j]
        rows = []
        for factor in factors:
            # What the factor takes away comes from outside, so that the layer stays where it was frozen.
            outside = ((1 - factor) * heard).astype(complex)
            outside[start, i] += 1e-30j
            layer = numbers._replace(w_in=np.concatenate([numbers.w_in, np.eye(N)]), w_rec=factor * numbers.w_rec)
            inputs = np.concatenate([tape.layers[0].s[b], outside], axis=1)
            moved = reference.layer_forward(inputs, layer, np.ones(N), fire, run.s if numbers.reset[2] else None)
            np.testing.assert_allclose(moved.s.real, run.s, atol=1e-12)
            rows.append(moved.v.imag[start + lag] / 1e-30)
        terms = np.linalg.solve(np.vander(factors, increasing=True), rows)
        np.testing.assert_allclose(by_hops[:, b, i], terms, rtol=0, atol=1e-10)


def test_each_hop_scales_with_the_recurrent_weights():
    """Of an SRC, at equal spikes, one hop is proportional to W_rec."""
    net, x = case(ms.SRC(3), ms.LIF(0.5, 0.6, "soft", detach_reset=True))
    other = net.astype("float64")
    other.params["layers.1.w_rec"] *= 2
    # The spikes of the layer are only the same before the recurrent input arrives, at step 3.
    few, twice = (ms.hops(n, x[:, :4], LAYER, 3, start=0) for n in (net, other))
    np.testing.assert_allclose(twice["1 hop"], 2 * few["1 hop"], rtol=1e-12)
    np.testing.assert_array_equal(twice["leak"], few["leak"])


def test_a_hop_takes_as_many_steps_as_its_tap():
    net, x = case(ms.SRC(3), ms.LIF(0.5, 0.6))
    for lag, n_hops in ((2, 0), (3, 1), (5, 1), (6, 2), (8, 2), (9, 3)):
        assert len(ms.hops(net, x, LAYER, lag, start=0)) == 2 + n_hops


@pytest.mark.parametrize("recurrence, neuron", CASES)
def test_the_bound_holds(recurrence, neuron):
    net, x = case(recurrence, neuron)
    prediction = gradients.predicted_norms(net, x, LAYER, 9, start=1)
    largest = np.linalg.norm(ms.jacobian(net, x, LAYER, 9, start=1), 2, axis=(2, 3)).max(axis=0)
    assert (largest <= prediction.bound * (1 + 1e-12)).all()
    assert prediction.bound[0] == prediction.mean_field[0] == 1


def test_predictions_are_exact_where_nothing_varies():
    """Without recurrence, reset and spikes, both are β^lag."""
    net, x = case(ms.Feedforward(), ms.LIF(0.5, 1e6, "none"))
    prediction = gradients.predicted_norms(net, x, LAYER, 9, start=1)
    np.testing.assert_allclose(prediction.bound, 0.5 ** np.arange(10))
    np.testing.assert_allclose(prediction.mean_field, 0.5 ** np.arange(10))


def test_predictions_of_two_taps():
    """Where f and σ′ are the same everywhere: the recursions with their numbers written out."""
    net, x = case(ms.ASRC(2), ms.LIF(0.5, 0.6, "none"))
    net.surrogate = ms.Custom("flat", lambda u: 0.3 * u, lambda u: np.full_like(u, 0.3))
    net.params["layers.1.span_logits"] = np.log([0.2, 0.8])
    orthogonal = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    net.params["layers.1.w_rec"] = 2 * orthogonal  # so that a hop is 0.3 · 2
    bound, square = [1.0, 0.5 + 0.2 * 0.6], [1.0, 0.25 + 0.04 * 0.36]
    for _ in range(5):
        bound.append(0.5 * bound[-1] + 0.2 * 0.6 * bound[-1] + 0.8 * 0.6 * bound[-2])
        square.append(0.25 * square[-1] + 0.04 * 0.36 * square[-1] + 0.64 * 0.36 * square[-2])
    prediction = gradients.predicted_norms(net, x, LAYER, 6, start=1)
    np.testing.assert_allclose(prediction.bound, bound)
    np.testing.assert_allclose(prediction.mean_field, np.sqrt(square))


def test_predictions_take_maxima_and_mean_squares():
    """Of an RSNN, written out from f and σ′."""
    net, x = case(ms.Recurrent(), ms.LIF((0.3, 0.5, 0.7, 0.9), 0.6))
    _, slope, numbers = steps_of(net, x)
    f = numbers.decay * (1 - slope * numbers.threshold)
    prediction = gradients.predicted_norms(net, x, LAYER, 3, start=4)
    bound = np.abs(f[:, 4]).max() + slope[:, 4].max() * np.linalg.svd(numbers.w_rec)[1].max()
    gain = np.trace(numbers.w_rec @ numbers.w_rec.T) / 4
    square = np.mean(f[:, 4:8] ** 2) + np.mean(slope[:, 4:8] ** 2) * gain
    assert prediction.bound[1] == pytest.approx(bound, rel=1e-12)
    np.testing.assert_allclose(prediction.mean_field, square ** (np.arange(4) / 2), rtol=1e-12)


def test_mean_field_of_independent_steps():
    """One wide layer with orthogonal W_rec, before training: within a factor of 1.5, where norms fall to a seventh."""
    rng = np.random.default_rng(0)
    net = ms.Network([30, 200, 2], recurrence=ms.SRC(2), neuron=ms.LIF(0.5, 1.0, "soft", True), dtype="float64")
    net.params["layers.0.w_in"] = rng.standard_normal((30, 200)) / 4
    x = rng.standard_normal((4, 9, 30))
    prediction = gradients.predicted_norms(net, x, 0, 6, start=2)
    norms = np.linalg.norm(ms.jacobian(net, x, 0, 6, start=2), axis=(2, 3)) / np.sqrt(200)
    measured = np.sqrt(np.square(norms).mean(axis=0))
    assert measured[-1] < 1 / 7
    assert (np.abs(np.log(prediction.mean_field / measured)) < np.log(1.5)).all()


@pytest.mark.parametrize("span_mode", ["soft", "hard"])
def test_gradient_flow_is_the_adjoint_of_one_step(span_mode):
    """Of one layer: ∂L/∂v[t] = ∂L/∂v[at] J[at - t]ᵀ, by the Jacobian, which is computed the other way round."""
    rng = np.random.default_rng(1)
    net = random_network(rng, (3, 6, 4), recurrence=ms.ASRC(4), neuron=ms.LIF(0.6, 0.4))
    x, y = random_batch(rng, net, B=5, T=10)
    flow = ms.gradient_flow(net, x, y, at=7, span_mode=span_mode)
    tape, numbers = net.record(x, span_mode=span_mode), net.layers(span_mode)[0]
    slope = net.surrogate.derivative(tape.layers[0].v - numbers.threshold)
    logits = tape.layers[0].s[:, 7] @ net.params["readout.w"] + net.params["readout.bias"]
    g = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(4)[y]
    at = slope[:, 7] * (g @ net.params["readout.w"].T)
    for t in range(8):
        jacobian = ms.jacobian(net, x, 0, 7 - t, start=t, span_mode=span_mode)[:, -1]
        np.testing.assert_allclose(
            flow.norms[0][:, t], np.linalg.norm(np.einsum("bij,bj->bi", jacobian, at), axis=1), rtol=1e-10
        )
    assert not flow.norms[0][:, 8:].any()
    assert flow.zero_slopes == [pytest.approx((slope == 0).mean())]


def test_gradient_flow_of_every_layer():
    """Layer by layer from the top: the spec's δ, by its own dx; each layer's own σ′ and range of float32."""
    rng = np.random.default_rng(4)
    neurons = [ms.LIF(0.3, 0.5), ms.LIF(0.5, 0.6), ms.LIF(0.7, 0.4)]
    net = random_network(rng, (3, 6, 5, 4, 2), recurrence=ms.SRC(2), neuron=neurons)
    net.params["layers.0.w_in"] *= 4  # potentials farther from the threshold: more σ′ are 0
    x, y = random_batch(rng, net, B=3, T=11)
    tape, numbers = net.record(x), net.layers()
    slopes = [net.surrogate.derivative(t.v - n.threshold) for t, n in zip(tape.layers, numbers)]
    deltas = [np.zeros(t.v.shape) for t in tape.layers]
    logits = tape.layers[2].s[:, 8] @ net.params["readout.w"] + net.params["readout.bias"]
    for b in range(3):
        e = np.zeros((11, 4))
        e[8] = (np.exp(logits[b]) / np.exp(logits[b]).sum() - np.eye(2)[y[b]]) @ net.params["readout.w"].T
        for i in (2, 1, 0):
            below, mask = tape.layers[i - 1].s[b] if i else x[b], np.ones(net.sizes[i + 1])
            run = reference.layer_forward(below, numbers[i], mask)
            grads = reference.layer_backward(e, below, run, slopes[i][b], numbers[i], mask)
            deltas[i][b], e = grads.delta, grads.dx
    flow = ms.gradient_flow(net, x, y, at=8)
    for norms, delta in zip(flow.norms, deltas):
        np.testing.assert_allclose(norms, np.linalg.norm(delta, axis=2), rtol=1e-9, atol=1e-12)
    zero, small = [(s == 0).mean() for s in slopes], [(np.abs(d[:, :9]) < 2.0**-126).mean() for d in deltas]
    assert flow.zero_slopes == pytest.approx(zero) and len(set(zero)) == 3
    assert flow.denormal == pytest.approx(small) and len(set(small)) == 3
    # Without labels: the class that the readout favours least.
    least = ms.gradient_flow(net, x, logits.argmin(axis=1), at=8)
    np.testing.assert_array_equal(ms.gradient_flow(net, x, at=8).norms[0], least.norms[0])
    summed = gradients.summed_gradient_flow(net, x, tape.logits.argmin(axis=1))
    np.testing.assert_array_equal(gradients.summed_gradient_flow(net, x).norms[0], summed.norms[0])


def test_jacobian_ends_at_the_last_step():
    net, x = case(ms.SRC(3), ms.LIF(0.5, 0.6))
    np.testing.assert_array_equal(ms.jacobian(net, x, LAYER, 5), ms.jacobian(net, x, LAYER, 5, start=6))


def test_summed_gradient_flow_is_that_of_training():
    """Its sum over steps is the bias's gradient, for one neuron in one layer: then norms are absolute values."""
    rng = np.random.default_rng(2)
    net = random_network(rng, (3, 1, 2), neuron=ms.LIF(0.6, 0.4), surrogate=ms.Sigmoid(), readout_window=5)
    x, y = random_batch(rng, net, B=1, T=10)
    flow = gradients.summed_gradient_flow(net, x, y)
    tape = net.record(x)
    assert flow.norms[0][0, -1] > 0
    _, grads = net.loss_and_grad(x, y)
    e = np.zeros((1, 10, 1))
    g = np.exp(tape.logits) / np.exp(tape.logits).sum() - np.eye(2)[y]
    e[:, 5:] = (g @ net.params["readout.w"].T)[:, np.newaxis]
    delta = net.adjoint(tape, e).delta[0]
    np.testing.assert_allclose(flow.norms[0], np.abs(delta[:, :, 0]), rtol=1e-12)
    assert delta.sum() == pytest.approx(grads["layers.0.bias"][0], rel=1e-12)


def test_gradients_below_float32():
    """A silent network passes on β a step: after 126 steps at β = 0.5 a gradient is below the range of float32."""
    net = ms.Network([1, 4, 2], recurrence=ms.Feedforward(), surrogate=ms.Rectangle(peak=1.0, width=50.0))
    net.params["layers.0.w_in"] = net.params["layers.0.bias"] = 0.0
    net.neuron = [ms.LIF(0.5, 1.0, "none")]
    net.params["readout.w"] = [[1, -1]] * 4
    flow = ms.gradient_flow(net, np.zeros((1, 200, 1)))
    np.testing.assert_allclose(flow.norms[0][0, ::-1] / flow.norms[0][0, -1], 0.5 ** np.arange(200.0))
    per_neuron = flow.norms[0][0] / 2
    assert flow.denormal == [np.mean(per_neuron < 2.0**-126)]
    assert 0.3 < flow.denormal[0] < 0.45


def test_mean():
    net, x = case(ms.SRC(3), ms.LIF(0.5, 0.6), B=7)
    flow = ms.gradient_flow(net, x)
    np.testing.assert_allclose(flow.mean(LAYER), np.mean(flow.norms[LAYER], axis=0))


@pytest.mark.parametrize("at", [None, 2, 3])
def test_relative_to_lag_0(at):
    """From the step that L reads backwards, without the sequence in which no gradient starts."""
    norms = np.array([[4.0, 6.0, 5.0, 2.0], [3.0, 3.0, 0.0, 0.0], [1.0, 8.0, 2.0, 4.0]])
    flow = gradients.GradientFlow([np.ones((3, 4)), norms], at, [0.0, 0.0], [0.0, 0.0])
    expected = {
        None: [[1.0, 2.5, 3.0, 2.0], [1.0, 0.5, 2.0, 0.25]],
        2: [[1.0, 1.2, 0.8], [1.0, 4.0, 0.5]],
        3: [[1.0, 2.5, 3.0, 2.0], [1.0, 0.5, 2.0, 0.25]],
    }[at]
    np.testing.assert_array_equal(flow.relative(1), expected)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"layer": 2}, r"layer must be one of 0 \.\. 1, got 2"),
        ({"lag": 12}, "lag must be less than the 12 steps of x, got 12"),
        ({"lag": 5, "start": 7}, r"start must be a step of x, 0 \.\. 6, got 7"),
        ({"lag": -1}, "lag must be at least 0"),
    ],
)
def test_wrong_steps(options, words):
    net, x = case(ms.SRC(3), ms.LIF(0.5, 0.6))
    for function in (ms.jacobian, ms.hops, gradients.predicted_norms):
        with pytest.raises(ValueError, match=words):
            function(net, x, **{"layer": 0, "lag": 3, **options})
    with pytest.raises(ValueError, match=r"at must be a step of x, 0 \.\. 11, got 12"):
        ms.gradient_flow(net, x, at=12)
    with pytest.raises(TypeError, match="net must be a Network, got str"):
        ms.gradient_flow("net", x)


def test_a_layer_that_adapts_has_no_jacobian_of_v_alone():
    net = ms.Network([1, 4, 2], ms.SRC(2), ms.ALIF())
    for measure in (ms.jacobian, ms.hops):
        with pytest.raises(ValueError, match=r"A\[t\] is state too"):
            measure(net, np.ones((1, 9, 1)), 0, 3)
    assert ms.gradient_flow(net, np.ones((3, 9, 1)), [0, 1, 0]).norms[0].shape == (3, 9)
