"""Neurons: decays and their logits, reset numbers, and what the constructors refuse."""

import dataclasses
import math

import numpy as np
import pytest

import minisnn as ms
from minisnn.core.neuron import d_decay_logit, decay_from_logit, decay_to_logit, reset_numbers

KINDS = [ms.LIF, ms.PLIF]


def test_defaults_are_those_of_the_paper():
    for kind in KINDS:
        assert (kind().decay, kind().threshold, kind().reset, kind().detach_reset) == (0.5, 1.0, "soft", False)


def test_reset_numbers():
    """(a, h, detached): v⁺ = v - s (a θ + h v) must subtract θ, give 0, or leave v."""
    v, threshold = 1.75, 1.25
    after = {"soft": v - threshold, "hard": 0.0, "none": v}
    for kind in KINDS:
        for reset, expected in after.items():
            for detach in (False, True):
                a, h, detached = reset_numbers(kind(reset=reset, detach_reset=detach))
                assert v - (a * threshold + h * v) == expected
                assert detached == (1.0 if detach else 0.0)


def test_decay_logit_inverse():
    decay = np.array([1e-12, 0.003, 0.25, 0.5, 0.9, 0.999, 1 - 1e-9])
    np.testing.assert_allclose(decay_from_logit(decay_to_logit(decay), 7), decay, rtol=1e-12)
    logits = np.linspace(-9.0, 9.0, 7)
    np.testing.assert_allclose(decay_to_logit(decay_from_logit(logits, 7)), logits, rtol=1e-10, atol=1e-12)


def test_decay_is_the_logistic_function():
    for logit in (-3.0, -0.2, 0.0, 0.7, 4.0):
        expected = 1.0 / (1.0 + math.exp(-logit))
        np.testing.assert_allclose(decay_from_logit(np.array([logit]), 1), [expected], rtol=1e-15)
    assert decay_to_logit(0.5).shape == (1,)
    assert decay_to_logit(0.5)[0] == 0.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits(dtype):
    """Warnings are errors in these tests, so an overflow would show."""
    decay = decay_from_logit(np.array([-1e4, -200.0, 200.0, 1e4], dtype), 4)
    assert np.isfinite(decay).all()
    np.testing.assert_allclose(decay, [0.0, 0.0, 1.0, 1.0], atol=1e-30)
    assert decay[1] <= 2e-87


def test_one_logit_serves_all_neurons():
    decay = decay_from_logit(np.array([0.4]), 5)
    assert decay.shape == (5,)
    assert len(set(decay)) == 1
    each = decay_from_logit(np.array([0.4, -0.3, 2.0]), 3)
    assert len(set(each)) == 3
    assert each[0] == decay[0]


def test_decay_of_complex_logits():
    """A complex step gives the derivative β (1 - β), on both branches of the formula."""
    for logit in (-2.0, -0.1, 0.3, 5.0):
        beta = 1.0 / (1.0 + math.exp(-logit))
        step = decay_from_logit(np.array([logit + 1e-30j]), 1)[0].imag / 1e-30
        assert step == pytest.approx(beta * (1.0 - beta), rel=1e-13)


@pytest.mark.parametrize("n_logits", [1, 6])
def test_d_decay_logit_against_differences(rng, n_logits):
    """For L = Σ g_n β_n."""
    logits, g, h = rng.standard_normal(n_logits), rng.standard_normal(6), 1e-5
    got = d_decay_logit(decay_from_logit(logits, 6), g, n_logits)
    assert got.shape == (n_logits,)
    for i in range(n_logits):
        step = h * (np.arange(n_logits) == i)
        difference = (g * (decay_from_logit(logits + step, 6) - decay_from_logit(logits - step, 6))).sum() / (2 * h)
        assert got[i] == pytest.approx(difference, rel=1e-8, abs=1e-10)


def test_sequences_become_tuples():
    """So that neurons compare, hash and can be written down."""
    for kind, options in ((ms.LIF, {}), (ms.PLIF, {"per_neuron": True})):
        one = kind(decay=[0.25, 0.5], threshold=np.array([1.0, 2.0]), **options)
        other = kind(decay=(0.25, 0.5), threshold=(1.0, 2.0), **options)
        assert one == other
        assert hash(one) == hash(other)
        assert one.decay == (0.25, 0.5)
        assert all(type(value) is float for value in one.decay + one.threshold)
    assert type(ms.LIF(decay=np.float32(0.5)).decay) is float
    assert type(ms.LIF(threshold=2).threshold) is float


def test_neurons_are_frozen():
    for kind in KINDS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            kind().decay = 0.1


def test_ends_of_the_decay():
    """A fixed decay may be 0 or 1; a learned one has no logit there."""
    assert ms.LIF(decay=0).decay == 0.0
    assert ms.LIF(decay=1).decay == 1.0
    for decay in (0.0, 1.0):
        with pytest.raises(ValueError, match=r"decay must be .* in \(0"):
            ms.PLIF(decay=decay)
        with pytest.raises(ValueError, match=r"decay\[1\]"):
            ms.PLIF(decay=(0.5, decay), per_neuron=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"decay": -0.1}, ValueError, "decay must be a finite number"),
        ({"decay": 1.1}, ValueError, "decay"),
        ({"decay": np.nan}, ValueError, "decay"),
        ({"decay": "0.5"}, TypeError, "decay must be a number"),
        ({"decay": True}, TypeError, "decay"),
        ({"decay": None}, TypeError, "decay"),
        ({"decay": ()}, ValueError, "one number per neuron"),
        ({"decay": [[0.5, 0.5]]}, ValueError, r"shape \(1, 2\)"),
        ({"decay": (0.5, 2.0)}, ValueError, r"decay\[1\]"),
        ({"threshold": 0.0}, ValueError, "threshold"),
        ({"threshold": -1.0}, ValueError, "threshold"),
        ({"threshold": np.inf}, ValueError, "threshold"),
        ({"threshold": (1.0, 0.0)}, ValueError, r"threshold\[1\]"),
        ({"reset": "subtract"}, ValueError, "reset must be one of 'soft', 'hard', 'none', got 'subtract'"),
        ({"reset": None}, ValueError, "reset"),
        ({"detach_reset": 1}, TypeError, "detach_reset must be True or False"),
    ],
)
def test_errors(kind, options, error, words):
    with pytest.raises(error, match=words):
        kind(**options)


def test_errors_of_plif():
    with pytest.raises(ValueError, match="per_neuron=True"):
        ms.PLIF(decay=(0.4, 0.6))
    with pytest.raises(TypeError, match="per_neuron must be True or False"):
        ms.PLIF(per_neuron="yes")
