"""Gradient checks: is the hand-written backward pass the derivative of what it should be?

What can be checked, and what can't. The loss of a spiking network is a staircase in its weights: its true derivative
is 0 almost everywhere, and a *surrogate* gradient is not its derivative (Gygax and Zenke, arXiv 2404.14964). So
differences of the spiking loss can never be the reference. But a surrogate gradient is the exact derivative of two
other functions:

- *smooth mode*: the network with the primitive σ in place of Θ. Its loss is differentiable, and the same backward code
  with the slopes σ′ along the smooth run must give its gradient. Central differences see a wrong term, factor or time
  index in any equation; they can't see what only happens with hard spikes, and their error is about 1e-9.
- *frozen linearisation*: around a recorded run with hard spikes, the network in which each spike is
  s = s0 + σ′0 (v - v0). At the recorded point it is the spiking network, and its derivative there is by construction
  the surrogate gradient. A complex step, Im loss(w + ih) / h with h = 1e-30, gives that derivative without rounding
  error: the kernels as they run in training are held to 1e-12. It can't see a wrong σ′; the surrogate's own test does.

With `detach_reset`, both replay the recorded spikes in the reset: that is what detaching means.

- *spec*: kernels and spec agree on loss and gradients. It can't see an error that both have; the other two do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minisnn import _validate, readout, reference
from minisnn.network import Network
from minisnn.neuron import PLIF, RESETS
from minisnn.params import Params, from_layers, stream, to_layers
from minisnn.recurrence import ASRC, SRC, Feedforward, Recurrent
from minisnn.surrogate import BUILT_IN, Rectangle, Sigmoid

COMPLEX_STEP = 1e-30
DIFFERENCE_STEP = 1e-5


@dataclass(frozen=True)
class Row:
    """One parameter block under one method. Its relative error is max |analytic - numeric| / max |numeric|."""

    method: str
    block: str
    max_abs: float
    max_rel: float
    index: tuple[int, ...]  # where the difference is largest
    analytic: float
    numeric: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return bool(self.max_rel <= self.tolerance)


@dataclass(frozen=True)
class Report:
    """The rows of a gradient check; `print` shows them as a table."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows)

    def __str__(self) -> str:
        lines = [f"{'method':<8} {'block':<24} {'max abs':>9} {'max rel':>9}  verdict"]
        for row in self.rows:
            verdict = "ok" if row.ok else f"WRONG at {list(row.index)}: {row.analytic:.9g}, expected {row.numeric:.9g}"
            lines.append(f"{row.method:<8} {row.block:<24} {row.max_abs:9.1e} {row.max_rel:9.1e}  {verdict}")
        return "\n".join(lines)


class GradientError(AssertionError):
    """Raised when a gradient check fails; its text is the table, `report` the rows."""

    def __init__(self, report: Report):
        wrong = [row for row in report.rows if not row.ok]
        super().__init__(f"{len(wrong)} of {len(report.rows)} rows are wrong\n{report}")
        self.report = report


