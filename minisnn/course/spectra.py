"""From a wave to the log-mel spectra in which networks hear it, in plain NumPy: what tutorial 10 builds step by step.

`minisnn.datasets` computes the same with librosa; a test holds the two to each other.
"""

from functools import cache

import numpy as np

from minisnn.datasets._audio import BANDS, HIGHEST, HOP, LOWEST, RANGE, WINDOW

RATE = 8000  # samples per second
N_WINDOW, N_HOP = round(WINDOW * RATE), round(HOP * RATE)  # 240 and 80 samples: 30 and 10 ms
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_WINDOW) / N_WINDOW)  # fades each window in and out


def to_mel(hertz):
    """Convert frequencies to mel (Slaney's scale): even steps of 200/3 Hz up to 1 kHz, even factors above."""
    hertz = np.asarray(hertz, float)
    return np.where(hertz < 1000, 3 * hertz / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))


def from_mel(mel):
    """Convert mel to frequencies in Hz."""
    mel = np.asarray(mel, float)
    return np.where(mel < 15, 200 * mel / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def centres() -> np.ndarray:
    """Compute the centre of each band in Hz, (40,)."""
    return from_mel(np.linspace(to_mel(LOWEST), to_mel(HIGHEST), BANDS + 2))[1:-1]


@cache
def mel_bands() -> np.ndarray:
    """Compute the weights of the frequencies of a window in each band, (40, 121): triangles, evenly spaced in mel."""
    edges = from_mel(np.linspace(to_mel(LOWEST), to_mel(HIGHEST), BANDS + 2))
    low, centre, high = edges[:-2, np.newaxis], edges[1:-1, np.newaxis], edges[2:, np.newaxis]
    hertz = np.fft.rfftfreq(N_WINDOW, 1 / RATE)
    triangles = np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre))
    bands = np.maximum(triangles, 0) * 2 / (high - low)  # of one area: a wide band is not louder
    bands.flags.writeable = False
    return bands


def windows(wave) -> np.ndarray:
    """Cut a wave (samples,) into windows (T, 240), one every 80 samples: the first is centred on the first sample."""
    padded = np.pad(wave, N_WINDOW // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, N_WINDOW)[::N_HOP]


def decibels(amplitudes) -> np.ndarray:
    """Convert amplitudes of a whole recording to decibels, down to 80 below the loudest of them."""
    floor = max(np.max(amplitudes) * 10 ** (-RANGE / 20), 1e-10)
    return 20 * np.log10(np.maximum(amplitudes, floor))


def log_mel(wave) -> np.ndarray:
    """Compute the log-mel spectra of a wave (samples,), 8,000 samples per second: (T, 40) of float32.

    T is 1 + samples // 80. Mean 0 and standard deviation 1 over all steps and bands; silence becomes 0.
    """
    amplitudes = np.abs(np.fft.rfft(windows(wave) * HANN))
    loudness = decibels(np.einsum("tf,mf->tm", amplitudes, mel_bands()))
    loudness -= loudness.mean()
    return (loudness / max(loudness.std(), 1e-3)).astype(np.float32)
