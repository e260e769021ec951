"""Analyses on `record` and `adjoint` alone: how far back in time the gradient reaches.

All of it runs in float64: at β = 0.5 a gradient that nothing feeds halves every step, is denormal in float32 after
some 126 steps and 0 after 149.
"""

from dataclasses import dataclass

import numpy as np

from minisnn import _validate, readout
from minisnn.network import Network


@dataclass(frozen=True)
class GradientFlow:
    """‖∂L/∂v[t]‖ for a loss L that is read out at one step."""

    norms: list[np.ndarray]  # (B, T) float64 for each layer, the norm over its neurons
    at: int  # the step that L reads


def gradient_flow(net: Network, x, y=None, at: int | None = None, spans: str = "soft") -> GradientFlow:
    """The size of ∂L/∂v[t], with L the cross-entropy of the readout at one step alone.

    The summed readout (6) feeds error in at every step and so hides how little of it travels. Here only s[at] is read:
    logits = s[at] W_out + b_out. What is left at an earlier t has come through t .. at.

    Parameters
    ----------
    net : Network
        A float64 copy is used.
    x : array (B, T, n_in)
    y : array (B,) of int, optional
        Labels; None: the class that the readout at this step favours least, so that there is an error to send.
    at : int, optional
        The step, 0 .. T - 1; None: the last.
    spans : {"soft", "hard"}

    Returns
    -------
    GradientFlow
    """
    net = net.astype("float64")
    x = _validate.sequences(x, net.sizes[0])
    at = x.shape[1] - 1 if at is None else _validate.integer(at, "at", 0)
    if at >= x.shape[1]:
        raise ValueError(f"at must be a step of x, 0 .. {x.shape[1] - 1}, got {at}")
    tape = net.record(x, spans=spans)
    w_out, b_out, _ = net.readout()
    s = tape.layers[-1].s[:, at]
    logits = readout.logits(s, np.ones(len(x)), w_out, b_out)
    y = logits.argmin(axis=1) if y is None else _validate.labels(y, len(x), net.sizes[-1])
    e = np.zeros_like(tape.layers[-1].s)
    e[:, at] = readout.d_counts(readout.d_logits(logits, y, 1), w_out)
    adjoint = net.adjoint(tape, e)
    return GradientFlow([np.sqrt(np.square(delta).sum(axis=2)) for delta in adjoint.delta], at)
