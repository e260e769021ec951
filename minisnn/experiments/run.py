"""A run: a recipe trained in a folder, safe to interrupt, with its figures.

config.json      the recipe, the data's record (of your own file: path and SHA-256), versions: what the run is
checkpoint.npz   to continue from; gone once the run has ended
history.csv      one row per epoch, appended as it comes (`tail -f`)
best.npz         the network of the epoch with the best hard validation accuracy: `Network.load`
history.json     the whole history, span weights included; as of the last epoch
result.json      at the end: test accuracy, computed this once
figures/         written by `draw`
.lock            while a process is at work here
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from minisnn import plots
from minisnn._internal import announce, locks, storage, validate
from minisnn._internal.version import __version__
from minisnn.datasets import Dataset, Split
from minisnn.experiments import own_data, recipes
from minisnn.experiments.recipes import Recipe
from minisnn.network import Network
from minisnn.training import fit as training
from minisnn.training import settings
from minisnn.training.checkpoint import VERSIONS
from minisnn.training.history import History

CONFIG, CHECKPOINT, RESULT = "config.json", "checkpoint.npz", "result.json"


def train(
    recipe: Recipe,
    folder,
    resume: bool = False,
    progress: bool = True,
    checkpoint_minutes: float = 5.0,
    patience: float = 0.0,
) -> dict:
    """Train a recipe in `folder`, evaluate it on test data, and store the result.

    Parameters
    ----------
    recipe : Recipe
        From `minisnn.experiments.recipes.recipe(name, **settings)`, or one of your own.
    folder : path
        New or empty; with `resume` also the folder of the same run.
    resume : bool
        Whether to continue the run in the folder, if there is one. A run that has ended only returns its result again.
    progress : bool
        Whether to show progress bars.
    checkpoint_minutes : float
        As in `fit`.
    patience : float
        Seconds to wait for a folder in which another process is at work.

    Returns
    -------
    dict
        What `result.json` holds: test accuracy and loss (hard and soft spans), spans, firing rates, best epoch and its
        validation accuracy, seconds of training, and the recipe.

    Raises
    ------
    FileExistsError
        If the folder holds a run already and `resume` is False, or files with the names of a run's that are none.
    ValueError
        If the folder holds a run of another recipe (the message says what differs), or a sweep; if a setting or a file
        of your own data is invalid, or that file has changed since the run began.
    BlockingIOError
        If another process is at work in the folder.
    OSError
        If the folder can't be written to.
    """
    if not (Path(folder) / RESULT).exists():
        check(recipe)
    validate.number(checkpoint_minutes, "checkpoint_minutes", 0.0, np.inf)
    folder = storage.make_folder(folder)
    with locks.hold(folder, patience):
        _check_same_run(folder, recipe, resume)
        _check_same_data(folder, recipe)
        if (folder / RESULT).exists():
            _check_same_recipe(folder, _stored_recipe(folder / RESULT), recipe)
            (folder / CHECKPOINT).unlink(missing_ok=True)  # of a process killed just before it did that itself
            return read_result(folder)
        return _train(recipe, folder, progress, checkpoint_minutes)


def _train(recipe: Recipe, folder: Path, progress: bool, checkpoint_minutes: float) -> dict:
    """Train a recipe in a folder that this process holds, from its checkpoint if there is one."""
    check_paths(folder)
    net, data = recipes.make_network(recipe), recipes.make_data(recipe)
    if not (folder / CHECKPOINT).exists():  # else it stays that of the beginning
        config = {"recipe": asdict(recipe), "data": data.record, "versions": VERSIONS}
        storage.write_text(folder / CONFIG, json.dumps(config, indent=1))

    def store(net: Network, history: History) -> None:
        if (folder / "history.csv").exists() and len(_lines(folder / "history.csv")) == len(history):
            history.append_csv(folder / "history.csv")
        else:  # the first epoch; or the last run got further than its checkpoint
            history.to_csv(folder / "history.csv")
        history.to_json(folder / "history.json")
        if history.best_epoch == len(history) - 1:
            net.save(folder / "best.npz")

    options = {**recipes.fit_options(recipe), "progress": progress, "callback": store}
    options |= {"checkpoint": folder / CHECKPOINT, "checkpoint_minutes": checkpoint_minutes, "resume": True}
    try:
        history = training.fit(net, data, **options)
    except FloatingPointError:
        if not (folder / CHECKPOINT).exists():  # there is nothing to go on from: other settings may be tried here
            (folder / CONFIG).unlink()
        raise
    history.to_csv(folder / "history.csv")
    history.to_json(folder / "history.json")
    net.save(folder / "best.npz")
    result = outcome(recipe, net, data, history)
    storage.write_text(folder / RESULT, json.dumps(result, indent=1))
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return read_result(folder)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _check_same_run(folder: Path, recipe: Recipe, resume: bool) -> None:
    """Raise ValueError if the folder is not that of this recipe, FileExistsError if its run is not to be resumed."""
    if (folder / "sweep.json").exists():
        raise ValueError(f"{folder} holds a sweep; name another folder")
    if not (folder / CONFIG).exists():
        others = [name for name in ("history.csv", "history.json", "best.npz", RESULT) if (folder / name).exists()]
        if others:
            raise FileExistsError(f"{folder} holds {', '.join(others)}, but no {CONFIG}: name another folder")
        return
    _check_same_recipe(folder, read_recipe(folder), recipe)
    if not resume and any((folder / name).exists() for name in (CHECKPOINT, RESULT)):
        raise FileExistsError(f"{folder} holds a run already: continue it (--resume), or name another folder")


def _check_same_recipe(where: Path, there: Recipe, recipe: Recipe) -> None:
    different = recipes.differences(there, recipe)
    if different:
        listed = "\n  ".join(different)
        raise ValueError(f"the run in {where} is another one:\n  {listed}\nname another folder, or the settings there")


def _check_same_data(folder: Path, recipe: Recipe) -> None:
    """Raise ValueError if a file of the user's own data has changed since the run began, if it is still there."""
    begun = any((folder / name).exists() for name in (CHECKPOINT, RESULT))
    if begun and own_data.is_file(recipe.data) and Path(recipe.data).exists():
        there, now = _read_json(folder / CONFIG, "data")["data"].get("sha256"), own_data.sizes(recipe.data).sha256
        if there != now:
            raise ValueError(
                f"{recipe.data} has changed since the run in {folder} began (SHA-256 {there}, now {now}); put the file "
                "back, or name another folder"
            )


