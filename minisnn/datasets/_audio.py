"""Audio: recordings in wav files, and the log-mel spectra in which networks hear them."""

import io
import wave
from functools import cache

import numpy as np

from minisnn.datasets._download import import_extra

WINDOW, HOP = 0.030, 0.010  # seconds
BANDS, LOWEST, HIGHEST = 40, 40.0, 4000.0  # Hz
RANGE = 80.0  # decibels: what is further below the loudest counts as silence


def import_librosa():
    """Import librosa, which computes the spectra."""
    return import_extra("librosa", "speech", "spectra of recordings are computed")


def read_wav(content: bytes, name: str, rate: int) -> np.ndarray:
    """Decode a wav file, mono, 16 bit, with `rate` samples per second: (samples,) of float32 in [-1, 1).

    Nothing is mixed down or resampled: another format means other data.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or empty, or has another format; with its name.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            got = (file.getnchannels(), 8 * file.getsampwidth(), file.getframerate())
            n_samples, samples = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{name} is not a whole wav file ({str(error) or 'it ends too early'})") from error
    for what, value, expected in zip(("channels", "bits per sample", "samples per second"), got, (1, 16, rate)):
        if value != expected:
            slip = {"channels": "mix them first", "samples per second": "resample it first"}.get(what, "convert it")
            raise ValueError(f"{name} has {value} {what}, expected {expected}; {slip}")
    if n_samples == 0:
        raise ValueError(f"{name} is empty: it has no samples")
    if len(samples) != 2 * n_samples:
        raise ValueError(f"{name} is truncated: it has {len(samples) // 2} samples, expected {n_samples}")
    return np.frombuffer(samples, "<i2").astype(np.float32) / 2**15


def log_mel(waves: np.ndarray, rate: int) -> np.ndarray:
    """Compute the log-mel spectra of recordings (..., samples): (..., T, 40) of float32, T = 1 + samples // hop.

    Amplitudes in windows of 30 ms (Hann), one every 10 ms, the first around the first sample, with silence before and
    after; in 40 mel bands from 40 to 4000 Hz; in decibels, down to 80 below the loudest of the recording. Then each
    recording is normalised: mean 0 and standard deviation 1 over all of its steps and bands. One that is silent all
    through becomes 0.
    """
    window, hop = round(WINDOW * rate), round(HOP * rate)
    if waves.shape[-1] < window:
        raise ValueError(f"a recording has {waves.shape[-1]} samples, expected at least {window}, one window")
    spectra = import_librosa().stft(waves, n_fft=window, hop_length=hop, pad_mode="constant")
    # Not by BLAS, whose last bits depend on the number of threads.
    mel = np.einsum("mf,...ft->...mt", _mel_bands(rate, window), np.abs(spectra)).swapaxes(-1, -2)
    loudest = mel.max(axis=(-2, -1), keepdims=True)
    decibels = 20 * np.log10(np.maximum(mel, np.maximum(loudest * 10 ** (-RANGE / 20), 1e-10)), dtype=np.float64)
    decibels -= decibels.mean(axis=(-2, -1), keepdims=True)
    spread = decibels.std(axis=(-2, -1), keepdims=True)
    return np.where(spread > 1e-3, decibels / np.maximum(spread, 1e-3), 0).astype(np.float32)


@cache
def _mel_bands(rate: int, window: int) -> np.ndarray:
    """Return the weights of the frequencies in each mel band, (40, frequencies)."""
    return import_librosa().filters.mel(sr=rate, n_fft=window, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST)
