"""The bundled digits: 1797 images of 8x8 pixels, read one pixel per step."""

from importlib.resources import files

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.datasets._dataset import Dataset, Split, permutation, stratified

SPLIT_SEED = 0  # the split is fixed: `seed` only changes the order of the pixels


def digits(permute: bool = False, seed: int = 0) -> Dataset[Split]:
    """Load the bundled handwritten digits as sequences of 64 pixels, one per step.

    The split into 1437 training, 180 validation and 180 test images is stratified and the same for all seeds.

    Parameters
    ----------
    permute : bool
        Whether to read the pixels in one random order, the same for all images, instead of row by row. What is close in
        the image is then anywhere in time.
    seed : int
        Seed of that order; at least 0. It is kept in `record`.

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
    The test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning
    Repository, 1998, licence CC BY 4.0.

    Examples
    --------
    >>> data = ms.datasets.digits(permute=True)
    >>> data.train.x.shape, len(data.validation), len(data.test)
    ((1437, 64, 1), 180, 180)
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
