"""The main job: RSNN, SRC and ASRC side by side on permuted digits, paired by seed; a table and figures.

The settings are those of the recipes psdigits-rsnn, -src and -asrc, chosen on validation data for a seed that is not
among those compared. Networks of one seed start with equal weights (except for the span logits, which RSNN and SRC
don't have) and see equal data in equal order; each seed has a permutation of its own. The best epoch is chosen on
validation data; test data is read once, at the end.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from minisnn import plots
from minisnn._internal import announce, locks, storage, validate
from minisnn._internal.version import __version__
from minisnn.analysis import gradients
from minisnn.compilation import prepare
from minisnn.datasets import Dataset
from minisnn.experiments import recipes
from minisnn.experiments import run as runs
from minisnn.experiments.recipes import Recipe
from minisnn.training import fit as training
from minisnn.training.history import History

DEFAULT = recipes.recipe("psdigits-src")
"""The recipes of this family differ in their model alone."""


def compare(
    folder,
    seeds: int = 3,
    epochs: int = DEFAULT.epochs,
    span: int = DEFAULT.span,
    max_span: int = DEFAULT.max_span,
    hidden=DEFAULT.hidden,
    progress: bool = True,
) -> dict:
    """Train all three models with every seed and write the results into `folder`.

    Parameters
    ----------
    folder : path
        Gets `config.json`, `results.json`, `table.txt`, `histories/` (JSON and CSV) and `figures/` (PNG).
    seeds : int
        How many: 0 .. seeds - 1. Each has its own permutation of the pixels.
    epochs : int
        Of every run.
    span, max_span : int
        λ of SRC and K of ASRC.
    hidden : sequence of int
        Sizes of the hidden layers.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict
        What `results.json` holds: for each model and seed what `run.outcome` says, and seconds per epoch.

    Raises
    ------
    TypeError, ValueError
        If a setting is invalid, or the folder holds something else, e.g. a comparison with other settings.
    BlockingIOError
        If another process is at work in the folder.
    OSError
        If the folder can't be written to; nothing has been trained then.
    """
    seeds, span = range(validate.integer(seeds, "seeds", 1)), validate.integer(span, "span", 1)
    common = {"epochs": epochs, "hidden": tuple(hidden) if np.iterable(hidden) else hidden}
    models = {
        "RSNN": recipes.recipe("psdigits-rsnn", **common),
        f"SRC λ={span}": recipes.recipe("psdigits-src", span=span, **common),
        f"ASRC K={max_span}": recipes.recipe("psdigits-asrc", max_span=max_span, **common),
    }
    config = _configuration(models, len(seeds))  # reports settings that are off before anything is written
    folder = storage.make_folder(folder)
    with locks.hold(folder):
        _check_same_comparison(folder, config)
        for name in ("histories", "figures"):
            locks.tidy(storage.make_folder(folder / name))
        storage.write_text(folder / "config.json", json.dumps(config, indent=1))
        seeded = {name: [replace(recipe, seed=seed) for seed in seeds] for name, recipe in models.items()}
        return _compare(seeded, config, folder, progress)


def _compare(seeded: dict[str, list[Recipe]], config: dict, folder: Path, progress: bool) -> dict:
    """Train, measure and draw in a folder that this process holds."""
    start = time.perf_counter()
    prepare("float32")
    data = [recipes.make_data(recipe) for recipe in next(iter(seeded.values()))]  # one set per seed
    nets, histories = _train_all(seeded, data, folder / "histories", progress)
    outcomes = {
        name: [_outcome(*run) for run in zip(of_model, nets[name], data, histories[name])]
        for name, of_model in seeded.items()
    }
    results = {"config": config, "seconds": time.perf_counter() - start, "models": outcomes}
    storage.write_text(folder / "results.json", json.dumps(results, indent=1))
    storage.write_text(folder / "table.txt", table(results) + "\n")
    draw(folder / "figures", histories, nets, data)
    return results


def _check_same_comparison(folder: Path, config: dict) -> None:
    """Raise ValueError if the folder holds something else than a comparison with these settings."""
    if (folder / "sweep.json").exists():
        raise ValueError(f"{folder} holds a sweep; name another folder")
    if not (folder / "config.json").exists():
        others = [name for name in ("results.json", "table.txt", "histories") if (folder / name).exists()]
        if others:
            raise ValueError(f"{folder} holds {', '.join(others)}, but no config.json; name another folder")
        return
    before, now = read_configuration(folder), json.loads(json.dumps(config))
    names = [key for key in now if key != "version" and before.get(key) != now[key]]
    if names:
        listed = "\n  ".join(f"{key}: {before.get(key)!r} there, now {now[key]!r}" for key in names)
        raise ValueError(f"the comparison in {folder} is another one:\n  {listed}\nname another folder")


def read_configuration(folder) -> dict:
    """Read the `config.json` of a comparison; raise ValueError if it is that of something else."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        dict(config["models"])
        return config
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the config.json of a comparison ({error!r}); name another folder") from error


