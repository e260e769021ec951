"""Runs in folders: what is written, and that no interruption changes what comes out."""

import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

import minisnn as ms
from minisnn._internal import storage
from minisnn.experiments import recipes
from minisnn.experiments import run as runs
from minisnn.training import checkpoint
from minisnn.training.history import History

SMALL = recipes.recipe(
    "match-asrc", hidden=(8,), threshold=0.4, n_train=60, lag=8, max_span=5, epochs=4, batch_size=16, dropout=0.1
)
WORDS = "--recipe match-asrc --hidden 8 --threshold 0.4 --n-train 60 --lag 8 --max-span 5".split()
WORDS += ["--batch-size", "16", "--dropout", "0.1"]  # the same in words


def train(folder, recipe=SMALL, **options):
    return runs.train(recipe, folder, progress=False, **options)


def outcome(folder):
    """All that a run came to, but for seconds and date."""
    history = History.from_json(folder / "history.json")
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    result = {k: v for k, v in runs.read_result(folder).items() if k not in ("seconds", "date")}
    return rows, history.best_epoch, result, ms.Network.load(folder / "best.npz").params.flat.tobytes()


def epochs_in_csv(folder) -> list[int]:
    with open(folder / "history.csv") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder)
    return folder


def test_what_a_run_writes(straight):
    assert {path.name for path in straight.iterdir()} == {
        *("config.json", "history.csv", "history.json", "best.npz", "result.json")
    }
    result, net, data = runs.read_result(straight), ms.Network.load(straight / "best.npz"), recipes.make_data(SMALL)
    assert result["test_accuracy"] == net.evaluate(data.test, span_mode="hard").accuracy
    assert result["test_accuracy_soft"] == net.evaluate(data.test, span_mode="soft").accuracy
    history = History.from_json(straight / "history.json")
    best = max(history.rows, key=lambda row: row["validation_accuracy_hard"])
    assert result["best_epoch"] == best["epoch"] and result["validation_accuracy"] == best["validation_accuracy_hard"]
    assert net.evaluate(data.validation).accuracy == result["validation_accuracy"]
    assert epochs_in_csv(straight) == [0, 1, 2, 3]
    assert runs.read_recipe(straight) == SMALL
    assert json.loads((straight / "config.json").read_text())["data"] == data.record


def test_a_run_that_has_ended_says_its_result_again(straight, monkeypatch):
    """Nothing is trained, and test data is not read a second time."""
    before = outcome(straight)
    monkeypatch.setattr(recipes, "make_data", lambda recipe: pytest.fail("read data again"))
    assert train(straight, resume=True) == runs.read_result(straight)
    assert outcome(straight) == before


def test_a_run_returns_what_it_has_stored(tmp_path):
    """Lists stay lists, so that the same call again returns the same."""
    assert train(tmp_path) == train(tmp_path, resume=True)


def test_a_folder_that_holds_a_run(straight):
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(straight)
    with pytest.raises(ValueError, match=r"another one:\n  batch_size: 16 there, now 32\n  lr: 0.005 there, now 0.1\n"):
        train(straight, replace(SMALL, lr=0.1, batch_size=32), resume=True)


@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
def test_a_run_with_a_span_per_layer_goes_on(tmp_path, monkeypatch):
    """What was a tuple is a list in config.json, and no difference; nor are decays, one for each neuron."""
    recipe = replace(SMALL, model="src", hidden=(4, 4), span=(2, 5), decay=(0.2, 0.4, 0.6, 0.8), epochs=1)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        with pytest.raises(Interruption):
            train(tmp_path, recipe, checkpoint_minutes=0.0)
    with pytest.raises(ValueError, match=r"span: \(2, 5\) there, now \(2, 4\)\n"):
        train(tmp_path, replace(recipe, span=(2, 4)), resume=True)
    assert train(tmp_path, recipe, resume=True)["spans"] == [2, 5]
    assert runs.read_recipe(tmp_path) == recipe


def test_a_recipe_of_another_version(tmp_path):
    """With settings that don't exist, or values that are not allowed: says which file, and what."""
    for settings, words in (({"rate": 0.1}, "unexpected keyword argument 'rate'"), ({"epochs": 0}, "epochs must be")):
        (tmp_path / "config.json").write_text(json.dumps({"recipe": {**asdict(SMALL), **settings}}))
        with pytest.raises(ValueError, match=f"config.json holds no recipe of this version of minisnn: .*{words}"):
            runs.read_recipe(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "result.json"])
