"""Recordings and their log-mel spectra."""

import sys

import numpy as np
import pytest
from made_files import wav

from minisnn.datasets._audio import log_mel, read_wav

RATES = (8000, 16_000)


def hertz_to_mel(f):
    """Slaney's scale: linear up to 1000 Hz, 15 mel there, then logarithmic, 27 mel for a factor of 6.4."""
    f = np.asarray(f, float)
    return np.where(f < 1000, f * 15 / 1000, 15 + 27 * np.log(np.maximum(f, 1000) / 1000) / np.log(6.4))


def mel_to_hertz(m):
    return np.where(m < 15, m * 1000 / 15, 1000 * 6.4 ** ((np.maximum(m, 15) - 15) / 27))


def defined(samples, rate: int) -> np.ndarray:
    """The spectra by their definition, window by window and band by band, in float64: (T, 40)."""
    window, hop = 30 * rate // 1000, 10 * rate // 1000
    corners = mel_to_hertz(np.linspace(hertz_to_mel(40), hertz_to_mel(4000), 42))
    frequencies = np.arange(window // 2 + 1) * rate / window
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    silence = np.zeros(window // 2)
    padded = np.concatenate([silence, samples, silence])
    rows = []
    for t in range(1 + len(samples) // hop):
        amplitudes = np.abs(np.fft.rfft(hann * padded[t * hop : t * hop + window]))
        bands = []
        for low, middle, high in zip(corners, corners[1:], corners[2:]):
            triangle = np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle))
            bands.append(np.maximum(triangle, 0) @ amplitudes * 2 / (high - low))
        rows.append(bands)
    mel = np.array(rows)
    decibels = np.maximum(20 * np.log10(np.maximum(mel, 1e-300)), 20 * np.log10(mel.max()) - 80)
    return (decibels - decibels.mean()) / decibels.std()


@pytest.fixture
def librosa():
    return pytest.importorskip("librosa")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("milliseconds", [30, 37, 250])
def test_spectra_against_their_definition(librosa, rng, rate, milliseconds):
    """Noise that swells, with a pause, so that the floor of 80 dB is met."""
    n = milliseconds * rate // 1000
    samples = rng.standard_normal(n) * np.linspace(0.01, 0.3, n)
    samples[n // 3 : n // 2] = 0
    got = log_mel(samples.astype(np.float32), rate)
    assert (got.shape, got.dtype) == ((1 + milliseconds // 10, 40), np.float32)
    np.testing.assert_allclose(got, defined(samples.astype(np.float32), rate), atol=2e-4)


def test_each_recording_by_itself(librosa, rng):
    """Those computed together are those computed alone; loudness does not matter; mean 0 and deviation 1."""
    waves = (rng.standard_normal((2, 3, 900)) * np.array([1e-5, 0.1, 0.5])[:, np.newaxis]).astype(np.float32)
    together = log_mel(waves, 8000)
    assert together.shape == (2, 3, 12, 40)
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(log_mel(waves[i, j], 8000), together[i, j], atol=1e-6)
            np.testing.assert_allclose(log_mel(waves[i, j] / 4, 8000), together[i, j], atol=1e-4)
    np.testing.assert_allclose(together.mean(axis=(2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(together.std(axis=(2, 3)), 1, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_silence_is_zero(librosa, rate):
    assert (log_mel(np.zeros(rate // 4, np.float32), rate) == 0).all()


def test_a_recording_shorter_than_a_window(librosa):
    with pytest.raises(ValueError, match="has 239 samples, expected at least 240, one window"):
        log_mel(np.ones(239, np.float32), 8000)


def test_without_librosa(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ImportError, match=r'spectra .* with librosa: pip install "minisnn\[speech\]"'):
        log_mel(np.ones(500, np.float32), 8000)


def test_samples(rng):
    samples = rng.integers(-(2**15), 2**15, 77)
    samples[:2] = -(2**15), 2**15 - 1
    got = read_wav(wav(samples, 8000), "a.wav", 8000)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got * 2**15, samples)


GOOD = wav(range(100), 8000)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is not a whole wav file"),
        (b"<!DOCTYPE html>" * 9, "is not a whole wav file"),
        (GOOD[:30], "is not a whole wav file"),
        (GOOD[:20] + b"\3" + GOOD[21:], "is not a whole wav file"),  # floats
        (GOOD[:-6], "is truncated: it has 97 samples, expected 100"),
        (wav([], 8000), "is empty: it has no samples"),
        (wav(range(100), 8000, channels=2), "has 2 channels, expected 1; mix them first"),
        (wav(range(100), 8000, bits=32), "has 32 bits per sample, expected 16; convert it"),
        (wav(range(100), 44_100), "has 44100 samples per second, expected 8000; resample it first"),
    ],
)
def test_a_wrong_recording(content, words):
    with pytest.raises(ValueError, match=f"^a.wav {words}"):
        read_wav(content, "a.wav", 8000)
