"""What a training run writes down, epoch by epoch."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minisnn._internal import storage


@dataclass
class History:
    """One row (a dict) for each epoch.

    Columns: `epoch` (from 0); `lr_factor` of the schedule and `temperature` while it was trained; `train_loss`, the
    mean over the epoch's batches; on validation data `validation_loss_soft`, `validation_accuracy_soft` and the same
    with `hard` spans (equal where no layer is ASRC); `firing_rates` of each layer there (hard; spikes a neuron and
    step); `span_weights` p of each layer after the epoch (None unless ASRC); `gradient_norm`, mean over batches, before
    clipping; `seconds`.
    """

    rows: list[dict] = field(default_factory=list)
    best_epoch: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list:
        """The values of one column, epoch by epoch."""
        if self.rows and name not in self.rows[0]:
            raise KeyError(f"no column is called {name!r}; there are {', '.join(self.rows[0])}")
        return [row[name] for row in self.rows]

    def to_csv(self, path) -> None:
        """Write the rows as CSV: one column a layer for firing rates, a most probable span for span weights."""
        storage.write_text(
            path, storage.as_csv([_flat_row(row) for row in self.rows], None if self.rows else ["epoch"])
        )

    def append_csv(self, path) -> None:
        """Append the last row to a file that `to_csv` wrote, so that a reader can follow it."""
        with open(path, "a", encoding="utf-8") as file:
            file.write(storage.as_csv([_flat_row(self.rows[-1])]).split("\n", 1)[1])

    def to_json(self, path) -> None:
        """Write all rows, whole, as JSON."""
        storage.write_text(path, json.dumps({"best_epoch": self.best_epoch, "rows": self.rows}, indent=1))

    @classmethod
    def from_json(cls, path) -> "History":
        """Read what `to_json` wrote; ValueError if it is something else."""
        try:
            read = json.loads(Path(path).read_text())
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
