"""Recipes, runs and sweeps on a user's own npz file, from the command line too."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import minisnn as ms
from minisnn import cli
from minisnn.datasets import from_file
from minisnn.experiments import own_data, recipes
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps

# Layers of 4 neurons may be silent after an epoch, and fit says so.
pytestmark = pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")

WORDS = ["--recipe", "psdigits-src", "--data", "own.npz", "--hidden", "4", "--span", "2", "--epochs", "1", "--quiet"]
NAMES = ["left", "right", "up"]


def arrays(n: int = 90, seed: int = 0) -> dict[str, np.ndarray]:
    """Sequences of 3 to 9 steps, 2 inputs, with names, easy to tell apart."""
    rng = np.random.default_rng(seed)
    y, lengths = np.arange(n) % 3, rng.integers(3, 10, n)
    x = rng.standard_normal((n, 9, 2)) + 2 * y[:, np.newaxis, np.newaxis]
    return {"x": x, "y": np.array(NAMES)[y], "lengths": lengths}


def write_split(path, **changed) -> None:
    """A file that is split: 60, 18 and 12 sequences."""
    parts = {"train": slice(0, 60), "validation": slice(60, 78), "test": slice(78, 90)}
    np.savez(path, **({f"{k}_{name}": a[rows] for k, a in arrays().items() for name, rows in parts.items()} | changed))


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch) -> Path:
    """The file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", **arrays())
    return tmp_path / "own.npz"


def small(**settings):
    return recipes.recipe("psdigits-src", **{"data": "own.npz", "hidden": (4,), "span": 2, "epochs": 1, **settings})


# Recipes


def test_sizes_come_from_the_file(own):
    """T is the mean length: the work that there is."""
    for write in (lambda: None, lambda: write_split(own)):
        write()
        recipe = small()
        data = recipes.make_data(recipe)
        lengths = data.train.lengths
        assert recipes.steps_and_inputs(recipe) == (round(lengths.mean()), 2)
        assert (recipes.n_classes(recipe), recipes.n_training(recipe)) == (3, len(data.train))
        assert recipes.make_network(recipe).sizes == [2, 4, 3]
        assert recipes.estimated_seconds(recipe, 0.25) == 0.25 * len(data.train)
    np.savez(own, x=np.ones((80, 6, 5)), y=np.arange(80) % 2)  # read anew
    assert recipes.steps_and_inputs(recipe) == (6, 5)
    assert (recipes.n_classes(recipe), recipes.n_training(recipe)) == (2, 64)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_kept_in_full(own, kind, monkeypatch):
    """So it is the same from another folder, and comes back from JSON; the file need not be there for that."""
    recipe = small(data=kind("own.npz"))
    assert recipe.data == str(own)
    own.unlink()
    assert recipes.Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe
    monkeypatch.setenv("HOME", str(own.parent))
    assert small(data=kind("~/own.npz")) == recipe
    assert small(data=kind("~no-such-user/own.npz")).data == str(own.parent / "~no-such-user" / "own.npz")


def test_settings_of_other_data_are_refused():
    for setting, value in (("permute", False), ("lag", 3), ("n_train", 20), ("words", "commands")):
        with pytest.raises(ValueError, match=rf"^{setting} would change nothing: .*data='.*own\.npz'"):
            small(**{setting: value})


def test_the_seed_splits(own):
    """That of the data, else that of the run; a file that is split already has no use for it."""
    for settings, seed in (({}, 0), ({"seed": 3}, 3), ({"seed": 3, "data_seed": 5}, 5)):
        data, expected = recipes.make_data(small(**settings)), from_file(own, seed=seed)
        assert data.record == expected.record
        np.testing.assert_array_equal(data.test.x, expected.test.x)
    write_split(own)
    with pytest.raises(ValueError, match=r"^data_seed would change nothing"):
        small(data_seed=5)
    assert recipes.make_data(small(seed=3)).record == from_file(own).record


@pytest.mark.parametrize("data", ["own.csv", "own", "own.npz.txt", "somewhere/own"])
def test_what_is_neither_a_data_set_nor_a_file(data):
    with pytest.raises(ValueError, match=rf"^data must be .*got '{data}'"):
        small(data=data)


# Runs


