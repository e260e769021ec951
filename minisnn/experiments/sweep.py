"""Sweeps: a recipe over a grid of settings and seeds, in many processes or on many machines, resumable.

    sweep.json       the recipe, and the versions with which the sweep began
    results/         one JSON file per run that has ended, written by this process as it comes
    runs/            the folders of the runs (on the machine that trained them)
    sweep.csv        one row per run, made anew from results/ after each of them
    failures.txt     the runs that failed last time, and why
    .lock            while a process is at work here

A run is named by its settings and its seed, and its result is stored under this name: what has ended is not run again,
and nothing is counted twice. What failed, was interrupted, or was lost with its worker, is run by the next call.
"""

import hashlib
import itertools
import json
import uuid
from collections.abc import Sequence
from concurrent.futures import Executor, as_completed
from contextlib import nullcontext, suppress
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from minisnn import plots
from minisnn._internal import announce, locks, storage, validate
from minisnn._internal.types import PathLike
from minisnn.experiments import own_data, recipes
from minisnn.experiments import run as runs
from minisnn.experiments.workers import check_can_start, processes, stoppable
from minisnn.plots.training import OUTCOME
from minisnn.training.checkpoint import VERSIONS

COLUMNS = tuple(name for name in OUTCOME if name not in ("seed", "spans", "firing_rates"))
"""The entries of a run's result that a row of a sweep has, besides spans and firing rates as text."""
LONGEST_NAME = 240  # bytes of a run's name: file systems allow 255, and files are written with a few more at first
PATIENCE = 10.0  # seconds for which a run waits for its folder, in which an interrupted one may still be ending


def sweep(
    recipe: str,
    grid: dict | list[dict],
    seeds: int | Sequence[int] | None = None,
    executor: Executor | None = None,
    folder: PathLike = "runs/sweep",
    progress: bool = True,
) -> list[dict]:
    """Train a recipe with every combination of settings and every seed, in many processes; resumable.

    Parameters
    ----------
    recipe : str
        A name from `minisnn.experiments.recipes.RECIPES`.
    grid : dict of str to list, or a list of such dicts
        Values to try for each setting of `minisnn.experiments.recipes.Recipe`: all combinations within each dict. For
        an ASRC beside SRCs of several spans: `[{"model": ["src"], "span": [1, 2, 4, 8]}, {"model": ["asrc"]}]`. Spans
        that differ between layers are tuples: `{"span": [(4, 8, 8), (8, 8, 8)]}`. Your own data, as for
        `datasets.from_file`: `{"data": ["own.npz"]}`, with workers that find the file under the same path.
    seeds : int or list of int, optional
        The number of seeds (0, 1, ...), or a list of them. None: each grid lists its own, as the setting "seed".
    executor : concurrent.futures.Executor, optional
        Runs the trainings. Default: a pool of new processes, at most one per core, which share the threads. For a
        cluster:
        `dask.distributed.Client(address).get_executor()`; start its workers with NUMBA_NUM_THREADS=1, unless there is
        one per machine: threads that share cores slow each other down badly. After an interruption, runs in the default
        pool and on Dask end within seconds; of other executors, what has begun is not stopped.
    folder : path
        Holds the sweep; a second call continues it. Runs are written to `runs/` below it on the machine on which they
        run, where they can also be resumed after an interruption.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of dict
        One row per run that has ended: its settings, its seed, `test_accuracy`, `test_accuracy_soft`,
        `validation_accuracy`, `best_epoch`, `seconds`, and `spans` and `firing_rates` as text. `sweep.csv` in the
        folder has the same rows.

    Raises
    ------
    TypeError, ValueError
        If the recipe, a setting or a seed is invalid, before anything is run; if the folder holds another sweep, or a
        run.
    BlockingIOError
        If another process is at work in the folder.
    OSError
        If the folder can't be written to, or the paths of runs would be too long.
    RuntimeError
        At the end, if runs failed: names them and their errors, and says how to run them again. What has ended is kept.
        At the start, if the default pool can't be made: a script needs `if __name__ == "__main__":`.
    KeyboardInterrupt
        After Ctrl-C, once all workers have ended. What has ended is kept, and the same call goes on.

    Examples
    --------
    In this process instead of new ones, with one small epoch:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> grid = {"span": [5, 15], "hidden": [(16,)], "n_train": [64], "epochs": [1]}
    >>> rows = ms.sweep("match-src", grid, seeds=1, executor=ThreadPoolExecutor(1), progress=False)
    >>> [(row["span"], row["seed"]) for row in rows]
    [(5, 0), (15, 0)]
    """
    if executor is None:
        check_can_start()
    tasks = _tasks(recipe, grid, seeds)
    left = [task for name, task in tasks.items() if not _result_file(Path(folder), name).exists()]
    _check_data([recipes.recipe(recipe, **task) for task in left], here=executor is None)
    folder = storage.make_folder(folder)
    with locks.hold(folder):
        failures = _sweep(recipe, tasks, folder, executor, progress)
        rows = write_csv(folder)
    if failures:
        lines = "\n".join(f"  {name}: {error}" for name, error in failures.items())
        raise RuntimeError(
            f"{len(failures)} of {len(tasks)} runs failed:\n{lines}\n"
            f"the others are in {folder / 'sweep.csv'}; the same call runs those that are missing"
        )
    return rows


