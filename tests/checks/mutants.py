"""Planted errors: each changes the real source of the engine in one place; the gradient checks must catch every one.

    python tests/mutants.py            plant them all; print which rung of the ladder catches which
    python tests/mutants.py --write    and write the table into tests/MUTANTS.md

A mutant is run as plain Python (NUMBA_DISABLE_JIT=1) on small networks, in a copy of the package. The rungs are climbed
in order and the first that fails is named, so an error in the spec is caught by 2 or 3, and one in the kernels alone by 4
at the earliest.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import minisnn
from minisnn.checks import LADDER

PACKAGE = Path(minisnn.__file__).parent
TABLE = Path(__file__).parent / "MUTANTS.md"

PROBE = """
import sys
from minisnn import checks
try:
    checks.check_all(
        recurrence=["asrc-4", "asrc-5-shared", "asrc-11", "src-3"],
        neuron=["plif-per-neuron", "plif"],
        reset=["soft", "hard", "hard-detached"],
        surrogate={surrogate!r},
        rungs={rungs!r},
    )
except checks.GradientError as error:
    row = error.report.wrong[0]
    sys.exit("caught by " + row.rung + ": " + row.block)
"""


@dataclass(frozen=True)
class Mutant:
    """One planted error: `old` stands once in `file` and becomes `new`."""

    file: str
    what: str
    old: str
    new: str
    surrogate: str = "sigmoid"

    @property
    def rungs(self) -> list[str]:
        """Those worth climbing: 2 and 3 run the spec alone, so they can't see an error of the kernels and their drivers."""
        skipped = ("2 smooth", "3 replay") if self.file in ("kernels.py", "engine.py", "network.py") else ()
        return [rung for rung in LADDER if rung not in skipped]


SPEC = [
    ("z[t - k] read one step late", "current[t] += p * z[t - k]", "current[t] += p * z[t - k - 1]"),
    ("a span that reaches before t = 0", "if t - k >= 0:\n                current[t]", "if t >= 0:\n                current[t]"),
    ("the mask left out forward", "mask * (x[t] @ w_in + bias)", "(x[t] @ w_in + bias)"),
    ("the mask on the input, not on the bias", "mask * (x[t] @ w_in + bias)", "mask * (x[t] @ w_in) + bias"),
    ("no leak at all", "v[t] = decay * v_before + current[t]", "v[t] = v_before + current[t]"),
    ("the leak of v, not of v⁺", "v_before = v_reset[t]", "v_before = v[t]"),
    ("the soft reset in place of the hard one", "(a * threshold + h * v[t])\n        v_before", "(a + h) * threshold\n        v_before"),
    ("W_rec transposed forward", "z[t] = s[t] @ w_rec", "z[t] = s[t] @ w_rec.T"),
    ("a gathering one step short, λ - 1", "q[t] += p * delta[t + k]", "q[t] += p * delta[t + k - 1]"),
    ("the last tap left out, K - 1", "zip(delays, weights):\n            if t + k < T:", "zip(delays[:-1], weights):\n            if t + k < T:"),
    ("nothing gathered from the last step, T - 1", "if t + k < T:", "if t + k < T - 1:"),
    ("the tap weight left out backward", "q[t] += p * delta[t + k]", "q[t] += delta[t + k]"),
    ("W_rec transposed in (8)", "eps[t] = e[t] + q[t] @ w_rec.T", "eps[t] = e[t] + q[t] @ w_rec"),
    ("e left out where there is recurrence", "eps[t] = e[t] + q[t] @ w_rec.T", "eps[t] = q[t] @ w_rec.T"),
    ("the leak left out backward", "c = decay * delta_after", "c = delta_after"),
    ("detach ignored", "through_reset = (1 - detached) *", "through_reset ="),
    ("always detached", "through_reset = (1 - detached) *", "through_reset = 0 *"),
    ("the reset term with the wrong sign", "slope[t] * (eps[t] - through_reset)", "slope[t] * (eps[t] + through_reset)"),
    ("θ in place of h v in the reset term", "h * run.v[t]) * c", "h * threshold) * c"),
    ("the hard reset's (1 - h s) left out", "(1 - h * run.s[t]) * c", "c"),
    ("ε times 1.001", "slope[t] * (eps[t] -", "slope[t] * (1.001 * eps[t] -"),
    ("the slope of the step before", "* c + slope[t] *", "* c + slope[t - 1] *"),
    ("d_decay with v in place of v⁺", "run.v_reset[t - 1] * delta[t]", "run.v[t - 1] * delta[t]"),
    ("d_decay with v⁺ of the same step", "run.v_reset[t - 1] * delta[t]", "run.v_reset[t] * delta[t]"),
    ("d_bias without the mask", "d_bias += mask * delta[t]", "d_bias += delta[t]"),
    ("d_w_rec with δ in place of q", "np.outer(run.s[t], q[t])", "np.outer(run.s[t], delta[t])"),
    ("d_weights one step off", "run.z[t - k] @ delta[t]", "run.z[t - k + 1] @ delta[t]"),
    ("dx without the mask", "dx[t] = (mask * delta[t]) @ w_in.T", "dx[t] = delta[t] @ w_in.T"),
    ("the readout's window one step too long", "start, stop = readout.window(length, output.window)\n    e", "start, stop = readout.window(length, output.window)\n    start -= 1\n    e"),
]  # fmt: skip

