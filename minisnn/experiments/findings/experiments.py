"""The experiments: each returns the rows that are stored, and continues what its folder holds.

folder/TASK/tuning/       the sweep that chooses settings
folder/TASK/              the sweep that trains the networks (`sweep.py`)
folder/TASK/gradients/    the measurements, one JSON file per run, with the settings of the measurement;
folder/TASK/robustness/   if these or the run have changed, it is measured anew
folder/TASK/lags/         the sweep over lags
folder/TASK/slow/         the sweep of long trainings

A row names its network, its unit (a seed or a speaker), and the seed of its run.
"""

import hashlib
import json
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from minisnn._internal import announce, locks, storage
from minisnn._internal.rng import stream
from minisnn.analysis import gradients as analysis
from minisnn.analysis import robustness as disturbances
from minisnn.datasets import Split
from minisnn.experiments import recipes
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps
from minisnn.experiments.findings.tasks import (
    LAG_GRIDS,
    LAG_SEEDS,
    LEVELS,
    SLOW_EPOCHS,
    SLOW_UNITS,
    Task,
    families,
    networks,
    transplanted,
)
from minisnn.network import Network
from minisnn.training.history import History

N_GRADIENTS = 64  # validation sequences whose gradients are measured
N_NOISY = 500  # test sequences, at most, under noise, drawn at random
N_BY_SPEC = 100  # of these where spikes are deleted or added, which runs the slower spec
DRAWS = 2  # per noise and network
DECIDED = 0.9  # a layer has decided when its largest span weight exceeds this


def settings(task: Task) -> dict[str, dict]:
    """Return the settings of the measurements by experiment, which are stored with the results."""
    return {
        "gradients": {"sequences": N_GRADIENTS, "steps": task.steps},
        "robustness": {"sequences": N_NOISY, "by spec": N_BY_SPEC, "draws": DRAWS, "levels": LEVELS},
        "spans": {"decided": DECIDED},
    }


Runs = list[tuple[str, str, dict]]
"""(network, unit, settings) of each run."""


def tuning(task: Task, folder: Path, best: None, progress: bool = True) -> list[dict]:
    """Train every family with all its settings: validation accuracy of each, and nothing of test data."""
    listed = [
        (family, in_words(tried), {**tried, **of_run})
        for family, of_family in families(task).items()
        for tried in of_family
        for of_run in task.tuning
    ]
    kept = ("validation_accuracy", "best_epoch", "seconds")
    rows = _trained(task, folder / "tuning", listed, kept, progress)
    return [
        {"family": row["network"], "setting": row["unit"], **{key: row[key] for key in ("seed", *kept)}} for row in rows
    ]


def in_words(tried: dict) -> str:
    """Write the settings that were tried with the symbols of the plan."""
    symbols = {"clip_norm": "clipped at", "decay": "β", "neuron_lr": "lr of β", "span": "λ", "max_span": "K"}
    symbols |= {"adaptation_decay": "ρ", "adaptation_strength": "κ"}
    of_family = ("model", "learn_decay", "per_neuron", "adaptive")
    words = [f"{symbols.get(name, name)} {value}" for name, value in tried.items() if name not in of_family]
    return ", ".join(words).replace("clipped at None", "not clipped")


