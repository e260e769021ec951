"""The bundled digits: 1797 images of 8x8 pixels, read one pixel a step."""

from importlib.resources import files

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split, permutation, stratified

SPLIT_SEED = 0  # the split is fixed: `seed` only changes the order of the pixels


def digits(permute: bool = False, seed: int = 0) -> Dataset:
    """Handwritten digits as sequences of 64 pixels in [0, 1]: x (B, 64, 1) float32, y (B,) in 0 .. 9.

    The split into 1437 training, 180 validation and 180 test images is stratified and the same for all seeds.

    Parameters
    ----------
    permute : bool
        Read the pixels in one random order (the same for all images) instead of row by row. What lies close in the
        image then lies anywhere in time.
    seed : int
        Names that order; it stands in `record`.

    Notes
    -----
    The test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning
    Repository, 1998, licence CC BY 4.0.
    """
    permute, seed = validate.flag(permute, "permute"), validate.integer(seed, "seed", 0)
    with (files("minisnn.datasets") / "digits.npz").open("rb") as file, np.load(file) as arrays:
        images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    pixels = images.reshape(len(images), -1, 1).astype(np.float32) / 16
    order = permutation(pixels.shape[1], permute, seed)
    train, validation, test = (
        Split(pixels[part][:, order], labels[part])
        for part in stratified(labels, (0.1, 0.1), stream(SPLIT_SEED, "split", "digits"))
    )
    record = {"name": "digits", "permute": permute, "seed": seed, "permutation": order.tolist()}
    return Dataset(train, validation, test, n_classes=10, record=record)
