"""The JAX model of the benchmark computes the same loss and gradients."""

import importlib.util

import numpy as np
import pytest

from minisnn.bench import bench

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed: pip install minisnn[peers]"
)


@pytest.mark.parametrize("model", ["RSNN", "SRC λ=16", "ASRC K=41"])
def test_jax_agrees(model):
    """In float32, on sequences so short that no spike flips."""
    from minisnn.bench import jax_model

    net, x, y = bench.problem(model, 5, 30)
    loss, grads = jax_model.loss_and_grads(net)(jax_model.numpy_params(net), x, y)
    expected, expected_grads = net.loss_and_grad(x, y)
    assert net.record(x).layers[2].s.mean() > 0.01
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    for name in expected_grads:
        scale = np.abs(expected_grads[name]).max()
        np.testing.assert_allclose(np.asarray(grads[name]), expected_grads[name], atol=1e-3 * scale, rtol=0)
