"""Google Speech Commands v0.02: 105,829 recordings of 35 words, downloaded at first use."""

import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from minisnn._internal import announce, validate
from minisnn._internal.rng import stream
from minisnn.datasets._audio import BANDS, HOP, import_librosa, log_mel, read_wav
from minisnn.datasets._dataset import Dataset, Split
from minisnn.datasets._download import advising, check_digest, data_folder, fetch
from minisnn.datasets._files import made_once, new_array, opened

ARCHIVE = "speech_commands_v0.02.tar.gz"
URLS = (
    f"https://storage.googleapis.com/download.tensorflow.org/data/{ARCHIVE}",
    f"http://download.tensorflow.org/data/{ARCHIVE}",
)
PLACES = ("speech_commands_v0.02", ".", ARCHIVE)  # unpacked, which is read faster, or not
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"  # of the archive, 2,428,923,189 bytes
SPECTRA = "speech_commands_v0.02-log_mel"  # the folder of what is made of it
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
N_RECORDINGS = {"train": 84_843, "validation": 9_981, "test": 11_005}
NOISE = "_background_noise_"
RATE = 16_000  # samples per second, and so in a recording
N_STEPS = 1 + RATE // round(HOP * RATE)
TOGETHER = 64  # recordings of which spectra are computed at a time
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
WORDS = tuple(
    "backward bed bird cat dog down eight five follow forward four go happy house learn left marvin nine no off on one "
    "right seven sheila six stop three tree two up visual wow yes zero".split()
)
SILENCE_SHARE = 0.1  # as many recordings of silence as this share of those of the ten commands
NOISE_PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}  # of each recording of noise


def speech_commands(
    classes: int = 35, *, unknown: float | None = 0.1, seed: int = 0, folder: str | os.PathLike | None = None
) -> Dataset[Split]:
    """Load Google Speech Commands v0.02, words of one second by many speakers; download them at first use.

    Sequences of 40 mel bands, 10 ms per step: T = 101. Validation and test are the official lists, whose speakers occur
    nowhere else.

    At first use spectra are computed, in some minutes, and kept in the folder as arrays of float16 (0.9 GB). From
    there, training on 35 classes reads one batch at a time, so the data need not fit into memory; 12 classes are read
    whole (0.4 GB, with all unknown words three times as much).

    Parameters
    ----------
    classes : int
        35: all words, in the order of the alphabet. 12: yes, no, up, down, left, right, on, off, stop, go, unknown and
        silence, in this order. Unknown is drawn from recordings of the other 25 words, and silence is cut from
        recordings of background noise: in each split a tenth of its number of the ten words, as is usual (36,923,
        4,445 and 4,890 recordings in all). Of each recording of noise, the first 80 % are cut for training, the next
        10 % for validation, the last 10 % for test.
    unknown : float, optional
        Unknown recordings, as a share of those of the ten words, in (0, 1]. None: all of the other words, as in the
        code of the paper, which makes two thirds of the data unknown.
    seed : int
        Names what is drawn for 12 classes; at least 0.
    folder : path, optional
        Holds the archive, `speech_commands_v0.02.tar.gz`, or what is in it, unpacked there or in
        `speech_commands_v0.02`; if it is missing, it is downloaded into the folder (2.4 GB). Once spectra are there, it
        is needed no more. Default: the environment variable MINISNN_DATA; without it, the user's cache folder.

    Returns
    -------
    Dataset
        x (B, 101, 40) float16, y (B,) in 0 .. classes - 1; its `classes` are the words.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the archive is damaged or not v0.02 by its SHA-256, or unpacked recordings are too
        few or too many, or one is damaged, empty, or not mono with 16,000 samples of 16 bit per second.
    ImportError
        If librosa or pooch is missing and needed (`pip install "minisnn[speech]"`).
    OSError
        If the archive is missing and can't be downloaded, the folder can't be written to, or the disk is full. Archive
        and spectra are written whole or not at all.

    Notes
    -----
    P. Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, arXiv 1804.03209, 2018; licence
    CC BY 4.0.

    Spectra: amplitudes in Hann windows of 30 ms, in 40 mel bands from 40 to 4000 Hz, as decibels down to 80 below the
    loudest. Each recording is normalised by itself: mean 0 and standard deviation 1 over all of its steps and bands.
    Those shorter than a second are followed by silence, longer ones are cut. The code of the paper differs in that: it
    fills up the spectrum, with its loudest value, and goes down to 160 dB.

    Examples
    --------
    >>> data = ms.datasets.speech_commands(classes=12)  # doctest: +SKIP
    >>> len(data.train), data.test.x.shape  # doctest: +SKIP
    (36923, (4890, 101, 40))
    """
    if validate.integer(classes, "classes", 1) not in (12, 35):
        raise ValueError(f"classes must be 35 (all words) or 12 (ten words, unknown, silence), got {classes}")
    if unknown is not None:
        unknown = validate.number(unknown, "unknown", 0.0, 1.0, "(]")
    seed = validate.integer(seed, "seed", 0)
    spectra = _spectra(data_folder(folder, "speech", f"{ARCHIVE}, or what is in it,"))
    splits = {
        name: Split(np.load(spectra / f"{name}-x.npy", mmap_mode="r"), np.load(spectra / f"{name}-y.npy"))
        for name in N_RECORDINGS
    }
    record = {"name": "speech_commands", "version": "v0.02", "classes": int(classes)}
    if classes == 12:
        record |= {"unknown": unknown, "seed": seed}
        splits = {name: _twelve(split, spectra, name, unknown, seed) for name, split in splits.items()}
    names = WORDS if classes == 35 else (*COMMANDS, "unknown", "silence")
    return Dataset(**splits, n_classes=int(classes), record=record, classes=names)


