"""What the findings rest on: three tasks, and the networks compared on each, by name."""

from dataclasses import dataclass

from minisnn.experiments import recipes


@dataclass(frozen=True)
class Task:
    """A recipe, and the networks compared on it.

    Parameters
    ----------
    recipe : str
        A name from `minisnn.experiments.recipes.RECIPES`.
    seeds : int
        Number of seeds: 0, 1, ... All networks with one seed start equal and see equal data in equal order.
    networks : dict of str to dict
        Settings of the recipe, by the name that tables and figures show. What a network is follows from its settings
        alone; names are never parsed.
    baseline, skip, adaptive, mixture : str
        Names of the RSNN, the SRC and the ASRC that the paper's claims are about, and of the uniform mixture.
    """

    recipe: str
    seeds: int
    networks: dict[str, dict]
    skip: str
    adaptive: str
    mixture: str
    baseline: str = "RSNN"

    @property
    def main(self) -> tuple[str, ...]:
        """The networks that figures show where all would be too many."""
        return (*self.of_model("ff"), self.baseline, self.skip, self.adaptive, self.mixture)

    def over(self, model: str, setting: str) -> dict:
        """Find the networks of a model that differ from the baseline in this setting alone: {8: "SRC λ=8"}."""
        common = {**self.networks[self.baseline], "model": model}
        values = {name: settings[setting] for name, settings in self.networks.items() if setting in settings}
        return {value: name for name, value in values.items() if self.networks[name] == {**common, setting: value}}

    def having(self, setting: str) -> list[str]:
        """List the networks that have this setting, whatever their model."""
        return [name for name, settings in self.networks.items() if setting in settings]

    def of_model(self, model: str) -> list[str]:
        """List the networks of a model."""
        return [name for name, settings in self.networks.items() if settings["model"] == model]

    def chosen(self, network: str, seed: int) -> recipes.Recipe:
        """Return the recipe of one run."""
        return recipes.recipe(self.recipe, **self.networks[network], seed=seed)


LRS = {f"RSNN, lr {lr}": {"model": "rsnn", "lr": lr} for lr in (0.001, 0.002, 0.01)}
"""The RSNN at other learning rates than the recipe's 0.005, which was chosen for SRC and ASRC."""


def _networks(span: int, spans, max_span: int, max_spans, **settings) -> dict[str, dict]:
    """List baselines, SRC over λ, ASRC over K, then controls with as many weights; all with these settings."""
    k = {"max_span": max_span}
    networks = {
        "feedforward": {"model": "ff"},
        "RSNN": {"model": "rsnn"},
        **{f"SRC λ={n}": {"model": "src", "span": n} for n in spans},
        **{f"ASRC K={n}": {"model": "asrc", "max_span": n} for n in max_spans},
        "RSNN, detached reset": {"model": "rsnn", "detach_reset": True},
        "RSNN, clipped gradients": {"model": "rsnn", "clip_norm": 1.0},
        **LRS,
        **{f"RSNN, β={decay}": {"model": "rsnn", "decay": decay} for decay in (0.9, 0.95, 0.99)},
        f"SRC λ={span}, β=0.9": {"model": "src", "span": span, "decay": 0.9},
        f"SRC λ={span}, β=0.95": {"model": "src", "span": span, "decay": 0.95},
        f"uniform mixture K={max_span}": {"model": "mixture", **k},
        f"random spans up to {max_span}": {"model": "random", **k},
        f"ASRC K={max_span}, shared logits": {"model": "asrc", **k, "shared_spans": True},
        f"ASRC K={max_span}, cooled slowly": {"model": "asrc", **k, "last_temperature": 0.1},
    }
    return {name: {**network, **settings} for name, network in networks.items()}


TASKS = {
    "psdigits": Task(
        "psdigits-src", 10, _networks(8, (2, 4, 8, 16, 32), 16, (4, 8, 16, 32)),
        "SRC λ=8", "ASRC K=16", "uniform mixture K=16",
    ),
    "match": Task(
        "match-src", 10, _networks(15, (2, 5, 10, 15, 20, 30), 40, (10, 20, 40), distractors=2),
        "SRC λ=15", "ASRC K=40", "uniform mixture K=40",
    ),
    "psmnist14": Task(
        "psmnist14-src", 3,
        {
            "RSNN": {"model": "rsnn"},
            "SRC λ=10": {"model": "src", "span": 10},
            "ASRC K=32": {"model": "asrc", "max_span": 32},
            "uniform mixture K=32": {"model": "mixture", "max_span": 32},
        },
        "SRC λ=10", "ASRC K=32", "uniform mixture K=32",
    ),
}  # fmt: skip
"""Permuted digits (T = 64); delayed match at lag 30 with two distractors, without which training and test data hold the
same sixteen sequences (T = 40); permuted MNIST, pooled to 14x14 (T = 196)."""

TITLES = {
    "psdigits": "permuted digits, T = 64",
    "match": "delayed match, lag 30, 2 distractors",
    "psmnist14": "permuted MNIST, 14x14, T = 196",
}

LAG_GRIDS = [
    {"model": ["src"], "lag": [10, 20, 30, 50, 75, 100], "span": [5, 10, 15, 20, 30, 50, 75, 100]},
    {"model": ["ff", "rsnn", "asrc"], "lag": [10, 20, 30, 50, 75, 100]},
]
"""What the experiment `lags` sweeps on delayed match without distractors."""

LAG_SEEDS = 3

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
