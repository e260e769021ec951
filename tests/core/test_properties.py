"""Properties over drawn networks: sizes, spans, resets, surrogates and inputs, the odd ones among them."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minisnn as ms
from minisnn.checks import make_batch, rungs
from minisnn.checks.structure import structure

SURROGATES = [ms.Triangle(), ms.Rectangle(), ms.Exponential(), ms.Sigmoid(), ms.Gaussian(), ms.ATan(), ms.FastSigmoid()]
RECURRENCES = st.one_of(
    st.just(ms.Feedforward()),
    st.just(ms.Recurrent()),
    st.builds(ms.SRC, st.integers(1, 14)),
    st.builds(ms.ASRC, st.integers(1, 14)),
)
NEURONS = st.one_of(
    st.builds(ms.LIF, st.floats(0, 1), st.floats(0.1, 2), st.sampled_from(["soft", "hard", "none"]), st.booleans()),
    st.builds(
        ms.PLIF,
        st.floats(0.05, 0.95),
        st.floats(0.1, 2),
        st.sampled_from(["soft", "hard", "none"]),
        st.booleans(),
        st.booleans(),
    ),
)
quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def networks(draw):
    """A network and a batch; among them single neurons, steps, sequences; silent, saturated layers; spans beyond T."""
    n_layers = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 7)) for _ in range(n_layers + 1)] + [draw(st.integers(2, 4))]
    recurrence = [draw(RECURRENCES) for _ in range(n_layers)]
    neuron = [draw(NEURONS) for _ in range(n_layers)]
    window = draw(st.one_of(st.none(), st.integers(1, 12)))
    net = ms.Network(sizes, recurrence, neuron, draw(st.sampled_from(SURROGATES)), window, dtype="float64")
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    net.params.flat += 0.3 * rng.standard_normal(net.params.flat.size)
    net.params["layers.0.bias"] += draw(st.sampled_from([0.0, 0.0, -30.0, 30.0]))  # silent, saturated
    net.temperature = draw(st.sampled_from([1.0, 0.3, 0.03, 1e-3, 1e-4]))
    B, T = draw(st.integers(1, 11)), draw(st.integers(1, 10))
    x = rng.standard_normal((B, T, sizes[0])) * (rng.random((B, T, sizes[0])) < draw(st.sampled_from([0.0, 0.3, 1.0])))
    lengths = draw(st.one_of(st.none(), st.just(rng.integers(1, T + 1, B))))
    masks = draw(st.one_of(st.none(), st.just([(rng.random((B, n)) < 0.7) / 0.7 for n in sizes[1:-1]])))
    mode = draw(st.sampled_from(["soft", "hard"]))
    return net, make_batch(net, x, rng.integers(0, sizes[-1], B), lengths, masks, mode)


def assert_right(rows):
    wrong = [row for row in rows if not row.ok]
    assert not wrong, wrong


@quick
@given(networks())
def test_kernels_are_the_spec(case):
    """Forward, loss, every gradient, δ, q and dx; one thread and several."""
    assert_right(rungs.kernels_against_spec(*case))


@quick
@given(networks())
def test_adjoint_is_the_transpose_of_the_tangent(case):
    """<e, J u> = <Jᵀ e, u>."""
    assert_right(rungs.tangent_against_adjoint(*case))


@settings(quick, max_examples=25)
@given(networks())
def test_frozen_linearisation_by_complex_steps(case):
    assert_right(rungs.frozen_complex_steps(*case))


@settings(quick, max_examples=15)
@given(networks())
def test_structure(case):
    """Causality, arrival, linearity, batches, lengths, windows, limits."""
    assert_right(structure(*case))
