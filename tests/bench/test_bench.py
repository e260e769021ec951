"""What the benchmark claims about itself; no test is timed."""

import sys
from ast import literal_eval

import numpy as np
import pytest

from minisnn import plots
from minisnn.bench import bench


def test_multiply_adds():
    """Forward once and backward twice: W_in and W_rec of each layer."""
    assert bench.multiply_adds([2, 3, 5, 7]) == 3 * (2 * 3 + 3 * 3 + 3 * 5 + 5 * 5)


@pytest.mark.compiled
def test_the_problem_fires_as_it_says():
    net, x, y = bench.problem("SRC λ=16", 6, 300)
    assert x.shape == (6, 300, 1)
    assert 0.15 < (x != 0).mean() < 0.23
    assert y.shape == (6,)
    rates = [layer.s.mean() for layer in net.record(x[:4]).layers]
    np.testing.assert_allclose(rates, bench.RATES, atol=0.01)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process")
def test_memory_does_not_grow_with_the_batch():
    """At most 200 MB above a warm process and the data, and the same for 64 and 1024 sequences."""
    for model in bench.MODELS:
        small, large = (literal_eval(bench.python(bench.MEMORY.format(model=model, n=n))) for n in (64, 1024))
        assert 10e6 < small < 200e6
        assert abs(large - small) < 0.1 * small


def results():
    """What a benchmark might have measured."""
    case = {
        "seconds": [0.5, 0.25, 1.0],
        "evaluation": [0.125],
        "rates": [0.2, 0.1, 0.05],
        "zero_slopes": [0.4, 0.2, 0.1],
    }
    peer = {"peer": "jax", "model": "RSNN", "sequences": 32, "seconds": [3.0], "minisnn_seconds": [0.5]}
    return {
        "repeats": 3,
        "threads_in_use": 2,
        "blas_multiply_adds_per_second": 1e11,
        "start_up": {"import": 0.1, "first_gradient_cold": 12.0, "first_gradient_warm": 0.2},
        "models": {"RSNN [64, 128, 128]": {**case, "dense": 0.4}},
        "by_rate": {"SRC λ=16 at 50%": case},
        "trained": case,
        "growth": {"T": {"196": 1.0, "392": 2.0, "784": 4.0}, "N": {"32": 1.0, "64": 4.0}},
        "threads": {"1": 1.8, "2": 1.0},
        "optimizer_step": [0.001],
        "memory": {"RSNN": {"64": 20e6, "1024": None}},
        "peers": [
            {**peer, "memory": 1e9, "loss": 2.5, "minisnn_loss": 2.5},
            {"peer": "torch", "model": "RSNN", "error": "no torch"},
        ],
    }


def test_report():
    """Medians, ratios and slopes of what was measured."""
    text = bench.report(results())
    assert "0.500 0.250 .. 1.000 0.400 1.25 0.125 20.0 10.0 5.0" in " ".join(text.split())
    for words in (
        "T 1.00, N 2.00",
        "1.80 times as fast",
        "64: 20 MB, 1024: ?",
        "1/6.0 of the time",
        "failed: no torch",
    ):
        assert words in text


def test_figure():
    """Bars of the ratios, a line for each axis of growth and one for proportional growth."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure()
    axes = figure.subplots(1, 2)
    assert plots.bench(results(), axes) is axes
    assert [bar.get_width() for bar in axes[0].patches] == [1.25]
    assert len(axes[1].lines) == 3
