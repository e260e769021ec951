"""Analyses on `record` and `adjoint` alone: how far back in time the gradient reaches, and along which paths.

All of it runs in float64: at β = 0.5 a gradient that nothing feeds halves at every step, is denormal in float32 after
some 126 steps and 0 after 149 (the kernels cut it off earlier, at 1e-30).

Within one layer, a small change dv[t] of the potentials (a row) spreads by (1) to (5), with σ′ for Θ′:

    ds[t]    = dv[t] diag(σ′[t])
    dv[t+1]  = dv[t] diag(f[t]) + Σ_j p_j ds[t + 1 - k_j] W_rec,    f[t] = β (1 - h s[t] - σ′[t] (a θ + h v[t]))

f is the *leak factor* of a step (detached: without its last term), and each passage through W_rec is a *hop*: of a
tap (k, p) it takes k steps and multiplies by p diag(σ′) W_rec. Paths of 0, 1, 2, ... hops lead from t to t + lag. With
β = 0.5 the leak alone halves the change at every step, so what is left after many steps has come by hops, and a tap of
delay λ needs only 1/λ as many of them as that of an RSNN.
"""

from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.display import counted
from minisnn._internal.types import ArrayLike, SpanMode
from minisnn.core import readout
from minisnn.core.reference import Layer, thresholds
from minisnn.core.tape import LayerTape
from minisnn.network import Network

FLOAT32_NORMAL = float(np.finfo(np.float32).tiny)  # numbers of float32 below this are denormal


@dataclass(frozen=True)
class GradientFlow:
    """‖∂L/∂v[t]‖, the norm over the neurons of a layer, and how much of the gradient is lost on the way.

    Attributes
    ----------
    norms : list of array (B, T)
        One per layer, float64.
    at : int or None
        The step that L reads; None: all steps of the readout.
    zero_slopes : list of float
        One per layer: the share of σ′[t] that are 0.
    denormal : list of float
        One per layer: the share of ∂L/∂v[t], t <= at, below float32's normal range, 0 included.
    """

    norms: list[np.ndarray]
    at: int | None
    zero_slopes: list[float]
    denormal: list[float]

    def __repr__(self) -> str:
        n_sequences, n_steps = self.norms[0].shape
        sizes = (len(self.norms), "layer"), (n_sequences, "sequence"), (n_steps, "step")
        return f"GradientFlow({', '.join(counted(*size) for size in sizes)}, at={self.at})"

    def mean(self, layer: int) -> np.ndarray:
        """Average over sequences, (T,)."""
        return self.norms[layer].mean(axis=0)

    def relative(self, layer: int) -> np.ndarray:
        """Return the norms over lag 0, 1, ..., relative to lag 0, (sequences, lags).

        Sequences without a gradient at lag 0 are left out: there is nothing to divide by. In the last layer none comes
        at other lags either; in lower ones some may, from earlier steps of the layer above.
        """
        norms = self.norms[layer][:, self.at :: -1]
        norms = norms[norms[:, 0] > 0]
        return norms / norms[:, :1]


def gradient_flow(
    net: Network, x: ArrayLike, y: ArrayLike | None = None, at: int | None = None, span_mode: SpanMode = "soft"
) -> GradientFlow:
    """Measure the size of ∂L/∂v[t], with L the cross-entropy of the readout at one step alone.

    The summed readout (6) feeds in error at every step and so hides how little of it travels (`summed_gradient_flow`).
    Here only s[at] is read: logits = s[at] W_out + b_out. What is left at an earlier t has come through t .. at.

    Parameters
    ----------
    net : Network
        A float64 copy is used.
    x : array (B, T, n_in)
        Sequences of one length: padding would be measured as well, so cut them first.
    y : array (B,) of int, optional
        Labels; None: for each sequence the class with the smallest logit, so that there is an error to send.
    at : int, optional
        The step, 0 .. T - 1; None: the last.
    span_mode : {"soft", "hard"}
        As in `Network.loss_and_grad`.

    Returns
    -------
    GradientFlow
        Its `norms` hold ‖∂L/∂v[t]‖, one array (B, T) per hidden layer; `mean(layer)` is over sequences,
        `relative(layer)` has each of them over lag, relative to lag 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Examples
    --------
    >>> net = ms.Network([1, 16, 2], recurrence=ms.SRC(8))
    >>> flow = ms.gradient_flow(net, np.ones((3, 40, 1)), at=29)
    >>> flow.norms[0].shape
    (3, 40)
    >>> bool(flow.mean(0)[29] > 0), float(flow.mean(0)[30])  # nothing reaches a later step
    (True, 0.0)
    """
    net, tape = _record(net, x, span_mode)
    B, T = tape.x.shape[:2]
    at = _step(at, T, "at")
    w_out, b_out, _ = net.readout()
    logits = readout.logits(tape.layers[-1].s[:, at], np.ones(B), w_out, b_out)
    y = logits.argmin(axis=1) if y is None else validate.labels(y, B, net.sizes[-1], net.classes)
    e = np.zeros_like(tape.layers[-1].s)
    e[:, at] = readout.d_logits(logits, y) @ w_out.T
    return _flow(net, tape, e, at)


