"""What the findings rest on: the tasks, the networks compared on each, and how their settings are chosen.

`tutorials/findings/PLAN.md` says why. A network's settings are those of the task's recipe but for the ones listed here.
"""

from dataclasses import dataclass, field
from itertools import product

from minisnn.datasets._spoken_digits import SPEAKERS

RNNS = ("RSNN", "PLIF RSNN", "ALIF RSNN")
"""The families without a skip; the rival of the skip is the best of them."""

MAIN = (*RNNS, "SRC", "ASRC", "random spans", "transplanted spans", "uniform mixture", "feedforward")
"""The networks of every task, in the order of tables."""


@dataclass(frozen=True)
class Task:
    """A recipe, the units over which networks are compared on it, and what is tried.

    Parameters
    ----------
    recipe : str
        A name from `minisnn.experiments.recipes.RECIPES`; its model and spans are replaced.
    title : str
        Name and sizes: "permuted digits, T = 64".
    units : dict of str to tuple of dict
        What is independent, a seed or a speaker: the settings of its runs, whose mean counts.
    tuning : tuple of dict
        The runs on whose validation data settings are chosen. None of their seeds is compared.
    spans, max_spans : tuple of int
        The λ of SRC and the K of ASRC from which tuning chooses.
    far : int
        L: gradients that come from more steps back are far ones.
    common : dict
        Settings of all runs.
    steps : int, optional
        Where sequences have lengths of their own: gradients are measured on those that have so many, cut to them.
    """

    recipe: str
    title: str
    units: dict[str, tuple[dict, ...]]
    tuning: tuple[dict, ...]
    spans: tuple[int, ...]
    max_spans: tuple[int, ...]
    far: int
    common: dict = field(default_factory=dict)
    steps: int | None = None

    @property
    def name(self) -> str:
        """The title without the sizes."""
        return self.title.partition(",")[0]


def families(task: Task) -> dict[str, list[dict]]:
    """List the twelve settings of each family from which its best is chosen."""
    lrs = {"lr": (0.0025, 0.005, 0.01)}
    rsnn = {"model": ("rsnn",), "clip_norm": (1.0,)}
    grids = {
        "RSNN": {"model": ("rsnn",), "lr": (0.001, 0.0025, 0.005, 0.01), "clip_norm": (None, 1.0, 0.1)},
        "PLIF RSNN": rsnn | lrs | {"learn_decay": (True,), "per_neuron": (True,), "decay": (0.5, 0.9)}
        | {"neuron_lr": (0.001, 0.01)},
        "ALIF RSNN": rsnn | lrs | {"adaptive": (True,), "adaptation_decay": (0.9, 0.98)}
        | {"adaptation_strength": (0.1, 0.5)},
        "SRC": {"model": ("src",)} | lrs | {"span": task.spans},
        "ASRC": {"model": ("asrc",)} | lrs | {"max_span": task.max_spans},
    }  # fmt: skip
    return {name: [dict(zip(grid, values)) for values in product(*grid.values())] for name, grid in grids.items()}


def networks(best: dict[str, dict]) -> dict[str, dict]:
    """List the settings of the networks that are compared, by name, from the best settings of each family.

    Transplanted spans are missing: their settings follow from the spans that ASRC found.
    """
    asrc = best["ASRC"]
    return {
        **{family: best[family] for family in (*RNNS, "SRC", "ASRC")},
        "random spans": {**asrc, "model": "random"},
        "uniform mixture": {**asrc, "model": "mixture"},
        "feedforward": {**best["RSNN"], "model": "ff"},
    }


def transplanted(best: dict[str, dict], spans: tuple[int, ...]) -> dict:
    """Return the settings of an SRC that has from the start the spans at which an ASRC ended."""
    return {"model": "src", "lr": best["ASRC"]["lr"], "span": spans if len(spans) > 1 else spans[0]}


def _seeds(*seeds: int) -> tuple[dict, ...]:
    return tuple({"seed": seed} for seed in seeds)


_TEN = {str(seed): _seeds(seed) for seed in range(10)}

TASKS = {
    "psdigits": Task(
        "psdigits-src", "permuted digits, T = 64", _TEN, _seeds(100),
        spans=(4, 8, 16, 32), max_spans=(4, 8, 16, 32), far=16,
    ),
    "match": Task(
        "match-src", "delayed match, lag 30, 2 distractors", _TEN, _seeds(100, 101),
        spans=(5, 10, 15, 30), max_spans=(10, 20, 30, 40), far=20,
        common={"distractors": 2},
    ),
    "spoken": Task(
        "spoken-src", "spoken digits, speakers never heard",
        {speaker: tuple({"held_out": speaker, "seed": seed} for seed in range(3)) for speaker in SPEAKERS},
        ({"held_out": "george", "seed": 100}, {"held_out": "jackson", "seed": 101}),
        spans=(2, 4, 8, 16), max_spans=(4, 8, 16, 32), far=10, steps=40,
    ),
    "psmnist14": Task(
        "psmnist14-src", "permuted MNIST, 14x14, T = 196", _TEN, _seeds(100),
        spans=(5, 10, 20, 40), max_spans=(10, 20, 32, 64), far=49,
        common={"n_train": 10_000},
    ),
}  # fmt: skip

_LAGS = {"lag": [10, 20, 30, 50, 75, 100], "data_seed": [0]}
LAG_GRIDS = [
    {"model": ["src"], "span": [5, 10, 15, 20, 30, 50, 75, 100], **_LAGS},
    {"model": ["ff", "rsnn", "asrc"], **_LAGS},
]
"""What the experiment `lags` sweeps on delayed match without distractors: sixteen sequences, the same for all seeds."""

LAG_SEEDS = 3

SLOW_EPOCHS = 904
"""Of the experiment `slow` on permuted digits: with 52 updates each as many as the paper's 200 epochs with 235."""

SLOW_UNITS = 3

LEVELS = {  # of each noise that `robustness` knows
    "gaussian": (0, 0.05, 0.1, 0.2, 0.3, 0.5),
    "dropped": (0, 0.05, 0.1, 0.2, 0.3, 0.5),
    "shifted": (0, 1, 2, 4, 8),
    "jittered": (0, 1, 2, 4, 8),
    "deleted": (0, 0.05, 0.1, 0.2, 0.4),
    "spurious": (0, 0.005, 0.01, 0.02, 0.05),
    "weights": (0, 0.05, 0.1, 0.2, 0.4),
    "decay": (-0.4, -0.2, -0.1, 0, 0.1, 0.2, 0.4),
    "threshold": (-0.4, -0.2, -0.1, 0, 0.1, 0.2, 0.4),
}
