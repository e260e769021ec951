"""PS-MNIST at full length: T = 784, 55,000 images, the paper's sizes and recipe but for 50 epochs; one seed.

One run per network, told as descriptive: no claim is tested on it. The folders of the runs are stored whole, in
`tutorials/findings/results/full/NETWORK/`, and `minisnn plot` draws them.
"""

from pathlib import Path

from minisnn._internal import storage
from minisnn.experiments import recipes
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps

RECIPE = "psmnist-src"
NETWORKS = {
    "RSNN": {"model": "rsnn"},
    "SRC": {"model": "src", "span": 12},
    "ASRC": {"model": "asrc", "max_span": 51},
    "random spans": {"model": "random", "max_span": 51},
}
COMMON = {"epochs": 50}
SEED = 0

KEPT = ("config.json", "history.csv", "history.json", "best.npz", runs.RESULT)
"""The files of a run that are stored; the last is written last, and says that the others are there."""


def train_full(folder, results, progress: bool = True) -> Path:
    """Train the networks, or continue them, and store their folders; what is stored with these settings stays.

    Parameters
    ----------
    folder : path
        Holds the runs, in `full/`.
    results : path
        Folder of the stored results.

    Returns
    -------
    Path
        The folder that holds one folder per network.

    Raises
    ------
    ValueError, RuntimeError, KeyboardInterrupt, BlockingIOError, OSError
        As in `minisnn.sweep`; if a run failed, those that have ended are stored before that is raised.
    """
    folder = Path(folder) / "full"
    of_networks = {network: {**of_network, **COMMON} for network, of_network in NETWORKS.items()}
    left = {network: settings for network, settings in of_networks.items() if not _ended(results, network, settings)}
    if not left:
        return Path(results) / "full"
    grids = [{name: [value] for name, value in settings.items()} for settings in left.values()]
    try:
        sweeps.sweep(RECIPE, grids, seeds=[SEED], folder=folder, progress=progress)
    except (RuntimeError, KeyboardInterrupt):
        _store(folder, left, results)  # what has ended
        raise
    _store(folder, left, results)
    return Path(results) / "full"


def _ended(results, network: str, settings: dict) -> bool:
    """Check whether a network's run with these settings is stored."""
    recipe = recipes.recipe(RECIPE, **settings, seed=SEED)
    return network in stored(results) and runs.read_recipe(of(results, network)) == recipe


def _store(folder: Path, of_networks: dict[str, dict], results) -> None:
    """Copy the files of the runs that have ended."""
    for network, settings in of_networks.items():
        run = folder / "runs" / sweeps.run_name(settings, SEED)
        if (run / runs.RESULT).exists():
            stored = storage.make_folder(of(results, network))
            for name in KEPT:
                storage.write_bytes(stored / name, (run / name).read_bytes())


def of(results, network: str) -> Path:
    """Return the folder in which a network's run is stored."""
    return Path(results) / "full" / network.replace(" ", "-")


def stored(results) -> list[str]:
    """List the networks whose runs are stored."""
    return [network for network in NETWORKS if (of(results, network) / runs.RESULT).exists()]