KERNELS = [
    ("an input event list that forgets its last", "row[i] != 0\n    return count", "row[i] != 0\n    return count - (count > 1)"),
    ("spikes above θ instead of at it or above 1.05 θ", "s[n] = v[t, n] >= threshold[n]", "s[n] = v[t, n] >= threshold[n] * v.dtype.type(1.05)"),
    ("the mask after the recurrent input", "            v[t, n] *= mask[n]\n", "            pass\n"),
    ("λ + 1 forward", "back = -delays", "back = -delays - 1"),
    ("the leak of v, not of v⁺", "v_reset[n] = v[t, n] - s[n] * (a * threshold[n] + h * v[t, n])\n        # (1)", "v_reset[n] = v[t, n]\n        # (1)"),
    ("λ + 1 backward", "add_rows(weights, delta, t, delays,", "add_rows(weights, delta, t + 1, delays,"),
    ("nothing gathered from the last step", "taps_within(delays, T - 1 - t)", "taps_within(delays, T - 2 - t)"),
    ("blocks of four steps whatever the shortest delay", "block = min(BLOCK, delays.min()) if delays.size > 0 else BLOCK", "block = BLOCK"),
    ("(8) skipped in the first block", "if delays.size > 0 and start + delays.min() < T:", "if start > 0 and start + delays.min() < T:"),
    ("W_rec not transposed in (8)", "add_product(q[start - first : stop - first], w_rec_T,", "add_product(q[start - first : stop - first], layer.w_rec,"),
    ("the odd row of a product left out", "if M % 2 == 1:", "if M % 2 == 2:"),
    ("the last weight left out in the rows after the blocks of four", "add_rows(a[r], w, 0, every, M, out[r])", "add_rows(a[r], w, 0, every, M - 1, out[r])"),
    ("detach ignored", "through_reset -= detached * through_reset", "through_reset -= 0 * through_reset"),
    ("the hard reset's (1 - h s) left out", "c[n] - h_s * c[n] + slope", "c[n] + slope"),
    ("δ times 1.001 on its way back", "c[n] = decay[n] * delta[t, n]", "c[n] = decay[n] * delta[t, n] * v.dtype.type(1.001)"),
    ("d_decay without t = 1", "if t > 0 and d_decay", "if t > 1 and d_decay"),
    ("d_decay with v in place of v⁺", "d_decay[n] += (v[t - 1, n] - s_taken) * delta[t, n]", "d_decay[n] += v[t - 1, n] * delta[t, n]"),
    ("d_weights without its last delay", "for j in range(len(z_delta)):", "for j in range(len(z_delta) - 1):"),
    ("d_bias without the mask", "d_bias[n] += m_delta[n]", "d_bias[n] += delta[t, n]"),
    ("analog input taken as spikes in d_w_in", "d_w_in[i, n] += x_ti * m_delta[n]", "d_w_in[i, n] += m_delta[n]"),
    ("dx without the mask", "m_delta[t - start, n] = mask[n] * delta[t, n]", "m_delta[t - start, n] = delta[t, n]"),
    ("dx added to what was there", "    dx[first:last] = 0\n", "    pass\n"),
    ("λ + 1 forward where z is not kept", "t - delays[0], w_rec, z_past", "max(0, t - delays[0] - 1), w_rec, z_past"),
    ("nothing handed on from one piece of steps to that before it", "first = max(0, last - PIECE)\n", "first = max(0, last - PIECE)\n        c[:] = 0\n"),
    ("d_w_rec from q of the first piece alone", "d_w_rec[i, n] += q[t - first, n]", "d_w_rec[i, n] += q[t - first, n] * (first == 0)"),
    ("the readout counts one step less", "start[starts[lane]] : start[lengths[lane]]", "start[starts[lane]] : start[lengths[lane] - 1]"),
    ("e one step before the window as well", "if t >= starts[lane] else 0", "if t >= starts[lane] - 1 else 0"),
    ("the slope at v, not at v - θ", "abs(v[t, n] - threshold[n]) / width", "abs(v[t, n]) / width"),
    ("the gradients of all lanes in the first, overwritten", "return Grads(d_w_in[lane],", "return Grads(d_w_in[0] * 0,"),
    ("steps after the end of a sequence", "T = rows[lane]", "T = x.shape[1]"),
]  # fmt: skip

