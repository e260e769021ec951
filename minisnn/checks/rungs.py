"""The ladder: seven ways to catch a wrong gradient, each with what it can and what it can't see.

The loss of a spiking network is a staircase in its weights: its true derivative is 0 almost everywhere, and a
*surrogate* gradient is not its derivative (Gygax and Zenke, arXiv 2404.14964). So differences of the spiking loss can
never be the reference. The rungs establish instead that the hand-written backward pass is the exact derivative of the
smooth network (2, 3) and of the linearisation around the recorded spikes (4, 5), with the σ′ that belongs to the
primitive (1); that kernels, threads and float32 compute the same numbers as the spec (6); and that what must hold by
construction does hold (7). They don't say that a surrogate gradient is a good direction to go.

Each rung takes a Network and a CheckedBatch and returns rows.
"""

import itertools
from dataclasses import replace

import numpy as np

from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike
from minisnn.checks import oracle
from minisnn.checks.oracle import CheckedBatch
from minisnn.checks.report import NOT_RESOLVED, Row, compare
from minisnn.checks.tangent import spike_tangent
from minisnn.core import batch as batches
from minisnn.core import kernels, reference
from minisnn.core.parameters import SPAN_LOGIT, Params
from minisnn.core.surrogate import BUILT_IN, Rectangle
from minisnn.network import Network

EXACT = 1e-12  # allowed relative error where only rounding differs
DIFFERENCES = 1e-6  # for central differences
SINGLE = 1e-4  # for float32
SMALLEST = 1e-30  # float32 ends at 1e-38, and what is made of smaller numbers may be 0
SHRINKING = 10.0 ** -np.arange(5.0)  # steps of differences, relative to the first
ENTRIES = 8  # entries of each block that are compared with differences


