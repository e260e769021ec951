"""Training: one step, and `fit`, the loop around it.

A run is named by its seed. The order of epoch 7 is drawn from `stream(seed, "shuffle", 7)`, its dropout masks from
`stream(seed, "dropout", 7, batch)`. So two networks trained with the same seed see the same data in the same order, and
a run that resumes from a checkpoint does what it would have done.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minisnn._internal import announce, classes, storage, validate
from minisnn._internal.rng import stream
from minisnn._internal.types import PathLike
from minisnn.compilation import prepare_network
from minisnn.core.recurrence import ASRC
from minisnn.datasets import Dataset, Split
from minisnn.network import Network
from minisnn.training import optim, settings
from minisnn.training.batches import batches, dropout_masks
from minisnn.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from minisnn.training.history import History

SILENT, SATURATED = 0.001, 0.9  # firing rates, spikes per neuron and step
GRACE = 0.15  # of the epochs, in which a layer may be silent or saturated


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
    gradient: Mapping | None = None,
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
    gradient : dict, optional
        Any of hops, truncate, rate_penalty and target_rate, as in `Network.loss_and_grad`.

    Returns
    -------
    loss, gradient_norm : float
        Those of this batch, before clipping and before the update.

    Raises
    ------
    TypeError, ValueError
        As in `Network.loss_and_grad`; if `clip_norm` or `lr_factor` is out of range, or `state` is another optimiser's.

    Examples
    --------
    >>> data, net, adam = ms.datasets.digits(), ms.Network([1, 8, 10]), ms.AdamW()
    >>> state = adam.start(net.params)
    >>> losses = [ms.train_step(net, ms.Batch(data.train.x[:4], data.train.y[:4]), adam, state)[0] for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    clip_norm, lr_factor = settings.clip_norm(clip_norm), validate.number(lr_factor, "lr_factor", 0.0, np.inf)
    gradient = settings.gradient_options(gradient, net.dtype)
    if not isinstance(batch, Batch):
        raise TypeError(f"batch must be a minisnn.Batch(x, y), got {type(batch).__name__}")
    settings.check_state(optimizer, state, net.params)
    loss, grads = net.loss_and_grad(*batch[:3], masks=batch.masks, **gradient)  # forward and backward
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
    gradient: Mapping | None = None,
    seed: int = 0,
    callback: Callable[[Network, History], bool | None] | None = None,
    progress: bool = True,
    checkpoint: PathLike | None = None,
    checkpoint_minutes: float = 5.0,
    resume: bool = False,
) -> History:
    """Train a network, and leave it as it was after its best epoch: that of the highest hard validation accuracy.

    Parameters
    ----------
    net : Network
        Its parameters and its temperature are changed in place; if the data's classes have names, it takes them.
    data : Dataset
        Train and validation are checked, to the last value, before training starts. Of test only the labels and shapes
        are. `data.train` may make its batches on the fly (see `datasets.Dataset`); then they are taken, and checked, as
        they come, unshuffled, and `batch_size` is not used.
    epochs : int
        At least 1.
    batch_size : int
        Sequences per step, at least 1; the last batch of an epoch may be smaller.
    optimizer : AdamW or SGD, optional
        Default: `AdamW()`.
    schedule : callable
        Maps (epoch, epochs) to a factor of the learning rates: `one_cycle`, `cosine`, `constant` or your own. All its
        values are computed before training starts, so it can't depend on the history.
    temperatures : (float, float)
        The temperature T° falls geometrically from the first, in epoch 0, towards the second, where it would be after
        the last epoch. Both are above 0; the default is the paper's.
    clip_norm : float, optional
        As in `train_step`.
    dropout : float
        Probability, in [0, 1), that a neuron's input from below and its bias are cut (m of equation 2), drawn for each
        neuron once per sequence, for all its steps; those of the other neurons are scaled by 1 / (1 - dropout).
    gradient : dict, optional
        What the gradient leaves out, or a firing-rate penalty, as in `train_step`, e.g. `{"truncate": 20}`.
    seed : int
        Seed of shuffling and dropout; at least 0.
    callback : callable, optional
        Called as `callback(net, history)` after each epoch; if it returns True, training stops, with False or None it
        goes on. The stop is kept in the checkpoint: a resumed run ends at once.
    progress : bool
        Whether to show progress bars, one for the run and one for the epoch.
    checkpoint : path, optional
        A file to write after each epoch, and within an epoch every `checkpoint_minutes`. It is never half written. Only
        with `resume` may it exist already.
    checkpoint_minutes : float
        A crash costs at most this much time and one batch; 0: write after each batch. Ctrl-C costs one batch.
    resume : bool
        Whether to continue from `checkpoint` if it exists. The run must have been started with the same arguments and
        the same data; of batches made on the fly only the record is compared. The result is then equal, bit for bit, to
        that of an uninterrupted run, unless it is resumed with other versions of minisnn, NumPy or Numba, which is
        reported. To train for more epochs, start a new run with the trained network.

    Returns
    -------
    History
        One row per epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, the data does not fit the network, the checkpoint belongs to another run or is none,
        or the callback returned something else.
    FileExistsError, OSError
        If the checkpoint exists and `resume` is False; if it is a folder, or can't be written.
    FloatingPointError
        If a loss, gradient or parameter is not finite; the message names epoch and batch, counted from 1.
    KeyboardInterrupt
        After Ctrl-C. The checkpoint, if there is one, is up to date, and the exception has a note on how to go on.
    Exception
        Whatever a callback, or batches made on the fly, may raise. As after Ctrl-C and any other error in training, the
        network has its best weights so far, with their temperature, and the exception has the rows so far as its
        `history`, at a prompt `sys.last_value.history`.

    Warns
    -----
    RuntimeWarning
        If a layer is still silent or saturated after 15 % of the epochs, with less than 0.001 or more than 0.9 spikes
        per neuron and step on validation data; once, after the checkpoint was written.

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
    options |= {"dropout": dropout, "gradient": gradient, "seed": seed}
    run = settings.checked(net, data, optimizer, schedule, callback, options)
    minutes = validate.number(checkpoint_minutes, "checkpoint_minutes", 0.0, np.inf)
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=, the file to continue from")
    prepare_network(net)
    done = Progress(net.params, optimizer.start(net.params), net.params.copy(), net.temperature)
    if checkpoint is not None:
        run["data"] = settings.identity(data)
        # Now, not after an hour of training; and for good, wherever a callback moves to.
        checkpoint = storage.make_folder(Path(checkpoint).parent) / Path(checkpoint).name
        if checkpoint.is_dir():
            raise OSError(f"checkpoint is the folder {checkpoint}, expected the name of a file")
        if resume and checkpoint.exists():
            load_checkpoint(checkpoint, run, done)
        elif checkpoint.exists():
            raise FileExistsError(f"{checkpoint} exists: resume=True continues its run; for another, name another file")
    if not classes.are_numbers(data.classes):
        net.classes = data.classes
    save, last_whole = _keeper(checkpoint, minutes, run, done)
    try:
        if not done.stopped:
            _train(net, data, optimizer, run, done, save, callback, progress)
    except Exception as error:
        error.history = _finish(net, last_whole())
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        done = last_whole()
        error.history = _finish(net, done)
        error.add_note(_how_to_go_on(done, run, checkpoint))
        if checkpoint is not None and (done.batches or len(done.history)):
            save_checkpoint(checkpoint, run, done)
        raise
    return _finish(net, done)