@dataclass(frozen=True)
class Batch:
    """A checked batch, and how the network is to run on it."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    masks: list[np.ndarray]
    spans: str

    def sequences(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """(x (T, n_in), masks [(N,), ...]) of each sequence, without what follows its end."""
        for i, length in enumerate(self.lengths):
            yield self.x[i, :length], [mask[i] for mask in self.masks]


def gradcheck(
    net: Network, x, y, lengths=None, masks=None, spans: str = "soft", entries: int = 40, seed: int = 0
) -> Report:
    """Check the gradients of a network on a batch, in float64, by the methods in the head of this module.

    Parameters
    ----------
    net : Network
        Small ones are quick: each entry that is checked costs two forward passes of the spec.
    x, y, lengths, masks, spans
        As in `Network.loss_and_grad`.
    entries : int
        How many entries of each parameter block are compared with differences, drawn by `seed`; all if there are fewer.

    Returns
    -------
    Report

    Raises
    ------
    GradientError
        If a row fails.
    """
    net = net.astype("float64")
    batch = make_batch(net, x, y, lengths, masks, spans)
    loss, grads = net.loss_and_grad(x, y, lengths, spans, masks)
    spec_loss, spec_grads = spec_loss_and_grad(net, batch)
    drawn = draw_entries(grads, entries, seed)

    # What a method can resolve: a complex step some 1e-16 of probabilities and of the largest gradient, a central
    # difference the rounding of the loss divided by the step. Blocks with smaller gradients are held to these floors.
    frozen_floor = 1e-3 * max(1.0, np.abs(spec_grads.flat).max())
    smooth_floor = 10 * np.finfo(np.float64).eps * max(1.0, abs(loss)) / DIFFERENCE_STEP / 1e-6

    rows = [_row("spec", "loss", np.array([loss]), np.array([spec_loss]), [(0,)], 1e-12)]
    rows += [_row("spec", name, grads[name], spec_grads[name], _every(grads[name]), 1e-12) for name in grads]
    frozen_loss = frozen_linearisation(net, batch)
    for name in grads:
        numeric = complex_step(frozen_loss, net.params, name, drawn[name])
        rows.append(_row("frozen", name, grads[name], numeric, drawn[name], 1e-12, frozen_floor))
    smooth_loss, smooth_grads = smooth_mode(net, batch)
    for name in grads:
        numeric = central_differences(smooth_loss, net.params, name, drawn[name])
        rows.append(_row("smooth", name, smooth_grads[name], numeric, drawn[name], 1e-6, smooth_floor))
    report = Report(tuple(rows))
    if not report.ok:
        raise GradientError(report)
    return report


def make_batch(net: Network, x, y, lengths=None, masks=None, spans: str = "soft") -> Batch:
    """Check a batch as `Network.loss_and_grad` does."""
    x = _validate.sequences(x, net.sizes[0]).astype(np.float64)
    masks = _validate.masks(masks, len(x), net.sizes[1:-1])
    return Batch(
        x=x,
        y=_validate.labels(y, len(x), net.sizes[-1]),
        lengths=_validate.lengths(lengths, *x.shape[:2]),
        masks=masks if masks is not None else [np.ones((len(x), n)) for n in net.sizes[1:-1]],
        spans=_validate.choice(spans, "spans", _validate.SPANS),
    )


def spec_forward(net: Network, params: Params, batch: Batch, fires=None, replays=None):
    """The spec over a batch: (loss, logits (B, classes), runs [sequence][layer]).

    `fires(i)` gives the `fire` of each layer for sequence i (default: hard spikes); `replays(i)` the spikes of its
    resets.
    """
    layers = spec_layers(net, params, batch.spans)
    output = reference.Readout(params["readout.w"], params["readout.bias"], net.readout_window)
    runs, logits = [], []
    for i, (x, masks) in enumerate(batch.sequences()):
        fire = fires(i) if fires else None
        replay = replays(i) if replays else None
        run, _, row = reference.network_forward(x, layers, output, masks, fire, replay)
        runs.append(run)
        logits.append(row)
    logits = np.array(logits)
    return readout.losses(logits, batch.y).mean(), logits, runs


def spec_layers(net: Network, params: Params, spans: str) -> list[reference.Layer]:
    """`net.layers` for other parameters than the network's own, which may be complex."""
    return to_layers(params, net.sizes, net.recurrence, net.neuron, net.temperature, spans)


def slopes(net: Network, layers, run) -> list[np.ndarray]:
    """σ′(v - θ) of each layer along a run."""
    return [net.surrogate.derivative(r.v - layer.threshold) for r, layer in zip(run, layers)]


def spec_backward(net: Network, batch: Batch, logits, runs) -> Params:
    """The gradients of the spec along recorded runs of a batch."""
    layers = spec_layers(net, net.params, batch.spans)
    output = net.readout()
    g = readout.d_logits(logits, batch.y, len(batch.y))
    totals, d_w_out, d_b_out = None, np.zeros_like(output.w), np.zeros_like(output.bias)
    for i, (x, masks) in enumerate(batch.sequences()):
        e = reference.readout_error(g[i], len(x), output)
        grads = reference.network_backward(e, x, runs[i], slopes(net, layers, runs[i]), layers, masks)
        grads = [d._replace(eps=None, delta=None, q=None, dx=None) for d in grads]  # per sequence, not to be summed
        if totals is None:
            totals = grads
        else:
            totals = [
                type(d)(*(None if a is None else a + b for a, b in zip(total, d))) for total, d in zip(totals, grads)
            ]
        start, stop = readout.window(len(x), output.window)
        d_w_out += np.outer(runs[i][-1].s[start:stop].sum(axis=0), g[i])
        d_b_out += (stop - start) * g[i]
    return from_layers(
        totals, d_w_out, d_b_out, layers, net.params, net.recurrence, net.neuron, net.temperature, batch.spans
    )


def spec_loss_and_grad(net: Network, batch: Batch) -> tuple[float, Params]:
    """What `Network.loss_and_grad` computes, by the spec."""
    loss, logits, runs = spec_forward(net, net.params, batch)
    return float(loss), spec_backward(net, batch, logits, runs)


def _replays(net: Network, runs):
    """For layers whose reset is detached, the recorded spikes; None for the others."""
    return lambda i: [run.s if neuron.detach_reset else None for run, neuron in zip(runs[i], net.neuron)]


def smooth_mode(net: Network, batch: Batch):
    """(loss as a function of Params, gradients by the spec) with the surrogate's primitive in place of Θ."""
    fires = [reference.smooth(net.surrogate)] * (len(net.sizes) - 2)
    _, logits, runs = spec_forward(net, net.params, batch, lambda i: fires)
    grads = spec_backward(net, batch, logits, runs)
    return lambda params: spec_forward(net, params, batch, lambda i: fires, _replays(net, runs))[0], grads


