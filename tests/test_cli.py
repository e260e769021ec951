"""The command line, called in this process."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict, fields, replace
from inspect import getdoc, signature
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from PIL import Image

import minisnn as ms
from minisnn import checks, cli
from minisnn.bench import bench
from minisnn.core.neuron import RESETS
from minisnn.experiments import compare, findings, recipes
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps


def whole_figure(path) -> bool:
    """Whether a file is a PNG from the first byte to the last, and not of one colour; tests/plots see what is drawn."""
    with Image.open(path) as picture:
        return picture.format == "PNG" and len(picture.convert("L").getcolors()) > 1


def test_info(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for words in (f"minisnn {ms.__version__}", f"numpy {np.__version__}", f"numba {numba.__version__}", "matplotlib"):
        assert words in out
    assert os.path.dirname(ms.__file__) in out
    assert f"{os.cpu_count()} cores, {numba.config.NUMBA_NUM_THREADS} threads" in out
    assert "kernels are cached in" in out


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"minisnn {ms.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["trian"], ["compare", "--epochs", "two"], ["compare", "--colour", "red"]])
def test_unknown_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: minisnn" in capsys.readouterr().err


# Layers of 8 and 7 neurons may be silent after an epoch, and fit says so.
@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
def test_compare(tmp_path, capsys):
    """All promised files are there, say the same as the table, and the figures are figures."""
    folder = tmp_path / "new" / "folder"
    arguments = [
        "--folder",
        str(folder),
        "--seeds",
        "1",
        "--epochs",
        "2",
        "--hidden",
        "8",
        "7",
        "--span",
        "3",
        "--max-span",
        "5",
    ]
    assert cli.main(["compare", *arguments]) == 0
    out = capsys.readouterr().out
    names = ("RSNN", "SRC λ=3", "ASRC K=5")
    stems = ("rsnn-0", "src-0", "asrc-0")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    figures = [
        f"figures/{name}.png" for name in ("gradient_flow", "learning_curves", "overview", "span_weights", "spikes")
    ]
    expected = ["config.json", "results.json", "table.txt", *figures]
    assert files == sorted([*expected, *(f"histories/{stem}.{suffix}" for stem in stems for suffix in ("csv", "json"))])

    table = (folder / "table.txt").read_text(encoding="utf-8")
    assert table in out
    assert str(folder) in out
    rows = table.splitlines()
    results = json.loads((folder / "results.json").read_text())
    assert list(results["models"]) == list(names)
    for name, stem in zip(names, stems):
        of_model = [row for row in rows if row.startswith(f"{name} ")]
        assert len(of_model) == 2  # one seed, and the mean
        (run,) = results["models"][name]
        assert all(f"{run['test_accuracy']:.1%}" in row for row in of_model)
        history = ms.History.from_json(folder / "histories" / f"{stem}.json")
        assert len(history) == 2
        assert history.best_epoch == run["best_epoch"]
        with open(folder / "histories" / f"{stem}.csv", newline="") as file:
            losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
        assert losses == history.column("train_loss")
    spans = {name: run[0]["spans"] for name, run in results["models"].items()}
    assert spans["RSNN"] == [1, 1]
    assert spans["SRC λ=3"] == [3, 3]
    assert all(1 <= span <= 5 for span in spans["ASRC K=5"])

    config = json.loads((folder / "config.json").read_text())
    assert results["config"] == config
    for stem, changed in (("rsnn", {}), ("src", {"span": 3}), ("asrc", {"max_span": 5})):
        recipe = recipes.recipe(f"psdigits-{stem}", epochs=2, hidden=(8, 7), **changed)
        (run,) = [run for (run,) in results["models"].values() if run["recipe"]["model"] == stem]
        assert recipes.Recipe(**run["recipe"]) == recipe
        best = ms.History.from_json(folder / "histories" / f"{stem}-0.json").rows[run["best_epoch"]]
        assert run["validation_accuracy"] == best["validation_accuracy_hard"]
    assert config["optimizer"] == {"kind": "AdamW", **asdict(recipes.fit_options(recipe)["optimizer"])}
    assert config["sizes"] == [1, 8, 7, 10]
    assert (config["seeds"], config["epochs"], config["version"]) == (1, 2, ms.__version__)
    assert config["data"]["permutation"] == ms.datasets.digits(permute=True, seed=0).record["permutation"]
    for name in figures:
        assert whole_figure(folder / name)


def test_defaults_of_compare_are_those_of_the_recipes():
    options = vars(cli.make_parser().parse_args(["compare"]))
    in_python = signature(compare.compare).parameters
    for model in ("rsnn", "src", "asrc"):
        recipe = recipes.RECIPES[f"psdigits-{model}"]
        for name in ("epochs", "span", "max_span"):
            assert options[name] == in_python[name].default == getattr(recipe, name)
        assert tuple(options["hidden"]) == in_python["hidden"].default == recipe.hidden


def test_unwritable_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("text")
    folder = tmp_path / "file" / "folder"
    assert cli.main(["compare", "--folder", str(folder), "--seeds", "1", "--epochs", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("minisnn: can't write")
    assert str(folder) in captured.err
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.parametrize(
    "option, words",
    [
        ("--seeds=0", "seeds must be at least 1"),
        ("--epochs=0", "epochs"),
        ("--span=0", "span"),
        ("--hidden=0", r"sizes[1]"),
    ],
)
def test_settings_out_of_range(tmp_path, capsys, option, words):
    """Exit status 2, one line that names the setting, and nothing is trained or written."""
    assert cli.main(["compare", "--folder", str(tmp_path / "folder"), option]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err.splitlines()[-1]
    assert not (tmp_path / "folder" / "results.json").exists()


class Wrong(checks.GradientError):
    """A failed check, without its table."""

    def __init__(self):
        AssertionError.__init__(self, "layers.0.w_in is wrong")


def test_status_of_gradcheck(monkeypatch, capsys):
    """0 if all is well, 1 and the reason on stderr if a gradient is wrong, 130 and no traceback if interrupted."""

    def outcome(error):
        def check_all(*args, show, **options):
            show("a row")
            if error is not None:
                raise error
            return SimpleNamespace(rows=())

        return check_all

    for error, status, words in (
        (None, 0, ""),
        (Wrong(), 1, "layers.0.w_in"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ):
        monkeypatch.setattr(checks, "check_all", outcome(error))
        assert cli.main(["gradcheck"]) == status
        captured = capsys.readouterr()
        assert captured.out.startswith("a row\n")
        assert words in captured.err
        assert (captured.err == "") == (status == 0)


# Recipes

RESULT = {
    "test_accuracy": 0.9123,
    "test_accuracy_soft": 0.8765,
    "best_epoch": 6,
    "validation_accuracy": 0.9345,
    "spans": [3, 1],
    "seconds": 123.4,
}


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Trains nothing: collects what `runs.train` is called with. The current folder is a new one."""
    collected = []

    def train(recipe, folder, resume=False, progress=True, checkpoint_minutes=5.0):
        collected.append((recipe, folder, resume, progress, checkpoint_minutes))
        return RESULT

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.chdir(tmp_path)
    return collected