def accuracy(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Train every network in every unit: one row per run, with test accuracy, spans and firing rates."""
    kept = (*sweeps.COLUMNS, "spans", "firing_rates")
    rows = _trained(task, folder, _runs(task, networks(best)), kept, progress)
    return [*rows, *_trained(task, folder, _transplants(task, best, rows), kept, progress)]


def _runs(task: Task, settings_of: dict[str, dict]) -> Runs:
    return [
        (network, unit, {**of_network, **of_run})
        for network, of_network in settings_of.items()
        for unit, of_unit in task.units.items()
        for of_run in of_unit
    ]


def _transplants(task: Task, best: dict, rows: list[dict]) -> Runs:
    """List the runs of transplanted spans: each takes those that ASRC found in the same unit with the same seed."""
    found = {(row["unit"], row["seed"]): row["spans"] for row in rows if row["network"] == "ASRC"}
    return [
        (
            "transplanted spans",
            unit,
            {**transplanted(best, tuple(map(int, str(found[unit, of_run["seed"]]).split()))), **of_run},
        )
        for unit, of_unit in task.units.items()
        for of_run in of_unit
    ]


def _trained(task: Task, folder: Path, listed: Runs, kept, progress: bool) -> list[dict]:
    """Train what is left of these runs, and return one row for each; equal runs are trained once."""
    grids = [{name: [value] for name, value in _all(task, of_run).items()} for _, _, of_run in listed]
    rows = sweeps.sweep(task.recipe, grids, folder=folder, progress=progress)
    by_run = {sweeps.run_name(sweeps.settings_of(row), row["seed"]): row for row in rows}
    found = [(network, unit, by_run[_name(task, of_run)]) for network, unit, of_run in listed]
    return [
        {"network": network, "unit": unit, "seed": row["seed"], **{key: row[key] for key in kept}}
        for network, unit, row in found
    ]


def _all(task: Task, of_run: dict) -> dict:
    """Return all settings in which a run may differ from its recipe."""
    return {**task.common, **of_run}


def _name(task: Task, of_run: dict) -> str:
    """Return the name of a run in its sweep."""
    chosen = _all(task, of_run)
    return sweeps.run_name({name: value for name, value in chosen.items() if name != "seed"}, chosen["seed"])


def gradients(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Measure ‖∂L/∂v[t]‖ in the last hidden layer of the main networks over lag: one row per run, after training.

    L reads the last step alone. The norm is that of `gradient_flow` relative to lag 0, the median over sequences.
    """
    return _of_each_run(task, folder, "gradients", best, measure_gradients, progress)


def measure_gradients(recipe: recipes.Recipe, run: Path, steps: int | None) -> list[dict]:
    """Measure the row of one run for `gradients`."""
    split = recipes.make_data(recipe).validation
    x, y = split.x, split.y
    if steps is not None:
        long = split.lengths >= steps
        x, y = x[long, :steps], y[long]
    chosen = stream(0, "findings", "gradients").permutation(len(y))[:N_GRADIENTS]
    flow = analysis.gradient_flow(Network.load(run / "best.npz"), x[chosen], y[chosen], span_mode="hard")
    relative = flow.relative(-1)  # of sequences in which a neuron is near its threshold at the last step
    curve = np.median(relative, axis=0) if len(relative) else np.full(relative.shape[1], np.nan)
    slopes = round(flow.zero_slopes[-1], 4)
    return [
        {
            "sequences": len(relative),
            "zero_slopes": slopes,
            **{f"lag {lag}": float(f"{norm:.3g}") for lag, norm in enumerate(curve)},
        }
    ]


def robustness(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Measure test accuracy under each noise of `LEVELS`: one row per run, noise and level, mean over draws."""
    return _of_each_run(task, folder, "robustness", best, measure_robustness, progress)


def measure_robustness(recipe: recipes.Recipe, run: Path, steps: int | None) -> list[dict]:
    """Measure the rows of one run for `robustness`."""
    net, test = Network.load(run / "best.npz"), recipes.make_data(recipe).test
    order = np.sort(stream(0, "findings", "robustness").permutation(len(test))[:N_NOISY])
    rows = []
    for noise, levels in LEVELS.items():
        by_spec = noise in ("deleted", "spurious")
        chosen = order[:: -(-len(order) // N_BY_SPEC)] if by_spec else order
        part = Split(test.x[chosen], test.y[chosen], None if test.lengths is None else test.lengths[chosen])
        found = disturbances.robustness(net, part, noise, levels, 1 if by_spec else DRAWS)
        for level, value in zip(levels, found.accuracies.mean(axis=0)):
            rows.append({"noise": noise, "level": level, "accuracy": round(float(value), 5)})
    return rows


def spans(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Follow the spans of ASRC over training: one row per run, layer and epoch, with the temperature after it.

    Among them are the likeliest span, its weight, the updates so far, and validation accuracy, soft and hard.
    """
    accuracy(task, folder, best, progress)
    rows = []
    for network, unit, of_run in _runs(task, {"ASRC": best["ASRC"]}):
        for row in over_updates(folder / "runs" / _name(task, of_run)):
            rows.append({"network": network, "unit": unit, "seed": of_run["seed"], **row})
    return rows


def over_updates(run: Path) -> list[dict]:
    """Return one row per epoch and layer of an ASRC, from the folder of its run."""
    recipe, rows = runs.read_recipe(run), []
    per_epoch = -(-recipes.n_training(recipe) // recipe.batch_size)
    for row in History.from_json(run / "history.json").rows:
        for layer, p in enumerate(row["span_weights"]):
            rows.append(
                {
                    "layer": layer,
                    "epoch": row["epoch"],
                    "updates": per_epoch * (row["epoch"] + 1),
                    "temperature": float(f"{row['temperature']:.4g}"),
                    "span": int(np.argmax(p)) + 1,
                    "weight": round(float(np.max(p)), 4),
                    "soft": round(row["validation_accuracy_soft"], 4),
                    "hard": round(row["validation_accuracy_hard"], 4),
                }
            )
    return rows


def decided_after(rows: list[dict]) -> list[float]:
    """Return after how many updates each layer had decided for good, from the rows of a run; inf: never."""
    after = []
    for layer in sorted({row["layer"] for row in rows}):
        after.append(np.inf)
        for row in reversed([row for row in rows if row["layer"] == layer]):
            if row["weight"] <= DECIDED:
                break
            after[-1] = row["updates"]
    return after


def ties(task: Task, folder: Path, tied: dict[str, list[dict]], progress: bool = True) -> list[dict]:
    """Train SRC, ASRC and random spans with all settings that tuning can't tell apart: one row per run.

    For delayed match alone.
    """
    of_networks = [("SRC", tried) for tried in tied["SRC"]]
    for tried in tied["ASRC"]:
        of_networks += [("ASRC", tried), ("random spans", {**tried, "model": "random"})]
    listed, words = [], []
    for network, tried in of_networks:
        of_network = _runs(task, {network: tried})
        listed += of_network
        words += [in_words(tried)] * len(of_network)
    rows = _trained(task, folder, listed, ("test_accuracy", "spans"), progress)
    return [{"network": row["network"], "setting": setting, **row} for row, setting in zip(rows, words)]


def slow(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Train ASRC and random spans with as many updates as the paper, in the first units: one row per run.

    T° falls over all of training, so spans are decided as slowly as there: `decided` has for each layer of ASRC the
    updates until then. For permuted digits alone.
    """
    chosen = {name: {**networks(best)[name], "epochs": SLOW_EPOCHS} for name in ("ASRC", "random spans")}
    first = list(task.units)[:SLOW_UNITS]
    listed = [of_run for of_run in _runs(task, chosen) if of_run[1] in first]
    rows = _trained(task, folder / "slow", listed, (*sweeps.COLUMNS, "spans"), progress)
    for row, (network, _, of_run) in zip(rows, listed):
        decided = []
        if network == "ASRC":
            decided = decided_after(over_updates(folder / "slow" / "runs" / _name(task, of_run)))
        row["decided"] = " ".join(f"{updates:g}" for updates in decided)
    return rows


def lags(task: Task, folder: Path, best: dict, progress: bool = True) -> list[dict]:
    """Train delayed match without distractors over lags and spans: one row per run. For that task alone."""
    return sweeps.sweep(task.recipe, LAG_GRIDS, LAG_SEEDS, folder=folder / "lags", progress=progress)


def _of_each_run(task: Task, folder: Path, name: str, best: dict, measure, progress: bool) -> list[dict]:
    """Collect the rows of `measure(recipe, run folder, steps)` for each run of the main networks.

    Each run is measured in a new process and written at once; what is there is not measured again.
    """
    trained = accuracy(task, folder, best, progress)
    listed = [*_runs(task, networks(best)), *_transplants(task, best, trained)]
    measured = storage.make_folder(folder / name)
    files = [(*run, measured / f"{_name(task, run[2])}.json") for run in listed]
    stamps = {path: _stamp(settings(task)[name], folder / "runs" / path.stem) for *_, path in files}
    found = {path: _measured(path, stamp) for path, stamp in stamps.items()}
    left = {path: of_run for *_, of_run, path in files if found[path] is None}
    if left:
        with locks.hold(measured), sweeps.processes(len(left)) as pool:
            futures = {
                pool.submit(
                    measure,
                    recipes.recipe(task.recipe, **_all(task, of_run)),
                    folder / "runs" / path.stem,
                    task.steps,
                ): path
                for path, of_run in left.items()
            }
            with announce.progress(len(found), f"run ({name})", progress, done=len(found) - len(left)) as advance:
                for future in as_completed(futures):
                    path = futures[future]
                    found[path] = future.result()
                    storage.write_text(path, json.dumps({"measured": stamps[path], "rows": found[path]}))
                    advance()
    return [
        {"network": network, "unit": unit, "seed": of_run["seed"], **row}
        for network, unit, of_run, path in files
        for row in found[path]
    ]


def _stamp(measured: dict, run: Path) -> dict:
    """Identify what an experiment measures, and how: the run's network by its hash, and the settings."""
    network = hashlib.sha256((run / "best.npz").read_bytes()).hexdigest()
    return json.loads(json.dumps({"network": network, **measured}))


def _measured(path: Path, stamp: dict) -> list[dict] | None:
    """Read the rows in a file of `_of_each_run`; None if it is missing, or belongs to another network or settings.

    Raises
    ------
    ValueError
        If the file is damaged, or another one.
    """
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        rows = [dict(row) for row in read["rows"]]
        return rows if read["measured"] == stamp else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not what an experiment wrote ({error!r}); delete it") from error


def configuration(task: Task, best: dict) -> dict:
    """Return all settings of the task's recipe, what was tried and chosen, and the settings of measurements."""
    return {
        "recipe": asdict(recipes.recipe(task.recipe, **task.common)),
        "tried": families(task),
        "chosen": best,
        "measured": settings(task),
    }
