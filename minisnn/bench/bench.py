"""The benchmark: loss and gradient on the shapes of S-MNIST, beside matrix products and other frameworks.

It is a list of parts (`cases.py`), each of which adds numbers to one group of the results. "Products" is the time that
a perfect engine without events would take: the multiply-adds of the forward pass and twice as many of the backward
pass, at the speed that BLAS reaches here. What is compared takes turns within one run; all seconds shown are medians.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from minisnn._internal import announce, validate
from minisnn._internal.display import counted
from minisnn._internal.threads import n_threads
from minisnn._internal.version import __version__
from minisnn.bench import cases
from minisnn.bench.measuring import blas_speed, in_turns, processor, python, start_up, versions
from minisnn.bench.problems import COMPARED, KINDS, MODELS, N_SEQUENCES, N_STEPS, problem, set_rate
from minisnn.compilation import prepare

__all__ = ["bench", "problem", "python", "report", "set_rate"]

PEERS = {  # one gradient of theirs takes about as long as this many of minisnn's RSNN
    ("JAX", "RSNN"): 2,
    ("JAX", "SRC λ=16"): 2.5,
    ("JAX", "ASRC K=41"): 12,
    ("PyTorch", "RSNN"): 4,
    ("PyTorch", "SRC λ=16"): 4,
}


@dataclass(frozen=True)
class Part:
    """A measurement: `run()` returns entries of the group's results. It takes about as long as the other fields say."""

    group: str
    run: Callable[[], dict]
    gradients: float  # as many gradients of an RSNN with 256 sequences, T = 784,
    seconds: float = 0.0  # and so many seconds


def bench(repeats: int | None = None, with_peers: bool = False, full: bool = False, progress: bool = True) -> dict:
    """Measure time and memory of one loss and gradient.

    Parameters
    ----------
    repeats : int, optional
        Timed runs of each case; default: 3, or 5 with `full`.
    with_peers : bool
        Whether to time the same models in JAX and PyTorch as well, as far as they are installed.
    full : bool
        Whether to measure more than the models on both kinds of problem, threads, start-up and memory: also larger
        networks, other firing rates, a trained network, and how time grows with each size.
    progress : bool
        Whether to write to stderr about how long it will take, and to show a progress bar.

    Returns
    -------
    dict
        Plain JSON. `report` and `plots.bench` show it.
    """
    repeats = (5 if full else 3) if repeats is None else validate.integer(repeats, "repeats", 1)
    prepare("float32")
    chosen, gradient = parts(repeats, full, with_peers), seconds_of_a_gradient()
    if progress:
        estimate = sum(part.seconds + part.gradients * gradient for part in chosen)
        announce.say(f"minisnn: the benchmark takes about {minutes(estimate)}, on a busy machine more")
    packages = ("numpy", "numba", *(cases.PACKAGES.values() if with_peers else ()))
    results = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": n_threads(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {"minisnn": __version__, **versions(*packages)},
        "repeats": repeats,
        "full": full,
        "blas_multiply_adds_per_second": blas_speed(),
    }
    with announce.progress(len(chosen), "part", progress) as advance:
        for part in chosen:
            results.setdefault(part.group, {}).update(part.run())
            advance(measured=part.group.replace("_", " "))
    return json.loads(json.dumps(results))


def parts(repeats: int, full: bool, with_peers: bool) -> list[Part]:
    """List what is to be measured, and what it costs."""
    runs, names = 1 + repeats, tuple(MODELS) if full else COMPARED
    chosen = [
        Part("start_up", start_up, 0, 20),
        *(Part("models", partial(cases.models, kind, names, repeats), 2 + 1.5 * runs * len(names)) for kind in KINDS),
        Part("by_threads", partial(cases.threads, repeats), 1 + 2 * runs),
        Part("optimizer", partial(cases.optimizer_step, repeats), 0, 1),
    ]
    if full:
        chosen += [
            *(Part("memory", partial(cases.memory, model, (64, 256, 1024)), 6, 7) for model in COMPARED),
            Part("models", partial(cases.large, repeats), 3 + 10 * runs),
            Part("models", partial(cases.by_rate, repeats), 5 + 12 * runs),
            Part("models", partial(cases.trained, repeats), 8),
            Part("growth", partial(cases.growth, repeats), 5 + 5 * runs),
        ]
    else:
        chosen.append(Part("memory", partial(cases.memory, "SRC λ=16", (64, 1024)), 3, 5))
    if with_peers:
        chosen += [
            Part("peers", partial(cases.peer, peer, model, kind, repeats), runs * (1 + times), 15)
            for (peer, model), times in PEERS.items()
            for kind in KINDS
        ]
    return chosen