OTHERS = [
    ("engine.py", "one lane's gradient lost", "np.add.reduce(block, axis=0)", "np.add.reduce(block[:-1], axis=0)"),
    ("engine.py", "a lane summed twice", "np.add.reduce(block, axis=0)", "np.add.reduce(block, axis=0) + block[1]"),
    ("engine.py", "the last micro-batch cut short", "min(start + step, n_sequences)) for", "min(start + step, n_sequences - 1)) for"),
    ("network.py", "1/B of the micro-batch", "readout.d_logits(logits, y[part], len(x))", "readout.d_logits(logits, y[part], len(y[part]))"),
    ("network.py", "b_out added once, not for each step of R", "return lanes, counts, lengths - starts, readout.logits(counts, lengths - starts, *self", "return lanes, counts, lengths - starts, readout.logits(counts, np.ones(len(x)), *self"),
    ("readout.py", "the softmax's gradient without the label", "g[np.arange(len(y)), y] -= 1", "pass"),
    ("readout.py", "W_out transposed and cut", '"bc,nc->bn", g, w', '"bc,nc->bn", g[:, ::-1], w'),
    ("readout.py", "the window ignored", "max(0, length - readout_window)", "0"),
    ("recurrence.py", "1/temperature missing", "* (d_weights - (weights * d_weights).sum()) / temperature", "* (d_weights - (weights * d_weights).sum())"),
    ("recurrence.py", "the softmax's second term missing", "(d_weights - (weights * d_weights).sum())", "d_weights"),
    ("recurrence.py", "K - 1 candidate spans", "return delays[p != 0], p[p != 0]", "return delays[p != 0][:-1], p[p != 0][:-1]"),
    ("recurrence.py", "delays from 0", "delays = np.arange(1, max_span + 1)", "delays = np.maximum(np.arange(0, max_span), 1)"),
    ("recurrence.py", "the arg-max one too short", "int(np.argmax(np.real(span_logits))) + 1", "max(1, int(np.argmax(np.real(span_logits))))"),
    ("params.py", "the shared logits' gradient of one layer only", "grads[name][layer.delays - 1] += recurrences", "grads[name][layer.delays - 1] = recurrences"),
    ("params.py", "decay logits' gradient times 1.001", "grads[name] += neurons.d_decay_logit(layer.decay,", "grads[name] += 1.001 * neurons.d_decay_logit(layer.decay,"),
    ("neuron.py", "β (1 - β) left out", "d = d_decay * decay * (1 - decay)", "d = d_decay * decay"),
    ("neuron.py", "the shared logit gets a mean, not a sum", "d.sum(keepdims=True)", "d.mean(keepdims=True)"),
    ("surrogate.py", "the logistic function's 4 left out", "return self.peak * 4.0 * tail", "return self.peak * tail"),
    ("surrogate.py", "the arc tangent's primitive without its width", "return self.peak * self.width * (np.arctan(", "return self.peak * (np.arctan("),
    ("surrogate.py", "the rectangle closed at its edges", "np.abs(u) < self.width, 1.0", "np.abs(u) <= self.width, 1.0"),
]  # fmt: skip

BY_SURROGATE = {
    "the arc tangent's primitive without its width": "atan",
    "the rectangle closed at its edges": "rectangle",
}

MUTANTS = [
    *(Mutant("reference.py", *change) for change in SPEC),
    *(Mutant("kernels.py", *change) for change in KERNELS),
    *(Mutant(*change, BY_SURROGATE.get(change[1], "sigmoid")) for change in OTHERS),
]


def plant(mutant: Mutant) -> str:
    """Run the checks on a copy of the package with this error; the rung that caught it, and where.

    Raises
    ------
    AssertionError
        If the error is not caught, or its text does not stand exactly once in the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "minisnn"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutant.file
        text = file.read_text()
        assert text.count(mutant.old) == 1, f"{mutant.old!r} stands {text.count(mutant.old)} times in {mutant.file}"
        file.write_text(text.replace(mutant.old, mutant.new))
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-c", PROBE.format(surrogate=[mutant.surrogate], rungs=mutant.rungs)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = result.stderr.strip().split("\n")
    assert result.returncode != 0, f"not caught: {mutant.what} ({mutant.file})"
    return (
        lines[-1].removeprefix("caught by ")
        if "caught by " in lines[-1]
        else f"an exception: {lines[-1].split(':')[0]}"
    )


def table(caught: list[str]) -> str:
    """The mutants and what caught them, in Markdown."""
    rows = [f"| {i} | `{m.file}` | {m.what} | {found} |" for i, (m, found) in enumerate(zip(MUTANTS, caught), 1)]
    head = "# Planted errors\n\nPrinted by `python tests/mutants.py`: each error, and the first rung of the ladder that catches it, with the row "
    head += "in which it first shows\n(or the exception that it dies of).\n"
    return "\n".join([head, "| | file | error | caught by |", "|---|---|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the table into {TABLE.name}")
    write = parser.parse_args().write
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        text = table(list(pool.map(plant, MUTANTS)))
    print(text)
    if write:
        TABLE.write_text(text + "\n")


if __name__ == "__main__":
    main()