@pytest.mark.parametrize("text", ["", "{", "[1]", "{}"])
def test_damaged_files(tmp_path, name, text):
    """Say which file it is, and nothing is run."""
    (tmp_path / "config.json").write_text(json.dumps({"recipe": {"data": "delayed_match", "model": "asrc"}}))
    (tmp_path / "checkpoint.npz").touch()
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=f"{name} is not the {name} of a run"):
        train(tmp_path, recipes.Recipe(data="delayed_match", model="asrc"), resume=True)


@pytest.mark.parametrize(
    "settings, options", [({"dropout": 1.5}, {}), ({"epochs": 0}, {}), ({}, {"checkpoint_minutes": -1})]
)
def test_a_run_that_could_not_start_is_not_in_the_way(straight, tmp_path, settings, options):
    with pytest.raises(ValueError, match="must be"):
        train(tmp_path, replace(SMALL, **settings), **options)
    train(tmp_path)
    assert outcome(tmp_path) == outcome(straight)


def test_no_run():
    with pytest.raises(FileNotFoundError, match="is nowhere the folder of a run"):
        runs.read_recipe("nowhere")
    with pytest.raises(FileNotFoundError, match="is nowhere the folder of a run"):
        runs.draw("nowhere")


class Interruption(Exception):
    pass


def interrupt_at(monkeypatch, call: int, error=Interruption):
    """The `call`-th gradient from here on, counted from 1, fails."""
    calls, original = [], ms.Network.loss_and_grad

    def loss_and_grad(self, *arguments, **options):
        calls.append(1)
        if len(calls) == call:
            raise error
        return original(self, *arguments, **options)

    monkeypatch.setattr(ms.Network, "loss_and_grad", loss_and_grad)


@pytest.mark.parametrize("minutes", [0.0, 5.0])
@pytest.mark.parametrize("calls", [[1], [5], [6, 1, 4], [3, 7], [16]])
def test_interrupted_runs_end_alike(straight, tmp_path, monkeypatch, calls, minutes):
    """At any batch of any epoch (there are 4 of each), again and again; with checkpoints in each batch or epoch."""
    for call in calls:
        with monkeypatch.context() as patch:
            interrupt_at(patch, call)
            with pytest.raises(Interruption):
                train(tmp_path, resume=True, checkpoint_minutes=minutes)
    train(tmp_path, resume=True, checkpoint_minutes=minutes)
    assert outcome(tmp_path) == outcome(straight)
    assert epochs_in_csv(tmp_path) == [0, 1, 2, 3]


def test_checkpoints_within_an_epoch_lose_one_batch_at_most(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        with pytest.raises(Interruption):
            train(tmp_path, checkpoint_minutes=0.0)
    header, _ = storage.load_npz(tmp_path / "checkpoint.npz", "checkpoint")
    assert len(header["rows"]) == 1 and len(header["batches"]) == 2


def test_a_full_disk(straight, tmp_path, monkeypatch):
    """While a checkpoint is written: the one before is still whole, nothing else is left, and the run can go on."""
    written = []

    def savez(file, **arrays):
        written.append(1)
        if len(written) == 6:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(file, **arrays)

    original = np.savez
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", savez)
        with pytest.raises(OSError, match=r"can't write .*\.npz: No space left on device"):
            train(tmp_path, checkpoint_minutes=0.0)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".npz", ".json", ".csv"}
    storage.load_npz(tmp_path / "checkpoint.npz", "checkpoint")
    train(tmp_path, resume=True)
    assert outcome(tmp_path) == outcome(straight)


def test_a_damaged_checkpoint(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 6)
        with pytest.raises(Interruption):
            train(tmp_path)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"checkpoint\.npz is not a whole npz file"):
        train(tmp_path, resume=True)


def test_the_csv_file_can_be_followed(tmp_path, monkeypatch):
    """A reader that opens it after the first epoch sees each of the others as it ends."""
    original, seen, readers = History.append_csv, [], []

    def append_csv(self, path):
        if not readers:
            readers.append(open(path))
            assert len(readers[0].readlines()) == 2  # the head, and epoch 0
        original(self, path)
        seen.append([line.split(",")[0] for line in readers[0].readlines()])

    monkeypatch.setattr(History, "append_csv", append_csv)
    train(tmp_path)
    readers[0].close()
    assert seen == [["1"], ["2"], ["3"]]