def seconds_of_a_gradient() -> float:
    """Measure the unit in which parts state their cost, from a quarter of the sequences."""
    net, x, y = problem("RSNN", N_SEQUENCES // 4)
    return 4 * in_turns({"RSNN": lambda: net.loss_and_grad(x, y)}, 1)["RSNN"][0]


def minutes(seconds: float) -> str:
    """Put seconds into words, e.g. "2 minutes"."""
    return counted(max(1, round(seconds / 60)), "minute")


# The report


def report(results: dict) -> str:
    """Write the results as text."""
    blocks = [heading(results), *tables(results), facts(results)]
    if "peers" in results:
        blocks.append([peer_row(row) for row in results["peers"].values()])
    return "\n\n".join("\n".join(block) for block in blocks)


def heading(results: dict) -> list[str]:
    """Say what machine it is, how busy it was (peers, which wait for threads, suffer most), and what is measured."""
    busy = "" if results["load"] is None else f"; load before the start {results['load']:.1f}"
    return [
        f"{results['processor']}; {results['cores']} cores, {results['threads']} threads in use{busy}",
        ", ".join(f"{name} {version}" for name, version in results["versions"].items()),
        f"one loss and gradient: {N_SEQUENCES} sequences, T = {N_STEPS}, float32; the median of {results['repeats']}",
        f"products: the same multiply-adds as matrix products at the speed of BLAS here, "
        f"{results['blas_multiply_adds_per_second'] / 1e9:.0f} G/s",
    ]


def tables(results: dict) -> list[list[str]]:
    """Make the tables of models, one block per group."""
    speed = results["blas_multiply_adds_per_second"]
    head = f"{'seconds':>8} {'min .. max':>14} {'products':>8} {'ratio':>6} {'evaluate':>8}"
    return [
        [
            f"{group}: {KINDS[group]}" if group in KINDS else group,
            f"{'model':<17} {head}  {'firing (%)':<16} slope 0 (%)",
            *(model_row(name, row, speed) for name, row in rows.items()),
        ]
        for group, rows in results["models"].items()
    ]


def facts(results: dict) -> list[str]:
    """Make the other lines, one per fact."""
    lines, start = [], results["start_up"]
    for what, by_count in results["by_threads"].items():
        medians = {n: np.median(seconds) for n, seconds in by_count.items()}
        one = medians.pop("1")
        more = "".join(f"; {n} threads {s:.4f} s, {one / s:.2f} times as fast" for n, s in medians.items())
        lines.append(f"{what}: 1 thread {one:.4f} s{more}")
    milliseconds = 1e3 * seconds_of_digits(results)
    lines.append(f"one gradient of 64 digits, T = 64, the mean of {', '.join(COMPARED)}: {milliseconds:.1f} ms")
    lines.append(f"one AdamW step: {1e3 * np.median(results['optimizer']['AdamW']):.2f} ms")
    lines.append(
        f"import after numba: {start['import']:.2f} s; first gradient: {start['first_gradient_warm']:.1f} s, "
        f"with an empty cache {start['first_gradient_cold']:.1f} s"
    )
    for model, by_n in results["memory"].items():
        shown = ", ".join(f"{n}: {megabytes(m)}" for n, m in by_n.items())
        lines.append(f"peak memory above a warm process and the data, {model}, by sequences: {shown}")
    if "growth" in results:
        exponents = [f"{axis} {exponent(sizes):.2f}" for axis, sizes in results["growth"].items()]
        lines.append(f"time grows as a power of the size: {', '.join(exponents)}")
    return lines


def model_row(name: str, row: dict, speed: float) -> str:
    """Make a line of the tables of models."""
    seconds, products = np.array(row["seconds"]), row["multiply_adds"] / speed
    spread = f"{seconds.min():.3f} .. {seconds.max():.3f}"
    rates, zero = (" ".join(f"{100 * share:4.1f}" for share in row[key]) for key in ("rates", "zero_slopes"))
    median, evaluation = np.median(seconds), np.median(row["evaluation"])
    times = f"{median:8.3f} {spread:>14} {products:8.3f} {median / products:6.2f} {evaluation:8.3f}"
    return f"{name:<17} {times}  {rates:<16} {zero}"


def peer_row(row: dict) -> str:
    """Make the line for one peer, model and kind of problem."""
    name = f"{row['kind']:<7} {row['model']:<10}"
    if "error" in row:
        return f"{name} {row['peer']} failed: {row['error']}"
    theirs, ours = np.median(row["seconds"]), np.median(row["minisnn_seconds"])
    ratio = f"1/{theirs / ours:.1f} of" if ours < theirs else f"{ours / theirs:.1f} times"
    return (
        f"{name} {ratio} the time of {row['peer']} (B = {row['sequences']}: {ours:.3f} and {theirs:.3f} s); "
        f"its peak {megabytes(row['memory'])}; loss {row['minisnn_loss']:.4f} and {row['loss']:.4f}"
    )


def seconds_of_digits(results: dict) -> float:
    """Return the median seconds of one gradient of 64 digits with all threads, the mean over the models compared."""
    return float(np.median(results["by_threads"]["64 digits, T = 64"][str(results["threads"])]))


def exponent(seconds_by_size: dict) -> float:
    """Fit the slope of log seconds over log size."""
    sizes, times = (np.log(np.array(list(values), float)) for values in (seconds_by_size, seconds_by_size.values()))
    return float(np.polyfit(sizes, times, 1)[0])


def megabytes(n_bytes: int | None) -> str:
    """Write e.g. "13 MB"; "?" if unknown."""
    return "?" if n_bytes is None else f"{n_bytes / 1e6:.0f} MB"
