"""minisnn against PyTorch autograd: logits, loss and every block of gradients, in float64.

`torch_model.py` knows the forward equations only, so an error in the derivation of the backward pass, which all of
minisnn's own checks might share, has no way to be in it as well.
"""

import numpy as np
import pytest
from conftest import random_network

import minisnn as ms
from minisnn.bench.torch_model import loss_and_grads
from minisnn.core.surrogate import BUILT_IN

torch = pytest.importorskip("torch", reason="torch is not installed: pip install minisnn[peers]")

TOLERANCE = 1e-9  # relative, of each block; measured: below 1e-13

# All dimensions differ, from each other and from the spans 3, 4, 15 and 20: a swapped axis cannot hide.
SIZES, B, T = (2, 8, 7, 6, 5), 9, 13
LENGTHS = np.array([13, 1, 4, 9, 13, 2, 7, 12, 5])

RECURRENCES = {
    "feedforward": ms.Feedforward(),
    "recurrent": ms.Recurrent(),
    "src": ms.SRC(3),
    "src-beyond-T": ms.SRC(20),
    "asrc": ms.ASRC(4),
    "asrc-beyond-T": ms.ASRC(15),
    "asrc-shared": ms.ASRC(4, shared=True),
    "mixed": [ms.ASRC(15), ms.Feedforward(), ms.SRC(3)],
    "mixed-shared": [ms.ASRC(4, shared=True), ms.Recurrent(), ms.ASRC(4, shared=True)],
    "mixed-own-and-shared": [ms.ASRC(4, shared=True), ms.ASRC(15), ms.ASRC(4, shared=True)],
}


def one_a_layer(kind, **options):
    """Neurons with a decay and a threshold of their own each."""
    return [kind(tuple(np.linspace(0.2, 0.8, n)), tuple(np.linspace(1.1, 0.6, n)), **options) for n in SIZES[1:-1]]


