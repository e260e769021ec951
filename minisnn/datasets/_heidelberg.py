"""SHD and SSC, the Spiking Heidelberg Datasets: spoken words as spikes of a model of the cochlea."""

import gzip
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minisnn._internal import announce, storage, validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split
from minisnn.datasets._download import (
    advising,
    check_digest,
    data_folder,
    fetch,
    fetch_text,
    gzipped_or_not,
    import_extra,
)
from minisnn.datasets._events import checked_channels, events_to_array
from minisnn.datasets._files import made_once, new_array

MIRRORS = ("https://zenkelab.org/datasets/", "https://compneuro.net/datasets/")
SUMS = "md5sums.txt"
FILES = {  # of each split: file, recordings
    "digits": {"train": ("shd_train.h5", 8_156), "test": ("shd_test.h5", 2_264)},
    "commands": {
        "train": ("ssc_train.h5", 75_466),
        "validation": ("ssc_valid.h5", 9_981),
        "test": ("ssc_test.h5", 20_382),
    },
}
N_CLASSES = {"digits": 20, "commands": 35}
N_UNITS = 700
VALIDATION_SPEAKERS = 2
TOGETHER = 256  # recordings that are read at a time


def heidelberg(
    words: str = "digits",
    *,
    n_steps: int = 250,
    max_time: float = 1.4,
    channels: int = 140,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
) -> Dataset[Split]:
    """Load spoken words as spikes: digits (SHD) or commands (SSC); download them at first use.

    The spikes of 700 units of a model of the cochlea are counted in equal steps and in groups of neighbouring units, as
    `events_to_array` does it; by default 5.6 ms and 5 units, as in the paper.

    Parameters
    ----------
    words : {"digits", "commands"}
        "digits": SHD, 0 to 9 in German and English, 20 classes; 8,156 recordings for training and validation, 2,264 for
        the test, some of them by two speakers who occur nowhere else. "commands": SSC, 35 classes; 75,466, 9,981 and
        20,382 recordings for training, validation and test.
    n_steps : int
        T, at least 1.
    max_time : float
        In seconds, above 0: the end of the last step. Spikes that come later, or before 0, are left out; their
        order is of no matter, and a recording may have none.
    channels : int
        Divides 700.
    seed : int
        Seed of the speakers of validation; at least 0. Only SHD needs it, since it has no validation data: there all
        recordings by two of the ten speakers in the training file are held out, and `record` says whose. For SSC it is
        the official validation file.
    folder : path, optional
        Holds the files `shd_train.h5`, `shd_test.h5`, or `ssc_train.h5`, `ssc_valid.h5`, `ssc_test.h5`, gzipped (.gz)
        or unpacked. Those that are missing are downloaded (0.2 and 1.7 GB), and gzipped ones are unpacked there.
        Default: the environment variable MINISNN_DATA; without it, the user's cache folder.

    Returns
    -------
    Dataset
        x (B, T, channels) uint8, y (B,) in 0 .. 19 or 0 .. 34. Digits are in memory (0.4 GB by default). The counts of
        commands are made once for these n_steps, max_time and channels, in a minute or two, and kept in the folder
        (3.7 GB by default); from there, training reads one batch at a time.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or a file is damaged or truncated, or has not the arrays, or not the number of
        recordings that was published; a downloaded one must have the MD5 in the publisher's `md5sums.txt`.
    ImportError
        If h5py is missing, or files and pooch are (`pip install "minisnn[events]"`).
    OSError
        If files are missing and can't be downloaded, the folder can't be written to, or the disk is full. Files are
        written whole or not at all.

    Notes
    -----
    B. Cramer, Y. Stradmann, J. Schemmel and F. Zenke, The Heidelberg Spiking Data Sets for the Systematic Evaluation of
    Spiking Neural Networks, IEEE TNNLS 33, 2022; zenkelab.org/datasets, licence CC BY 4.0.

    The code of the paper cuts the same time into 249 steps, and leaves the first of 250 empty; it chooses the best
    epoch by SSC's test file.

    Examples
    --------
    >>> data = ms.datasets.heidelberg("digits")  # doctest: +SKIP
    >>> data.test.x.shape, len(data.record["validation_speakers"])  # doctest: +SKIP
    ((2264, 250, 140), 2)
    """
    words = validate.choice(words, "words", FILES)
    n_steps, seed = validate.integer(n_steps, "n_steps", 1), validate.integer(seed, "seed", 0)
    max_time = validate.number(max_time, "max_time", 0.0, np.inf, "()")
    channels = checked_channels(channels, N_UNITS)
    import_extra("h5py", "events", "recordings of spikes are read")  # before a download
    record = {"name": "heidelberg", "words": words, "n_steps": n_steps, "max_time": max_time, "channels": channels}
    steps = {"n_steps": n_steps, "max_time": max_time, "channels": channels}
    folder = data_folder(folder, "events", gzipped_or_not([name for name, _ in FILES[words].values()]))
    if words == "commands":
        splits = _commands(folder, steps)
    else:
        splits, record["validation_speakers"] = _digits(folder, steps, seed)
        record["seed"] = seed
    return Dataset(**splits, n_classes=N_CLASSES[words], record=record)


