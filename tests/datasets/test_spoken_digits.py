"""Spoken digits: what is made of the recordings, what goes wrong with them, and the real ones.

The everyday tests replace the 3,000 recordings by 150 short ones: three speakers and five takes, of which two are the
test and one is validation. Each has a length of its own, by which it is known again. No test uses a network; that of
the real recordings is slow and needs MINISNN_DATA.
"""

import hashlib
import io
import itertools
import json
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_files import contents, wav, web_server

import minisnn as ms
from minisnn.datasets import _spoken_digits
from minisnn.datasets._audio import log_mel, read_wav

pytest.importorskip("librosa")

SPLITS = ("train", "validation", "test")
SPEAKERS = ("george", "lucas", "theo")
ARCHIVE = "free-spoken-digit-dataset-1.0.10.zip"


def packed(files: dict[str, bytes], top: str = "free-spoken-digit-dataset-1.0.10/") -> bytes:
    """A zip archive, in an order that is not that of the names, with the other files that the real one has."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{top}README.md"), "spoken digits")
        for name in sorted(files, key=lambda name: name[::-1]):
            archive.writestr(zipfile.ZipInfo(f"{top}recordings/{name}"), files[name])
    return content.getvalue()


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(b"".join(name.encode() + b"\0" + files[name] for name in sorted(files))).hexdigest()


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    rng = np.random.default_rng(4)
    names = [f"{d}_{s}_{take}.wav" for d, s, take in itertools.product(range(10), SPEAKERS, range(5))]
    sizes = 240 + 80 * rng.permutation(len(names))
    return {name: wav(rng.integers(-3000, 3000, n), 8000) for name, n in zip(names, sizes)}


@pytest.fixture
def small(recordings, monkeypatch):
    """The short recordings in place of the real ones."""
    monkeypatch.setattr(_spoken_digits, "SPEAKERS", SPEAKERS)
    monkeypatch.setattr(_spoken_digits, "TEST_TAKES", 2)
    monkeypatch.setattr(_spoken_digits, "VALIDATION_SHARE", 1 / 3)
    monkeypatch.setattr(_spoken_digits, "N_RECORDINGS", 150)
    monkeypatch.setattr(_spoken_digits, "SHA256", digest(recordings))
    monkeypatch.setattr(_spoken_digits, "URLS", ())
    monkeypatch.delenv("MINISNN_DATA", raising=False)
    return recordings


@pytest.fixture
def folder(small, tmp_path) -> Path:
    (tmp_path / ARCHIVE).write_bytes(packed(small))
    return tmp_path


@pytest.fixture
def web(small, monkeypatch):
    """Two addresses of the archive."""
    with web_server(monkeypatch) as state:
        monkeypatch.setattr(_spoken_digits, "URLS", (f"{state.url}a.zip", f"{state.url}b.zip"))
        state.files = {"/a.zip": packed(small), "/b.zip": packed(small)}
        yield state


def known(recordings) -> dict[int, SimpleNamespace]:
    """What is known of a recording, by its number of steps."""
    found = {}
    for name, content in recordings.items():
        digit, speaker, take = name.removesuffix(".wav").split("_")
        samples = read_wav(content, name, 8000)
        facts = SimpleNamespace(digit=int(digit), speaker=speaker, take=int(take), name=name, samples=samples)
        found[1 + len(samples) // 80] = facts
    return found


def of(data, name: str, recordings) -> list[SimpleNamespace]:
    """Which recordings are in a split."""
    return [known(recordings)[n] for n in getattr(data, name).lengths.tolist()]


@pytest.mark.parametrize("held_out", ["takes", "lucas"])
def test_each_recording_is_in_one_split_with_its_label_and_spectrum(folder, small, held_out):
    data = ms.datasets.spoken_digits(held_out, folder=folder)
    assert (data.n_in, data.n_classes) == (40, 10)
    names = []
    for name in SPLITS:
        split, facts = getattr(data, name), of(data, name, small)
        assert split.x.shape == (len(facts), max(split.lengths), 40)
        assert (split.x.dtype, split.y.dtype, split.lengths.dtype) == (np.float32, np.int64, np.int64)
        for x, y, n, fact in itertools.islice(zip(split.x, split.y, split.lengths, facts), 0, None, 7):
            assert y == fact.digit
            np.testing.assert_array_equal(x[:n], log_mel(fact.samples, 8000))
            assert (x[n:] == 0).all()
        assert split.y.tolist() == [fact.digit for fact in facts]
        names += [fact.name for fact in facts]
    assert sorted(names) == sorted(small)


def test_takes_are_the_official_test(folder, small):
    """All others are drawn: the same share of each digit by each speaker, as the seed says."""
    drawn = []
    for seed in (0, 1, 0):
        data = ms.datasets.spoken_digits(seed=seed, folder=folder)
        assert [len(getattr(data, name)) for name in SPLITS] == [60, 30, 60]
        assert {fact.take for fact in of(data, "test", small)} == {0, 1}
        cells = sorted((fact.digit, fact.speaker) for fact in of(data, "validation", small))
        assert cells == list(itertools.product(range(10), SPEAKERS))
        drawn.append({fact.name for fact in of(data, "validation", small)})
        assert "validation_speaker" not in data.record
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.parametrize("seed", [0, 3])
def test_speakers_are_folds(folder, small, seed):
    """A speaker is in one split alone; over the folds each one is the test once, and validation once."""
    folds = []
    for speaker in SPEAKERS:
        data = ms.datasets.spoken_digits(speaker, seed=seed, folder=folder)
        who = [{fact.speaker for fact in of(data, name, small)} for name in SPLITS]
        assert who[2] == {speaker}
        assert who[1] == {data.record["validation_speaker"]}
        assert who[0] == set(SPEAKERS) - who[1] - who[2]
        assert [len(getattr(data, name)) for name in SPLITS] == [50, 50, 50]
        folds.append(data.record["validation_speaker"])
    assert sorted(folds) == sorted(SPEAKERS)
    assert folds == (["lucas", "theo", "george"] if seed == 0 else ["theo", "george", "lucas"])


@pytest.mark.parametrize("held_out", ["takes", "theo"])
def test_record_makes_the_data_again(folder, small, held_out):
    data = ms.datasets.spoken_digits(held_out, seed=np.int64(3), folder=folder)
    record = json.loads(json.dumps(data.record))
    assert record == data.record
    assert (record["name"], record["sha256"]) == ("spoken_digits", digest(small))
    again = ms.datasets.spoken_digits(record["held_out"], seed=record["seed"], folder=folder)
    assert again.record == record
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(again, name).x, getattr(data, name).x)
        np.testing.assert_array_equal(getattr(again, name).lengths, getattr(data, name).lengths)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"held_out": "nobody"}, ValueError, "held_out must be one of 'takes', 'george', .* got 'nobody'"),
        ({"held_out": 3}, ValueError, "held_out must be one of"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"folder": 3}, TypeError, "folder must be a path, got 3"),
    ],
)
def test_errors_in_arguments(small, options, error, words, tmp_path):
    """They come before anything is looked for or downloaded."""
    with pytest.raises(error, match=words):
        ms.datasets.spoken_digits(**{"folder": tmp_path / "none", **options})
    assert not (tmp_path / "none").exists()


# Where the recordings are


@pytest.mark.parametrize("place", [ARCHIVE, "fsdd.zip", "free-spoken-digit-dataset", "."])
def test_recordings_that_are_there_need_neither_network_nor_pooch(small, tmp_path, monkeypatch, place):
    """An archive, its folder, or that folder itself; by folder= or by the variable."""
    if place.endswith(".zip"):
        (tmp_path / place).write_bytes(packed(small, top="free-spoken-digit-dataset/"))
    else:
        (tmp_path / place / "recordings").mkdir(parents=True)
        for name, content in small.items():
            (tmp_path / place / "recordings" / name).write_bytes(content)
    monkeypatch.setitem(sys.modules, "pooch", None)
    before = contents(tmp_path)
    assert len(ms.datasets.spoken_digits(folder=str(tmp_path)).train) == 60
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path))
    assert len(ms.datasets.spoken_digits("theo").test) == 50
    assert contents(tmp_path) == before


def test_download(web, small, tmp_path, monkeypatch):
    """Once, into the user's cache if no folder is named."""
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    for _ in range(2):
        assert len(ms.datasets.spoken_digits("theo").test) == 50
    assert web.asked == ["/a.zip"]
    assert contents(tmp_path) == {f"minisnn/{ARCHIVE}": packed(small)}