def _configuration(models: dict[str, Recipe], n_seeds: int) -> dict:
    """Return what `config.json` holds."""
    recipe = models["RSNN"]
    nets = {name: recipes.make_network(recipe) for name, recipe in models.items()}
    return {
        "version": __version__,
        "seeds": n_seeds,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": storage.to_json(recipes.fit_options(recipe)["optimizer"]),
        "sizes": nets["RSNN"].sizes,
        "data": recipes.make_data(recipe).record,
        "models": {name: storage.to_json(net.recurrence[0]) for name, net in nets.items()},
    }


def _train_all(seeded: dict[str, list[Recipe]], data: list[Dataset], folder: Path, progress: bool):
    """Train all models with all seeds and return networks and histories, written as they come."""
    nets, histories = {name: [] for name in seeded}, {name: [] for name in seeded}
    n_epochs = sum(recipe.epochs for of_model in seeded.values() for recipe in of_model)
    with announce.progress(n_epochs, "epoch", progress) as advance:
        for name, of_model in seeded.items():
            for recipe, of_seed in zip(of_model, data):
                net = recipes.make_network(recipe)
                options = recipes.fit_options(recipe)

                def show(net, history, now=f"{name}, seed {recipe.seed}"):
                    advance(training=now)

                history = training.fit(net, of_seed, **options, progress=False, callback=show)
                history.to_json(folder / f"{recipe.model}-{recipe.seed}.json")
                history.to_csv(folder / f"{recipe.model}-{recipe.seed}.csv")
                nets[name].append(net)
                histories[name].append(history)
    return nets, histories


def _outcome(recipe: Recipe, net, data, history) -> dict:
    """Measure what came of one run, and how long an epoch took."""
    outcome = runs.outcome(recipe, net, data, history)
    return {**outcome, "seconds_per_epoch": float(np.median(history.column("seconds")))}


def table(results: dict) -> str:
    """Format the results as text: every seed, and the mean over seeds."""
    lines = [
        f"{'model':<10} {'seed':>4} {'test hard':>9} {'soft':>7}  {'spans':<12} {'firing rates (%)':<18} {'s/epoch':>7}"
    ]
    for name, outcomes in results["models"].items():
        for run in outcomes:
            rates = " ".join(f"{100 * rate:4.1f}" for rate in run["firing_rates"])
            lines.append(
                f"{name:<10} {run['recipe']['seed']:>4} {run['test_accuracy']:>9.1%} "
                f"{run['test_accuracy_soft']:>7.1%}  "
                f"{run['spans']!s:<12} {rates:<18} {run['seconds_per_epoch']:>7.2f}"
            )
        hard, soft, seconds = (
            np.array([run[key] for run in outcomes])
            for key in ("test_accuracy", "test_accuracy_soft", "seconds_per_epoch")
        )
        lines.append(
            f"{name:<10} {'mean':>4} {hard.mean():>9.1%} {soft.mean():>7.1%}  {'':<12} {'':<18} {seconds.mean():>7.2f}"
        )
    epochs, seconds = results["config"]["epochs"], results["seconds"]
    lines.append(f"{epochs} epochs per run, {seconds:.0f} s in total, compilation included")
    return "\n".join(lines)


