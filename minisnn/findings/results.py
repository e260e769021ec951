"""What is stored of the experiments: small CSV and JSON files, one pair a task and experiment.

TASK-accuracy.csv, TASK-gradients.csv, TASK-jacobians.csv, TASK-spans.json, TASK-robustness.csv
TASK.json       the commands, configuration, seeds, versions and seconds
"""

import csv
import io
import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np

import minisnn
from minisnn import _validate, storage
from minisnn.findings import experiments
from minisnn.findings.tasks import TASKS, Task

EXPERIMENTS = {
    "accuracy": experiments.accuracy,
    "gradients": experiments.gradients,
    "jacobians": experiments.jacobians,
    "spans": experiments.spans,
    "robustness": experiments.robustness,
}
"""What `run` can do, by name; the first trains the networks that the others look at."""


def run(name: str, task_name: str, folder, results, networks=None, progress: bool = True) -> Path:
    """Do an experiment on a task, or go on with it, and store what came out.

    Parameters
    ----------
    name, task_name : str
        Out of `EXPERIMENTS` and `TASKS`.
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
        If the experiment, the task or a network is unknown; if a file in the folder is not one of its own.
    RuntimeError
        If a run failed; see `minisnn.sweep`.
    """
    do = EXPERIMENTS[_validate.choice(name, "experiment", EXPERIMENTS)]
    task = TASKS[_validate.choice(task_name, "task", TASKS)]
    results = storage.make_folder(results)
    chosen = {
        network: task.networks[_validate.choice(network, "network", task.networks)]
        for network in networks or task.networks
    }
    found = do(replace(task, networks=chosen), Path(folder) / task_name, progress)
    path = _file(results, task_name, name)
    if networks and path.exists():
        found = _with_the_others(found, read(results, task_name, name), task, chosen)
    storage.write_text(path, json.dumps(found) + "\n" if isinstance(found, dict) else _csv(found))
    if name == "accuracy":
        seconds = sum(row["seconds"] for row in found)
        record = _record(task_name, task, seconds)
        storage.write_text(results / f"{task_name}.json", json.dumps(record, indent=1) + "\n")
    return path


def _with_the_others(found, stored, task: Task, chosen):
    """What was found of the chosen networks and what is stored of the others, in the order of the task."""
    if isinstance(found, dict):
        both = {**stored, **found}
        return {network: both[network] for network in task.networks if network in both}
    rows = [row for row in stored if row["network"] in task.networks and row["network"] not in chosen] + found
    return sorted(rows, key=lambda row: list(task.networks).index(row["network"]))


def _file(results, task_name: str, name: str) -> Path:
    return Path(results) / (f"{task_name}-{name}.json" if name == "spans" else f"{task_name}-{name}.csv")


def _record(task_name: str, task: Task, seconds: float) -> dict:
    return {
        "commands": [f"minisnn findings {name} --tasks {task_name}" for name in EXPERIMENTS],
        "seeds": task.seeds,
        "seconds_of_training": round(seconds),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {
            "minisnn": minisnn.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        **experiments.configuration(task),
    }


def _csv(rows: list[dict]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(results, task_name: str, name: str):
    """What `run` stored: a list of rows whose numbers are numbers, or for "spans" the dict.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    path = _file(results, task_name, name)
    if not path.exists():
        raise FileNotFoundError(f"no file {path}; `minisnn findings {name} --tasks {task_name}` makes it")
    if name == "spans":
        return json.loads(path.read_text())
    return read_csv(path)


def read_csv(path) -> list[dict]:
    """The rows of a CSV file, of these experiments or of a sweep; numbers are numbers."""
    with open(path, newline="", encoding="utf-8") as file:
        return [{key: _number(key, value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(key: str, text: str):
    """A number where it is one; spans and firing rates, lists of a layer each, stay text."""
    if key in ("spans", "firing_rates"):
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def by_seed(rows: list[dict], column: str, **equal) -> np.ndarray:
    """The column of the rows that have these values, ordered by seed."""
    chosen = [row for row in rows if all(row[key] == value for key, value in equal.items())]
    return np.array([row[column] for row in sorted(chosen, key=lambda row: row["seed"])])


def curves(rows: list[dict], **equal) -> np.ndarray:
    """The "lag 0", "lag 1", ... of the rows that have these values, one row a seed: (seeds, lags)."""
    chosen = [row for row in rows if all(row[key] == value for key, value in equal.items())]
    lags = [key for key in rows[0] if key.startswith("lag ")]
    return np.array([[row[lag] for lag in lags] for row in sorted(chosen, key=lambda row: row["seed"])], float)
