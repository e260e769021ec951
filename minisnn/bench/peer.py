"""Time and peak memory of one loss and gradient of a peer, in turns with minisnn: prints one line of JSON.

python -m minisnn.bench.peer JAX "SRC λ=16" sparse 256 3        peer, model and kind of problem, sequences, repeats
"""

import json
import sys

import numpy as np

from minisnn.bench.measuring import in_turns, peak_memory
from minisnn.bench.problems import problem


def gradients_of(peer: str, net):
    """Return a function of (x, y) that computes (loss, gradients by name) of this network in "JAX" or "PyTorch"."""
    if peer == "PyTorch":
        from minisnn.bench import torch_model

        return lambda x, y: torch_model.loss_and_grads(net, x, y)[1:]

    from minisnn.bench import jax_model

    function, params = jax_model.loss_and_grads(net), jax_model.numpy_params(net)

    def run(x, y):
        loss, grads = function(params, x, y)
        return float(loss), {name: np.asarray(d) for name, d in grads.items()}

    return run


def measure(peer: str, model: str, kind: str, n_sequences: int, repeats: int) -> dict:
    """Measure seconds of both, bytes of the peer above a process with its library warm, loss and gradient of both."""
    net, x, y = problem(model, n_sequences, kind=kind)
    run, first = gradients_of(peer, net), []
    run(x[:2, :5], y[:2])
    memory = peak_memory(lambda: first.append(run(x, y)))
    seconds = in_turns({"peer": lambda: run(x, y), "minisnn": lambda: net.loss_and_grad(x, y)}, repeats)

    (loss, grads), (our_loss, our_grads) = first[0], net.loss_and_grad(x, y)
    w = "layers.0.w_rec"
    return {
        **{"peer": peer, "model": model, "kind": kind, "sequences": n_sequences, "memory": memory},
        **{"seconds": seconds["peer"], "minisnn_seconds": seconds["minisnn"]},
        **{"loss": loss, "minisnn_loss": our_loss},
        "gradient_difference": float(np.abs(grads[w] - our_grads[w]).max() / np.abs(our_grads[w]).max()),
    }


if __name__ == "__main__":
    peer, model, kind, n_sequences, repeats = sys.argv[1:]
    print(json.dumps(measure(peer, model, kind, int(n_sequences), int(repeats))))
