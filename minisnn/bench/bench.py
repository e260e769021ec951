"""The benchmark: loss and gradient on the shapes of S-MNIST, beside dense matrix products, and beside other frameworks.

Event-driven time depends on how much is firing, so the biases are set until the hidden layers fire as those of a
trained network do, 20, 10 and 5 % (an untrained deep layer is silent, which would flatter). The dense baseline is
what a perfect dense engine would take: the multiply-adds of forward, and twice of backward, at the rate that BLAS
reaches here, measured in a process of its own, because its threads and Numba's would disturb each other. Seconds are
medians; what is compared was measured in one run.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from ast import literal_eval
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from minisnn import datasets
from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.core.batch import n_threads, prepare
from minisnn.core.recurrence import ASRC, SRC, Recurrent
from minisnn.network import Network
from minisnn.training import fit as training
from minisnn.training import optim

SIZES = (1, 64, 128, 128, 10)
LARGE = (1, 64, 212, 212, 10)
RATES = (0.2, 0.1, 0.05)
N_STEPS = 784
N_SEQUENCES = 256
MODELS = {"RSNN": Recurrent(), "SRC λ=16": SRC(16), "ASRC K=41": ASRC(41), "ASRC hardened": ASRC(41)}
PEERS = {"jax": ("SRC λ=16", "ASRC K=41", "RSNN"), "torch": ("RSNN", "SRC λ=16")}
PEER_BATCHES = (256, 128, 32)  # the largest that a peer can hold is the one that counts

BLAS = """
import time, numpy as np
a, b = (np.random.default_rng(0).random((1024, 1024), dtype=np.float32) for _ in range(2))
times = []
for _ in range(30):
    start = time.perf_counter(); a @ b; times.append(time.perf_counter() - start)
print(1024**3 / sorted(times)[15])
"""

MEMORY = """
from minisnn.bench import bench
net, x, y = bench.problem({model!r}, {n})
net.loss_and_grad(x[:1, :9], y[:1])
print(bench.peak_memory(lambda: net.loss_and_grad(x, y)))
"""

START = """
import time; start = time.perf_counter()
import numba; numba_seconds = time.perf_counter() - start
import minisnn as ms; import_seconds = time.perf_counter() - start - numba_seconds
import numpy as np
start = time.perf_counter()
ms.Network([1, 4, 2]).loss_and_grad(np.ones((2, 3, 1)), [0, 1])
print([import_seconds, time.perf_counter() - start])
"""


def start_up() -> dict:
    """Seconds in new processes: `import minisnn` after `import numba`; the first gradient, cache empty and full."""
    with tempfile.TemporaryDirectory() as folder:
        (_, cold), (import_seconds, warm) = (literal_eval(python(START, NUMBA_CACHE_DIR=folder)) for _ in range(2))
    return {"import": import_seconds, "first_gradient_cold": cold, "first_gradient_warm": warm}


def peak_memory(call) -> int | None:
    """How far this process grows during `call()`, in bytes; None where the system doesn't tell (Linux does)."""
    status = Path("/proc/self/status")
    if not status.exists():
        call()
        return None

    def kilobytes(name):
        return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1])

    Path("/proc/self/clear_refs").write_text("5")  # the peak (VmHWM) starts again from what is in use now
    before = kilobytes("VmRSS")
    call()
    return 1024 * (kilobytes("VmHWM") - before)


def python(code: str, *arguments: str, **environment: str) -> str:
    """The output of a Python process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment}).stdout


def problem(
    model: str, n_sequences: int = N_SEQUENCES, n_steps: int = N_STEPS, sizes=SIZES, rates=RATES
) -> tuple[Network, np.ndarray, np.ndarray]:
    """A network of `MODELS` that fires at about `rates`; of its input 19 % is not 0, as of the pixels of MNIST."""
    rng = stream(0, "bench")
    net = Network(sizes, recurrence=MODELS[model])
    if model == "ASRC hardened":
        net.temperature = 1e-3
        for name in net.params:
            if net.params.blocks[name].role == "span logit":
                net.params[name][15] = 1.0
    x = rng.random((n_sequences, n_steps, 1), dtype=np.float32)
    x *= rng.random(x.shape) < 0.19
    for i, rate in enumerate(rates):
        set_rate(net, x[:4], i, rate)
    return net, x, rng.integers(0, sizes[-1], n_sequences)


def set_rate(net: Network, x, layer: int, rate: float) -> None:
    """Shift the biases of a layer, by bisection, until it fires at this rate on x."""
    bias = net.params[f"layers.{layer}.bias"]
    first = bias.copy()
    low, high = -2.0, 4.0
    for _ in range(13):
        shift = (low + high) / 2
        bias[...] = first + shift
        if net.record(x).layers[layer].s.mean() < rate:
            low = shift
        else:
            high = shift


def multiply_adds(sizes=SIZES) -> int:
    """Of one time step, dense: W_in and W_rec of every hidden layer, once forward and twice backward."""
    return 3 * sum(n_in * n + n * n for n_in, n in pairwise(sizes[:-1]))


def seconds(call, repeats: int) -> list[float]:
    """Of each repeat, after a warm-up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def measure(net: Network, x, y, repeats: int) -> dict:
    """Seconds of loss and gradient, of the forward pass with a tape and without; firing rates; the share of σ′ = 0."""
    data = datasets.Split(x, y)
    tape = net.record(x[:8])
    slopes = [net.surrogate.derivative(t.v - layer.threshold) for t, layer in zip(tape.layers, net.layers())]
    return {
        "seconds": seconds(lambda: net.loss_and_grad(x, y), repeats),
        "evaluation": seconds(lambda: net.evaluate(data, span_mode="soft"), repeats),
        "rates": [float(layer.s.mean()) for layer in tape.layers],
        "zero_slopes": [float((slope == 0).mean()) for slope in slopes],
    }


