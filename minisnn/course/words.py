"""Words for tutorial 10: recordings of spoken digits where they are, made-up ones where they are not, and one's own.

Nothing is downloaded here: `minisnn.datasets.spoken_digits` does that. The made-up words stand in for the recordings,
so that the tutorial runs anywhere. What is found on them says nothing about speech.
"""

import wave
from dataclasses import dataclass

import numpy as np

from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.course.spectra import N_HOP, RATE, decibels, windows
from minisnn.datasets import _spoken_digits as fsdd
from minisnn.datasets._audio import read_wav
from minisnn.datasets._download import data_folder

CONVERT = "ffmpeg -i YOURS -ac 1 -ar 8000 -c:a pcm_s16le mine.wav makes one from any recording"
LOUD, MARGIN = -35.0, 5  # of a word of one's own: decibels below the loudest part, steps kept around it
SHORTEST, LONGEST = 0.1, 3.0  # seconds
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SOUNDS = {  # voice, hiss and rush (loudness of each part), the first three formants in Hz
    "i": (1.0, 0, 0, 300, 2250, 3000), "u": (1.0, 0, 0, 320, 900, 2300), "o": (1.0, 0, 0, 480, 900, 2400),
    "a": (1.0, 0, 0, 650, 1200, 2500), "e": (1.0, 0, 0, 550, 1800, 2500), "I": (1.0, 0, 0, 400, 1950, 2550),
    "A": (1.0, 0, 0, 680, 1500, 2500), "E": (1.0, 0, 0, 450, 2000, 2600), "r": (0.7, 0, 0, 350, 1100, 1600),
    "w": (0.7, 0, 0, 300, 650, 2300), "n": (0.5, 0, 0, 280, 1350, 2500), "v": (0.4, 0, 0.05, 300, 1200, 2300),
    "z": (0.3, 0.1, 0, 300, 1500, 2500), "s": (0, 0.25, 0, 300, 1500, 2500), "f": (0, 0, 0.1, 300, 1200, 2300),
    "T": (0, 0.02, 0.08, 300, 1400, 2500), "t": (0, 0.12, 0.04, 320, 1700, 2600), "k": (0, 0.02, 0.12, 320, 1900, 2600),
}  # fmt: skip
SPELLED = ("ziro", "wan", "tu", "Tri", "for", "fAv", "sIks", "seven", "Et", "nAn")
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn")
VOICES = (  # pitch in Hz, scale of the formants, pace
    (230, 1.16, 1.0), (105, 0.94, 0.9), (205, 1.12, 1.1), (125, 1.0, 1.0), (185, 1.06, 0.9), (90, 0.88, 1.1),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Words:
    """Spoken digits, real or made up.

    Attributes
    ----------
    waves : list of array (samples,)
        In [-1, 1], 8,000 samples per second.
    digits, speakers, takes : array (B,)
        The digit, the number of the speaker, and which repetition it is.
    names : tuple of str
        Of the speakers.
    real : bool
        Whether these are recordings.
    """

    waves: list[np.ndarray]
    digits: np.ndarray
    speakers: np.ndarray
    takes: np.ndarray
    names: tuple[str, ...]
    real: bool

    def __repr__(self) -> str:
        if self.real:
            return f"{len(self.waves):,} recordings of the Free Spoken Digit Dataset, by {', '.join(self.names)}"
        return f"{len(self.waves):,} made-up words, by voices called {', '.join(self.names)}"


def load(takes: int = 17, folder=None) -> Words:
    """Return the first takes of each digit by each speaker: recordings if they are in the folder, else made-up words.

    The folder is that of `minisnn.datasets.spoken_digits`, which downloads the recordings when it is called.
    """
    return recordings(takes, folder) or made_words(takes)


def recordings(takes: int = 17, folder=None) -> Words | None:
    """Read the Free Spoken Digit Dataset from the folder; None if it is not there."""
    try:
        folder = data_folder(folder, "speech", fsdd.ARCHIVE)
    except ImportError:  # of pooch, which knows the cache: then nothing was downloaded
        return None
    path = next((folder / place for place in fsdd.PLACES if (folder / place).exists()), None)
    if path is None:
        return None
    contents = {name: content for name, content in fsdd._read(path).items() if fsdd._labels(name)[2] < takes}
    digits, speakers, numbers = np.array([fsdd._labels(name) for name in contents]).T
    waves = [read_wav(content, name, RATE) for name, content in contents.items()]
    return Words(waves, digits, speakers, numbers, fsdd.SPEAKERS, real=True)


def made_words(takes: int = 17, seed: int = 0) -> Words:
    """Make up words: ten digits in the tones and noises of six voices, each said `takes` times, never quite alike."""
    takes, seed = validate.integer(takes, "takes", 1), validate.integer(seed, "seed", 0)
    labels = np.array([(d, s, k) for d in range(10) for s in range(len(VOICES)) for k in range(takes)])
    waves = [_say(digit, speaker, seed, take) for digit, speaker, take in labels.tolist()]
    return Words(waves, *labels.T, NAMES, real=False)


def _say(digit: int, speaker: int, seed: int, take: int) -> np.ndarray:
    """Make the wave of one word: harmonics of the pitch, louder near the formants, and noise; silence at both ends."""
    pitch, scale, pace = VOICES[speaker]
    rng = stream(seed, "made word", digit, speaker, take)
    sounds = np.array([SOUNDS[sound] for sound in SPELLED[digit]])
    accent = [stream(seed, "accent", speaker, sound).normal(1, 0.16, 3) for sound in SPELLED[digit]]
    formants = sounds[:, 3:] * scale * accent * rng.normal(1, 0.05, (len(sounds), 3))
    seconds = rng.uniform(0.08, 0.14, len(sounds)) * rng.uniform(0.8, 1.2) / pace
    ends = rng.uniform(0.01, 0.06) + np.cumsum(seconds)
    middles = np.concatenate([[0.0], ends - seconds / 2, [ends[-1] + 0.03]])
    time = np.arange(0, ends[-1] + rng.uniform(0.04, 0.09), 20 / RATE)  # what moves slowly: every 20 samples

    levels = [np.interp(time, middles, level) for level in np.pad(sounds[:, :3], ((1, 1), (0, 0))).T]
    formants = [np.interp(time, middles[1:-1], formant) for formant in formants.T]
    hertz = pitch * rng.normal(1, 0.06) * (1.1 - 0.25 * time / time[-1])  # it falls
    harmonics = np.arange(1, 3900 // hertz.max())[:, np.newaxis]
    loud = sum(1 / (1 + ((harmonics * hertz - formant) / 90) ** 2) / i for i, formant in enumerate(formants, 1))
    voice, hiss, rush = (np.repeat(level, 20) for level in levels)
    turns = np.cumsum(np.repeat(hertz, 20)) / RATE
    tones = np.sin((2 * np.pi * (harmonics * turns % 1)).astype(np.float32))
    voiced = (np.repeat(loud, 20, axis=1) * tones).sum(axis=0)
    noise = rng.standard_normal(len(turns) + 1)
    samples = voice * voiced + hiss * np.diff(noise) + rush * noise[1:] + 0.03 * rng.standard_normal(len(turns))
    return (rng.uniform(0.3, 0.9) * samples / np.abs(samples).max()).astype(np.float32)


def read_own(path) -> np.ndarray:
    """Read one's own recording of a word, a wav file: (samples,) of float32, 8,000 per second, without the silence.

    Channels are averaged, other rates are resampled. What is 35 decibels below the loudest part is cut off at both
    ends, but for 50 ms.

    Raises
    ------
    ValueError
        If the file is no wav file of whole numbers, is silent, or is longer than 3 seconds without the silence.
    OSError
        If it can't be read.
    """
    try:
        with wave.open(str(path)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is not a wav file of whole numbers ({error}); {CONVERT}") from error
    samples = _whole_numbers(content, width)
    samples = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    if len(samples) < SHORTEST * rate or np.ptp(samples) == 0:
        raise ValueError(f"{path} is silent, or shorter than {SHORTEST:g} s; was the microphone on?")
    samples = _resampled(samples - samples.mean(), rate)
    loudness = decibels(np.sqrt(np.square(windows(samples)).mean(axis=1)))
    loud = np.flatnonzero(loudness > loudness.max() + LOUD)
    word = samples[max(loud[0] - MARGIN, 0) * N_HOP : (loud[-1] + MARGIN) * N_HOP]
    if len(word) > LONGEST * RATE:
        seconds = len(word) / RATE
        raise ValueError(f"{path} has {seconds:.1f} s of sound, expected one word; is there noise, or more than one?")
    return word.astype(np.float32)


def _whole_numbers(content: bytes, width: int) -> np.ndarray:
    """Decode samples of 1 to 4 bytes as numbers in [-1, 1)."""
    bytes_ = np.frombuffer(content[: len(content) // width * width], np.uint8).reshape(-1, width)
    if width == 1:
        return bytes_[:, 0] / 128 - 1  # these alone have no sign
    padded = np.zeros((len(bytes_), 4), np.uint8)
    padded[:, 4 - width :] = bytes_
    return padded.view("<i4")[:, 0] / 2**31


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """Resample to 8,000 per second: keep the frequencies that both rates can hold."""
    n = round(len(samples) * RATE / rate)
    return np.fft.irfft(np.fft.rfft(samples), n) * n / len(samples)
