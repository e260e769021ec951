"""Sweeps: what is run and when, what is kept when something fails, and that processes and a cluster change nothing.

The runs are real, but tiny. In most tests they are run one after the other in this process, by `InProcess`; those
with worker processes are marked slow.
"""

import csv
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import minisnn as ms
from minisnn import cli, plots
from minisnn.experiments import recipes, workers
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps
from minisnn.training import fit as training

# Layers of 4 neurons may be silent after an epoch, and fit says so.
pytestmark = pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")

TINY = {"hidden": [(4,)], "n_train": [40], "epochs": [1], "lag": [5]}
TINY_NAME = "epochs=1,hidden=4,lag=5,n_train=40"  # in the order of the alphabet
TINY_WORDS = ["hidden=4", "n-train=40", "epochs=1", "lag=5"]
FIRING = {**TINY, "hidden": [(8,)], "n_train": [100], "epochs": [3], "threshold": [0.1], "lr": [0.05]}
"""Loss, accuracy and firing rates differ from run to run."""


class InProcess(Executor):
    """Runs what is submitted at once, here."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def sweep(folder, grid, seeds=1, executor=None, recipe="match-src") -> list[dict]:
    return ms.sweep(recipe, grid, seeds, executor or InProcess(), folder, progress=False)


def results(folder) -> dict[str, dict]:
    """The results by the names of the runs, without what differs from time to time."""
    read = {path.stem: json.loads(path.read_text())["result"] for path in (Path(folder) / "results").iterdir()}
    return {name: {k: v for k, v in r.items() if k not in ("seconds", "date")} for name, r in read.items()}


def timeless(rows) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def bytes_of(folder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def figures():
    """On the backend without windows; no figure is left open by what writes files."""
    plt.close("all")
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def train(monkeypatch):
    """Spies on `runs.train`: `called` has the names of the runs, those in `broken` raise the error given there."""
    spy, original = SimpleNamespace(called=[], broken={}), runs.train

    def spied(recipe, folder, **options):
        spy.called.append(folder.name)
        if folder.name in spy.broken:
            raise spy.broken[folder.name]
        return original(recipe, folder, **options)

    monkeypatch.setattr(runs, "train", spied)
    return spy


@pytest.fixture
def fits(monkeypatch) -> list:
    """Spies on `training.fit`: the seeds of the networks that were trained indeed."""
    seeds, original = [], training.fit

    def spied(net, data, **options):
        seeds.append(options["seed"])
        return original(net, data, **options)

    monkeypatch.setattr(training, "fit", spied)
    return seeds


@pytest.fixture
def tiny(monkeypatch):
    """match-src itself is tiny, so that a grid need not say so."""
    changed = replace(recipes.RECIPES["match-src"], hidden=(4,), n_train=40, epochs=1, lag=5)
    monkeypatch.setitem(recipes.RECIPES, "match-src", changed)


# ---- what is run


def test_all_combinations_are_run(tmp_path, train):
    """Each once, with the settings and the seed in its name."""
    rows = sweep(tmp_path, {**TINY, "span": [2, 3, 4], "dropout": [0.0, 0.5]}, seeds=[3, 7])
    expected = {f"dropout={b},{TINY_NAME},span={a},seed={c}" for a, b, c in product((2, 3, 4), (0.0, 0.5), (3, 7))}
    assert len(train.called) == 12
    assert set(train.called) == expected
    assert {path.name for path in (tmp_path / "results").iterdir()} == {f"{name}.json" for name in expected}
    assert {path.name for path in (tmp_path / "runs").iterdir()} == expected
    assert {(row["span"], row["dropout"], row["seed"]) for row in rows} == set(product((2, 3, 4), (0.0, 0.5), (3, 7)))
    for name in expected:
        recipe = runs.read_recipe(tmp_path / "runs" / name)
        said = f"dropout={recipe.dropout},{TINY_NAME},span={recipe.span},seed={recipe.seed}"
        assert (said, recipe.hidden, recipe.n_train, recipe.epochs, recipe.lag) == (name, (4,), 40, 1, 5)


def test_the_same_settings_said_otherwise_count_once(tmp_path, train):
    """In another order, in another call, or 1 for 1.0."""
    sweep(tmp_path, {**TINY, "dropout": [0], "span": [2]})
    rows = sweep(tmp_path, [{"span": [2], "dropout": [0.0], **TINY}, {**TINY, "span": [2], "dropout": [np.float64(0)]}])
    assert len(rows) == len(train.called) == 1


@pytest.mark.parametrize("grid, seeds", [([], 1), ({"span": []}, 1), ({"span": [2]}, [])])
def test_nothing_to_sweep(tmp_path, grid, seeds):
    with pytest.raises(ValueError, match="there is nothing to sweep"):
        sweep(tmp_path, grid, seeds)


def test_a_damaged_result_is_reported_before_anything_is_run(tmp_path, train):
    sweep(tmp_path, {**TINY, "span": [2]})
    next((tmp_path / "results").iterdir()).write_text("{")
    with pytest.raises(ValueError, match="is not the result of a run"):
        sweep(tmp_path, {**TINY, "span": [3]})
    assert len(train.called) == 1


def test_grids_side_by_side(tmp_path, train):
    """Settings that one model alone knows go into a grid of their own."""
    rows = sweep(tmp_path, [{**TINY, "model": ["src"], "span": [1, 2]}, {**TINY, "model": ["asrc"]}], seeds=2)
    assert len(rows) == len(train.called) == 6
    assert sum("span" in row for row in rows) == 4
    assert {row["model"] for row in rows if "span" not in row} == {"asrc"}
    assert {row["spans"] for row in rows if "span" in row} == {"1", "2"}


def test_same_combination_in_two_grids_counts_once(tmp_path, train):
    rows = sweep(tmp_path, [{**TINY, "span": [2, 3]}, {**TINY, "span": [3, 4, 3]}], seeds=[0, 1, 0])
    assert len(train.called) == len(set(train.called)) == 6
    assert [(row["span"], row["seed"]) for row in rows] == list(product((2, 3, 4), (0, 1)))


def test_empty_grid_is_the_recipe_itself(tmp_path, tiny):
    rows = sweep(tmp_path, {}, 2)
    assert [next(iter(row)) for row in rows] == ["seed", "seed"]
    for seed in (0, 1):
        assert runs.read_recipe(tmp_path / "runs" / f"seed={seed}") == recipes.recipe("match-src", seed=seed)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(2, [0, 1]), ([5], [5]), ((2, 4), [2, 4]), (range(1, 3), [1, 2]), (np.int64(2), [0, 1]), (np.arange(2), [0, 1])],
)
def test_seeds(tmp_path, seeds, expected):
    assert [row["seed"] for row in sweep(tmp_path, TINY, seeds)] == expected


def test_seeds_of_each_grid(tmp_path):
    """Runs are paired as wanted: each grid lists its own seeds."""
    rows = sweep(tmp_path, [{**TINY, "span": [2], "seed": [4, 7]}, {**TINY, "span": [3], "seed": [4]}], None)
    assert [(row["span"], row["seed"]) for row in rows] == [(2, 4), (2, 7), (3, 4)]


def test_values_may_be_numpy(tmp_path):
    """As a list of numbers does: same names, same rows."""
    rows = sweep(tmp_path / "a", {**TINY, "span": np.array([2, 4]), "lr": np.linspace(0.01, 0.02, 2)})
    same = sweep(tmp_path / "b", {**TINY, "span": [2, 4], "lr": [0.01, 0.02]})
    assert timeless(rows) == timeless(same)
    assert results(tmp_path / "a") == results(tmp_path / "b")
    rows = sweep(tmp_path / "c", {**TINY, "span": [(np.int64(2),), [np.int64(4)]]})  # one per layer
    assert [row["spans"] for row in rows] == ["2", "4"]


OFF = {
    "recipe": ("match-srk", {}, 1, ValueError, "no recipe 'match-srk'; did you mean 'match-src'"),
    "unknown setting": ("match-src", {"spam": [1]}, 1, ValueError, "no setting 'spam'; did you mean 'span'"),
    "useless setting": ("match-src", {"max_span": [8]}, 1, ValueError, "max_span would change nothing"),
    "useless for one model": ("match-src", {"model": ["src", "ff"], "span": [2]}, 1, ValueError, "span would change"),
    "useless for the data": ("psdigits-src", {"lag": [5, 6]}, 1, ValueError, "lag would change nothing"),
    "value": ("match-src", {"span": [2, 3, 0]}, 1, ValueError, "span must be at least 1, got 0"),
    "spans of other layers": ("match-src", {"span": [2, (2, 3)]}, 1, ValueError, r"span has 2 values, \(2, 3\)"),
    "value of the wrong type": ("match-src", {"span": [2, "3"]}, 1, TypeError, "span must be an integer, got '3'"),
    "name as value": ("match-src", {"model": ["scr"]}, 1, ValueError, "model must be one of .*got 'scr'"),
    "second grid": ("match-src", [{"span": [2]}, {"spam": [2]}], 1, ValueError, "no setting 'spam'"),
    "text": ("match-src", "span=2", 1, TypeError, "grid must map settings to lists"),
    "nothing": ("match-src", None, 1, TypeError, "grid must map settings to lists"),
    "number": ("match-src", {"span": 2}, 1, TypeError, "grid must map settings to lists .*'span': 2"),
    "word": ("match-src", {"model": "src"}, 1, TypeError, "grid must map settings to lists"),
    "list of lists": ("match-src", [[2, 3]], 1, TypeError, "grid must map settings to lists"),
    "seeds twice": ("match-src", {"seed": [0, 1]}, 1, ValueError, "as the setting 'seed' of every grid; got both"),
    "no seeds at all": ("match-src", {"span": [2]}, None, ValueError, "'seed' of every grid; got neither"),
    "seeds in one grid": ("match-src", [{"seed": [0]}, {"span": [2]}], None, ValueError, "got neither"),
    "no seeds": ("match-src", {}, 0, ValueError, "seeds must be at least 1, got 0"),
    "seeds true": ("match-src", {}, True, TypeError, "seeds must be an integer"),
    "negative seed": ("match-src", {}, [0, -1], ValueError, "seed must be at least 0, got -1"),
    "half a seed": ("match-src", {}, [0.5], TypeError, "seed must be an integer, got 0.5"),
    "seeds as text": ("match-src", {}, "01", TypeError, "seeds must be an integer, got '01'"),
    "fraction of seeds": ("match-src", {}, 2.5, TypeError, "float"),
}


@pytest.mark.parametrize("case", OFF)
def test_what_is_off_is_reported_before_anything_is_run(tmp_path, train, case):
    recipe, grid, seeds, error, message = OFF[case]
    with pytest.raises(error, match=message):
        sweep(tmp_path / "new", grid, seeds, recipe=recipe)
    assert not train.called
    assert not (tmp_path / "new").exists()


def test_folder_that_cannot_be_written_to(tmp_path, train):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"can't write into the folder .*file"):
        sweep(tmp_path / "file", TINY)
    assert not train.called


# ---- rows, CSV, table


def test_rows_are_the_results(tmp_path):
    rows = sweep(tmp_path, {**FIRING, "span": [2, 5]}, seeds=2)
    assert len({row["firing_rates"] for row in rows}) == 4  # else rows could be mixed up unseen
    for row in rows:
        name = f"epochs=3,hidden=8,lag=5,lr=0.05,n_train=100,span={row['span']},threshold=0.1,seed={row['seed']}"
        result = json.loads((tmp_path / "results" / f"{name}.json").read_text())["result"]
        assert result == runs.read_result(tmp_path / "runs" / name)
        for column in ("test_accuracy", "test_accuracy_soft", "validation_accuracy", "best_epoch", "seconds"):
            assert row[column] == result[column]
        assert row["spans"] == str(row["span"])
        assert row["firing_rates"] == " ".join(f"{rate:.4f}" for rate in result["firing_rates"])
    assert sweeps.read_rows(tmp_path) == rows


def test_rows_are_sorted_by_value(tmp_path):
    """Numbers as numbers: in the order of the file names 10 comes before 2."""
    rows = sweep(tmp_path, {**TINY, "span": [10, 2, 9]}, seeds=[10, 2])
    assert [(row["span"], row["seed"]) for row in rows] == list(product((2, 9, 10), (2, 10)))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("readout_window", [None, 8, 3]),
        ("clip_norm", [1.5, None]),
        ("detach_reset", [True, False]),
        ("surrogate", ["triangle", "atan"]),
        ("hidden", [(4,), (3, 4), (4, 3)]),
        ("hidden", [[4], [5]]),
        ("decay", [0.5, (0.1, 0.2, 0.3, 0.4)]),
    ],
)
def test_values_of_any_kind(tmp_path, name, values):
    """None beside numbers, layers, a number for each neuron: sorted, one line of the table for each, none lost."""
    rows = sweep(tmp_path, {**TINY, name: values}, seeds=2)
    said = [list(row[name]) if isinstance(row[name], list) else row[name] for row in rows]
    plain = [list(value) if isinstance(value, tuple) else value for value in values]
    assert all(said.count(value) == 2 for value in plain)
    assert len(rows) == 2 * len(values)
    lines = sweeps.table(rows).splitlines()
    assert len(lines) == 1 + len(values)
    for value in plain:
        word = "-".join(map(str, value)) if isinstance(value, list) else str(value)
        assert sum(f" {name}={word} " in f" {line.replace(',', ' ')} " for line in lines) == 1


def test_spans_per_layer(tmp_path, train):
    """As tuples, lists or NumPy's: one name, one row; a second call compares them with what is stored, runs nothing."""
    grid = {**TINY, "hidden": [(4, 3)]}
    rows = sweep(tmp_path, {**grid, "span": [(2, 3), 4, (3, 2)]})
    assert sorted(name.split("span=")[1] for name in train.called) == ["2-3,seed=0", "3-2,seed=0", "4,seed=0"]
    assert [row["spans"] for row in rows] == ["4 4", "2 3", "3 2"]
    recipe = runs.read_recipe(tmp_path / "runs" / train.called[0])
    assert recipe.span == (2, 3) and recipe.hidden == (4, 3)
    assert [line.split(" ")[4] for line in sweeps.table(rows).splitlines()[1:]] == ["span=4", "span=2-3", "span=3-2"]
    again = sweep(tmp_path, [{**grid, "span": [[2, 3], (3, 2)]}, {**grid, "span": np.array([[2, 3], [4, 4]])[:1]}])
    assert again == rows and len(train.called) == 3


