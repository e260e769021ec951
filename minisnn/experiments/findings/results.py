"""What is stored of the experiments: small CSV and JSON files, one per task and experiment, and a record per task.

TASK-accuracy.csv, TASK-gradients.csv, TASK-jacobians.csv, TASK-spans.json, TASK-robustness.csv, match-lags.csv
TASK.json       the commands, configuration, seeds, versions and seconds
"""

import csv
import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np

from minisnn._internal import storage, validate
from minisnn._internal.version import __version__
from minisnn.experiments.findings import experiments
from minisnn.experiments.findings.tasks import TASKS, Task

EXPERIMENTS = {
    "accuracy": experiments.accuracy,
    "gradients": experiments.gradients,
    "jacobians": experiments.jacobians,
    "spans": experiments.spans,
    "robustness": experiments.robustness,
    "lags": experiments.lags,
}
"""What `run` can do, by name; the first trains the networks that all but the last look at."""


def applies(name: str, task_name: str) -> bool:
    """Whether an experiment is one of this task: `lags` is of delayed match alone."""
    return name != "lags" or task_name == "match"


def run(name: str, task_name: str, folder, results, networks=None, progress: bool = True) -> Path:
    """Do an experiment on a task, or go on with it, and store what came out.

    Parameters
    ----------
    name, task_name : str
        From `EXPERIMENTS` and `TASKS`.
    folder : path
        Holds the runs.
    results : path
        Where the small files go.
    networks : sequence of str, optional
        Only these networks of the task: what is stored of the others stays. None: all.

    Returns
    -------
    Path
        Of the file that was written.

    Raises
    ------
    ValueError
        If the experiment, the task or a network is unknown, or they don't go together; if the folder holds runs with
        other settings, or a file that is damaged.
    RuntimeError
        If a run failed; see `minisnn.sweep`.
    """
    do = EXPERIMENTS[validate.choice(name, "experiment", EXPERIMENTS)]
    task = TASKS[validate.choice(task_name, "task", TASKS)]
    if not applies(name, task_name) or (name == "lags" and networks):
        raise ValueError("the experiment 'lags' is of the task 'match' alone, and has networks of its own")
    results = storage.make_folder(results)
    chosen = {
        network: task.networks[validate.choice(network, "network", task.networks)]
        for network in networks or task.networks
    }
    found = do(replace(task, networks=chosen), Path(folder) / task_name, progress)
    path = _file(results, task_name, name)
    if networks and path.exists():
        found = _with_the_others(found, read(results, task_name, name), task, chosen)
    text = json.dumps(found) + "\n" if isinstance(found, dict) else storage.as_csv(found)
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    storage.write_text(path, text)
    if name == "accuracy":
        record, path_of_record = _record(task_name, task, found), results / f"{task_name}.json"
        if changed or not _says(path_of_record, experiments.configuration(task)):  # else its date stays
            storage.write_text(path_of_record, json.dumps(record, indent=1) + "\n")
    return path


def _says(path: Path, configuration: dict) -> bool:
    """Whether the record in a file has this configuration."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {key: stored[key] for key in configuration} == json.loads(json.dumps(configuration))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _with_the_others(found, stored, task: Task, chosen):
    """What was found of the chosen networks and what is stored of the others, in the order of the task."""
    if isinstance(found, dict):
        both = {**stored, **found}
        return {network: both[network] for network in task.networks if network in both}
    rows = [row for row in stored if row["network"] in task.networks and row["network"] not in chosen] + found
    return sorted(rows, key=lambda row: list(task.networks).index(row["network"]))


def _file(results, task_name: str, name: str) -> Path:
    return Path(results) / (f"{task_name}-{name}.json" if name == "spans" else f"{task_name}-{name}.csv")


def _record(task_name: str, task: Task, rows: list[dict]) -> dict:
    names = [name for name in EXPERIMENTS if applies(name, task_name)]
    return {
        "commands": [f"minisnn findings {name} --tasks {task_name}" for name in names],
        "seeds": task.seeds,
        "seconds_of_training": round(sum(row["seconds"] for row in rows)),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {
            "minisnn": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        **experiments.configuration(task),
    }


def read(results, task_name: str, name: str):
    """What `run` stored: a list of rows whose numbers are numbers, or for "spans" the dict.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If there is no such experiment or task, or the file is damaged.
    """
    name, task_name = validate.choice(name, "experiment", EXPERIMENTS), validate.choice(task_name, "task", TASKS)
    path = _file(results, task_name, name)
    command = f"`minisnn findings {name} --tasks {task_name}` makes it"
    if not path.exists():
        raise FileNotFoundError(f"no file {path}; {command}")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            if name == "spans":
                return {network: dict(found) for network, found in json.load(file).items()}
            rows = [{key: _number(key, value) for key, value in row.items()} for row in csv.DictReader(file)]
        if not rows or "seed" not in rows[0] or any(None in row or None in row.values() for row in rows):
            raise ValueError("no rows, or rows that are not whole")
        return rows
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is damaged, or something else ({error}); {command} anew") from error


def _number(key: str, text: str):
    """A number where it is one; spans and firing rates, one per layer, stay text."""
    if key in ("spans", "firing_rates"):
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def by_seed(rows: list[dict], column: str, **equal) -> np.ndarray:
    """A column of the rows that have these values, by seed; ValueError if there are none, or two of one seed."""
    return np.array([row[column] for row in _chosen(rows, equal)])


def curves(rows: list[dict], **equal) -> np.ndarray:
    """The "lag 0", "lag 1", ... of the rows that have these values, one row per seed: (seeds, lags); as `by_seed`."""
    lags = [key for key in rows[0] if key.startswith("lag ")]
    return np.array([[row[lag] for lag in lags] for row in _chosen(rows, equal)], float)


def _chosen(rows: list[dict], equal: dict) -> list[dict]:
    """The rows that have these values, one per seed, ordered by seed."""
    chosen = sorted(
        (row for row in rows if all(row.get(key) == value for key, value in equal.items())), key=lambda row: row["seed"]
    )
    seeds = [row["seed"] for row in chosen]
    if not chosen or len(set(seeds)) < len(seeds):
        wanted = ", ".join(f"{key} {value!r}" for key, value in equal.items())
        raise ValueError(f"one row per seed is wanted with {wanted}, got those of the seeds {seeds}")
    return chosen
