"""MNIST: what is made of the files, what goes wrong with them, and the real ones.

The everyday tests replace the four files by small ones (70 and 20 images of 8x6 pixels), and the mirrors by a server in
this process. No test uses a network. The tests of the real files are slow and need MINISNN_DATA.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pooch
import pytest
from made_files import web_server

import minisnn as ms
from minisnn.datasets import _download, _mnist

SPLITS = ("train", "validation", "test")
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array) -> bytes:
    """An array of bytes as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@pytest.fixture
def small(monkeypatch):
    """Small files in place of those of MNIST: their arrays, and their contents as a mirror has them."""
    rng = np.random.default_rng(5)
    arrays = {}
    for name, n in ((TRAIN_IMAGES, 70), (TEST_IMAGES, 20)):
        arrays[name] = rng.integers(0, 256, (n, 8, 6)).astype(np.uint8)
        arrays[name][:, 2, 3:5] = 0, 255
    arrays[TRAIN_LABELS] = rng.permutation(np.repeat(np.arange(10), 7)).astype(np.uint8)
    arrays[TEST_LABELS] = rng.integers(0, 10, 20).astype(np.uint8)
    sums = {name: (arrays[name].shape, hashlib.sha256(idx(arrays[name])).hexdigest()) for name in NAMES}
    monkeypatch.setattr(_mnist, "FILES", sums)
    monkeypatch.setattr(_mnist, "N_VALIDATION", 14)
    monkeypatch.setattr(_mnist, "MIRRORS", ())
    monkeypatch.delenv("MINISNN_DATA", raising=False)
    return SimpleNamespace(arrays=arrays, files={f"{name}.gz": gzip.compress(idx(arrays[name])) for name in NAMES})


@pytest.fixture
def folder(small, tmp_path) -> Path:
    """A folder that holds the small files, two gzipped and two unpacked."""
    for name in NAMES[:2]:
        (tmp_path / f"{name}.gz").write_bytes(small.files[f"{name}.gz"])
    for name in NAMES[2:]:
        (tmp_path / name).write_bytes(idx(small.arrays[name]))
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    """Its `url` without a slash at the end."""
    with web_server(monkeypatch) as state:
        state.url = state.url.removesuffix("/")
        yield state


@pytest.fixture
def mirror(small, server, monkeypatch):
    """The server as two mirrors, /a/ and /b/, that have all files."""
    server.mirrors = (f"{server.url}/a/", f"{server.url}/b/")
    monkeypatch.setattr(_mnist, "MIRRORS", server.mirrors)
    server.files.update({f"/{m}/{name}": content for m in "ab" for name, content in small.files.items()})
    return server


def contents(path: Path) -> dict[str, bytes]:
    """What a folder holds, hidden files too; a download under way has a hidden folder of its own."""
    return {file.name: file.read_bytes() for file in path.iterdir() if not file.is_dir()}


def rows(*splits) -> np.ndarray:
    """All sequences of some splits with their labels in a last column, in lexical order."""
    table = np.concatenate([np.column_stack([split.x.reshape(len(split), -1), split.y]) for split in splits])
    return table[np.lexsort(table.T)]


def pooled(images) -> np.ndarray:
    """Means over 2x2 pixels, in [0, 1], float64: the four pixels picked one by one."""
    corners = [images[:, i::2, j::2].astype(float) for i in range(2) for j in range(2)]
    return sum(corners) / 4 / 255


# What is made of the files