def test_settings_are_known_by_their_names(tmp_path):
    """Wherever they stand in a row: no order of keys says what is a setting and what came out."""
    rows = [row(seed=seed, model="src", span=span) for span in (2, 3) for seed in (0, 1)]
    turned = [dict(reversed(of_run.items())) for of_run in rows]
    for of_run in turned:
        assert sweeps.settings_of(of_run) == {"model": "src", "span": of_run["span"]}
    assert sweeps.numeric_settings(turned) == ["span"]
    assert [line.split()[:3] for line in sweeps.table(turned).splitlines()[1:]] == [
        [f"span={span},", "model=src", "2"] for span in (2, 3)
    ]


def test_csv_is_the_rows(tmp_path):
    rows = sweep(tmp_path, [{**TINY, "model": ["src"], "span": [2, 3]}, {**TINY, "model": ["asrc"]}], seeds=2)
    with open(tmp_path / "sweep.csv", newline="") as file:
        read = list(csv.DictReader(file))
    names = [*TINY, "model", "span", "seed", *sweeps.COLUMNS, "spans", "firing_rates"]
    assert set(read[0]) == set(names)
    assert len(read) == len(rows) == 6
    for line, row in zip(read, rows):
        assert line == {name: str(row.get(name, "")) for name in names}
    for line in read:
        for column in sweeps.COLUMNS:
            float(line[column])


