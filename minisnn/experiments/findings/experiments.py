"""The experiments: each returns the rows (or curves) that are stored, and continues what its folder holds.

folder/TASK/                the sweep that trains all networks (`sweep.py`)
folder/TASK/gradients/      the measurements, one JSON file per run, with the settings of the measurement;
folder/TASK/jacobians/      if these or the run have changed, it is measured anew
folder/TASK/robustness/
folder/TASK/lags/           the sweep over lags
"""

import hashlib
import json
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from minisnn._internal import announce, locks, storage
from minisnn.analysis import gradients as analysis
from minisnn.analysis import robustness as disturbances
from minisnn.core.recurrence import ASRC
from minisnn.datasets import Split
from minisnn.experiments import recipes
from minisnn.experiments import sweep as sweeps
from minisnn.experiments.findings.tasks import LAG_GRIDS, LAG_SEEDS, LEVELS, Task
from minisnn.network import Network
from minisnn.training.history import History

N_GRADIENTS = 64  # validation sequences whose gradients are measured
N_JACOBIANS, MOST_LAG = 8, 48  # sequences and steps of the Jacobians
NO_JACOBIANS = {"clip_norm", "detach_reset", "lr"}  # networks with these settings are left out
SLOW_DECAY = 0.9  # β of the RSNN that is disturbed in addition to the main networks
N_NOISY = 1000  # test sequences, at most, under noise
N_BY_SPEC = 200  # of these where spikes are deleted or added, which runs the slower spec
DRAWS = 3  # per noise and network


def settings() -> dict[str, dict]:
    """Return the settings of the measurements by experiment, which are stored with the results."""
    return {
        "gradients": {"sequences": N_GRADIENTS},
        "jacobians": {"sequences": N_JACOBIANS, "most lag": MOST_LAG},
        "robustness": {"sequences": N_NOISY, "by spec": N_BY_SPEC, "draws": DRAWS, "levels": LEVELS},
    }


def accuracy(task: Task, folder: Path, progress: bool = True) -> list[dict]:
    """Train every network with every seed: one row per run, with test accuracy, spans and firing rates."""
    grids = [{name: [value] for name, value in of_network.items()} for of_network in task.networks.values()]
    rows = sweeps.sweep(task.recipe, grids, task.seeds, folder=folder, progress=progress)
    by_run = {sweeps.run_name(sweeps.settings_of(row), row["seed"]): row for row in rows}
    kept = ("seed", *sweeps.COLUMNS, "spans", "firing_rates")
    return [
        {"network": network, **{name: by_run[sweeps.run_name(of_network, seed)][name] for name in kept}}
        for network, of_network in task.networks.items()
        for seed in range(task.seeds)
    ]


def gradients(task: Task, folder: Path, progress: bool = True) -> list[dict]:
    """Measure ‖∂L/∂v[t]‖ in the last hidden layer over lag: one row per network, seed, before and after training.

    L reads the last step alone. The norm is that of `gradient_flow` relative to lag 0, the median over sequences.
    """
    return _of_each_run(task, folder, "gradients", task.networks, measure_gradients, progress)


def measure_gradients(recipe: recipes.Recipe, run: Path) -> list[dict]:
    """Measure the rows of one run for `gradients`."""
    split = recipes.make_data(recipe).validation
    x, y = split.x[:N_GRADIENTS], split.y[:N_GRADIENTS]
    rows = []
    for when, net in (("before", recipes.make_network(recipe)), ("after", Network.load(run / "best.npz"))):
        flow = analysis.gradient_flow(net, x, y, span_mode="soft" if when == "before" else "hard")
        norms = flow.norms[-1][:, ::-1]  # lag 0, 1, ...
        alive = norms[norms[:, 0] > 0]
        curve = np.median(alive / alive[:, :1], axis=0) if len(alive) else np.full(norms.shape[1], np.nan)
        rows.append(
            {
                "when": when,
                "zero_slopes": round(flow.zero_slopes[-1], 4),
                "denormal": round(flow.denormal[-1], 4),
                **{f"lag {lag}": float(f"{norm:.3g}") for lag, norm in enumerate(curve)},
            }
        )
    return rows


