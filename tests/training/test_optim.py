"""Optimisers and schedules against plain implementations of the published formulas."""

import dataclasses
import math

import numpy as np
import pytest

import minisnn as ms
from minisnn.training import optim

SHAPES = {
    "layers.0.w_in": (2, 3),
    "layers.0.bias": (3,),
    "layers.0.span_logits": (5,),
    "readout.w": (3, 4),
    "span_logits": (6,),
}
SPAN_LOGITS = ("layers.0.span_logits", "span_logits")


def random_params(rng, dtype="float64") -> ms.Params:
    params = ms.Params.zeros(SHAPES, dtype)
    params.flat[...] = rng.standard_normal(params.flat.size)
    return params


def descend(optimizer, params, gradients, factors):
    """Several steps of an optimiser on a copy; returns it and the state."""
    params = params.copy()
    state = optimizer.start(params)
    for g, factor in zip(gradients, factors):
        assert optimizer.update(params, g, state, factor) is None
    return params, state


def plain_adamw(w, gradients, rates, weight_decay, beta1, beta2, eps):
    """Algorithm 2 of arXiv 1711.05101, one number at a time, with the rate also on the decay (as PyTorch does)."""
    m = v = 0.0
    for n, (g, rate) in enumerate(zip(gradients, rates), start=1):
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        m_hat, v_hat = m / (1.0 - beta1**n), v / (1.0 - beta2**n)
        w = w - rate * weight_decay * w - rate * m_hat / (math.sqrt(v_hat) + eps)
    return w


def plain_sgd(w, gradients, rates, momentum, weight_decay):
    u = 0.0
    for g, rate in zip(gradients, rates):
        u = momentum * u + (g + weight_decay * w)
        w = w - rate * u
    return w


@pytest.mark.parametrize(
    "optimizer, plain",
    [
        (ms.AdamW(), lambda w, g, rates, decay: plain_adamw(w, g, rates, decay, 0.9, 0.999, 1e-8)),
        (
            ms.AdamW(lr=0.03, span_lr=0.2, weight_decay=0.3, beta1=0.8, beta2=0.95, eps=1e-3),
            lambda w, g, rates, decay: plain_adamw(w, g, rates, decay, 0.8, 0.95, 1e-3),
        ),
        (ms.Adam(0.02, beta1=0.7), lambda w, g, rates, decay: plain_adamw(w, g, rates, decay, 0.7, 0.999, 1e-8)),
        (ms.SGD(), lambda w, g, rates, decay: plain_sgd(w, g, rates, 0.9, decay)),
        (ms.SGD(0.05, 0.4, 0.6, 0.2), lambda w, g, rates, decay: plain_sgd(w, g, rates, 0.6, decay)),
    ],
)
def test_seven_steps(rng, optimizer, plain):
    """Every entry by itself; span logits have a rate of their own and no decay; the factor scales both rates."""
    params, gradients = random_params(rng), [random_params(rng) for _ in range(7)]
    factors = [1.0, 0.5, 1.0, 2.0, 0.1, 0.0, 0.7]
    before = [g.flat.copy() for g in gradients]
    trained, _ = descend(optimizer, params, gradients, factors)
    for name, block in trained.items():
        rate, decay = optimizer.rate, optimizer.weight_decay
        if name in SPAN_LOGITS:
            rate, decay = optimizer.span_rate, 0.0
        for index in np.ndindex(block.shape):
            expected = plain(
                params[name][index], [g[name][index] for g in gradients], [f * rate for f in factors], decay
            )
            assert block[index] == pytest.approx(expected, rel=1e-12, abs=1e-14), name
    for g, copy in zip(gradients, before):
        np.testing.assert_array_equal(g.flat, copy)


def test_decay_alone(rng):
    """Without gradients AdamW shrinks the weights by 1 - rate · weight_decay, and the span logits stay as they are."""
    params = random_params(rng)
    zero = ms.Params.zeros(SHAPES, "float64")
    trained, _ = descend(ms.AdamW(lr=0.1, weight_decay=0.5), params, [zero], [1.0])
    for name in SHAPES:
        shrunk = 1.0 if name in SPAN_LOGITS else 0.95
        np.testing.assert_allclose(trained[name], shrunk * params[name], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [ms.AdamW(), ms.SGD()])
def test_states_are_flat_arrays_like_the_parameters(rng, optimizer, dtype):
    params = random_params(rng, dtype)
    flat = params.flat
    state = optimizer.start(params)
    assert not any(array.any() for array in state.values())
    optimizer.update(params, random_params(rng, dtype), state)
    assert params.flat is flat  # in place: views that others hold stay valid
    assert flat.shape == (6 + 3 + 5 + 12 + 6,)
    assert flat.dtype == dtype
    vectors = [array for name, array in state.items() if name != "step"]
    assert vectors
    for array in vectors:
        assert array.shape == flat.shape
        assert array.dtype == dtype
        assert array.any()


def test_adam_is_adamw_without_decay():
    assert ms.Adam(0.02, 0.3, beta2=0.99) == ms.AdamW(lr=0.02, span_lr=0.3, weight_decay=0.0, beta2=0.99)


@pytest.mark.parametrize("kind, names", [(ms.AdamW, ("beta1", "beta2")), (ms.SGD, ("momentum",))])
def test_errors_of_optimisers(kind, names):
    for name in ("rate", "span_rate", "weight_decay"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be"):
                kind(**{name: value})
        with pytest.raises(TypeError, match=name):
            kind(**{name: "0.1"})
    for name in names:
        for value in (-0.1, 1.0, 1.5):
            with pytest.raises(ValueError, match=name):
                kind(**{name: value})
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().rate = 1.0


def one_cycle_of_pytorch(total_steps: int) -> list[float]:
    """Factors of the peak rate by the formula of PyTorch's OneCycleLR(max_lr, total_steps), one for each step.

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
    """No warm-up (PyTorch would give a single epoch 4e-6 of the rate): from the peak down to the last value."""
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
    large = ms.Params.zeros(SHAPES, "float32")
    large.flat[:2] = [3e30, 4e30]  # the squares don't fit into float32
    assert optim.gradient_norm(large) == pytest.approx(5e30, rel=1e-6)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14)])
def test_clip(rng, dtype, tolerance):
    grads = random_params(rng, dtype)
    norm, before = optim.gradient_norm(grads), grads.flat.copy()
    optim.clip(grads, 1.01 * norm)
    np.testing.assert_array_equal(grads.flat, before)
    optim.clip(grads, 0.25 * norm)
    assert optim.gradient_norm(grads) == pytest.approx(0.25 * norm, rel=tolerance)
    np.testing.assert_allclose(grads.flat, 0.25 * before, rtol=tolerance)
    assert grads.flat.dtype == dtype
    zero = ms.Params.zeros(SHAPES, dtype)
    optim.clip(zero, 1.0)
    assert not zero.flat.any()