def row(test=0.5, seed=0, validation=0.25, seconds=1.0, spans="15", **settings) -> dict:
    """As `read_rows` makes them."""
    rest = {"test_accuracy": test, "test_accuracy_soft": test, "validation_accuracy": validation, "best_epoch": 0}
    return {**settings, "seed": seed, **rest, "seconds": seconds, "spans": spans, "firing_rates": "0.1"}


def test_table():
    """One line for each combination: how many, mean, standard deviation (n - 1), and all spans once."""
    rows = [
        row(0.5, 0, 0.25, 10, "2 3", model="src", span=2),
        row(0.7, 1, 0.75, 20, "2 4", model="src", span=2),
        row(0.9, 2, 0.5, 60, "2 3", model="src", span=2),
        row(0.25, 0, 1.0, 3, "7", model="src", span=10),
    ]
    head, first, second = sweeps.table(rows).splitlines()
    assert head.split()[:4] == ["settings", "runs", "test", "(%)"]
    assert first.split() == "model=src, span=2 3 70.0 20.0 50.0 30 2 3; 2 4".split()
    assert second.split() == "model=src, span=10 1 25.0 100.0 3 7".split()
    assert len({line.index(word) for line, word in ((first, "70.0"), (second, "25.0"))}) == 1  # aligned
    assert sweeps.table([row()]).splitlines()[1].startswith("as the recipe says ")


# ---- going on