def draw_stored(folder) -> list[Path]:
    """Draw what the stored histories of a comparison show, as far as it has come: learning curves, span weights.

    Raises
    ------
    FileNotFoundError
        If no run has ended yet.
    """
    folder, histories = Path(folder), {}
    for name in read_configuration(folder)["models"]:
        paths = list((folder / "histories").glob(f"{name.split()[0].lower()}-*.json"))
        if paths:
            histories[name] = [History.from_json(path) for path in sorted(paths, key=_seed_of)]
    if not histories:
        raise FileNotFoundError(f"no run of the comparison in {folder} has ended yet: there is nothing to draw")
    return draw_histories(storage.make_folder(folder / "figures"), histories)


def _seed_of(path: Path) -> int:
    """Read the seed in the name of a stored history."""
    return int(path.stem.rpartition("-")[2])


def draw_histories(folder: Path, histories: dict[str, list[History]]) -> list[Path]:
    """Write the figures that need histories alone."""
    adaptive = next((h for name, h in histories.items() if name.startswith("ASRC")), [])
    n_layers = len(next(iter(histories.values()))[0].rows[0]["span_weights"])

    def curves(axes):
        plots.learning_curves(histories, ax=axes[0])
        plots.learning_curves(histories, "train_loss", ax=axes[1])
        axes[1].set_yscale("log")

    def heat_maps(axes):
        for i, history in enumerate(adaptive):
            for layer in range(n_layers):
                ax = plots.span_weights(history, layer, ax=axes[i * n_layers + layer])
                ax.set_title(f"seed {i}, {ax.get_title()}", fontsize="medium")

    drawn = [plots.save(folder / "learning_curves.png", curves, 1, 2, 10, 3.8)]
    if adaptive:
        size = (len(adaptive), n_layers, 3.6 * n_layers, 2.8 * len(adaptive))
        drawn.append(plots.save(folder / "span_weights.png", heat_maps, *size))
    return drawn


def draw(folder: Path, histories: dict[str, list[History]], nets: dict[str, list], data: list[Dataset]) -> None:
    """Write all figures of a comparison: the README's picture, three with every seed, and the spikes of seed 0."""

    def flow(axes):
        for layer, ax in enumerate(axes):
            plots.gradient_flow(flows, layer, ax=ax)

    def rasters(axes):
        for ax, (name, (net, *_)) in zip(axes, nets.items()):
            plots.spikes(net.record(first.x[:1], span_mode="hard"), ax=ax)
            ax.set_title(f"{name}: the digit {first.y[0]}", fontsize="medium")

    def overview(axes):
        rsnn, src, asrc = nets
        (skip,) = {recurrence.span for recurrence in nets[src][0].recurrence}
        shown = {name: flows[name][:1] for name in (rsnn, src)}
        plots.overview(max(skip, 2), histories[asrc][0], shown, n_layers - 1, axes)

    splits = [of_seed.validation for of_seed in data]
    first = splits[0]
    flows = {
        name: [gradients.gradient_flow(net, split.x, split.y, span_mode="hard") for net, split in zip(of_model, splits)]
        for name, of_model in nets.items()
    }
    n_layers = len(next(iter(nets.values()))[0].recurrence)
    plots.save(folder / "overview.png", overview, 2, 2, 11, 4.9)
    draw_histories(folder, histories)
    plots.save(folder / "gradient_flow.png", flow, 1, n_layers, 3.6 * n_layers, 3.4)
    plots.save(folder / "spikes.png", rasters, 1, len(nets), 4.2 * len(nets), 4.5)