def summed_gradient_flow(
    net: Network, x: ArrayLike, y: ArrayLike | None = None, span_mode: SpanMode = "soft"
) -> GradientFlow:
    """Measure the size of ∂L/∂v[t] as in training, with the readout summed over its steps R.

    Error comes in at every step of R, so the norm may stay level over all of time although nothing travels far.

    Parameters
    ----------
    net, x, y, span_mode
        As in `gradient_flow`.

    Returns
    -------
    GradientFlow

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Examples
    --------
    >>> net = ms.Network([1, 16, 2], readout_window=10)
    >>> flow = ms.summed_gradient_flow(net, np.ones((3, 40, 1)))
    >>> flow.mean(0).shape
    (40,)
    """
    net, tape = _record(net, x, span_mode)
    w_out = net.readout().w
    y = tape.logits.argmin(axis=1) if y is None else validate.labels(y, len(tape.x), net.sizes[-1], net.classes)
    e = np.zeros_like(tape.layers[-1].s)
    d_counts = readout.d_logits(tape.logits, y) @ w_out.T
    for b, (length, n_read) in enumerate(zip(tape.lengths, tape.n_read)):
        e[b, length - n_read : length] = d_counts[b]
    return _flow(net, tape, e, None)


def _record(net: Network, x, span_mode: str):
    """Return a float64 copy of the network, and its tape on x."""
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {type(net).__name__}")
    net = net.astype("float64")
    return net, net.record(validate.sequences(x, net.sizes[0]), span_mode=span_mode)


def _step(step, n_steps: int, name: str) -> int:
    """Check a step of x; None: the last."""
    step = n_steps - 1 if step is None else validate.integer(step, name, 0)
    if step >= n_steps:
        raise ValueError(f"{name} must be a step of x, 0 .. {n_steps - 1}, got {step}")
    return step


def _flow(net: Network, tape, e, at) -> GradientFlow:
    deltas = net.adjoint(tape, e).delta
    reached = slice(None if at is None else at + 1)  # later steps have no gradient
    return GradientFlow(
        norms=[np.sqrt(np.square(delta).sum(axis=2)) for delta in deltas],
        at=at,
        zero_slopes=[float((slopes(net, tape, i) == 0).mean()) for i in range(len(deltas))],
        denormal=[float((np.abs(delta[:, reached]) < FLOAT32_NORMAL).mean()) for delta in deltas],
    )


def slopes(net: Network, tape, layer: int) -> np.ndarray:
    """Evaluate σ′[t] of a layer along a tape, (B, T, N)."""
    recorded, numbers = tape.layers[layer], net.layers(tape.structure.span_mode)[layer]
    return np.asarray(net.surrogate.derivative(recorded.v - thresholds(numbers, recorded.s)))


def leak_factors(layer: Layer, tape: LayerTape, slope) -> np.ndarray:
    """Return f[t] = β (1 - h s[t] - σ′[t] (a θ + h v[t])), (B, T, N); without the last term if detached."""
    if layer.adaptation is not None:
        raise ValueError(
            "no Jacobian of v alone says how a layer that adapts goes on: A[t] is state too; use LIF or PLIF"
        )
    a, h, detached = layer.reset
    through_reset = slope * (a * layer.threshold + h * tape.v)
    return layer.decay * (1 - h * tape.s - (1 - detached) * through_reset)