def _finish(net: Network, done: Progress) -> History:
    """Give the network its best weights, with their temperature; return the history."""
    net.params.flat[...] = done.best.flat
    net.temperature = done.best_temperature
    return done.history


def _as_it_is(history: History) -> str:
    """Say which weights a network has when its training ends early."""
    best = history.best_epoch
    return "as it was before training" if best is None else f"as it was after epoch {best + 1}, the best so far"


def _how_to_go_on(done: Progress, run: dict, checkpoint) -> str:
    """Say what an interruption has left, and how the run goes on."""
    epochs = run["epochs"]
    resume = "call fit again with the same arguments and resume=True"
    return (
        f"minisnn: stopped in epoch {min(len(done.history) + 1, epochs)} of {epochs}. The network is "
        f"{_as_it_is(done.history)}; the "
        "rows of the history are in this exception's `history`, at a prompt sys.last_value.history. "
        + (f"With checkpoint=, a run can go on: {resume}." if checkpoint is None else f"To go on, {resume}.")
    )


def _keeper(path, minutes: float, run: dict, done: Progress) -> tuple[Callable, Callable]:
    """Return `save(now)`, to be called when `done` is whole, and `last_whole()`, the copy that `save` kept.

    An interruption may come in the middle of an update, so what is whole is copied. It is also written to `path` if
    `now`, or if the last checkpoint is `minutes` old.
    """
    written, kept = time.monotonic(), done.copy()

    def save(now: bool) -> None:
        nonlocal written, kept
        kept = done.copy()
        if path is not None and (now or time.monotonic() - written >= 60 * minutes):
            save_checkpoint(path, run, kept)
            written = time.monotonic()

    return save, lambda: kept


