"""The kernels against the spec, and what must hold bit for bit."""

import itertools
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn import checks
from minisnn.checks import oracle
from minisnn.core import batch as engine
from minisnn.core import reference

RESETS = [(reset, detach) for reset in ("soft", "hard", "none") for detach in (False, True)]
RECURRENCES = [
    ms.Feedforward(),
    ms.Recurrent(),
    ms.SRC(3),
    ms.SRC(5),
    ms.SRC(20),
    ms.ASRC(4),
    ms.ASRC(15),
    ms.ASRC(4, shared=True),
    ms.Mixture(6),
    [ms.SRC(2), ms.Feedforward()],
]
SURROGATES = [
    ms.Triangle(0.9, 1.2),
    ms.Rectangle(0.8, 0.7),
    ms.Exponential(0.7, 0.6),
    ms.Sigmoid(0.9, 0.3),
    ms.Gaussian(1.1, 0.5),
    ms.ATan(1.2, 0.4),
    ms.FastSigmoid(0.9, 0.45),
    ms.Custom("cubic", lambda u: u**3 / 3, lambda u: u**2),
]


def neurons(reset, detach):
    return [ms.PLIF(0.6, 0.8, reset, detach), ms.PLIF((0.4, 0.5, 0.6, 0.7), 0.7, reset, detach, per_neuron=True)]


def relative(a, b) -> float:
    """max |a - b| / max |b|; absolute where b is 0."""
    return np.abs(a - b).max() / (np.abs(b).max() or 1.0)


def assert_kernels_equal_spec(net, x, y, lengths=None, span_mode="soft", masks=None):
    batch = checks.make_batch(net, x, y, lengths, masks, spans)
    spec_loss, logits, runs = oracle.spec_forward(net, net.params, batch)
    tape = net.record(x, lengths, spans, masks)
    assert relative(tape.logits, logits) < 1e-12
    for i, run in enumerate(runs):
        for layer, spec in zip(tape.layers, run):
            for name in ("current", "v", "v_reset", "s", "z"):
                recorded = getattr(layer, name)[i]
                n_steps = len(spec.v)
                assert relative(recorded[:n_steps], getattr(spec, name)) < 1e-12, name
                assert not recorded[n_steps:].any(), name
    loss, grads = net.loss_and_grad(x, y, lengths, spans, masks)
    spec_grads = oracle.spec_backward(net, batch, logits, runs)
    assert abs(loss - spec_loss) < 1e-12 * abs(spec_loss)
    for name in grads:
        assert relative(grads[name], spec_grads[name]) < 1e-12, name


@pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda s: getattr(s, "name", type(s).__name__))
def test_kernels_equal_spec(surrogate):
    """Over all resets, detached or not, recurrences, masks, lengths, windows and both kinds of spans."""
    rng = np.random.default_rng(1)
    spiking = 0
    for (reset, detach), recurrence, full in itertools.product(RESETS, RECURRENCES, (True, False)):
        window = None if full else 4
        net = random_network(
            rng, recurrence=recurrence, neuron=neurons(reset, detach), surrogate=surrogate, readout_window=window
        )
        x, y = random_batch(rng, net, B=3)
        lengths = None if full else [11, 1, 6]
        masks = None if full else [rng.integers(0, 2, (3, n)) / 0.5 for n in (5, 4)]
        spiking += net.record(x).layers[1].s.any()
        assert_kernels_equal_spec(net, x, y, lengths, "soft" if full else "hard", masks)
        assert_kernels_equal_spec(net, x, y, lengths, "hard" if full else "soft", masks)
    assert spiking > 50  # the comparison is not one of silent layers


def test_lif_neurons_equal_spec(rng):
    """Fixed decays, one for all and one for each, at both ends of their range."""
    for decay in (0.0, 0.5, 1.0, (0.0, 0.3, 0.9, 1.0, 0.5)):
        net = random_network(rng, (3, 5, 2), neuron=ms.LIF(decay, threshold=(0.5, 1.0, 0.7, 0.9, 1.1)))
        assert_kernels_equal_spec(net, *random_batch(rng, net))