@pytest.mark.parametrize("fault", ["html", "truncated", "lacks one", "other samples", "missing"])
def test_a_wrong_answer_is_not_kept(web, small, tmp_path, fault):
    """The second address helps. If it is wrong too, the message has a reason for each, and nothing is written."""
    good, name = web.files["/a.zip"], "3_theo_4.wav"
    others = {**small, name: small["3_theo_3.wav"]}
    bad, words = {
        "html": (b"<!DOCTYPE html>", "is a truncated or damaged archive"),
        "truncated": (good[:-40], "is a truncated or damaged archive"),
        "lacks one": (packed({n: small[n] for n in small if n != name}), "holds 149 recordings, expected 150"),
        "other samples": (packed(others), f"has the SHA-256 {digest(others)} over its recordings, expected"),
        "missing": (None, "404"),
    }[fault]
    web.files = {"/a.zip": bad, "/b.zip": good} if bad is not None else {"/b.zip": good}
    assert len(ms.datasets.spoken_digits(folder=tmp_path / "one").test) == 60
    assert contents(tmp_path) == {f"one/{ARCHIVE}": good}
    web.files["/b.zip"] = b"PK"
    with pytest.raises(OSError, match=f"can't download {ARCHIVE}") as caught:
        ms.datasets.spoken_digits(folder=tmp_path / "two")
    lines = str(caught.value).splitlines()
    assert lines[1].startswith(f"  {web.url}a.zip: ") and words in lines[1]
    assert lines[2].startswith(f"  {web.url}b.zip: is a truncated or damaged archive")
    assert lines[-1] == f"By hand: put {ARCHIVE} into {tmp_path / 'two'}"
    assert contents(tmp_path) == {f"one/{ARCHIVE}": good}