# Twelve classes


def _twelve(split: Split, spectra: Path, name: str, unknown: float | None, seed: int) -> Split:
    """Make a split of ten words, unknown and silence out of one of 35 words, in memory."""
    classes = np.full(len(WORDS), len(COMMANDS))
    classes[[WORDS.index(word) for word in COMMANDS]] = range(len(COMMANDS))
    y = classes[split.y]
    known, others = np.flatnonzero(y < len(COMMANDS)), np.flatnonzero(y == len(COMMANDS))
    if unknown is not None:
        n = min(_share(unknown, len(known)), len(others))
        others = stream(seed, "unknown", "speech_commands", name).choice(others, n, replace=False)
    rows = np.sort(np.concatenate([known, others]))
    n_silent = _share(SILENCE_SHARE, len(known))
    x = np.empty((len(rows) + n_silent, *split.x.shape[1:]), split.x.dtype)
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        x[start : start + len(part)] = split.x[part]
    x[len(rows) :] = _silence(spectra, name, n_silent, seed)
    return Split(x, np.concatenate([y[rows], np.full(n_silent, len(COMMANDS) + 1)]))


def _share(share: float, n: int) -> int:
    """Return a share of a number, rounded up; 0.07 of 100 is 7, though 0.07 * 100 is a little more."""
    return math.ceil(round(share * n, 6))


def _silence(spectra: Path, name: str, n: int, seed: int) -> np.ndarray:
    """Draw n seconds of background noise from the part that belongs to a split: their spectra.

    How loud they are does not matter, since each is normalised.
    """
    rng, first, last = stream(seed, "silence", "speech_commands", name), *NOISE_PARTS[name]
    with np.load(spectra / "noise.npz") as noise:
        parts = [wave[int(first * len(wave)) : int(last * len(wave))] for wave in noise.values()]
    cut = []
    for i in rng.integers(0, len(parts), n):
        start = rng.integers(0, len(parts[i]) - RATE + 1)
        cut.append(parts[i][start : start + RATE])
    pieces = (np.stack(cut[start : start + TOGETHER]) for start in range(0, n, TOGETHER))
    return np.concatenate([log_mel(piece.astype(np.float32) / 2**15, RATE) for piece in pieces])


# Spectra, once


def _spectra(folder: Path) -> Path:
    """Return the folder of the spectra; compute them if they are missing, and download the recordings if they are."""
    path = folder / SPECTRA
    if not path.is_dir():
        import_librosa()  # before a download
        source = _find(folder)
        with advising():
            made_once(folder, SPECTRA, lambda made: _compute(source, made))
    return path


def _find(folder: Path) -> Path:
    """Return where the recordings are, a folder or an archive; download them if they are missing."""
    for path in (folder / place for place in PLACES):
        if path.is_file() or (path / LISTS["test"]).is_file():
            return path
    path = folder / ARCHIVE
    fetch(URLS, path, lambda part: check_digest(part, "sha256", SHA256), "speech")
    return path