def jacobians(task: Task, folder: Path, progress: bool = True) -> list[dict]:
    """Measure norms of ∂v[t + lag]/∂v[t] in the last hidden layer of trained RSNN, SRCs and ASRC, beside theory.

    One row per network, seed and kind: measured (‖J‖_F / √N, root mean square over sequences), mean field, bound.
    The trained ASRC is measured in three states: with uniform weights p, half way (T° such that the largest p is 1/2)
    and hardened.
    """
    wanted = {
        name: of_network
        for name, of_network in task.networks.items()
        if name == task.adaptive
        or (of_network["model"] in ("ff", "rsnn", "src") and not set(of_network) & NO_JACOBIANS)
    }
    return _of_each_run(task, folder, "jacobians", wanted, measure_jacobians, progress)


def measure_jacobians(recipe: recipes.Recipe, run: Path) -> list[dict]:
    """Measure the rows of one run for `jacobians`."""
    net = Network.load(run / "best.npz")
    x = recipes.make_data(recipe).validation.x[:N_JACOBIANS]
    layer, lag = len(recipe.hidden) - 1, min(MOST_LAG, x.shape[1] - 1)
    rows = []
    for state, span_mode in _states(net):
        norms = (
            np.square(analysis.jacobian(net, x, layer, lag, span_mode=span_mode)).sum(axis=(2, 3)) / recipe.hidden[-1]
        )
        predicted = analysis.predicted_norms(net, x, layer, lag, span_mode=span_mode)
        measured = np.sqrt(norms.mean(axis=0))
        kinds = {"measured": measured, "mean field": predicted.mean_field, "bound": predicted.bound}
        rows += [
            {"state": state, "kind": kind, **{f"lag {d}": float(f"{norm:.3g}") for d, norm in enumerate(curve)}}
            for kind, curve in kinds.items()
        ]
    return rows


def _states(net: Network):
    """Put a network into each state in which its taps are measured, and yield (name, span mode)."""
    if not isinstance(net.recurrence[-1], ASRC):
        yield "", "hard"
        return
    trained = net.params.flat.copy()
    for i in range(len(net.recurrence)):
        net.params[f"layers.{i}.span_logits"][...] = 0
    yield "uniform", "soft"
    net.params.flat[...] = trained
    net.temperature = half_way(net.params[f"layers.{len(net.recurrence) - 1}.span_logits"])
    yield "half way", "soft"
    yield "hardened", "hard"


def half_way(span_logits: np.ndarray) -> float:
    """Find the temperature T° at which the largest of the softmax weights is 1/2, by bisection."""
    below = np.asarray(span_logits, float) - np.max(span_logits)
    low, high = 1e-6, 1e6
    for _ in range(100):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if np.exp(below / middle).sum() < 2 else (low, middle)
    return float(high)


def spans(task: Task, folder: Path, progress: bool = True) -> dict[str, dict]:
    """Collect how the spans were learned: one dict per adaptive network, with lists over epochs.

    They hold its temperature, its validation accuracy with soft and hard spans (one list per seed), and the span
    weights of seed 0, by layer.
    """
    accuracy(task, folder, progress)
    curves = {}
    for network, of_network in task.networks.items():
        if of_network["model"] == "asrc":
            histories = [
                History.from_json(folder / "runs" / sweeps.run_name(of_network, seed) / "history.json")
                for seed in range(task.seeds)
            ]
            curves[network] = {
                "temperature": [float(f"{value:.4g}") for value in histories[0].column("temperature")],
                "soft": [_rounded(h.column("validation_accuracy_soft")) for h in histories],
                "hard": [_rounded(h.column("validation_accuracy_hard")) for h in histories],
                "span_weights": [[_rounded(p, 3) for p in layers] for layers in histories[0].column("span_weights")],
            }
    return curves


def _rounded(values, digits: int = 4) -> list[float]:
    return [round(float(value), digits) for value in values]


