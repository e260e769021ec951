"""The benchmark: time and memory of one loss and gradient, beside other frameworks.

bench.py         what `minisnn bench` measures and reports
cases.py         its parts
problems.py      the networks and sequences
measuring.py     seconds, memory, the machine
jax_model.py     the same model in JAX
torch_model.py   the same model in PyTorch, also an oracle of the tests
peer.py          times one of these two, in turns with minisnn, in a process of its own

Imports `analysis/`, `training/`, `network.py` and what lies below them; JAX and PyTorch only on request.
"""