def _sweep(recipe: str, tasks: dict[str, dict], folder: Path, executor, progress: bool) -> dict[str, str]:
    """Run what is left of a sweep in a folder that this process holds, and return errors by the names of the runs."""
    _check_same_sweep(folder, {"recipe": recipe, "versions": VERSIONS})
    locks.tidy(storage.make_folder(folder / "results"))
    read_rows(folder)  # a damaged result is reported now, not after hours
    _check_same_settings(folder, recipe, tasks)
    left = {name: task for name, task in tasks.items() if not _result_file(folder, name).exists()}
    failures = {}
    if left:
        runs.check_paths(storage.make_folder(folder / "runs" / max(left, key=len)))
        with processes(len(left)) if executor is None else nullcontext(executor) as pool:
            failures = _run_all(recipe, left, folder, pool, len(tasks), progress)
    storage.write_text(folder / "failures.txt", "".join(f"  {name}: {error}\n" for name, error in failures.items()))
    return failures


def _tasks(recipe: str, grid, seeds) -> dict[str, dict]:
    """Return the settings of each run, seed included, by the run's name; all of them checked."""
    grids = grid if isinstance(grid, list | tuple) else [grid]
    if seeds is not None and not isinstance(seeds, list | tuple | range | np.ndarray):
        seeds = range(validate.integer(seeds, "seeds", 1))
    tasks = {}
    for grid in grids:
        if not isinstance(grid, dict) or not all(
            isinstance(v, list | tuple | np.ndarray | range) for v in grid.values()
        ):
            raise TypeError(f"grid must map settings to lists of values, e.g. {{'span': [1, 2, 4]}}, got {grid!r}")
        if ("seed" in grid) == (seeds is not None):
            raise ValueError(
                "the seeds are passed as seeds=, or as the setting 'seed' of every grid; got "
                + ("both" if "seed" in grid else "neither")
            )
        of_grid = [validate.integer(seed, "seed", 0) for seed in (grid["seed"] if seeds is None else seeds)]
        values_of = {name: values for name, values in grid.items() if name != "seed"}
        for values in itertools.product(*values_of.values()):
            settings = dict(sorted((name, _plain(name, value)) for name, value in zip(values_of, values)))
            for seed in of_grid:
                runs.check(recipes.recipe(recipe, **settings, seed=seed))
                tasks[run_name(settings, seed)] = {**settings, "seed": seed}
    if not tasks:
        raise ValueError(f"there is nothing to sweep: grid {grid!r}, seeds {seeds!r}")
    return tasks


def _check_data(chosen: list[recipes.Recipe], here: bool) -> None:
    """Raise TypeError or ValueError if a setting of data is invalid, by making each data set once.

    Unless the runs are `here`, this machine need not have the files of the data.
    """
    chosen = [r for r in chosen if not own_data.is_file(r.data)]  # which was read, for its sizes
    of_data = {tuple(getattr(r, name) for name in ("data", *recipes.DATA[r.data], "data_seed")): r for r in chosen}
    for recipe in of_data.values():
        with nullcontext() if here else suppress(OSError, ImportError):
            recipes.make_data(recipe)


