"""The bundled digits: 5620 images of 8x8 pixels, read one pixel per step."""

from importlib.resources import files

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split, permutation, stratified

N_VALIDATION = 500


def digits(permute: bool = False, seed: int = 0) -> Dataset[Split]:
    """Load the bundled handwritten digits as sequences of 64 pixels, one per step.

    Of 3,823 images by 30 writers, 500 are for validation, with the same share of each class, and 3,323 for training.
    The test is the official one: 1,797 images by 13 other writers.

    Parameters
    ----------
    permute : bool
        Whether to read the pixels in one random order, the same for all images, instead of row by row. What is close in
        the image is then anywhere in time.
    seed : int
        Seed of that order, and of which images are for validation; at least 0. It is kept in `record`.

    Returns
    -------
    Dataset
        x (B, 64, 1) float32 in [0, 1], y (B,) in 0 .. 9.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Notes
    -----
    "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998,
    licence CC BY 4.0.

    Examples
    --------
    >>> data = ms.datasets.digits(permute=True)
    >>> data.train.x.shape, len(data.validation), len(data.test)
    ((3323, 64, 1), 500, 1797)
    """
    permute, seed = validate.flag(permute, "permute"), validate.integer(seed, "seed", 0)
    with (files("minisnn.datasets") / "digits.npz").open("rb") as file, np.load(file) as arrays:
        images, labels = arrays["train_images"], arrays["train_labels"].astype(np.int64)
        test_images, test_labels = arrays["test_images"], arrays["test_labels"].astype(np.int64)
    order = permutation(images[0].size, permute, seed)
    train, validation, _ = stratified(labels, (N_VALIDATION / len(labels), 0.0), stream(seed, "split", "digits"))
    return Dataset(
        Split(_sequences(images[train], order), labels[train]),
        Split(_sequences(images[validation], order), labels[validation]),
        Split(_sequences(test_images, order), test_labels),
        n_classes=10,
        record={"name": "digits", "permute": permute, "seed": seed, "permutation": order.tolist()},
    )


def _sequences(images: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Turn images (B, 8, 8) of 0 .. 16 into x (B, 64, 1) float32 in [0, 1]."""
    return images.reshape(len(images), -1, 1)[:, order].astype(np.float32) / 16