@pytest.mark.compiled
@pytest.mark.parametrize("is_split", [False, True])
def test_train_and_plot(own, capsys, is_split):
    """From the command line to the figures: what the file holds is what was trained on."""
    if is_split:
        write_split(own)
    assert cli.main(["train", *WORDS]) == 0
    folder = Path("runs/own-src-0")
    assert f"network, history and result are in {folder}" in capsys.readouterr().out
    assert sorted(p.name for p in folder.iterdir()) == [
        *("best.npz", "config.json", "history.csv", "history.json", "result.json")
    ]
    data, net, result = from_file(own), ms.Network.load(folder / "best.npz"), runs.read_result(folder)
    assert json.loads((folder / "config.json").read_text())["data"] == data.record
    assert data.record["sha256"] == result["data_sha256"]
    assert net.sizes == [2, 4, 3] and net.classes.tolist() == NAMES
    assert net.evaluate(data.test).accuracy == result["test_accuracy"]
    assert runs.read_recipe(folder) == small()
    assert cli.main(["plot", str(folder)]) == 0
    assert sorted(p.name for p in (folder / "figures").iterdir()) == ["learning.png", "spikes.png"]

    assert cli.main(["train", *WORDS, "--resume"]) == 0  # which has ended, and needs the file no more
    own.unlink()
    assert cli.main(["train", *WORDS, "--resume"]) == 0
    assert f"{result['test_accuracy']:.2%}" in capsys.readouterr().out


@pytest.mark.compiled
@pytest.mark.parametrize("ended", [False, True])
def test_a_run_goes_on_with_the_same_data_only(own, monkeypatch, capsys, ended):
    """Same bytes, same run; else it is told, and nothing is lost."""

    def stopped(self, *arguments, **options):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return original(self, *arguments, **options)

    calls, original, copy = [], ms.Network.loss_and_grad, own.with_name("copy")
    shutil.copy(own, copy)
    more = ["--epochs", "3"]
    with monkeypatch.context() as patch:
        if not ended:
            patch.setattr(ms.Network, "loss_and_grad", stopped)
        assert cli.main(["train", *WORDS, *more]) == (0 if ended else 130)
    np.savez(own, **arrays(seed=1))
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert cli.main(["train", *WORDS, *more, "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{own} has changed since the run in {Path('runs/own-src-0').absolute()} began" in line
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before
    os.replace(copy, own)
    assert cli.main(["train", *WORDS, *more, "--resume"]) == 0
    assert len(ms.History.from_json("runs/own-src-0/history.json")) == 3


def test_folders_are_named_after_file_model_and_seed(monkeypatch):
    folders = []
    monkeypatch.setattr(runs, "train", lambda recipe, folder, *_, **__: folders.append(str(folder)) or exit())
    for words in ([], ["--model", "rsnn", "--seed", "3"], ["--folder", "here"]):
        options = [word for word in WORDS if word not in ("--span", "2")]
        with pytest.raises(SystemExit):
            cli.main(["train", *options, *words])
    assert folders == [str(Path("runs/own-src-0")), str(Path("runs/own-rsnn-3")), "here"]


WRONG = {
    "missing": (lambda path: path.unlink(), "no file {}"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-50]), "{} is not a whole npz file"),
    "no x": (lambda path: np.savez(path, y=[0, 1]), "{} lacks x; it holds y, expected x and y"),
    "objects": (lambda path: np.savez(path, x=arrays()["x"], y=np.array(["a", None] * 45)), "y holds Python objects"),
    "shape": (lambda path: np.savez(path, x=np.ones((90, 7)), y=np.arange(90) % 2), "{}: x must have the axes"),
    "few": (lambda path: np.savez(path, **arrays(4)), "{}: y has 3 different labels for 4 sequences"),
}


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_file(own, capsys, command, fault):
    """One line that names it, status 2, and nothing is written."""
    spoil, words = WRONG[fault]
    spoil(own)
    settings = WORDS if command == "train" else [*WORDS[:4], "--quiet"]
    assert cli.main([command, *settings]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("minisnn: ") and words.format(own) in line
    assert not Path("runs").exists()


# Sweeps

GRID = ["--grid", "span=1,3", "hidden=4", "epochs=1"]
SWEEP = ["sweep", "--recipe", "psdigits-src", "--data", "own.npz", "--seeds", "2", "--quiet", *GRID]


@pytest.fixture
def one_thread(monkeypatch):
    """Runs are done here, in a thread, instead of new processes."""
    monkeypatch.setattr(sweeps, "processes", lambda n: ThreadPoolExecutor(1))


@pytest.mark.compiled
def test_sweep(own, one_thread, capsys):
    """In the table by the name of the file; what has ended is not run again, unless the file is another one."""
    assert cli.main(SWEEP) == 0
    out = capsys.readouterr().out
    assert out.count("data=own-") == 2 and "span=3" in out
    rows = sweeps.read_rows("runs/sweep")
    assert [(row["data"], row["span"], row["seed"]) for row in rows] == [
        (str(own), s, n) for s in (1, 3) for n in (0, 1)
    ]
    for row in rows:
        folder = Path("runs/sweep/runs") / sweeps.run_name(sweeps.settings_of(row), row["seed"])
        assert runs.read_recipe(folder) == small(span=row["span"], seed=row["seed"])
        assert json.loads((folder / "config.json").read_text())["data"]["seed"] == row["seed"]
    before = {path: path.stat().st_mtime_ns for path in Path("runs/sweep/runs").rglob("*")}
    assert cli.main(SWEEP) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("runs/sweep/runs").rglob("*")} == before
    np.savez(own, **arrays(seed=1))
    capsys.readouterr()
    assert cli.main(SWEEP) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "belongs to a run with other settings (SHA-256 of data '" in line


