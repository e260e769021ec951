"""Planted errors: each changes the real source of the engine in one place; the gradient checks must catch every one.

    python tests/checks/mutants.py            plant them all; print which rung of the ladder catches which
    python tests/checks/mutants.py --write    and write the table into tests/checks/MUTANTS.md

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
WORKERS = min(os.cpu_count() or 1, 8)  # each takes a few hundred MB

PROBE = """
import sys
from minisnn import checks
try:
    checks.check_all(
        recurrence=["asrc-4", "asrc-5-shared", "asrc-11", "src-3"],
        neuron=["plif-per-neuron", "plif", "alif"],
        reset=["soft", "hard", "hard-detached"],
        surrogate={surrogate!r},
        gradient=["whole", "no-hops", "truncated", "penalty"],
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
        """Those worth climbing: 2 and 3 run the spec alone, so they can't see an error of the kernels and their threads."""
        skipped = (
            ("2 smooth", "3 replay")
            if self.file in ("core/kernels.py", "core/batch.py", "_internal/threads.py")
            else ()
        )
        return [rung for rung in LADDER if rung not in skipped]


SPEC = [
    ("z[t - k] read one step late", "current[t] += p * z[t - k]", "current[t] += p * z[t - k - 1]"),
    ("a span that reaches before t = 0", "if t - k >= 0:\n                current[t]", "if t >= 0:\n                current[t]"),
    ("the mask left out forward", "mask * (x[t] @ w_in + bias)", "(x[t] @ w_in + bias)"),
    ("the mask on the input, not on the bias", "mask * (x[t] @ w_in + bias)", "mask * (x[t] @ w_in) + bias"),
    ("no leak at all", "v[t] = decay * v_before + current[t]", "v[t] = v_before + current[t]"),
    ("the leak of v, not of v⁺", "v_before = v_reset[t]", "v_before = v[t]"),
    ("the soft reset in place of the hard one", "(a * threshold + h * v[t])\n        v_before", "(a + h) * threshold\n        v_before"),
    ("W_rec transposed forward", "z[t] = s[t] @ w_rec\n    return", "z[t] = s[t] @ w_rec.T\n    return"),
    ("a gathering one step short, λ - 1", "q[t] += p * delta[t + k]", "q[t] += p * delta[t + k - 1]"),
    ("the last tap left out, K - 1", "zip(delays, tap_weights):\n            if t + k < end:", "zip(delays[:-1], tap_weights):\n            if t + k < end:"),
    ("nothing gathered from the last step, T - 1", "if t + k < end:", "if t + k < end - 1:"),
    ("the tap weight left out backward", "q[t] += p * delta[t + k]", "q[t] += delta[t + k]"),
    ("W_rec transposed in (8)", "(q[t] @ w_rec.T) + phi_after", "(q[t] @ w_rec) + phi_after"),
    ("e left out where there is recurrence", "eps[t] = e[t] + cut.hops", "eps[t] = cut.hops"),
    ("the leak left out backward", "c = decay * delta_after", "c = delta_after"),
    ("detach ignored", "through_reset = (1 - detached) *", "through_reset ="),
    ("always detached", "through_reset = (1 - detached) *", "through_reset = 0 *"),
    ("the reset term with the wrong sign", "* c + slope[t] * (eps[t] - through_reset)", "* c + slope[t] * (eps[t] + through_reset)"),
    ("θ in place of h v in the reset term", "h * tape.v[t]) * c", "h * threshold) * c"),
    ("the hard reset's (1 - h s) left out", "(1 - h * tape.s[t]) * c", "c"),
    ("ε times 1.001", "* c + slope[t] * (eps[t] -", "* c + slope[t] * (1.001 * eps[t] -"),
    ("the slope of the step before", "* c + slope[t] *", "* c + slope[t - 1] *"),
    ("d_decay with v in place of v⁺", "tape.v_reset[t - 1] * delta[t]", "tape.v[t - 1] * delta[t]"),
    ("d_decay with v⁺ of the same step", "tape.v_reset[t - 1] * delta[t]", "tape.v_reset[t] * delta[t]"),
    ("d_bias without the mask", "d_bias += mask * delta[t]", "d_bias += delta[t]"),
    ("d_w_rec with δ in place of q", "np.outer(tape.s[t], q[t])", "np.outer(tape.s[t], delta[t])"),
    ("d_tap_weights one step off", "tape.z[t - k] @ delta[t]", "tape.z[t - k + 1] @ delta[t]"),
    ("dx without the mask", "dx[t] = (mask * delta[t]) @ w_in.T", "dx[t] = delta[t] @ w_in.T"),
    ("end to end: the readout's window one step too long", "start, stop = readout.window(length, output.window)\n    e", "start, stop = readout.window(length, output.window)\n    start -= 1\n    e"),
    ("end to end: 1/B left out", "g = readout.d_logits(logits, y) / batch_size", "g = readout.d_logits(logits, y)"),
    ("end to end: every layer hears the input of the first", "below = tapes[i - 1].s if i > 0 else x", "below = tapes[i - 1].s if i > 1 else x[:, : tapes[0].s.shape[1]] if i == 0 else tapes[0].v"),
    ("end to end: e of the last layer handed to all of them", "        e = grads[-1].dx\n", "        e = grads[-1].dx if i > 1 else grads[-1].eps[:, : grads[-1].dx.shape[1]]\n"),
    ("end to end: slopes at v, not at v - θ", "derivative(tape.v - thresholds(layer, tape.s)) for tape", "derivative(tape.v) for tape"),
    ("end to end: (11) without 1/T°", "(p * d_tap_weights).sum()) / temperature", "(p * d_tap_weights).sum())"),
    ("end to end: (11) without β (1 - β)", "return d_decay * layer.decay * (1 - layer.decay)", "return d_decay"),
    ("end to end: b_out counted once, not for each step of R", "np.outer(counts, g), (stop - start) * g", "np.outer(counts, g), 1 * g"),
    ("A[t-1] in place of A[t]", "        trace = rho * trace + s[t]\n", "        trace = rho * (trace + s[t])\n"),
    ("κ not in the slope", "return layer.threshold + kappa * trace", "return layer.threshold + 0 * kappa * trace"),
    ("φ not in ε", "(q[t] @ w_rec.T) + phi_after", "(q[t] @ w_rec.T)"),
    ("φ without its decay", "phi_after = rho * phi_after - kappa", "phi_after = phi_after - kappa"),
    ("φ from ε, not from r", "phi_after = rho * phi_after - kappa * slope[t] * (eps[t] - through_reset)", "phi_after = rho * phi_after - kappa * slope[t] * eps[t]"),
    ("hops whatever is asked for", "cut.hops * (q[t] @ w_rec.T)", "(q[t] @ w_rec.T)"),
    ("truncation one step late", "(t // cut.truncate + 1) * cut.truncate)", "((t - 1) // cut.truncate + 1) * cut.truncate + 1)"),
    ("truncation of the leak alone", "            if t + k < end:\n", "            if t + k < T:\n"),
    ("truncation of the taps alone", "        if t + 1 == end:\n", "        if t + 1 == T:\n"),
    ("the penalty without 1/T", "/ (batch_size * len(s))", "/ batch_size"),
    ("the penalty twice in the loss", "return penalty.strength / 2 * ", "return penalty.strength * "),
    ("the penalty of the last layer alone", "            e = e + from_rates[i]\n", "            e = e + from_rates[i] * (i == len(layers) - 1)\n"),
]  # fmt: skip

KERNELS = [
    ("an input event list that forgets its last", "        start[t + 1] = at\n\n\n@jit_inner\ndef taps_within", "        start[t + 1] = at - (at > start[t])\n\n\n@jit_inner\ndef taps_within"),
    ("spikes above 1.05 θ", "        at += v[n] >= threshold[n]", "        at += v[n] >= threshold[n] * v.dtype.type(1.05)"),
    ("the mask left out forward", "            v[t, n] *= mask[n]\n", "            pass\n"),
    ("λ + 1 forward where taps are mixed", "add_rows(tap_weights, z, delays, 0, n_taps, t, -1, v[t])", "add_rows(tap_weights, z, delays, 0, n_taps, max(0, t - 1), -1, v[t])"),
    ("λ + 1 forward with a single tap", "add_event_rows(s, t - delays[0], w_rec, v[t])", "add_event_rows(s, max(0, t - delays[0] - 1), w_rec, v[t])"),
    ("the leak of v, not of v⁺", "v[t, n] + decay[n] * v_before, tiny)", "v[t, n] + decay[n] * v[t - 1, n], tiny)"),
    ("λ + 1 backward", "taps_within(delays, end - 1 - t), t, 1, q[t - first])", "taps_within(delays, end - 1 - t), t + 1, 1, q[t - first])"),
    ("nothing gathered from the last step", "taps_within(delays, end - 1 - t), t, 1,", "taps_within(delays, end - 2 - t), t, 1,"),
    ("blocks of four steps whatever the shortest delay", "block = min(BLOCK, delays[0]) if delays.size > 0 else BLOCK", "block = BLOCK"),
    ("(8) skipped in the first block", "if hops and delays.size > 0 and start + delays[0] < T:", "if hops and start > 0 and start + delays[0] < T:"),
    ("W_rec not transposed in (8)", "_, _, _, w_rec_T, adaptation = layer", "_, _, _, w_rec_T, adaptation = layer\n    w_rec_T = layer.weights.w_rec"),
    ("the last weights of a product left out, of rows in fours", "for j in range(M - M % 4, M):", "for j in range(M, M):"),
    ("the last weights of a product left out, of the rows behind", "for r in range(R - R % 4, R):", "for r in range(R - R % 4, R - 1):"),
    ("three weights in four", "out[r + 2, n] + c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3", "out[r + 2, n] + c0 * w0 + c1 * w1 + c2 * w2"),
    ("detach ignored", "        through_reset -= detached * through_reset\n", "        through_reset -= 0 * through_reset\n"),
    ("the hard reset's (1 - h s) left out", "flushed(c - h_s * c + slope", "flushed(c + slope"),
    ("δ times 1.001 on its way back", "        c = kept * decay[n] * delta[t + 1, n]\n", "        c = kept * decay[n] * delta[t + 1, n] * v.dtype.type(1.001)\n"),
    ("what is below a millionth cut off, not below `tiny`", "tiny - tiny if abs(value) < tiny else value", "tiny - tiny if abs(value) < 1e-6 else value"),
    ("d_decay without t = 1", "    if t > 0:\n        for n in range(v.shape[1]):\n            d_decay", "    if t > 1:\n        for n in range(v.shape[1]):\n            d_decay"),
    ("d_decay with v in place of v⁺", "d_decay[n] += after_reset(v[t - 1, n], lowered[t - 1, n], threshold[n], a, h) * delta[t, n]", "d_decay[n] += v[t - 1, n] * delta[t, n]"),
    ("d_tap_weights without its last delay", "for j in range(len(z_delta)):\n        for n in range(N):", "for j in range(len(z_delta) - 1):\n        for n in range(N):"),
    ("d_tap_weights without its last steps", "            else:\n                for u in range(max(t, k), stop):", "            else:\n                for u in range(max(t, k), stop - 1):"),
    ("d_bias without the mask", "d_bias[n] += mask[n] * delta[t, n]", "d_bias[n] += delta[t, n]"),
    ("analog input taken as spikes in d_w_in", "d_w_in[i, n] += x_ti * (mask[n] * delta[t, n])", "d_w_in[i, n] += mask[n] * delta[t, n]"),
    ("dx without the mask", "m_delta[t - first, n] = mask[n] * delta[t, n]", "m_delta[t - first, n] = delta[t, n]"),
    ("dx added to what was there", "        clear(dx[t])\n", "        pass\n"),
    ("δ of the sequence before left at the end", "    clear(delta[T])\n", "    pass\n"),
    ("q of the piece before added to", "            clear(q[t - first])\n", "            pass\n"),
    ("d_w_rec from q of the first piece alone", "d_w_rec[i, n] += q[t - first, n]", "d_w_rec[i, n] += q[t - first, n] * (first == 0)"),
    ("the slope at v, not at v - θ", "abs(v[t, n] - threshold[n]) / width", "abs(v[t, n]) / width"),
    ("end to end: the loss without the logit of the label", "loss = log_total - g[y]", "loss = log_total"),
    ("end to end: 1/B of the slab", "share = x.dtype.type(1) / x.dtype.type(len(x))", "share = x.dtype.type(1) / x.dtype.type(len(x[slab::SLABS]))"),
    ("end to end: layers down from the first, not from the last", "for i in range(len(net.table) - 2, -1, -1):", "for i in range(len(net.table) - 1):"),
    ("end to end: each layer's d_w_in from its own spikes", "x = tape_of(net, work, i - 1, T).s", "x = tape_of(net, work, i, T).s if net.table[i, N_OUT] < net.table[i, N_IN] else tape_of(net, work, i - 1, T).s"),
    ("end to end: a sequence of a slab left out", "for b in range(slab, len(x), SLABS):\n        losses[b]", "for b in range(slab, len(x) - 1, SLABS):\n        losses[b]"),
    ("end to end: steps after the end of a sequence", "sequence_gradients(x[b, : lengths[b]], y[b]", "sequence_gradients(x[b], y[b]"),
    ("end to end: the readout counts one step less", "range(below.start[start], below.start[T])", "range(below.start[start], below.start[T - 1])"),
    ("end to end: e one step after the window's first", "for t in range(start + 1, T):\n        for n in range(N):\n            e[t, n] = e[start, n]", "for t in range(start + 1, T - 1):\n        for n in range(N):\n            e[t, n] = e[start, n]"),
    ("end to end: the softmax's gradient without the label", "            g[y] -= g[c]\n", "            pass\n"),
    ("end to end: the gradients of a slab never cleared", "    clear(grads[slab])\n", "    grads[slab] += 1\n"),
    ("end to end: cleared before each sequence of a slab", "    clear(grads[slab])\n    for b in range(slab, len(x), SLABS):\n", "    for b in range(slab, len(x), SLABS):\n        clear(grads[slab])\n"),
    ("A[t-1] in place of A[t]", "flushed(rho[n] * trace[n] + s_before, tiny)", "flushed(rho[n] * (trace[n] + s_before), tiny)"),
    ("A of the sequence before", "    clear(trace)\n", "    pass\n"),
    ("κ not in the slope", "tape.lowered[first:last], layer.threshold, slopes)", "tape.v[first:last], layer.threshold, slopes)"),
    ("φ not in ε", "delta[t, n] += phi[n]\n", "delta[t, n] += 0 * phi[n]\n"),
    ("φ without its decay", "flushed(rho[n] * phi[n] - ", "flushed(phi[n] - "),
    ("φ of the sequence before", "    clear(phi)\n", "    pass\n"),
    ("φ from ε, not from r", "r = delta[t, n] - (through_reset - detached * through_reset)\n", "r = delta[t, n]\n"),
    ("the reset of v - κ A", "v_before = after_reset(v[t - 1, n], lowered[t - 1, n],", "v_before = after_reset(lowered[t - 1, n], lowered[t - 1, n],"),
    ("hops whatever is asked for", "if hops and delays.size > 0", "if delays.size > 0"),
    ("truncation one step late", "kept = zero if (t + 1) % truncate == 0 else one", "kept = zero if t % truncate == 0 else one"),
    ("truncation of the leak alone", "end = min(T, (t // truncate + 1) * truncate)", "end = T"),
    ("truncation leaves φ", "phi[n] *= kept\n", "phi[n] *= 1\n"),
    ("the penalty of the last layer alone", "        if net.penalty[0] != 0:\n", "        if net.penalty[0] != 0 and i == len(net.table) - 2:\n"),
    ("the penalty without 1/B", "rates[n] = share * strength * excess / n_steps", "rates[n] = strength * excess / n_steps"),
    ("the penalty without 1/T", "rates[n] = share * strength * excess / n_steps", "rates[n] = share * strength * excess"),
    ("the penalty not in the loss", "return loss + sequence_backward(", "return loss + (net.tiny - net.tiny) * sequence_backward("),
    ("end to end: tapes of all layers in one place", "at = net.table[i, N_OUT], net.table[i, NEURON] * work.room", "at = net.table[i, N_OUT], 0"),
]  # fmt: skip

OTHERS = [
    ("core/batch.py", "a slab lost", "total, grads = slabs.sum(axis=0), []", "total, grads = slabs[:-1].sum(axis=0), []"),
    ("core/batch.py", "a slab summed twice", "total, grads = slabs.sum(axis=0), []", "total, grads = slabs.sum(axis=0) + slabs[1], []"),
    ("_internal/threads.py", "the last task left out by the threads", "tasks, lock = iter(range(n_tasks)), threading.Lock()", "tasks, lock = iter(range(n_tasks - 1)), threading.Lock()"),
    ("core/batch.py", "masks of the layers swapped", "ones if masks is None else masks, axis=1", "ones if masks is None else masks[::-1], axis=1"),
    ("core/batch.py", "W_in not transposed for (12)", "layer.w_in.T, w_rec.T)", "layer.w_in, w_rec.T)"),
    ("core/readout.py", "the softmax's gradient without the label", "return others - onehot * others.sum(axis=-1, keepdims=True)", "return others"),
    ("core/readout.py", "the window ignored", "max(0, length - readout_window)", "0"),
    ("core/recurrence.py", "1/temperature missing", "* (d_tap_weights - (tap_weights * d_tap_weights).sum()) / temperature", "* (d_tap_weights - (tap_weights * d_tap_weights).sum())"),
    ("core/recurrence.py", "the softmax's second term missing", "(d_tap_weights - (tap_weights * d_tap_weights).sum())", "d_tap_weights"),
    ("core/recurrence.py", "K - 1 candidate spans", "return delays[p != 0], p[p != 0]", "return delays[p != 0][:-1], p[p != 0][:-1]"),
    ("core/recurrence.py", "delays from 0", "delays = np.arange(1, max_span + 1)", "delays = np.maximum(np.arange(0, max_span), 1)"),
    ("core/recurrence.py", "the arg-max one too short", "int(np.argmax(np.real(span_logits))) + 1", "max(1, int(np.argmax(np.real(span_logits))))"),
    ("core/parameters.py", "the shared logits' gradient of one layer only", "result[name][layer.delays - 1] += recurrences", "result[name][layer.delays - 1] = recurrences"),
    ("core/parameters.py", "decay logits' gradient times 1.001", "result[name] += neurons.d_decay_logit(layer.decay,", "result[name] += 1.001 * neurons.d_decay_logit(layer.decay,"),
    ("core/neuron.py", "β (1 - β) left out", "d = d_decay * decay * (1 - decay)", "d = d_decay * decay"),
    ("core/neuron.py", "the shared logit gets a mean, not a sum", "d.sum(keepdims=True)", "d.mean(keepdims=True)"),
    ("core/surrogate.py", "the logistic function's 4 left out", "lambda x: 4.0 * (tail := ", "lambda x: (tail := "),
    ("core/surrogate.py", "a primitive without its width", "return self.peak * self.width * self.Phi(", "return self.peak * self.Phi("),
    ("core/surrogate.py", "the rectangle closed at its edges", "np.abs(x) < 1.0, 1.0", "np.abs(x) <= 1.0, 1.0"),
]  # fmt: skip

BY_SURROGATE = {
    "a primitive without its width": "atan",
    "the rectangle closed at its edges": "rectangle",
}

MUTANTS = [
    *(Mutant("core/reference.py", *change) for change in SPEC),
    *(Mutant("core/kernels.py", *change) for change in KERNELS),
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
    head = "# Planted errors\n\nPrinted by `python tests/checks/mutants.py`: each error, and the first rung of the ladder that catches it,\n"
    head += "with the row in which it first shows, or the exception that it dies of.\n"
    return "\n".join([head, "| | file | error | caught by |", "|---|---|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the table into {TABLE.name}")
    write = parser.parse_args().write
    with ThreadPoolExecutor(WORKERS) as pool:
        text = table(list(pool.map(plant, MUTANTS)))
    print(text)
    if write:
        TABLE.write_text(text + "\n")


if __name__ == "__main__":
    main()
