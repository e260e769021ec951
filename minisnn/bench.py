"""The benchmark: one loss and gradient on the shapes of S-MNIST, beside the same multiply-adds as dense matrix
products.

Event-driven time depends on how much is firing, so the biases are set until the hidden layers fire as those of a
trained network do, 20, 10 and 5 % (an untrained deep layer is silent, which would flatter). The dense baseline is
what a perfect dense engine would take: the multiply-adds of forward, and twice of backward, at the rate that BLAS
reaches here, measured in a process of its own, because its threads and Numba's would disturb each other.
"""

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

from minisnn import _validate, engine
from minisnn.network import Network
from minisnn.params import stream
from minisnn.recurrence import ASRC, SRC, Recurrent

SIZES = [1, 64, 128, 128, 10]
RATES = (0.2, 0.1, 0.05)
N_STEPS = 784
N_SEQUENCES = 256
MODELS = {"RSNN": Recurrent(), "SRC λ=16": SRC(16), "ASRC K=41": ASRC(41)}

BLAS = """
import time, numpy as np
a, b = (np.random.default_rng(0).random((1024, 1024), dtype=np.float32) for _ in range(2))
times = []
for _ in range(30):
    start = time.perf_counter(); a @ b; times.append(time.perf_counter() - start)
print(1024**3 / sorted(times)[15])
"""

MEMORY = """
from minisnn import bench
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
        return None

    def kilobytes(name):
        return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1])

    Path("/proc/self/clear_refs").write_text("5")  # the peak (VmHWM) starts again from what is in use now
    before = kilobytes("VmRSS")
    call()
    return 1024 * (kilobytes("VmHWM") - before)


def problem(
    model: str, n_sequences: int = N_SEQUENCES, n_steps: int = N_STEPS
) -> tuple[Network, np.ndarray, np.ndarray]:
    """A network of `MODELS` that fires at about `RATES`; of its input 19 % is not 0, as of the pixels of MNIST."""
    rng = stream(0, "bench")
    net = Network(SIZES, recurrence=MODELS[model])
    x = rng.random((n_sequences, n_steps, 1), dtype=np.float32)
    x *= rng.random(x.shape) < 0.19
    for i, rate in enumerate(RATES):
        set_rate(net, x[:4], i, rate)
    return net, x, rng.integers(0, SIZES[-1], n_sequences)


def set_rate(net: Network, x, layer: int, rate: float) -> None:
    """Shift the biases of a layer, by bisection, until it fires at this rate on x."""
    bias = net.params[f"layers.{layer}.bias"]
    first = bias.copy()
    low, high = -2.0, 2.0
    for _ in range(12):
        shift = (low + high) / 2
        bias[...] = first + shift
        if net.record(x).layers[layer].s.mean() < rate:
            low = shift
        else:
            high = shift


def multiply_adds(sizes=SIZES) -> int:
    """Of one time step, dense: W_in and W_rec of every hidden layer, once forward and twice backward."""
    return 3 * sum(n_in * n + n * n for n_in, n in pairwise(sizes[:-1]))


def python(code: str, **environment: str) -> str:
    """The output of a Python process of its own."""
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout


def bench(repeats: int = 5) -> dict:
    """Measure; see the head of this module.

    Returns
    -------
    dict
        `start_up`; `dense_seconds`; for each model `seconds` (all repeats), `rates`, `zero_slopes` (share of σ′ = 0
        in each layer) and `memory` (bytes above a warm process and the data, by number of sequences).
    """
    repeats = _validate.integer(repeats, "repeats", 1)
    engine.prepare("float32")
    results = {"start_up": start_up(), "models": {}}
    macs = multiply_adds() * N_STEPS * N_SEQUENCES
    results["dense_seconds"] = macs / float(python(BLAS))
    for model in MODELS:
        net, x, y = problem(model)
        net.loss_and_grad(x, y)
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            net.loss_and_grad(x, y)
            seconds.append(time.perf_counter() - start)
        tape = net.record(x[:8])
        slopes = [net.surrogate.derivative(t.v - layer.threshold) for t, layer in zip(tape.layers, net.layers())]
        results["models"][model] = {
            "seconds": seconds,
            "rates": [float(layer.s.mean()) for layer in tape.layers],
            "zero_slopes": [float((slope == 0).mean()) for slope in slopes],
            "memory": {n: literal_eval(python(MEMORY.format(model=model, n=n))) for n in (64, 256, 1024)},
        }
    return results


def report(results: dict) -> str:
    """The results as text."""
    dense, start = results["dense_seconds"], results["start_up"]
    lines = [
        f"one loss and gradient: {N_SEQUENCES} sequences, T = {N_STEPS}, {SIZES}, float32",
        f"import minisnn after numba: {start['import']:.2f} s; first gradient: {start['first_gradient_warm']:.1f} s, "
        f"with an empty cache {start['first_gradient_cold']:.1f} s",
        f"the same multiply-adds, dense, at the BLAS peak of this machine: {dense:.3f} s",
        f"{'model':<10} {'seconds':>8} {'min .. max':>14} {'of dense':>8}  {'firing (%)':<15} {'slope 0 (%)':<15} "
        "MB for 64, 256, 1024",
    ]
    for model, r in results["models"].items():
        seconds = np.array(r["seconds"])
        rates, zero = (" ".join(f"{100 * v:4.1f}" for v in r[name]) for name in ("rates", "zero_slopes"))
        memory = ", ".join("?" if n is None else f"{n / 1e6:.0f}" for n in r["memory"].values())
        lines.append(
            f"{model:<10} {np.median(seconds):8.3f} {f'{seconds.min():.3f} .. {seconds.max():.3f}':>14} "
            f"{np.median(seconds) / dense:8.2f}  {rates:<15} {zero:<15} {memory}"
        )
    return "\n".join(lines)
