"""The history of a training run, epoch by epoch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minisnn._internal import storage
from minisnn._internal.display import counted, html_table
from minisnn._internal.types import PathLike

SHOWN = ("train_loss", "validation_loss_hard", "validation_accuracy_hard", "temperature", "lr_factor", "seconds")


@dataclass
class History:
    """The history of a training run: one row (a dict) per epoch, as `fit` returns it.

    `history["train_loss"]` is a column, and iteration goes over the rows. The columns are `epoch`, which counts from 0
    here and in files, as does `best_epoch` (messages and bars count from 1); `lr_factor` of the schedule and
    `temperature` during the epoch; `train_loss`, the mean over the sequences of the epoch, with dropout, soft spans and
    the firing-rate penalty, where there are any; on validation data, without dropout and penalty,
    `validation_loss_soft`, `validation_accuracy_soft` and the same with `_hard` (equal where no layer is ASRC);
    `firing_rates` of each layer there (hard; spikes per neuron and step); `span_weights` p of each layer after the
    epoch (None unless ASRC); `gradient_norm`, the mean over batches before clipping; `seconds` of training and
    validation, without callback and checkpoints.

    Parameters
    ----------
    rows : list of dict
        Default: none yet.
    best_epoch : int, optional
        The epoch with the best hard validation accuracy, the first of equals.

    Examples
    --------
    >>> data = ms.datasets.delayed_match(lag=4, n_train=32, n_test=16)
    >>> history = ms.fit(ms.Network([1, 8, 2]), data, epochs=1, progress=False)
    >>> history["lr_factor"], [row["epoch"] for row in history]
    ([1.0], [0])
    >>> history.column("lr_factor") == history["lr_factor"]
    True
    >>> table = history.to_frame()  # with pandas  # doctest: +SKIP
    >>> history.to_csv("history.csv")  # a table to look at
    >>> history.to_json("history.json")  # everything, to read again
    >>> ms.History.from_json("history.json") == history
    True
    """

    rows: list[dict] = field(default_factory=list)
    best_epoch: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        facts = [counted(len(self), "epoch")]
        if self.best_epoch is not None and self.best_epoch < len(self):
            accuracy = self.rows[self.best_epoch].get("validation_accuracy_hard")
            facts += [f"best_epoch={self.best_epoch}"]
            facts += [] if accuracy is None else [f"validation accuracy {accuracy:.1%} there"]
        return f"History({', '.join(facts)})"

    def _repr_html_(self) -> str:
        """Show the first, the best and the last epoch as a table."""
        ends = {"first": 0, "best": self.best_epoch, "last": len(self) - 1}
        shown = {name: i for name, i in ends.items() if i is not None and 0 <= i < len(self)}
        columns = [name for name in SHOWN if self.rows and name in self.rows[0]]
        rows = [[name, str(i), *(f"{self.rows[i][c]:.4g}" for c in columns)] for name, i in shown.items()]
        return html_table(["", "epoch", *(name.replace("_", " ") for name in columns)], rows)

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)

    def __contains__(self, name: str) -> bool:
        """Tell whether there is such a column."""
        return any(name in row for row in self.rows)

    def __getitem__(self, name: str) -> list:
        return self.column(name)

    def column(self, name: str) -> list:
        """Return the values of one column, epoch by epoch.

        Parameters
        ----------
        name : str
            One of the columns that `History` lists.

        Returns
        -------
        list
            One value per epoch; a list of one value per layer for `firing_rates` and `span_weights`.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        if not isinstance(name, str):
            raise KeyError(f"a column is asked for by its name, got {name!r}; history.rows has the rows")
        if self.rows and name not in self.rows[0]:
            raise KeyError(f"no column is called {name!r}; there are {', '.join(self.rows[0])}")
        return [row[name] for row in self.rows]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with the columns of `to_csv`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas; to_csv does without it") from error
        return pandas.DataFrame([_flat_row(row) for row in self.rows])

    def to_csv(self, path: PathLike) -> None:
        """Write the rows as CSV: per layer one column for its firing rate and one for its most probable span.

        Parameters
        ----------
        path : path

        Raises
        ------
        OSError
            If the file can't be written.
        """
        storage.write_text(path, storage.as_csv([_flat_row(row) for row in self.rows]) if self.rows else "")

    def append_csv(self, path: PathLike) -> None:
        """Append the last row to a file written by `to_csv`, or begin one, e.g. to follow a run from its callback.

        Parameters
        ----------
        path : path

        Raises
        ------
        ValueError
            If there is no row.
        OSError
            If the file can't be written.

        Examples
        --------
        >>> history = ms.History([{"epoch": 0, "firing_rates": [0.1], "span_weights": [None]}])
        >>> history.append_csv("run.csv")
        >>> history.rows.append({"epoch": 1, "firing_rates": [0.2], "span_weights": [None]})
        >>> history.append_csv("run.csv")
        >>> np.genfromtxt("run.csv", delimiter=",", names=True)["firing_rate_0"].tolist()
        [0.1, 0.2]
        """
        if not self.rows:
            raise ValueError("the history has no row to append")
        text = storage.as_csv([_flat_row(self.rows[-1])])
        with open(path, "a", encoding="utf-8") as file:
            file.write(text if file.tell() == 0 else text.split("\n", 1)[1])  # the first row brings the header

    def to_json(self, path: PathLike) -> None:
        """Write all rows, complete, as JSON.

        Parameters
        ----------
        path : path

        Raises
        ------
        OSError
            If the file can't be written.
        """
        storage.write_text(path, json.dumps({"best_epoch": self.best_epoch, "rows": self.rows}, indent=1))

    @classmethod
    def from_json(cls, path: PathLike) -> "History":
        """Read a file written by `to_json`.

        Parameters
        ----------
        path : path

        Returns
        -------
        History

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such file, or it holds something else.
        """
        try:
            read = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(list(read["rows"]), read["best_epoch"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the history of a run ({error!r})") from error


def _flat_row(row: dict) -> dict:
    flat = {name: value for name, value in row.items() if name not in ("firing_rates", "span_weights")}
    for i, rate in enumerate(row["firing_rates"]):
        flat[f"firing_rate_{i}"] = rate
    for i, weights in enumerate(row["span_weights"]):
        flat[f"span_{i}"] = "" if weights is None else int(np.argmax(weights)) + 1
    return flat
