"""Checkpoints: all that a training run needs to go on as if it had not been interrupted."""

import json
from dataclasses import dataclass, field

import numpy as np

from minisnn._internal import storage
from minisnn.core.parameters import Params
from minisnn.training.history import History


@dataclass
class Progress:
    """How far a run has come. Random draws are named by seed, epoch and batch, so no generator needs to be kept."""

    params: Params  # the network's own
    state: dict[str, np.ndarray]  # the optimiser's memory
    best: Params  # after the best epoch
    best_temperature: float
    history: History = field(default_factory=History)
    batches: list[dict] = field(default_factory=list)  # of the epoch that is under way: loss, norm, size, seconds


def save_checkpoint(path, run: dict, progress: Progress) -> None:
    """Write a checkpoint, whole or not at all; `run` says, as plain JSON, what the run was started with."""
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
        If there is none; if the file is corrupt or foreign, or of a run that was started with something else.
    """
    header, arrays = storage.load_npz(path, "checkpoint")
    saved, run = header["run"], json.loads(json.dumps(run))
    different = [line for name in run for line in _differences(name, saved.get(name), run[name])]
    if different:
        raise ValueError(f"{path} is of another run:\n  " + "\n  ".join(different))
    progress.params.flat[...] = arrays["params"]
    progress.best.flat[...] = arrays["best"]
    for name, array in progress.state.items():
        array[...] = arrays[f"state.{name}"]
    progress.best_temperature = header["best_temperature"]
    progress.history = History(header["rows"], header["best_epoch"])
    progress.batches = header["batches"]


def _differences(name: str, saved, now) -> list[str]:
    """Where two JSON values differ, one line for each place."""
    if isinstance(saved, dict) and isinstance(now, dict):
        names = list(dict.fromkeys([*saved, *now]))
        return [line for key in names for line in _differences(f"{name}.{key}", saved.get(key), now.get(key))]
    if saved == now:
        return []
    if max(len(repr(saved)), len(repr(now))) > 200:
        return [f"{name}: another one in the checkpoint"]
    return [f"{name}: {saved} in the checkpoint, now {now}"]