@pytest.mark.parametrize("fault", ["truncated", "lacks one", "other samples"])
def test_wrong_recordings_in_the_folder(folder, small, fault):
    """The message names the archive and what to do; it stays for its owner to see."""
    others = {**small, "3_theo_4.wav": small["3_theo_3.wav"]}
    bad, words = {
        "truncated": ((folder / ARCHIVE).read_bytes()[:-40], "is a truncated or damaged archive"),
        "lacks one": (packed({n: small[n] for n in small if n != "3_theo_4.wav"}), "holds 149 recordings"),
        "other samples": (packed(others), f"has the SHA-256 {digest(others)}"),
    }[fault]
    (folder / ARCHIVE).write_bytes(bad)
    with pytest.raises(ValueError, match=words) as caught:
        ms.datasets.spoken_digits(folder=folder)
    assert str(caught.value).startswith(f"{folder / ARCHIVE} ")
    assert str(caught.value).endswith("If it is taken away, the right one is downloaded")
    assert contents(folder) == {ARCHIVE: bad}


def test_without_extras(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pooch: pip install "minisnn\[speech\]". By hand: put .* into') as caught:
        ms.datasets.spoken_digits(folder=tmp_path / "none")
    assert str(tmp_path / "none") in str(caught.value)
    with pytest.raises(ImportError, match="a folder named by folder= or by the environment variable MINISNN_DATA"):
        ms.datasets.spoken_digits()
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ImportError, match=r'librosa: pip install "minisnn\[speech\]"'):
        ms.datasets.spoken_digits(folder=tmp_path / "none")
    assert contents(tmp_path) == {}


# The real recordings


@pytest.mark.slow
def test_real_recordings():
    folder = os.environ.get("MINISNN_DATA", "")
    if not folder or not any((Path(folder) / place).exists() for place in _spoken_digits.PLACES):
        pytest.skip("MINISNN_DATA names no folder with the recordings")
    data = ms.datasets.spoken_digits()
    for name, n in zip(SPLITS, (2400, 300, 300)):
        split = getattr(data, name)
        assert len(split) == n
        assert np.bincount(split.y).tolist() == [n // 10] * 10
    data = ms.datasets.spoken_digits("theo")
    assert [len(getattr(data, name)) for name in SPLITS] == [2000, 500, 500]
    lengths = np.concatenate([getattr(data, name).lengths for name in SPLITS])
    assert (lengths.min(), lengths.max()) == (15, 229)  # 0.14 to 2.28 s
    assert 42 <= np.median(lengths) <= 44  # 0.42 s
