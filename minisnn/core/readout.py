"""The readout: spikes of the last layer are counted, counts become logits, logits a loss; and back.

    (6)  counts = Σ_{t in R} s[t];  logits = counts W_out + |R| b_out;
         loss = batch mean of cross-entropy(softmax(logits), y)
    (12) g = (softmax(logits) - onehot(y)) / B;  e[t] = g W_outᵀ for t in R;  d_w_out = Σ countsᵀ g;  d_b_out = Σ |R| g

R is all steps of a sequence, or its last w. All functions take a batch, and complex numbers as well (for complex-step
checks). Products go through `einsum`, which adds in one fixed order on one thread, so results don't depend on the
number of threads.
"""

import numpy as np


def window(length: int, readout_window: int | None) -> tuple[int, int]:
    """R as (start, stop): the steps that the readout of a sequence of `length` steps sums."""
    start = 0 if readout_window is None else max(0, length - readout_window)
    return start, length


def logits(counts, n_read, w, bias) -> np.ndarray:
    """Equation (6): from counts (B, N) and |R| (B,) to logits (B, classes)."""
    return np.einsum("bn,nc->bc", counts, w) + n_read[:, np.newaxis] * bias


def log_softmax(logits) -> np.ndarray:
    """ln softmax(logits) along the last axis; no overflow, whatever the logits."""
    shifted = logits - np.max(np.real(logits), axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def losses(logits, y) -> np.ndarray:
    """Cross-entropy of each sequence, (B,): minus the log-probability of its label."""
    return -log_softmax(logits)[np.arange(len(y)), y]


def d_logits(logits, y, batch_size: int) -> np.ndarray:
    """g of equation (12), (B, classes): the adjoint of the mean of `losses` over `batch_size` sequences."""
    g = np.exp(log_softmax(logits))
    g[np.arange(len(y)), y] -= 1
    return g / batch_size


def d_counts(g, w) -> np.ndarray:
    """Equation (12), g W_outᵀ (B, N): it is e[t] for every t in R, since each spike there counts once."""
    return np.einsum("bc,nc->bn", g, w)


def d_weights(g, counts, n_read) -> tuple[np.ndarray, np.ndarray]:
    """Equation (12): d_w_out (N, classes) and d_b_out (classes,), sums over the batch."""
    return np.einsum("bn,bc->nc", counts, g), np.einsum("b,bc->c", n_read.astype(g.dtype), g)