def robustness(task: Task, folder: Path, progress: bool = True) -> list[dict]:
    """Measure test accuracy under each noise of `LEVELS`: one row per network, seed, noise and level, mean over draws.

    The networks are the main ones and an RSNN whose membranes leak more slowly.
    """
    wanted = {
        name: of_network
        for name, of_network in task.networks.items()
        if name in task.main or (of_network["model"] == "rsnn" and of_network.get("decay") == SLOW_DECAY)
    }
    return _of_each_run(task, folder, "robustness", wanted, measure_robustness, progress)


def measure_robustness(recipe: recipes.Recipe, run: Path) -> list[dict]:
    """Measure the rows of one run for `robustness`."""
    net, test = Network.load(run / "best.npz"), recipes.make_data(recipe).test
    few, fewer = (Split(test.x[:n], test.y[:n]) for n in (N_NOISY, N_BY_SPEC))
    rows = []
    for noise, levels in LEVELS.items():
        by_spec = noise in ("deleted", "spurious")
        found = disturbances.robustness(net, fewer if by_spec else few, noise, levels, 1 if by_spec else DRAWS)
        for level, value in zip(levels, found.accuracies.mean(axis=0)):
            rows.append({"noise": noise, "level": level, "accuracy": round(float(value), 5)})
    return rows


def lags(task: Task, folder: Path, progress: bool = True) -> list[dict]:
    """Train delayed match without distractors over lags and spans: one row per run. For that task alone."""
    return sweeps.sweep(task.recipe, LAG_GRIDS, LAG_SEEDS, folder=folder / "lags", progress=progress)


def _of_each_run(task: Task, folder: Path, name: str, networks: dict, measure, progress: bool) -> list[dict]:
    """Collect the rows of `measure(recipe, run folder)` for each network and seed, after training what is missing.

    Each run is measured in a new process and written at once; what is there is not measured again.
    """
    accuracy(task, folder, progress)
    measured = storage.make_folder(folder / name)
    files = {
        (network, seed): measured / f"{sweeps.run_name(of_network, seed)}.json"
        for network, of_network in networks.items()
        for seed in range(task.seeds)
    }
    stamps = {path: _stamp(name, folder / "runs" / path.stem) for path in files.values()}
    found = {path: _measured(path, stamps[path]) for path in files.values()}
    left = {key: path for key, path in files.items() if found[path] is None}
    if left:
        with locks.hold(measured), sweeps.processes(len(left)) as pool:
            futures = {
                pool.submit(measure, task.chosen(*key), folder / "runs" / path.stem): path for key, path in left.items()
            }
            with announce.progress(len(files), f"run ({name})", progress, done=len(files) - len(left)) as advance:
                for future in as_completed(futures):
                    path = futures[future]
                    found[path] = future.result()
                    storage.write_text(path, json.dumps({"measured": stamps[path], "rows": found[path]}))
                    advance()
    return [{"network": network, "seed": seed, **row} for (network, seed), path in files.items() for row in found[path]]


def _stamp(name: str, run: Path) -> dict:
    """Identify what an experiment measures, and how: the run's network by its hash, and the settings."""
    network = hashlib.sha256((run / "best.npz").read_bytes()).hexdigest()
    return json.loads(json.dumps({"network": network, **settings()[name]}))


def _measured(path: Path, stamp: dict) -> list[dict] | None:
    """Read the rows in a file of `_of_each_run`; None if it is missing, or belongs to another network or settings.

    Raises
    ------
    ValueError
        If the file is damaged, or another one.
    """
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        rows = [dict(row) for row in read["rows"]]
        return rows if read["measured"] == stamp else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not what an experiment wrote ({error!r}); delete it") from error


def configuration(task: Task) -> dict:
    """Return all settings of the task's recipe, how the networks differ from them, and the settings of measurements."""
    recipe = asdict(recipes.recipe(task.recipe))
    of_match = {"lags": {"grids": LAG_GRIDS, "seeds": LAG_SEEDS}} if recipe["data"] == "delayed_match" else {}
    return {"recipe": recipe, "networks": task.networks, "measured": settings(), **of_match}
