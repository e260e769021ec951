"""The batches of an epoch, shuffled or as they come, and their dropout masks."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from minisnn._internal.rng import stream
from minisnn.datasets import Split
from minisnn.network import Network


def batches(train, epoch: int, first: int, batch_size: int, seed: int) -> Iterator[tuple]:
    """Yield the batches (x, y, lengths) of an epoch from number `first` on; a split is shuffled as the seed says."""
    if isinstance(train, Split):
        order = stream(seed, "shuffle", epoch).permutation(len(train))
        for start in range(first * batch_size, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield train.x[chosen], train.y[chosen], None if train.lengths is None else train.lengths[chosen]
        return
    made = train(epoch) if callable(train) else train
    if not isinstance(made, Iterable):
        raise TypeError(f"data.train, a function of the epoch, must return batches to iterate over, got {made!r}")
    for number, batch in enumerate(itertools.islice(made, first, None), first):
        split = _as_split(batch, f"batch {number + 1} of epoch {epoch + 1}")
        yield split.x, split.y, split.lengths


def _as_split(batch, name: str) -> Split:
    """Return a user's batch as a Split: it is one, or (x, y), or (x, y, lengths)."""
    if isinstance(batch, Split):
        return batch
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        got = f"{len(batch)} things" if isinstance(batch, tuple | list) else type(batch).__name__
        raise TypeError(f"{name} must be (x, y), (x, y, lengths) or a Split, got {got}")
    try:
        return Split(*batch)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def dropout_masks(net: Network, n_sequences: int, dropout: float, rng: np.random.Generator) -> list[np.ndarray] | None:
    """Draw masks m of equation (2), (B, N) per layer: 0 with probability `dropout`, otherwise 1 / (1 - dropout)."""
    if dropout == 0:
        return None
    return [(rng.random((n_sequences, n)) >= dropout) / (1 - dropout) for n in net.sizes[1:-1]]