def jacobian(
    net: Network, x: ArrayLike, layer: int, lag: int, start: int | None = None, span_mode: SpanMode = "soft"
) -> np.ndarray:
    """Compute ∂v[start + d] / ∂v[start] within one layer, d = 0 .. lag, with σ′ for Θ′ and the input from below fixed.

    The spikes of earlier steps are state too, so this is not a product of one-step N x N matrices. With J[0] = 1,

        J[d] = J[d-1] diag(f[start + d - 1]) + Σ_j p_j J[d - k_j] diag(σ′[start + d - k_j]) W_rec.

    Parameters
    ----------
    net : Network
        A float64 copy is used.
    x : array (B, T, n_in)
        Sequences of one length: padding would be measured as well, so cut them first.
    layer : int
        Which hidden layer, from 0.
    lag : int
        The largest d, 0 .. T - 1.
    start : int, optional
        The first of the two steps; start + lag must be a step of x. None: start + lag is the last step.
    span_mode : {"soft", "hard"}
        As in `Network.loss_and_grad`.

    Returns
    -------
    array (B, lag + 1, N, N)
        [b, d, i, j] = ∂v_j[start + d] / ∂v_i[start], float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the layer adapts (ALIF).

    Examples
    --------
    >>> net = ms.Network([1, 8, 2], recurrence=ms.SRC(3))
    >>> J = ms.jacobian(net, np.ones((5, 20, 1)), layer=0, lag=6)
    >>> J.shape
    (5, 7, 8, 8)
    >>> bool((J[:, 0] == np.eye(8)).all())
    True
    """
    numbers, f, slope = _steps_of_layer(net, x, layer, lag, start, span_mode)
    B, _, N = f.shape
    jacobians = np.zeros((B, lag + 1, N, N))
    jacobians[:, 0] = np.eye(N)
    for d in range(1, lag + 1):
        jacobians[:, d] = jacobians[:, d - 1] * f[:, d - 1, np.newaxis]
        for k, p in zip(numbers.delays, numbers.tap_weights):
            if k <= d:
                jacobians[:, d] += p * (jacobians[:, d - k] * slope[:, d - k, np.newaxis]) @ numbers.w_rec
    return jacobians


