"""Shared by all tests: small networks with random parameters, in sizes in which all dimensions differ."""

import os
import signal

import hypothesis
import matplotlib
import numpy as np
import pytest

import minisnn as ms

# What a user's settings, or an earlier run, would decide otherwise
matplotlib.use("agg")
matplotlib.rcdefaults()
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")
for name in ("FORCE_COLOR", "TQDM_DISABLE"):
    os.environ.pop(name, None)


def random_network(rng, sizes=(3, 5, 4, 2), scale=0.4, **options) -> ms.Network:
    """A float64 network whose parameters, span logits among them, have been moved at random."""
    net = ms.Network(list(sizes), **{"dtype": "float64", **options})
    net.params.flat += (scale * rng.standard_normal(net.params.flat.size)).astype(net.dtype)
    return net


def random_batch(rng, net: ms.Network, B=7, T=11):
    """x (B, T, n_in) and y (B,)."""
    return rng.standard_normal((B, T, net.sizes[0])), rng.integers(0, net.sizes[-1], B)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def heeded_signals():
    """SIGINT, SIGTERM and SIGHUP as in a terminal, here and in processes started here: `nohup`, or a job in the
    background of a script, has the tests ignore some of them."""
    defaults = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, default) for number, default in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def closed_figures():
    """On the backend without windows; no figure stays open."""
    import matplotlib.pyplot as plt

    plt.close("all")
    plt.switch_backend("Agg")
    yield
    plt.close("all")
