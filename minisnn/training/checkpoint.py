"""Checkpoints: all that a training run needs to continue as if it had never been interrupted."""

import json
from dataclasses import dataclass, field

import numpy as np

from minisnn._internal import storage
from minisnn.core.parameters import Params
from minisnn.training.history import History


@dataclass
class Progress:
    """How far a run has come. Random draws are named by seed, epoch and batch, so no generator is kept."""

    params: Params  # those of the network itself
    state: dict[str, np.ndarray]  # the optimiser's memory
    best: Params  # after the best epoch
    best_temperature: float
    history: History = field(default_factory=History)
    batches: list[dict] = field(default_factory=list)  # of the current epoch: loss, norm, size, seconds


def save_checkpoint(path, run: dict, progress: Progress) -> None:
    """Write a checkpoint, whole or not at all; `run` records, as plain JSON, what the run was started with."""
    header = {
        "run": run,
        "best_temperature": progress.best_temperature,
        "best_epoch": progress.history.best_epoch,
        "rows": progress.history.rows,
        "batches": progress.batches,
    }
    state = {f"state.{name}": array for name, array in progress.state.items()}
    storage.save_npz(path, "checkpoint", header, {"params": progress.params.flat, "best": progress.best.flat, **state})


def load_checkpoint(path, run: dict, progress: Progress) -> None:
    """Fill `progress` from a checkpoint.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none; if the file is corrupt or foreign, or its run was started with other arguments.
    """
    header, arrays = storage.load_npz(path, "checkpoint")
    saved, run = header["run"], json.loads(json.dumps(run))
    different = [line for name in run for line in _differences(name, saved.get(name), run[name])]
    if different:
        raise ValueError(f"{path} belongs to another run:\n  " + "\n  ".join(different))
    progress.params.flat[...] = arrays["params"]
    progress.best.flat[...] = arrays["best"]
    for name, array in progress.state.items():
        array[...] = arrays[f"state.{name}"]
    progress.best_temperature = header["best_temperature"]
    progress.history = History(header["rows"], header["best_epoch"])
    progress.batches = header["batches"]


def _differences(name: str, saved, now) -> list[str]:
    """List where two JSON values differ, one line per place."""
    if isinstance(saved, dict) and isinstance(now, dict):
        names = list(dict.fromkeys([*saved, *now]))
        return [line for key in names for line in _differences(f"{name}.{key}", saved.get(key), now.get(key))]
    if saved == now:
        return []
    if max(len(repr(saved)), len(repr(now))) > 200:
        return [f"{name}: differs from the checkpoint"]
    return [f"{name}: {saved} in the checkpoint, now {now}"]
