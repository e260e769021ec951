"""Random generators, each named by a seed and a purpose."""

import hashlib

import numpy as np

from minisnn._internal import validate


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """Return the random generator for one purpose.

    Equal names give equal draws and different names independent ones, whatever else was drawn before. So two networks
    that differ only in their recurrence start with equal weights, and resuming needs no stored generator. Words are
    compared as texts: 3 and "3" are the same.

    Parameters
    ----------
    seed : int
        0 or more.
    *purpose : str or number
        The name of the stream, in any number of words.

    Raises
    ------
    TypeError, ValueError
        If the seed is not an integer, or is negative.

    Examples
    --------
    >>> first, again = ms.stream(0, "noise", 3).random(4), ms.stream(0, "noise", 3).random(4)
    >>> bool((first == again).all()), bool((first == ms.stream(0, "noise", 4).random(4)).any())
    (True, False)
    """
    seed = validate.integer(seed, "seed", 0)
    name = repr(tuple(str(word) for word in purpose))
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw an orthogonal matrix (n, n): Gaussian rows, each made orthogonal to the rows before it.

    Twice, for rounding. `einsum` rather than the QR of LAPACK, whose last bits depend on the number of threads.
    """
    q = rng.standard_normal((n, n))
    for i in range(n):
        for _ in range(2):
            q[i] -= np.einsum("j,jn->n", np.einsum("jn,n->j", q[:i], q[i]), q[:i])
        q[i] /= np.sqrt(np.square(q[i]).sum())
    return q
