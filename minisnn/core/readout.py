"""The readout: spikes of the last layer are counted, counts become logits, logits a loss; and back.

    (6)  counts = Σ_{t in R} s[t];  logits = counts W_out + |R| b_out;  loss = cross-entropy(softmax(logits), y)
    (12) g = softmax(logits) - onehot(y), divided by the size of the batch whose mean the loss is;  e[t] = g W_outᵀ

R is all steps of a sequence, or its last w. One sequence or, with a leading axis, a batch; complex numbers as well.
"""

import numpy as np


def window(length: int, readout_window: int | None) -> tuple[int, int]:
    """R as (start, stop): the steps that the readout of a sequence of `length` steps sums."""
    return 0 if readout_window is None else max(0, length - readout_window), length


def logits(counts, n_read, w, bias) -> np.ndarray:
    """Equation (6): from counts (..., N) and |R| (...) to logits (..., classes)."""
    return counts @ w + np.multiply.outer(n_read, bias)


def log_softmax(logits) -> np.ndarray:
    """ln softmax(logits) along the last axis; no overflow, whatever the logits."""
    shifted = logits - np.max(np.real(logits), axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits, y) -> np.ndarray:
    """Equation (6), the loss of each sequence: minus the log-probability of its label y (...)."""
    return -np.take_along_axis(log_softmax(logits), np.expand_dims(y, -1), axis=-1)[..., 0]


def d_logits(logits, y) -> np.ndarray:
    """Equation (12), the adjoint of `cross_entropy`: softmax(logits) - onehot(y), (..., classes).

    For the label itself as minus the sum of the others, which is the same: no digits are lost to 1 - p.
    """
    onehot = np.arange(np.shape(logits)[-1]) == np.expand_dims(y, -1)
    others = np.where(onehot, 0, np.exp(log_softmax(logits)))
    return others - onehot * others.sum(axis=-1, keepdims=True)
