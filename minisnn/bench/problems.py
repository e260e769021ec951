"""What the benchmark computes: networks, and the sequences that they read.

How long events take depends on how many there are, so there are two kinds of problem. "sparse": 19 % of the inputs are
not 0, like the pixels of MNIST, and biases are shifted until the hidden layers fire like those of a trained network: at
20, 10 and 5 % (untrained, a deep layer would be silent, which flatters). "dense": no input is 0, and nothing is trained
or fitted, but the biases of the upper layers are raised so that these fire too, all at 9 to 17 %.
"""

from itertools import pairwise

import numpy as np

from minisnn import datasets
from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.core.recurrence import ASRC, SRC, Recurrent
from minisnn.network import Network

SIZES = (1, 64, 128, 128, 10)
LARGE = (1, 64, 212, 212, 10)
RATES = (0.2, 0.1, 0.05)
N_STEPS = 784
N_SEQUENCES = 256
COMPARED = ("RSNN", "SRC λ=16", "ASRC K=41")
MODELS = {"RSNN": Recurrent(), "SRC λ=16": SRC(16), "ASRC K=41": ASRC(41), "ASRC hardened": ASRC(41)}
KINDS = {
    "sparse": "19 % of the inputs are not 0; layers set to fire at 20, 10 and 5 %",
    "dense": "inputs uniform in [0, 1); not trained, biases of the upper layers + 0.3",
}


def problem(
    model,
    n_sequences: int = N_SEQUENCES,
    n_steps: int = N_STEPS,
    sizes=SIZES,
    rates=None,
    kind: str = "sparse",
) -> tuple[Network, np.ndarray, np.ndarray]:
    """Make a network with sequences and labels; always the same for the same arguments.

    Parameters
    ----------
    model : str or recurrence
        One of `MODELS`, or any recurrence, e.g. `SRC(8)`.
    n_sequences, n_steps : int
        B and T.
    sizes : sequence of int
        The first must be 1.
    rates : sequence of float, optional
        Firing rates of the hidden layers; None: `RATES` if sparse, as they come if dense.
    kind : {"sparse", "dense"}
        Kind of problem; `KINDS` describes them.

    Returns
    -------
    net : Network
    x : array (B, T, 1) of float32
    y : array (B,) of int
    """
    kind, rng = validate.choice(kind, "kind", KINDS), stream(0, "bench")
    net = network(model, sizes)
    x = rng.random((n_sequences, n_steps, 1), dtype=np.float32)
    if kind == "sparse":
        x *= rng.random(x.shape) < 0.19
        rates = RATES if rates is None else rates
    else:
        for i in range(1, len(sizes) - 2):
            net.params[f"layers.{i}.bias"] += 0.3
    for i, rate in enumerate(rates or ()):
        set_rate(net, x[:4], i, rate)
    return net, x, rng.integers(0, sizes[-1], n_sequences)


def digits(model, n_sequences: int = 64) -> tuple[Network, np.ndarray, np.ndarray]:
    """Make permuted digits (T = 64) and a network that fires at `RATES` on them; see `problem`."""
    data = datasets.digits(permute=True).train
    net, x, y = network(model, SIZES), data.x[:n_sequences], data.y[:n_sequences]
    for i, rate in enumerate(RATES):
        set_rate(net, x, i, rate)
    return net, x, y


def network(model, sizes) -> Network:
    """Make an untrained network; for "ASRC hardened" the temperature has fallen, with a span of 16 in each layer."""
    net = Network(sizes, recurrence=MODELS[model] if isinstance(model, str) else model)
    if model == "ASRC hardened":
        net.temperature = 1e-3
        for name in net.params.names("span logit"):
            net.params[name][15] = 1.0
    return net


def set_rate(net: Network, x, layer: int, rate: float) -> None:
    """Shift the biases of a layer by bisection until it fires at this rate on x."""
    bias = net.params[f"layers.{layer}.bias"]
    initial = bias.copy()
    low, high = -2.0, 4.0
    for _ in range(13):
        shift = (low + high) / 2
        bias[...] = initial + shift
        if net.record(x).layers[layer].s.mean() < rate:
            low = shift
        else:
            high = shift


def multiply_adds(sizes=SIZES) -> int:
    """Count the multiply-adds of one step: W_in and W_rec of each hidden layer, once forward and twice backward."""
    return 3 * sum(n_in * n + n * n for n_in, n in pairwise(sizes[:-1]))
