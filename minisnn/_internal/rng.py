"""Random draws from a stream that is named by a seed and a purpose."""

import hashlib

import numpy as np

from minisnn._internal import validate


def stream(seed: int, *purpose) -> np.random.Generator:
    """The random generator for one purpose, named by words and numbers: `stream(0, "init", "layers.0.w_in")`.

    Equal names give equal draws, different names independent ones, whatever else was drawn before. So two networks that
    differ only in their recurrence start with equal weights, and resuming needs no stored generator.

    Raises
    ------
    TypeError, ValueError
        If the seed is no integer or below 0.
    """
    seed = validate.integer(seed, "seed", 0)
    name = repr(tuple(str(word) for word in purpose))
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    """A random orthogonal matrix (n, n): Gaussian rows, each freed of its part along the rows before it.

    Freed twice, for rounding. `einsum` rather than a QR of LAPACK, whose last bits depend on the number of threads.
    """
    q = rng.standard_normal((n, n))
    for i in range(n):
        for _ in range(2):
            q[i] -= np.einsum("j,jn->n", np.einsum("jn,n->j", q[:i], q[i]), q[:i])
        q[i] /= np.sqrt(np.square(q[i]).sum())
    return q