def check(recipe: Recipe) -> None:
    """Check all settings of a recipe but those of its data; raise TypeError or ValueError."""
    one = Split(np.zeros((1, *recipes.steps_and_inputs(recipe)), np.float32), np.zeros(1, np.int64))
    data, options = Dataset(one, one, one, recipes.n_classes(recipe)), recipes.fit_options(recipe)
    optimizer, schedule = options.pop("optimizer"), options.pop("schedule")
    settings.checked(recipes.make_network(recipe), data, optimizer, schedule, None, options)


def check_paths(folder: Path) -> None:
    """Raise OSError if the paths of a run in this folder would be longer than the system allows."""
    longest = folder / f".{CHECKPOINT}.12345678"  # under this name it is written
    try:
        longest.touch()
        longest.unlink()
    except OSError as error:
        raise OSError(
            f"can't write {longest}: {error.strerror}; if this path of {len(str(longest))} characters is too long, "
            "name a folder nearer to the root"
        ) from error


def outcome(recipe: Recipe, net: Network, data, history: History) -> dict:
    """Evaluate a trained network. The only place of a run that reads test data."""
    hard, soft = net.evaluate(data.test, span_mode="hard"), net.evaluate(data.test, span_mode="soft")
    of_file = {"data_sha256": data.record["sha256"]} if own_data.is_file(recipe.data) else {}
    return {
        "test_accuracy": hard.accuracy,
        "test_accuracy_soft": soft.accuracy,
        "test_loss": hard.loss,
        "spans": net.spans(),
        "firing_rates": list(hard.firing_rates),
        "best_epoch": history.best_epoch,
        "validation_accuracy": history.rows[history.best_epoch]["validation_accuracy_hard"],
        "seconds": sum(history.column("seconds")),
        "recipe": asdict(recipe),
        **of_file,
        "version": __version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def read_recipe(folder) -> Recipe:
    """Read the recipe of the run in a folder; raise FileNotFoundError or ValueError if there is none."""
    return _stored_recipe(Path(folder) / CONFIG)


def _stored_recipe(path: Path) -> Recipe:
    """Read the recipe in `config.json` or `result.json`."""
    stored = _read_json(path, "recipe")["recipe"]
    try:
        return Recipe(**stored)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no recipe of this version of minisnn: {error}") from error


def read_result(folder) -> dict:
    """Read what `train` returned for the run in a folder; raise FileNotFoundError if it has not ended."""
    return _read_json(Path(folder) / RESULT, "test_accuracy")


def _read_json(path: Path, key: str) -> dict:
    """Read a JSON file of a run, which must have this key."""
    if not path.exists():
        raise FileNotFoundError(f"no file {path}; is {path.parent} the folder of a run?")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        read[key]
        return read
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the {path.name} of a run ({error!r})") from error


def draw(folder) -> list[Path]:
    """Draw a run as far as it has come: learning curves, span weights, spikes of its best network.

    For the spikes its data is read, or downloaded; without it, they are left out, which is said.
    """
    folder = Path(folder)
    recipe = read_recipe(folder)
    if not (folder / "history.json").exists():
        raise FileNotFoundError(f"the run in {folder} has not ended its first epoch yet: there is nothing to draw")
    history = History.from_json(folder / "history.json")
    net = Network.load(folder / "best.npz")
    figures = storage.make_folder(folder / "figures")
    n_layers = len(recipe.hidden)

    def curves(axes):
        plots.learning_curves({recipe.model.upper(): [history]}, ax=axes[0])
        plots.learning_curves({recipe.model.upper(): [history]}, "train_loss", ax=axes[1])

    def weights(axes):
        for layer, ax in enumerate(axes):
            plots.span_weights(history, layer, ax=ax)

    def raster(axes):
        lengths = None if split.lengths is None else split.lengths[:1]
        plots.spikes(net.record(split.x[:1], lengths, span_mode="hard"), ax=axes[0])

    drawn = [plots.save(figures / "learning.png", curves, 1, 2, 10, 3.8)]
    if recipe.model == "asrc":
        drawn.append(plots.save(figures / "spans.png", weights, 1, n_layers, 3.6 * n_layers, 2.8))
    try:
        _check_same_data(folder, recipe)
        split = recipes.make_data(recipe).validation
    except (ValueError, OSError, ImportError) as error:
        announce.say(f"minisnn: no spikes are drawn without the run's data: {error}")
        return drawn
    return [*drawn, plots.save(figures / "spikes.png", raster, 1, 1, 7.0, 4.5)]