def growth(repeats: int) -> dict:
    """Seconds of loss and gradient as one size grows, the others fixed: {axis: {size: seconds}}."""

    def median(**options):
        net, x, y = problem(**{"model": "SRC λ=16", "n_sequences": 64, "n_steps": 392, **options})
        return float(np.median(seconds(lambda: net.loss_and_grad(x, y), repeats)))

    by_k = {}
    for k in (5, 10, 20, 40, 80):
        net, x, y = problem("SRC λ=16", 64, 392)
        net = Network(SIZES, recurrence=ASRC(k))
        by_k[k] = float(np.median(seconds(lambda net=net, x=x, y=y: net.loss_and_grad(x, y), repeats)))
    return {
        "T": {T: median(n_steps=T, n_sequences=N_SEQUENCES) for T in (196, 392, 784, 1568)},
        "B": {B: median(n_sequences=B) for B in (32, 64, 128, 256)},
        "N": {n: median(sizes=(1, n, n, n, 10)) for n in (32, 64, 128, 256)},
        "K": by_k,
    }


def slope(sizes_and_seconds: dict) -> float:
    """The slope of log seconds over log size."""
    sizes, times = (np.log(np.array(list(values), float)) for values in (sizes_and_seconds, sizes_and_seconds.values()))
    return float(np.polyfit(sizes, times, 1)[0])


def trained(repeats: int) -> dict:
    """A network after 20 epochs on permuted digits (T = 64), on 256 of its training sequences."""
    data = datasets.digits(permute=True)
    net = Network(SIZES, recurrence=MODELS["SRC λ=16"])
    training.fit(net, data, epochs=20, optimizer=optim.AdamW(lr=5e-3), progress=False)
    return measure(net, data.train.x[:256], data.train.y[:256], repeats)


def threads(repeats: int) -> dict:
    """Median seconds of SRC with one thread and with all."""
    net, x, y = problem("SRC λ=16")
    counts = dict.fromkeys((1, n_threads()))
    return {n: float(np.median(seconds(lambda n=n: net.loss_and_grad(x, y, threads=n), repeats))) for n in counts}


def peers(repeats: int) -> list[dict]:
    """What `peer.py` says of each peer and model, and minisnn's seconds on the same problem."""
    rows = []
    for peer, model in ((peer, model) for peer, models in PEERS.items() for model in models):
        for n in PEER_BATCHES:
            command = [sys.executable, "-m", "minisnn.bench.peer", peer, model, str(n), str(repeats)]
            out = subprocess.run(command, capture_output=True, text=True)
            if out.returncode == 0:
                break
        if out.returncode:
            rows.append({"peer": peer, "model": model, "error": (out.stderr.strip() or "killed").split("\n")[-1]})
            continue
        net, x, y = problem(model, n)
        ours = seconds(lambda net=net, x=x, y=y: net.loss_and_grad(x, y), repeats)
        rows.append({**json.loads(out.stdout.strip().split("\n")[-1]), "minisnn_seconds": ours})
    return rows


