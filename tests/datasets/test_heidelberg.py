"""SHD and SSC: HDF5 files to counts, splits, and what goes wrong with the files.

The tests make small files of the same structure: 60 and 22 recordings of digits by four and five speakers, 61, 25 and
33 of commands. No test reads the real ones, or uses a network.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_files import contents, web_server

import minisnn as ms
from minisnn import cli
from minisnn.datasets import _heidelberg, events_to_array, heidelberg
from minisnn.experiments import run as runs

h5py = pytest.importorskip("h5py")

SPLITS = ("train", "validation", "test")
SIZES = {
    "digits": {"train": ("shd_train.h5", 60), "test": ("shd_test.h5", 22)},
    "commands": {"train": ("ssc_train.h5", 61), "validation": ("ssc_valid.h5", 25), "test": ("ssc_test.h5", 33)},
}
SPEAKERS = {"shd_train.h5": [1, 3, 6, 11], "shd_test.h5": [1, 3, 4, 5, 11]}
STEPS = {"n_steps": 14, "max_time": 1.0, "channels": 20}


def write(path: Path, times, units, labels, speakers) -> None:
    """An HDF5 file as the real ones are: lists of their own lengths, float16 and uint16."""
    with h5py.File(path, "w") as file:
        for name, lists, dtype in (("times", times, np.float16), ("units", units, np.uint16)):
            data = file.create_dataset(f"spikes/{name}", (len(lists),), h5py.vlen_dtype(dtype))
            for i, numbers in enumerate(lists):
                data[i] = np.asarray(numbers, dtype)
        file["labels"] = np.asarray(labels, np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.asarray(speakers, np.uint16)
        file["extra/keys"] = np.array([b"zero", b"one"])


def recordings(name: str, n: int, n_classes: int) -> tuple:
    """Spikes up to 1.2 s, so some come after the end; one recording has none, another none in time."""
    rng = np.random.default_rng(sum(name.encode()))
    sizes = rng.integers(20, 90, n)
    sizes[3] = 0
    times = [np.sort(rng.random(size) * 1.2) for size in sizes]
    times[5] = times[5] + 1.2
    labels = rng.permutation(np.arange(n) % n_classes)
    speakers = rng.choice(SPEAKERS[name], n) if name in SPEAKERS else None
    return times, [rng.integers(0, 700, size) for size in sizes], labels, speakers


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> dict[str, bytes]:
    """The contents of the files, by name."""
    folder = tmp_path_factory.mktemp("hdf5")
    for words, files in SIZES.items():
        for name, n in files.values():
            write(folder / name, *recordings(name, n, _heidelberg.N_CLASSES[words]))
    return contents(folder)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The small files in place of the real ones."""
    monkeypatch.setattr(_heidelberg, "FILES", SIZES)
    monkeypatch.setattr(_heidelberg, "MIRRORS", ())
    monkeypatch.setattr(_heidelberg, "TOGETHER", 16)
    monkeypatch.delenv("MINISNN_DATA", raising=False)