def without_progress(err: str) -> str:
    """What was written to stderr besides lines of progress."""
    return "\n".join(line for line in err.splitlines() if not re.match(r"minisnn: \w+ \d+ of \d+", line))


WORDS = {"data": "digits", "model": "rsnn", "reset": "hard", "surrogate": "atan", "schedule": "cosine"}
WORDS |= {"held_out": "theo", "words": "commands"}


def other(recipe: recipes.Recipe, field):
    """Another value of the setting, of its kind."""
    value = getattr(recipe, field.name)
    if field.type is bool:
        return not value
    if field.type in (tuple[int, ...], int | tuple[int, ...]):
        return (5, 6, 7)
    if field.type is str:
        return WORDS[field.name]
    if field.type in (int, int | None):
        return (value or 0) + 7
    assert field.type in (float, float | None)
    return (value or 1.0) * 0.0625


def as_arguments(name: str, value) -> list[str]:
    """A setting as words of a command line."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", *map(str, value if isinstance(value, tuple) else [value])]


@pytest.mark.parametrize("field", fields(recipes.Recipe), ids=lambda field: field.name)
def test_train_with_a_setting(calls, field):
    """Each setting of a recipe is an option of that name, whose value reaches the training as it is, and nothing else.

    Both ways, if it is true or false.
    """
    names = ("psmnist-src", "smnist-large-asrc", "match-src", "spoken-src", "gsc-src", "shd-src")
    learned = {"learn_decay": True} if field.name in ("neuron_lr", "per_neuron") else {}
    learned |= {"adaptive": True} if field.name.startswith("adaptation_") else {}
    learned |= {"rate_penalty": 0.5} if field.name == "target_rate" else {}
    bases = {name: replace(recipes.RECIPES[name], **learned) for name in names}
    name, base = next((name, base) for name, base in bases.items() if recipes.matters(base, field.name))
    for value in {other(base, field), getattr(base, field.name)} - {None}:
        words = [word for setting in {**learned, field.name: value}.items() for word in as_arguments(*setting)]
        assert cli.main(["train", "--recipe", name, *words]) == 0
        expected = replace(base, **{field.name: value})
        ((recipe, *_),) = calls
        calls.clear()
        assert recipe == expected
        got = getattr(recipe, field.name)
        assert type(got) is type(value)
        assert [type(item) for item in got] == [int, int, int] if got == (5, 6, 7) else True


def test_train_with_spans(calls):
    """One number is that of all layers, as many as layers one of each."""
    assert cli.main(["train", "--recipe", "psdigits-src", "--span", "4", "8", "8"]) == 0
    assert cli.main(["train", "--recipe", "psdigits-src", "--span", "4"]) == 0
    assert cli.main(["train", "--recipe", "match-src", "--span", "4"]) == 0
    assert [recipe.span for recipe, *_ in calls] == [(4, 8, 8), 4, 4]


def test_train_with_many_settings(calls):
    changed = {"model": "asrc", "max_span": 5, "hidden": (7,), "permute": False, "clip_norm": 1.5, "n_train": 99}
    arguments = [word for name, value in changed.items() for word in as_arguments(name, value)]
    assert cli.main(["train", "--recipe", "psmnist14-src", *arguments]) == 0
    assert calls[0][0] == replace(recipes.RECIPES["psmnist14-src"], **changed)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_train_as_it_is(calls, name):
    """A recipe's own settings; in a folder named after recipe and seed; bars are shown."""
    assert cli.main(["train", "--recipe", name]) == 0
    assert cli.main(["train", "--recipe", name, "--seed", "3"]) == 0
    base = recipes.RECIPES[name]
    assert calls[0] == (base, Path("runs") / f"{name}-0", False, True, 5.0)
    assert calls[1] == (replace(base, seed=3), Path("runs") / f"{name}-3", False, True, 5.0)


