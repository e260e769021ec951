"""Figures of one neuron: what is drawn is what was given, each seed and each coinciding line is seen."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minisnn import plots

pytestmark = pytest.mark.usefixtures("closed_figures")


@pytest.fixture
def axes():
    """Axes to draw on, beside others that stay empty."""
    left, ax = plt.subplots(1, 2)[1]
    yield ax
    assert not left.has_data() and len(plt.get_fignums()) == 1
    ax.figure.canvas.draw()


def test_steps_are_flat_and_drop_in_the_middle(axes):
    """Nothing slants: of two neighbouring points of the line one coordinate is the same."""
    rng = np.random.default_rng(0)
    v = rng.normal(0.8, 0.6, (7, 2))
    v_reset = v - (v >= 1)
    before = v.copy(), v_reset.copy()
    assert plots.potentials(v, v_reset, 1.0, ["a", "b"], ax=axes) is axes
    np.testing.assert_array_equal((v, v_reset), before)
    lines = {line.get_label(): line for line in axes.get_lines()}
    for i, line in enumerate((lines["a"], lines["b"])):
        x, y = line.get_data()
        assert ((np.diff(x) == 0) | (np.diff(y) == 0)).all()
        middle = np.arange(7)
        np.testing.assert_array_equal(y[np.searchsorted(x, middle - 0.25) - 1], v[:, i])
        np.testing.assert_array_equal(y[np.searchsorted(x, middle + 0.25)], v_reset[:, i])


def test_no_rate_hides_another(axes):
    currents, rate = np.array([0.4, 0.8, 1.2]), np.array([0.0, 0.5, 1.0])
    assert plots.firing_rates(currents, {"soft": rate, "hard": rate, "none": rate}, ax=axes) is axes
    widths = [line.get_linewidth() for line in axes.get_lines()]
    assert widths == sorted(widths, reverse=True) and np.diff(widths).max() <= -1
    assert min(widths) > 1


def test_tangent(axes):
    x = np.linspace(-1.0, 2.0, 31)
    before = x.copy()
    assert plots.tangent(x, x**2, at=0.8, slope=-3.0, ax=axes) is axes
    curve, line, dot = axes.get_lines()
    np.testing.assert_array_equal(curve.get_xydata(), np.column_stack([x, x**2]))
    np.testing.assert_allclose(dot.get_xydata(), [[0.8, 0.64]], rtol=1e-12)
    (x_1, y_1), (x_2, y_2) = line.get_xydata()
    assert -1 <= x_1 < 0.8 < x_2 <= 2
    np.testing.assert_allclose([(y_2 - y_1) / (x_2 - x_1), (0.64 - y_1) / (0.8 - x_1)], -3.0)  # through the dot
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("at", [-0.1, 1.2])
def test_tangent_outside_the_curve(at):
    with pytest.raises(ValueError, match=rf"at must lie in x, 0 \.\. 1, got {at}"):
        plots.tangent([0, 0.5, 1], [1, 2, 3], at=at, slope=1.0)


def test_seeds_over_shows_each_seed_and_the_means(axes):
    rng = np.random.default_rng(1)
    x, values = np.array([0.1, 1.0, 10.0, 50.0]), {"a": rng.uniform(50, 100, (4, 3)), "b": rng.uniform(50, 100, (4, 5))}
    before = {name: results.copy() for name, results in values.items()}
    assert plots.seeds_over(x, values, "width", "accuracy (%)", ax=axes) is axes
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "width", "accuracy (%)")
    means = [line for line in axes.get_lines() if line.get_linestyle() != "None"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    for line, (name, results) in zip(means, before.items(), strict=True):
        np.testing.assert_array_equal(values[name], results)
        np.testing.assert_allclose(line.get_ydata(), results.mean(axis=1), rtol=1e-12)
        of_seeds = [dots for dots in axes.get_lines() if dots.get_color() == line.get_color() and dots is not line]
        np.testing.assert_array_equal(np.column_stack([dots.get_ydata() for dots in of_seeds]), results)
        assert all((dots.get_xdata() == line.get_xdata()).all() for dots in of_seeds)
    first, second = (line.get_xdata() for line in means)
    assert (first < x).all() and (second > x).all() and (second < first * 1.3).all()
    assert means[0].get_color() != means[1].get_color() and means[0].get_linestyle() != means[1].get_linestyle()


def test_seeds_over_of_one_setting_stands_on_x():
    ax = plots.seeds_over([1.0, 3.0], [[2.0, 4.0], [6.0, 9.0]], "x", "y")
    assert ax.get_legend() is None
    np.testing.assert_array_equal(ax.get_lines()[-1].get_xydata(), [[1.0, 3.0], [3.0, 7.5]])


@pytest.mark.parametrize(
    "x, values, words", [([0.0, 1.0], np.ones((2, 3)), "positive, got 0"), ([1.0, 2.0], np.ones(2), "seeds")]
)
def test_seeds_over_what_cannot_be_drawn(x, values, words):
    with pytest.raises(ValueError, match=words):
        plots.seeds_over(x, values, "x", "y")
