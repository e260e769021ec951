"""The kernels against the spec, and what must hold bit for bit."""

import itertools
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn import checks
from minisnn._internal import announce
from minisnn._internal.threads import in_threads
from minisnn.checks import oracle
from minisnn.core import batch
from minisnn.core.kernels import SLABS

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
    sequences = checks.make_batch(net, x, y, lengths, masks, span_mode)
    spec_loss, spec_grads = oracle.spec_gradients(net, sequences)
    _, logits, tapes = oracle.spec_forward(net, net.params, sequences)
    tape = net.record(x, lengths, span_mode, masks)
    assert relative(tape.logits, logits) < 1e-12
    for b, of_sequence in enumerate(tapes):
        for layer, spec in zip(tape.layers, of_sequence):
            for name in spec._fields:
                recorded, n_steps = getattr(layer, name)[b], len(spec.v)
                assert relative(recorded[:n_steps], getattr(spec, name)) < 1e-12, name
                assert not recorded[n_steps:].any(), name
    loss, grads = net.loss_and_grad(x, y, lengths, span_mode, masks)
    assert abs(loss - spec_loss) < 1e-12 * max(1.0, spec_loss)
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


@pytest.mark.parametrize("B", [1, SLABS - 1, SLABS, SLABS + 1, 3 * SLABS + 2])
def test_batch_equals_loop(rng, B):
    """Whatever the batch, its gradient is the mean of those of its sequences."""
    net = random_network(rng, recurrence=ms.ASRC(6))
    x, y = random_batch(rng, net, B=B)
    loss, grads = net.loss_and_grad(x, y)
    singles = [net.loss_and_grad(x[i : i + 1], y[i : i + 1]) for i in range(B)]
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
        delta, q, dx, grads = oracle.spec_adjoint(net, tape, e.astype(np.float32))
        assert relative(adjoint.dx, dx) < 1e-4
        for i in range(2):
            assert relative(adjoint.delta[i], delta[i]) < 1e-4
            assert relative(adjoint.q[i], q[i]) < 1e-4
            assert relative(adjoint.grads[f"layers.{i}.w_rec"], grads[f"layers.{i}.w_rec"]) < 1e-4


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


def test_evaluation_has_the_bits_of_the_recorded_run(rng):
    """Logits and firing rates without a tape are those with one, for hard spans, and soft ones if asked for."""
    for recurrence in (ms.ASRC(7), ms.SRC(12), ms.SRC(40), ms.Feedforward(), [ms.Recurrent(), ms.ASRC(30)]):
        for window, mode in ((None, "hard"), (4, "soft")):
            net = random_network(rng, (3, 9, 5, 2), recurrence=recurrence, dtype="float32", readout_window=window)
            x, y = random_batch(rng, net, B=19, T=25)
            lengths = rng.integers(1, 26, 19)
            tape = net.record(x, lengths, mode)
            np.testing.assert_array_equal(net.logits(x, lengths, mode), tape.logits)
            rates = net.evaluate(ms.datasets.Split(x, y, lengths), mode).firing_rates
            expected = [layer.s.sum() / (lengths.sum() * layer.s.shape[2]) for layer in tape.layers]
            np.testing.assert_allclose(rates, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "surrogate", [ms.Triangle(), ms.Custom("tent", np.abs, lambda u: np.maximum(0, 1 - np.abs(u)))]
)
def test_same_bits_for_any_number_of_threads(rng, surrogate, monkeypatch):
    """Threads decide nothing, in a batch whose sequences all differ in length, nor in the two halves."""
    monkeypatch.setattr(batch, "NEURON_STEPS", 1)  # a thread is worth it for every batch
    net = random_network(rng, (2, 33, 20, 4), recurrence=[ms.SRC(5), ms.ASRC(7)], dtype="float32", surrogate=surrogate)
    x, y = random_batch(rng, net, B=2 * SLABS + 5, T=60)
    lengths, results = rng.integers(1, 61, len(x)), set()
    for threads in (1, 2, 3, 16):
        monkeypatch.setattr(batch, "n_threads", lambda threads=threads: threads)
        loss, grads = net.loss_and_grad(x, y, lengths)
        tape = net.record(x, lengths)
        adjoint = net.adjoint(tape, np.ones_like(tape.layers[-1].s))
        of_threads = net.loss_and_grad(x, y, lengths, threads=threads)[1]
        arrays = (grads.flat, of_threads.flat, tape.logits, net.logits(x, lengths), adjoint.dx, adjoint.grads.flat)
        results.add((loss, *(array.tobytes() for array in arrays)))
    assert len(results) == 1


