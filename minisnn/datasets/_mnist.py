"""MNIST: 70,000 images of 28x28 pixels, read from four IDX files that are downloaded at first use."""

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split, permutation, stratified
from minisnn.datasets._download import data_folder, fetch, gzipped_or_not

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FILES = {  # shape, SHA-256 of the unpacked file
    "train-images-idx3-ubyte": (
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
N_VALIDATION = 5_000


def mnist(
    permute: bool = False,
    pool: int = 1,
    rows: bool = False,
    seed: int = 0,
    n_train: int | None = None,
    folder: str | os.PathLike | None = None,
) -> Dataset[Split]:
    """Load MNIST, handwritten digits, as sequences of pixels (S-MNIST, PS-MNIST) or of rows; download it at first use.

    One pixel per step, row by row: T = 784, n_in = 1; with `pool=2` T = 196. Or, with `rows`, one row per step:
    T = n_in = 28; with `pool=2` T = n_in = 14. The test split is that of MNIST, 10,000 images. The 60,000 training
    images are split into 55,000 for training and 5,000 for validation, with the same share of each class.

    Parameters
    ----------
    permute : bool
        Whether to read the pixels in one random order, the same for all images, instead of row by row.
    pool : int
        1: images as they are, 28x28. 2: means over 2x2 pixels, so images are 14x14.
    rows : bool
        Whether to read one row per step instead of one pixel; not together with `permute`.
    seed : int
        Seed of the order of `permute`, and of which images are for validation and training; at least 0. It is kept in
        `record`.
    n_train : int, optional
        Number of training images to keep, 10 .. 55,000, with the same share of each class. None: all of them.
    folder : path, optional
        Holds the four files, gzipped or unpacked; missing ones are downloaded into it (12 MB).
        Default: the environment variable MINISNN_DATA; without it, the user's cache folder.

    Returns
    -------
    Dataset
        x (B, T, n_in) float32 in [0, 1], y (B,) in 0 .. 9.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the checksum of a file in the folder is wrong.
    ImportError
        If pooch is missing where it is needed: to download files, or to find the default folder (`pip install
        "minisnn[data]"`).
    OSError
        If files are missing and no mirror provides them, or the folder can't be written to, or the disk is full. Files
        are written whole or not at all.

    Notes
    -----
    The MNIST database of handwritten digits, Y. LeCun, C. Cortes and C. J. C. Burges.

    Examples
    --------
    >>> data = ms.datasets.mnist(pool=2, n_train=10_000)  # doctest: +SKIP
    >>> data.train.x.shape, data.test.x.shape  # doctest: +SKIP
    ((10000, 196, 1), (10000, 196, 1))
    """
    permute, rows = validate.flag(permute, "permute"), validate.flag(rows, "rows")
    pool, seed = validate.integer(pool, "pool", 1), validate.integer(seed, "seed", 0)
    if pool > 2:
        raise ValueError(f"pool must be 1 (28x28 pixels) or 2 (14x14), got {pool}")
    if permute and rows:
        raise ValueError("permute reorders single pixels, rows=True reads whole rows; set one of the two to False")
    n_train = _checked_n_train(n_train)

    images, labels, test_images, test_labels = _read_files(data_folder(folder, "data", gzipped_or_not(FILES)))
    train, validation = _split(labels, n_train, seed)
    height, width = images.shape[1] // pool, images.shape[2] // pool
    order = permutation(height if rows else height * width, permute, seed)
    record = {"name": "mnist", "permute": permute, "pool": pool, "rows": rows, "seed": seed, "n_train": n_train}
    return Dataset(
        Split(_sequences(images[train], pool, order), labels[train].astype(np.int64)),
        Split(_sequences(images[validation], pool, order), labels[validation].astype(np.int64)),
        Split(_sequences(test_images, pool, order), test_labels.astype(np.int64)),
        n_classes=10,
        record={
            **record,
            "permutation": order.tolist(),
            "sha256": {name: sha256 for name, (_, sha256) in FILES.items()},
        },
    )


def _checked_n_train(n_train) -> int | None:
    """Check that `n_train` is None or at most the number of training images, before anything is downloaded."""
    if n_train is None:
        return None
    n_train = validate.integer(n_train, "n_train", 10)
    most = FILES["train-labels-idx1-ubyte"][0][0] - N_VALIDATION
    if n_train > most:
        raise ValueError(f"n_train must be at most {most}, all images not in validation, got {n_train}")
    return n_train


def _split(labels: np.ndarray, n_train: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the indices of the training and of the validation images, ascending."""
    train, validation, _ = stratified(labels, (N_VALIDATION / len(labels), 0.0), stream(seed, "split", "mnist"))
    if n_train is not None:
        rng = stream(seed, "subset", "mnist")
        _, chosen, _ = stratified(labels[train], (n_train / len(train), 0.0), rng)
        train = train[chosen]
    return train, validation


def _sequences(images: np.ndarray, pool: int, order: np.ndarray) -> np.ndarray:
    """Turn images (B, height, width) uint8 into x (B, T, n_in) float32, with T the length of `order`.

    Pixels stay integers to the last moment, since an image is four times as large in float32.
    """
    n, height, width = images.shape
    if pool > 1:
        images = images.reshape(n, height // pool, pool, width // pool, pool).sum(axis=(2, 4), dtype=np.uint16)
    x = images.reshape(n, len(order), -1)[:, order].astype(np.float32)
    x /= 255 * pool**2
    return x


def _read_files(folder: Path) -> list[np.ndarray]:
    """Read the arrays of the four files, in the order of FILES; download those that are missing."""
    missing = [name for name in FILES if _find(folder, name) is None]
    by_hand = f"By hand: put {gzipped_or_not(missing)} into {folder}"
    for name in missing:
        urls, path = [f"{mirror}{name}.gz" for mirror in MIRRORS], folder / f"{name}.gz"
        fetch(urls, path, lambda part, name=name: _decode(part.read_bytes(), name), "data", by_hand)
    return [_read_file(_find(folder, name), name) for name in FILES]


def _find(folder: Path, name: str) -> Path | None:
    """Return the path of a file, unpacked or gzipped; None if it is missing."""
    paths = (folder / name, folder / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def _read_file(path: Path, name: str) -> np.ndarray:
    """Read the array in a file of the folder; a ValueError gives its path, what is wrong, and what to do."""
    try:
        return _decode(path.read_bytes(), name)
    except ValueError as error:
        raise ValueError(f"{path} {error}; delete it and call mnist() again to download it") from error


def _decode(content: bytes, name: str) -> np.ndarray:
    """Decode the array in the content of an IDX file, gzipped or not.

    Raises
    ------
    ValueError
        If it is not the file of FILES; the caller puts the origin of the content in front of the message.
    """
    shape, sha256 = FILES[name]
    if content[:2] == b"\x1f\x8b":  # not by name: some browsers unpack a download but keep its .gz
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"is a truncated or damaged gzip file ({error})") from error
    # An IDX file: two zeros, 8 for bytes, the number of axes; the size of each axis, big-endian; the bytes.
    magic, n_header = bytes([0, 0, 8, len(shape)]), 4 + 4 * len(shape)
    if content[:4] != magic:
        raise ValueError(f"is neither gzip nor the IDX file {name}: starts with {content[:16]!r}, expected {magic!r}")
    got = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, n_header, 4))
    if got != shape:
        raise ValueError(f"holds an array of shape {got}, expected {shape}; is it another file of MNIST?")
    n_bytes = n_header + math.prod(shape)
    if len(content) != n_bytes:
        raise ValueError(f"has {len(content)} bytes unpacked, expected {n_bytes}")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"has the SHA-256 {hashlib.sha256(content).hexdigest()} unpacked, expected {sha256}")
    return np.frombuffer(content, np.uint8, offset=n_header).reshape(shape)