@pytest.mark.parametrize("n_lanes", [1, engine.SLABS - 1, engine.SLABS, engine.SLABS + 1, 3 * engine.SLABS + 2])
def test_batch_equals_loop(rng, n_lanes):
    """Whatever the batch, its gradient is the mean of those of its sequences."""
    net = random_network(rng, recurrence=ms.ASRC(6))
    x, y = random_batch(rng, net, B=n_lanes)
    loss, grads = net.loss_and_grad(x, y)
    singles = [net.loss_and_grad(x[i : i + 1], y[i : i + 1]) for i in range(n_lanes)]
    assert loss == pytest.approx(np.mean([single for single, _ in singles]), rel=1e-13)
    assert relative(grads.flat, np.mean([single.flat for _, single in singles], axis=0)) < 1e-12


def test_float32_backward_on_a_shared_tape(rng):
    """The float32 kernels' backward against the spec in float64, along the float32 run."""
    for (reset, detach), recurrence in itertools.product(RESETS, (ms.SRC(5), ms.ASRC(7), ms.Recurrent())):
        neuron = ms.LIF(0.6, 0.8, reset, detach)
        net = random_network(rng, (3, 12, 9, 4), dtype="float32", recurrence=recurrence, neuron=neuron)
        x, _ = random_batch(rng, net, B=5, T=40)
        tape = net.record(x)
        e = rng.standard_normal(tape.layers[-1].s.shape)
        adjoint = net.adjoint(tape, e)
        layers = net.layers("soft")
        totals = None
        for i in range(len(x)):
            run = [
                reference.LayerTape(*(getattr(t, name)[i].astype(np.float64) for name in reference.LayerTape._fields))
                for t in tape.layers
            ]
            slopes = oracle.slopes(net, layers, run)
            ones = [np.ones(n) for n in net.sizes[1:-1]]
            x_i = tape.x[i].astype(np.float64)
            grads = reference.sequence_backward(e[i].astype(np.float32), x_i, run, slopes, layers, ones)
            for delta, q, spec in zip(adjoint.delta, adjoint.q, grads):
                assert relative(delta[i], spec.delta) < 1e-4
                assert relative(q[i], spec.q) < 1e-4
            assert relative(adjoint.dx[i], grads[0].dx) < 1e-4
            w_rec = [d.d_w_rec for d in grads]
            totals = w_rec if totals is None else [a + b for a, b in zip(totals, w_rec)]
        for layer, total in enumerate(totals):
            assert relative(adjoint.grads[f"layers.{layer}.w_rec"], total) < 1e-4


def test_float32_forward_until_a_spike_could_flip(rng):
    """In each sequence the potentials agree up to the first step at which one is within 1e-4 of the threshold."""
    compared = 0
    for recurrence in (ms.SRC(4), ms.ASRC(6)):
        net = random_network(rng, (3, 8, 7, 2), recurrence=recurrence)
        x, _ = random_batch(rng, net, B=6, T=50)
        x = x.astype(np.float32)
        single, double = net.astype("float32").record(x), net.record(x)
        for i in range(len(x)):
            near = [(np.abs(layer.v[i] - 1.0) < 1e-4).any(axis=1) for layer in double.layers]
            first = int(np.argmax(np.any(near, axis=0))) if np.any(near) else x.shape[1]
            compared += first
            for a, b in zip(single.layers, double.layers):
                np.testing.assert_allclose(a.v[i, :first], b.v[i, :first], atol=1e-4)
                np.testing.assert_array_equal(a.s[i, :first], b.s[i, :first])
    assert compared > 300


