"""The stored results of the experiments: small CSV files, one per task and experiment, and a record per task.

TASK-tuning.csv, TASK-accuracy.csv, TASK-gradients.csv, TASK-robustness.csv, TASK-spans.csv
match-lags.csv, match-ties.csv, psdigits-slow.csv
full/NETWORK/   see `full.py`
claims.csv      what the claims compare, unit by unit; the report makes it from the others
TASK.json       the commands, configuration, chosen settings, units, versions, processor and seconds
"""

import csv
import json
import platform
import time
from pathlib import Path

import numpy as np

from minisnn._internal import storage, validate
from minisnn.bench.measuring import processor
from minisnn.experiments.findings import experiments
from minisnn.experiments.findings.tasks import TASKS, Task, families
from minisnn.training.checkpoint import VERSIONS

EXPERIMENTS = {
    "tuning": experiments.tuning,
    "accuracy": experiments.accuracy,
    "gradients": experiments.gradients,
    "robustness": experiments.robustness,
    "spans": experiments.spans,
    "lags": experiments.lags,
    "ties": experiments.ties,
    "slow": experiments.slow,
}
"""The experiments by name: the first chooses settings, the second trains the networks that the next three measure."""

OF_ONE_TASK = {"lags": "match", "ties": "match", "slow": "psdigits"}
"""The task of the experiments that exist for one alone."""


def applies(name: str, task_name: str) -> bool:
    """Check whether an experiment exists for this task."""
    return OF_ONE_TASK.get(name, task_name) == task_name


def run(name: str, task_name: str, folder, results, progress: bool = True) -> Path:
    """Do an experiment on a task, or continue it, and store the results.

    Parameters
    ----------
    name, task_name : str
        From `EXPERIMENTS` and `TASKS`. All but tuning and lags need the stored tuning of their task.
    folder : path
        Holds the runs.
    results : path
        Folder of the small files.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    FileNotFoundError
        If the stored tuning is missing.
    ValueError
        If the experiment or the task is unknown, or they don't go together; if the folder holds runs with other
        settings, or a damaged file.
    RuntimeError, KeyboardInterrupt
        If a run failed, or after Ctrl-C, as in `minisnn.sweep`.
    BlockingIOError
        If another process is at work on the same runs.
    """
    do = EXPERIMENTS[validate.choice(name, "experiment", EXPERIMENTS)]
    task = TASKS[validate.choice(task_name, "task", TASKS)]
    if not applies(name, task_name):
        raise ValueError(f"the experiment {name!r} belongs to the task {OF_ONE_TASK[name]!r} alone")
    settings_of = {"tuning": lambda *_: None, "lags": lambda *_: None, "ties": tied}.get(name, chosen)
    found = do(task, Path(folder) / task_name, settings_of(results, task_name), progress)
    path, text = _file(storage.make_folder(results), task_name, name), storage.as_csv(found)
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    storage.write_text(path, text)
    if name in ("tuning", "accuracy"):
        record, path_of_record = _record(results, task_name, task), Path(results) / f"{task_name}.json"
        if changed or not _records(path_of_record, record):  # else its date stays
            storage.write_text(path_of_record, json.dumps(record, indent=1) + "\n")
    return path


def chosen(results, task_name: str) -> dict[str, dict]:
    """Return the settings of each family with the best mean validation accuracy in the stored tuning, or the first."""
    return {family: best for family, (best, *_) in tied(results, task_name).items()}


def validation_means(results, task_name: str) -> dict[str, np.ndarray]:
    """Return the mean validation accuracy of each setting of each family, from the stored tuning.

    Raises
    ------
    FileNotFoundError, ValueError
        If the stored tuning is missing, or is not that of the settings and runs that the task lists.
    """
    task, found = TASKS[task_name], {}
    for row in read(results, task_name, "tuning"):
        found.setdefault((row["family"], row["setting"]), []).append(row)
    means, seeds = {}, sorted(of_run["seed"] for of_run in task.tuning)
    for family, tried in families(task).items():
        rows = [found.pop((family, experiments.in_words(settings)), []) for settings in tried]
        if any(sorted(row["seed"] for row in of_setting) != seeds for of_setting in rows):
            break
        means[family] = np.array([np.mean([row["validation_accuracy"] for row in of_setting]) for of_setting in rows])
    if found or len(means) < len(families(task)):
        raise ValueError(
            f"{_file(results, task_name, 'tuning')} does not have the settings and seeds of {task_name}, each once; "
            f"`minisnn findings tuning --tasks {task_name}` makes it anew"
        )
    return means


def tied(results, task_name: str) -> dict[str, list[dict]]:
    """Return the settings of each family that are as good in tuning as those chosen, which come first."""
    task, means = TASKS[task_name], validation_means(results, task_name)
    return {
        family: [settings for settings, mean in zip(tried, means[family]) if mean == means[family].max()]
        for family, tried in families(task).items()
    }


