"""The history as a table in memory."""

import sys
from types import SimpleNamespace

import pytest
from small import fit, network

import minisnn as ms


@pytest.fixture(scope="module")
def history():
    return fit(network([ms.ASRC(4), ms.SRC(2)]), epochs=2)


def test_columns_and_rows(history):
    for name in history.rows[0]:
        assert history[name] == history.column(name) == [row[name] for row in history]
    assert list(history) == history.rows and len(list(history)) == 2
    assert [row["epoch"] for row in history] == [0, 1]
    for name in ("accuracy", 0, slice(2)):
        with pytest.raises(KeyError, match=r"validation_accuracy_hard|history\.rows"):
            history[name]
    assert list(ms.History()) == [] and ms.History()["train_loss"] == []


def test_frame(history, monkeypatch, tmp_path):
    """The columns of the CSV file; without pandas, an ImportError that says what to do."""
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: rows))
    rows = history.to_frame()
    history.to_csv(tmp_path / "history.csv")
    assert ",".join(rows[0]) == (tmp_path / "history.csv").read_text().splitlines()[0]
    assert [row["train_loss"] for row in rows] == history["train_loss"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        history.to_frame()


def test_in_asks_for_a_column(history):
    assert "train_loss" in history and "spans" not in history
