"""The main job: RSNN, SRC and ASRC side by side on permuted digits, paired by seed; a table and figures.

A pair shares its seed: equal first weights (but for the span logits, which RSNN and SRC don't have), equal data in
equal order. The best epoch is chosen on validation data; test data is read once, at the end.
"""

import json
import time
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from minisnn import datasets, plots
from minisnn._internal import storage, validate
from minisnn._internal.version import __version__
from minisnn.analysis import gradients
from minisnn.core.batch import prepare
from minisnn.core.recurrence import ASRC, SRC, Recurrent
from minisnn.network import Network
from minisnn.training import fit as training
from minisnn.training.optim import AdamW

SIZES = (64, 128, 128)
RATE = 5e-3  # peak; chosen, with epochs and batch size, on validation data for a seed that is not among those compared


def compare(
    folder,
    seeds: int = 3,
    epochs: int = 60,
    batch_size: int = 64,
    span: int = 8,
    max_span: int = 16,
    sizes=SIZES,
    progress: bool = True,
) -> dict:
    """Train all three models with every seed and write what came out into `folder`.

    Parameters
    ----------
    folder : path
        Gets `config.json`, `results.json`, `table.txt`, `histories/` (JSON and CSV) and `figures/` (PNG).
    seeds : int
        How many: 0 .. seeds - 1. The permutation of the pixels is the same for all.
    epochs, batch_size : int
        Of every run.
    span, max_span : int
        λ of SRC and K of ASRC.
    sizes : sequence of int
        Hidden layers.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict
        What `results.json` holds: for each model and seed accuracies, spans, firing rates and seconds.

    Raises
    ------
    OSError
        If the folder can't be written to; nothing has been trained then.
    """
    seeds, epochs = validate.integer(seeds, "seeds", 1), validate.integer(epochs, "epochs", 1)
    batch_size = validate.integer(batch_size, "batch_size", 1)
    models = {"RSNN": Recurrent(), f"SRC λ={span}": SRC(span), f"ASRC K={max_span}": ASRC(max_span)}
    Network([1, *sizes, 2])  # wrong sizes are told before anything is written
    folder = storage.make_folder(folder)
    for name in ("histories", "figures"):
        storage.make_folder(folder / name)
    data = datasets.digits(permute=True, seed=0)
    config = {
        "version": __version__,
        "seeds": seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": storage.to_json(AdamW(lr=RATE)),
        "sizes": [data.n_in, *sizes, data.n_classes],
        "data": data.record,
        "models": {name: storage.to_json(recurrence) for name, recurrence in models.items()},
    }
    storage.write_text(folder / "config.json", json.dumps(config, indent=1))

    start = time.perf_counter()
    prepare("float32")
    with tqdm(total=seeds * len(models) * epochs, unit="epoch", disable=not progress, dynamic_ncols=True) as bar:
        nets, histories = _train_all(models, data, config, folder / "histories", bar)
    runs = {name: [_result(net, data, h) for net, h in zip(nets[name], histories[name])] for name in models}
    results = {"config": config, "seconds": time.perf_counter() - start, "models": runs}
    storage.write_text(folder / "results.json", json.dumps(results, indent=1))
    storage.write_text(folder / "table.txt", table(results) + "\n")
    draw(folder / "figures", histories, nets, data)
    return results


def _train_all(models, data, config, folder: Path, bar):
    """Networks and histories of all models and seeds; histories are written as they come."""
    nets, histories = {name: [] for name in models}, {name: [] for name in models}

    def show_epoch(net, history):
        bar.update()

    for name, recurrence in models.items():
        for seed in range(config["seeds"]):
            bar.set_description(f"{name}, seed {seed}")
            net = Network(config["sizes"], recurrence=recurrence, seed=seed)
            options = {"epochs": config["epochs"], "batch_size": config["batch_size"], "optimizer": AdamW(lr=RATE)}
            history = training.fit(net, data, **options, seed=seed, progress=False, callback=show_epoch)
            stem = f"{name.split()[0].lower()}-{seed}"
            history.to_json(folder / f"{stem}.json")
            history.to_csv(folder / f"{stem}.csv")
            nets[name].append(net)
            histories[name].append(history)
    return nets, histories


def _result(net, data, history) -> dict:
    """What the table says of one run. The only place that reads test data."""
    hard, soft = net.evaluate(data.test, span_mode="hard"), net.evaluate(data.test, span_mode="soft")
    return {
        "seed": net.seed,
        "accuracy_hard": hard.accuracy,
        "accuracy_soft": soft.accuracy,
        "spans": net.spans(),
        "firing_rates": list(hard.firing_rates),
        "best_epoch": history.best_epoch,
        "seconds_per_epoch": float(np.median(history.column("seconds"))),
    }


def table(results: dict) -> str:
    """The results as text: every seed, and the mean over seeds."""
    lines = [
        f"{'model':<10} {'seed':>4} {'test hard':>9} {'soft':>7}  {'spans':<12} {'firing rates (%)':<18} {'s/epoch':>7}"
    ]
    for name, runs in results["models"].items():
        for run in runs:
            rates = " ".join(f"{100 * rate:4.1f}" for rate in run["firing_rates"])
            lines.append(
                f"{name:<10} {run['seed']:>4} {run['accuracy_hard']:>9.1%} {run['accuracy_soft']:>7.1%}  "
                f"{run['spans']!s:<12} {rates:<18} {run['seconds_per_epoch']:>7.2f}"
            )
        hard, soft, seconds = (
            np.array([r[k] for r in runs]) for k in ("accuracy_hard", "accuracy_soft", "seconds_per_epoch")
        )
        lines.append(
            f"{name:<10} {'mean':>4} {hard.mean():>9.1%} {soft.mean():>7.1%}  {'':<12} {'':<18} {seconds.mean():>7.2f}"
        )
    lines.append(f"{results['config']['epochs']} epochs a run, {results['seconds']:.0f} s in all, compilation included")
    return "\n".join(lines)


def draw(folder: Path, histories, nets, data) -> None:
    """All figures of a comparison, as PNG files."""

    def curves(axes):
        plots.learning_curves(histories, ax=axes[0])
        plots.learning_curves(histories, "train_loss", ax=axes[1])
        axes[1].set_yscale("log")

    def heat_maps(axes):
        for i, history in enumerate(adaptive):
            for layer in range(n_layers):
                ax = plots.span_weights(history, layer, ax=axes[i * n_layers + layer])
                ax.set_title(f"seed {i}, {ax.get_title()}", fontsize="medium")

    def flow(axes):
        for layer, ax in enumerate(axes):
            plots.gradient_flow(flows, layer, ax=ax)

    def rasters(axes):
        for ax, (name, (net, *_)) in zip(axes, nets.items()):
            plots.spikes(net.record(x[:1], span_mode="hard"), ax=ax)
            ax.set_title(f"{name}: the digit {y[0]}", fontsize="medium")

    adaptive = list(histories.values())[-1]
    n_layers = len(adaptive[0].rows[0]["span_weights"])
    x, y = data.validation.x, data.validation.y
    flows = {name: [gradients.gradient_flow(net, x, y, span_mode="hard") for net in nets[name]] for name in nets}
    plots.save(folder / "learning_curves.png", curves, 1, 2, 10, 3.8)
    plots.save(folder / "span_weights.png", heat_maps, len(adaptive), n_layers, 3.6 * n_layers, 2.8 * len(adaptive))
    plots.save(folder / "gradient_flow.png", flow, 1, n_layers, 3.6 * n_layers, 3.4)
    plots.save(folder / "spikes.png", rasters, 1, len(nets), 4.2 * len(nets), 4.5)