@pytest.mark.parametrize("chunk", [1, 3, 8, 30])
def test_evaluation_in_chunks_has_the_same_bits(rng, monkeypatch, chunk):
    """Without a tape, whatever the pieces: logits and firing rates are those of the recorded run."""
    monkeypatch.setattr(engine, "CHUNK", chunk)
    for recurrence in (ms.ASRC(7), ms.SRC(12), ms.SRC(40), ms.Feedforward(), [ms.Recurrent(), ms.ASRC(30)]):
        for window in (None, 4):
            net = random_network(rng, (3, 9, 5, 2), recurrence=recurrence, dtype="float32", readout_window=window)
            x, y = random_batch(rng, net, B=19, T=25)
            lengths = rng.integers(1, 26, 19)
            tape = net.record(x, lengths)
            np.testing.assert_array_equal(net.logits(x, lengths), tape.logits)
            rates = net.evaluate(ms.datasets.Split(x, y, lengths), span_mode="soft").firing_rates
            expected = [layer.s.sum() / (lengths.sum() * layer.s.shape[2]) for layer in tape.layers]
            np.testing.assert_allclose(rates, expected, rtol=1e-6)


BITS = """
import hashlib, numpy as np, minisnn as ms
rng = np.random.default_rng(3)
for recurrence in (ms.SRC(5), ms.ASRC(7)):
    net = ms.Network([2, 33, 20, 4], recurrence=recurrence, seed=5)
    x, y = rng.random((21, 60, 2)) * 3, rng.integers(0, 4, 21)
    loss, grads = net.loss_and_grad(x, y)
    assert net.record(x).layers[1].s.any()
    print(hashlib.sha256(grads.flat.tobytes() + np.float64(loss).tobytes() + net.logits(x).tobytes()).hexdigest())
"""


def test_same_bits_for_any_number_of_threads():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", BITS],
            env={**os.environ, "NUMBA_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2


def test_same_bits_for_any_number_of_lanes(rng, monkeypatch):
    """How many sequences run at once decides nothing."""
    net = random_network(rng, recurrence=ms.ASRC(5), dtype="float32")
    x, y = random_batch(rng, net, B=2 * engine.SLABS + 5)
    results = []
    for lanes in (1, 2, 4, 16):
        monkeypatch.setattr(engine, "FEWEST_LANES", lanes)
        loss, grads = net.loss_and_grad(x, y)
        results.append(
            (loss, grads.flat.tobytes(), net.adjoint(net.record(x), np.ones((len(x), 11, 4))).grads.flat.tobytes())
        )
    assert len(set(results)) == 1


def test_src_1_is_recurrent_bit_for_bit(rng):
    nets = [random_network(np.random.default_rng(1), recurrence=r) for r in (ms.SRC(1), ms.Recurrent())]
    x, y = random_batch(rng, nets[0])
    (loss, grads), (other_loss, other_grads) = (net.loss_and_grad(x, y) for net in nets)
    assert loss == other_loss
    np.testing.assert_array_equal(grads.flat, other_grads.flat)


def test_calls_from_several_threads():
    """Python threads that use networks at once get what they would get one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    nets = [random_network(rng, recurrence=ms.SRC(k)) for k in (1, 2, 3, 4)]
    x, y = random_batch(rng, nets[0], B=20)
    expected = [net.loss_and_grad(x, y)[1].flat for net in nets]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for got, want in zip(pool.map(lambda net: net.loss_and_grad(x, y)[1].flat, nets), expected):
                np.testing.assert_array_equal(got, want)


def test_slow_work_is_announced(capsys):
    """After a while, and only then; `warmup` says that the kernels are ready."""
    with engine.announce("counting", after=0.05):
        time.sleep(0.2)
    with engine.announce("nothing"):
        pass
    assert re.fullmatch(r"minisnn: counting ... 0 s\n", capsys.readouterr().err)
    assert ms.warmup(ms.Network([2, 3, 2])) < 60
    assert "kernels for float32 are ready" in capsys.readouterr().err


def test_import_compiles_nothing_and_draws_nothing():
    code = (
        "import sys, minisnn; from minisnn.core import kernels; "
        "print(len(kernels.forward_lanes.signatures), 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.split() == ["0", "False", "False"]