def hops(
    net: Network, x: ArrayLike, layer: int, lag: int, start: int | None = None, span_mode: SpanMode = "soft"
) -> dict[str, np.ndarray]:
    """Split the `jacobian` at one lag by the number of hops on the way; the parts add up to it.

    Parameters
    ----------
    net, x, layer, lag, start, span_mode
        As in `jacobian`.

    Returns
    -------
    dict of array (B, N, N)
        "leak", β^lag alone; "reset", how resets change it, also without a hop; "1 hop", "2 hops", ... up to as many as
        fit into the lag.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the layer adapts (ALIF).

    Examples
    --------
    >>> net, x = ms.Network([1, 8, 2], recurrence=ms.SRC(3)), np.ones((5, 20, 1))
    >>> parts = ms.hops(net, x, layer=0, lag=7)
    >>> list(parts)
    ['leak', 'reset', '1 hop', '2 hops']
    >>> np.allclose(sum(parts.values()), ms.jacobian(net, x, layer=0, lag=7)[:, 7])
    True
    """
    numbers, f, slope = _steps_of_layer(net, x, layer, lag, start, span_mode)
    B, _, N = f.shape
    shortest, longest = (numbers.delays.min(), numbers.delays.max()) if numbers.delays.size else (lag + 1, 1)
    parts = np.zeros((lag // shortest + 1, B, N, N))  # [hops, b], of J[0]
    parts[0] = np.eye(N)
    before = [parts]  # the last is that of J[d-1], the k-th from the end that of J[d-k]
    for d in range(1, lag + 1):
        parts = before[-1] * f[:, d - 1, np.newaxis]
        for k, p in zip(numbers.delays, numbers.tap_weights):
            if k <= d:
                parts[1:] += p * (before[-k][:-1] * slope[:, d - k, np.newaxis]) @ numbers.w_rec
        before = [*before, parts][-longest:]
    leak = np.broadcast_to(np.diag(numbers.decay**lag), (B, N, N))
    by_hops = {counted(n, "hop"): part for n, part in enumerate(parts) if n > 0}
    return {"leak": leak.copy(), "reset": parts[0] - leak, **by_hops}


@dataclass(frozen=True)
class Prediction:
    """Predictions of ‖J[d]‖ for d = 0 .. lag; see `predicted_norms`.

    Attributes
    ----------
    bound : array (lag + 1,)
        At least the largest singular value, for every sequence.
    mean_field : array (lag + 1,)
        An estimate of the root mean square over sequences of ‖J[d]‖_F / √N.
    """

    bound: np.ndarray
    mean_field: np.ndarray


def predicted_norms(
    net: Network, x: ArrayLike, layer: int, lag: int, start: int | None = None, span_mode: SpanMode = "soft"
) -> Prediction:
    """Predict the norm of the `jacobian` from f, σ′ and W_rec alone: a bound and a mean-field estimate.

    *Bound.* Norms of products and sums are at most products and sums of norms, so with b[0] = 1 and maxima over neurons
    and sequences, b[d] = max |f| b[d-1] + Σ_j p_j max σ′ ‖W_rec‖ b[d - k_j] is at least the largest singular value of
    J[d]. It assumes that all paths point the same way: with recurrence it soon says nothing.

    *Mean field.* If f, σ′ and W_rec were drawn independently at each step, W_rec with random signs, what arrives by a
    leak and what arrives by a hop would be uncorrelated, and squares would add up: with m[0] = 1 and means over
    neurons, sequences and steps,

        m[d] = mean(f²) m[d-1] + Σ_j p_j² mean(σ′²) (‖W_rec‖_F² / N) m[d - k_j],

    and ‖J[d]‖_F / √N is about √m[d]. For orthogonal W_rec the last factor is 1: a hop passes on the root mean square of
    σ′. The estimate leaves out two things. W_rec is the same at each step, so two paths with equally many hops, at
    different steps, are alike and add up to more than their squares do. And f and σ′ of a neuron persist: a silent
    neuron leaks by the same f for long and sends nothing. For RSNN and SRC the two errors may cancel for the most part
    (tutorial 04); for the mixture of an ASRC, or at a long time constant, the estimate may be far too low.

    Parameters
    ----------
    net, x, layer, lag, start, span_mode
        As in `jacobian`.

    Returns
    -------
    Prediction
    """
    numbers, f, slope = _steps_of_layer(net, x, layer, lag, start, span_mode)
    steepest, gain = np.linalg.norm(numbers.w_rec, 2), np.square(numbers.w_rec).sum() / len(numbers.decay)
    bound, square = np.zeros(lag + 1), np.zeros(lag + 1)
    bound[0] = square[0] = 1
    for d in range(1, lag + 1):
        bound[d] = np.abs(f[:, d - 1]).max() * bound[d - 1]
        square[d] = np.square(f).mean() * square[d - 1]
        for k, p in zip(numbers.delays, numbers.tap_weights):
            if k <= d:
                bound[d] += p * np.abs(slope[:, d - k]).max() * steepest * bound[d - k]
                square[d] += p**2 * np.square(slope).mean() * gain * square[d - k]
    return Prediction(bound, np.sqrt(square))


def _steps_of_layer(net, x, layer, lag, start, span_mode) -> tuple[Layer, np.ndarray, np.ndarray]:
    """Check the arguments; return the layer's numbers, and f and σ′ (B, lag + 1, N) at steps start .. start + lag."""
    net, tape = _record(net, x, span_mode)
    layer, lag = validate.integer(layer, "layer", 0), validate.integer(lag, "lag", 0)
    if layer >= len(tape.layers):
        raise ValueError(f"layer must be one of 0 .. {len(tape.layers) - 1}, got {layer}")
    T = tape.x.shape[1]
    if lag >= T:
        raise ValueError(f"lag must be less than the {T} steps of x, got {lag}")
    start = _step(T - 1 - lag if start is None else start, T - lag, "start")
    numbers, slope = net.layers(span_mode)[layer], slopes(net, tape, layer)
    f = leak_factors(numbers, tape.layers[layer], slope)
    steps = slice(start, start + lag + 1)
    return numbers, f[:, steps], slope[:, steps]