def test_each_task_is_done_once_by_as_many_threads_as_asked_for():
    """Tasks are shared out, each room belongs to one thread, and what goes wrong in one of them is raised."""
    done, barrier = [], threading.Barrier(3, timeout=30)

    def run(task, room):
        if not room:
            barrier.wait()  # passes if there are three threads
        room.append(task)
        done.append((task, threading.get_ident(), id(room)))

    in_threads(run, 50, list, threads=3)
    assert sorted(task for task, _, _ in done) == list(range(50))
    assert len({thread for _, thread, _ in done}) == len({room for _, _, room in done}) == 3

    def fail(task, room):
        raise MemoryError(f"task {task}")

    with pytest.raises(MemoryError, match="task"):
        in_threads(fail, 2, list, threads=2)


def test_what_goes_wrong_ends_the_other_threads_too():
    """Each after the task that it is at: Ctrl-C should not wait for the rest of a batch."""
    main, done, interrupted = threading.get_ident(), [], threading.Event()

    def run(task, room):
        if threading.get_ident() == main:
            interrupted.set()
            raise KeyboardInterrupt
        assert interrupted.wait(30)
        time.sleep(0.01)
        done.append(task)

    with pytest.raises(KeyboardInterrupt):
        in_threads(run, 1000, list, threads=2)
    assert len(done) < 100


CHILDREN = """
import multiprocessing, sys, numpy as np, minisnn as ms

def gradient(seed):
    net = ms.Network([2, 33, 20, 4], recurrence=ms.ASRC(7), seed=seed)
    rng = np.random.default_rng(seed)
    x, y = rng.random((40, 60, 2)) * 3, rng.integers(0, 4, 40)
    return net.loss_and_grad(x, y, threads=2)[1].flat.tobytes()

if __name__ == "__main__":
    here = [gradient(seed) for seed in range(3)]  # the parent has used threads before its children start
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map_async(gradient, range(3)).get(timeout=100) == here
    print("same bits")
"""


@pytest.mark.compiled
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_a_process_compute_the_same(method, tmp_path):
    """`multiprocessing` after a gradient in the parent: nothing is killed, nothing hangs."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system can't {method}")
    (tmp_path / "children.py").write_text(CHILDREN)
    command = [sys.executable, str(tmp_path / "children.py"), method]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert result.stdout == "same bits\n", result.stderr


def denormal(array) -> int:
    """How many numbers are neither 0 nor normal."""
    return int(((array != 0) & (np.abs(array) < np.finfo(array.dtype).tiny)).sum())


@pytest.mark.compiled
@pytest.mark.parametrize("dtype, T", [("float32", 400), ("float64", 3300)])
@pytest.mark.parametrize("surrogate", [ms.Triangle(), ms.Gaussian()])
def test_no_denormal_number_is_left(rng, dtype, T, surrogate):
    """Read at the last step alone, after a pulse at the first: v, δ, q and all gradients fade into 0."""
    for recurrence in (ms.Feedforward(), ms.Recurrent(), ms.SRC(5), ms.ASRC(6)):
        net = ms.Network([2, 12, 9, 3], recurrence, ms.LIF(threshold=0.5), surrogate, readout_window=1, dtype=dtype)
        for name in net.params:
            net.params[name] *= 0.3  # W_rec as well, so that hops fade
            if name.endswith("bias"):
                net.params[name] = 0.0
        x = np.zeros((3, T, 2), dtype)
        x[:, 0] = 2.0
        tape = net.record(x)
        e = np.zeros_like(tape.layers[-1].s)
        e[:, -1] = 1.0
        adjoint = net.adjoint(tape, e)
        assert np.abs(adjoint.delta[1][:, -1]).max() > 0
        assert not adjoint.delta[1][:, 0].any()  # it has faded on the way, through the range of denormal numbers
        grads = net.loss_and_grad(x, [0, 1, 2])[1]
        found = {"grads": grads.flat, "dx": adjoint.dx, "of e": adjoint.grads.flat}
        found |= {f"v {i}": layer.v for i, layer in enumerate(tape.layers)}
        found |= {f"delta {i}": delta for i, delta in enumerate(adjoint.delta)}
        found |= {f"q {i}": q for i, q in enumerate(adjoint.q)}
        assert {name: denormal(array) for name, array in found.items()} == dict.fromkeys(found, 0)


def test_nan_stays_nan(rng):
    """What is cut is small, not what is no number."""
    net = random_network(rng, recurrence=ms.ASRC(3), dtype="float64")
    layers, (x, y) = net.layers(), random_batch(rng, net)
    layers[0].bias[2] = np.nan
    ones, lengths = [np.ones((len(x), n)) for n in (5, 4)], np.full(len(x), x.shape[1])
    _, grads = batch.gradients(layers, net.readout(), net.surrogate, x, y, lengths, ones)
    assert np.isnan(grads[0].bias).any()


def test_src_1_is_recurrent_bit_for_bit(rng):
    nets = [random_network(np.random.default_rng(1), recurrence=r) for r in (ms.SRC(1), ms.Recurrent())]
    x, y = random_batch(rng, nets[0])
    (loss, grads), (other_loss, other_grads) = (net.loss_and_grad(x, y) for net in nets)
    assert loss == other_loss
    np.testing.assert_array_equal(grads.flat, other_grads.flat)


@pytest.mark.compiled
def test_calls_from_several_threads():
    """Python threads that use networks at once get what they would get one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    nets = [random_network(rng, (3, 30, 20, 2), recurrence=ms.SRC(k)) for k in (1, 2, 3, 4)]
    x, y = random_batch(rng, nets[0], B=40, T=100)
    expected = [net.loss_and_grad(x, y)[1].flat for net in nets]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for got, want in zip(pool.map(lambda net: net.loss_and_grad(x, y)[1].flat, nets), expected):
                np.testing.assert_array_equal(got, want)


