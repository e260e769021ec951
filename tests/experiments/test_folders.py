"""Folders belong to one run: to one process at a time, and to one recipe for ever."""

import json
import os
from dataclasses import replace

import pytest

import minisnn as ms
from minisnn import cli
from minisnn._internal import locks
from minisnn.experiments import compare, findings, recipes, workers
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps
from minisnn.training import checkpoint
from minisnn.training import fit as training

# Layers of 4 neurons may be silent after an epoch, and fit says so.
pytestmark = [pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")]

SMALL = recipes.recipe("match-src", hidden=(4,), n_train=40, epochs=2, lag=5)
WORDS = ["--hidden", "4", "--n-train", "40", "--epochs", "2", "--lag", "5"]
GRID = {"hidden": [(4,)], "n_train": [40], "epochs": [1], "lag": [5], "span": [2, 3]}
GRID_WORDS = ["hidden=4", "n-train=40", "epochs=1", "lag=5", "span=2,3"]
TINY = {"seeds": 1, "epochs": 1, "hidden": (4, 3), "progress": False}


@pytest.fixture
def in_process(monkeypatch):
    """No processes are started."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: ThreadPoolExecutor(1))


def sweep(folder, grid=GRID, recipe="match-src", seeds=1):
    return ms.sweep(recipe, grid, seeds, folder=folder, progress=False)


def files(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---- one process


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--recipe", "match-src", *WORDS],
        ["train", "--recipe", "match-src", *WORDS, "--resume"],
        ["sweep", "--recipe", "match-src", "--grid", *GRID_WORDS],
        ["compare", "--epochs", "1"],
        ["findings", "spans", "--tasks", "match"],
    ],
    ids=lambda words: " ".join(words[:1]),
)
def test_the_second_command_in_a_folder_is_refused(tmp_path, capsys, command):
    """At once, with the folder, who holds it, and what to do; nothing is written."""
    with locks.hold(tmp_path):
        assert cli.main([*command, "--folder", str(tmp_path)]) == 2
        assert files(tmp_path) == {locks.LOCK}
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith(f"minisnn: {tmp_path} is in use by process {os.getpid()} on ")
    assert line.endswith("wait until that has ended, end it, or name another folder")


@pytest.mark.compiled
def test_runs_of_a_sweep_have_their_folders_to_themselves(tmp_path, in_process, monkeypatch):
    """A worker that is still at work there is waited for, but not for ever."""
    monkeypatch.setattr(sweeps, "PATIENCE", 0.05)
    run = tmp_path / "runs" / sweeps.run_name({name: value[0] for name, value in GRID.items()}, 0)
    run.mkdir(parents=True)
    with locks.hold(run), pytest.raises(RuntimeError, match=r"1 of 2 runs failed:\n.*span=2.*is in use by process"):
        sweep(tmp_path)
    assert len(sweep(tmp_path)) == 2


def test_measurements_have_their_folder_to_themselves(tmp_path, monkeypatch):
    from minisnn.experiments.findings import experiments

    task = findings.TASKS["match"]
    best = {family: tried[0] for family, tried in experiments.families(task).items()}
    monkeypatch.setattr(experiments, "accuracy", lambda *_: [])
    monkeypatch.setattr(experiments, "_transplants", lambda *_: [])
    monkeypatch.setattr(experiments, "_stamp", lambda *_: {})
    (tmp_path / "gradients").mkdir()
    with locks.hold(tmp_path / "gradients"), pytest.raises(BlockingIOError, match="gradients is in use"):
        experiments.gradients(task, tmp_path, best, progress=False)


# ---- one recipe


def test_another_recipe_is_refused_before_the_first_checkpoint_too(tmp_path, monkeypatch):
    """As after a kill in the first moments: whose folder it is stands in config.json."""
    monkeypatch.setattr(training, "fit", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.train(SMALL, tmp_path, progress=False)
    before = (tmp_path / "config.json").read_text()
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"another one:\n  span: 15 there, now 9\nname another folder"):
            runs.train(replace(SMALL, span=9), tmp_path, resume=resume, progress=False)
        with pytest.raises(ZeroDivisionError):
            runs.train(SMALL, tmp_path, resume=resume, progress=False)
    assert (tmp_path / "config.json").read_text() == before and files(tmp_path) == {"config.json"}


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["best.npz", "history.csv", "result.json"])
def test_files_that_are_no_runs_are_not_replaced(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"holds {name}, but no config.json: name another folder"):
        runs.train(SMALL, tmp_path, resume=True, progress=False)
    assert files(tmp_path) == {name} and (tmp_path / name).read_text() == "mine"


def test_files_that_are_no_comparison_are_not_replaced(tmp_path):
    (tmp_path / "table.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds table\.txt, but no config\.json; name another folder"):
        compare.compare(tmp_path, **TINY)
    assert files(tmp_path) == {"table.txt"}


def test_the_result_of_another_recipe_does_not_count(tmp_path):
    """Whatever the config says."""
    expected = runs.train(SMALL, tmp_path, progress=False)
    result = {**expected, "recipe": {**expected["recipe"], "dropout": 0.5}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    with pytest.raises(ValueError, match=r"another one:\n  dropout: 0\.5 there, now 0\.0\n"):
        runs.train(SMALL, tmp_path, resume=True, progress=False)


@pytest.mark.compiled
def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    """Half-written files, and the checkpoint of a run that has ended."""
    result = runs.train(SMALL, tmp_path, progress=False)
    expected = files(tmp_path)
    for name in ("checkpoint.npz", ".best.npz.abcd_123", locks.LOCK):
        (tmp_path / name).write_text("left")
    assert runs.train(SMALL, tmp_path, resume=True, progress=False) == json.loads(json.dumps(result))
    assert files(tmp_path) == expected


def test_a_comparison_with_other_settings_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "_compare", lambda *_: {})
    compare.compare(tmp_path, **TINY)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ValueError, match=r"another one:\n  epochs: 1 there, now 2\nname another folder"):
        compare.compare(tmp_path, **{**TINY, "epochs": 2})
    with pytest.raises(ValueError, match=r"\n  models: .*'max_span': 16.* there, now .*'max_span': 5"):
        compare.compare(tmp_path, **TINY, max_span=5)
    assert (tmp_path / "config.json").read_bytes() == before
    compare.compare(tmp_path, **TINY)


def test_folders_of_another_kind_are_refused(tmp_path, in_process, monkeypatch):
    """A run, a sweep and a comparison never share a folder."""
    run, of_sweep, comparison = (tmp_path / name for name in ("run", "sweep", "comparison"))
    monkeypatch.setattr(runs, "_train", lambda recipe, folder, *_: (folder / "config.json").write_text("{}"))
    runs.train(SMALL, run)
    monkeypatch.setattr(sweeps, "_run_all", lambda *_: {})
    sweep(of_sweep)
    monkeypatch.setattr(compare, "_compare", lambda *_: {})
    compare.compare(comparison, **TINY)
    before = files(tmp_path)
    for folder, message in ((of_sweep, "holds a sweep"), (comparison, "not the config.json of a run")):
        with pytest.raises(ValueError, match=message):
            runs.train(SMALL, folder)
    for folder, message in ((of_sweep, "holds a sweep"), (run, "not the config.json of a comparison")):
        with pytest.raises(ValueError, match=message):
            compare.compare(folder, **TINY)
    for folder in (run, comparison):
        with pytest.raises(ValueError, match="holds a run; name another folder"):
            sweep(folder)
    assert files(tmp_path) == before


def test_versions_are_stored_and_told(tmp_path, in_process, monkeypatch, capsys):
    """A sweep that other versions began goes on, and says so; config.json says what a run began with."""
    monkeypatch.setattr(sweeps, "_run_all", lambda *_: {})
    sweep(tmp_path)
    assert capsys.readouterr().err == ""
    path = tmp_path / "sweep.json"
    config = json.loads(path.read_text())
    assert config["versions"] == checkpoint.VERSIONS and set(config["versions"]) == {"minisnn", "numpy", "numba"}
    config["versions"]["numpy"] = "0.9"
    path.write_text(json.dumps(config))
    sweep(tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"numpy 0.9, now {checkpoint.VERSIONS['numpy']}" in line and "numba" not in line
    assert json.loads(path.read_text())["versions"]["numpy"] == "0.9"  # with which it began

    monkeypatch.setattr(training, "fit", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.train(SMALL, tmp_path / "run", progress=False)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["versions"] == checkpoint.VERSIONS


# ---- names and paths

LONG = {"decay": [tuple(0.5 + i / 10_000 for i in range(60)), tuple(0.4 + i / 10_000 for i in range(60))]}


@pytest.mark.compiled
def test_long_names_are_shortened(tmp_path, in_process):
    """By a hash: one name for each run, seeds can be read, and rows are complete."""
    grid = {**GRID, "hidden": [(60,)], **LONG, "span": [2]}
    rows = sweep(tmp_path, grid, seeds=2)
    assert [tuple(row["decay"]) for row in rows] == [LONG["decay"][1]] * 2 + [LONG["decay"][0]] * 2
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(names) == 4 and all(len(f".{name}.json".encode()) <= 255 for name in names)
    assert [name.rpartition(",")[2] for name in names].count("seed=0") == 2
    assert {path.stem for path in (tmp_path / "results").iterdir()} == set(names)
    assert sweep(tmp_path, grid, seeds=2) == rows
    for row in rows:
        name = sweeps.run_name(sweeps.settings_of(row), row["seed"])
        assert runs.read_recipe(tmp_path / "runs" / name).decay == tuple(row["decay"])


def test_names_that_fit_stay_as_they_are():
    settings = {"surrogate": "x" * (sweeps.LONGEST_NAME - len("surrogate=,seed=3"))}
    assert sweeps.run_name(settings, 3) == f"surrogate={settings['surrogate']},seed=3"
    longer = {"surrogate": settings["surrogate"] + "y"}
    assert "..." in sweeps.run_name(longer, 3)
    assert sweeps.run_name(longer, 3) != sweeps.run_name({"surrogate": settings["surrogate"] + "z"}, 3)
    umlauts = {"surrogate": "ä" * sweeps.LONGEST_NAME}
    assert len(sweeps.run_name(umlauts, 3).encode()) <= sweeps.LONGEST_NAME


def deep(folder, room: int):
    """A folder in it whose path leaves so many bytes for what it holds."""
    most = os.pathconf(folder, "PC_PATH_MAX") - 1
    while (left := most - room - len(os.fsencode(folder)) - 1) > 250:
        folder = folder / ("d" * 200)
    return folder / ("d" * left) if left > 0 else folder


@pytest.mark.parametrize("room", [12, 22, 60])
def test_paths_that_are_too_long_are_told_before_training(tmp_path, in_process, monkeypatch, room):
    """The folder may be possible, but not what is to be written into it."""
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(OSError, match="too long"):
        sweep(deep(tmp_path, room))
    if room < 30:
        with pytest.raises(OSError, match="too long"):
            runs.train(SMALL, deep(tmp_path, room), progress=False)


# ---- the page of the findings


def test_a_report_without_results_writes_nothing(tmp_path, capsys, monkeypatch):
    """As outside the source tree; or with some results of a task, which are not reported in part."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["findings", "--report"]) == 2
    assert "no task has all its results in tutorials/findings/results: " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    page = tmp_path / "page"
    (page / "results").mkdir(parents=True)
    (page / "README.md").write_text("text")
    (page / "results" / "match-tuning.csv").write_text("family,setting,seed\nRSNN,0,100\n")
    assert cli.main(["findings", "--report", "--page", str(page)]) == 2
    assert f"no task has all its results in {page / 'results'}: " in capsys.readouterr().err
    assert {path.name for path in page.iterdir()} == {"results", "README.md"}


# ---- settings


@pytest.mark.parametrize(
    "grid, message",
    [
        ({"dropout": [0.1, "abc"]}, "dropout must be a number, got 'abc'"),
        ({"dropout": [0.1, 1.5]}, "dropout must be a finite number"),
        ({"lr": [0.1, -1.0]}, "lr"),
        ({"clip_norm": [None, 0.0]}, "clip_norm"),
        ({"schedule": ["cosine"], "batch_size": [4, 0]}, "batch_size must be at least 1, got 0"),
        ({"model": ["asrc"], "last_temperature": [0.1, 0.0]}, "temperatures"),
        ({"lag": [8, 3]}, "lag must be at least 4, got 3"),
        ({"n_train": [10, 1]}, "n_train must be at least 2, got 1"),
        ({"lag": [10], "distractors": [0, 3]}, "3 distractors don't fit"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_all_settings_of_all_runs_are_checked_before_the_first(tmp_path, monkeypatch, grid, message):
    monkeypatch.setattr(workers, "prepare", lambda *_: pytest.fail("began"))
    with pytest.raises((TypeError, ValueError), match=message):
        sweep(tmp_path / "new", grid)
    assert not (tmp_path / "new").exists()


def test_a_cluster_may_have_the_data_that_this_machine_lacks(tmp_path, monkeypatch):
    """Its settings are checked here nevertheless."""
    from concurrent.futures import ThreadPoolExecutor

    asked = []

    def missing(folder):
        asked.append(folder)
        raise OSError("no mirror provides it")

    monkeypatch.setattr(ms.datasets._mnist, "_read_files", missing)
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path))
    monkeypatch.setattr(sweeps, "_run_all", lambda *_: {})
    pool = ThreadPoolExecutor(1)
    assert ms.sweep("psmnist14-src", {}, 1, pool, tmp_path / "there", progress=False) == [] and asked
    with pytest.raises(ValueError, match="pool must be 1"):
        ms.sweep("psmnist14-src", {"pool": [3]}, 1, pool, tmp_path / "other", progress=False)
    with pytest.raises(OSError, match="no mirror"):
        ms.sweep("psmnist14-src", {}, 1, None, tmp_path / "here", progress=False)
