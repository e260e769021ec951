"""Gradient checks: is the hand-written backward pass the derivative of what it should be?

`gradcheck(net, x, y)` climbs a ladder of seven methods for one network, with rung 3 in place of rung 2 if a reset is
detached. `check_all` (and the command `minisnn gradcheck`) climbs all for small networks of every kind.
`gradcheck(net, x, y, backward=yours)` grades a backward pass of your own. `rungs.py` and `structure.py` say what each
rung can and can't see. A surrogate gradient is not the gradient of the spiking loss; the head of `rungs.py` says what
these checks establish nevertheless.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn._internal.types import ArrayLike, Lengths, Masks, SpanMode
from minisnn.checks.oracle import CheckedBatch, make_batch
from minisnn.checks.report import NO_LOSS, NOT_CHECKED, GradientError, Report, Row, compare, left_out
from minisnn.checks.rungs import (
    float32_on_a_shared_tape,
    frozen_complex_steps,
    kernels_against_spec,
    replayed_resets,
    smooth_differences,
    step_sweep,
    surrogate_pair,
    tangent_against_adjoint,
)
from minisnn.checks.structure import structure
from minisnn.checks.student import StudentParams, StudentTape, check_backward
from minisnn.core.neuron import ALIF, LIF, PLIF, RESETS
from minisnn.core.recurrence import ASRC, SRC, Feedforward, Mixture, Recurrent
from minisnn.core.surrogate import BUILT_IN
from minisnn.network import Network

__all__ = [
    "LADDER",
    "OPTIONS",
    "GradientError",
    "Report",
    "Row",
    "StudentParams",
    "StudentTape",
    "check_all",
    "check_backward",
    "compare",
    "gradcheck",
    "make_batch",
    "step_sweep",
]

LADDER = {
    "1 surrogate": surrogate_pair,
    "2 smooth": smooth_differences,
    "3 replay": replayed_resets,
    "4 frozen": frozen_complex_steps,
    "5 tangent": tangent_against_adjoint,
    "6 spec": kernels_against_spec,
    "6 float32": float32_on_a_shared_tape,
    "7 structure": structure,
}
"""The rungs, from the lowest, by name."""

NEEDS_PRIMITIVE = ("1 surrogate", "2 smooth", "3 replay")

OPTIONS = {
    "recurrence": {
        "feedforward": Feedforward(),
        "recurrent": Recurrent(),
        "src-3": SRC(3),
        "src-8": SRC(8),  # as many as the check has steps, T = 8
        "src-12": SRC(12),
        "asrc-4": ASRC(4),
        "asrc-11": ASRC(11),
        "asrc-5-shared": ASRC(5, shared=True),
        "mixture-6": Mixture(6),
    },
    "neuron": {
        "lif": lambda **reset: LIF(0.6, 0.8, **reset),
        "plif": lambda **reset: PLIF(0.6, 0.8, **reset),
        "plif-per-neuron": lambda **reset: PLIF(0.4, 0.7, **reset, per_neuron=True),
        "alif": lambda **reset: ALIF(0.6, 0.8, **reset, adaptation_decay=0.7, adaptation_strength=0.3),
    },
    "reset": {
        f"{reset}{'-detached' if detach else ''}": {"reset": reset, "detach_reset": detach}
        for reset in RESETS
        for detach in (False, True)
    },
    "gradient": {
        "whole": {},
        "no-hops": {"hops": False},
        "truncated": {"truncate": 3},
        "penalty": {"rate_penalty": 0.7, "target_rate": 0.15},
    },
    "surrogate": {kind.__name__.lower(): kind() for kind in BUILT_IN},
}
"""The options that `check_all` combines, by name."""


@np.errstate(under="ignore")
def gradcheck(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    lengths: Lengths = None,
    masks: Masks = None,
    span_mode: SpanMode = "soft",
    backward: Callable | None = None,
) -> Report:
    """Check the gradients of a network on a batch by the methods of the ladder: rung 3 if a reset is detached, else 2.

    Cost grows with the number of parameter blocks, sequences and steps: take a small network and a small batch.

    Parameters
    ----------
    net : Network
        Copies in float64, and one in float32, are checked.
    x, y, lengths, masks, span_mode
        As in `Network.loss_and_grad`.
    backward : callable, optional
        A backward pass of your own, `backward(tape, e, params)`, to be checked instead of the network's. See
        `checks.check_backward`.

    Returns
    -------
    Report
        `print(report)` shows a table with one row per quantity and rung, `print(report.summary())` one line per rung.
        With a `Custom` surrogate that has no primitive, rungs 1 to 3 are not checked, and the table says so. It says
        "not resolved" where the smooth loss is too rough for differences, as gradients of 1e5 can make it.

    Raises
    ------
    GradientError
        If a row is wrong; its text shows which, where, and both values.
    TypeError, ValueError
        If the batch is invalid; if there are so many potentials (some thousands) that one always lies near a kink of
        σ′.

    Examples
    --------
    >>> net = ms.Network([2, 4, 3], recurrence=ms.SRC(2))
    >>> report = ms.gradcheck(net, np.ones((2, 6, 2)), [0, 2])
    >>> report.ok
    True
    >>> sorted({row.rung for row in report.rows})
    ['1 surrogate', '2 smooth', '4 frozen', '5 tangent', '6 float32', '6 spec', '7 structure']
    """
    batch = make_batch(net, x, y, lengths, masks, span_mode)
    if backward is not None:
        report = check_backward(net, batch, backward)
    else:
        detached = any(neuron.detach_reset for neuron in net.neuron)
        skipped = "2 smooth" if detached else "3 replay"
        report = Report(tuple(row for name in LADDER if name != skipped for row in _climb(name, net, batch)))
    if not report.ok:
        raise GradientError(report)
    return report


def _climb(name: str, net: Network, batch: CheckedBatch) -> list[Row]:
    """Return the rows of a rung, or one that says that it needs the primitive of the surrogate."""
    if net.surrogate.primitive is None and name in NEEDS_PRIMITIVE:
        return [left_out(name, NOT_CHECKED)]
    return LADDER[name](net, batch)


@np.errstate(under="ignore")
def check_all(
    seed: int = 0,
    sizes: Sequence[int] = (3, 5, 4, 2),
    recurrence: Sequence[str] | None = None,
    neuron: Sequence[str] | None = None,
    reset: Sequence[str] | None = None,
    surrogate: Sequence[str] | None = None,
    gradient: Sequence[str] | None = None,
    dtype: str | None = None,
    rungs: Sequence[str] | None = None,
    show: Callable[[str], None] | None = None,
) -> Report:
    """Check small random networks of every kind with all methods of the ladder.

    Any two options meet in some network: all pairs, not all combinations. Rungs 2 to 4 need a gradient that is not cut;
    if none is chosen, their row says that they were not climbed.

    Parameters
    ----------
    seed : int
        Seed of weights and input.
    sizes : sequence of int
        As in `Network`.
    recurrence, neuron, reset, surrogate, gradient : list of str, optional
        Names from `OPTIONS`; None: all.
    dtype : {"float64", "float32"}, optional
        Climb only the rungs that check this precision; None: both.
    rungs : list of str, optional
        Names from `LADDER`; None: all.
    show : callable, optional
        Called with a line of text after each rung.

    Returns
    -------
    Report

    Raises
    ------
    GradientError
        After the first rung with a wrong row.
    TypeError
        If a list is a single name.
    ValueError
        If a name is unknown, or no chosen rung checks `dtype`.

    Examples
    --------
    >>> kinds = {"recurrence": ["src-3"], "neuron": ["lif"], "reset": ["hard"], "surrogate": ["sigmoid"]}
    >>> ms.checks.check_all(rungs=["1 surrogate", "4 frozen"], **kinds).ok
    True
    """
    chosen = {"recurrence": recurrence, "neuron": neuron, "reset": reset, "surrogate": surrogate, "gradient": gradient}
    lists = {}
    for option, names in {**chosen, "rungs": rungs}.items():
        if isinstance(names, str):
            raise TypeError(f"{option} must be a list of names, got {names!r}; did you mean [{names!r}]?")
    for option, names in chosen.items():
        lists[option] = [validate.choice(name, option, OPTIONS[option]) for name in names or OPTIONS[option]]
    if dtype is not None:
        validate.choice(dtype, "dtype", validate.DTYPES)
    climbed = [validate.choice(name, "rungs", LADDER) for name in rungs or LADDER]
    if dtype is not None:
        climbed = [name for name in climbed if (dtype == "float32") == (name == "6 float32")]
    if not climbed:
        raise ValueError(f"none of the rungs {', '.join(rungs)} checks {dtype}")
    networks = [_random_case(seed, sizes, **names) for names in _cases(lists)]
    rows = []
    for name in climbed:
        of_rung = []
        for label, net, batch in networks:
            of_rung += [replace(row, note=row.note or label) for row in LADDER[name](net, batch)]
        report = Report(tuple(of_rung or [left_out(name, NO_LOSS)]))
        if show:
            header, line = report.summary().split("\n")
            show(f"{header}\n{line}" if not rows else line)
        if not report.ok:
            raise GradientError(report)
        rows += report.rows
    return Report(tuple(rows))


def _cases(lists: dict[str, list]) -> list[dict]:
    """Choose networks: with the first gradient all pairs, with each other one every option once at least."""
    kinds = {option: names for option, names in lists.items() if option != "gradient"}
    first, *others = dict.fromkeys(lists["gradient"])
    cases = [{**case, "gradient": first} for case in all_pairs(kinds)]
    turns = {option: itertools.cycle(names) for option, names in kinds.items()}
    for _ in range(max(map(len, kinds.values()))):
        names = {option: next(turn) for option, turn in turns.items()}
        cases += [{**names, "gradient": other} for other in others]
    return cases


def all_pairs(lists: dict[str, list]) -> list[dict]:
    """Choose few combinations, one value from each list, such that any two values of different lists meet in one."""
    names = list(lists)
    options = itertools.combinations(names, 2)
    missing = {((a, va), (b, vb)) for a, b in options for va in lists[a] for vb in lists[b]}
    combinations = [dict(zip(names, values)) for values in itertools.product(*lists.values())]
    chosen = []
    pairs = [set(itertools.combinations(combination.items(), 2)) for combination in combinations]
    while missing or not chosen:
        best = max(range(len(pairs)), key=[len(missing & new) for new in pairs].__getitem__)
        chosen.append(combinations[best])
        missing -= pairs[best]
    return chosen


def _random_case(seed: int, sizes, recurrence: str, neuron: str, reset: str, surrogate: str, gradient: str):
    """Make a network with perturbed parameters, and a batch with lengths and masks: (label, net, batch)."""
    label = ", ".join((recurrence, neuron, reset, surrogate, *([gradient] if gradient != "whole" else [])))
    rng = stream(seed, "gradcheck", label)
    kinds = (OPTIONS["recurrence"][recurrence], OPTIONS["neuron"][neuron](**OPTIONS["reset"][reset]))
    net = Network(sizes, *kinds, OPTIONS["surrogate"][surrogate], readout_window=6, dtype="float64")
    net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
    net.params["readout.w"] *= 0.2  # undecided logits: a saturated softmax leaves no gradient to compare
    net.temperature = 0.7
    B, T = 10, 8
    x, y = rng.standard_normal((B, T, net.sizes[0])), rng.integers(0, net.sizes[-1], B)
    masks = [(rng.random((B, n)) < 0.8) / 0.8 for n in net.sizes[1:-1]]
    lengths = [8, 3, 8, 1, 7, 8, 8, 5, 8, 6]
    return label, net, make_batch(net, x, y, lengths, masks, **OPTIONS["gradient"][gradient])