NEURONS = {
    "lif-one-for-all": ms.LIF(0.7, 0.8),
    "lif-per-neuron": one_a_layer(ms.LIF),
    "lif-per-neuron-hard": one_a_layer(ms.LIF, reset="hard"),
    "plif": ms.PLIF(0.6, 0.9),
    "plif-hard": ms.PLIF(0.6, 0.9, reset="hard", detach_reset=True),
    "plif-per-neuron": one_a_layer(ms.PLIF, per_neuron=True),
    "plif-per-neuron-hard": one_a_layer(ms.PLIF, reset="hard", per_neuron=True),
    "mixed": [ms.PLIF(0.3), ms.LIF(0.7, reset="none"), ms.PLIF(0.6, reset="hard", detach_reset=True, per_neuron=True)],
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def network(rng, sizes=SIZES, **options):
    """Random parameters, with biases that let every layer fire."""
    net = random_network(rng, sizes, **options)
    for i in range(len(net.sizes) - 2):
        net.params[f"layers.{i}.bias"] += 0.5
    net.temperature = 0.7
    return net


def batch(rng, net, B=B, T=T):
    return 1.5 * rng.standard_normal((B, T, net.sizes[0])), rng.integers(0, net.sizes[-1], B)


def relative_error(ours, theirs):
    """max |ours - theirs| / max |theirs|; where theirs is 0 throughout, ours must be as well."""
    largest, difference = np.abs(theirs).max(), np.abs(ours - theirs).max()
    return difference / largest if largest > 0 else np.inf if difference > 0 else 0.0


def assert_equal_to_torch(net, x, y, lengths=None, span_mode="soft", masks=None, zero=()):
    """All that minisnn computes is what torch computes.

    Silence would agree as well, so each layer must fire, and each block of gradients must be different from 0, except
    those whose names end with one of `zero`: they must be 0.
    """
    tape = net.record(x, lengths, span_mode, masks)
    n_steps = len(x) * x.shape[1] if lengths is None else lengths.sum()
    rates = [float(recorded.s.sum() / (n_steps * recorded.s.shape[2])) for recorded in tape.layers]
    assert 0.01 < min(rates) <= max(rates) < 0.95

    loss, grads = net.loss_and_grad(x, y, lengths, span_mode, masks)
    torch_logits, torch_loss, torch_grads = loss_and_grads(net, x, y, lengths, span_mode, masks)
    assert list(grads) == list(torch_grads)
    errors = {
        "logits": relative_error(tape.logits, torch_logits),
        "loss": relative_error(np.array(loss), np.array(torch_loss)),
        **{name: relative_error(block, torch_grads[name]) for name, block in grads.items()},
    }
    if masks is None:
        errors["logits()"] = relative_error(net.logits(x, lengths, span_mode), torch_logits)
    assert {name: error for name, error in errors.items() if not error <= TOLERANCE} == {}
    for name, block in torch_grads.items():
        assert block.any() != name.endswith(tuple(zero)), f"the gradient of {name} is 0, or should be"


@pytest.mark.parametrize("detach_reset", [False, True], ids=["attached", "detached"])
@pytest.mark.parametrize("reset", ["soft", "hard", "none"])
@pytest.mark.parametrize("recurrence", RECURRENCES.values(), ids=RECURRENCES)
def test_recurrences_and_resets(rng, recurrence, reset, detach_reset):
    net = network(rng, recurrence=recurrence, neuron=ms.LIF(0.6, 0.9, reset, detach_reset))
    zero = ["w_rec"] if recurrence == ms.SRC(20) else []
    assert_equal_to_torch(net, *batch(rng, net), zero=zero)


@pytest.mark.parametrize("recurrence", [ms.SRC(3), ms.ASRC(4)], ids=["src", "asrc"])
@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_neurons(rng, neuron, recurrence):
    net = network(rng, recurrence=recurrence, neuron=neuron)
    assert_equal_to_torch(net, *batch(rng, net))


@pytest.mark.parametrize("options", [{}, {"peak": 0.7, "width": 0.6}], ids=["default", "peak-and-width"])
@pytest.mark.parametrize("kind", BUILT_IN)
def test_surrogates(rng, kind, options):
    net = network(rng, recurrence=ms.ASRC(4), surrogate=kind(**options))
    assert_equal_to_torch(net, *batch(rng, net))


@pytest.mark.parametrize("window", [None, 3, 20], ids=["all", "last-3", "window-beyond-T"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("span_mode", ["soft", "hard"])
def test_spans_masks_lengths_and_window(rng, span_mode, masked, lengths, window):
    net = network(rng, recurrence=[ms.ASRC(4), ms.SRC(3), ms.ASRC(15)], neuron=ms.PLIF(0.6, 0.8), readout_window=window)
    # The largest logit, so that the hard span of the last layer is 2: a longer one would not fit into 3 steps.
    net.params["layers.2.span_logits"][1] = 2
    masks = [(rng.random((B, n)) < 0.8) / 0.8 for n in SIZES[1:-1]] if masked else None
    zero = ["span_logits"] if span_mode == "hard" else []
    assert_equal_to_torch(net, *batch(rng, net), lengths=lengths, span_mode=span_mode, masks=masks, zero=zero)


@pytest.mark.parametrize("span_mode", ["soft", "hard"])
@pytest.mark.parametrize("temperature", [0.2, 1, 3])
def test_temperatures(rng, temperature, span_mode):
    net = network(rng, recurrence=RECURRENCES["mixed-own-and-shared"])
    net.temperature = temperature
    zero = ["span_logits"] if span_mode == "hard" else []
    assert_equal_to_torch(net, *batch(rng, net), span_mode=span_mode, zero=zero)


@pytest.mark.parametrize("surrogate", [ms.Triangle(width=0.5), ms.Rectangle(width=0.5)], ids=["triangle", "rectangle"])
def test_exactly_at_the_threshold_and_on_the_edge(rng, surrogate):
    """In quarters and halves nothing is rounded: v - θ is exactly 0 or ± width, and Θ(0) = 1 is put to the test."""
    net = network(rng, recurrence=ms.SRC(3), surrogate=surrogate)
    net.params.flat[...] = np.round(4 * net.params.flat) / 4
    x, y = batch(rng, net)
    x = np.round(x)
    for recorded in net.record(x).layers:
        u = recorded.v - 1
        assert (u == 0).any()
        assert (u == -surrogate.width).any()
        assert (u == surrogate.width).any()
    assert_equal_to_torch(net, x, y)


def test_full_size(rng):
    """Spans far longer than the block of steps that the kernels take at once, and sequences longer still."""
    net = network(
        rng,
        sizes=(1, 16, 12, 8, 10),
        recurrence=[ms.ASRC(41), ms.SRC(15), ms.ASRC(23)],
        neuron=[ms.LIF(), ms.PLIF(0.8), ms.LIF(reset="hard")],
    )
    assert_equal_to_torch(net, *batch(rng, net, B=9, T=100))