def test_train_where_and_how(calls, capsys):
    """Folder, --resume and --checkpoint-minutes are handed on; what came out is said."""
    options = ["--folder", "some/where", "--resume", "--checkpoint-minutes", "0.5"]
    assert cli.main(["train", "--recipe", "psdigits-src", *options]) == 0
    assert calls[0][1:] == (Path("some/where"), True, True, 0.5)
    captured = capsys.readouterr()
    for words in ("91.23%", "soft spans 87.65%", "after epoch 7", "93.45%", "[3, 1]", "123 s", f"{Path('some/where')}"):
        assert words in captured.out
    assert captured.err == ""


def test_help_of_train(capsys):
    """Lists all settings, and both ways of those that are true or false."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for field in fields(recipes.Recipe):
        option = field.name.replace("_", "-")
        assert re.search(rf"^  --{option}\b", out, re.MULTILINE)
        assert (f"--no-{option}" in out) == (field.type is bool)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--recipe", "psmnist-scr"],
        ["--recipe", "psmnist-src", "--epochs", "two"],
        ["--recipe", "psmnist-src", "--epochs", "2.5"],
        ["--recipe", "psmnist-src", "--lr", "fast"],
        ["--recipe", "psmnist-src", "--readout-window", "all"],
        ["--recipe", "psmnist-src", "--hidden"],
        ["--recipe", "psmnist-src", "--colour", "red"],
        ["--model", "src"],
    ],
    ids=" ".join,
)
def test_train_arguments_that_cannot_be_read(calls, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *arguments])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert "usage: minisnn" in message and "lambda" not in message
    assert not calls


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "lstm"], "model must be one of 'ff', 'rsnn', 'src', 'asrc', 'mixture', 'random', got 'lstm'"),
        (["--data", "cifar"], "got 'cifar'"),
        (["--surrogate", "Triangle"], "surrogate must be one of 'triangle'"),
        (["--schedule", "linear"], "schedule must be one of"),
        (["--hidden", "5", "0"], "must be at least 1, got 0"),
        (["--max-span", "5"], "max_span would change nothing: the recipe has model='src'"),
        (["--model", "rsnn", "--span", "3", "--lag", "4"], "span, lag would change nothing"),
        (
            ["--neuron-lr", "1", "--per-neuron"],
            "neuron_lr, per_neuron would change nothing: the recipe has learn_decay=False",
        ),
        (["--span", "3", "4"], "span has 2 values, (3, 4), expected one number or one per hidden layer, 3 for hidden="),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_settings_that_are_off(calls, capsys, tmp_path, arguments, words):
    """Exit status 2, one line on stderr; nothing is trained or written."""
    assert cli.main(["train", "--recipe", "psmnist-src", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("minisnn: ") and len(captured.err.splitlines()) == 1
    assert words in captured.err
    assert not calls and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--pool", "0"], "pool must be at least 1, got 0"),
        (["--rows"], "permute"),
        (["--decay", "1.5"], "decay"),
        (["--reset", "nonsense"], "reset must be one of"),
        (["--span", "0"], "span must be at least 1, got 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_values_out_of_range(capsys, tmp_path, monkeypatch, arguments, words):
    """Reported by what they are for; no run is begun."""
    monkeypatch.setattr(ms.datasets._mnist, "_read_files", lambda folder: pytest.fail("data was read"))
    folder = tmp_path / "folder"
    assert cli.main(["train", "--recipe", "psmnist-src", "--folder", str(folder), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in without_progress(captured.err)
    assert not list(tmp_path.glob("folder/*"))


def test_train_in_the_folder_of_a_run(tmp_path, capsys):
    """Refused, unless it is to be resumed and is the same; what is there stays."""
    recipe = recipes.recipe("match-src", hidden=(4,), n_train=40, epochs=1, lag=5)
    config = json.dumps({"recipe": asdict(recipe)})
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "checkpoint.npz").touch()
    arguments = ["train", "--recipe", "match-src", "--folder", str(tmp_path)]
    same = ["--epochs", "1", "--lag", "5", "--n-train", "40", "--hidden", "4"]
    assert cli.main([*arguments, *same]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"minisnn: {tmp_path} holds a run already")
    assert "--resume" in captured.err
    assert cli.main([*arguments, "--resume", "--epochs", "1", "--lag", "5", "--n-train", "40", "--hidden", "9"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("minisnn: ")
    assert captured.err.splitlines()[1:-1] == ["  hidden: (4,) there, now (9,)"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.npz", "config.json"]
    assert (tmp_path / "config.json").read_text() == config


def commands(folder) -> dict[tuple, tuple]:
    """For each long command: where its work is done, and how it goes on when interrupted."""
    train = ("train", "--recipe", "psdigits-ff", "--folder", str(folder))
    kept = f"the same command goes on; what has ended is kept in {folder}"
    return {
        train: (runs, "train", f"the same command with --resume goes on (the run is in {folder})"),
        (*train, "--resume"): (runs, "train", f"the same command goes on (the run is in {folder})"),
        ("sweep", "--recipe", "match-src", "--folder", str(folder)): (sweeps, "sweep", kept),
        ("findings", "spans", "--folder", str(folder)): (findings, "run", kept),
        ("compare", "--folder", str(folder)): (
            *(compare, "compare"),
            f"the same command starts again; the runs that have ended are in {folder / 'histories'}",
        ),
        ("bench", "--folder", str(folder)): (bench, "bench", ""),
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_interruptions_are_told_in_a_line(tmp_path, monkeypatch, capsys, heeded_signals, number):
    """Status 128 + the number of the signal, how to go on, no traceback."""

    def interrupted(*arguments, **options):
        os.kill(os.getpid(), number)
        signal.pause()

    for words, (module, name, go_on) in commands(tmp_path / "folder").items():
        monkeypatch.setattr(module, name, interrupted)
        assert cli.main([*words]) == 128 + number
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "\nminisnn: interrupted" + (f"; {go_on}" if go_on else "") + "\n"


def test_train_interrupted_in_its_own_folder(monkeypatch, capsys):
    """Named after recipe and seed; without a signal the status is that of Ctrl-C."""

    def train(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", train)
    assert cli.main(["train", "--recipe", "psdigits-ff", "--seed", "2"]) == 130
    assert f"(the run is in {Path('runs/psdigits-ff-2')})" in capsys.readouterr().err


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet(tmp_path, monkeypatch, capsys, quiet):
    """Every long command shows progress, unless it is told not to."""

    class Asked(Exception):
        pass

    def asked(*arguments, **options):
        raise Asked(options["progress"])

    for words, (module, name, _) in commands(tmp_path / "folder").items():
        monkeypatch.setattr(module, name, asked)
        with pytest.raises(Asked) as caught:
            cli.main([*words, *["--quiet"] * quiet])
        assert caught.value.args == (not quiet,)


def test_plot_draws_what_a_folder_holds(tmp_path, capsys, monkeypatch):
    """A sweep, a comparison as far as it has come; of a folder of folders it says which can be drawn."""
    comparison, sweep = tmp_path / "compare", tmp_path / "sweep"
    monkeypatch.setattr(compare, "_compare", lambda *_: {})
    compare.compare(comparison, seeds=2, epochs=2, hidden=(3, 4), max_span=3)
    assert cli.main(["plot", str(comparison)]) == 2
    assert "no run of the comparison in" in capsys.readouterr().err
    small_history().to_json(comparison / "histories" / "rsnn-0.json")
    assert cli.main(["plot", str(comparison)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(comparison / "figures" / "learning_curves.png")]
    for seed in range(2):
        small_history(K=3).to_json(comparison / "histories" / f"asrc-{seed}.json")
    assert cli.main(["plot", str(comparison)]) == 0
    drawn = [str(comparison / "figures" / f"{name}.png") for name in ("learning_curves", "span_weights")]
    assert capsys.readouterr().out.splitlines() == drawn and all(whole_figure(path) for path in drawn)
    for seed in range(2, 11):
        (comparison / "histories" / f"asrc-{seed}.json").write_text(f"the history of seed {seed}")
    monkeypatch.setattr(ms.History, "from_json", lambda path: path.stem)
    monkeypatch.setattr(compare, "draw_histories", lambda folder, histories: histories["ASRC K=3"])
    assert compare.draw_stored(comparison) == [f"asrc-{seed}" for seed in range(11)]
    monkeypatch.undo()

    (sweep / "results").mkdir(parents=True)
    (sweep / "sweep.json").write_text("{}")
    assert cli.main(["plot", str(sweep)]) == 2
    assert f"no run of the sweep in {sweep} has ended yet" in capsys.readouterr().err
    result = {name: 0.5 for name in sweeps.COLUMNS} | {"recipe": {"seed": 0}, "spans": [2], "firing_rates": [0.1]}
    for span in (2, 3):
        stored = {"settings": {"span": span}, "result": result}
        (sweep / "results" / f"span={span},seed=0.json").write_text(json.dumps(stored))
    assert cli.main(["plot", str(sweep)]) == 0
    assert capsys.readouterr().out == f"{sweep / 'sweep.png'}\n" and whole_figure(sweep / "sweep.png")

    assert cli.main(["plot", str(tmp_path)]) == 2
    assert f"below it are {comparison}, {sweep}\n" in capsys.readouterr().err


def small_history(K: int | None = None) -> ms.History:
    """Two epochs of two layers, whose spans are learned if there are K of them."""
    p = None if K is None else [1 / K] * K
    row = {"train_loss": 0.5, "validation_accuracy_hard": 0.25, "validation_accuracy_soft": 0.25, "seconds": 1.0}
    return ms.History([{**row, "epoch": epoch, "span_weights": [p, p]} for epoch in range(2)], 0)


@pytest.mark.parametrize("error", [FloatingPointError, OSError, ValueError, TypeError])
def test_train_fails(monkeypatch, capsys, error):
    """Status 2 and the reason, without a traceback."""

    def train(*arguments, **options):
        raise error("what is wrong")

    monkeypatch.setattr(runs, "train", train)
    assert cli.main(["train", "--recipe", "psdigits-ff"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "minisnn: what is wrong\n")


@pytest.mark.parametrize(
    "name, library, extra",
    [
        ("shd-src", "h5py", "events"),
        ("ssc-src", "pooch", "events"),
        ("gsc-src", "librosa", "speech"),
        ("gsc-src", "pooch", "speech"),
        ("spoken-src", "librosa", "speech"),
        ("spoken-src", "pooch", "speech"),
        ("psmnist-src", "pooch", "data"),
    ],
)
def test_train_without_an_extra(tmp_path, monkeypatch, capsys, name, library, extra):
    """Status 2, one line that says how to get it, and an empty folder."""
    if library == "pooch" and extra in ("speech", "events"):  # of two that are missing another is named first
        pytest.importorskip({"speech": "librosa", "events": "h5py"}[extra])
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path / "data"))
    assert cli.main(["train", "--recipe", name, "--folder", str(tmp_path / "run"), "--quiet"]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == "" and re.match(rf'minisnn: .* with {library}: pip install "minisnn\[{extra}\]"', line)
    assert [path.name for path in tmp_path.rglob("*")] == ["run"]


def test_recipes(monkeypatch, capsys):
    """The table alone on stdout; that it takes a moment, and why, on stderr."""
    monkeypatch.setattr(recipes, "seconds_per_sequence", lambda recipe, duration: 0.01)
    assert cli.main(["recipes"]) == 0
    captured = capsys.readouterr()
    assert captured.out == recipes.table() + "\n"
    assert captured.err.startswith("minisnn: measuring how fast") and len(captured.err.splitlines()) == 1


# Four neurons may be silent after an epoch, and fit says so.
@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
@pytest.mark.parametrize("model, figures", [("src", ["learning", "spikes"]), ("asrc", ["learning", "spans", "spikes"])])
def test_train_and_plot(tmp_path, capsys, model, figures):
    """A run from the command line: its files, its result, its figures by name."""
    folder = tmp_path / "new" / "run"
    small = ["--hidden", "4", "--n-train", "40", "--epochs", "1", "--lag", "5"]
    assert cli.main(["train", "--recipe", f"match-{model}", "--folder", str(folder), *small]) == 0
    out = capsys.readouterr().out
    result = runs.read_result(folder)
    assert f"test accuracy {result['test_accuracy']:.2%}" in out
    assert f"minisnn plot {folder}" in out
    expected = recipes.recipe(f"match-{model}", hidden=(4,), n_train=40, epochs=1, lag=5)
    assert runs.read_recipe(folder) == expected
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["best.npz", "config.json", "history.csv", "history.json", "result.json"]

    assert cli.main(["plot", str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [str(folder / "figures" / f"{name}.png") for name in figures]
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [f"{name}.png" for name in figures]
    for name in figures:
        assert whole_figure(folder / "figures" / f"{name}.png")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*written, "figures"])

    # A run that has ended says its result again, without training.
    again = ["train", "--recipe", f"match-{model}", "--folder", str(folder), *small, "--resume"]
    assert cli.main(again) == 0
    captured = capsys.readouterr()
    assert captured.out == out and captured.err == ""


def test_plot_of_what_is_no_run(tmp_path, capsys):
    """Status 2, the reason in one line, and nothing is written: no folder, no run in it, none far enough, no config."""
    no_run, begun, broken = (tmp_path / name for name in ("no_run", "begun", "broken"))
    for folder in (no_run, begun, broken):
        folder.mkdir()
    (begun / "config.json").write_text(json.dumps({"recipe": asdict(recipes.RECIPES["match-src"])}))
    (broken / "config.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    for folder, words in (
        (tmp_path / "missing", "is {} the folder of a run?"),
        (no_run, "is {} the folder of a run?"),
        (begun, "the run in {} has not ended its first epoch yet"),
        (broken, "is not the config.json of a run"),
    ):
        assert cli.main(["plot", str(folder)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("minisnn: ") and len(captured.err.splitlines()) == 1
        assert words.format(folder) in captured.err
    assert sorted(tmp_path.rglob("*")) == before


def test_settings_describe_their_choices():
    """The docstring of `Recipe`, of which the help of `train` is made, names what each setting may be."""
    choices = {"data": recipes.DATA, "model": recipes.MODELS, "reset": RESETS, "surrogate": recipes.SURROGATES}
    choices["schedule"] = recipes.SCHEDULES
    for name, known in choices.items():
        (named,) = re.findall(rf"^{name} : {{(.*?)}}", getdoc(recipes.Recipe), re.MULTILINE | re.DOTALL)
        assert re.findall(r'"(\w+)"', named) == list(known), name
    described = re.findall(r"^(\w+) : ", getdoc(recipes.Recipe), re.MULTILINE)
    assert described == list(recipes.SETTINGS)


def test_a_reader_who_has_read_enough():
    """`minisnn info | head -1` ends quietly, by the number of SIGPIPE."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        command = [sys.executable, "-m", "minisnn", "info"]
        done = subprocess.run(
            command, stdout=closed, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_run_that_diverges_at_once_leaves_its_folder_free(tmp_path, capsys, monkeypatch):
    """As the message advises, another lr can be tried there; and an option that is off takes no folder."""

    def diverge(*args, **options):
        raise FloatingPointError("try a lower lr")

    monkeypatch.setattr(runs.training, "fit", diverge)
    small = ["train", "--recipe", "match-src", "--n-train", "8", "--lag", "5", "--hidden", "3", "--quiet", "--folder"]
    assert cli.main([*small, str(tmp_path), "--lr", "9"]) == cli.main([*small, str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("try a lower lr") == 2
    assert cli.main([*small, str(tmp_path), "--checkpoint-minutes", "-1"]) == 2
    assert "checkpoint_minutes must be" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == []
