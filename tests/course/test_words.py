"""The words of tutorial 10: recordings that are there, made-up ones, one's own; their log-mel spectra."""

import hashlib
import itertools
import json
import shutil
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from minisnn.course import notebooks, spectra, words
from minisnn.datasets import _spoken_digits as fsdd

NOTEBOOK = Path(__file__).parents[2] / "tutorials" / "10_hear_a_word.ipynb"


def tone(hertz, seconds, rate=spectra.RATE, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, samples, rate: int, width: int = 2) -> Path:
    """A wav file of samples (n,) or (n, channels) in [-1, 1), with this many bytes each."""
    samples = np.atleast_2d(np.asarray(samples).T).T
    whole = np.round(samples * 2.0 ** (8 * width - 1)).clip(-(2.0 ** (8 * width - 1)), 2.0 ** (8 * width - 1) - 1)
    content = (whole.astype(np.int64) + (128 if width == 1 else 0)).astype("<i8").view(np.uint8).reshape(-1, 8)
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1], width, rate, len(samples), "NONE", ""))
        file.writeframes(content[:, :width].tobytes())
    return path


# Spectra


def test_mel_is_linear_below_1_kHz_and_logarithmic_above():
    mel = np.arange(1, 40.0)
    hertz = spectra.from_mel(mel)
    np.testing.assert_allclose(spectra.to_mel(hertz), mel, rtol=1e-12)
    np.testing.assert_allclose(np.diff(hertz[:15]), 200 / 3, rtol=1e-12)
    np.testing.assert_allclose(hertz[15:] / hertz[14:-1], hertz[15] / hertz[14], rtol=1e-12)
    assert hertz[14] == pytest.approx(1000)


