"""The parts of the benchmark: functions that measure one thing each, and return numbers by name."""

import json
import subprocess
import sys
import warnings
from ast import literal_eval
from functools import partial
from importlib.util import find_spec

import numpy as np

from minisnn import datasets
from minisnn._internal.threads import n_threads
from minisnn.analysis.gradients import slopes
from minisnn.bench import problems
from minisnn.bench.measuring import in_turns, python
from minisnn.bench.problems import COMPARED, MODELS, N_SEQUENCES, N_STEPS, problem
from minisnn.core.recurrence import ASRC
from minisnn.network import Network
from minisnn.training import fit as training
from minisnn.training import optim

PACKAGES = {"JAX": "jax", "PyTorch": "torch"}
PEER_BATCHES = (256, 128, 32)  # the largest that fits into a peer's memory counts

MEMORY = """
from minisnn.bench.measuring import peak_memory
from minisnn.bench.problems import problem
net, x, y = problem({model!r}, {n})
net.loss_and_grad(x[:1, :9], y[:1])
print(peak_memory(lambda: net.loss_and_grad(x, y)))
"""


def measure(cases: dict, repeats: int) -> dict:
    """Measure each (net, x, y), by name: seconds of gradient and evaluation, firing rates, shares of σ′ = 0."""
    gradients = {name: partial(net.loss_and_grad, x, y) for name, (net, x, y) in cases.items()}
    data = {name: datasets.Split(x, y) for name, (_, x, y) in cases.items()}
    evaluations = {name: partial(net.evaluate, data[name], span_mode="soft") for name, (net, _, _) in cases.items()}
    seconds, evaluation = in_turns(gradients, repeats), in_turns(evaluations, repeats)
    numbers = {}
    for name, (net, x, _) in cases.items():
        tape = net.record(x[:8])
        numbers[name] = {
            "seconds": seconds[name],
            "evaluation": evaluation[name],
            "rates": [float(layer.s.mean()) for layer in tape.layers],
            "zero_slopes": [float((slopes(net, tape, i) == 0).mean()) for i in range(len(tape.layers))],
            "multiply_adds": problems.multiply_adds(net.sizes) * x.size,
        }
    return numbers


def models(kind: str, names, repeats: int) -> dict:
    """Measure models on one kind of problem."""
    return {kind: measure({model: problem(model, kind=kind) for model in names}, repeats)}


def large(repeats: int) -> dict:
    """Measure the paper's larger networks on the sparse problem."""
    return {"large, sparse": measure({model: problem(model, sizes=problems.LARGE) for model in MODELS}, repeats)}


def by_rate(repeats: int) -> dict:
    """Measure networks all of whose layers fire at one rate."""
    cases = {
        f"{model} at {rate:.0%}": problem(model, rates=(rate, rate, rate))
        for model in ("SRC λ=16", "ASRC K=41")
        for rate in (0.01, 0.05, 0.1, 0.2, 0.5)
    }
    return {"all layers at one rate": measure(cases, repeats)}


def trained(repeats: int) -> dict:
    """Measure a network after 20 epochs on permuted digits (T = 64), with 256 of its training sequences."""
    data, net = datasets.digits(permute=True), problems.network("SRC λ=16", problems.SIZES)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # upper layers are silent at first
        training.fit(net, data, epochs=20, optimizer=optim.AdamW(lr=5e-3), progress=False)
    return {"trained on digits": measure({"SRC λ=16, T = 64": (net, data.train.x[:256], data.train.y[:256])}, repeats)}


def threads(repeats: int) -> dict:
    """Time one gradient with one thread, two and all, on the sparse problem and on 64 digits.

    For digits it is the mean over the three models; these runs are short, so they are timed ten times as often.
    """
    net, x, y = problem("SRC λ=16")
    batches = [problems.digits(model) for model in COMPARED]

    def digits(n):
        for net, x, y in batches:
            net.loss_and_grad(x, y, threads=n)

    counts = sorted({1, min(2, n_threads()), n_threads()})
    long = in_turns({n: partial(net.loss_and_grad, x, y, threads=n) for n in counts}, repeats)
    short = in_turns({n: partial(digits, n) for n in counts}, 10 * repeats)
    return {
        f"SRC λ=16, B = {N_SEQUENCES}, T = {N_STEPS}": long,
        "64 digits, T = 64": {n: [s / len(batches) for s in seconds] for n, seconds in short.items()},
    }


def optimizer_step(repeats: int) -> dict:
    """Time one step of AdamW."""
    net = Network(problems.SIZES)
    optimizer, grads = optim.AdamW(), net.params.copy()
    state = optimizer.start(net.params)
    return in_turns({"AdamW": lambda: optimizer.update(net.params, grads, state)}, 10 * repeats)


def memory(model: str, batches) -> dict:
    """Measure the peak bytes of one gradient above a warm process and the data, by number of sequences.

    With a fixed threshold glibc returns large arrays to the system when they are freed, so that none is reused.
    """
    fixed = {"MALLOC_MMAP_THRESHOLD_": "65536"}
    return {model: {n: literal_eval(python(MEMORY.format(model=model, n=n), **fixed)) for n in batches}}


def growth(repeats: int) -> dict:
    """Measure the median seconds of loss and gradient as one size grows, the others fixed: {axis: {size: seconds}}."""
    axes = {
        "T": {T: {"n_steps": T, "n_sequences": N_SEQUENCES} for T in (196, 392, 784, 1568)},
        "B": {B: {"n_sequences": B} for B in (32, 64, 128, 256)},
        "N": {n: {"sizes": (1, n, n, n, 10)} for n in (32, 64, 128, 256)},
        "K": {k: {"model": ASRC(k)} for k in (5, 10, 20, 40, 80)},
    }
    fixed, medians = {"model": "SRC λ=16", "n_sequences": 64, "n_steps": 392}, {}
    for axis, sizes in axes.items():
        cases = {size: problem(**{**fixed, **options}) for size, options in sizes.items()}
        seconds = in_turns({size: partial(net.loss_and_grad, x, y) for size, (net, x, y) in cases.items()}, repeats)
        medians[axis] = {size: float(np.median(times)) for size, times in seconds.items()}
    return medians


def peer(peer: str, model: str, kind: str, repeats: int) -> dict:
    """Run `peer.py`, with fewer sequences where memory is short."""
    name, row = f"{peer}, {model}, {kind}", {"peer": peer, "model": model, "kind": kind}
    if find_spec(PACKAGES[peer]) is None:
        return {name: {**row, "error": "not installed"}}
    for n in PEER_BATCHES:
        command = [sys.executable, "-m", "minisnn.bench.peer", peer, model, kind, str(n), str(repeats)]
        out = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if out.returncode == 0:
            return {name: json.loads(out.stdout.strip().split("\n")[-1])}
    return {name: {**row, "error": (out.stderr.strip() or "killed").split("\n")[-1]}}