def test_slow_work_is_announced(capsys):
    """After a while, and only then; `warmup` says that the kernels are ready."""
    with announce.announce("counting", after=0.0):
        deadline = time.monotonic() + 30
        while not announce._open.line and time.monotonic() < deadline:
            time.sleep(0.001)
    with announce.announce("nothing", after=600.0):
        pass
    assert re.fullmatch(r"minisnn: counting ... \d+ s\n", capsys.readouterr().err)
    assert ms.warmup(ms.Network([2, 3, 2])) > 0
    assert "kernels for float32 are ready" in capsys.readouterr().err
    with pytest.raises(TypeError, match="net must be a Network, got 'x'"):
        ms.warmup("x")


USED = """
import sys, numpy as np, minisnn as ms
from minisnn.core import kernels
net, x = ms.Network([2, 4, 3, 2], ms.ASRC(3)), np.ones((3, 9, 2))
net.loss_and_grad(x, [0, 1, 0]), net.predict(x), net.adjoint(net.record(x), np.ones((3, 9, 3)))
entries = (kernels.slab_gradients, kernels.slab_logits, kernels.sequence_forward, kernels.sequence_backward)
print([sum(entry.stats.cache_misses.values()) for entry in entries])
"""


@pytest.mark.compiled
def test_a_second_process_compiles_nothing(tmp_path):
    """Whatever is called from Python is read from the cache, the two halves as well."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    command = [sys.executable, "-c", USED]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()
        for _ in range(2)
    )
    assert (first, second) == ("[1, 1, 1, 1]", "[0, 0, 0, 0]")


@pytest.mark.compiled
@pytest.mark.parametrize(
    "surrogate, used", [("ms.Triangle()", [1, 1, 0, 0, 0]), ("ms.Custom('c', derivative=np.tanh)", [1, 1, 1, 1, 1])]
)
def test_warmup_compiles_what_training_and_evaluation_run(surrogate, used):
    """So nothing is compiled in what is timed after it."""
    code = f"""if True:
        import numpy as np, minisnn as ms
        from minisnn.core import kernels
        net = ms.Network([2, 4, 3, 2], ms.ASRC(3), surrogate={surrogate})
        split = ms.datasets.Split(np.ones((3, 9, 2)), np.array([0, 1, 0]))
        ms.warmup(net)
        entries = (kernels.slab_gradients, kernels.slab_logits)
        entries += (kernels.sequence_forward, kernels.loss_and_error, kernels.sequence_backward)
        before = [len(entry.signatures) for entry in entries]
        net.loss_and_grad(split.x, split.y), net.evaluate(split), net.predict(split.x)
        print(before, [len(entry.signatures) for entry in entries])"""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == f"{used} {used}"


def test_import_compiles_nothing_and_draws_nothing():
    code = (
        "import sys, minisnn; from minisnn.core import kernels; "
        "print(len(kernels.slab_gradients.signatures), 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.split() == ["0", "False", "False"]
