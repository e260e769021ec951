"""The running example of the tutorials: 3 neurons, 2 inputs, 6 steps, and numbers that are sums of powers of two.

Neuron 1 is driven by the input; through W_rec it excites itself and the other two, and neuron 0 inhibits itself. With
β = 1/2, θ = 1 and a soft reset every number of the forward and the backward pass is exact: what one computes on paper
is what the computer has, to the last bit.
"""

import numpy as np

from minisnn.core.reference import Layer

X = np.array([[1, 0], [0, 0], [1, 0], [0, 0], [1, 0], [0, 1]], float)  # (T, n_in)
W_IN = np.array([[1 / 2, 1, 0], [1 / 4, 0, -1 / 2]])  # (n_in, N)
BIAS = np.array([0, 1 / 4, 1 / 4])  # (N,)
W_REC = np.array([[-1 / 2, 0, 0], [1, 1 / 4, 1 / 2], [0, 0, 0]])  # (N, N), [pre, post]
E = np.zeros((6, 3))  # (T, N): what reaches the spikes from above
E[5] = 1, 0, 0  # the loss reads neuron 0 at the last step
MASK = np.ones(3)  # no dropout


def layer(delays=(1,), tap_weights=(1.0,), reset=(1.0, 0.0, 0.0)) -> Layer:
    """Make the example's layer with these taps (k_j, p_j) and this reset (a, h, detached); no taps: feedforward."""
    return Layer(
        W_IN.copy(), BIAS.copy(), W_REC.copy(), np.array(delays, np.int64), np.array(tap_weights, float),
        np.full(3, 1 / 2), np.ones(3), np.array(reset, float),
    )  # fmt: skip