def frozen_linearisation(net: Network, batch: Batch):
    """The loss as a function of Params, with each spike linearised around the recorded run."""
    layers = spec_layers(net, net.params, batch.spans)
    _, _, runs = spec_forward(net, net.params, batch)
    fires = [
        [reference.frozen(r, slope, layer.threshold) for r, slope, layer in zip(run, slopes(net, layers, run), layers)]
        for run in runs
    ]
    return lambda params: spec_forward(net, params, batch, lambda i: fires[i], _replays(net, runs))[0]


def complex_step(loss, params: Params, name: str, indices) -> np.ndarray:
    """∂loss/∂params[name] at the indices, as Im loss(w + ih) / h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        moved = params.astype(np.complex128)
        moved[name][index] += 1j * COMPLEX_STEP
        result[index] = loss(moved).imag / COMPLEX_STEP
    return result


def central_differences(loss, params: Params, name: str, indices, step: float = DIFFERENCE_STEP) -> np.ndarray:
    """∂loss/∂params[name] at the indices, as (loss(w + h) - loss(w - h)) / 2h; 0 elsewhere."""
    result = np.zeros(params.shapes[name])
    for index in indices:
        up, down = params.copy(), params.copy()
        up[name][index] += step
        down[name][index] -= step
        result[index] = (loss(up) - loss(down)) / (up[name][index] - down[name][index])
    return result


def draw_entries(grads: Params, entries: int, seed: int) -> dict[str, list[tuple[int, ...]]]:
    """Indices of each block: all, or `entries` of them drawn without repetition."""
    drawn = {}
    for name, shape in grads.shapes.items():
        size = int(np.prod(shape))
        chosen = np.sort(stream(seed, "gradcheck", name).permutation(size)[:entries])
        drawn[name] = [tuple(int(k) for k in np.unravel_index(c, shape)) for c in chosen]
    return drawn


def _every(array) -> list[tuple[int, ...]]:
    return list(np.ndindex(array.shape))


def _row(method: str, block: str, analytic, numeric, indices, tolerance: float, floor: float = 1e-9) -> Row:
    """Compare two blocks at some indices; errors are relative to the largest numeric entry, but at least to `floor`."""
    pick = tuple(np.array(indices).T)
    a, b = analytic[pick], numeric[pick]
    difference = np.where(np.isfinite(a) & np.isfinite(b), np.abs(a - b), np.inf)
    worst = int(np.argmax(difference))
    scale = max(np.abs(b).max(), floor)
    return Row(
        *(method, block, float(difference[worst]), float(difference[worst] / scale), indices[worst]),
        *(float(a[worst]), float(b[worst]), tolerance),
    )


def check_all(seed: int = 0, show=None) -> list[Report]:
    """`gradcheck` on small random networks over all recurrences, neurons, resets and built-in surrogates.

    Parameters
    ----------
    seed : int
        Of weights and input.
    show : callable, optional
        Gets a line of text for each network: the largest relative error of each method.

    Raises
    ------
    GradientError
        At the first network with a wrong row.
    """
    recurrences = (Feedforward(), Recurrent(), SRC(3), SRC(12), ASRC(4), ASRC(13), ASRC(5, shared=True))
    resets = [(reset, detach) for reset in RESETS for detach in (False, True)]
    cases = [(recurrence, reset, detach, Sigmoid(1.0, 0.3)) for recurrence in recurrences for reset, detach in resets]
    cases += [(ASRC(4), "soft", False, kind()) for kind in BUILT_IN if kind is not Rectangle]
    reports = []
    for number, (recurrence, reset, detach, surrogate) in enumerate(cases):
        rng = stream(seed, "check_all", number)
        neuron = [PLIF(0.6, 0.8, reset, detach), PLIF(0.4, 0.7, reset, detach, per_neuron=True)]
        net = Network([3, 5, 4, 2], recurrence, neuron, surrogate, readout_window=7, dtype="float64")
        net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
        net.params["readout.w"] *= 0.2  # undecided logits: where the softmax saturates there is no gradient to compare
        x, y = rng.standard_normal((3, 11, 3)), rng.integers(0, 2, 3)
        reports.append(gradcheck(net, x, y, lengths=[11, 5, 8], entries=8, seed=seed))
        if show:
            largest = {row.method: 0.0 for row in reports[-1].rows}
            for row in reports[-1].rows:
                largest[row.method] = max(largest[row.method], row.max_rel)
            errors = ", ".join(f"{method} {error:.0e}" for method, error in largest.items())
            name = f"{recurrence}, {reset} reset{', detached' if detach else ''}, {type(surrogate).__name__}"
            show(f"ok  {name:<72} {errors}")
    return reports