def _digits(folder: Path, steps: dict, seed: int) -> tuple[dict[str, Split], list[int]]:
    """Count the spikes of SHD in memory; also return the speakers of validation."""
    train, test = _unpacked(folder, "digits")
    with announce.announce("counting the spikes of SHD"):
        with _opened(train, "digits", "train") as file:
            speakers = file["extra/speaker"][:]
            rng = stream(seed, "speakers", "heidelberg")
            held_out = np.sort(rng.permutation(np.unique(speakers))[:VALIDATION_SPEAKERS])
            validation = np.isin(speakers, held_out)
            splits = {
                "train": _split(file, np.flatnonzero(~validation), steps),
                "validation": _split(file, np.flatnonzero(validation), steps),
            }
        with _opened(test, "digits", "test") as file:
            splits["test"] = _split(file, np.arange(len(file["labels"])), steps)
    return splits, held_out.tolist()


def _commands(folder: Path, steps: dict) -> dict[str, Split]:
    """Map the counts of SSC to memory, after making them if they are missing."""
    name = "ssc-2-{n_steps}_steps-{max_time!r}_s-{channels}_channels".format(**steps)
    counts = folder / name
    if not counts.is_dir():
        paths = dict(zip(FILES["commands"], _unpacked(folder, "commands")))

        def make(made: Path) -> None:
            for split, path in paths.items():
                with _opened(path, "commands", split) as file:
                    np.save(made / f"{split}-y.npy", file["labels"][:].astype(np.int64))
                    shape = (len(file["labels"]), steps["n_steps"], steps["channels"])
                    with new_array(made / f"{split}-x.npy", shape, "uint8") as write:
                        _count(file, np.arange(shape[0]), write, steps, show=True)

        made_once(folder, name, make)
    return {
        split: Split(np.load(counts / f"{split}-x.npy", mmap_mode="r"), np.load(counts / f"{split}-y.npy"))
        for split in FILES["commands"]
    }


def _split(file, rows: np.ndarray, steps: dict) -> Split:
    """Make a split of some recordings of a file, in memory."""
    x = np.empty((len(rows), steps["n_steps"], steps["channels"]), np.uint8)

    def write(start: int, counts: np.ndarray) -> None:
        x[start : start + len(counts)] = counts

    _count(file, rows, write, steps, show=False)
    return Split(x, file["labels"][:][rows].astype(np.int64))


def _count(file, rows: np.ndarray, write: Callable, steps: dict, show: bool) -> None:
    """Count the spikes of the recordings `rows` of a file, and write them some at a time: `write(start, counts)`."""
    with announce.progress(len(rows), "recording of SSC", show) as advance:
        for start in range(0, len(rows), TOGETHER):
            chosen, counts = rows[start : start + TOGETHER], []
            for row, times, units in zip(chosen, file["spikes/times"][chosen], file["spikes/units"][chosen]):
                try:
                    counts.append(_counts(times, units, **steps))
                except ValueError as error:
                    raise ValueError(f"{file.filename}: recording {row}: {error}") from error
            write(start, np.stack(counts))
            advance(len(chosen))


