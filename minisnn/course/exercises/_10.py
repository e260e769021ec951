"""The exercises of tutorial 10: windows that overlap, the log-mel spectra of a word, a rule for when to decide."""

import numpy as np

from minisnn._internal.rng import stream
from minisnn.course import spectra
from minisnn.course.exercises.exercise import Exercise, array, attempt, number

# 10.1: the windows of steps t and t + λ begin λ · 80 samples apart and have 240

OVERLAP_SLIPS = {
    1.0: "neighbours share 20 of their 30 ms.",
    2.0: "two steps are 20 ms, a window is 30: 10 ms are in both.",
    4.0: "that is enough, but so is one step less: then one window begins right where the other ends.",
    10.0: "a step is 10 ms; the question is how many of them.",
    30.0: "a window has 30 ms; the question is how many steps of 10 ms that is.",
    240.0: "a window has 240 samples; the question is how many steps of 80 that is.",
}

# 10.2


def waves():
    """Yield (words, wave): noise of several lengths, loud and soft, with and without tones."""
    rng = stream(0, "exercise 10.2")
    time = np.arange(4010) / spectra.RATE
    tone = np.sin(2 * np.pi * 440 * time * (1 + time))
    yield "a tone that rises", 0.3 * tone + 0.001 * rng.standard_normal(len(time))
    yield "noise of 1,999 samples", 0.1 * rng.standard_normal(1999)
    yield "a click in silence", np.r_[np.zeros(900), 0.5, np.zeros(700)]
    yield "a word of a third of a second, followed by near silence", tone[:2640] * np.exp(-time[:2640] / 0.02)


def slips(wave) -> dict[str, np.ndarray]:
    """Return what typical slips make of a wave, by the sentence about each."""
    plain, faded = spectra.windows(wave), spectra.windows(wave) * spectra.HANN
    amplitudes, bands = np.abs(np.fft.rfft(faded)), spectra.mel_bands().T
    mel = amplitudes @ bands
    loudness = spectra.decibels(mel)

    def normal(values, axis=None):
        mean, spread = values.mean(axis, keepdims=True), values.std(axis, keepdims=True)
        return (values - mean) / np.maximum(spread, 1e-3)

    unpadded = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wave, 240)[::80] * spectra.HANN))
    return {
        "the windows are not faded: multiply each by spectra.HANN.": normal(
            spectra.decibels(np.abs(np.fft.rfft(plain)) @ bands)
        ),
        "those are the squares; the bands add up amplitudes.": normal(spectra.decibels(amplitudes**2 @ bands)),
        "the decibels are right; mean 0 and standard deviation 1 are missing.": loudness,
        "the mean is right, the standard deviation is not 1 yet.": loudness - loudness.mean(),
        "each band is normalised by itself; take one mean and one deviation over the whole recording.": normal(
            loudness, axis=0
        ),
        "each step is normalised by itself, so loud and soft steps look alike; take the whole recording.": normal(
            loudness, axis=1
        ),
        "the decibels come after the bands, not before.": normal(spectra.decibels(amplitudes) @ bands),
        "those are amplitudes: the decibels are missing.": normal(mel),
        "each step has decibels below its own loudest; the floor is that of the whole recording.": normal(
            np.array([spectra.decibels(row) for row in mel])
        ),
        "the floor is missing: what is more than 80 dB below the loudest counts as 80 dB.": normal(
            20 * np.log10(mel + 1e-10)
        ),
        "the first window is centred on the first sample: spectra.windows does that.": normal(
            spectra.decibels(unpadded @ bands)
        ),
        "the axes are swapped: a row per step, a column per band.": normal(loudness).T,
    }


def check_log_mel(answer) -> str | None:
    """Check the log-mel spectra of some waves."""
    for words, wave in waves():
        expected = spectra.log_mel(wave)
        got = answer(wave.copy())
        wrong = array(expected, tolerance=1e-3, slips=slips(wave))(got)
        if wrong:
            return f"of {words}: {wrong}"
    return None