@pytest.mark.parametrize(
    "options, shape",
    [
        ({}, (48, 1)),
        ({"permute": True, "seed": 3}, (48, 1)),
        ({"pool": 2}, (12, 1)),
        ({"rows": True}, (8, 6)),
        ({"rows": True, "pool": 2}, (4, 3)),
    ],
)
def test_shapes_and_types(folder, options, shape):
    data = ms.datasets.mnist(folder=folder, **options)
    for name, n in zip(SPLITS, (56, 14, 20)):
        split = getattr(data, name)
        assert split.x.shape == (n, *shape)
        assert split.x.dtype == np.float32
        assert split.y.shape == (n,)
        assert split.y.dtype == np.int64
        assert split.lengths is None
        assert not split.x.flags.writeable
        assert 0 <= split.x.min() < split.x.max() <= 1
    assert (data.n_in, data.n_classes) == (shape[1], 10)
    if options.get("pool") is None:
        assert (data.train.x.min(), data.train.x.max()) == (0.0, 1.0)


def test_pixels_come_row_by_row(folder, small):
    """The test split holds the images of the test files in their order; train and validation those of the others."""
    data = ms.datasets.mnist(folder=folder)
    np.testing.assert_allclose(data.test.x.reshape(20, 8, 6), small.arrays[TEST_IMAGES] / 255, rtol=1e-7)
    np.testing.assert_array_equal(data.test.y, small.arrays[TEST_LABELS])
    whole = np.column_stack([small.arrays[TRAIN_IMAGES].reshape(70, 48) / np.float32(255), small.arrays[TRAIN_LABELS]])
    np.testing.assert_array_equal(rows(data.train, data.validation), whole[np.lexsort(whole.T)])


def test_rows(folder):
    plain, by_row = (ms.datasets.mnist(folder=folder, rows=rows) for rows in (False, True))
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(by_row, name).x.reshape(-1, 48, 1), getattr(plain, name).x)


def test_pooling(folder, small):
    data = ms.datasets.mnist(folder=folder, pool=2)
    np.testing.assert_allclose(data.test.x.reshape(20, 4, 3), pooled(small.arrays[TEST_IMAGES]), rtol=1e-6)
    by_row = ms.datasets.mnist(folder=folder, pool=2, rows=True)
    np.testing.assert_array_equal(by_row.train.x.reshape(-1, 12, 1), data.train.x)


@pytest.mark.parametrize("pool, n_steps", [(1, 48), (2, 12)])
def test_permutation(folder, pool, n_steps):
    """One order for all images and splits; the seed names it, and which images are for validation."""
    orders = []
    for seed in (0, 3, 3):
        plain = ms.datasets.mnist(folder=folder, pool=pool, seed=seed)
        assert plain.record["permutation"] == list(range(n_steps))
        data = ms.datasets.mnist(folder=folder, pool=pool, permute=True, seed=seed)
        orders.append(data.record["permutation"])
        assert sorted(orders[-1]) == list(range(n_steps))
        for name in SPLITS:
            np.testing.assert_array_equal(getattr(data, name).x, getattr(plain, name).x[:, orders[-1]])
            np.testing.assert_array_equal(getattr(data, name).y, getattr(plain, name).y)
    assert orders[0] != orders[1] == orders[2] != list(range(n_steps))


def test_seeds_draw_the_validation_images_and_leave_the_test(folder):
    one, other = (ms.datasets.mnist(folder=folder, seed=seed) for seed in (0, 3))
    np.testing.assert_array_equal(one.test.x, other.test.x)
    drawn = [{x.tobytes() for x in data.validation.x} for data in (one, other)]
    assert drawn[0] != drawn[1] and len(drawn[0]) == len(drawn[1])


def test_split_is_stratified(folder):
    data = ms.datasets.mnist(folder=folder)
    counts = np.bincount(data.validation.y, minlength=10)
    assert counts.sum() == 14
    assert set(counts.tolist()) == {1, 2}  # 1.4 of each class