def test_second_call_runs_nothing(tmp_path, train):
    rows = sweep(tmp_path, {**TINY, "span": [2, 3]}, seeds=2)
    before = bytes_of(tmp_path)
    train.called.clear()
    assert sweep(tmp_path, {**TINY, "span": [2, 3]}, seeds=2) == rows
    assert not train.called
    assert bytes_of(tmp_path) == before


def test_more_seeds_and_values_later(tmp_path, train):
    """Only they are run; the folder then holds all."""
    first = sweep(tmp_path, {**TINY, "span": [2]}, seeds=2)
    train.called.clear()
    more = sweep(tmp_path, {**TINY, "span": [2, 3]}, seeds=3)
    assert sorted(train.called) == [f"{TINY_NAME},span={a},seed={b}" for a, b in ((2, 2), (3, 0), (3, 1), (3, 2))]
    assert more[:2] == first
    assert [(row["span"], row["seed"]) for row in more] == list(product((2, 3), (0, 1, 2)))
    at_once = sweep(tmp_path / "other", {**TINY, "span": [2, 3]}, seeds=3)
    assert timeless(more) == timeless(at_once)
    assert sweep(tmp_path, {**TINY, "span": [2]}, seeds=1) == more  # fewer take nothing away


def test_order_in_which_runs_end_does_not_matter(tmp_path):
    class Backwards(InProcess):
        """Nothing ends before all has been submitted; then the last first."""

        def __init__(self, n):
            self.n, self.waiting = n, []

        def submit(self, fn, /, *args):
            self.waiting.append((Future(), fn, args))
            if len(self.waiting) == self.n:
                threading.Timer(0.05, self.run).start()
            return self.waiting[-1][0]

        def run(self):
            for future, fn, args in reversed(self.waiting):
                future.set_result(fn(*args))

    grid = {**FIRING, "span": [2, 3]}
    assert timeless(sweep(tmp_path / "a", grid, 2, Backwards(4))) == timeless(sweep(tmp_path / "b", grid, 2))
    assert results(tmp_path / "a") == results(tmp_path / "b")


def test_results_are_written_as_they_come(tmp_path):
    """Each before the next has ended, CSV included: a sweep can be looked at while it runs."""
    seen = []

    class OneByOne(InProcess):
        """The next run starts when the result of the one before lies there."""

        def __init__(self):
            self.waiting = []

        def submit(self, fn, /, *args):
            self.waiting.append((Future(), fn, args))
            if len(self.waiting) == 3:
                thread = threading.Thread(target=self.run)
                thread.start()
                self.thread = thread
            return self.waiting[-1][0]

        def run(self):
            for i, (future, fn, args) in enumerate(self.waiting):
                deadline = time.monotonic() + 5
                while i and time.monotonic() < deadline and self.lines() < 1 + i:
                    time.sleep(0.005)
                seen.append(self.lines())
                future.set_result(fn(*args))

        def lines(self):
            path = tmp_path / "sweep.csv"
            return len(path.read_text().splitlines()) if path.exists() else 0

    executor = OneByOne()
    sweep(tmp_path, TINY, 3, executor)
    executor.thread.join()
    assert seen == [0, 2, 3]


def test_interrupted_sweep_goes_on(tmp_path, train, fits):
    """Ctrl-C in the third of four runs: the first two are not trained again."""
    train.broken = {f"{TINY_NAME},seed=2": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path, TINY, 4)
    assert fits == [0, 1]
    train.broken = {}
    assert [row["seed"] for row in sweep(tmp_path, TINY, 4)] == [0, 1, 2, 3]
    assert fits == [0, 1, 2, 3]


def test_result_that_did_not_arrive_is_fetched(tmp_path, fits):
    """The run has ended on its machine, but the sweep doesn't know: told again, not trained again."""
    rows = sweep(tmp_path, TINY, 2)
    lost = tmp_path / "results" / f"{TINY_NAME},seed=1.json"
    text = lost.read_text()
    lost.unlink()
    assert sweep(tmp_path, TINY, 2) == rows
    assert lost.read_text() == text
    assert fits == [0, 1]


# ---- failures


def test_a_run_that_fails(tmp_path, train):
    """It is named with its error, the others are kept, the next call runs it alone."""
    bad = f"{TINY_NAME},span=3,seed=1"
    train.broken = {bad: FloatingPointError("loss is not finite")}
    grid = {**TINY, "span": [2, 3]}
    with pytest.raises(RuntimeError) as caught:
        sweep(tmp_path, grid, 2)
    message = str(caught.value)
    assert "1 of 4 runs failed" in message
    assert f"{bad}: FloatingPointError: loss is not finite" in message
    assert "seed=0" not in message
    assert "the same call runs those that are missing" in message
    assert (tmp_path / "failures.txt").read_text() == f"  {bad}: FloatingPointError: loss is not finite\n"
    kept = sweeps.read_rows(tmp_path)
    assert [(row["span"], row["seed"]) for row in kept] == [(2, 0), (2, 1), (3, 0)]
    assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 4

    train.broken, train.called[:] = {}, []
    rows = sweep(tmp_path, grid, 2)
    assert train.called == [bad]
    assert rows[:3] == kept
    assert [(row["span"], row["seed"]) for row in rows] == list(product((2, 3), (0, 1)))
    assert (tmp_path / "failures.txt").read_text() == ""
    assert timeless(rows) == timeless(sweep(tmp_path / "other", grid, 2))


def test_all_runs_fail(tmp_path, train):
    train.broken = {f"{TINY_NAME},seed={i}": OSError(f"disk {i} is full") for i in range(3)}
    with pytest.raises(RuntimeError, match="3 of 3 runs failed") as caught:
        sweep(tmp_path, TINY, 3)
    assert all(f"seed={i}: OSError: disk {i} is full" in str(caught.value) for i in range(3))
    assert sweeps.read_rows(tmp_path) == []
    train.broken = {f"{TINY_NAME},seed=1": OSError("still full")}
    with pytest.raises(RuntimeError, match="1 of 3 runs failed"):
        sweep(tmp_path, TINY, 3)
    assert (tmp_path / "failures.txt").read_text() == f"  {TINY_NAME},seed=1: OSError: still full\n"
    assert [row["seed"] for row in sweeps.read_rows(tmp_path)] == [0, 2]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"settings": {}}', '{"settings": {}, "result": {"recipe": 1}}'])