def _records(path: Path, record: dict) -> bool:
    """Check whether the record in a file is this one, but for its date, versions, processor and seconds."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        names = [key for key in record if key not in ("date", "versions", "processor", "seconds_of_training")]
        return {key: stored[key] for key in names} == {key: json.loads(json.dumps(record[key])) for key in names}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _file(results, task_name: str, name: str) -> Path:
    return Path(results) / f"{task_name}-{name}.csv"


def _record(results, task_name: str, task: Task) -> dict:
    names = [name for name in EXPERIMENTS if applies(name, task_name)]
    stored = [name for name in ("tuning", "accuracy") if _file(results, task_name, name).exists()]
    seconds = sum(row["seconds"] for name in stored for row in read(results, task_name, name))
    return {
        "commands": [f"minisnn findings {name} --tasks {task_name}" for name in names],
        "units": task.units,
        "tuned on": task.tuning,
        "seconds_of_training": round(seconds),
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "versions": {**VERSIONS, "python": platform.python_version()},
        **experiments.configuration(task, chosen(results, task_name)),
    }


def read(results, task_name: str, name: str) -> list[dict]:
    """Read what `run` stored: a list of rows with numbers as numbers.

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
            rows = [{key: _number(key, value) for key, value in row.items()} for row in csv.DictReader(file)]
        if not rows or "seed" not in rows[0] or any(None in row or None in row.values() for row in rows):
            raise ValueError("no rows, or incomplete ones")
        return rows
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is damaged, or another file ({error}); {command} anew") from error


def stored(results) -> list[str]:
    """List the tasks that have the results of all claims, whole; raise as `read` does if a file is damaged."""
    of_claims = [name for name in EXPERIMENTS if name not in OF_ONE_TASK]
    names = [name for name in TASKS if all(_file(results, name, e).exists() for e in of_claims)]
    for task_name in names:
        for name in EXPERIMENTS:
            if _file(results, task_name, name).exists():
                read(results, task_name, name)
    return names


def against(results, others) -> dict[str, tuple[int, list[str]]]:
    """Compare stored results with those of a repetition, row by row and in all columns but the seconds.

    Parameters
    ----------
    results, others : path
        Folders of stored results. Files that `others` lacks are passed over.

    Returns
    -------
    dict of str to (int, list of str)
        For each file that both have its number of rows, and what differs, in words.

    Raises
    ------
    FileNotFoundError
        If no file is in both folders.
    ValueError
        If a file is damaged.
    """
    found = {}
    for task_name in TASKS:
        for name in EXPERIMENTS:
            files = [_file(folder, task_name, name) for folder in (results, others)]
            if not all(path.exists() for path in files):
                continue
            rows, repeated = (read(folder, task_name, name) for folder in (results, others))
            differing = [] if len(rows) == len(repeated) else [f"{len(rows)} rows against {len(repeated)}"]
            for number, (row, other) in enumerate(zip(rows, repeated), start=1):
                columns = [key for key in {**row, **other} if key != "seconds"]
                texts = [(key, str(row.get(key)), str(other.get(key))) for key in columns]  # as text NaN equals NaN
                differing += [f"row {number}, {key}: {one} against {two}" for key, one, two in texts if one != two]
            found[files[0].name] = len(rows), differing
    if not found:
        raise FileNotFoundError(f"no file of results is both in {results} and in {others}")
    return found


def _number(key: str, text: str):
    """Read a number where it is one; units, and what has one value per layer, stay text."""
    if key in ("unit", "setting", "spans", "firing_rates", "decided"):
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def by_unit(rows: list[dict], column: str, **equal) -> np.ndarray:
    """Return a column of the rows with these values: one number per unit, the mean over its runs.

    Units come in the order of `rows`, so that values of two networks in one file are pairs.

    Raises
    ------
    ValueError
        If the rows with these values don't have each unit and seed of `rows` once.

    Examples
    --------
    >>> from minisnn.experiments import findings
    >>> rows = [{"unit": "theo", "seed": 0, "x": 2}, {"unit": "theo", "seed": 1, "x": 4}, {"unit": "lucas", "seed": 0, "x": 5}]
    >>> findings.by_unit(rows, "x")
    array([3., 5.])
    """  # noqa: E501
    return np.array([np.mean([row[column] for row in of_unit], axis=0) for of_unit in _chosen(rows, equal)])


def curves(rows: list[dict], **equal) -> np.ndarray:
    """Return columns "lag 0", "lag 1", ... of the rows with these values, (runs, lags)."""
    lags = [key for key in rows[0] if key.startswith("lag ")]
    return np.array([[row[lag] for lag in lags] for of_unit in _chosen(rows, equal) for row in of_unit], float)


def _chosen(rows: list[dict], equal: dict) -> list[list[dict]]:
    """Return the rows with these values, one list per unit; units and seeds in the order of all rows, each once."""
    chosen = [row for row in rows if all(row.get(key) == value for key, value in equal.items())]
    by_run = {(row["unit"], row["seed"]): row for row in chosen}
    runs = list(dict.fromkeys((row["unit"], row["seed"]) for row in rows))
    if not len(chosen) == len(by_run) == len(runs):
        expected = ", ".join(f"{key} {value!r}" for key, value in equal.items())
        got = [(row["unit"], row["seed"]) for row in chosen]
        raise ValueError(f"expected one row per unit and seed, {runs}, with {expected}, got {got}")
    return [[by_run[run] for run in runs if run[0] == unit] for unit in dict.fromkeys(unit for unit, _ in runs)]