def _compute(source: Path, made: Path) -> None:
    """Write the spectra of all recordings, by split, and the background noise to a folder."""
    if source.is_file():
        check_digest(source, "sha256", SHA256)
    with opened(source) as files:
        files = {"/".join(Path(name).parts[-2:]): read for name, read in files.items()}
        lists = {split: _reader(files, name, source)().decode().split() for split, name in LISTS.items()}
        rows, labels = _rows(lists, files, source)
        np.savez(made / "noise.npz", **_noise(files, source))
        for name, y in labels.items():
            np.save(made / f"{name}-y.npy", y)
        _write_spectra(files, rows, {name: len(y) for name, y in labels.items()}, source, made)


def _reader(files: dict[str, Callable], name: str, source: Path) -> Callable[[], bytes]:
    """Return the function that reads a file at the top of the archive, or of its only folder."""
    found = [read for path, read in files.items() if path.rsplit("/")[-1] == name]
    if len(found) != 1:
        raise ValueError(f"{source} has {len(found)} files {name}, expected one; is it Speech Commands v0.02?")
    return found[0]


def _rows(lists: dict[str, list[str]], files, source: Path) -> tuple[dict[str, tuple[str, int]], dict[str, np.ndarray]]:
    """Return the split and the row of each recording, and the labels of each split; rows go by name."""
    recordings = sorted(name for name in files if name.endswith(".wav") and name.split("/")[0] in WORDS)
    official = {name: split for split, names in lists.items() for name in names}
    absent = official.keys() - set(recordings)
    if absent:
        raise ValueError(f"{source} lacks {len(absent):,} recordings of its lists, among them {min(absent)}")
    by_split = {split: [] for split in N_RECORDINGS}
    for name in recordings:
        by_split[official.get(name, "train")].append(name)
    got = {split: len(names) for split, names in by_split.items()}
    if got != N_RECORDINGS:
        raise ValueError(f"{source} has {got} recordings, v0.02 has {N_RECORDINGS}; is it whole, and this version?")
    rows = {name: (split, row) for split, names in by_split.items() for row, name in enumerate(names)}
    number = {word: i for i, word in enumerate(WORDS)}
    labels = {split: [number[name.split("/")[0]] for name in names] for split, names in by_split.items()}
    return rows, {split: np.array(y, np.int64) for split, y in labels.items()}


def _noise(files: dict[str, Callable], source: Path) -> dict[str, np.ndarray]:
    """Return the recordings of background noise, as 16-bit integers."""
    names = sorted(name for name in files if name.startswith(f"{NOISE}/") and name.endswith(".wav"))
    if not names:
        raise ValueError(f"{source} has no recordings in {NOISE}; is it whole?")
    noise = {name: (2**15 * read_wav(files[name](), f"{source}: {name}", RATE)).astype(np.int16) for name in names}
    for name, wave in noise.items():
        if len(wave) < 11 * RATE:  # a tenth of it holds a second
            raise ValueError(f"{source}: {name} has {len(wave) / RATE:.1f} s of noise, expected at least 11")
    return {name.split("/")[1].removesuffix(".wav"): wave for name, wave in noise.items()}


def _write_spectra(files, rows: dict[str, tuple[str, int]], sizes: dict[str, int], source: Path, made: Path) -> None:
    """Compute the spectra of all recordings, in the order of the archive, and write them to an array per split."""
    names = [name for name in files if name in rows]
    with ExitStack() as stack:
        advance = stack.enter_context(announce.progress(len(names), "spectrum", show=True))
        write = {
            split: stack.enter_context(new_array(made / f"{split}-x.npy", (n, N_STEPS, BANDS), "float16"))
            for split, n in sizes.items()
        }
        for start in range(0, len(names), TOGETHER):
            chosen = names[start : start + TOGETHER]
            waves = np.zeros((len(chosen), RATE), np.float32)
            for wave, name in zip(waves, chosen):
                samples = read_wav(files[name](), f"{source}: {name}", RATE)[:RATE]
                wave[: len(samples)] = samples
            for name, spectrum in zip(chosen, log_mel(waves, RATE)):
                split, row = rows[name]
                write[split](row, spectrum[np.newaxis])
            advance(len(chosen))
