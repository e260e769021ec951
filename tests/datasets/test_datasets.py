"""The bundled digits: shapes, split, permutation and record."""

import dataclasses
import json
from importlib.resources import files

import numpy as np
import pytest

import minisnn as ms
from minisnn.datasets import Dataset, Split
from minisnn.datasets._dataset import stratified

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def plain() -> Dataset:
    return ms.datasets.digits()


@pytest.fixture(scope="module")
def permuted() -> Dataset:
    return ms.datasets.digits(permute=True, seed=3)


@pytest.fixture(scope="module")
def images():
    """The file itself: images (B, 8, 8) of 0 .. 16 and labels, first those of 30 writers, then those of 13 others."""
    with (files("minisnn.datasets") / "digits.npz").open("rb") as file, np.load(file) as arrays:
        return {part: (arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test")}


def rows(data: Dataset) -> np.ndarray:
    """All sequences with their labels in a last column, one split after the other."""
    parts = [getattr(data, name) for name in SPLITS]
    return np.concatenate([np.column_stack([part.x[:, :, 0], part.y]) for part in parts])


def ordered(a) -> np.ndarray:
    """The rows of a, in lexical order."""
    return a[np.lexsort(a.T)]


@pytest.mark.parametrize("permute", [False, True])
def test_shapes_and_types(plain, permuted, permute):
    data = permuted if permute else plain
    for name, n in zip(SPLITS, (3323, 500, 1797)):
        split = getattr(data, name)
        assert split.x.shape == (n, 64, 1)
        assert split.x.dtype == np.float32
        assert split.y.shape == (n,)
        assert split.y.dtype == np.int64
        assert split.lengths is None
        assert len(split) == n
        assert (split.x.min(), split.x.max()) == (0.0, 1.0)
        assert set(split.y.tolist()) == set(range(10))
        np.testing.assert_array_equal(split.x * 16, np.rint(split.x * 16))  # 17 grey levels
    assert (data.n_in, data.n_classes) == (1, 10)


def test_training_and_validation_are_drawn_from_thirty_writers(plain, images):
    """Every image is in exactly one split: as many rows as images, and the same ones."""
    pixels, labels = images["train"]
    whole = np.column_stack([pixels.reshape(3823, 64) / 16, labels])
    np.testing.assert_array_equal(ordered(rows(plain)[:3823]), ordered(whole))


def test_the_official_test_is_left_as_it_is(plain, images):
    """By its images, in their order, and by the counts of classes that the data set's publishers name."""
    pixels, labels = images["test"]
    np.testing.assert_array_equal(plain.test.x[:, :, 0] * 16, pixels.reshape(1797, 64))
    np.testing.assert_array_equal(plain.test.y, labels)
    published = {"train": [376, 389, 380, 389, 387, 376, 377, 387, 380, 382],
                 "test": [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]}  # fmt: skip
    for part, counts in published.items():
        assert np.bincount(images[part][1]).tolist() == counts


def test_split_is_stratified(plain):
    train, validation = (np.bincount(part.y, minlength=10) for part in (plain.train, plain.validation))
    assert np.abs(validation - 500 / 3823 * (train + validation)).max() <= 1


def test_stratified_indices(rng):
    """On labels of very different frequency: disjoint, complete, ascending, drawn by the generator."""
    labels = np.repeat([0, 1, 2], [200, 37, 11])[rng.permutation(248)]
    parts = stratified(labels, (0.2, 0.1), np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(248))
    for part, share in zip(parts, (0.7, 0.2, 0.1)):
        assert (np.diff(part) > 0).all()
        assert len(part) == pytest.approx(share * 248, abs=2)
        for label in range(3):
            assert (labels[part] == label).sum() == pytest.approx(share * (labels == label).sum(), abs=2)
    again, other = (stratified(labels, (0.2, 0.1), np.random.default_rng(seed)) for seed in (1, 2))
    assert all((a == b).all() for a, b in zip(parts, again))
    assert not np.array_equal(parts[1], other[1])


def test_seeds_draw_the_validation_images_and_leave_the_test(plain, permuted):
    """Undoing the permutation gives the same test images for all seeds, and other images for validation."""
    for data in (permuted, ms.datasets.digits(seed=5)):
        order = np.array(data.record["permutation"])
        np.testing.assert_array_equal(data.test.x, plain.test.x[:, order])
        np.testing.assert_array_equal(data.test.y, plain.test.y)
        drawn = {x.tobytes() for x in data.validation.x}
        expected = {x.tobytes() for x in np.ascontiguousarray(plain.validation.x[:, order])}
        assert len(drawn & expected) < 150  # by chance 500² / 3823, 65
    same, row_by_row = ms.datasets.digits(permute=True, seed=5), ms.datasets.digits(seed=5)
    np.testing.assert_array_equal(same.validation.x, row_by_row.validation.x[:, same.record["permutation"]])


def test_without_permutation_pixels_come_row_by_row(plain, images):
    """The first training images, looked up in the file by their pixels."""
    pixels, labels = images["train"]
    for x, y in zip(plain.train.x[:20], plain.train.y[:20]):
        hits = [i for i in range(3823) if np.array_equal(pixels[i], x.reshape(8, 8) * 16)]
        assert [labels[i] for i in hits] == [y] * len(hits)
        assert hits
    assert plain.record["permutation"] == list(range(64))


def test_permutation(permuted):
    order = permuted.record["permutation"]
    assert sorted(order) == list(range(64))
    assert order != list(range(64))
    assert ms.datasets.digits(permute=True, seed=3).record["permutation"] == order
    assert ms.datasets.digits(permute=True, seed=4).record["permutation"] != order


def test_record_is_json(permuted):
    """All that is needed to make the data again."""
    record = json.loads(json.dumps(permuted.record))
    assert record == permuted.record
    assert record["name"] == "digits"
    again = ms.datasets.digits(permute=record["permute"], seed=record["seed"])
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(again, name).x, getattr(permuted, name).x)
    json.dumps(ms.datasets.digits(permute=True, seed=np.int64(2)).record)


def test_arrays_are_read_only(plain, permuted):
    for data in (plain, permuted):
        for name in SPLITS:
            split = getattr(data, name)
            for array in (split.x, split.y):
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 0
    lengths = np.array([3, 2])
    with pytest.raises(ValueError, match="read-only"):
        Split(np.zeros((2, 3, 1)), np.zeros(2, np.int64), lengths).lengths[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.train = plain.test


@pytest.mark.parametrize("name", ["x", "y", "lengths"])
def test_a_split_takes_no_masked_arrays(name):
    arrays = {"x": np.ones((3, 5, 2)), "y": np.zeros(3, int), "lengths": np.full(3, 4)}
    arrays[name] = np.ma.array(arrays[name], mask=np.zeros(arrays[name].shape))
    with pytest.raises(TypeError, match=f"^{name} is a masked array"):
        ms.datasets.Split(**arrays)


def test_a_split_leaves_the_arrays_of_others_writable():
    """Who hands in arrays can go on working with them; the split is read-only."""
    x, y = np.zeros((2, 3, 1)), np.zeros(2, np.int64)
    split = Split(x, y)
    x[0, 0], y[0] = 1.0, 1
    assert not split.x.flags.writeable
    assert not split.y.flags.writeable


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"permute": 1}, TypeError, "permute must be True or False"),
        ({"permute": "yes"}, TypeError, "permute"),
        ({"permute": True, "seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"permute": True, "seed": 1.5}, TypeError, "seed must be an integer"),
        ({"permute": True, "seed": True}, TypeError, "seed must be an integer"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"seed": "0"}, TypeError, "seed must be an integer"),
    ],
)
def test_errors(options, error, words):
    with pytest.raises(error, match=words):
        ms.datasets.digits(**options)