def test_a_row_that_was_lost_is_written_again(tmp_path, monkeypatch):
    """As after a kill between checkpoint and history."""
    for call in (9, 5):
        with monkeypatch.context() as patch:
            interrupt_at(patch, call)
            with pytest.raises(Interruption):
                train(tmp_path, resume=True)
        path = tmp_path / "history.csv"
        if call == 9:
            assert epochs_in_csv(tmp_path) == [0, 1]
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert epochs_in_csv(tmp_path) == [0, 1, 2]


def command(folder, epochs, *words):
    return [
        *(sys.executable, "-m", "minisnn", "train", *WORDS, "--epochs", str(epochs), "--folder", str(folder)),
        *("--checkpoint-minutes", "0", "--resume", *words),
    ]


def start(arguments):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NUMBA_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # may be ignored where tests run
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process) -> int:
    process.communicate()
    return process.returncode


@pytest.mark.slow
def test_kill_9(tmp_path):
    """Killed at random moments again and again, every other time within an epoch: the bits of a run left alone."""
    epochs, rng = 400, random.Random(0)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert finish(start(command(whole, epochs))) == 0
    for within in (True, False) * 4:
        process = start(command(broken, epochs))
        deadline = time.monotonic() + 60
        before = _batches_done(broken)
        while _batches_done(broken) <= before and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGSTOP)  # what lies in the folder now is what the kill leaves
        while within and _batches_done(broken) % 4 == 0:
            assert time.monotonic() < deadline, "no checkpoint within an epoch"
            process.send_signal(signal.SIGCONT)
            time.sleep(rng.uniform(0, 0.01))
            process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert before > 0 and not (broken / "result.json").exists()
    assert finish(start(command(broken, epochs))) == 0
    assert outcome(broken) == outcome(whole)
    assert epochs_in_csv(broken) == list(range(epochs))


def _batches_done(folder) -> int:
    """By the checkpoint, or all of them when the run has ended."""
    if (folder / "result.json").exists():
        return 10**9
    if not (folder / "checkpoint.npz").exists():
        return 0
    header, _ = storage.load_npz(folder / "checkpoint.npz", "checkpoint")
    return 4 * len(header["rows"]) + len(header["batches"])


@pytest.mark.slow
def test_ctrl_c(tmp_path):
    """Says how to go on, and the run does."""
    process = start(command(tmp_path, 2000))
    deadline = time.monotonic() + 300
    while _batches_done(tmp_path) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith(f"\nminisnn: interrupted; the same command goes on (the run is in {tmp_path})\n")
    done = _batches_done(tmp_path)
    assert 5 <= done < 10**9
    process = start(command(tmp_path, 2000))
    while _batches_done(tmp_path) <= done and time.monotonic() < deadline + 300:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert done < _batches_done(tmp_path) < 10**9


def test_figures(straight, tmp_path, monkeypatch):
    """Of a run that has ended, and of one that is under way; before its first epoch there is nothing to draw."""
    assert [path.name for path in runs.draw(straight)] == ["learning.png", "spans.png", "spikes.png"]
    for call in (2, 6):
        with monkeypatch.context() as patch:
            interrupt_at(patch, call)
            with pytest.raises(Interruption):
                train(tmp_path, resume=True)
        if call == 2:
            with pytest.raises(FileNotFoundError, match="has not ended its first epoch"):
                runs.draw(tmp_path)
    for path in runs.draw(tmp_path):
        assert path.read_bytes().startswith(b"\x89PNG")
    for path in straight.glob("figures/*"):
        path.unlink()
    (straight / "figures").rmdir()


def test_differences_are_named_by_their_place():
    before = {"network": {"seed": 0, "sizes": [1, 2]}, "epochs": 3, "data": {"permutation": list(range(200))}}
    now = {"network": {"seed": 1, "sizes": [1, 2]}, "epochs": 3, "data": {"permutation": list(range(200))[::-1]}}
    lines = [line for name in now for line in checkpoint._differences(name, before[name], now[name])]
    assert lines == ["network.seed: 0 in the checkpoint, now 1", "data.permutation: differs from the checkpoint"]