@pytest.fixture
def folder(unpacked, tmp_path) -> Path:
    for name, content in unpacked.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def expected(words: str, split: str, n_steps: int, max_time: float, channels: int) -> tuple:
    """Counts, labels and speakers of a file, spike by spike."""
    name, n = SIZES[words][split]
    times, units, labels, speakers = recordings(name, n, _heidelberg.N_CLASSES[words])
    x = np.zeros((n, n_steps, channels), int)
    for b, events in enumerate(zip(times, units)):
        for time, unit in zip(*events):
            time = float(np.float16(time))  # as the files have it
            if time < max_time:
                x[b, int(time * n_steps / max_time), unit // (700 // channels)] += 1
    return x, labels, speakers


@pytest.mark.parametrize("steps", [STEPS, {"n_steps": 250, "max_time": 1.4, "channels": 140}])
def test_commands(folder, steps):
    """The three official files; counts on disk, by name of the steps, and mapped from there."""
    data = heidelberg("commands", **steps, folder=folder)
    assert (data.n_in, data.n_classes) == (steps["channels"], 35)
    for split in SPLITS:
        got, (x, labels, _) = getattr(data, split), expected("commands", split, **steps)
        np.testing.assert_array_equal(got.x, x)
        np.testing.assert_array_equal(got.y, labels)
        assert (got.x.dtype, got.y.dtype, got.lengths) == (np.uint8, np.int64, None)
        array = got.x
        while array.base is not None and not isinstance(array, np.memmap):
            array = array.base
        assert isinstance(array, np.memmap)


def test_digits(folder):
    """Speakers of validation are in the training file and in no training data; the test is the other file."""
    data = heidelberg("digits", **STEPS, folder=folder)
    assert (data.n_in, data.n_classes) == (20, 20)
    x, labels, speakers = expected("digits", "train", **STEPS)
    held_out = data.record["validation_speakers"]
    assert len(held_out) == 2 and set(held_out) < set(SPEAKERS["shd_train.h5"])
    for split, rows in (("train", ~np.isin(speakers, held_out)), ("validation", np.isin(speakers, held_out))):
        np.testing.assert_array_equal(getattr(data, split).x, x[rows])
        np.testing.assert_array_equal(getattr(data, split).y, labels[rows])
    x, labels, _ = expected("digits", "test", **STEPS)
    np.testing.assert_array_equal(data.test.x, x)
    np.testing.assert_array_equal(data.test.y, labels)
    assert sorted(contents(folder)) == sorted(name for files in SIZES.values() for name, _ in files.values())


def test_default_steps_are_those_of_the_paper(folder):
    data = heidelberg(folder=folder)
    assert data.test.x.shape == (22, 250, 140)
    np.testing.assert_array_equal(data.test.x, expected("digits", "test", 250, 1.4, 140)[0])


def test_the_seed_names_the_speakers(folder):
    held_out = [heidelberg(**STEPS, seed=s, folder=folder).record["validation_speakers"] for s in (*range(9), 0)]
    assert held_out[0] == held_out[-1]
    assert len({*map(tuple, held_out)}) > 1
    assert all(pair == sorted(set(pair)) for pair in held_out)


@pytest.mark.parametrize("words", ["digits", "commands"])
def test_record_makes_the_data_again(folder, words):
    data = heidelberg(words, n_steps=np.int64(14), max_time=1, channels=np.int32(20), seed=np.int64(2), folder=folder)
    record = json.loads(json.dumps(data.record))
    assert record == data.record
    options = {key: value for key, value in record.items() if key not in ("name", "validation_speakers")}
    again = heidelberg(**options, folder=folder)
    assert again.record == record
    for split in SPLITS:
        np.testing.assert_array_equal(getattr(again, split).x, getattr(data, split).x)


@pytest.mark.compiled
@pytest.mark.parametrize("words", ["digits", "commands"])
def test_a_network_learns(folder, words):
    data = heidelberg(words, **STEPS, folder=folder)
    net = ms.Network([20, 9, data.n_classes], recurrence=ms.SRC(3))
    history = ms.fit(net, data, epochs=3, batch_size=16, optimizer=ms.AdamW(lr=5e-3), progress=False)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]


def test_counts_on_disk_need_nothing_else(folder, tmp_path_factory, monkeypatch):
    """Neither files nor pooch; other steps are counted anew, beside them."""
    data = heidelberg("commands", **STEPS, folder=folder)
    for path in folder.glob("*.h5"):
        path.unlink()
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setenv("MINISNN_DATA", str(folder))
    np.testing.assert_array_equal(heidelberg("commands", **STEPS).train.x, data.train.x)
    with pytest.raises(ImportError, match="pooch"):
        heidelberg("commands", **{**STEPS, "max_time": 0.9})


def test_spikes_in_any_order_and_at_any_time(folder):
    """Those before 0 or after the end are left out; there may be none, or none in time, see `recordings`."""
    before = heidelberg(**STEPS, folder=folder)
    with h5py.File(folder / "shd_test.h5", "a") as file:
        for b, (times, units) in enumerate(zip(file["spikes/times"][:], file["spikes/units"][:])):
            order = np.random.default_rng(b).permutation(len(times))
            file["spikes/times"][b] = np.append(times[order], [-0.25, 1.25])
            file["spikes/units"][b] = np.append(units[order], [0, 699])
    np.testing.assert_array_equal(heidelberg(**STEPS, folder=folder).test.x, before.test.x)
    assert [x.sum() for x in before.test.x[[3, 5]]] == [0, 0] and (before.test.x.sum((1, 2)) > 0).sum() == 20


