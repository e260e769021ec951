"""The readout: spikes of the last layer are counted, counts become logits, logits a loss; and back.

Equations (6) and (12), except for the division by B. All functions but `window` take one sequence or, with a leading
axis, a batch; real numbers or complex ones.
"""

import numpy as np


def window(length: int, readout_window: int | None) -> tuple[int, int]:
    """Return R as (start, stop): the steps that the readout of a sequence of `length` steps sums over."""
    return 0 if readout_window is None else max(0, length - readout_window), length


def logits(counts, n_read, w, bias) -> np.ndarray:
    """Return the logits (..., classes) by equation (6), from counts (..., N) and |R| (...)."""
    return counts @ w + np.multiply.outer(n_read, bias)


@np.errstate(under="ignore")
def log_softmax(logits) -> np.ndarray:
    """Return ln softmax(logits) along the last axis; no overflow, whatever the logits."""
    shifted = logits - np.max(np.real(logits), axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits, y) -> np.ndarray:
    """Return the loss of each sequence by equation (6): minus the log-probability of its label y (...)."""
    return -np.take_along_axis(log_softmax(logits), np.expand_dims(y, -1), axis=-1)[..., 0]


@np.errstate(under="ignore")
def d_logits(logits, y) -> np.ndarray:
    """Return the adjoint of `cross_entropy`, equation (12): softmax(logits) - onehot(y), (..., classes).

    The entry of the label is computed as minus the sum of the others, which is equal: no digits are lost to 1 - p.
    """
    onehot = np.arange(np.shape(logits)[-1]) == np.expand_dims(y, -1)
    others = np.where(onehot, 0, np.exp(log_softmax(logits)))
    return others - onehot * others.sum(axis=-1, keepdims=True)
