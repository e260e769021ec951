"""Training: `fit`, what it writes down (History), and checkpoints.

A run is named by its seed. The order of epoch 7 is drawn from `stream(seed, "shuffle", 7)`, its dropout masks from
`stream(seed, "dropout", 7, batch)`; so two networks trained with one seed see equal data in equal order, and a run that
goes on from a checkpoint does what it would have done.
"""

import csv
import io
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from minisnn import _validate, engine, optim, storage
from minisnn.datasets import Dataset
from minisnn.network import Network
from minisnn.params import stream
from minisnn.recurrence import ASRC

SILENT, SATURATED = 0.001, 0.9  # firing rates, spikes a neuron and step


@dataclass
class History:
    """One row (a dict) for each epoch.

    Columns: `epoch` (from 0); `rate_factor` of the schedule and `temperature` while it was trained; `train_loss`, the
    mean over the epoch's batches; on validation data `validation_loss_soft`, `validation_accuracy_soft` and the same
    with `hard` spans (equal where no layer is ASRC); `firing_rates` of each layer there (hard; spikes a neuron and
    step); `span_weights` p of each layer after the epoch (None unless ASRC); `gradient_norm`, mean over batches, before
    clipping; `seconds`.
    """

    rows: list[dict] = field(default_factory=list)
    best_epoch: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list:
        """The values of one column, epoch by epoch."""
        if self.rows and name not in self.rows[0]:
            raise KeyError(f"no column is called {name!r}; there are {', '.join(self.rows[0])}")
        return [row[name] for row in self.rows]

    def to_csv(self, path) -> None:
        """Write the rows as CSV: one column a layer for firing rates, a most probable span for span weights."""
        text = io.StringIO()
        flat = [_flat_row(row) for row in self.rows]
        writer = csv.DictWriter(text, fieldnames=list(flat[0]) if flat else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        storage.write_text(path, text.getvalue())

    def to_json(self, path) -> None:
        """Write all rows, whole, as JSON."""
        storage.write_text(path, json.dumps({"best_epoch": self.best_epoch, "rows": self.rows}, indent=1))

    @classmethod
    def from_json(cls, path) -> "History":
        """Read what `to_json` wrote; ValueError if it is something else."""
        try:
            read = json.loads(Path(path).read_text())
            return cls(list(read["rows"]), read["best_epoch"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the history of a run ({error!r})") from error


def _flat_row(row: dict) -> dict:
    flat = {name: value for name, value in row.items() if name not in ("firing_rates", "span_weights")}
    for i, rate in enumerate(row["firing_rates"]):
        flat[f"firing_rate_{i}"] = rate
    for i, weights in enumerate(row["span_weights"]):
        flat[f"span_{i}"] = "" if weights is None else int(np.argmax(weights)) + 1
    return flat


def temperature_at(fraction: float, start: float = 1.0, end: float = 2.8e-4) -> float:
    """T° after this fraction of training, falling geometrically from `start` to `end`.

    The defaults are the paper's: 1 · 0.96^200 = 2.8e-4 after 200 epochs. By fraction, a short run hardens as a long
    one does.
    """
    return start * (end / start) ** fraction


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
    resume: bool = False,
) -> History:
    """Train a network; afterwards it is as it was after the epoch with the best hard validation accuracy.

    Parameters
    ----------
    net : Network
        Changed in place: its parameters and its temperature.
    data : Dataset
        Of its splits, train and validation are read; test is not touched.
    epochs, batch_size : int
        The last batch of an epoch may be smaller.
    optimizer : AdamW or SGD
        Default: AdamW(), the paper's.
    schedule : callable
        (epoch, epochs) to a factor of the rates: `one_cycle`, `cosine`, `constant` or your own.
    temperatures : (float, float)
        T° falls geometrically by fraction of training, from the first to the second.
    clip_norm : float, optional
        Largest norm of a batch's gradient; None: no clipping.
    dropout : float
        Share of neurons whose input from below is cut (m of equation 2), drawn once a sequence and layer; the input of
        the others grows by 1 / (1 - dropout).
    seed : int
        Names shuffling and dropout.
    callback : callable, optional
        Called as `callback(net, history)` after each epoch; if it returns True, training stops.
    progress : bool
        Whether to show a progress bar.
    checkpoint : path, optional
        Written after each epoch, whole or not at all.
    resume : bool
        Go on from `checkpoint`, if it is there; the run must have been started with equal arguments. The result then
        has the same bits as that of an uninterrupted run.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If an argument is off, the data does not fit the network, or the checkpoint is of another run.
    FloatingPointError
        If a loss is not finite; says in which epoch and batch.
    """
    optimizer = optim.AdamW() if optimizer is None else optimizer
    options = {"epochs": epochs, "batch_size": batch_size, "temperatures": temperatures, "clip_norm": clip_norm}
    run = _checked_run(net, data, optimizer, schedule, {**options, "dropout": dropout, "seed": seed})
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=, the file to go on from")
    if checkpoint is not None:
        storage.make_folder(Path(checkpoint).parent)  # now, not after an hour of training
    engine.prepare(net.dtype)
    history, state, best = History(), optimizer.start(net.params), net.params.copy()
    best_temperature = net.temperature
    if resume and Path(checkpoint).exists():
        history, best_temperature = _load_checkpoint(checkpoint, run, net, state, best)

    with tqdm(total=epochs, initial=len(history), unit="epoch", disable=not progress, dynamic_ncols=True) as bar:
        for epoch in range(len(history), epochs):
            net.temperature = temperature_at(epoch / epochs, *run["temperatures"])
            row = _train_epoch(net, data.train, epoch, schedule(epoch, epochs), optimizer, state, run)
            history.rows.append(_validate_epoch(net, data.validation, row))
            if epoch == 0:
                _warn_about_rates(row["firing_rates"])
            accuracies = history.column("validation_accuracy_hard")
            if accuracies[-1] > max(accuracies[:-1], default=-1.0):
                history.best_epoch, best_temperature = epoch, net.temperature
                best.flat[...] = net.params.flat
            if checkpoint is not None:
                _save_checkpoint(checkpoint, run, net, state, best, best_temperature, history)
            bar.set_postfix(loss=f"{row['train_loss']:.3f}", validation=f"{accuracies[-1]:.1%}")
            bar.update()
            if callback is not None and callback(net, history):
                break
    net.params.flat[...] = best.flat
    net.temperature = best_temperature
    return history


def _checked_run(net, data, optimizer, schedule, options: dict) -> dict:
    """All that decides the outcome of a run, checked, as plain JSON: what a checkpoint must agree on."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a Dataset, as minisnn.datasets.digits() gives, got {type(data).__name__}")
    for name in ("train", "validation"):
        _validate.sequences(getattr(data, name).x[:1], net.sizes[0])
    if data.n_classes != net.sizes[-1]:
        raise ValueError(f"the data has {data.n_classes} classes, the network {net.sizes[-1]}")
    if not isinstance(optimizer, optim.SGD | optim.AdamW):
        raise TypeError(f"optimizer must be AdamW(), Adam() or SGD(), got {optimizer!r}; with brackets?")
    if not callable(schedule):
        raise TypeError(f"schedule must be a function of (epoch, epochs), as minisnn.one_cycle, got {schedule!r}")
    temperatures = options["temperatures"]
    if not isinstance(temperatures, tuple | list | np.ndarray) or len(temperatures) != 2:
        raise ValueError(f"temperatures must be two numbers, the first and the last, got {temperatures!r}")
    clip_norm = options["clip_norm"]
    return {
        "network": {**net.config(), "temperature": None},
        "optimizer": storage.to_json(optimizer),
        "schedule": getattr(schedule, "__name__", str(schedule)),
        "epochs": _validate.integer(options["epochs"], "epochs", 1),
        "batch_size": _validate.integer(options["batch_size"], "batch_size", 1),
        "temperatures": [_validate.number(t, "temperatures", 0.0, np.inf, open_ends=True) for t in temperatures],
        "clip_norm": None
        if clip_norm is None
        else _validate.number(clip_norm, "clip_norm", 0.0, np.inf, open_ends=True),
        "dropout": _validate.number(options["dropout"], "dropout", 0.0, float(np.nextafter(1.0, 0.0))),
        "seed": _validate.integer(options["seed"], "seed", 0),
        "data": data.record,
        "n_train": len(data.train),
    }


def _train_epoch(net, split, epoch, rate_factor, optimizer, state, run) -> dict:
    """One pass over the training data, in the order that the seed names; the row of the history as far as known."""
    start = time.perf_counter()
    order = stream(run["seed"], "shuffle", epoch).permutation(len(split))
    losses, norms, sizes = [], [], []
    for batch, first in enumerate(range(0, len(order), run["batch_size"])):
        chosen = order[first : first + run["batch_size"]]
        lengths = None if split.lengths is None else split.lengths[chosen]
        masks = dropout_masks(net, len(chosen), run["dropout"], stream(run["seed"], "dropout", epoch, batch))
        loss, grads = net.loss_and_grad(split.x[chosen], split.y[chosen], lengths, "soft", masks)
        norm = optim.gradient_norm(grads)
        if run["clip_norm"] is not None:
            optim.clip(grads, run["clip_norm"])
        optimizer.update(net.params, grads, state, rate_factor)
        if not (np.isfinite(loss) and np.isfinite(norm) and np.isfinite(net.params.flat).all()):
            raise FloatingPointError(
                f"epoch {epoch}, batch {batch}: loss {loss}, gradient norm {norm}, or a parameter is not finite; "
                f"try a lower rate (factor {rate_factor:.3g} of the peak now) or clip_norm=1.0"
            )
        losses.append(loss)
        norms.append(norm)
        sizes.append(len(chosen))
    return {
        "epoch": epoch,
        "rate_factor": rate_factor,
        "temperature": net.temperature,
        "train_loss": float(np.average(losses, weights=sizes)),
        "gradient_norm": float(np.mean(norms)),
        "seconds": time.perf_counter() - start,
    }


def dropout_masks(net: Network, n_sequences: int, dropout: float, rng: np.random.Generator) -> list[np.ndarray] | None:
    """Masks m of equation (2), (B, N) a layer: 0 with probability `dropout`, otherwise 1 / (1 - dropout)."""
    if dropout == 0:
        return None
    return [(rng.random((n_sequences, n)) >= dropout) / (1 - dropout) for n in net.sizes[1:-1]]


def _validate_epoch(net, split, row) -> dict:
    """Adds to a row what validation data shows."""
    start = time.perf_counter()
    hard = net.evaluate(split, spans="hard")
    soft = net.evaluate(split, spans="soft") if any(isinstance(r, ASRC) for r in net.recurrence) else hard
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
                f"after the first epoch layer {i} is {what}: {rate:.2%} of its neurons fire at a step; "
                f"a layer learns little in this state (look at scale and offset of the input, threshold and decay)",
                RuntimeWarning,
                stacklevel=3,
            )


def _save_checkpoint(path, run, net, state, best, best_temperature, history) -> None:
    header = {"run": run, "temperature": best_temperature, "best_epoch": history.best_epoch, "rows": history.rows}
    arrays = {"params": net.params.flat, "best": best.flat, **{f"state.{name}": a for name, a in state.items()}}
    storage.save_npz(path, "checkpoint", header, arrays)


def _load_checkpoint(path, run, net, state, best) -> tuple[History, float]:
    """Fill `net`, `state` and `best` from a checkpoint; ValueError if it is of another run."""
    header, arrays = storage.load_npz(path, "checkpoint")
    saved = header["run"]
    run = json.loads(json.dumps(run))
    different = [name for name in run if saved.get(name) != run[name]]
    if different:
        lines = "".join(f"\n  {name}: {saved.get(name)} in the checkpoint, now {run[name]}" for name in different)
        raise ValueError(f"{path} is of another run:{lines}")
    net.params.flat[...] = arrays["params"]
    best.flat[...] = arrays["best"]
    for name, array in state.items():
        array[...] = arrays[f"state.{name}"]
    return History(header["rows"], header["best_epoch"]), header["temperature"]
