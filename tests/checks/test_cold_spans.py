"""At low temperatures one p is nearly 1 and the others are next to 0: checks must not blame what is right then.

The gradients of span logits are what little is left of large terms there, and many taps have the weight 0.
"""

import numpy as np
import pytest
from test_checks import right_backward

import minisnn as ms
from minisnn.checks import GradientError, oracle
from minisnn.core import readout
from minisnn.course.backward import lif_backward_asrc
from minisnn.datasets import Dataset, Split

pytestmark = pytest.mark.compiled

TEMPERATURES = (1.0, 0.3, 0.1, 0.05, 0.03, 0.02, 0.01, 1e-3, 1e-4)
COLD = 2.8e-4  # the end of training


def random_case(seed, shared=False, detach=False, temperature=1.0, spread=1.0):
    """A network with random span logits, so far apart, and a batch: (net, x, y)."""
    rng = np.random.default_rng(seed)
    net = ms.Network([3, 8, 6, 3], ms.ASRC(6, shared), ms.LIF(detach_reset=detach), seed=seed, dtype="float64")
    for name in net.params.names("span logit"):
        net.params[name] = spread * rng.standard_normal(6)
    net.temperature = temperature
    return net, 2 * rng.standard_normal((2, 25, 3)), rng.integers(0, 3, 2)


def undecided(shared, temperature=0.01):
    """A network whose span logits are as close as the temperature: no p is 0 or 1."""
    net, x, y = random_case(1, shared, temperature=temperature, spread=temperature)
    assert all(0.001 < p.min() < p.max() < 0.9 for p in net.span_weights())
    return net, x, y


temperatures = pytest.mark.parametrize("temperature", TEMPERATURES)
kinds = pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
resets = pytest.mark.parametrize("detach", [False, True], ids=["attached", "detached"])


@temperatures
@kinds
@resets
def test_random_networks_pass(detach, shared, temperature):
    """All rungs; `gradcheck` raises otherwise."""
    ms.gradcheck(*_case_of(0, shared, detach, temperature))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@temperatures
@kinds
@resets
def test_more_random_networks_pass(seed, detach, shared, temperature):
    ms.gradcheck(*_case_of(seed, shared, detach, temperature))


def _case_of(seed, shared, detach, temperature):
    """Each kind of network has weights and a batch of its own, the same at all temperatures."""
    return random_case(4 * seed + 2 * shared + detach, shared, detach, temperature)


@pytest.mark.parametrize("temperature", TEMPERATURES[-3:])
@kinds
def test_undecided_networks_pass(shared, temperature):
    """No p is 0 or 1, however cold; then the loss bends on the scale of T°, and gradients are as large as 1 / T°."""
    net, x, y = undecided(shared, temperature)
    ms.gradcheck(net, x, y)


@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_networks_that_are_sure_pass(temperature):
    """Where p of the label is nearly 1, next to nothing is left of 1 - p."""
    net, x, _ = random_case(0, temperature=temperature)
    net.params["readout.bias"][1] += 1
    y = np.array([1, 1])
    assert 0 < net.loss_and_grad(x, y)[0] < 1e-4
    ms.gradcheck(net, x, y)


@pytest.fixture(scope="module", params=[False, True], ids=["own", "shared"])
def trained(request):
    """A network fresh from `fit`, and two of the sequences that it was trained with."""
    rng = np.random.default_rng(0)

    def split(n):
        y = rng.integers(0, 3, n)
        x = rng.standard_normal((n, 25, 3))
        x[np.arange(n), :, y] += 1.5
        return Split(x, y)

    data = Dataset(split(60), split(30), split(3), 3, {"name": "the largest input"})
    net = ms.Network([3, 8, 6, 3], ms.ASRC(6, shared=request.param))
    ms.fit(net, data, epochs=8, batch_size=16, optimizer=ms.AdamW(0.05, span_lr=0.3), progress=False)
    assert net.evaluate(data.validation).accuracy > 0.8
    return net, data.train.x[:2], data.train.y[:2]


@pytest.mark.parametrize("temperature", [None, COLD], ids=["as it is", "cold"])
def test_trained_networks_pass(trained, temperature):
    """At the temperature at which `fit` leaves them, and at the end of a training that was best in its last epoch."""
    net, x, y = trained
    net = net.astype(net.dtype)
    assert net.temperature < 0.1
    net.temperature = temperature or net.temperature
    ms.gradcheck(net, x, y)
    ms.gradcheck(net, x, y, backward=lif_backward_asrc)


@pytest.mark.parametrize("backward", [lif_backward_asrc, right_backward])
@temperatures
@kinds
@resets
def test_a_right_backward_passes(detach, shared, temperature, backward):
    """Of spans whose weight is 0 it hears nothing, and is asked for nothing."""
    for seed in range(3):
        net, x, y = _case_of(seed, shared, detach, temperature)
        report = ms.gradcheck(net, x, y, backward=backward)
        assert {"layers.0.d_span_logits", "layers.1.d_span_logits"} <= {row.block for row in report.rows}


# What is wrong

WRONG = {
    "no 1/T°": lambda p, d_p, temperature: p * (d_p - (p * d_p).sum()),
    "no mean": lambda p, d_p, temperature: p * d_p / temperature,
    "times 1.001": lambda p, d_p, temperature: 1.001 * p * (d_p - (p * d_p).sum()) / temperature,
}


@pytest.mark.parametrize("wrong", WRONG)
@kinds
def test_a_wrong_gradient_of_cold_span_logits_is_caught(monkeypatch, shared, wrong):
    """By each rung that compares what training computes with another method's, and nothing else is blamed."""
    net, x, y = undecided(shared)
    monkeypatch.setattr("minisnn.core.recurrence.d_span_logits", WRONG[wrong])
    with pytest.raises(GradientError) as caught:
        ms.gradcheck(net, x, y)
    blamed = caught.value.report.wrong
    assert {row.rung for row in blamed} >= {"4 frozen", "5 tangent", "6 spec"}
    assert all("span_logits" in row.block for row in blamed)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_students_wrong_gradient_of_cold_span_logits_is_caught(wrong):
    net, x, y = undecided(shared=False)

    def backward(tape, e, params):
        result = right_backward(tape, e, params)
        result["d_span_logits"] = WRONG[wrong](params.tap_weights, result["d_tap_weights"], params.temperature)
        return result

    with pytest.raises(GradientError) as caught:
        ms.gradcheck(net, x, y, backward=backward)
    assert {row.block for row in caught.value.report.wrong} == {"layers.0.d_span_logits", "layers.1.d_span_logits"}


def test_the_oracles_loss(rng):
    """Written anew for the sake of its slope: the readout's cross-entropy and d_logits, digits of 1 - p included."""
    logits, y = rng.standard_normal((60, 4)) * np.logspace(-1, 2, 60)[:, np.newaxis], rng.integers(0, 4, 60)
    np.testing.assert_allclose(oracle.losses(logits, y), readout.cross_entropy(logits, y), rtol=1e-12, atol=1e-14)
    for c, direction in enumerate(1e-30j * np.eye(4)):
        slope = oracle.losses(logits + direction, y).imag / 1e-30
        np.testing.assert_allclose(slope, readout.d_logits(logits, y)[:, c], rtol=1e-13, atol=1e-250)
    far = np.array([[0.0, 2000.0, -2000.0]])
    for label, loss in ((0, 2000.0), (1, 0.0), (2, 4000.0)):
        assert oracle.losses(far, np.array([label])) == loss
