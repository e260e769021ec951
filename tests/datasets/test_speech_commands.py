"""Speech Commands: splits, classes, spectra on disk, and what goes wrong with the recordings.

The 105,829 recordings are replaced by 210 short ones: of each word four for training, one for validation, one for the
test; and the background noise by two recordings of 11 seconds, whose pitch tells the parts. No test uses a network.
"""

import errno
import hashlib
import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from made_files import contents, wav, web_server

import minisnn as ms
from minisnn import cli
from minisnn.datasets import _files, _speech_commands
from minisnn.datasets._audio import log_mel, read_wav
from minisnn.datasets._speech_commands import COMMANDS, WORDS
from minisnn.experiments import run as runs

pytest.importorskip("librosa")

SPLITS = ("train", "validation", "test")
ARCHIVE = "speech_commands_v0.02.tar.gz"
SPECTRA = "speech_commands_v0.02-log_mel"
SIZES = {"train": 140, "validation": 35, "test": 35}
PITCHES = {"train": 500, "validation": 1400, "test": 3000}  # Hz, of the noise in its parts


def packed(files: dict[str, bytes]) -> bytes:
    """A tar archive in an order that is not that of the names, with ./ before them as in the real one."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:
        for name in sorted(files, key=lambda name: name[::-1]):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return content.getvalue()


def unpack(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    rng, lists, files = np.random.default_rng(8), {"validation": [], "test": []}, {}
    for word in WORDS:
        for i, split in enumerate(["train"] * 4 + ["test", "validation"]):
            name = f"{word}/{rng.integers(16**8):08x}_nohash_{i}.wav"
            n = {0: 16_000, 1: 16_400}.get(i if word == "happy" else -1, rng.integers(500, 2000))
            files[name] = wav(rng.integers(-3000, 3000, n), 16_000)
            if split != "train":
                lists[split].append(name)
    files["validation_list.txt"] = "\n".join(lists["validation"] + [""]).encode()
    files["testing_list.txt"] = "\n".join(lists["test"] + [""]).encode()
    t = np.arange(11 * 16_000)
    part = np.digitize(t, [0.8 * len(t), 0.9 * len(t)])
    for name in ("pink_noise", "running_tap"):
        tone = np.sin(2 * np.pi * np.array(list(PITCHES.values()))[part] * t / 16_000)
        files[f"_background_noise_/{name}.wav"] = wav(8000 * tone + rng.integers(-9, 9, len(t)), 16_000)
    files["_background_noise_/README.md"] = b"noise"
    files["LICENSE"] = b"CC BY 4.0"
    return files


@pytest.fixture(scope="module")
def archive(files) -> bytes:
    return packed(files)


@pytest.fixture(autouse=True)
def small(archive, monkeypatch):
    """The short recordings in place of the real ones."""
    monkeypatch.setattr(_speech_commands, "N_RECORDINGS", SIZES)
    monkeypatch.setattr(_speech_commands, "SHA256", hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(_speech_commands, "URLS", ())
    monkeypatch.setattr(_speech_commands, "TOGETHER", 33)
    monkeypatch.delenv("MINISNN_DATA", raising=False)


@pytest.fixture(scope="module")
def made(archive, tmp_path_factory):
    """A folder with the archive, in which the spectra get made."""
    folder = tmp_path_factory.mktemp("made")
    (folder / ARCHIVE).write_bytes(archive)
    return folder


def expected(files, split: str) -> tuple[list[str], list[np.ndarray]]:
    """The names of the recordings in a split, and their spectra, one by one."""
    lists = {"validation": files["validation_list.txt"], "test": files["testing_list.txt"]}
    official = {name: split for split, content in lists.items() for name in content.decode().split()}
    names = sorted(n for n in files if n.split("/")[0] in WORDS and official.get(n, "train") == split)
    spectra = []
    for name in names:
        samples = read_wav(files[name], name, 16_000)
        second = np.zeros(16_000, np.float32)
        second[: min(len(samples), 16_000)] = samples[:16_000]
        spectra.append(log_mel(second, 16_000))
    return names, spectra


def test_all_words(made, files):
    """Official lists; labels in the order of the alphabet; each recording padded or cut to a second."""
    data = ms.datasets.speech_commands(folder=made)
    assert (data.n_in, data.n_classes) == (40, 35)
    assert sorted(contents(made)) == sorted([ARCHIVE, *(f"{SPECTRA}/{n}" for n in names_of_spectra())])
    for name, n in SIZES.items():
        split, (names, spectra) = getattr(data, name), expected(files, name)
        assert (split.x.shape, split.x.dtype, split.y.dtype) == ((n, 101, 40), np.float16, np.int64)
        assert split.lengths is None
        assert split.y.tolist() == [sorted(WORDS).index(name.split("/")[0]) for name in names]
        assert data.classes[split.y].tolist() == [name.split("/")[0] for name in names]
        np.testing.assert_allclose(split.x, spectra, atol=4e-3)  # half a unit of float16 below 8


def names_of_spectra() -> list[str]:
    return ["noise.npz", *(f"{split}-{kind}.npy" for split in SPLITS for kind in "xy")]


def test_training_data_stay_on_disk(made):
    array = ms.datasets.speech_commands(folder=made).train.x
    while array.base is not None and not isinstance(array, np.memmap):
        array = array.base
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


def test_spectra_need_nothing_else(made, tmp_path, monkeypatch):
    """No archive, no libraries; nothing is written again."""
    before = ms.datasets.speech_commands(folder=made)
    unpack({name: content for name, content in contents(made).items() if name != ARCHIVE}, tmp_path)
    there = contents(tmp_path)
    for library in ("librosa", "pooch"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path))
    after = ms.datasets.speech_commands()
    assert contents(tmp_path) == there
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(before, name).x, getattr(after, name).x)
        np.testing.assert_array_equal(getattr(before, name).y, getattr(after, name).y)


@pytest.mark.parametrize("place", ["", "speech_commands_v0.02"])
def test_unpacked_recordings_are_the_same(made, files, tmp_path, place):
    unpack(files, tmp_path / place)
    packed, unpacked = (ms.datasets.speech_commands(folder=folder) for folder in (made, tmp_path))
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(packed, name).x, getattr(unpacked, name).x)
        np.testing.assert_array_equal(getattr(packed, name).y, getattr(unpacked, name).y)


def keys(split) -> list[bytes]:
    return [x.tobytes() for x in split.x]


@pytest.mark.parametrize(
    "unknown, n_unknown", [(0.1, (4, 1, 1)), (0.3, (12, 3, 3)), (1.0, (40, 10, 10)), (None, (100, 25, 25))]
)
def test_twelve_classes(made, unknown, n_unknown):
    """All of the ten words; of the others as many as asked for, none twice; a tenth of silence, cut from its part."""
    whole = ms.datasets.speech_commands(folder=made)
    data = ms.datasets.speech_commands(12, unknown=unknown, folder=made)
    assert data.n_classes == 12
    assert data.classes.tolist() == [*COMMANDS, "unknown", "silence"]
    for name, n in zip(SPLITS, n_unknown):
        split, known = getattr(data, name), getattr(whole, name)
        words = dict(zip(keys(known), known.y))
        spoken = split.y < 11
        per_word = SIZES[name] // 35
        assert np.bincount(split.y).tolist() == [per_word] * 10 + [n, per_word]
        assert split.x.dtype == np.float16
        found = [key for key, y in zip(keys(split), split.y) if y < 11]
        assert len(set(found)) == len(found)
        for key, y in zip(found, split.y[spoken]):
            word = WORDS[words[key]]
            assert y == (COMMANDS.index(word) if word in COMMANDS else 10)
        for x in split.x[~spoken].astype(float):
            assert x.mean(axis=0).argmax() == pitch_band(PITCHES[name])


def pitch_band(pitch: float) -> int:
    tone = 0.3 * np.sin(2 * np.pi * pitch * np.arange(16_000) / 16_000)
    return int(log_mel(tone.astype(np.float32), 16_000).mean(axis=0).argmax())


@pytest.mark.parametrize("split", SPLITS)
def test_silence_is_cut_from_the_part_of_its_split(made, split):
    """Enough draws to meet an end of the part, if one of them could lie beyond."""
    ms.datasets.speech_commands(folder=made)
    cut = _speech_commands._silence(made / SPECTRA, split, 150, seed=1)
    assert cut.shape == (150, 101, 40)
    assert set(cut[:, 3:-3].mean(axis=1).argmax(axis=1)) == {pitch_band(PITCHES[split])}
    edges = cut[:, [2, -3]].argmax(axis=2)  # the first and last windows that lie inside
    assert set(edges.flat) == {pitch_band(PITCHES[split])}


def test_shares():
    """Rounded up, as in the usual sizes of the splits; 0.07 * 100 is a little more than 7."""
    for n, tenth in ((30, 3), (31, 4), (30_769, 3077), (3703, 371), (4074, 408)):
        assert _speech_commands._share(0.1, n) == tenth
    assert _speech_commands._share(0.07, 100) == 7


def test_the_seed_names_what_is_drawn(made):
    first, again, other = (ms.datasets.speech_commands(12, seed=seed, folder=made) for seed in (0, 0, np.int64(1)))
    for name in SPLITS:
        splits = [getattr(data, name) for data in (first, again, other)]
        np.testing.assert_array_equal(splits[0].x, splits[1].x)
        for label, same in ((3, True), (10, False), (11, False)):
            drawn = [split.x[split.y == label] for split in splits]
            assert np.array_equal(drawn[0], drawn[2]) == same
    for data in (first, other):
        record = json.loads(json.dumps(data.record))
        assert record == data.record
        options = {key: record[key] for key in ("classes", "unknown", "seed")}
        remade = ms.datasets.speech_commands(**options, folder=made)
        np.testing.assert_array_equal(remade.train.x, data.train.x)
    assert ms.datasets.speech_commands(folder=made).record["classes"] == 35


@pytest.mark.compiled
def test_a_network_learns_from_disk(made):
    data = ms.datasets.speech_commands(folder=made)
    history = ms.fit(ms.Network([40, 7, 35], recurrence=ms.SRC(3)), data, epochs=2, batch_size=32, progress=False)
    assert history.rows[1]["train_loss"] < history.rows[0]["train_loss"]


# Layers of 8 neurons may be silent after an epoch, and fit says so.
@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
def test_from_the_command_line_to_the_end(files, tmp_path, monkeypatch, capsys):
    """Unpacked recordings, spectra, training, test, figures; then one line about a recording that is wrong."""
    folder, run = tmp_path / "data", tmp_path / "run"
    unpack(files, folder)
    monkeypatch.setenv("MINISNN_DATA", str(folder))
    small = ["--hidden", "8", "--threshold", "0.3", "--epochs", "1", "--batch-size", "16", "--quiet"]
    train = ["train", "--recipe", "gsc-src", *small, "--folder"]
    assert cli.main([*train, str(run)]) == 0
    result, net = runs.read_result(run), ms.Network.load(run / "best.npz")
    data = ms.datasets.speech_commands(12, folder=folder)
    assert json.loads((run / "config.json").read_text())["data"] == data.record
    assert net.sizes == [40, 8, 12] and net.classes.tolist() == [*COMMANDS, "unknown", "silence"]
    assert result["test_accuracy"] == net.evaluate(data.test).accuracy
    assert cli.main(["plot", str(run)]) == 0
    capsys.readouterr()

    shutil.rmtree(folder / SPECTRA)
    (folder / recording(files)).write_bytes(wav(range(600), 16_000, channels=2))
    assert cli.main([*train, str(tmp_path / "again")]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == "" and line.startswith(f"minisnn: {folder}")
    assert f"{recording(files)} has 2 channels, expected 1; mix them first" in line
    assert not (folder / SPECTRA).exists() and not list((tmp_path / "again").iterdir())


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"classes": 10}, ValueError, "classes must be 35 .* or 12 .* got 10"),
        ({"classes": "12"}, TypeError, "classes must be an integer"),
        ({"unknown": 0}, ValueError, "unknown must be a finite number"),
        ({"unknown": 1.5}, ValueError, "unknown must be a finite number"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"folder": 3}, TypeError, "folder must be a path"),
    ],
)
def test_errors_in_arguments(tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        ms.datasets.speech_commands(**{"folder": tmp_path / "none", **options})
    assert contents(tmp_path) == {}


def lacking(files, *names) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name not in names}


def recording(files, start: str = "wow/") -> str:
    return min(name for name in files if name.startswith(start))


NOISE = "_background_noise_/pink_noise.wav"
FAULTS = {
    "stereo": (lambda f: {recording(f): wav(range(600), 16_000, channels=2)}, "wow/.* has 2 channels, expected 1"),
    "rate": (lambda f: {recording(f): wav(range(600), 8000)}, "wow/.* has 8000 samples per second, expected 16000"),
    "empty": (lambda f: {recording(f): wav([], 16_000)}, "wow/.* is empty: it has no samples"),
    "truncated": (lambda f: {recording(f): f[recording(f)][:-20]}, "wow/.* is truncated"),
    "no wav": (lambda f: {recording(f): b"<html>"}, "wow/.* is not a whole wav file"),
    "one more": (lambda f: {"wow/0.wav": f[recording(f)]}, "'train': 141, .* v0.02 has .*'train': 140"),
    "one less": (lambda f: {recording(f): None}, "lacks 1 recordings of its lists, among them wow/|'train': 139"),
    "no list": (lambda f: {"validation_list.txt": None}, "has 0 files validation_list.txt, expected one"),
    "no noise": (lambda f: {name: None for name in f if name.startswith("_back")}, "has no recordings in _background"),
    "short noise": (
        lambda f: {NOISE: wav(range(16_000), 16_000)},
        "pink_noise.wav has 1.0 s of noise, expected at least",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_recording(files, tmp_path, fault):
    """The message names the folder and the recording; no spectra are left behind, half of them or otherwise."""
    change, words = FAULTS[fault]
    changed = {name: content for name, content in {**files, **change(files)}.items() if content is not None}
    unpack(changed, tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        ms.datasets.speech_commands(folder=tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert contents(tmp_path) == changed


def test_full_disk(made, archive, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / ARCHIVE).write_bytes(archive)
    monkeypatch.setattr(np, "ascontiguousarray", full)  # what writes rows
    with pytest.raises(OSError, match="No space left"):
        ms.datasets.speech_commands(folder=tmp_path)
    assert contents(tmp_path) == {ARCHIVE: archive}


def test_another_run_makes_them_first(made, tmp_path):
    """Both take what was there first."""

    def make(folder):
        (folder / "a.txt").write_text("mine")
        (tmp_path / "name").mkdir()
        (tmp_path / "name" / "a.txt").write_text("theirs")

    path = _files.made_once(tmp_path, "name", make)
    assert contents(tmp_path) == {"name/a.txt": b"theirs"}
    assert path == tmp_path / "name"
    assert _files.made_once(tmp_path, "name", lambda folder: pytest.fail("made twice")) == path


# The archive


@pytest.fixture
def web(archive, monkeypatch):
    with web_server(monkeypatch) as state:
        monkeypatch.setattr(_speech_commands, "URLS", (f"{state.url}a", f"{state.url}b"))
        state.files = {"/a": archive, "/b": archive}
        yield state


@pytest.mark.parametrize("fault", [None, "truncated", "html"])
def test_download(web, archive, tmp_path, fault):
    web.files["/a"] = {None: archive, "truncated": archive[:-9], "html": b"<!DOCTYPE html>"}[fault]
    for _ in range(2):
        assert len(ms.datasets.speech_commands(folder=tmp_path).train) == 140
    assert web.asked == (["/a"] if fault is None else ["/a", "/b"])
    assert (tmp_path / ARCHIVE).read_bytes() == archive


def test_no_right_archive(web, archive, tmp_path):
    web.files = {"/a": archive[:-9]}
    with pytest.raises(OSError, match=f"can't download {ARCHIVE}") as caught:
        ms.datasets.speech_commands(folder=tmp_path)
    lines = str(caught.value).splitlines()
    assert f"({len(archive) - 9:,} bytes) has the sha256" in lines[1] and "is it truncated" in lines[1]
    assert "404" in lines[2]
    assert contents(tmp_path) == {}


def test_a_wrong_archive_in_the_folder(archive, tmp_path):
    (tmp_path / ARCHIVE).write_bytes(archive[:-9])
    with pytest.raises(ValueError, match=r"has the sha256 .* is it truncated.* the right one is downloaded") as caught:
        ms.datasets.speech_commands(folder=tmp_path)
    assert str(caught.value).startswith(str(tmp_path / ARCHIVE))
    assert contents(tmp_path) == {ARCHIVE: archive[:-9]}


def test_without_extras(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pooch: pip install "minisnn\[speech\]". By hand: put speech_commands'):
        ms.datasets.speech_commands(folder=tmp_path)
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ImportError, match=r'librosa: pip install "minisnn\[speech\]"'):
        ms.datasets.speech_commands(folder=tmp_path)
    assert contents(tmp_path) == {}
