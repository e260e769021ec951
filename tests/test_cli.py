"""The command line, called in this process."""

import csv
import json
import os
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import minisnn as ms
from minisnn import checks, cli


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
@pytest.mark.filterwarnings("ignore:after the first epoch layer:RuntimeWarning")
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
        "--sizes",
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
    figures = [f"figures/{name}.png" for name in ("gradient_flow", "learning_curves", "span_weights", "spikes")]
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
        assert all(f"{run['accuracy_hard']:.1%}" in row for row in of_model)
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
    assert config["sizes"] == [1, 8, 7, 10]
    assert (config["seeds"], config["epochs"], config["version"]) == (1, 2, ms.__version__)
    assert config["data"]["permutation"] == ms.datasets.digits(permute=True, seed=0).record["permutation"]
    for name in figures:
        content = (folder / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 5000


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
        ("--sizes=0", r"sizes[1]"),
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