@pytest.mark.parametrize("n_train", [10, 23, 55, 56])
def test_fewer_training_images(folder, n_train):
    """A stratified part of the training images, drawn by the seed; the other splits stay."""
    whole = ms.datasets.mnist(folder=folder)
    part = ms.datasets.mnist(folder=folder, n_train=n_train)
    other = ms.datasets.mnist(folder=folder, n_train=n_train, permute=True)
    assert len(part.train) == n_train
    counts, all_counts = (np.bincount(data.train.y, minlength=10) for data in (part, whole))
    assert np.abs(counts - n_train / 56 * all_counts).max() <= 1
    assert counts.min() >= 1
    known = {x.tobytes(): y for x, y in zip(whole.train.x, whole.train.y)}
    assert [known[x.tobytes()] for x in part.train.x] == part.train.y.tolist()
    np.testing.assert_array_equal(other.train.x, part.train.x[:, other.record["permutation"]])
    for name in SPLITS[1:]:
        np.testing.assert_array_equal(getattr(part, name).x, getattr(whole, name).x)


@pytest.mark.parametrize(
    "options",
    [{"permute": True, "pool": 2, "seed": np.int64(3), "n_train": np.int32(20)}, {"rows": True}],
)
def test_record_makes_the_data_again(folder, small, options):
    data = ms.datasets.mnist(folder=folder, **options)
    record = json.loads(json.dumps(data.record))
    assert record == data.record
    assert record["name"] == "mnist"
    unpacked = {name: hashlib.sha256(idx(small.arrays[name])).hexdigest() for name in NAMES}
    assert record["sha256"] == unpacked
    arguments = {name: record[name] for name in ("permute", "pool", "rows", "seed", "n_train")}
    again = ms.datasets.mnist(folder=folder, **arguments)
    assert again.record == record
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(again, name).x, getattr(data, name).x)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"permute": 1}, TypeError, "permute must be True or False"),
        ({"rows": "yes"}, TypeError, "rows must be True or False"),
        ({"permute": True, "rows": True}, ValueError, "set one of the two to False"),
        ({"pool": 0}, ValueError, "pool must be at least 1, got 0"),
        ({"pool": 4}, ValueError, r"pool must be 1 \(28x28 pixels\) or 2 \(14x14\), got 4"),
        ({"pool": 2.0}, TypeError, "pool must be an integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"n_train": 9}, ValueError, "n_train must be at least 10, got 9"),
        ({"n_train": 55_001}, ValueError, "n_train must be at most 55000.* got 55001"),
        ({"n_train": 0.5}, TypeError, "n_train must be an integer"),
        ({"folder": 3}, TypeError, "folder must be a path, got 3"),
    ],
)
def test_errors_in_arguments(options, error, words, tmp_path, monkeypatch):
    """They come before anything is looked for or downloaded."""
    monkeypatch.setattr(_mnist, "MIRRORS", ())
    with pytest.raises(error, match=words):
        ms.datasets.mnist(**{"folder": tmp_path / "none", **options})
    assert not (tmp_path / "none").exists()


# Where the files are


