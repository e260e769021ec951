"""Optimisers and schedules against plain implementations of the published formulas."""

import dataclasses
import math

import numpy as np
import pytest
from conftest import random_network

import minisnn as ms
from minisnn.core.parameters import Block
from minisnn.training import optim

BLOCKS = {
    "layers.0.w_in": Block((2, 3), "weight"),
    "layers.0.bias": Block((3,), "weight"),
    "layers.0.decay_logit": Block((1,), "neuron"),
    "layers.0.span_logits": Block((5,), "span logit"),
    "readout.w": Block((3, 4), "weight"),
    "span_logits": Block((6,), "span logit"),
    "layers.1.decay_logit": Block((4,), "neuron"),
}


def random_params(rng, dtype="float64") -> ms.Params:
    params = ms.Params.zeros(BLOCKS, dtype)
    params.flat[...] = rng.standard_normal(params.flat.size)
    return params


def descend(optimizer, params, gradients, factors):
    """Several steps of an optimiser on a copy; returns it and the state."""
    params = params.copy()
    state = optimizer.start(params)
    for g, factor in zip(gradients, factors):
        assert optimizer.update(params, g, state, factor) is None
    return params, state


def plain_adamw(w, gradients, lrs, weight_decay, beta1, beta2, eps):
    """Algorithm 2 of arXiv 1711.05101, one number at a time, with lr also on the decay (as PyTorch does)."""
    m = v = 0.0
    for n, (g, lr) in enumerate(zip(gradients, lrs), start=1):
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        m_hat, v_hat = m / (1.0 - beta1**n), v / (1.0 - beta2**n)
        w = w - lr * weight_decay * w - lr * m_hat / (math.sqrt(v_hat) + eps)
    return w


def plain_sgd(w, gradients, lrs, momentum, weight_decay):
    u = 0.0
    for g, lr in zip(gradients, lrs):
        u = momentum * u + (g + weight_decay * w)
        w = w - lr * u
    return w


@pytest.mark.parametrize(
    "optimizer, plain",
    [
        (ms.AdamW(), lambda w, g, lrs, decay: plain_adamw(w, g, lrs, decay, 0.9, 0.999, 1e-8)),
        (
            ms.AdamW(lr=0.03, span_lr=0.2, neuron_lr=0.004, weight_decay=0.3, beta1=0.8, beta2=0.95, eps=1e-3),
            lambda w, g, lrs, decay: plain_adamw(w, g, lrs, decay, 0.8, 0.95, 1e-3),
        ),
        (ms.Adam(0.02, beta1=0.7), lambda w, g, lrs, decay: plain_adamw(w, g, lrs, decay, 0.7, 0.999, 1e-8)),
        (ms.SGD(), lambda w, g, lrs, decay: plain_sgd(w, g, lrs, 0.9, decay)),
        (ms.SGD(0.05, 0.4, 0.7, 0.6, 0.2), lambda w, g, lrs, decay: plain_sgd(w, g, lrs, 0.6, decay)),
    ],
)
def test_seven_steps(rng, optimizer, plain):
    """Every entry by itself; span logits and neuron parameters have their own rates, no decay; a factor scales all."""
    params, gradients = random_params(rng), [random_params(rng) for _ in range(7)]
    factors = [1.0, 0.5, 1.0, 2.0, 0.1, 0.0, 0.7]
    before = [g.flat.copy() for g in gradients]
    trained, _ = descend(optimizer, params, gradients, factors)
    groups = {
        "weight": (optimizer.lr, optimizer.weight_decay),
        "span logit": (optimizer.span_lr, 0.0),
        "neuron": (optimizer.neuron_lr, 0.0),
    }
    for name, block in trained.items():
        lr, decay = groups[BLOCKS[name].role]
        for index in np.ndindex(block.shape):
            expected = plain(params[name][index], [g[name][index] for g in gradients], [f * lr for f in factors], decay)
            assert block[index] == pytest.approx(expected, rel=1e-12, abs=1e-14), name
    for g, copy in zip(gradients, before):
        np.testing.assert_array_equal(g.flat, copy)


def test_decay_alone(rng):
    """Without gradients AdamW shrinks the weights by 1 - lr · weight_decay; all else stays as it is."""
    params = random_params(rng)
    zero = ms.Params.zeros(BLOCKS, "float64")
    trained, _ = descend(ms.AdamW(lr=0.1, weight_decay=0.5), params, [zero], [1.0])
    for name, block in BLOCKS.items():
        shrunk = 0.95 if block.role == "weight" else 1.0
        np.testing.assert_allclose(trained[name], shrunk * params[name], rtol=1e-15)


GROUPED = [
    ms.AdamW(weight_decay=0.3),
    ms.AdamW(0.02, 0.3, 0.004, 0.5, eps=1e-3),
    ms.Adam(0.02, 0.3, 0.004),
    ms.SGD(0.02, 0.3, 0.004, weight_decay=0.5),
]


