"""The exercises of tutorial 10: right answers pass, typical wrong ones fail with the sentence that belongs to them."""

import numpy as np
import pytest

from minisnn.course import exercises, spectra
from minisnn.course.exercises import _10


def verdict(name, answer, says=None):
    """Whether the answer passes; a wrong one must say so in these words."""
    result = exercises.check(name, answer)
    if says is not None:
        assert says in result.text, result.text
    return bool(result)


def test_there_are_three_exercises_with_hints():
    assert list(_10.EXERCISES) == ["10.1", "10.2", "10.3"]
    assert all(exercise.hints for exercise in _10.EXERCISES.values())
    assert all("no answer yet" in exercises.check(name, ...).text for name in _10.EXERCISES)


# 10.1


def test_windows_without_a_common_sample():
    """The right answer is what the windows themselves say."""
    numbered = spectra.windows(np.arange(1.0, 4001.0))[10:20]
    shared = [len(np.intersect1d(numbered[0], window)) for window in numbered]
    assert verdict("10.1", shared.index(0))
    for wrong, says in ((1, "20 of their 30"), (2, "10 ms are in both"), (4, "one step less"), (30, "steps of 10 ms")):
        assert not verdict("10.1", wrong, says)
    assert not verdict("10.1", 240, "steps of 80")
    assert not verdict("10.1", 7, "too high")


# 10.2


def by_hand(wave, hann=True, power=1, bands_first=True, axis=None, pad=True, floor=spectra.decibels):
    """The log-mel spectra again, as loops, with a place for each slip."""
    wave = np.concatenate([np.zeros(120), wave, np.zeros(120)]) if pad else wave
    rows = []
    for start in range(0, len(wave) - 239, 80):
        window = wave[start : start + 240]
        if hann:
            window = window * np.sin(np.pi * np.arange(240) / 240) ** 2
        amplitudes = np.abs(np.fft.fft(window)[:121]) ** power
        rows.append(spectra.mel_bands() @ (amplitudes if bands_first else floor(amplitudes)))
    values = floor(np.array(rows)) if bands_first else np.array(rows)
    centred = values - values.mean(axis=axis, keepdims=True)
    return centred / np.maximum(values.std(axis=axis, keepdims=True), 1e-3)


def per_step(amplitudes):
    return np.array([spectra.decibels(row) for row in amplitudes])


def test_log_mel():
    assert verdict("10.2", by_hand)
    assert verdict("10.2", spectra.log_mel)
    assert verdict("10.2", lambda wave: by_hand(wave).tolist())


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda wave: by_hand(wave, hann=False), "not faded"),
        (lambda wave: by_hand(wave, power=2), "squares"),
        (lambda wave: by_hand(wave, axis=0), "each band is normalised"),
        (lambda wave: by_hand(wave, axis=1), "each step is normalised"),
        (lambda wave: by_hand(wave, pad=False), "centred on the first sample"),
        (lambda wave: by_hand(wave, floor=per_step), "its own loudest"),
        (lambda wave: by_hand(wave, floor=lambda amplitudes: amplitudes), "decibels are missing"),
        (lambda wave: by_hand(wave).T, "axes are swapped"),
        (lambda wave: 7 + 3 * by_hand(wave), "entries are wrong"),
        (lambda wave: by_hand(wave)[:-1], "has shape"),
        (lambda wave: None, "returns nothing yet"),
        (lambda wave: wave[10**6], "raised IndexError"),
        (3, "a function"),
    ],
)
def test_log_mel_with_slips(wrong, says):
    assert not verdict("10.2", wrong, says)


def test_log_mel_not_normalised():
    def loudness(wave):
        return spectra.decibels(np.abs(np.fft.rfft(spectra.windows(wave) * spectra.HANN)) @ spectra.mel_bands().T)

    def decibels_first(wave):
        amplitudes = spectra.decibels(np.abs(np.fft.rfft(spectra.windows(wave) * spectra.HANN)))
        values = spectra.decibels(amplitudes @ spectra.mel_bands().T)
        return (values - values.mean()) / values.std()

    assert not verdict("10.2", loudness, "mean 0 and standard deviation 1 are missing")
    assert not verdict("10.2", lambda wave: loudness(wave) - loudness(wave).mean(), "not 1 yet")
    assert not verdict("10.2", lambda wave: decibels_first(wave), "of a tone that rises")


def test_what_the_student_does_to_the_wave_does_not_matter():
    def spoils(wave, hann=True):
        result = by_hand(wave, hann=hann)
        wave[:] = 0
        return result

    assert verdict("10.2", spoils)
    assert not verdict("10.2", lambda wave: spoils(wave, hann=False), "not faded")


# 10.3


def evidence(n=150, classes=5, steps=40, seed=0):
    """Running logits that drift towards the right class, fast in clear words and slowly in unclear ones."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    running = []
    for label, drift in zip(y, rng.choice([0.1, 0.9], n)):
        moves = 0.5 * rng.standard_normal((rng.integers(steps // 2, steps), classes))
        moves[:, label] += drift
        running.append(np.cumsum(moves, axis=0))
    return running, y


RUNNING, Y = evidence()


def ahead(bound):
    def stop(logits):
        second, first = np.sort(logits[-1])[-2:]
        return first - second > bound

    return stop


def test_stop_when_sure():
    assert verdict("10.3", (ahead(7.0), RUNNING, Y))
    assert verdict("10.3", (lambda logits: True if ahead(7.0)(logits) else None, RUNNING, Y))
    assert verdict("10.3", [ahead(7.0), tuple(RUNNING), Y.tolist()])


def test_a_rule_that_no_fixed_time_equals():
    """Half of the words are right at first and half at last, so any one time is right in half of them."""
    early = np.array([[3.0, 0], [3, 0], [0, 1], [0, 1]])
    late = np.array([[0.0, 1], [0, 1], [3, 0], [3, 0]])
    running, y = [early, late] * 20, np.zeros(40, int)
    assert verdict("10.3", (ahead(2.0), running, y))


@pytest.mark.parametrize(
    "stop, says",
    [
        (lambda logits: False, "never stops"),
        (lambda logits: True, "it may lose 3"),
        (ahead(0.5), "it may lose 3"),
        (lambda logits: len(logits) >= 34, "To stop everyone after"),
        (ahead(40.0), "never stops"),
        (lambda logits: None, "never stops"),
        (lambda logits: logits[99], "raised IndexError"),
        (lambda: True, "raised TypeError"),
    ],
)
def test_rules_that_do_not_do(stop, says):
    assert not verdict("10.3", (stop, RUNNING, Y), says)


@pytest.mark.parametrize(
    "answer", [ahead(7.0), (ahead(7.0), RUNNING), (3, RUNNING, Y), (ahead(7.0), RUNNING, Y[:-1]), (ahead(7.0), [], [])]
)
def test_what_the_answer_is(answer):
    assert not verdict("10.3", answer, "the answer is (stop, running, y)")


def test_a_rule_sees_the_past_alone():
    """And can't change it."""
    seen = []

    def stop(logits):
        seen.append(len(logits))
        assert not logits.flags.writeable
        return len(logits) >= 3

    exercises.check("10.3", (stop, RUNNING[:2], Y[:2]))
    assert seen[:6] == [1, 2, 3, 1, 2, 3]
    assert all(logits.flags.writeable for logits in RUNNING)  # the reader's own are as they were
