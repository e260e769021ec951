"""Time and peak memory of one loss and gradient of a peer, in this process: prints one line of JSON.

python -m minisnn.bench.peer jax "SRC λ=16" 256 5        peer, model of minisnn.bench, sequences, repeats
"""

import json
import sys
import time

import numpy as np

from minisnn.bench import bench


def measure(peer: str, model: str, n_sequences: int, repeats: int) -> dict:
    """Seconds of each repeat after a warm-up, bytes above a process with the library warm, loss beside minisnn's."""
    net, x, y = bench.problem(model, n_sequences)
    expected, expected_grads = net.loss_and_grad(x, y)
    if peer == "jax":
        from minisnn.bench import jax_model

        function, params = jax_model.loss_and_grads(net), jax_model.numpy_params(net)

        def run(x, y):
            loss, grads = function(params, x, y)
            return float(loss), {name: np.asarray(d) for name, d in grads.items()}

    else:
        from minisnn.bench import torch_model

        def run(x, y):
            return torch_model.loss_and_grads(net, x, y)[1:]

    run(x[:2, :5], y[:2])
    seconds, results = [], []

    def repeat():
        for _ in range(1 + repeats):
            start = time.perf_counter()
            results.append(run(x, y))
            seconds.append(time.perf_counter() - start)

    memory = bench.peak_memory(repeat)
    loss, grads = results[-1]
    w = "layers.0.w_rec"
    return {
        **{"peer": peer, "model": model, "sequences": n_sequences, "seconds": seconds[1:], "first": seconds[0]},
        **{"memory": memory, "loss": loss, "minisnn_loss": expected},
        "gradient_difference": float(np.abs(grads[w] - expected_grads[w]).max() / np.abs(expected_grads[w]).max()),
    }


if __name__ == "__main__":
    peer, model, n_sequences, repeats = sys.argv[1:]
    print(json.dumps(measure(peer, model, int(n_sequences), int(repeats))))
