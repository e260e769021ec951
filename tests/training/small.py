"""Shared by the tests of training: a small problem and a network that is trained on it within milliseconds."""

import numpy as np

import minisnn as ms
from minisnn.datasets import Dataset, Split

STILL = ms.SGD(lr=0.0, span_lr=0.0, neuron_lr=0.0)  # trains nothing


def split(rng, n, n_steps=9, lengths=False) -> Split:
    """Two classes: the first two of three inputs are active early or late. Noise on top."""
    y = rng.integers(0, 2, n)
    early = np.arange(n_steps) < n_steps // 2
    x = 0.2 * rng.standard_normal((n, n_steps, 3))
    x[:, :, :2] += np.where(y[:, np.newaxis] == 0, early, ~early)[:, :, np.newaxis] * 1.5
    return Split(x, y, rng.integers(5, n_steps + 1, n) if lengths else None)


def problem(seed=0, n_train=37, lengths=False) -> Dataset:
    """37 sequences of 9 steps to train on; to read the test sequences is an error."""
    rng = np.random.default_rng(seed)
    untouched = Split(np.full((4, 9, 3), np.nan), np.zeros(4, np.int64))
    parts = split(rng, n_train, lengths=lengths), split(rng, 20, lengths=lengths)
    return Dataset(*parts, untouched, 2, {"name": "early or late", "seed": seed})


def network(recurrence=None, seed=0, **options) -> ms.Network:
    """A network that fires at first, with float64 weights."""
    options = {"dtype": "float64", "neuron": ms.PLIF(0.6, 0.5), **options}
    return ms.Network([3, 8, 7, 2], recurrence=recurrence or ms.ASRC(4), seed=seed, **options)


def fit(net, data=None, **options) -> ms.History:
    options = {"epochs": 3, "batch_size": 16, "progress": False, "optimizer": ms.AdamW(lr=0.02), **options}
    return ms.fit(net, data or problem(), **options)


def rows_but_seconds(history) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def spy(monkeypatch) -> list[tuple]:
    """The arguments (x, y, lengths, span_mode, masks) of every call of `loss_and_grad` from here on."""
    seen, original = [], ms.Network.loss_and_grad

    def loss_and_grad(self, x, y, lengths=None, span_mode="soft", masks=None, **options):
        seen.append((x, y, lengths, span_mode, masks))
        return original(self, x, y, lengths, span_mode, masks, **options)

    monkeypatch.setattr(ms.Network, "loss_and_grad", loss_and_grad)
    return seen


class Interruption(Exception):
    pass
