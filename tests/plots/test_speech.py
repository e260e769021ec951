"""Figures of speech: each draws what it was given, on its own axes, in ms, and changes nothing."""

import doctest

import matplotlib.pyplot as plt
import numpy as np
import pytest

import minisnn as ms
from minisnn.plots import speech

pytestmark = pytest.mark.usefixtures("closed_figures")


RNG = np.random.default_rng(0)
CASES = {
    "wave": (speech.wave, {"samples": RNG.standard_normal(50), "rate": 8000}),
    "spectrum": (
        speech.spectrum,
        {"hertz": np.arange(9.0), "amplitudes": RNG.random(9), "centres": np.arange(4.0), "bands": RNG.random(4)},
    ),
    "log_mel": (speech.log_mel, {"values": RNG.random((7, 5)), "centres": np.array([90.0, 400, 900, 1900, 3600])}),
    "raster": (speech.raster, {"s": (RNG.random((7, 5)) < 0.3) * 1.0}),
    "evidence": (speech.evidence, {"running": RNG.random((7, 4)), "names": list("abcd")}),
    "voices": (speech.voices, {"names": list("abc"), "known": RNG.random((3, 2)), "unheard": RNG.random(3)}),
    "time_scales": (speech.time_scales, {"ranges": {"a": (10, 30)}, "points": {"b": np.array([20.0, 40.0])}}),
}


@pytest.mark.parametrize("name", CASES)
def test_draws_on_the_given_axes_only(name):
    draw, arguments = CASES[name]
    before = {key: np.copy(value) if isinstance(value, np.ndarray) else value for key, value in arguments.items()}
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False  # writing would raise
    fig, (left, ax) = plt.subplots(1, 2)
    settings = dict(plt.rcParams)
    assert draw(**arguments, ax=ax) is ax
    fig.canvas.draw()
    assert ax.has_data() and ax.get_xlabel() and not left.has_data() and fig.axes == [left, ax]
    assert dict(plt.rcParams) == settings
    for key, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(arguments[key], value)
    assert draw(**arguments).figure is not fig
    with pytest.raises(TypeError, match="ax must be matplotlib Axes"):
        draw(**arguments, ax=[ax])


@pytest.mark.parametrize("name", CASES)
def test_examples_run(name):
    draw = CASES[name][0]
    test = doctest.DocTestParser().get_doctest(draw.__doc__, {"np": np, "ms": ms}, name, None, 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_wave_is_drawn_in_ms():
    (line,) = speech.wave(np.arange(5), rate=2000, start=30).get_lines()
    np.testing.assert_allclose(line.get_xdata(), [30, 30.5, 31, 31.5, 32])
    np.testing.assert_array_equal(line.get_ydata(), np.arange(5))


def test_a_spectrum_is_relative_to_its_loudest():
    """Of frequencies and of bands, each; nothing is 0 decibels of nothing."""
    ax = speech.spectrum([0, 10, 20], [1.0, 10.0, 0.0], [5, 15], [4.0, 0.4])
    first, second = (line.get_ydata() for line in ax.get_lines())
    np.testing.assert_allclose(first[:2], [-20, 0], atol=1e-12)
    np.testing.assert_allclose(second, [0, -20], atol=1e-12)
    assert np.isfinite(first[2])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["3 frequencies", "2 bands"]


def test_log_mel_has_a_column_per_step():
    values = np.arange(21.0).reshape(7, 3)
    ax = speech.log_mel(values, [100, 1000, 2000], step=20)
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), values.T)
    assert tuple(image.get_extent()) == (-10, 130, -0.5, 2.5)  # step 0 is centred on 0
    assert image.origin == "lower"
    ticks = {text.get_text(): place for text, place in zip(ax.get_yticklabels(), ax.get_yticks())}
    assert ticks == {"100": 0, "500": pytest.approx(4 / 9), "1,000": 1, "2,000": 2}


def test_raster_shows_every_spike():
    s = np.zeros((4, 3))
    s[1, 2] = s[3, 0] = 1
    (marks,) = speech.raster(s, step=5).collections
    assert marks.get_offsets().tolist() == [[5, 2], [15, 0]]


def test_evidence_names_those_that_lead_in_the_end():
    running = np.array([[5.0, 0, 0, 0], [1.0, 3.0, -2.0, 2.0]])
    ax = speech.evidence(running, ["a", "b", "c", "d"], named=2, step=10)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["b", "d"]
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["d"].get_data(), [[0, 10], [0, 2]])
    assert lines["b"].get_color() != lines["d"].get_color()
    assert len(ax.get_lines()) == 4 and lines["b"].get_drawstyle() == "steps-mid"


def test_voices_stand_in_their_row():
    ax = speech.voices(["a", "b", "c"], [[0.9, 0.7], [0.8, 0.8], [1, 1]], [0.2, 0.4, 0.6])
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_allclose(lines["known"].get_xdata(), [80, 80, 100])
    np.testing.assert_allclose(lines["never heard"].get_xdata(), [20, 40, 60])
    names = {place: text.get_text() for place, text in zip(ax.get_yticks(), ax.get_yticklabels())}
    assert [names[row] for row in lines["never heard"].get_ydata()] == ["a", "b", "c"]
    assert (np.diff(lines["known"].get_ydata()) < 0).all()  # from top to bottom
    np.testing.assert_allclose(lines["a guess"].get_xdata(), [10, 10])


def test_time_scales():
    """A bar from the shortest to the longest, on a log axis; equal dots beside each other, from top to bottom."""
    ax = speech.time_scales({"a": (10, 30), "b": (5, 500)}, {"c": [80, 40, 80]})
    assert ax.get_xscale() == "log" and ax.yaxis_inverted()
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches] == [(10, 30), (5, 500)]
    (dots,) = ax.get_lines()
    np.testing.assert_array_equal(dots.get_xdata(), [40, 80, 80])
    assert len(set(dots.get_ydata())) == 2
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert len(speech.time_scales({"a": (10, 30)}).get_lines()) == 0