@pytest.mark.parametrize("lr_factor", [1.0, 0.25])
@pytest.mark.parametrize("optimizer", GROUPED)
def test_groups_of_a_network(rng, optimizer, lr_factor):
    """One step: weights by lr and decay; span logits, own or shared, by span_lr, a PLIF's β by neuron_lr, alone."""
    recurrence = [ms.ASRC(5), ms.ASRC(4, shared=True), ms.SRC(2)]
    neuron = [ms.PLIF(), ms.PLIF(per_neuron=True), ms.LIF()]
    net = random_network(rng, (2, 3, 4, 5, 2), 1.0, recurrence=recurrence, neuron=neuron)
    before, grads = net.params.copy(), net.params.copy()
    grads.flat[...] = rng.standard_normal(grads.flat.size)
    optimizer.update(net.params, grads, optimizer.start(net.params), lr_factor)
    seen = set()
    for name, block in net.params.items():
        last = name.split(".")[-1]
        lr, decay = {"span_logits": (optimizer.span_lr, 0.0), "decay_logit": (optimizer.neuron_lr, 0.0)}.get(
            last, (optimizer.lr, optimizer.weight_decay)
        )
        for index in np.ndindex(block.shape):
            w, g = float(before[name][index]), float(grads[name][index])
            # In Adam's first step the moments, free of bias, are g and g².
            slope = g if isinstance(optimizer, ms.SGD) else g / (abs(g) + optimizer.eps)
            assert block[index] == pytest.approx(w - lr_factor * lr * (slope + decay * w), rel=1e-12, abs=1e-14), name
        seen.add((last, block.shape))
    assert seen >= {("decay_logit", (1,)), ("decay_logit", (4,)), ("span_logits", (5,)), ("span_logits", (4,))}


def test_decays_learn_slowly_by_default():
    assert ms.AdamW().neuron_lr == ms.Adam().neuron_lr == 1e-4


SMALLEST = float(np.finfo(np.float32).tiny)  # what is smaller is denormal


@pytest.mark.parametrize(
    "optimizer", [ms.AdamW(), ms.AdamW(beta1=0.8, beta2=0.95), ms.Adam(), ms.SGD(), ms.SGD(momentum=0.99)]
)
@pytest.mark.parametrize("sizes", [(-22, -22), (-20, 0)])
def test_states_hold_no_denormal_numbers(rng, optimizer, sizes):
    """Not while gradients are tiny, nor as the memory of one fades in 2,000 steps without any."""
    params, grads = random_params(rng, "float32"), random_params(rng, "float32")
    state, n = optimizer.start(params), grads.flat.size
    for step in range(2020):
        grads.flat[...] = rng.standard_normal(n) * 10 ** rng.uniform(*sizes, n) if step < 20 else 0
        optimizer.update(params, grads, state)
        for name, array in state.items():
            assert not ((array != 0) & (np.abs(array) < SMALLEST)).any(), (step, name)
    assert np.isfinite(params.flat).all()


@pytest.mark.parametrize("eps", [1e-8, 1e-20, 1e-30])
@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e-18, 1e-15, 1e-12, 1.0])
def test_tiny_gradients_take_no_large_steps(rng, size, eps):
    """Where g² is too small for float32, m / (√v + eps) would be m / eps. Of gradients of one size it is about 1."""
    optimizer = ms.AdamW(1.0, 1.0, 1.0, weight_decay=0.0, eps=eps)
    params, grads = random_params(rng, "float32"), random_params(rng, "float32")
    state, largest = optimizer.start(params), 0.0
    for step in range(600):
        params.flat[...] = 0  # so that what is there after the step is the step
        magnitude = size * rng.uniform(0.5, 1.5, grads.flat.size) if step < 300 else 0.0
        grads.flat[...] = magnitude * rng.choice([-1, 1], grads.flat.size)
        optimizer.update(params, grads, state)
        largest = max(largest, float(np.abs(params.flat).max()))
        assert largest < 2, step
    assert largest > 0.5 or size < 1e-14 or eps > size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [ms.AdamW(), ms.SGD()])
def test_states_are_flat_arrays_like_the_parameters(rng, optimizer, dtype):
    params = random_params(rng, dtype)
    flat = params.flat
    state = optimizer.start(params)
    assert not any(array.any() for array in state.values())
    optimizer.update(params, random_params(rng, dtype), state)
    assert params.flat is flat  # in place: views that others hold stay valid
    assert flat.shape == (6 + 3 + 1 + 5 + 12 + 6 + 4,)
    assert flat.dtype == dtype
    vectors = [array for name, array in state.items() if name != "step"]
    assert vectors
    for array in vectors:
        assert array.shape == flat.shape
        assert array.dtype == dtype
        assert array.any()


def test_adam_is_adamw_without_decay():
    assert ms.Adam(0.02, 0.3, 0.04, 0.8, 0.99, 1e-6) == ms.AdamW(0.02, 0.3, 0.04, 0.0, 0.8, 0.99, 1e-6)
    assert ms.Adam() == ms.AdamW(weight_decay=0.0)