@pytest.mark.compiled
def test_several_files(own, one_thread):
    """Of the same name in two folders too: each has runs of its own."""
    Path("other").mkdir()
    np.savez("other/own.npz", **arrays(60))
    grid = {"data": ["own.npz", Path("other/own.npz")], "hidden": [(4,)], "epochs": [1]}
    rows = ms.sweep("psdigits-src", grid, 1, progress=False)
    assert {row["data"] for row in rows} == {str(own), str(own.parent / "other" / "own.npz")} and len(rows) == 2
    assert len(list(Path("runs/sweep/runs").iterdir())) == 2


def test_a_file_that_changes_within_a_sweep(own, monkeypatch):
    """Runs of one and the other are not put side by side."""
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: ThreadPoolExecutor(1))
    train = runs.train

    def replaced(recipe, *args, **options):
        if recipe.seed == 1:
            np.savez("own.npz", **arrays(seed=7))
        return train(recipe, *args, **options)

    monkeypatch.setattr(runs, "train", replaced)
    grid = {"data": ["own.npz"], "hidden": [(4,)], "epochs": [1]}
    with pytest.raises(
        RuntimeError, match=r"1 of 2 runs failed:\n.*own\.npz is not the file that another run has read"
    ):
        ms.sweep("psdigits-src", grid, 2, progress=False)
    assert [row["seed"] for row in sweeps.read_rows("runs/sweep")] == [0]


@pytest.mark.compiled
def test_a_figure_of_spikes_needs_the_data_of_the_run(own, capsys):
    runs.train(small(), "run", progress=False)
    assert [path.name for path in runs.draw("run")] == ["learning.png", "spikes.png"]
    for change in (lambda: np.savez("own.npz", **arrays(seed=7)), own.unlink):
        change()
        capsys.readouterr()
        assert [path.name for path in runs.draw("run")] == ["learning.png"]
        assert capsys.readouterr().err.startswith("minisnn: no spikes are drawn without the run's data: ")


def test_data_twice(capsys):
    assert cli.main([*SWEEP, "data=own.npz"]) == 2
    assert "data appears as --data and in --grid; several files are --grid data=A.npz,B.npz" in capsys.readouterr().err


@pytest.mark.slow
def test_sweep_in_processes(own):
    """Workers load the file."""
    assert cli.main(SWEEP) == 0
    assert len(sweeps.read_rows("runs/sweep")) == 4


def test_a_file_is_read_once(own, monkeypatch):
    """However often its sizes are asked for; and anew after it has changed."""
    read, original = [], own_data.from_file
    monkeypatch.setattr(own_data, "from_file", lambda path, **options: read.append(path) or original(path, **options))
    for seed in range(3):
        recipe = replace(small(), seed=seed)
        recipes.n_training(recipe)
        runs.check(recipe)
    assert read == [str(own)]
    assert len(recipes.make_data(replace(recipe, seed=0)).train) == 72 and read == [str(own)]
    np.savez(own, **arrays(60))
    assert len(recipes.make_data(replace(recipe, seed=0)).train) == recipes.n_training(recipe) == 48
    assert read == [str(own)] * 2
