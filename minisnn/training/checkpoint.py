"""Checkpoints: all that a training run needs to continue as if it had never been interrupted."""

import json
from dataclasses import dataclass, field, replace

import numba
import numpy as np

from minisnn._internal import announce, storage
from minisnn._internal.version import __version__
from minisnn.core.parameters import Params
from minisnn.training.history import History

VERSIONS = {"minisnn": __version__, "numpy": np.__version__, "numba": numba.__version__}
"""What decides about the last bits of a run."""


@dataclass
class Progress:
    """How far a run has come. Random draws are named by seed, epoch and batch, so no generator is kept."""

    params: Params  # those of the network itself
    state: dict[str, np.ndarray]  # the optimiser's memory
    best: Params  # after the best epoch
    best_temperature: float
    history: History = field(default_factory=History)
    batches: list[dict] = field(default_factory=list)  # of the current epoch: loss, norm, size, seconds
    told: int = 0  # after how many epochs the callback has returned
    stopped: bool = False  # by the callback

    def copy(self) -> "Progress":
        """Return a copy that stays as it is while the run goes on."""
        return replace(
            self,
            params=self.params.copy(),
            state={name: array.copy() for name, array in self.state.items()},
            best=self.best.copy(),
            history=History(list(self.history.rows), self.history.best_epoch),
            batches=list(self.batches),
        )


def save_checkpoint(path, run: dict, progress: Progress) -> None:
    """Write a checkpoint, whole or not at all; `run` records, as plain JSON, what the run was started with."""
    header = {
        "run": run,
        "versions": VERSIONS,
        "best_temperature": progress.best_temperature,
        "best_epoch": progress.history.best_epoch,
        "rows": progress.history.rows,
        "batches": progress.batches,
        "told": progress.told,
        "stopped": progress.stopped,
    }
    state = {f"state.{name}": array for name, array in progress.state.items()}
    storage.save_npz(path, "checkpoint", header, {"params": progress.params.flat, "best": progress.best.flat, **state})


def load_checkpoint(path, run: dict, progress: Progress) -> None:
    """Fill `progress` from a checkpoint; say so if other versions wrote it, since the last bits may then differ.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none; if the file is corrupt or foreign, or its run was started with other arguments or data.
    """
    header, arrays = storage.load_npz(path, "checkpoint")
    try:
        _check_same_run(path, dict(header["run"]), json.loads(json.dumps(run)))
        flats = {"params": progress.params.flat, "best": progress.best.flat}
        flats |= {f"state.{name}": array for name, array in progress.state.items()}
        for name, array in flats.items():
            if arrays[name].shape != array.shape:
                raise ValueError(f"{path} is not a whole checkpoint: {name} has the shape {arrays[name].shape}")
        history, versions = History(list(header["rows"]), header["best_epoch"]), dict(header["versions"])
        rest = {name: header[name] for name in ("best_temperature", "batches", "told", "stopped")}
    except (KeyError, TypeError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        slip = "did another version of minisnn write it?"
        raise ValueError(f"{path} is not a whole checkpoint: {what}; {slip}") from error
    for name, array in flats.items():
        array[...] = arrays[name]
    progress.history = history
    for name, value in rest.items():
        setattr(progress, name, value)
    changed = [f"{name} {versions.get(name)}, now {now}" for name, now in VERSIONS.items() if versions.get(name) != now]
    if changed:
        announce.say(f"minisnn: {path} was written with {'; '.join(changed)}: the last bits of the run may differ")


def _check_same_run(path, saved: dict, run: dict) -> None:
    """Raise ValueError, which lists the differences, if a checkpoint's run was started in another way."""
    different = [line for name in run for line in _differences(name, saved[name], run[name])]
    if different:
        slip = f"\n{MORE_EPOCHS}" if saved["epochs"] != run["epochs"] else ""
        raise ValueError(f"{path} belongs to another run:\n  " + "\n  ".join(different) + slip)


MORE_EPOCHS = (
    "To train for more epochs, start a new run: learning rate and temperature depend on the number of epochs, so a "
    "longer run is another one. Pass the trained network to fit without resume=True, with another checkpoint, "
    "e.g. with schedule=minisnn.constant and temperatures=(net.temperature, net.temperature)"
)


def _differences(name: str, saved, now) -> list[str]:
    """List where two JSON values differ, one line per place."""
    if isinstance(saved, dict) and isinstance(now, dict):
        names = list(dict.fromkeys([*saved, *now]))
        return [line for key in names for line in _differences(f"{name}.{key}", saved.get(key), now.get(key))]
    if saved == now or repr(saved) == repr(now):  # NaN is not equal to itself
        return []
    if max(len(repr(saved)), len(repr(now))) > 200:
        return [f"{name}: differs from the checkpoint"]
    return [f"{name}: {saved} in the checkpoint, now {now}"]
