"""Recurrence: taps of every kind, the span softmax, its adjoint, and what the constructors refuse."""

import dataclasses
import math

import numpy as np
import pytest

import minisnn as ms
from minisnn.core.recurrence import d_span_logits, hard_span, span_weights, taps


@pytest.mark.parametrize("spans", ["soft", "hard"])
@pytest.mark.parametrize(
    "recurrence, delays, weights",
    [(ms.Feedforward(), [], []), (ms.Recurrent(), [1], [1.0]), (ms.SRC(1), [1], [1.0]), (ms.SRC(7), [7], [1.0])],
)
def test_fixed_taps(recurrence, delays, weights, spans):
    got_delays, got_weights = taps(recurrence, None, 0.3, spans)
    assert got_delays.tolist() == delays
    assert got_weights.tolist() == weights
    assert got_delays.dtype == np.int64


@pytest.mark.parametrize("shared", [False, True])
def test_taps_of_asrc(shared):
    logits, temperature = np.array([0.3, -0.2, 0.9, 0.1]), 0.7
    delays, weights = taps(ms.ASRC(4, shared), logits, temperature, "soft")
    assert delays.tolist() == [1, 2, 3, 4]
    exponentials = [math.exp(a / temperature) for a in logits]
    np.testing.assert_allclose(weights, np.array(exponentials) / sum(exponentials), rtol=1e-14)
    delays, weights = taps(ms.ASRC(4, shared), logits, temperature, "hard")
    assert (delays.tolist(), weights.tolist()) == ([3], [1.0])


@pytest.mark.parametrize("spans", ["soft", "hard"])
def test_taps_of_a_mixture(spans):
    """Those of an ASRC with equal logits."""
    delays, weights = taps(ms.Mixture(5), None, 0.3, spans)
    asrc_delays, asrc_weights = taps(ms.ASRC(5), np.zeros(5), 0.3, "soft")
    np.testing.assert_array_equal(delays, asrc_delays)
    np.testing.assert_allclose(weights, asrc_weights, rtol=1e-15)


def test_taps_of_something_else():
    with pytest.raises(TypeError, match="Feedforward, Recurrent, SRC, ASRC, Mixture"):
        taps("src", None, 1.0, "soft")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cold_and_extreme_softmax(dtype):
    """Warnings are errors in these tests, so an overflow would show."""
    for logits in ([0.0, 1e4, -1e4, 5.0], [-1e4, -1e4 + 1.0, -2e4, -1e4]):
        p = span_weights(np.array(logits, dtype), 1e-4)
        assert p.tolist() == [0.0, 1.0, 0.0, 0.0]
    p = span_weights(np.array([1e4, 1e4, 0.0], dtype), 1e-4)
    assert p.tolist() == [0.5, 0.5, 0.0]
    p = span_weights(np.array([1e4, 1e4 - 1.0, -1e4], dtype), 1.0)
    assert p[0] / p[1] == pytest.approx(math.e, rel=1e-6)
    assert p.sum() == pytest.approx(1.0, rel=1e-6)


def test_temperature_sharpens(rng):
    """Equal logits give equal weights at every temperature; others come nearer to their arg-max as it falls."""
    logits = rng.standard_normal(9)
    largest = [span_weights(logits, temperature).max() for temperature in (100.0, 3.0, 1.0, 0.3, 0.01)]
    assert largest == sorted(largest)
    assert largest[0] == pytest.approx(1 / 9, rel=0.05)
    assert largest[-1] > 0.99
    for temperature in (1e-4, 1.0, 50.0):
        np.testing.assert_allclose(span_weights(np.full(9, 0.4), temperature), 1 / 9, rtol=1e-15)


def test_ties_go_to_the_shortest_span():
    assert hard_span(np.zeros(6)) == 1
    assert hard_span(np.array([0.1, 0.7, 0.3, 0.7, 0.7])) == 2
    assert hard_span(np.array([0.1, 0.7, 0.3, 0.7, np.nextafter(0.7, 1.0)])) == 5
    net = ms.Network([2, 3, 4, 2], recurrence=ms.ASRC(5))
    assert net.spans() == [1, 1]
    net.params["layers.1.span_logits"] = [0.0, 0.0, 0.5, 0.5, 0.0]
    assert net.spans() == [1, 3]


@pytest.mark.parametrize("temperature", [2.0, 1.0, 0.2])
def test_d_span_logits_against_differences(rng, temperature):
    """For L = Σ g_k p_k."""
    logits, g, h = rng.standard_normal(7), rng.standard_normal(7), 1e-6
    got = d_span_logits(span_weights(logits, temperature), g, temperature)
    for k in range(7):
        step = h * (np.arange(7) == k)
        up, down = span_weights(logits + step, temperature), span_weights(logits - step, temperature)
        assert got[k] == pytest.approx((g * (up - down)).sum() / (2 * h), rel=1e-6, abs=1e-9)
    assert abs(got.sum()) < 1e-15 / temperature * 10
    assert np.abs(got).max() > 1e-3


def test_span_weights_of_complex_logits(rng):
    """A complex step through the softmax is its derivative, so the complex-step checks reach the span logits."""
    logits, g = rng.standard_normal(5), rng.standard_normal(5)
    expected = d_span_logits(span_weights(logits, 0.6), g, 0.6)
    for k in range(5):
        moved = span_weights(logits + 1e-30j * (np.arange(5) == k), 0.6)
        assert (g * moved).sum().imag / 1e-30 == pytest.approx(expected[k], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: ms.SRC(0), ValueError, "span must be at least 1, got 0"),
        (lambda: ms.SRC(-3), ValueError, "span"),
        (lambda: ms.SRC(2.0), TypeError, "span must be an integer"),
        (lambda: ms.SRC("2"), TypeError, "span"),
        (lambda: ms.SRC(True), TypeError, "span"),
        (lambda: ms.ASRC(0), ValueError, "max_span must be at least 1, got 0"),
        (lambda: ms.Mixture(0), ValueError, "max_span must be at least 1, got 0"),
        (lambda: ms.ASRC(None), TypeError, "max_span must be an integer"),
        (lambda: ms.ASRC(4, shared=1), TypeError, "shared must be True or False"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_recurrences_are_values():
    assert ms.SRC(np.int32(3)) == ms.SRC(3)
    assert type(ms.SRC(np.int32(3)).span) is int
    assert ms.ASRC(3) != ms.ASRC(3, shared=True)
    assert hash(ms.ASRC(np.int64(3))) == hash(ms.ASRC(3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ms.SRC(3).span = 4