def test_windows_are_centred_on_their_step():
    samples = np.zeros(1999)
    samples[880] = 1
    cut = spectra.windows(samples)
    assert cut.shape == (1 + 1999 // 80, 240)
    assert np.argwhere(cut).tolist() == [[10, 200], [11, 120], [12, 40]]  # the middle of step 11, 880 = 80 · 11


def test_a_tone_is_loudest_in_the_band_around_it():
    centres = spectra.centres()
    assert (np.diff(centres) > 0).all()
    for band in (3, 11, 25, 38):
        values = spectra.log_mel(tone(centres[band], 0.3))
        assert values.shape == (31, 40) and (values[5:-5].argmax(axis=1) == band).all()


def test_bands_have_one_area():
    """A wide band is not louder; the narrow ones are triangles of two or three frequencies only."""
    areas = spectra.mel_bands().sum(axis=1) * spectra.RATE / spectra.N_WINDOW
    np.testing.assert_allclose(areas[25:], 1, rtol=0.03)
    np.testing.assert_allclose(areas[:25], 1, rtol=0.3)


def test_decibels_end_80_below_the_loudest():
    np.testing.assert_allclose(spectra.decibels(np.array([10.0, 1.0, 1e-2, 1e-9])), [20, 0, -40, -60], atol=1e-12)


def test_recordings_are_normal_and_silence_is_0():
    values = spectra.log_mel(np.random.default_rng(0).standard_normal(1234))
    assert abs(values.mean()) < 1e-5 and abs(values.std() - 1) < 1e-5
    np.testing.assert_array_equal(spectra.log_mel(np.zeros(700)), np.zeros((9, 40)))


def test_the_same_as_with_librosa():
    """What the package's loader computes."""
    pytest.importorskip("librosa")
    from minisnn.datasets._audio import log_mel

    rng = np.random.default_rng(1)
    for samples in (rng.standard_normal(1999), tone(300, 0.4) + 1e-3 * rng.standard_normal(3200), np.zeros(800)):
        np.testing.assert_allclose(spectra.log_mel(samples), log_mel(samples, spectra.RATE), atol=1e-4)


# Words


def test_made_words_have_every_digit_by_every_voice():
    made = words.made_words(takes=3)
    labels = list(zip(made.digits.tolist(), made.speakers.tolist(), made.takes.tolist()))
    assert labels == list(itertools.product(range(10), range(6), range(3)))
    assert not made.real and len(made.waves) == 180 and len(made.names) == 6
    assert "180 made-up words" in repr(made)
    for samples in made.waves:
        assert samples.dtype == np.float32 and 0.2 < np.abs(samples).max() < 1
        assert 0.15 < len(samples) / spectra.RATE < 1.2
    assert len({samples.tobytes() for samples in made.waves}) == 180  # never quite alike


def test_made_words_depend_on_the_seed_alone():
    first, again, other = (words.made_words(takes=1, seed=seed) for seed in (0, 0, 1))
    more = words.made_words(takes=2)  # the first take is the same in all
    assert all(np.array_equal(a, b) for a, b in zip(first.waves, again.waves))
    assert all(np.array_equal(a, b) for a, b in zip(first.waves, more.waves[::2]))
    assert not any(np.array_equal(a, b) for a, b in zip(first.waves, other.waves))
    for takes, seed, error in ((0, 0, ValueError), (1, -1, ValueError), (1.5, 0, TypeError)):
        with pytest.raises(error):
            words.made_words(takes, seed)


def test_a_word_is_spelled_in_sounds():
    assert len(words.SPELLED) == len(words.DIGITS) == 10 and len(words.VOICES) == len(words.NAMES) == 6
    assert len(set(words.SPELLED)) == 10
    assert set("".join(words.SPELLED)) == set(words.SOUNDS)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with recordings of two speakers, three takes each; each has a length of its own."""
    names = sorted(f"{d}_{s}_{take}.wav" for d, s, take in itertools.product(range(10), ("lucas", "theo"), range(3)))
    folder, digest = tmp_path / "recordings", hashlib.sha256()
    folder.mkdir()
    for i, name in enumerate(names):
        content = write(folder / name, tone(200, 0.05 + i / 100), spectra.RATE).read_bytes()
        digest.update(name.encode() + b"\0" + content)
    monkeypatch.setattr(fsdd, "SPEAKERS", ("lucas", "theo"))
    monkeypatch.setattr(fsdd, "N_RECORDINGS", len(names))
    monkeypatch.setattr(fsdd, "SHA256", digest.hexdigest())
    monkeypatch.delenv("MINISNN_DATA", raising=False)
    return tmp_path


def test_recordings_that_are_there(small, monkeypatch):
    """The first takes alone, in [-1, 1), with their labels; from a folder, or that of MINISNN_DATA."""
    for folder in (small, None):
        monkeypatch.setenv("MINISNN_DATA", str(small))
        loaded = words.load(takes=2, folder=folder)
        assert loaded.real and loaded.names == ("lucas", "theo")
        assert repr(loaded) == "40 recordings of the Free Spoken Digit Dataset, by lucas, theo"
        labels = list(zip(loaded.digits.tolist(), loaded.speakers.tolist(), loaded.takes.tolist()))
        assert labels == list(itertools.product(range(10), range(2), range(2)))
        assert [len(samples) for samples in loaded.waves[:3]] == [400, 480, 640]  # the third take is left out
        np.testing.assert_allclose(loaded.waves[1], tone(200, 0.06), atol=2e-5)


def test_without_recordings(tmp_path, monkeypatch):
    """Neither a folder without them nor a missing pooch, which knows the cache, is an error; nothing is downloaded."""
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(fsdd, "fetch", lambda *_: pytest.fail("downloads"))
    assert words.recordings() is None and words.recordings(folder=tmp_path) is None
    assert not words.load(takes=1).real
    monkeypatch.delenv("MINISNN_DATA")
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert words.recordings() is None


def test_recordings_that_are_damaged(small):
    """Are not taken for missing."""
    next((small / "recordings").glob("*.wav")).unlink()
    with pytest.raises(ValueError, match="59 recordings, expected 60"):
        words.load(folder=small)


# One's own


@pytest.mark.parametrize("rate, channels, width", [(8000, 1, 2), (44100, 2, 3), (16000, 1, 1), (11025, 3, 4)])
def test_own_recording(tmp_path, rate, channels, width):
    """A tone of 440 Hz for 0.4 s in a second of silence is cut out, averaged and resampled, as loud as it was."""
    samples = np.zeros((rate, channels))
    start = round(0.3 * rate)
    samples[start : start + round(0.4 * rate)] = tone(440, 0.4, rate)[:, np.newaxis]
    samples[:, 0] *= 1.5
    word = words.read_own(write(tmp_path / "own.wav", samples + 0.01, rate, width))  # 0.01: a microphone's offset
    assert word.dtype == np.float32
    assert len(word) / spectra.RATE == pytest.approx(0.5, abs=0.045)  # with 50 ms on each side
    middle = word[len(word) // 2 - 800 : len(word) // 2 + 800]
    assert np.abs(middle).max() == pytest.approx(0.5 * (1 + 0.5 / channels), rel=0.06)
    assert np.abs(np.fft.rfft(middle)).argmax() * spectra.RATE / len(middle) == pytest.approx(440, abs=3)
    assert spectra.log_mel(word).shape[1] == 40


def test_own_recording_that_cannot_be_used(tmp_path):
    (tmp_path / "text.wav").write_bytes(b"no sound at all, but long enough to be read")
    write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    write(tmp_path / "short.wav", tone(300, 0.05), 8000)
    write(tmp_path / "empty.wav", np.zeros(0), 8000)
    write(tmp_path / "long.wav", tone(300, 4.0), 8000)
    for name, said in {
        "text": r"text\.wav is not a wav file of whole numbers .*ffmpeg",
        "silent": r"silent\.wav is silent",
        "short": r"shorter than 0\.1 s",
        "empty": r"empty\.wav is silent, or shorter",
        "long": r"4\.0 s of sound, expected one word",
    }.items():
        with pytest.raises(ValueError, match=said):
            words.read_own(tmp_path / f"{name}.wav")
    with pytest.raises(OSError):
        words.read_own(tmp_path / "missing.wav")


# The notebook


def test_the_notebook_is_stored_with_real_recordings():
    """Its text speaks of them: executed without MINISNN_DATA, made-up words would take their place."""
    for path in (NOTEBOOK, NOTEBOOK.parent / "solutions" / NOTEBOOK.name):
        outputs = [output for cell in json.loads(path.read_bytes())["cells"] for output in cell.get("outputs", [])]
        printed = "".join("".join(output.get("text", "")) for output in outputs)
        assert "runs on 1,020 recordings" in printed and "made-up" not in printed


@pytest.mark.slow
def test_the_notebook_runs_on_made_up_words(tmp_path, monkeypatch):
    """Whatever is on this computer."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    (tmp_path / "solutions").mkdir()
    for name in (NOTEBOOK.name, f"solutions/{NOTEBOOK.name}"):
        shutil.copy(NOTEBOOK.parent / name, tmp_path / name)
    notebooks.execute(tmp_path, show=lambda line: None)
    for path in (tmp_path / NOTEBOOK.name, tmp_path / "solutions" / NOTEBOOK.name):
        assert "runs on 1,020 made-up words" in path.read_text(encoding="utf-8")