def test_corrupt_result(tmp_path, damage, fits):
    """Named, never left out or read as something else; once deleted, it comes back from the run."""
    rows = sweep(tmp_path, TINY, 2)
    path = tmp_path / "results" / f"{TINY_NAME},seed=1.json"
    path.write_text(damage)
    with pytest.raises(ValueError, match=r"seed=1\.json is not the result of a run .*; delete it, and run it again"):
        sweep(tmp_path, TINY, 2)
    with pytest.raises(ValueError, match="is not the result of a run"):
        sweeps.draw(tmp_path)
    path.unlink()
    assert sweep(tmp_path, TINY, 2) == rows
    assert fits == [0, 1]


def test_folder_of_another_recipe(tmp_path, train):
    sweep(tmp_path, TINY)
    before = bytes_of(tmp_path)
    train.called.clear()
    with pytest.raises(ValueError, match="holds a sweep of match-src, not of match-asrc; name another folder"):
        sweep(tmp_path, TINY, recipe="match-asrc")
    assert not train.called
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_corrupt_sweep_file(tmp_path, train, text):
    sweep(tmp_path, TINY)
    (tmp_path / "sweep.json").write_text(text)
    before = bytes_of(tmp_path)
    with pytest.raises(ValueError, match=r"sweep\.json is not the file of a sweep"):
        sweep(tmp_path, TINY, 2)
    assert len(train.called) == 1
    assert bytes_of(tmp_path) == before


def test_results_without_a_sweep(tmp_path, train):
    """Whose they are can't be told."""
    sweep(tmp_path, TINY)
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(ValueError, match=r"holds results but no sweep\.json"):
        sweep(tmp_path, TINY, 2)
    assert len(train.called) == 1


def test_run_folder_of_another_run(tmp_path):
    """It fails, and is not overwritten."""
    name = f"{TINY_NAME},seed=0"
    sweep(tmp_path / "asrc", TINY, recipe="match-asrc")
    (tmp_path / "src" / "runs").mkdir(parents=True)
    (tmp_path / "asrc" / "runs" / name).rename(tmp_path / "src" / "runs" / name)
    before = bytes_of(tmp_path / "src")
    with pytest.raises(RuntimeError, match=r"(?s)1 of 1 runs failed.*is another one.*model: 'asrc' there, now 'src'"):
        sweep(tmp_path / "src", TINY)
    assert before.items() <= bytes_of(tmp_path / "src").items()


def test_progress(tmp_path, capsys):
    """In a log it counts what has ended before; without it nothing is shown."""
    sweep(tmp_path, TINY, 2)
    assert capsys.readouterr() == ("", "")
    ms.sweep("match-src", TINY, 3, InProcess(), tmp_path)
    assert capsys.readouterr().err == "minisnn: run 3 of 3: failed 0\n"


# ---- the figure