# Layers of 8 neurons may be silent after an epoch, and fit says so.
@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
@pytest.mark.parametrize("recipe, words", [("shd-src", "digits"), ("ssc-asrc", "commands")])
def test_from_the_command_line_to_the_end(folder, tmp_path_factory, monkeypatch, capsys, recipe, words):
    """Files, counts, training, test, figures."""
    monkeypatch.setenv("MINISNN_DATA", str(folder))
    run = tmp_path_factory.mktemp("run") / recipe
    small = ["--hidden", "8", "--threshold", "0.3", "--epochs", "1", "--batch-size", "16", "--quiet"]
    assert cli.main(["train", "--recipe", recipe, *small, "--folder", str(run)]) == 0
    result, net = runs.read_result(run), ms.Network.load(run / "best.npz")
    data = heidelberg(words, folder=folder)
    assert json.loads((run / "config.json").read_text())["data"] == data.record
    assert net.sizes == [140, 8, data.n_classes]
    assert result["test_accuracy"] == net.evaluate(data.test).accuracy
    assert cli.main(["plot", str(run)]) == 0
    capsys.readouterr()

    for path in folder.glob("*train*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-3000])
    monkeypatch.setattr(_heidelberg, "made_once", lambda *_: pytest.fail("made again"))
    again = cli.main(["train", "--recipe", recipe, *small, "--folder", str(run.with_name("again"))])
    captured = capsys.readouterr()
    if words == "commands":  # whose counts are on disk
        assert again == 0
    else:
        assert again == 2 and captured.out == ""
        (line,) = captured.err.splitlines()
        assert line.startswith(f"minisnn: {folder / 'shd_train.h5'} is no whole HDF5 file; is it truncated?")
        assert not list(run.with_name("again").iterdir())


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"words": "letters"}, ValueError, "words must be one of 'digits', 'commands', got 'letters'"),
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
        ({"max_time": 0.0}, ValueError, "max_time must be a finite number"),
        ({"channels": 141}, ValueError, "channels must divide the 700 units into equal groups, got 141; e.g. 140"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"folder": 3}, TypeError, "folder must be a path"),
    ],
)
def test_errors_in_arguments(tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        heidelberg(**{"folder": tmp_path / "none", **options})
    assert contents(tmp_path) == {}


# The files


def test_gzipped_files_are_unpacked_once(unpacked, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    gzipped = {f"{name}.gz": gzip.compress(unpacked[name]) for name in ("shd_train.h5", "shd_test.h5")}
    for name, content in gzipped.items():
        (tmp_path / name).write_bytes(content)
    data = heidelberg(**STEPS, folder=tmp_path)
    there = contents(tmp_path)
    assert there == gzipped | {name: unpacked[name] for name in ("shd_train.h5", "shd_test.h5")}
    np.testing.assert_array_equal(heidelberg(**STEPS, folder=tmp_path).train.x, data.train.x)
    assert contents(tmp_path) == there


def change(path: Path, name: str, value) -> None:
    """Put another array into a file, or none."""
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None:
            file[name] = value


def loud(path: Path) -> None:
    """300 spikes of a unit at once."""
    with h5py.File(path, "a") as file:
        file["spikes/times"][7], file["spikes/units"][7] = np.full(300, 0.5), np.full(300, 30)


def far(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["spikes/times"][7], file["spikes/units"][7] = [0.5, 0.6], [30, 700]


def lopsided(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["spikes/times"][7], file["spikes/units"][7] = [0.5, 0.6], [30, 60, 90]


def timed(time: float):
    """With a spike at this time."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            file["spikes/times"][7], file["spikes/units"][7] = [0.5, time], [30, 60]

    return change


FAULTS = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-3000]), "is no whole HDF5 file; is it truncated"),
    "html": (lambda path: path.write_bytes(b"<!DOCTYPE html>"), "is no whole HDF5 file"),
    "empty": (lambda path: path.write_bytes(b""), "is no whole HDF5 file"),
    "no labels": (lambda path: change(path, "labels", None), "lacks labels; is it one of the Heidelberg data sets"),
    "no speakers": (lambda path: change(path, "extra/speaker", None), "lacks extra/speaker; is it one of"),
    "fewer": (lambda path: change(path, "labels", np.zeros(59, int)), r"has labels of shape \(59,\), expected \(60,\)"),
    "labels": (lambda path: change(path, "labels", np.full(60, 20)), "has labels up to 20, expected 0 .. 19; is it"),
    "loud": (loud, "recording 7: step 7, channel 0 has 300 events, more than uint8 can hold"),
    "units": (far, r"recording 7: units must lie in 0 .. 699, got units\[1\] = 700"),
    "lopsided": (lopsided, "recording 7: times has 2 numbers, units 3"),
    "nan": (timed(np.nan), r"recording 7: times must be finite numbers, got times\[1\] = nan"),
    "infinite": (timed(np.inf), r"recording 7: times must be finite numbers, got times\[1\] = inf"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_file(folder, fault):
    """The message names the file; it stays for its owner to see."""
    spoil, words = FAULTS[fault]
    path = folder / "shd_train.h5"
    spoil(path)
    before = contents(folder)
    with pytest.raises(ValueError, match=words) as caught:
        heidelberg(**STEPS, folder=folder)
    assert str(caught.value).startswith(str(path))
    assert contents(folder) == before


def test_a_wrong_file_of_commands_leaves_no_counts(folder):
    """The last of three files is wrong, when the counts of two are already written."""
    loud(folder / "ssc_test.h5")
    before = contents(folder)
    with pytest.raises(ValueError, match=r"ssc_test\.h5: recording 7"):
        heidelberg("commands", **STEPS, folder=folder)
    assert contents(folder) == before


def test_a_truncated_gzip_file(unpacked, tmp_path):
    good = gzip.compress(unpacked["shd_train.h5"])
    (tmp_path / "shd_train.h5.gz").write_bytes(good[:-99])
    (tmp_path / "shd_test.h5").write_bytes(unpacked["shd_test.h5"])
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"shd_train.h5.gz is a truncated or damaged gzip file.* is downloaded"):
        heidelberg(**STEPS, folder=tmp_path)
    assert contents(tmp_path) == before


@pytest.fixture
def web(unpacked, monkeypatch):
    """Two mirrors, each with the gzipped files and their checksums."""
    with web_server(monkeypatch) as state:
        monkeypatch.setattr(_heidelberg, "MIRRORS", (f"{state.url}a/", f"{state.url}b/"))
        gzipped = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in unpacked.items()}
        sums = "".join(f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content in gzipped.items())
        gzipped["md5sums.txt"] = sums.encode()
        state.files = {f"/{mirror}/{name}": content for mirror in "ab" for name, content in gzipped.items()}
        yield state


@pytest.mark.parametrize("fault", [None, "truncated", "html", "missing"])
def test_download(web, unpacked, tmp_path, fault):
    """What is missing, once; a wrong answer is not kept, and the other mirror helps."""
    (tmp_path / "shd_train.h5").write_bytes(unpacked["shd_train.h5"])
    good, name = web.files["/a/shd_test.h5.gz"], "/a/shd_test.h5.gz"
    bad = {None: good, "truncated": good[:-9], "html": b"<!DOCTYPE html>", "missing": None}[fault]
    web.files = {path: content for path, content in {**web.files, name: bad}.items() if content is not None}
    for _ in range(2):
        assert len(heidelberg(**STEPS, folder=tmp_path).test) == 22
    second = [] if fault is None else ["/b/shd_test.h5.gz"]
    assert web.asked == ["/a/md5sums.txt", name, *second]
    there = contents(tmp_path)
    assert there.pop("shd_test.h5.gz") == good
    assert there == {name: unpacked[name] for name in ("shd_train.h5", "shd_test.h5")}


def test_no_mirror_has_the_right_file(web, tmp_path):
    """A reason for each; what was right stays."""
    web.files["/a/shd_test.h5.gz"] = web.files["/a/shd_train.h5.gz"]
    del web.files["/b/shd_test.h5.gz"]
    with pytest.raises(OSError, match=r"can't download shd_test\.h5\.gz") as caught:
        heidelberg(**STEPS, folder=tmp_path)
    lines = str(caught.value).splitlines()
    assert "has the md5" in lines[1] and "404" in lines[2]
    assert list(contents(tmp_path)) == ["shd_train.h5.gz"]


@pytest.mark.parametrize("fault", ["none", "lacks it"])
def test_no_checksums(web, tmp_path, fault):
    """Nothing is downloaded that can't be checked."""
    if fault == "none":
        web.files = {path: content for path, content in web.files.items() if not path.endswith("txt")}
        words = "can't download the checksums"
    else:
        web.files["/a/md5sums.txt"] = b"0123  another.gz\n<html>\n"
        words = "the publisher's md5sums.txt has no checksum of shd_train.h5.gz"
    with pytest.raises(OSError, match=words) as caught:
        heidelberg(**STEPS, folder=tmp_path)
    assert f"put shd_train.h5, shd_test.h5, gzipped (.gz) or unpacked, into {tmp_path}" in str(caught.value)
    assert contents(tmp_path) == {}


def test_without_extras(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pooch: pip install "minisnn\[events\]". By hand: put .*shd_train.h5'):
        heidelberg(folder=tmp_path)
    with pytest.raises(ImportError, match="folder= or by the environment variable MINISNN_DATA"):
        heidelberg("commands")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'spikes are read with h5py: pip install "minisnn\[events\]"'):
        heidelberg(folder=tmp_path)
    assert contents(tmp_path) == {}


def test_one_recording_is_what_events_to_array_makes_of_it(folder):
    with h5py.File(folder / "ssc_valid.h5") as file:
        times, units = file["spikes/times"][9].astype(float), file["spikes/units"][9]
    inside = times < 1.0
    alone = events_to_array(times[inside], units[inside], n_units=700, **STEPS)
    np.testing.assert_array_equal(heidelberg("commands", **STEPS, folder=folder).validation.x[9], alone)
