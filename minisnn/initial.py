"""The initial values of a network's parameters, each drawn from a stream named by the seed and the parameter."""

import math

from minisnn._internal.rng import orthogonal, stream
from minisnn.core.neuron import decay_to_logit
from minisnn.core.parameters import Params, blocks


def initial(sizes, recurrence, neuron, seed: int, dtype) -> Params:
    """Draw initial values: W_in, b, readout uniform in ±1/√n_in, W_rec orthogonal; span logits 0, decays as given."""
    params = Params.zeros(blocks(sizes, recurrence, neuron), dtype)

    def uniform(name: str, n_in: int) -> None:
        params[name] = stream(seed, "init", name).uniform(-1, 1, params[name].shape) / math.sqrt(n_in)

    for i, n_in in enumerate(sizes[:-2]):
        name = f"layers.{i}."
        uniform(name + "w_in", n_in)
        uniform(name + "bias", n_in)
        if name + "w_rec" in params:
            params[name + "w_rec"] = orthogonal(stream(seed, "init", name + "w_rec"), sizes[i + 1])
        if name + "decay_logit" in params:
            params[name + "decay_logit"] = decay_to_logit(neuron[i].decay)
    uniform("readout.w", sizes[-2])
    uniform("readout.bias", sizes[-2])
    return params