def dots(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def means(ax):
    return [line for line in ax.lines if line.get_marker() != "o" and line.get_linestyle() == "-"]


def dashed(ax):
    return [line for line in ax.lines if line.get_linestyle() == "--"]


def band(patch) -> tuple[float, float]:
    """From where to where it goes."""
    y = patch.get_patch_transform().transform(patch.get_path().vertices)[:, 1]
    return y.min(), y.max()


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


ROWS = [
    *(row(0.5 + span / 100 + seed / 50, seed, model="src", span=span) for span in (1, 8, 2) for seed in (0, 1, 2)),
    row(0.3, 0, model="rsnn"),
    *(row(test, seed, model="asrc") for seed, test in enumerate((0.9, 0.75, 0.8))),
]


def test_figure_shows_every_seed_and_the_mean():
    ax = plots.sweep(ROWS, "span")
    (points,), (mean,) = dots(ax), means(ax)
    shown = sorted(zip(points.get_xdata(), points.get_ydata()))
    expected = sorted((row["span"], 100 * row["test_accuracy"]) for row in ROWS if "span" in row)
    np.testing.assert_allclose(shown, expected)
    np.testing.assert_array_equal(mean.get_xdata(), [1, 2, 8])
    np.testing.assert_allclose(mean.get_ydata(), [53, 54, 60])  # the mean of seeds 0, 1, 2 is that of seed 1
    assert points.get_color() == mean.get_color()
    assert mean.get_label() == "model=src"


def test_figure_shows_runs_without_the_setting_as_a_band():
    """From the worst to the best seed, the mean dashed."""
    ax = plots.sweep(ROWS, "span")
    by_colour = {line.get_color(): line for line in dashed(ax)}
    assert len(ax.patches) == len(by_colour) == 2
    seen = {}
    for patch in ax.patches:
        line = by_colour[to_hex(patch.get_facecolor()).upper()]
        seen[line.get_label()] = (*band(patch), *np.unique(line.get_ydata()))
    np.testing.assert_allclose(seen.pop("model=rsnn"), (30, 30, 30))
    np.testing.assert_allclose(seen.pop("model=asrc"), (75, 90, 245 / 3))
    assert not seen
    assert dots(ax)[0].get_color() not in by_colour
    assert sorted(legend(ax)) == ["model=asrc", "model=rsnn", "model=src"]


def test_figure_of_one_setting():
    ax = plots.sweep([row(0.5, seed, lag=lag) for lag in (5, 10) for seed in (0, 1)], "lag")
    assert legend(ax) == ["runs"]
    assert ax.get_xlabel() == "lag"
    assert ax.get_ylabel() == "test accuracy (%)"
    assert len(dots(ax)[0].get_xdata()) == 4
    assert plots.sweep(ROWS, "span").get_xlabel() == "span λ (steps)"


def test_figure_has_a_line_for_each_of_the_other_settings():
    """Seeds of different settings are never averaged."""
    rows = [
        row((a + 10 * b + seed) / 100, seed, span=a, decay=b / 10) for a, b, seed in product((1, 2), (3, 5), (0, 1))
    ]
    ax = plots.sweep(rows, "span")
    assert legend(ax) == ["decay=0.3", "decay=0.5"]
    for line, b in zip(means(ax), (3, 5)):
        np.testing.assert_allclose(line.get_ydata(), [1.5 + 10 * b, 2.5 + 10 * b])
    assert len({line.get_color() for line in means(ax)}) == 2


def test_figure_keeps_to_its_axes_and_changes_no_rows():
    before = json.dumps(ROWS)
    figure, (left, right) = plt.subplots(1, 2)
    assert plots.sweep(ROWS, "span", left) is left
    assert not right.lines and not right.patches
    assert plt.get_fignums() == [figure.number]
    assert json.dumps(ROWS) == before


def test_draw(tmp_path, monkeypatch):
    """The figure of the folder's rows: against the first number that varies, or what is named."""
    sweep(tmp_path, {**TINY, "span": [2, 3]})
    drawn, original = [], plots.sweep
    monkeypatch.setattr(
        plots, "sweep", lambda rows, setting, ax: drawn.append((rows, setting)) or original(rows, setting, ax)
    )
    assert sweeps.draw(tmp_path) == tmp_path / "sweep.png"
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    sweeps.draw(tmp_path, "lag")
    rows = sweeps.read_rows(tmp_path)
    assert drawn == [(rows, "span"), (rows, "lag")]
    assert plt.get_fignums() == []
    for setting in ("hidden", "decay", "seed"):
        with pytest.raises(ValueError, match=f"setting must be one of 'epochs', .*'span', got '{setting}'"):
            sweeps.draw(tmp_path, setting)


def test_many_curves_leave_room_for_the_axes(tmp_path, monkeypatch):
    """Matplotlib would warn that its layout fails: a warning is an error here."""
    rows = [row(0.5, 0, model="src", span=span, lag=lag) for span in (2, 3) for lag in range(10, 50)]
    monkeypatch.setattr(sweeps, "read_rows", lambda folder: rows)
    assert sweeps.draw(tmp_path, "span").exists()


def test_nothing_to_draw(tmp_path, tiny):
    sweep(tmp_path, {"hidden": [(4,)], "model": ["src"], "learn_decay": [True], "clip_norm": [None, 1.0]})
    with pytest.raises(ValueError, match="no setting that is a number"):
        sweeps.draw(tmp_path)


# ---- the command line


@pytest.fixture
def in_process(monkeypatch):
    """The command line makes no processes."""
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: InProcess())


def command(folder, *words, recipe="match-src") -> int:
    return cli.main(["sweep", "--recipe", recipe, "--folder", str(folder), *map(str, words)])


def test_command(tmp_path, capsys, train, in_process):
    """Rows, table and figure: what is printed is what is written; a second call only says it again."""
    folder = tmp_path / "new" / "folder"
    words = ["--grid", "model=src", "span=2,3", *TINY_WORDS, "--grid", "model=asrc", *TINY_WORDS, "--seeds", "2"]
    assert command(folder, *words) == 0
    assert len(train.called) == 6
    out = capsys.readouterr().out
    rows = sweeps.read_rows(folder)
    assert len(rows) == 6
    assert sweeps.table(rows) in out
    assert (folder / "table.txt").read_text() == sweeps.table(rows) + "\n"
    assert f"the figure is {folder / 'sweep.png'}" in out
    for name in ("sweep.csv", "sweep.png", "sweep.json"):
        assert (folder / name).stat().st_size > 0
    assert command(folder, *words) == 0
    assert len(train.called) == 6
    assert capsys.readouterr().out == out


def test_command_is_the_function(tmp_path, capsys, in_process):
    assert command(tmp_path / "a", "--grid", "span=2,3", *TINY_WORDS, "--seeds", 2) == 0
    order = {"span": [2, 3], **TINY}
    assert timeless(sweeps.read_rows(tmp_path / "a")) == timeless(sweep(tmp_path / "b", order, 2))
    assert results(tmp_path / "a") == results(tmp_path / "b")


@pytest.fixture
def asked(monkeypatch):
    """What the command line asks `sweep` for; nothing is run."""
    calls = []

    def asked(recipe, grid, seeds, executor=None, folder=None, progress=True):
        calls.append(SimpleNamespace(recipe=recipe, grid=grid, seeds=seeds, executor=executor, folder=folder))
        return [row()]

    monkeypatch.setattr(sweeps, "sweep", asked)
    return calls


@pytest.mark.parametrize(
    ("word", "name", "values"),
    [
        ("span=1,2,16", "span", [1, 2, 16]),
        ("lr=1e-3,0.5,2", "lr", [1e-3, 0.5, 2]),
        ("span=4-8-8,8,16-8-8", "span", [(4, 8, 8), 8, (16, 8, 8)]),
        ("n-train=None,400", "n_train", [None, 400]),
        ("n_train=40", "n_train", [40]),
        ("clip-norm=none,0.5", "clip_norm", [None, 0.5]),
        ("reset=none,soft", "reset", ["none", "soft"]),
        ("learn-decay=True,False", "learn_decay", [True, False]),
        ("model=src,asrc", "model", ["src", "asrc"]),
        ("schedule=one_cycle", "schedule", ["one_cycle"]),
        ("hidden=64-128,32,5-6-7", "hidden", [(64, 128), (32,), (5, 6, 7)]),
    ],
)
def test_command_reads_values(tmp_path, capsys, asked, word, name, values):
    assert command(tmp_path, "--grid", word) == 0
    (call,) = asked
    assert call.grid == [{name: values}]
    assert [type(value) for value in call.grid[0][name]] == [type(value) for value in values]


def test_command_reads_the_rest(tmp_path, capsys, asked):
    assert (
        command(tmp_path, "--grid", "span=1", "lag=5,6", "--grid", "model=ff", "--seeds", 4, recipe="match-rsnn") == 0
    )
    assert command(tmp_path) == 0
    assert command(tmp_path, "--grid", "seed=4,7") == 0
    first, second, of_grid = asked
    assert (second.seeds, of_grid.seeds, of_grid.grid) == (3, None, [{"seed": [4, 7]}])
    assert (first.recipe, first.seeds, first.folder) == ("match-rsnn", 4, tmp_path)
    assert first.grid == [{"span": [1], "lag": [5, 6]}, {"model": ["ff"]}]
    assert (second.recipe, second.grid, second.seeds, second.executor) == ("match-src", [{}], 3, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "span"], "--grid takes SETTING=VALUE,VALUE..., e.g. span=1,2,4; got 'span'"),
        (["--grid", "span="], "got 'span='"),
        (["--grid", "lag=5", "3"], "got '3'"),
        (["--grid", "spam=1"], "there is no setting 'spam'; did you mean 'span'?"),
        (["--grid", "max-span=1"], "max_span would change nothing"),
        (["--grid", "span=two"], "span must be an integer, got 'two'"),
        (["--grid", "span=1,,2"], "span must be an integer, got ''"),
        (["--grid", "span=1.5"], "span must be an integer, got 1.5"),
        (["--grid", "hidden=4-x"], "hidden takes one number per layer, e.g. hidden=64-128-128, got '4-x'"),
        (["--grid", "span=4-x"], "span takes one number per layer, e.g. span=4-8-8, got '4-x'"),
        (["--grid", "span=4-8"], "span has 2 values, (4, 8), expected one number or one per hidden layer, 1 for"),
        (["--grid", "span=1", "span=2"], "span appears twice in one --grid"),
        (["--grid", "hidden=0"], "must be at least 1, got 0"),
        (["--grid", "model=scr"], "model must be one of"),
        (["--seeds", "0"], "seeds must be at least 1, got 0"),
    ],
)
def test_command_says_what_is_off(tmp_path, capsys, train, in_process, words, message):
    assert command(tmp_path / "new", *words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("minisnn: ")
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not train.called
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["--recipe", "match-srk"], ["--seeds", "two"], ["--grid"], ["--colour", "red"]])
def test_command_unknown_arguments(tmp_path, capsys, words):
    with pytest.raises(SystemExit) as caught:
        command(tmp_path, *words)
    assert caught.value.code == 2
    assert "usage: minisnn" in capsys.readouterr().err


def test_command_when_runs_fail(tmp_path, capsys, train, in_process):
    """Exit status 1, the run is named, the others are kept; the same command then ends the sweep."""
    words = ["--grid", *TINY_WORDS, "--seeds", "3"]
    train.broken = {f"{TINY_NAME},seed=1": FloatingPointError("loss is not finite")}
    assert command(tmp_path, *words) == 1
    out, err = capsys.readouterr()
    assert sweeps.table(sweeps.read_rows(tmp_path)) in out  # of those that have ended
    assert "minisnn: 1 of 3 runs failed" in err
    assert f"{TINY_NAME},seed=1: FloatingPointError: loss is not finite" in err
    assert len(sweeps.read_rows(tmp_path)) == 2
    train.broken, train.called[:] = {}, []
    assert command(tmp_path, *words) == 0
    assert train.called == [f"{TINY_NAME},seed=1"]
    assert sweeps.table(sweeps.read_rows(tmp_path)) in capsys.readouterr().out


def test_command_without_dask(tmp_path, capsys, monkeypatch, train):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    assert command(tmp_path, "--scheduler", "tcp://127.0.0.1:1") == 2
    assert 'minisnn: --scheduler needs Dask: pip install "minisnn[distributed]"' in capsys.readouterr().err
    assert not train.called


def test_command_without_numbers(tmp_path, capsys, in_process, tiny):
    """A table, and no figure; that is no error."""
    assert command(tmp_path, "--grid", "hidden=4,5", "--seeds", 2) == 0
    out = capsys.readouterr().out
    assert sweeps.table(sweeps.read_rows(tmp_path)) in out
    assert "figure" not in out
    assert not (tmp_path / "sweep.png").exists()


# ---- processes


def spawned() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


@pytest.mark.slow
def test_processes_change_nothing(tmp_path):
    """The default: new processes, a thread each; rows and results are those of this process."""
    grid = [{**FIRING, "model": ["src"], "span": [2, 5]}, {**FIRING, "model": ["asrc"]}]
    rows = ms.sweep("match-src", grid, 2, folder=tmp_path / "a", progress=False)
    assert timeless(rows) == timeless(sweep(tmp_path / "b", grid, 2))
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert len({result["test_loss"] for result in results(tmp_path / "a").values()}) == 6
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_processes_share_the_threads():
    n_threads = workers.n_threads()
    for n_tasks in (1, 2, 1000):
        with sweeps.processes(n_tasks) as pool:
            each = pool.submit(workers.n_threads).result()
            assert 1 <= pool._max_workers <= n_tasks
            assert each * pool._max_workers <= n_threads
    assert workers.n_threads() == n_threads


@pytest.mark.slow
def test_a_run_that_fails_in_a_process(tmp_path):
    """Through the command line: its error comes back whole, and the next call completes."""
    name = f"{TINY_NAME},seed=1"
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).write_text("in the way")
    with pytest.raises(RuntimeError, match=f"1 of 3 runs failed:\n  {name}: OSError: can't write into the folder"):
        ms.sweep("match-src", TINY, 3, folder=tmp_path, progress=False)
    assert [row["seed"] for row in sweeps.read_rows(tmp_path)] == [0, 2]
    (tmp_path / "runs" / name).unlink()
    assert command(tmp_path, "--grid", *TINY_WORDS, "--seeds", 3) == 0
    assert [row["seed"] for row in sweeps.read_rows(tmp_path)] == [0, 1, 2]
    assert not multiprocessing.active_children()