def run_name(settings: dict, seed: int) -> str:
    """Name a run, and its folder below `runs/`, by its settings in alphabetical order and its seed.

    A name that would be too long for a file ends in its hash; the settings stand in the run's result.
    """
    name = ",".join(f"{key}={_word(value)}" for key, value in [*sorted(settings.items()), ("seed", seed)])
    if len(name.encode()) <= LONGEST_NAME:
        return name
    end = f"...,{hashlib.sha256(name.encode()).hexdigest()[:16]},seed={seed}"
    return name.encode()[: LONGEST_NAME - len(end)].decode(errors="ignore") + end


def _plain(name: str, value):
    """Return a setting's value as the recipe has it: Python's own numbers, and 1.0, not 1, where it is a float."""
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    value = type(value)(_plain(name, one) for one in value) if isinstance(value, list | tuple) else value
    value = own_data.absolute(value) if name == "data" else value
    is_float = any(field.name == name and field.type in (float, float | None) for field in fields(recipes.Recipe))
    return float(value) if is_float and type(value) is int else value


def _word(value) -> str:
    """Write a setting's value as part of a file name."""
    if own_data.is_file(value):
        return f"{Path(value).stem}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"  # of equal names in two folders
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _check_same_sweep(folder: Path, config: dict) -> None:
    """Write what the sweep is, or check that the folder's sweep has the same recipe; runs may be added."""
    path = folder / "sweep.json"
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            there = before["recipe"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the file of a sweep ({error!r})") from error
        if there != config["recipe"]:
            raise ValueError(f"{folder} holds a sweep of {there}, not of {config['recipe']}; name another folder")
        config = {**config, "versions": before.get("versions", VERSIONS)}
        other = [
            f"{name} {there}, now {VERSIONS.get(name)}"
            for name, there in config["versions"].items()
            if there != VERSIONS.get(name)
        ]
        if other:
            announce.say(
                f"minisnn: the sweep in {folder} began with {'; '.join(other)}: last bits may differ between its runs"
            )
    elif (folder / runs.CONFIG).exists():
        raise ValueError(f"{folder} holds a run; name another folder")
    elif any((folder / "results").glob("*")):
        raise ValueError(f"{folder} holds results but no sweep.json; name another folder")
    storage.write_text(path, json.dumps(config, indent=1))


def _check_same_settings(folder: Path, recipe: str, tasks: dict) -> None:
    """Raise ValueError if a run that has ended had other settings or data than now: recipe or file have changed."""
    for name, task in tasks.items():
        path = _result_file(folder, name)
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))["result"]
            chosen, stored = recipes.recipe(recipe, **task), dict(result["recipe"])
            now = json.loads(json.dumps(asdict(chosen)))
            if own_data.is_file(chosen.data):
                stored["SHA-256 of data"] = result.get("data_sha256")
                now["SHA-256 of data"] = own_data.sizes(chosen.data).sha256
            names = [key for key in {**stored, **now} if stored.get(key) != now.get(key)]
            if names:
                different = ", ".join(f"{key} {stored.get(key)!r} there, now {now.get(key)!r}" for key in names)
                raise ValueError(
                    f"{path} belongs to a run with other settings ({different}); name another folder, or delete this "
                    f"file and {folder / 'runs' / name}"
                )


def _result_file(folder: Path, name: str) -> Path:
    return folder / "results" / f"{name}.json"


def run_one(recipe: str, settings: dict, folder: str, call: str) -> dict:
    """Do one run of a sweep in the process of a worker: `runs.train`, which continues what is there.

    `call` is new in each call of `sweep`: Dask treats equal tasks as one, and would return its last failure again.
    """
    chosen = recipes.recipe(recipe, **settings)
    return stoppable(runs.train, chosen, Path(folder), resume=True, progress=False, patience=PATIENCE)


def _run_all(
    recipe: str, tasks: dict, folder: Path, executor: Executor, n_total: int, progress: bool
) -> dict[str, str]:
    """Run what is left, write results as they come, and return the errors of the runs that failed, by name.

    If this is interrupted, the runs are cancelled.
    """
    where, call = (folder / "runs").absolute(), uuid.uuid4().hex
    futures, failures, sha256 = {}, {}, {}
    try:
        for name, task in tasks.items():
            futures[executor.submit(run_one, recipe, task, str(where / name), call)] = name
        with announce.progress(n_total, "run", progress, done=n_total - len(tasks)) as advance:
            for future in as_completed(futures):
                name = futures[future]
                try:
                    result = future.result()
                    data, now = result["recipe"]["data"], result.get("data_sha256")
                    if sha256.setdefault(data, now) != now:
                        raise ValueError(f"{data} is not the file that another run has read")
                except Exception as error:  # whatever a run, a worker or a cluster can raise
                    failures[name] = f"{type(error).__name__}: {error}"
                    advance(0, failed=len(failures))
                    continue
                ended = {"settings": settings_of(tasks[name]), "result": result}
                storage.write_text(_result_file(folder, name), json.dumps(ended, indent=1))
                write_csv(folder)
                advance(failed=len(failures))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return failures


