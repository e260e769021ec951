"""What the benchmark claims about itself; no test is timed."""

import sys
from ast import literal_eval

import numpy as np
import pytest

from minisnn import bench


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
