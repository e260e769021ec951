"""Figures of learned spans: runs side by side, soft beside hard."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest

import minisnn as ms
from minisnn import plots

pytestmark = pytest.mark.usefixtures("closed_figures")


def history(seed: int, epochs: int = 4, K: int = 5) -> ms.History:
    """A run of two layers, of which the second is ASRC."""
    rng = np.random.default_rng(seed)
    p, accuracies = rng.dirichlet(np.ones(K), epochs), rng.random((epochs, 2))
    return ms.History(
        [
            {"span_weights": [None, row.tolist()], "validation_accuracy_soft": soft, "validation_accuracy_hard": hard}
            for row, (soft, hard) in zip(p, accuracies)
        ]
    )


RUNS = {"seed 0": history(0), "seed 1": history(1), "seed 2": history(2, epochs=3)}


def test_span_maps_share_one_colour_bar():
    axes = plots.span_maps(RUNS, layer=1)
    assert len(axes) == 3 and len(axes[0].figure.axes) == 4  # three maps and the bar
    for ax, (name, run) in zip(axes, RUNS.items()):
        (image,) = ax.get_images()
        p = np.array([row["span_weights"][1] for row in run.rows]).T
        np.testing.assert_array_equal(image.get_array(), p)
        assert image.get_clim() == (0, 1)  # so that one bar serves all
        assert ax.get_title() == f"{name}: last span {p[:, -1].argmax() + 1}"
        assert ax.get_xlabel() == "epoch"
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, False]


def test_span_maps_on_given_axes():
    axes = plt.subplots(1, 4)[1]
    other = axes[3]
    assert plots.span_maps(RUNS, 1, axes[:3]) is not None
    assert not other.has_data() and len(plt.get_fignums()) == 1
    with pytest.raises(ValueError, match="one per run, 3, got 2"):
        plots.span_maps(RUNS, 1, axes[:2])
    with pytest.raises(ValueError, match="not ASRC"):
        plots.span_maps(RUNS, 0)
    with pytest.raises(ValueError, match="no epochs"):
        plots.span_maps({"seed 0": ms.History([])}, 1)


def test_several_runs_are_told_where_one_is_drawn():
    several = {"a": [RUNS["seed 0"]] * 2}
    with pytest.raises(ValueError, match="one run per name, got several of a"):
        plots.span_maps(several, 1)
    with pytest.raises(ValueError, match="history must be that of one run, got 2"):
        plots.span_weights({"a": RUNS["seed 0"], "b": RUNS["seed 0"]}, 1)
    with pytest.raises(ValueError, match="must be those of one model, got a, b"):
        plots.soft_and_hard({"a": RUNS["seed 0"], "b": RUNS["seed 0"]})


def test_soft_and_hard_show_seeds_and_means():
    runs = [history(0), history(1)]
    ax = plots.soft_and_hard(runs)
    lines = ax.get_lines()
    assert len(lines) == 2 * 3
    for thick, kind in ((lines[2], "soft"), (lines[5], "hard")):
        curves = 100 * np.array([run.column(f"validation_accuracy_{kind}") for run in runs])
        np.testing.assert_allclose(thick.get_ydata(), curves.mean(axis=0))
        np.testing.assert_array_equal(thick.get_xdata(), [1, 2, 3, 4])
        assert thick.get_label().startswith(kind)
    for thin, run in zip(lines[3:5], runs):
        np.testing.assert_allclose(thin.get_ydata(), 100 * np.array(run.column("validation_accuracy_hard")))
    assert lines[2].get_color() != lines[5].get_color() and lines[2].get_linestyle() != lines[5].get_linestyle()
    assert "2 seeds" in ax.get_legend().get_title().get_text()
    assert plots.soft_and_hard(runs[0]).get_legend().get_title().get_text() == ""


@pytest.mark.parametrize("draw", [lambda ax: plots.soft_and_hard(RUNS["seed 0"], ax=ax)])
def test_draws_on_the_given_axes_only(draw):
    _, (left, ax) = plt.subplots(1, 2)
    current = plt.figure()
    assert draw(ax) is ax and ax.has_data() and not left.has_data()
    assert plt.gcf() is current and not current.axes and len(plt.get_fignums()) == 2


def test_no_input_is_changed():
    before = copy.deepcopy(RUNS)
    plots.span_maps(RUNS, 1)
    plots.soft_and_hard(RUNS["seed 0"])
    assert before == RUNS