def _counts(times: np.ndarray, units: np.ndarray, n_steps: int, max_time: float, channels: int) -> np.ndarray:
    """Count the spikes of one recording, without those before 0 or after the end."""
    if len(times) != len(units):
        raise ValueError(f"times has {len(times)} numbers, units {len(units)}")
    times = times.astype(np.float64)
    inside = ((times >= 0) & (times < max_time)) | ~np.isfinite(times)  # what is no time is an error
    return events_to_array(times[inside], units[inside], n_steps, max_time, N_UNITS, channels, dtype="uint8")


# Files


@contextmanager
def _opened(path: Path, words: str, split: str) -> Iterator:
    """Open an HDF5 file, after a look at what is in it; within the block, damage becomes a ValueError with its name."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            with advising():
                _check(file, path, words, split)
            yield file
    except (OSError, KeyError, RuntimeError) as error:  # whatever h5py makes of damage
        if getattr(error, "errno", None):  # no damage, but e.g. a full disk
            raise
        with advising():
            raise ValueError(f"{path} is no whole HDF5 file; is it truncated? ({error})") from error


def _check(file, path: Path, words: str, split: str) -> None:
    """Check that a file has the arrays that are read, in the sizes that were published."""
    names = ["spikes/times", "spikes/units", "labels"]
    if (words, split) == ("digits", "train"):
        names.append("extra/speaker")
    lacking = [name for name in names if name not in file]
    if lacking:
        raise ValueError(f"{path} lacks {', '.join(lacking)}; is it one of the Heidelberg data sets?")
    expected = (FILES[words][split][1],)
    for name in names:
        if file[name].shape != expected:
            raise ValueError(f"{path} has {name} of shape {file[name].shape}, expected {expected}")
    largest, last = int(file["labels"][:].max()), N_CLASSES[words] - 1
    if largest > last:
        raise ValueError(f"{path} has labels up to {largest}, expected 0 .. {last}; is it the other data set?")


def _unpacked(folder: Path, words: str) -> list[Path]:
    """Return the paths of all HDF5 files; download and unpack those that are missing."""
    names = [name for name, _ in FILES[words].values()]
    missing = [name for name in names if not (folder / name).is_file() and not (folder / f"{name}.gz").is_file()]
    if missing:
        _download(folder, missing)
    for path in (folder / name for name in names):
        if not path.is_file():
            _unpack(path.with_name(f"{path.name}.gz"), path)
    return [folder / name for name in names]


def _download(folder: Path, names: list[str]) -> None:
    """Download gzipped files, each with the MD5 that its publisher names."""
    by_hand = f"By hand: put {gzipped_or_not(names)} into {folder}"
    text = fetch_text([mirror + SUMS for mirror in MIRRORS], "events", by_hand)
    sums = {words[1].lstrip("*"): words[0] for line in text.splitlines() if len(words := line.split()) == 2}
    for name in (f"{name}.gz" for name in names):
        if name not in sums:
            raise OSError(f"the publisher's {SUMS} has no checksum of {name}. {by_hand}")
        urls, md5 = [mirror + name for mirror in MIRRORS], sums[name]
        fetch(urls, folder / name, lambda part, md5=md5: check_digest(part, "md5", md5), "events", by_hand)


def _unpack(packed: Path, path: Path) -> None:
    """Unpack a gzipped file beside it, whole or not at all."""
    try:
        with announce.announce(f"unpacking {packed.name}"), gzip.open(packed) as source:
            storage.write_file(path, lambda file: shutil.copyfileobj(source, file, 2**20))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        with advising():
            raise ValueError(f"{packed} is a truncated or damaged gzip file ({error})") from error