def bench(repeats: int = 5, with_peers: bool = False, progress: bool = True) -> dict:
    """Measure all there is; a few minutes.

    Parameters
    ----------
    repeats : int
        Timed runs of each case.
    with_peers : bool
        Whether to time the same model in JAX and PyTorch as well, as far as they are installed.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict
        Plain JSON; `report` and `plots.bench` show it.
    """
    repeats = validate.integer(repeats, "repeats", 1)
    prepare("float32")
    rate = float(python(BLAS))
    results = {"repeats": repeats, "threads_in_use": n_threads(), "blas_multiply_adds_per_second": rate}
    steps = {
        "start_up": start_up,
        "models": lambda: {
            f"{model} {list(sizes[1:-1])}": {
                **measure(*problem(model, sizes=sizes), repeats),
                "dense": multiply_adds(sizes) * N_STEPS * N_SEQUENCES / rate,
            }
            for sizes in (SIZES, LARGE)
            for model in MODELS
        },
        "by_rate": lambda: {
            f"{model} at {r:.0%}": measure(*problem(model, rates=(r, r, r)), repeats)
            for model in ("SRC λ=16", "ASRC K=41")
            for r in (0.01, 0.05, 0.1, 0.2, 0.5)
        },
        "trained": lambda: trained(repeats),
        "growth": lambda: growth(repeats),
        "threads": lambda: threads(repeats),
        "optimizer_step": lambda: optimizer_step(repeats),
        "memory": lambda: {
            model: {n: literal_eval(python(MEMORY.format(model=model, n=n))) for n in (64, 256, 1024)}
            for model in ("SRC λ=16", "ASRC K=41")
        },
    }
    if with_peers:
        steps["peers"] = lambda: peers(repeats)
    for name, step in tqdm(steps.items(), unit="part", disable=not progress, dynamic_ncols=True):
        results[name] = step()
    return json.loads(json.dumps(results))


def optimizer_step(repeats: int) -> list[float]:
    """Seconds of one AdamW step."""
    net = Network(SIZES)
    optimizer, grads = optim.AdamW(), net.params.copy()
    state = optimizer.start(net.params)
    return seconds(lambda: optimizer.update(net.params, grads, state), repeats)


def report(results: dict) -> str:
    """The results as text."""
    start, median = results["start_up"], np.median
    head = f"{'model':<28} {'seconds':>8} {'min .. max':>14} {'dense':>6} {'ratio':>6} {'evaluate':>8}"
    lines = [
        f"one loss and gradient: {N_SEQUENCES} sequences, T = {N_STEPS}, float32, {results['threads_in_use']} threads",
        f"dense: the same multiply-adds at the BLAS peak, {results['blas_multiply_adds_per_second'] / 1e9:.0f} G/s",
        f"{head}  {'firing (%)':<16} slope 0 (%)",
    ]

    def row(name, r):
        s, dense = np.array(r["seconds"]), r.get("dense")
        rates, zero = (" ".join(f"{100 * v:4.1f}" for v in r[key]) for key in ("rates", "zero_slopes"))
        against = f"{dense:6.3f} {median(s) / dense:6.2f}" if dense else f"{'':13}"
        spread = f"{s.min():.3f} .. {s.max():.3f}"
        return f"{name:<28} {median(s):8.3f} {spread:>14} {against} {median(r['evaluation']):8.3f}  {rates:<16} {zero}"

    lines += [row(name, r) for name, r in {**results["models"], **results["by_rate"]}.items()]
    lines.append(row("trained on digits, T = 64", results["trained"]))
    slopes = [f"{axis} {slope(sizes):.2f}" for axis, sizes in results["growth"].items()]
    lines.append(f"log-log slopes of time: {', '.join(slopes)}")
    by_threads = results["threads"]
    gain = max(by_threads.values()) / min(by_threads.values())
    lines.append(f"threads: {', '.join(f'{n}: {s:.3f} s' for n, s in by_threads.items())}; {gain:.2f} times as fast")
    lines.append(f"one AdamW step: {1e3 * median(results['optimizer_step']):.2f} ms")
    for model, by_n in results["memory"].items():
        shown = ", ".join(f"{n}: " + ("?" if m is None else f"{m / 1e6:.0f} MB") for n, m in by_n.items())
        lines.append(f"peak memory above a warm process and the data, {model}, by sequences: {shown}")
    lines.append(
        f"import after numba: {start['import']:.2f} s; first gradient: {start['first_gradient_warm']:.1f} s, "
        f"with an empty cache {start['first_gradient_cold']:.1f} s"
    )
    for r in results.get("peers", []):
        if "error" in r:
            lines.append(f"{r['peer']:<6} {r['model']:<10} failed: {r['error']}")
            continue
        theirs, ours = median(r["seconds"]), median(r["minisnn_seconds"])
        memory = "?" if r["memory"] is None else f"{r['memory'] / 1e6:.0f} MB"
        lines.append(
            f"{r['peer']:<6} {r['model']:<10} B = {r['sequences']:<4} {theirs:7.2f} s, minisnn {ours:.3f} s: "
            f"1/{theirs / ours:.1f} of the time; peak {memory}; loss {r['loss']:.4f}, minisnn {r['minisnn_loss']:.4f}"
        )
    return "\n".join(lines)
