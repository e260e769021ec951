"""The Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, downloaded at first use."""

import hashlib
import os
import re
from pathlib import Path

import numpy as np

from minisnn._internal import announce, validate
from minisnn._internal.rng import stream
from minisnn.datasets._audio import import_librosa, log_mel, read_wav
from minisnn.datasets._dataset import Dataset, Split, stratified
from minisnn.datasets._download import advising, data_folder, fetch
from minisnn.datasets._files import opened
from minisnn.datasets._padding import pad

URLS = ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",)
ARCHIVE = "free-spoken-digit-dataset-1.0.10.zip"
PLACES = (ARCHIVE, "fsdd.zip", "free-spoken-digit-dataset-1.0.10", "free-spoken-digit-dataset", "recordings")
SHA256 = "6b1a8e30f4df78a933fe25cf1ca0140c8c6f169c0a83649a15b70a5ae7407014"  # of all recordings, see _digest
N_RECORDINGS = 3000
RATE = 8000  # samples per second
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TEST_TAKES = 5  # the first ones: what the data set's own README names as its test
VALIDATION_SHARE = 1 / 9  # of the takes that are no test: as many as there are in the test
RECORDING = re.compile(rf"(?:.*/)?(\d_(?:{'|'.join(SPEAKERS)})_\d+\.wav)")


def spoken_digits(held_out: str = "takes", *, seed: int = 0, folder: str | os.PathLike | None = None) -> Dataset[Split]:
    """Load spoken digits, of speakers who were heard in training or of one who was not; download them at first use.

    Sequences of 40 mel bands, 10 ms per step, each of its own length: 15 to 229 steps, half of them below 43.

    Parameters
    ----------
    held_out : str
        What is the test. "takes": the first five takes of each digit by each speaker, which is the official test, 300
        recordings of voices that are known. Or a speaker, "george", "jackson", "lucas", "nicolas", "theo" or
        "yweweler": all 500 recordings of this one, who occurs nowhere else. The six together are six folds.
    seed : int
        Names what is validation data; at least 0. With "takes", five more takes of each digit by each speaker, drawn at
        random. With a speaker, all recordings of another one, so that what is chosen on validation data is chosen for
        voices that are new: the next in the list above (seed 0), the next but one (1), .. (4), around its end. So
        over the six folds each speaker is once the test and once the validation, and training has four.
    folder : path, optional
        Holds the archive of the tag v1.0.10, `free-spoken-digit-dataset-1.0.10.zip` or `fsdd.zip`, or what is in it; if
        it is missing, it is downloaded into the folder (15 MB).
        Default: the environment variable MINISNN_DATA; without it, the user's cache folder.

    Returns
    -------
    Dataset
        x (B, T, 40) float32, 0 after the end of a sequence; y (B,) in 0 .. 9; with lengths.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the files in the folder are damaged, or not those of v1.0.10 by their SHA-256.
    ImportError
        If librosa is missing, or the archive and pooch are (`pip install "minisnn[speech]"`).
    OSError
        If the archive is missing and can't be downloaded, or the folder can't be written to. It is written whole or not
        at all.

    Notes
    -----
    Free Spoken Digit Dataset, Z. Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset, licence
    CC BY-SA 4.0.

    Spectra: amplitudes in Hann windows of 30 ms, in 40 mel bands from 40 to 4000 Hz, as decibels down to 80 below the
    loudest. Each recording is normalised by itself: mean 0 and standard deviation 1 over all of its steps and bands.

    Examples
    --------
    >>> data = ms.datasets.spoken_digits(held_out="theo")  # doctest: +SKIP
    >>> data.train.x.shape, data.record["validation_speaker"]  # doctest: +SKIP
    ((2000, 132, 40), 'yweweler')
    """
    held_out = validate.choice(held_out, "held_out", ("takes", *SPEAKERS))
    seed = validate.integer(seed, "seed", 0)
    import_librosa()  # before a download
    path = _find(folder)
    with advising():
        recordings = _read(path)
    digits, speakers, takes = np.array([_labels(name) for name in recordings]).T
    record = {"name": "spoken_digits", "held_out": held_out, "seed": seed, "sha256": SHA256}
    if held_out == "takes":
        parts = _by_take(digits, speakers, takes, seed)
    else:
        test = SPEAKERS.index(held_out)
        validation = (test + 1 + seed % (len(SPEAKERS) - 1)) % len(SPEAKERS)
        record["validation_speaker"] = SPEAKERS[validation]
        own = (speakers == validation, speakers == test)
        parts = [np.flatnonzero(part) for part in (~(own[0] | own[1]), *own)]
    with announce.announce("computing the spectra of spoken digits"):
        spectra = [log_mel(read_wav(content, name, RATE), RATE) for name, content in recordings.items()]
    splits = []
    for part in parts:
        x, lengths = pad([spectra[i] for i in part])
        splits.append(Split(x, digits[part], lengths))
    return Dataset(*splits, n_classes=10, record=record)


def _by_take(digits, speakers, takes, seed: int) -> list[np.ndarray]:
    """Draw the indices of train, validation and test, for voices that are known."""
    rest, test = np.flatnonzero(takes >= TEST_TAKES), np.flatnonzero(takes < TEST_TAKES)
    cells = 10 * speakers[rest] + digits[rest]  # the same share of each digit by each speaker
    train, validation, _ = stratified(cells, (VALIDATION_SHARE, 0.0), stream(seed, "split", "spoken_digits"))
    return [rest[train], rest[validation], test]


def _labels(name: str) -> tuple[int, int, int]:
    """Return digit, number of the speaker, and take of a recording, by its name."""
    digit, speaker, take = name.removesuffix(".wav").split("_")
    return int(digit), SPEAKERS.index(speaker), int(take)


def _find(folder) -> Path:
    """Return where the recordings are, an archive or a folder; download them if they are missing."""
    folder = data_folder(folder, "speech", f"{ARCHIVE}, or what is in it,")
    for path in (folder / place for place in PLACES):
        if path.exists():
            return path
    path = folder / ARCHIVE
    fetch(URLS, path, _read, "speech")
    return path


def _read(path: Path) -> dict[str, bytes]:
    """Return the contents of all recordings in an archive or folder, in the order of their names."""
    with opened(path) as files:
        matches = {match[1]: read for name, read in files.items() if (match := RECORDING.fullmatch(name))}
        recordings = {name: matches[name]() for name in sorted(matches)}
    slip = "is it another version than v1.0.10?"
    if len(recordings) != N_RECORDINGS:
        raise ValueError(f"{path} holds {len(recordings):,} recordings, expected {N_RECORDINGS:,}; {slip}")
    if _digest(recordings) != SHA256:
        raise ValueError(f"{path} has the SHA-256 {_digest(recordings)} over its recordings, expected {SHA256}; {slip}")
    return recordings


def _digest(recordings: dict[str, bytes]) -> str:
    """Hash all recordings in the order of their names, each as name, a zero byte, content."""
    digest = hashlib.sha256()
    for name, content in recordings.items():
        digest.update(name.encode() + b"\0")
        digest.update(content)
    return digest.hexdigest()