def read_rows(folder) -> list[dict]:
    """Read one row per run of a sweep that has ended: settings, seed and results; sorted by settings."""
    rows = []
    for path in sorted((Path(folder) / "results").glob("*.json")):
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            settings, result = read["settings"], read["result"]
            row = {**settings, "seed": result["recipe"]["seed"], **{name: result[name] for name in COLUMNS}}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the result of a run ({error!r}); delete it, and run it again") from error
        row["spans"] = " ".join("-" if span is None else str(span) for span in result["spans"])
        row["firing_rates"] = " ".join(f"{rate:.4f}" for rate in result["firing_rates"])
        rows.append(row)
    return sorted(rows, key=lambda row: (group(row), row["seed"]))


def settings_of(row: dict) -> dict:
    """Return the settings that a row names, without its seed."""
    return {name: value for name, value in row.items() if name in recipes.SETTINGS and name != "seed"}


def group(row: dict) -> tuple:
    """Return what runs that differ only in their seed share: the settings, in a form that can be sorted."""
    return tuple(
        (name, False, value) if isinstance(value, int | float) else (name, True, _word(value))
        for name, value in settings_of(row).items()
    )


def write_csv(folder: Path) -> list[dict]:
    """Write `sweep.csv` from the results, whole, and return the rows."""
    rows = read_rows(folder)
    settings = dict.fromkeys(name for row in rows for name in settings_of(row))
    storage.write_text(folder / "sweep.csv", storage.as_csv(rows, [*settings, *OUTCOME]))
    return rows


def table(rows: list[dict]) -> str:
    """Write the rows as text, one line per combination of settings: mean and standard deviation over seeds."""
    groups = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    width = max((len(label(key)) for key in groups), default=8)
    lines = [
        f"{'settings':<{width}} {'runs':>4} {'test (%)':>9} {'sd':>5} {'validation (%)':>14} {'s / run':>7}  spans"
    ]
    for key, runs_ in groups.items():
        test, validation, seconds = (
            np.array([run[name] for run in runs_]) for name in ("test_accuracy", "validation_accuracy", "seconds")
        )
        spread = f"{100 * test.std(ddof=1):.1f}" if len(test) > 1 else ""
        spans = "; ".join(dict.fromkeys(run["spans"] for run in runs_))
        lines.append(
            f"{label(key):<{width}} {len(test):>4} {100 * test.mean():>9.1f} {spread:>5} "
            f"{100 * validation.mean():>14.1f} {seconds.mean():>7.0f}  {spans}"
        )
    return "\n".join(lines)


def label(key: tuple) -> str:
    """Write a group's settings as text."""
    return ", ".join(f"{name}={_word(value)}" for name, _, value in key) or "as the recipe says"


def numeric_settings(rows: list[dict]) -> list[str]:
    """List the settings of a sweep whose values are numbers."""
    names = dict.fromkeys(name for row in rows for name in settings_of(row))
    return [name for name in names if all(type(row.get(name, 0)) in (int, float) for row in rows)]


def draw(folder, setting: str | None = None) -> Path:
    """Draw a sweep: test accuracy against one of its settings (default: the first number that varies)."""
    rows = read_rows(folder)
    if not rows:
        raise ValueError(f"no run of the sweep in {folder} has ended yet: there is nothing to draw")
    numbers = numeric_settings(rows)
    if setting is None and not numbers:
        raise ValueError("the sweep has no setting that is a number: there is no figure to draw")
    varied = [name for name in numbers if len({row.get(name) for row in rows}) > 1]
    setting = validate.choice(setting or (varied or numbers)[0], "setting", numbers)
    curves = {(tuple(part for part in group(row) if part[0] != setting), setting in row) for row in rows}
    height = max(3.6, 0.5 + 0.21 * len(curves))  # room for the legend
    return plots.save(Path(folder) / "sweep.png", lambda axes: plots.sweep(rows, setting, axes[0]), 1, 1, 7.5, height)