def test_files_that_are_there_need_neither_network_nor_pooch(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    before = contents(folder)
    assert len(ms.datasets.mnist(folder=str(folder)).train) == 56
    assert contents(folder) == before


@pytest.mark.parametrize("home", ["~", "~no-such-user"])  # the second has no home folder
def test_a_tilde(home, folder, tmp_path_factory, monkeypatch):
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    shutil.copytree(folder, (here if home == "~" else here / home) / "mnist")
    assert len(ms.datasets.mnist(folder=f"{home}/mnist").train) == 56


def test_folder_goes_before_the_variable_and_that_before_the_cache(small, folder, tmp_path_factory, monkeypatch):
    """Each of the three places in turn; the other two would fail, for nothing can be downloaded."""
    empty = tmp_path_factory.mktemp("empty")
    places = {"folder": empty, "variable": empty, "cache": empty}
    for place in ("cache", "variable", "folder"):
        places[place] = folder
        monkeypatch.setattr(pooch, "os_cache", lambda project, path=places["cache"]: Path(path))
        monkeypatch.setenv("MINISNN_DATA", "" if place == "cache" else str(places["variable"]))
        options = {"folder": places["folder"]} if place == "folder" else {}
        assert len(ms.datasets.mnist(**options).test) == 20
        places[place] = empty
    monkeypatch.setenv("MINISNN_DATA", str(empty))
    with pytest.raises(OSError, match="can't download"):
        ms.datasets.mnist()


def test_download(mirror, small, tmp_path, monkeypatch):
    """All four files from the first mirror, once, into the folder that MINISNN_DATA names."""
    folder = tmp_path / "new" / "data"
    monkeypatch.setenv("MINISNN_DATA", str(folder))
    first = ms.datasets.mnist()
    assert contents(folder) == small.files
    assert mirror.asked == [f"/a/{name}.gz" for name in NAMES]
    again = ms.datasets.mnist()
    assert len(mirror.asked) == 4
    np.testing.assert_array_equal(first.train.x, again.train.x)


def test_only_missing_files_are_downloaded(mirror, folder):
    (folder / TEST_LABELS).unlink()
    ms.datasets.mnist(folder=folder)
    assert mirror.asked == [f"/a/{TEST_LABELS}.gz"]


def test_second_mirror(mirror, small, tmp_path):
    """One file is missing at the first mirror (404)."""
    del mirror.files[f"/a/{TEST_IMAGES}.gz"]
    ms.datasets.mnist(folder=tmp_path)
    assert contents(tmp_path) == small.files
    assert [path for path in mirror.asked if path.startswith("/b/")] == [f"/b/{TEST_IMAGES}.gz"]


@pytest.mark.parametrize("fault", ["html", "truncated", "other file", "empty", "unpacked"])
def test_a_wrong_answer_of_a_mirror(mirror, small, tmp_path, fault):
    """With status 200. The second mirror helps, unless the answer was right after all."""
    name = f"{TRAIN_LABELS}.gz"
    mirror.files[f"/a/{name}"] = {
        "html": b"<!DOCTYPE html><title>Log in</title>",
        "truncated": small.files[name][:-9],
        "other file": small.files[f"{TEST_LABELS}.gz"],
        "empty": b"",
        "unpacked": idx(small.arrays[TRAIN_LABELS]),
    }[fault]
    data = ms.datasets.mnist(folder=tmp_path)
    assert (f"/b/{name}" in mirror.asked) == (fault != "unpacked")
    assert sorted(contents(tmp_path)) == sorted(small.files)
    assert ms.datasets.mnist(folder=tmp_path).record == data.record


def test_files_appear_whole(mirror, small, tmp_path):
    """At each request, the folder holds only whole files under their names; another run may put its own there first."""
    seen = []

    def another_run():
        seen.append(contents(tmp_path))
        (tmp_path / f"{TEST_LABELS}.gz").write_bytes(small.files[f"{TEST_LABELS}.gz"])

    mirror.before = another_run
    ms.datasets.mnist(folder=tmp_path)
    assert [len(found) for found in seen] == [0, 2, 3, 4]
    for found in [*seen, contents(tmp_path)]:
        assert found.items() <= small.files.items()
    assert len(contents(tmp_path)) == 4


# What can go wrong

WRONG = {
    "truncated": (lambda good: good[:-9], "is a truncated or damaged gzip file"),
    "wrong bytes": (lambda good: good[:30] + b"\0\0\0\0\0\0" + good[36:], "is a truncated or damaged gzip file"),
    "wrong blocks": (lambda good: good[:10] + b"\xff" + good[11:], "is a truncated or damaged gzip file"),
    "html": (lambda good: b"<!DOCTYPE html><html>", "is neither gzip nor the IDX file.*<!DOCTYPE html>"),
    "html, gzipped": (lambda good: gzip.compress(b"<!DOCTYPE html>"), "is neither gzip nor the IDX file"),
    "empty": (lambda good: b"", "is neither gzip nor the IDX file"),
    "labels": (lambda good: idx(np.zeros(70, np.uint8)), r"starts with b'\\x00\\x00\\x08\\x01.*expected .*x03'"),
    "fewer images": (lambda good: idx(np.zeros((20, 8, 6), np.uint8)), r"shape \(20, 8, 6\), expected \(70, 8, 6\)"),
    "cut": (lambda good: gzip.decompress(good)[:-1], "has 3375 bytes unpacked, expected 3376"),
    "longer": (lambda good: gzip.decompress(good) + b"\n", "has 3377 bytes unpacked, expected 3376"),
    "other pixels": (
        lambda good: idx(np.zeros((70, 8, 6), np.uint8)),
        "SHA-256 [0-9a-f]{64} unpacked, expected ",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_wrong_file_in_the_folder(small, folder, fault, suffix):
    """The message names the file, what was got and expected, and what to do; the file stays for its owner to see."""
    spoil, words = WRONG[fault]
    (folder / f"{TRAIN_IMAGES}.gz").unlink()
    path = folder / f"{TRAIN_IMAGES}{suffix}"
    path.write_bytes(spoil(small.files[f"{TRAIN_IMAGES}.gz"]))
    before = contents(folder)
    with pytest.raises(ValueError, match=words) as caught:
        ms.datasets.mnist(folder=folder)
    assert str(caught.value).startswith(f"{path} ")
    assert "delete it and call mnist() again" in str(caught.value)
    assert contents(folder) == before


def test_no_network(small, tmp_path, monkeypatch):
    """The message names every mirror, every missing file, and the folder where to put them; none is written."""
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        mirrors = [f"http://127.0.0.1:{closed.getsockname()[1]}/{m}/" for m in "ab"]
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        monkeypatch.setattr(_mnist, "MIRRORS", mirrors)
        (tmp_path / TRAIN_LABELS).write_bytes(idx(small.arrays[TRAIN_LABELS]))
        with pytest.raises(OSError, match=f"can't download {TRAIN_IMAGES}") as caught:
            ms.datasets.mnist(folder=tmp_path)
    tried, by_hand = str(caught.value).rsplit("\n", 1)
    assert all(f"{m}{TRAIN_IMAGES}.gz: " in tried for m in mirrors)
    assert tried.count("refused") == 2
    names = f"{TRAIN_IMAGES}, {TEST_IMAGES}, {TEST_LABELS}"
    assert by_hand == f"By hand: put {names}, gzipped (.gz) or unpacked, into {tmp_path}"
    assert [path.name for path in tmp_path.iterdir()] == [TRAIN_LABELS]


def test_no_mirror_has_the_right_file(mirror, tmp_path):
    """Two different reasons, both in the message; the files before it stay, they are whole."""
    name = f"{TEST_IMAGES}.gz"
    del mirror.files[f"/a/{name}"]
    mirror.files[f"/b/{name}"] = b"<!DOCTYPE html>"
    with pytest.raises(OSError, match=f"can't download {name}") as caught:
        ms.datasets.mnist(folder=tmp_path)
    assert f"{mirror.mirrors[0]}{name}: 404" in str(caught.value)
    assert f"{mirror.mirrors[1]}{name}: is neither gzip nor the IDX file {TEST_IMAGES}" in str(caught.value)
    assert sorted(contents(tmp_path)) == sorted(f"{name}.gz" for name in NAMES[:2])


def test_full_disk(mirror, tmp_path, monkeypatch):
    class Full(io.BufferedWriter):
        def write(self, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_download, "open", lambda path, mode: Full(io.FileIO(path, "w")), raising=False)
    with pytest.raises(OSError, match="No space left on device") as caught:
        ms.datasets.mnist(folder=tmp_path)
    assert f"can't download {TRAIN_IMAGES}.gz" in str(caught.value) and str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_folder_can_be_made(mirror, tmp_path):
    """A file stands where the folder should be. Nothing is downloaded that can't be written."""
    path = tmp_path / "data"
    path.write_text("mine")
    with pytest.raises(OSError, match="can't write into the folder") as caught:
        ms.datasets.mnist(folder=path)
    assert str(path) in str(caught.value)
    assert mirror.asked == []
    assert contents(tmp_path) == {"data": b"mine"}


def test_without_pooch(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "minisnn\[data\]"') as caught:
        ms.datasets.mnist(folder=tmp_path)
    assert str(caught.value).endswith(f"By hand: put {', '.join(NAMES)}, gzipped (.gz) or unpacked, into {tmp_path}")
    with pytest.raises(ImportError, match=r'pip install "minisnn\[data\]"') as caught:
        ms.datasets.mnist()
    for word in ("folder=", "MINISNN_DATA", *NAMES):
        assert word in str(caught.value)
    assert contents(tmp_path) == {}


# The real files


@pytest.fixture(scope="module")
def real():
    """The arrays of the real files, read without the package's code."""
    folder = os.environ.get("MINISNN_DATA", "")
    paths = [Path(folder, f"{name}.gz") for name in NAMES]
    if not folder or not all(path.exists() for path in paths):
        pytest.skip("MINISNN_DATA names no folder with the four gzipped files of MNIST")
    headers = (16, 8, 16, 8)
    arrays = [np.frombuffer(gzip.open(p).read(), np.uint8, offset=n) for p, n in zip(paths, headers)]
    return [a.reshape(-1, 28, 28) if n == 16 else a for a, n in zip(arrays, headers)]


@pytest.mark.slow
def test_real_pixels(real):
    """Sizes, classes, range; each training image is in exactly one of train and validation."""
    images, labels, test_images, test_labels = real
    data = ms.datasets.mnist()
    for name, n in zip(SPLITS, (55_000, 5_000, 10_000)):
        split = getattr(data, name)
        assert split.x.shape == (n, 784, 1)
        assert split.x.dtype == np.float32
        assert (split.x.min(), split.x.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(np.rint(data.test.x * 255).reshape(-1, 28, 28), test_images)
    np.testing.assert_array_equal(data.test.y, test_labels)
    counts = [np.bincount(getattr(data, name).y) for name in SPLITS]
    assert (counts[0] + counts[1]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert counts[2].tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.abs(counts[1] - (counts[0] + counts[1]) / 12).max() <= 1

    def hashes(x, y):
        return sorted(hashlib.sha256(image.tobytes() + bytes([label])).digest() for image, label in zip(x, y))

    got = [hashes(np.rint(split.x * 255).astype(np.uint8), split.y) for split in (data.train, data.validation)]
    assert not set(got[0]) & set(got[1])
    assert sorted(got[0] + got[1]) == hashes(images, labels)


@pytest.mark.slow
def test_real_pooled_and_permuted(real):
    """14x14 means, in one order for all images; the record makes them again."""
    images, _, test_images, test_labels = real
    data = ms.datasets.mnist(permute=True, pool=2, seed=1, n_train=3_000)
    order = data.record["permutation"]
    assert sorted(order) == list(range(196)) != order
    assert (len(data.train), len(data.validation), len(data.test)) == (3_000, 5_000, 10_000)
    expected = test_images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196, 1)[:, order] / 255
    np.testing.assert_allclose(data.test.x, expected, rtol=1e-6)
    np.testing.assert_array_equal(data.test.y, test_labels)
    known = {image.tobytes() for image in np.rint(pooled(images).reshape(-1, 196)[:, order] * 1020).astype(np.uint16)}
    assert all(np.rint(x * 1020).astype(np.uint16).tobytes() in known for x in data.train.x)
    arguments = {name: data.record[name] for name in ("permute", "pool", "rows", "seed", "n_train")}
    again = ms.datasets.mnist(**arguments)
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(again, name).x, getattr(data, name).x)
    by_row = ms.datasets.mnist(rows=True, pool=2, seed=1, n_train=3_000)
    np.testing.assert_array_equal(by_row.train.x.reshape(-1, 196, 1)[:, order], data.train.x)