@pytest.mark.parametrize("kind, names", [(ms.AdamW, ("beta1", "beta2")), (ms.SGD, ("momentum",))])
def test_errors_of_optimisers(kind, names):
    for name in ("lr", "span_lr", "neuron_lr", "weight_decay"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"^{name} must be"):
                kind(**{name: value})
        with pytest.raises(TypeError, match=f"^{name} must be"):
            kind(**{name: "0.1"})
    for name in names:
        for value in (-0.1, 1.0, 1.5):
            with pytest.raises(ValueError, match=name):
                kind(**{name: value})
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().lr = 1.0


def one_cycle_of_pytorch(total_steps: int) -> list[float]:
    """Factors of the peak learning rate by the formula of PyTorch's OneCycleLR(max_lr, total_steps), one for each step.

    Two phases: from max_lr / 25 to max_lr, which ends at step 0.3 total_steps - 1, then to
    max_lr / 25 / 10⁴ at the last step. A step belongs to the first phase if it is not after its end; each phase is half
    a cosine in (step - begin) / (end - begin).
    """
    initial, smallest = 1.0 / 25.0, 1.0 / 25.0 / 1e4
    phases = [(0.3 * total_steps - 1.0, initial, 1.0), (total_steps - 1.0, 1.0, smallest)]
    factors = []
    for step in range(total_steps):
        begin = 0.0
        for end, first, last in phases:
            if step <= end or end == phases[-1][0]:
                angle = math.pi * (step - begin) / (end - begin)
                factors.append(last + (first - last) / 2.0 * (math.cos(angle) + 1.0))
                break
            begin = end
    return factors


@pytest.mark.parametrize("epochs", [4, 5, 6, 7, 10, 33, 40, 60, 200])
def test_one_cycle(epochs):
    got = [ms.one_cycle(epoch, epochs) for epoch in range(epochs)]
    np.testing.assert_allclose(got, one_cycle_of_pytorch(epochs), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_one_cycle_of_short_runs(epochs):
    """No warm-up (PyTorch would give a single epoch 4e-6 of the lr): from the peak down to the last value."""
    got = [ms.one_cycle(epoch, epochs) for epoch in range(epochs)]
    assert got[0] == 1.0
    assert epochs == 1 or got[-1] == pytest.approx(1 / 25 / 1e4)
    assert got == sorted(got, reverse=True)


def test_shape_of_one_cycle():
    """Up to the peak at 30 % of 200 epochs, then down; for the ends the numbers are PyTorch's."""
    factors = np.array([ms.one_cycle(epoch, 200) for epoch in range(200)])
    assert factors[0] == pytest.approx(1 / 25, rel=1e-12)
    assert factors[-1] == pytest.approx(1 / 25 / 1e4, rel=1e-9)
    assert int(factors.argmax()) == 59
    assert factors[59] == pytest.approx(1.0, rel=1e-12)
    assert (np.diff(factors[:60]) > 0).all()
    assert (np.diff(factors[59:]) < 0).all()
    assert ms.one_cycle(0, 50, first=0.2) == pytest.approx(0.2)
    assert ms.one_cycle(49, 50, last=0.3) == pytest.approx(0.3)
    assert int(np.argmax([ms.one_cycle(epoch, 50, warmup=0.5) for epoch in range(50)])) == 24


def test_cosine():
    for epochs in (1, 2, 9):
        expected = [math.cos(math.pi * epoch / epochs / 2) ** 2 for epoch in range(epochs)]
        np.testing.assert_allclose([ms.cosine(epoch, epochs) for epoch in range(epochs)], expected, rtol=1e-12)
    assert ms.cosine(5, 10) == pytest.approx(0.5)


def test_constant():
    assert [ms.constant(epoch, 4) for epoch in range(4)] == [1.0] * 4


def test_gradient_norm(rng):
    grads = random_params(rng)
    assert optim.gradient_norm(grads) == pytest.approx(math.sqrt(sum(float(g) ** 2 for g in grads.flat)), rel=1e-14)
    large = ms.Params.zeros(BLOCKS, "float32")
    large.flat[:2] = [3e30, 4e30]  # the squares don't fit into float32
    assert optim.gradient_norm(large) == pytest.approx(5e30, rel=1e-6)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14)])
def test_clip(rng, dtype, tolerance):
    grads = random_params(rng, dtype)
    norm, before = optim.gradient_norm(grads), grads.flat.copy()
    for none_or_loose in (None, 1.01 * norm):
        assert optim.clip(grads, none_or_loose) == norm
        np.testing.assert_array_equal(grads.flat, before)
    assert optim.clip(grads, 0.25 * norm) == norm  # the norm that it was
    assert optim.gradient_norm(grads) == pytest.approx(0.25 * norm, rel=tolerance)
    np.testing.assert_allclose(grads.flat, 0.25 * before, rtol=tolerance)
    assert grads.flat.dtype == dtype
    zero = ms.Params.zeros(BLOCKS, dtype)
    assert optim.clip(zero, 1.0) == 0
    assert not zero.flat.any()
