"""Training: one step, and `fit`, the loop around it.

A run is named by its seed. The order of epoch 7 is drawn from `stream(seed, "shuffle", 7)`, its dropout masks from
`stream(seed, "dropout", 7, batch)`. So two networks trained with the same seed see the same data in the same order, and
a run that resumes from a checkpoint does what it would have done.
"""

import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minisnn._internal import announce, storage, validate
from minisnn._internal.rng import stream
from minisnn.compilation import prepare
from minisnn.core.recurrence import ASRC
from minisnn.datasets import Dataset, Split
from minisnn.network import Network
from minisnn.training import optim
from minisnn.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from minisnn.training.history import History

SILENT, SATURATED = 0.001, 0.9  # firing rates, spikes per neuron and step


def temperature_at(fraction: float, start: float = 1.0, end: float = 2.8e-4) -> float:
    """Return T° after this fraction of training: it falls geometrically from `start` to `end`.

    The defaults are the paper's: 1 · 0.96^200 = 2.8e-4 after 200 epochs. Since T° depends on the fraction, a short run
    hardens as a long one does.
    """
    return start * (end / start) ** fraction


class Batch(NamedTuple):
    """The sequences of one training step, as `train_step` takes them.

    Parameters
    ----------
    x, y, lengths
        As in `Network.loss_and_grad`: input (B, T, n_in), labels (B,) and numbers of steps (B,).
    masks : list of array (B, N), optional
        Dropout masks m of equation (2), one per hidden layer.

    Examples
    --------
    >>> batch = ms.Batch(x=np.ones((4, 20, 1)), y=np.array([0, 1, 0, 1]))
    >>> net, sgd = ms.Network([1, 8, 2]), ms.SGD()
    >>> loss, norm = ms.train_step(net, batch, sgd, sgd.start(net.params))
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None
    masks: list[np.ndarray] | None = None


def train_step(
    net: Network,
    batch: Batch,
    optimizer: optim.SGD | optim.AdamW,
    state: optim.State,
    lr_factor: float = 1.0,
    clip_norm: float | None = None,
) -> tuple[float, float]:
    """Train for one step: forward, backward, update.

    Parameters
    ----------
    net : Network
        Its parameters are changed in place.
    batch : Batch
    optimizer : AdamW or SGD
    state : dict of array
        The optimiser's memory, from `optimizer.start(net.params)`; changed in place. Pass the same dict in every step.
    lr_factor : float
        Factor of the learning rates, as returned by a schedule.
    clip_norm : float, optional
        Upper bound of the gradient's norm, above 0; None: no clipping.

    Returns
    -------
    loss, gradient_norm : float
        Those of this batch, before clipping and before the update.

    Raises
    ------
    TypeError, ValueError
        As in `Network.loss_and_grad`.

    Examples
    --------
    >>> data, net, adam = ms.datasets.digits(), ms.Network([1, 8, 10]), ms.AdamW()
    >>> state = adam.start(net.params)
    >>> losses = [ms.train_step(net, ms.Batch(data.train.x[:4], data.train.y[:4]), adam, state)[0] for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    loss, grads = net.loss_and_grad(batch.x, batch.y, batch.lengths, masks=batch.masks)  # forward and backward
    norm = optim.clip(grads, clip_norm)
    optimizer.update(net.params, grads, state, lr_factor)  # update
    return loss, norm


def fit(
    net: Network,
    data: Dataset,
    epochs: int = 60,
    batch_size: int = 64,
    optimizer: optim.SGD | optim.AdamW | None = None,
    schedule: Callable[[int, int], float] = optim.one_cycle,
    temperatures: tuple[float, float] = (1.0, 2.8e-4),
    clip_norm: float | None = None,
    dropout: float = 0.0,
    seed: int = 0,
    callback: Callable[[Network, History], bool | None] | None = None,
    progress: bool = True,
    checkpoint=None,
    checkpoint_minutes: float = 5.0,
    resume: bool = False,
) -> History:
    """Train a network; it ends in its state after the epoch with the best hard validation accuracy.

    Parameters
    ----------
    net : Network
        Its parameters and its temperature are changed in place.
    data : Dataset
        Train and validation are read, test is not touched. `data.train` may make its batches on the fly (see
        `datasets.Dataset`); then they are taken as they come, unshuffled, and `batch_size` is not used.
    epochs : int
        At least 1.
    batch_size : int
        Sequences per step, at least 1; the last batch of an epoch may be smaller.
    optimizer : AdamW or SGD, optional
        Default: `AdamW()` with the paper's learning rates.
    schedule : callable
        Maps (epoch, epochs) to a factor of the learning rates: `one_cycle`, `cosine`, `constant` or your own.
    temperatures : (float, float)
        The temperature T° falls geometrically from the first to the second, as a function of the fraction of training
        done. Both are above 0; the default is the paper's.
    clip_norm : float, optional
        As in `train_step`.
    dropout : float
        Probability, in [0, 1), that a neuron's input from below is cut (m of equation 2), drawn once per sequence and
        layer; the input of the other neurons is scaled by 1 / (1 - dropout).
    seed : int
        Names the random streams of shuffling and dropout; at least 0.
    callback : callable, optional
        Called as `callback(net, history)` after each epoch; if it returns True, training stops.
    progress : bool
        Whether to show progress bars, one for the run and one for the epoch.
    checkpoint : path, optional
        A file to write after each epoch, and within an epoch every `checkpoint_minutes`; whole or not at all.
    checkpoint_minutes : float
        An interruption costs at most this much time and one batch; 0: write after each batch.
    resume : bool
        Whether to continue from `checkpoint` if it exists. The run must have been started with the same arguments. The
        result is then equal, bit for bit, to that of an uninterrupted run.

    Returns
    -------
    History
        One row per epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, the data does not fit the network, or the checkpoint belongs to another run.
    FloatingPointError
        If a loss, gradient or parameter is not finite; the message names epoch and batch.

    Warns
    -----
    RuntimeWarning
        If a layer is silent or saturated after the first epoch.

    Examples
    --------
    >>> data = ms.datasets.delayed_match(lag=4, n_train=32, n_test=16)
    >>> net = ms.Network([1, 8, 2], recurrence=ms.SRC(4))
    >>> history = ms.fit(net, data, epochs=1, batch_size=8, progress=False)
    >>> history.column("epoch"), history.best_epoch
    ([0], 0)
    """
    optimizer = optim.AdamW() if optimizer is None else optimizer
    options = {"epochs": epochs, "batch_size": batch_size, "temperatures": temperatures, "clip_norm": clip_norm}
    run = _checked_run(net, data, optimizer, schedule, {**options, "dropout": dropout, "seed": seed})
    save = _saver(checkpoint, checkpoint_minutes, run)
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=, the file to continue from")
    prepare(net.dtype)
    done = Progress(net.params, optimizer.start(net.params), net.params.copy(), net.temperature)
    if resume and Path(checkpoint).exists():
        load_checkpoint(checkpoint, run, done)

    history = done.history
    with announce.progress(epochs, "epoch", progress, done=len(history)) as advance:
        for epoch in range(len(history), epochs):
            net.temperature = temperature_at(epoch / epochs, *run["temperatures"])
            row = _train_epoch(net, data.train, epoch, optimizer, done, run, save, progress)
            history.rows.append(_validate_epoch(net, data.validation, row))
            if epoch == 0:
                _warn_about_rates(row["firing_rates"])
            accuracies = history.column("validation_accuracy_hard")
            if accuracies[-1] > max(accuracies[:-1], default=-1.0):
                history.best_epoch, done.best_temperature = epoch, net.temperature
                done.best.flat[...] = net.params.flat
            save(done, now=True)
            advance(loss=f"{row['train_loss']:.3f}", validation=f"{accuracies[-1]:.1%}")
            if callback is not None and callback(net, history):
                break
    net.params.flat[...] = done.best.flat
    net.temperature = done.best_temperature
    return history


def _saver(path, minutes: float, run: dict) -> Callable:
    """Return `save(progress, now)`, which writes a checkpoint if `now` or if the last one is `minutes` old."""
    minutes = validate.number(minutes, "checkpoint_minutes", 0.0, np.inf)
    if path is None:
        return lambda progress, now: None
    storage.make_folder(Path(path).parent)  # now, not after an hour of training
    last = time.monotonic()

    def save(progress: Progress, now: bool) -> None:
        nonlocal last
        if now or time.monotonic() - last >= 60 * minutes:
            save_checkpoint(path, run, progress)
            last = time.monotonic()

    return save


def _checked_run(net, data, optimizer, schedule, options: dict) -> dict:
    """Check all that decides the outcome of a run, and return it as plain JSON: what a checkpoint must agree on."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a Dataset, e.g. minisnn.datasets.digits(), got {type(data).__name__}")
    for split in (data.train, data.validation):
        if isinstance(split, Split):
            validate.sequences(split.x[:1], net.sizes[0])
    if data.n_classes != net.sizes[-1]:
        raise ValueError(f"the data has {data.n_classes} classes, the network {net.sizes[-1]}")
    if not isinstance(optimizer, optim.SGD | optim.AdamW):
        raise TypeError(f"optimizer must be AdamW(), Adam() or SGD(), got {optimizer!r}; are the parentheses missing?")
    if not callable(schedule):
        raise TypeError(f"schedule must be a function of (epoch, epochs), e.g. minisnn.one_cycle, got {schedule!r}")
    temperatures = options["temperatures"]
    if not isinstance(temperatures, tuple | list | np.ndarray) or len(temperatures) != 2:
        raise ValueError(f"temperatures must be two numbers, at the start and at the end, got {temperatures!r}")
    clip_norm = options["clip_norm"]
    epochs = validate.integer(options["epochs"], "epochs", 1)
    return {
        "network": {**net.config(), "temperature": None},
        "optimizer": storage.to_json(optimizer),
        "epochs": epochs,
        "lr_factors": [
            validate.number(schedule(epoch, epochs), "the value of schedule", 0.0, np.inf) for epoch in range(epochs)
        ],
        "batch_size": validate.integer(options["batch_size"], "batch_size", 1),
        "temperatures": [validate.number(t, "temperatures", 0.0, np.inf, open_ends=True) for t in temperatures],
        "clip_norm": None
        if clip_norm is None
        else validate.number(clip_norm, "clip_norm", 0.0, np.inf, open_ends=True),
        "dropout": validate.number(options["dropout"], "dropout", 0.0, float(np.nextafter(1.0, 0.0))),
        "seed": validate.integer(options["seed"], "seed", 0),
        "data": data.record,
        "n_train": len(data.train) if isinstance(data.train, Split) else None,
    }


def _train_epoch(net, train, epoch, optimizer, done: Progress, run, save, progress: bool) -> dict:
    """Train for one epoch, or what is left of it; return the row of the history as far as it is known."""
    lr_factor = run["lr_factors"][epoch]
    first = len(done.batches)
    n_batches = -(-len(train) // run["batch_size"]) if isinstance(train, Split) else None
    drawn = batches(train, epoch, first, run["batch_size"], run["seed"])
    bar = announce.each(drawn, f"epoch {epoch + 1}", "batch", n_batches, progress, first)
    for number, (x, y, lengths) in enumerate(bar, first):
        start = time.perf_counter()
        masks = dropout_masks(net, len(x), run["dropout"], stream(run["seed"], "dropout", epoch, number))
        batch = Batch(x, y, lengths, masks)
        loss, norm = train_step(net, batch, optimizer, done.state, lr_factor, run["clip_norm"])
        if not (np.isfinite(loss) and np.isfinite(norm) and np.isfinite(net.params.flat).all()):
            raise FloatingPointError(
                f"epoch {epoch}, batch {number}: loss {loss}, gradient norm {norm}, or a parameter is not finite; "
                f"try a lower lr (the schedule's factor is {lr_factor:.3g} here) or clip_norm=1.0"
            )
        seconds = time.perf_counter() - start
        done.batches.append({"loss": loss, "norm": norm, "size": len(x), "seconds": seconds})
        save(done, now=False)
    if not done.batches:
        raise ValueError(
            f"the training data gave no batch in epoch {epoch}; can it be iterated over only once? "
            "Pass a list, or a function of the epoch that returns an iterable"
        )
    losses, norms, sizes, seconds = ([b[name] for b in done.batches] for name in ("loss", "norm", "size", "seconds"))
    done.batches = []
    return {
        "epoch": epoch,
        "lr_factor": lr_factor,
        "temperature": net.temperature,
        "train_loss": float(np.average(losses, weights=sizes)),
        "gradient_norm": float(np.mean(norms)),
        "seconds": sum(seconds),
    }


def batches(train, epoch: int, first: int, batch_size: int, seed: int) -> Iterator[tuple]:
    """Yield the batches (x, y, lengths) of an epoch from number `first` on; a split is shuffled as the seed says."""
    if isinstance(train, Split):
        order = stream(seed, "shuffle", epoch).permutation(len(train))
        for start in range(first * batch_size, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield train.x[chosen], train.y[chosen], None if train.lengths is None else train.lengths[chosen]
    else:
        for batch in itertools.islice(train(epoch) if callable(train) else train, first, None):
            split = batch if isinstance(batch, Split) else Split(*batch)
            yield split.x, split.y, split.lengths


def dropout_masks(net: Network, n_sequences: int, dropout: float, rng: np.random.Generator) -> list[np.ndarray] | None:
    """Draw masks m of equation (2), (B, N) per layer: 0 with probability `dropout`, otherwise 1 / (1 - dropout)."""
    if dropout == 0:
        return None
    return [(rng.random((n_sequences, n)) >= dropout) / (1 - dropout) for n in net.sizes[1:-1]]


def _validate_epoch(net, split, row) -> dict:
    """Add to a row what the validation data shows."""
    start = time.perf_counter()
    hard = net.evaluate(split)
    soft = net.evaluate(split, span_mode="soft") if any(isinstance(r, ASRC) for r in net.recurrence) else hard
    row |= {"validation_loss_soft": soft.loss, "validation_accuracy_soft": soft.accuracy}
    row |= {"validation_loss_hard": hard.loss, "validation_accuracy_hard": hard.accuracy}
    row["firing_rates"] = list(hard.firing_rates)
    row["span_weights"] = [None if p is None else [float(p_k) for p_k in p] for p in net.span_weights()]
    row["seconds"] += time.perf_counter() - start
    return row


def _warn_about_rates(firing_rates) -> None:
    for i, rate in enumerate(firing_rates):
        if rate < SILENT or rate > SATURATED:
            what = "silent" if rate < SILENT else "saturated"
            warnings.warn(
                f"after the first epoch layer {i} is {what}: {rate:.2%} of its neurons fire per step; "
                f"such a layer learns little (check the scale and offset of the input, threshold and decay)",
                RuntimeWarning,
                stacklevel=3,
            )