def surrogate_pair(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 1, σ′ is the derivative of σ: by differences, its peak, its area, and the σ′ of the kernels.

    Sees a wrong scale, shape or edge of a surrogate, in the pair or in the kernels. Can't see the network.
    """
    surrogate = net.surrogate
    width = surrogate.width
    u = np.linspace(-4.05, 4.1, 164) * width
    h = 1e-5 * width
    for kink in surrogate.kinks:
        u = u[np.abs(u - kink) > 10 * h]
    slope = surrogate.derivative(u)
    differences = (surrogate.primitive(u + h) - surrogate.primitive(u - h)) / (2 * h)
    hint = "" if surrogate.kinks or type(surrogate) in BUILT_IN else "if σ′ has kinks, pass them as kinks="
    pair = compare("1 surrogate", "derivative", slope, differences, DIFFERENCES)
    rows = [pair if pair.ok else replace(pair, note=hint)]
    edges = np.concatenate([np.array(surrogate.kinks), [-1e4, 0.0, 1e4]])
    # The area by Simpson's rule between the kinks, against the rise of the primitive.
    borders = sorted({-4.0 * width, *surrogate.kinks, 4.0 * width})
    area = sum(_simpson(surrogate.derivative, *ends) for ends in itertools.pairwise(borders))
    rise = surrogate.primitive(np.array([borders[0], borders[-1]]))
    rows.append(compare("1 surrogate", "area", area, rise[1] - rise[0], DIFFERENCES))
    if type(surrogate) in BUILT_IN:
        rows.append(compare("1 surrogate", "peak", surrogate.derivative(np.zeros(1)), [surrogate.peak], EXACT))
        points = np.concatenate([u, edges])[:, np.newaxis]
        filled, numbers = np.zeros_like(points), batches.slope_numbers(surrogate)
        kernels.fill_slope(*numbers, points, np.zeros(1), filled)
        rows.append(compare("1 surrogate", "kernel", filled, surrogate.derivative(points), EXACT))
    if isinstance(surrogate, Rectangle):
        rows.append(compare("1 surrogate", "tie", surrogate.derivative(np.array(surrogate.kinks)), [0.0, 0.0], EXACT))
    return rows


def _simpson(function, low: float, high: float, n: int = 2000) -> float:
    """Integrate a function that is smooth strictly between two points."""
    inside = np.nextafter(low, high), np.nextafter(high, low)
    values = function(np.linspace(*inside, n + 1))
    return float((high - low) / (3 * n) * (values[0] + values[-1] + 4 * values[1::2].sum() + 2 * values[2:-1:2].sum()))


def smooth_differences(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 2, smooth spikes: with σ in place of Θ, compare the spec's gradients with differences of the loss.

    Sees a wrong term, factor or time index in any equation of the spec, decay and span logits included. Can't see what
    the kernels do, nor what happens only with hard spikes; its own error is about 1e-9. Where no step is small enough,
    as in a chaotic network, the row is "not resolved". Resets are not detached here (see rung 3).
    """
    net = _with_detach(net, False)
    return _differences("2 smooth", net, batch)


def replayed_resets(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 3, detached resets: by differences of a smooth network that replays its recorded spikes in the reset.

    Replaying is what detaching means: the reset is then a constant. Sees a detached term that is still there, or a
    missing term that should be; otherwise as rung 2. If no reset of the network is detached, all are for this check.
    """
    if not any(neuron.detach_reset for neuron in net.neuron):
        net = _with_detach(net, True)
    return _differences("3 replay", net, batch)


def _differences(rung: str, net: Network, batch: CheckedBatch) -> list[Row]:
    if batch.cut != reference.WHOLE:  # then it is no derivative of a loss
        return []
    net = away_from_kinks(net.astype("float64"), batch)
    loss, grads = oracle.smooth_mode(net, batch)
    drawn = oracle.draw_entries(grads, ENTRIES)
    rounding = 10 * np.finfo(np.float64).eps * max(1.0, abs(loss(net.params)))
    rows = []
    for name in grads:
        of_spans = grads.blocks[name].role == SPAN_LOGIT
        if of_spans and batch.span_mode == "hard":  # the loss is flat there, but for jumps of the arg-max
            rows.append(compare(rung, name, grads[name], np.zeros_like(grads[name]), DIFFERENCES, indices=drawn[name]))
            continue
        # As the temperature falls the loss bends on the scale of T°: the step shrinks with it.
        step = oracle.DIFFERENCE_STEP * (min(net.temperature, 1.0) if of_spans else 1.0)
        rows.append(_by_differences(rung, name, loss, net.params, grads[name], drawn[name], step, rounding))
    return rows


def _by_differences(rung: str, name: str, loss, params: Params, got, drawn, step: float, rounding: float) -> Row:
    """Compare gradients with differences; while two steps in a row disagree, with those of a step ten times smaller.

    Where the loss bends within the step a difference is no derivative, whatever the gradient.
    """
    before = None
    for h in step * SHRINKING:
        differences = oracle.central_differences(loss, params, name, drawn, h)
        floor = rounding / h / DIFFERENCES  # a difference is no more exact than the rounding of the loss over the step
        row = compare(rung, name, got, differences, DIFFERENCES, floor, drawn)
        if row.ok or (before is not None and compare(rung, name, before, differences, DIFFERENCES, floor, drawn).ok):
            return row
        before = differences
    return replace(row, note=NOT_RESOLVED)


def away_from_kinks(net: Network, batch: CheckedBatch, step: float = oracle.DIFFERENCE_STEP) -> Network:
    """Find a network whose smooth run has no potential within ten steps of a kink of σ′: this or a copy moved by 1e-3.

    At a kink a central difference averages both sides, and would blame a right gradient.

    Raises
    ------
    ValueError
        If 50 such copies all have such a potential, or one has more than 30: there are too many potentials.
    """
    kinks = np.array(net.surrogate.kinks)
    if kinks.size == 0:
        return net
    for attempt in range(50):
        moved = net.astype(net.dtype)
        if attempt > 0:
            moved.params.flat += 1e-3 * stream(0, "kinks", attempt).standard_normal(net.params.flat.size)
        layers = moved.layers("soft")
        runs = oracle.smooth_tapes(moved, batch)
        pairs = [(tape, layer) for tapes in runs for tape, layer in zip(tapes, layers)]
        u = np.concatenate([(tape.v - reference.thresholds(layer, tape.s)).ravel() for tape, layer in pairs])
        n_near = (np.abs(u[:, np.newaxis] - kinks) <= 10 * step).any(axis=1).sum()
        if n_near == 0:
            return moved
        if attempt > 0 and n_near > 30:  # so no copy has none; the first may, as potentials can start at a kink
            break
    raise ValueError(
        f"some of the {u.size} potentials always lie within ten steps ({10 * step:.0e}) of a kink of {net.surrogate}; "
        f"check fewer sequences, steps or neurons, or use a surrogate without kinks"
    )


def step_sweep(
    net: Network, x: ArrayLike, y: ArrayLike, steps: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Repeat rung 2 over many step sizes: the errors form the V of truncation and rounding.

    Large steps err by truncation, as h²; small ones by rounding, as 1/h. A wrong gradient has no valley.

    Parameters
    ----------
    net : Network
        A float64 copy without detached resets is used.
    x, y
        As in `Network.loss_and_grad`.
    steps : sequence of float, optional
        None: 1e-1 down to 1e-12, two per decade.

    Returns
    -------
    steps, errors : array (n,)
        The largest relative error of all parameter blocks; `plots.step_sweep` draws it.

    Raises
    ------
    ValueError
        If the surrogate has no primitive.

    Examples
    --------
    >>> net = ms.Network([2, 4, 3], recurrence=ms.SRC(2), surrogate=ms.Sigmoid())
    >>> steps, errors = ms.checks.step_sweep(net, np.ones((2, 6, 2)), [0, 2], steps=[1e-1, 1e-5, 1e-11])
    >>> int(errors.argmin())
    1
    """
    if net.surrogate.primitive is None:
        raise ValueError(f"surrogate {net.surrogate.name!r} has no primitive, which a smooth network needs")
    net = _with_detach(net.astype("float64"), False)
    batch = oracle.make_batch(net, x, y)
    steps = 10.0 ** -np.arange(1.0, 12.5, 0.5) if steps is None else np.atleast_1d(steps)
    loss, grads = oracle.smooth_mode(net, batch)
    drawn = oracle.draw_entries(grads, ENTRIES)
    errors = []
    for h in steps:
        rows = []
        for name, indices in drawn.items():
            differences = oracle.central_differences(loss, net.params, name, indices, h)
            rows.append(compare("2 smooth", name, grads[name], differences, 1.0, 1e-6, indices))
        errors.append(max(row.max_rel for row in rows))
    return steps, np.array(errors)


def frozen_complex_steps(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 4, hard spikes: the kernels' gradients against complex steps through s = s0 + σ′0 (v - v0).

    At the recorded run this is the spiking network, and its derivative there is the surrogate gradient by construction.
    Im loss(w + ih) / h with h = 1e-30 has no rounding error to speak of, so the kernels, as they run in training, are
    held to 1e-12. Can't see a wrong σ′ (rung 1).
    """
    if batch.cut != reference.WHOLE:
        return []
    net = net.astype("float64")
    loss = oracle.frozen_linearisation(net, batch)
    _, grads = net.loss_and_grad(batch.x, batch.y, batch.lengths, batch.span_mode, batch.masks, **batch.options)
    drawn = oracle.draw_entries(grads, ENTRIES)
    floors = _floors(net, batch, grads)
    step = oracle.COMPLEX_STEP / max(1.0, np.abs(grads.flat).max())  # what it moves must stay small
    rows = []
    for name in grads:
        expected = oracle.complex_step(loss, net.params, name, drawn[name], step)
        rows.append(compare("4 frozen", name, grads[name], expected, EXACT, floors[name], drawn[name]))
    return rows


def _floors(net: Network, batch: CheckedBatch, names) -> dict[str, float]:
    """Return a floor per parameter: for span logits at least the size of the terms that cancel in their gradients."""
    tape = net.record(batch.x, batch.lengths, batch.span_mode, batch.masks)
    sizes = oracle.cancelled(net, tape, oracle.loss_error(net, tape, batch.y))
    return {name: max(1e-9, sizes.get(name, 0.0)) for name in names}


def tangent_against_adjoint(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 5, <e, J u> = <Jᵀ e, u>: the kernels' backward pass against a forward-mode derivative.

    The tangent is written independently, from (1) to (5) alone (`tangent.py`), in random directions. Sees a backward
    pass, dx included, that is not its transpose for any e, not only the readout's; a dot product sees every entry of a
    block at once. Can't see the readout.
    """
    net = net.astype("float64")
    tape = net.record(batch.x, batch.lengths, batch.span_mode, batch.masks)
    rng = stream(0, "tangent")
    e = rng.standard_normal(tape.layers[-1].s.shape)
    adjoint, sizes = net.adjoint(tape, e, *batch.cut), oracle.cancelled(net, tape, e)
    rows = []
    for name in [*net.params, "dx"]:
        if name.startswith("readout"):
            continue
        direction, dx = Params.zeros(net.params.blocks, np.float64), np.zeros_like(tape.x)
        moved, got = (dx, adjoint.dx) if name == "dx" else (direction[name], adjoint.grads[name])
        moved[...] = rng.standard_normal(moved.shape)
        terms = e * spike_tangent(net, tape, direction, dx, batch.cut)
        # A sum can't be more exact than its terms.
        floor = max(np.abs(terms).sum(), np.abs(got * moved).sum(), sizes.get(name, 0.0) * np.abs(moved).sum(), 1e-9)
        rows.append(compare("5 tangent", name, (got * moved).sum(), terms.sum(), EXACT, floor))
    return rows


def kernels_against_spec(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 6, the same numbers: kernels against spec, forward and backward, for the loss and for any e.

    Sees whatever the kernels do that the spec doesn't: events, blocks and pieces of steps, threads, masks. Can't
    see an error that both share.
    """
    net = net.astype("float64")
    arguments = (batch.lengths, batch.span_mode, batch.masks)
    loss, logits, runs = oracle.spec_forward(net, net.params, batch)
    tape = net.record(batch.x, *arguments)
    rows = [compare("6 spec", "logits", tape.logits, logits, EXACT)]
    for i, recorded in enumerate(tape.layers):
        for name in ("current", "v", "v_reset", "s", "z"):
            expected = np.zeros_like(recorded.v)
            for b, length in enumerate(batch.lengths):
                expected[b, :length] = getattr(runs[b][i], name)
            rows.append(compare("6 spec", f"layers.{i}.{name}", getattr(recorded, name), expected, EXACT))
    kernel_loss, grads = net.loss_and_grad(batch.x, batch.y, *arguments, **batch.options)
    rows.append(compare("6 spec", "loss", kernel_loss, loss, EXACT, 1.0))
    rows += _same_gradients("", net, batch, grads)
    rows += _adjoints("6 spec", net, tape, EXACT, batch.cut)
    long = _more_than_a_piece(batch)
    _, got = net.loss_and_grad(long.x, long.y, long.lengths, long.span_mode, long.masks, **long.options)
    rows += _same_gradients("long: ", net, long, got)
    _, alone = net.loss_and_grad(batch.x, batch.y, *arguments, threads=1, **batch.options)
    _, shared = net.loss_and_grad(batch.x, batch.y, *arguments, threads=3, **batch.options)
    rows.append(compare("6 spec", "three threads", shared.flat, alone.flat, 0.0))
    return rows


def _same_gradients(prefix: str, net: Network, batch: CheckedBatch, grads: Params) -> list[Row]:
    """Compare the gradients of the kernels with those of the spec, one row per parameter."""
    _, expected = oracle.spec_gradients(net, batch)
    floors = _floors(net, batch, grads)
    return [compare("6 spec", prefix + name, grads[name], expected[name], EXACT, floors[name]) for name in grads]


def _more_than_a_piece(batch: CheckedBatch) -> CheckedBatch:
    """Repeat the first sequence in time, until it has more steps than the kernels take in one piece."""
    x = np.tile(batch.x[:1], (1, kernels.PIECE // batch.x.shape[1] + 1, 1))
    return replace(batch, x=x, y=batch.y[:1], lengths=np.array(x.shape[1:2]), masks=[m[:1] for m in batch.masks])


def float32_on_a_shared_tape(net: Network, batch: CheckedBatch) -> list[Row]:
    """Check rung 6, float32: the backward pass in float32 against the spec in float64, along one recorded float32 run.

    In runs of their own, the two precisions would spike a little differently, and one flipped spike changes all that
    follows. Sees float32 sums that lose too much.
    """
    net = net.astype("float32")
    tape = net.record(batch.x.astype(np.float32), batch.lengths, batch.span_mode, batch.masks)
    return _adjoints("6 float32", net, tape, SINGLE, batch.cut)


def _adjoints(rung: str, net: Network, tape, tolerance: float, cut) -> list[Row]:
    """Compare δ, q, dx and all gradients for a random e."""
    e = stream(0, "adjoints").standard_normal(tape.layers[-1].s.shape).astype(net.dtype)
    adjoint = net.adjoint(tape, e, *cut)
    delta, q, dx, grads = oracle.spec_adjoint(net, tape, e, cut)
    rows = [compare(rung, "dx", adjoint.dx, dx, tolerance)]
    for i in range(len(delta)):
        rows.append(compare(rung, f"layers.{i}.delta", adjoint.delta[i], delta[i], tolerance))
        rows.append(compare(rung, f"layers.{i}.q", adjoint.q[i], q[i], tolerance))
    floor, sizes = max(1e-3 * np.abs(grads.flat).max(), SMALLEST), oracle.cancelled(net.astype("float64"), tape, e)
    floors = {name: max(floor, sizes.get(name, 0.0)) for name in grads}
    return rows + [
        compare(rung, f"e: {name}", adjoint.grads[name], grads[name], tolerance, floors[name]) for name in grads
    ]


def _with_detach(net: Network, detach: bool) -> Network:
    """Copy the network with all resets detached, or none."""
    other = net.astype(net.dtype)
    other.neuron = [replace(neuron, detach_reset=detach) for neuron in net.neuron]
    return other
