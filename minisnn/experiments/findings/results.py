"""The stored results of the experiments: small CSV and JSON files, one per task and experiment, a record per task.

TASK-accuracy.csv, TASK-gradients.csv, TASK-jacobians.csv, TASK-spans.json, TASK-robustness.csv, match-lags.csv
TASK.json       the commands, configuration, seeds, versions and seconds
"""

import csv
import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from minisnn._internal import storage, validate
from minisnn.experiments.findings import experiments
from minisnn.experiments.findings.tasks import TASKS, Task
from minisnn.training.checkpoint import VERSIONS

EXPERIMENTS = {
    "accuracy": experiments.accuracy,
    "gradients": experiments.gradients,
    "jacobians": experiments.jacobians,
    "spans": experiments.spans,
    "robustness": experiments.robustness,
    "lags": experiments.lags,
}
"""The experiments by name; the first trains the networks that all but the last measure."""


def applies(name: str, task_name: str) -> bool:
    """Check whether an experiment exists for this task: `lags` does for delayed match alone."""
    return name != "lags" or task_name == "match"


def run(name: str, task_name: str, folder, results, networks=None, progress: bool = True) -> Path:
    """Do an experiment on a task, or continue it, and store the results.

    Parameters
    ----------
    name, task_name : str
        From `EXPERIMENTS` and `TASKS`.
    folder : path
        Holds the runs.
    results : path
        Folder of the small files.
    networks : sequence of str, optional
        Only these networks of the task; stored results of the others stay. None: all.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        If the experiment, the task or a network is unknown, or they don't go together; if the folder holds runs with
        other settings, or a damaged file.
    RuntimeError, KeyboardInterrupt
        If a run failed, or after Ctrl-C, as in `minisnn.sweep`.
    BlockingIOError
        If another process is at work on the same runs.
    """
    do = EXPERIMENTS[validate.choice(name, "experiment", EXPERIMENTS)]
    task = TASKS[validate.choice(task_name, "task", TASKS)]
    if not applies(name, task_name) or (name == "lags" and networks):
        raise ValueError("the experiment 'lags' belongs to the task 'match' alone, and has networks of its own")
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
        if changed or not _records(path_of_record, experiments.configuration(task)):  # else its date stays
            storage.write_text(path_of_record, json.dumps(record, indent=1) + "\n")
    return path


def _records(path: Path, configuration: dict) -> bool:
    """Check whether the record in a file has this configuration."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {key: stored[key] for key in configuration} == json.loads(json.dumps(configuration))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _with_the_others(found, stored, task: Task, chosen):
    """Join new results of the chosen networks and stored ones of the others, in the order of the task."""
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
        "versions": {**VERSIONS, "python": platform.python_version()},
        **experiments.configuration(task),
    }


def read(results, task_name: str, name: str):
    """Read what `run` stored: a list of rows with numbers as numbers, or for "spans" the dict.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
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
            raise ValueError("no rows, or incomplete ones")
        return rows
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is damaged, or another file ({error}); {command} anew") from error


def check_all(results) -> None:
    """Check that all results are there and whole; raise as `read` does if one is not."""
    if not Path(results).is_dir():
        raise FileNotFoundError(
            f"no folder {results}: a report is made of stored results; run it in the source tree, or name a --page"
        )
    for task_name in TASKS:
        for name in EXPERIMENTS:
            if applies(name, task_name):
                read(results, task_name, name)


def _number(key: str, text: str):
    """Read a number where it is one; spans and firing rates, one per layer, stay text."""
    if key in ("spans", "firing_rates"):
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def by_seed(rows: list[dict], column: str, **equal) -> np.ndarray:
    """Return a column of the rows with these values, by seed; ValueError if there are none, or two of one seed."""
    return np.array([row[column] for row in _chosen(rows, equal)])


def curves(rows: list[dict], **equal) -> np.ndarray:
    """Return columns "lag 0", "lag 1", ... of the rows with these values, (seeds, lags); otherwise as `by_seed`."""
    lags = [key for key in rows[0] if key.startswith("lag ")]
    return np.array([[row[lag] for lag in lags] for row in _chosen(rows, equal)], float)


def _chosen(rows: list[dict], equal: dict) -> list[dict]:
    """Return the rows with these values, one per seed, ordered by seed."""
    chosen = sorted(
        (row for row in rows if all(row.get(key) == value for key, value in equal.items())), key=lambda row: row["seed"]
    )
    seeds = [row["seed"] for row in chosen]
    if not chosen or len(set(seeds)) < len(seeds):
        expected = ", ".join(f"{key} {value!r}" for key, value in equal.items())
        raise ValueError(f"expected one row per seed with {expected}, got rows of the seeds {seeds}")
    return chosen