class Deadly(Executor):
    """A pool whose worker dies at one of the runs, before it or right after it, but once only."""

    def __init__(self, pool, *when):
        self.pool, self.when = pool, when

    def submit(self, fn, /, *args):
        return self.pool.submit(die_once, *self.when, fn, *args)


def die_once(died: Path, victim: str, moment: str, fn, recipe, settings, folder, *rest):
    """In the worker: what was submitted, or death."""
    dies = Path(folder).name == victim and not died.exists()
    if dies and moment == "before":
        died.touch()
        os._exit(3)
    result = fn(recipe, settings, folder, *rest)
    if dies:
        died.touch()
        os._exit(3)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_worker_that_dies(tmp_path, moment, fits):
    """What it takes along is reported, what came before is kept; the next call ends the sweep, nothing is there twice.

    A run that had ended when its worker died is not trained again.
    """
    folder, died = tmp_path / "sweep", tmp_path / "died"
    names = [f"{TINY_NAME},span={a},seed={b}" for a, b in product((2, 3), (0, 1))]
    grid = {**TINY, "span": [2, 3]}
    with spawned() as pool, pytest.raises(RuntimeError) as caught:
        sweep(folder, grid, 2, Deadly(pool, died, names[1], moment))
    assert died.exists()
    assert "3 of 4 runs failed" in str(caught.value)
    for name in names[1:]:
        assert f"{name}: BrokenProcessPool: " in str(caught.value)
    (kept,) = sweeps.read_rows(folder)
    assert (kept["span"], kept["seed"]) == (2, 0)
    rows = sweep(folder, grid, 2)
    assert fits == ([1, 0, 1] if moment == "before" else [0, 1])  # the seeds of what was trained in this process
    assert rows[0] == kept
    assert timeless(rows) == timeless(sweep(tmp_path / "other", grid, 2))
    assert sorted(path.stem for path in (folder / "results").iterdir()) == names


# ---- a cluster


@pytest.fixture
def cluster(tmp_path):
    """Two worker processes of Dask, with a thread each, on this machine; they write below tmp_path alone."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=tmp_path / "dask",
        silence_logs="CRITICAL",
        env={"NUMBA_NUM_THREADS": "1"},
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    from distributed import Client

    with Client(cluster) as client:
        yield client


@pytest.mark.slow
def test_cluster_changes_nothing(tmp_path, client):
    grid = [{**FIRING, "model": ["src"], "span": [2, 5]}, {**FIRING, "model": ["asrc"]}]
    rows = sweep(tmp_path / "a", grid, 2, client.get_executor())
    assert timeless(rows) == timeless(sweep(tmp_path / "b", grid, 2))
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert sum(client.run(lambda: "minisnn" in sys.modules).values()) == 2  # both have worked


@pytest.mark.slow
def test_command_on_a_cluster(tmp_path, cluster, capsys, monkeypatch):
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: pytest.fail("runs on this machine"))
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("runs in this process"))
    words = ["--grid", "span=2,3", *TINY_WORDS, "--seeds", 2, "--scheduler", cluster.scheduler_address]
    assert command(tmp_path / "a", *words) == 0
    monkeypatch.undo()
    out = capsys.readouterr().out
    rows = sweeps.read_rows(tmp_path / "a")
    assert sweeps.table(rows) in out
    assert timeless(rows) == timeless(sweep(tmp_path / "b", {"span": [2, 3], **TINY}, 2))
    assert results(tmp_path / "a") == results(tmp_path / "b")


@pytest.mark.slow
def test_a_run_that_fails_on_a_cluster(tmp_path, client):
    """The next call runs it again, also over the same connection: Dask does not hand out the old error."""
    name = f"{TINY_NAME},seed=1"
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).write_text("in the way")
    with pytest.raises(RuntimeError, match=f"1 of 3 runs failed:\n  {name}: OSError: can't write into the folder"):
        sweep(tmp_path, TINY, 3, client.get_executor())
    (tmp_path / "runs" / name).unlink()
    assert [row["seed"] for row in sweep(tmp_path, TINY, 3, client.get_executor())] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.compiled
def test_killed_worker_of_a_cluster(tmp_path, client):
    """Dask gives its runs to another; if it gives up, that is reported. Nothing is lost, nothing is there twice."""
    grid = {**FIRING, "n_train": [640], "epochs": [60], "span": [2, 5]}
    folder, killed = tmp_path / "sweep", []
    victim, _ = client.run(os.getpid).values()

    def kill():
        """As soon as both workers are in the middle of a run."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            begun = {path.parent for path in folder.glob("runs/*/history.csv")}
            if sum(not (run / "result.json").exists() for run in begun) == 2:
                killed.append(len(list(folder.glob("results/*.json"))))
                return os.kill(victim, signal.SIGKILL)
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        rows = sweep(folder, grid, 3, client.get_executor())
    except RuntimeError as error:
        assert "runs failed" in str(error)
        assert len(sweeps.read_rows(folder)) == 6 - len((folder / "failures.txt").read_text().splitlines())
        rows = sweep(folder, grid, 3, client.get_executor())
    finally:
        thread.join()
    assert killed and killed[0] < 6
    assert victim not in client.run(os.getpid).values()
    assert [(row["span"], row["seed"]) for row in rows] == list(product((2, 5), (0, 1, 2)))
    assert len(list((folder / "results").iterdir())) == len(list((folder / "runs").iterdir())) == 6
    assert timeless(rows) == timeless(sweep(tmp_path / "other", grid, 3))
    assert results(folder) == results(tmp_path / "other")