def _train(net, data, optimizer, run, done: Progress, save, callback, progress: bool) -> None:
    """Train from where `done` stands to the last epoch, or to where the callback stops."""
    history, epochs = done.history, run["epochs"]
    with announce.progress(epochs, "epoch", progress, done=len(history)) as advance:
        _call(callback, net, done, save)  # if it was interrupted
        for epoch in range(len(history), epochs):
            if done.stopped:
                break
            net.temperature = temperature_at(epoch / epochs, *run["temperatures"])
            row = _train_epoch(net, data.train, epoch, optimizer, done, run, save, progress)
            history.rows.append(_validate_epoch(net, data.validation, row))
            accuracies = history.column("validation_accuracy_hard")
            if accuracies[-1] > max(accuracies[:-1], default=-1.0):
                history.best_epoch, done.best_temperature = epoch, net.temperature
                done.best.flat[...] = net.params.flat
            save(now=True)
            advance(loss=f"{row['train_loss']:.3f}", validation=f"{accuracies[-1]:.1%}")
            _call(callback, net, done, save)
            if epoch + 1 == math.ceil(epochs * GRACE):
                _warn_about_rates(row["firing_rates"], epoch + 1, epochs)


def _call(callback, net, done: Progress, save) -> None:
    """Call the callback, unless it has been called after the last epoch; it may stop the training."""
    if callback is not None and done.told < len(done.history):
        net.temperature = done.history.rows[-1]["temperature"]  # a run that is resumed has not come to that yet
        done.stopped = _stops(callback(net, done.history))
        done.told = len(done.history)
        save(now=True)


def _stops(returned) -> bool:
    """Check what a callback returned: nothing, or whether to stop; a number or a text is a slip."""
    if not (returned is None or isinstance(returned, bool | np.bool_)):
        raise TypeError(f"callback must return True to stop training, False or None, got {returned!r}")
    return bool(returned)


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
        loss, norm = train_step(net, batch, optimizer, done.state, lr_factor, run["clip_norm"], run["gradient"])
        if not (np.isfinite(loss) and np.isfinite(norm) and np.isfinite(net.params.flat).all()):
            raise FloatingPointError(
                f"epoch {epoch + 1}, batch {number + 1}: loss {loss}, gradient norm {norm}, or a parameter is not "
                f"finite; try a lower lr (the schedule's factor is {lr_factor:.3g} here) or clip_norm=1.0. The network "
                f"is {_as_it_is(done.history)}"
            )
        seconds = time.perf_counter() - start
        done.batches.append({"loss": loss, "norm": norm, "size": len(x), "seconds": seconds})
        save(now=False)
    if not done.batches:
        raise ValueError(
            f"the training data gave no batch in epoch {epoch + 1}; can it be iterated over only once? "
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


def _warn_about_rates(firing_rates, epoch: int, epochs: int) -> None:
    """Warn, in the name of the caller of `fit`, of layers that fire never or always after so many epochs."""
    for i, rate in enumerate(firing_rates):
        if rate < SILENT or rate > SATURATED:
            what = "silent" if rate < SILENT else "saturated"
            warnings.warn(
                f"after epoch {epoch} of {epochs} layer {i} is {what}: {rate:.2%} of its neurons fire per step; "
                f"such a layer learns little (check the scale and offset of the input, threshold and decay)",
                RuntimeWarning,
                stacklevel=4,
            )