# 10.3

MAY_LOSE, EARLIER = 0.03, 3  # share of the words; steps before what a fixed time needs


def check_stop(answer) -> str | None:
    """Check a rule that decides early against hearing all, and against one fixed time for all words."""
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return "the answer is (stop, running, y): your rule, the running logits of the words, and their digits."
    stop, running, y = answer
    running, y = [np.array(logits, float) for logits in running], np.asarray(y)
    if not callable(stop) or not running or len(running) != len(y) or any(logits.ndim != 2 for logits in running):
        return "the answer is (stop, running, y): a function, a list of arrays (T, 10), and a digit for each."
    return attempt(lambda rule: _judge(rule, running, y))(lambda evidence: bool(stop(evidence)))


def _judge(stop, running: list[np.ndarray], y: np.ndarray) -> str | None:
    """Say what a rule lacks, if anything."""
    lengths = np.array([len(logits) for logits in running])
    heard = np.array([_heard(stop, logits) for logits in running])

    def accuracy(steps):
        ends = np.minimum(steps, lengths) - 1
        return float(np.mean([logits[end].argmax() == label for logits, end, label in zip(running, ends, y)]))

    whole, got, mean = accuracy(lengths), accuracy(heard), heard.mean()
    if (heard == lengths).all():
        return "your rule never stops before the end of a word."
    if got < whole - MAY_LOSE:
        return (
            f"it hears {mean:.1f} of {lengths.mean():.1f} steps on average and is right in {got:.1%} of the words, "
            f"{100 * (whole - got):.1f} points below hearing all of them; it may lose {100 * MAY_LOSE:.0f}."
        )
    fixed = next((n for n in range(1, lengths.max() + 1) if accuracy(np.full(len(y), n)) >= got), None)
    if fixed is None:
        return None  # no fixed time is as good
    needed = np.minimum(fixed, lengths).mean()
    if mean > needed - EARLIER:
        return (
            f"it hears {mean:.1f} steps on average and is right in {got:.1%}. To stop everyone after {fixed} steps is "
            f"as good and takes {needed:.1f}; be at least {EARLIER} below that, by what you hear."
        )
    return None


def _heard(stop, logits: np.ndarray) -> int:
    """Return after how many steps a rule decides, the last at the latest."""
    logits.flags.writeable = False
    return next((t for t in range(1, len(logits)) if bool(stop(logits[:t]))), len(logits))


EXERCISES = {
    "10.1": Exercise(
        number(3, slips=OVERLAP_SLIPS),
        "With λ = 1 or 2 a spike meets input that is partly the same sound. Only from λ = 3 on is all of it new.",
        (
            "A window has 240 samples, and the next begins 80 samples later.",
            "Step t covers the samples 80 t - 120 to 80 t + 119. Where does step t + λ begin?",
        ),
    ),
    "10.2": Exercise(
        attempt(check_log_mel),
        "Four lines: fade, transform, add up in bands, decibels; and the two numbers that make it normal.",
        (
            "np.fft.rfft transforms the last axis, so it takes all windows at once: (T, 240) to (T, 121).",
            "spectra.mel_bands() is (40, 121); amplitudes @ bands.T is (T, 40). Then spectra.decibels, of all at once.",
            "loudness = spectra.decibels(...), then (loudness - loudness.mean()) / loudness.std().",
        ),
    ),
    "10.3": Exercise(
        check_stop,
        "A clear word is decided early, an unclear one late. No fixed time can do that.",
        (
            "`evidence[-1]` are the logits now. How sure are they? Compare the largest with the second.",
            "np.sort(evidence[-1]) has the two at its end. Stop when their difference exceeds a bound, and try bounds.",
            "The bound trades time for accuracy: print both for 1, 2, 3, 4, 6, 8 and keep the lowest that will do.",
        ),
    ),
}
