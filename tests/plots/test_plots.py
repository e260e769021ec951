"""Figures: each function draws on its own axes alone, shows what it was given, and changes none of it."""

import copy
import subprocess
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import random_network

import minisnn as ms
from minisnn import plots
from minisnn.analysis.gradients import GradientFlow

pytestmark = pytest.mark.usefixtures("closed_figures")


def history(accuracies, seed=0, K=5) -> ms.History:
    """A history as `fit` writes it, of an ASRC layer with K spans and a layer without."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(K), len(accuracies))
    rows = [
        {"epoch": i, "train_loss": 1 / (1 + i), "validation_accuracy_hard": a, "span_weights": [None, p[i].tolist()]}
        for i, a in enumerate(accuracies)
    ]
    return ms.History(rows, best_epoch=0)


def histories(n_models=2) -> dict:
    """Two seeds a model, the second of which stopped early."""
    return {
        f"model {i}": [history([0.1, 0.3 + i / 50, 0.5, 0.4]), history([0.2, 0.4, 0.6 + i / 50], seed=1)]
        for i in range(n_models)
    }


def flows(n_models=2) -> dict:
    """Norms of two layers over 9 steps for 4 sequences, read at step 6; two seeds a model."""
    rng = np.random.default_rng(0)

    def flow() -> GradientFlow:
        norms = [rng.uniform(0.1, 1, (4, 9)) for _ in range(2)]
        return GradientFlow(norms, 6, zero_slopes=[0.0, 0.0], denormal=[0.0, 0.0])

    return {f"model {i}": [flow(), flow()] for i in range(n_models)}


def tape():
    rng = np.random.default_rng(1)
    net = random_network(rng, (3, 6, 5, 2), recurrence=ms.SRC(2))
    return net.record(3 * rng.standard_normal((4, 11, 3)), lengths=[11, 8, 11, 5])


def potentials() -> list:
    """v and v⁺ of two neurons over 4 steps; the first fires at steps 1 and 2 and is reset, the second at step 2."""
    v = np.array([[0.5, 0.2], [1.25, 0.4], [1.0, 1.5], [0.5, 0.75]])
    v_reset = v.copy()
    v_reset[1:3, 0] -= 1
    return [v, v_reset]


def costs() -> list:
    """Rates, seconds measured and predicted, and of dense products."""
    measured = {"forward": np.array([1e-6, 2e-6]), "backward": np.array([3e-6, 5e-6])}
    predicted = {"forward": np.array([1.5e-6, 2.5e-6])}
    return [np.array([0.0, 0.5]), measured, predicted, {"dense": 4e-6}]


CASES = {
    "cost": (lambda costs, ax=None: plots.cost(*costs, ax=ax), costs, {}),
    "speed": (
        lambda speeds, ax=None: plots.speed(*speeds, ax=ax),
        lambda: [np.array([1e4, 1e6]), np.array([3e10, 2e10]), {"L2": 1e6}],
        {},
    ),
    "learning_curves": (plots.learning_curves, histories, {}),
    "learning_curves of a loss": (plots.learning_curves, histories, {"column": "train_loss"}),
    "span_weights": (plots.span_weights, lambda: history([0.1, 0.2, 0.4]), {"layer": 1}),
    "gradient_flow": (plots.gradient_flow, flows, {"layer": 1}),
    "spikes": (plots.spikes, tape, {"sequence": 1}),
    "skip": (lambda options, ax=None: plots.skip(**options, ax=ax), lambda: {"span": 4}, {}),
    "unrolled": (lambda options, ax=None: plots.unrolled(**options, ax=ax), lambda: {"steps": 2}, {}),
    "signed_grid": (plots.signed_grid, lambda: np.array([[0.0, -2.0, 1.0], [0.5, 0.0, -1.0]]), {"rows": ["a", "b"]}),
    "step_sweep": (
        lambda sweep, ax=None: plots.step_sweep(*sweep, ax=ax),
        lambda: [np.geomspace(1e-9, 1e-1, 5), np.array([1e-3, 1e-5, 1e-7, 1e-4, 1e-1])],
        {},
    ),
    "potentials": (
        lambda traces, **options: plots.potentials(*traces, **options),
        lambda: potentials(),
        {"threshold": 1.0, "names": ["soft", "none"]},
    ),
    "firing_rates": (
        lambda curves, **options: plots.firing_rates(*curves, **options),
        lambda: [np.array([0.4, 0.8, 1.2]), {"soft": np.array([0.0, 0.7, 1.0]), "hard": np.array([0.0, 0.5, 1.0])}],
        {},
    ),
}


def arrays_of(thing):
    """All arrays in a nest of lists, dicts and objects."""
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, dict):
        thing = list(thing.values())
    elif hasattr(thing, "__dict__"):
        thing = list(vars(thing).values())
    return [array for item in thing for array in arrays_of(item)] if isinstance(thing, list | tuple) else []


def picture(figure) -> np.ndarray:
    """The pixels of a figure."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


@pytest.mark.parametrize("name", CASES)
def test_draws_on_the_given_axes_only(name):
    draw, make, options = CASES[name]
    fig, (left, ax, right) = plt.subplots(1, 3)
    current = plt.figure()
    other = current.subplots()
    image = picture(current)
    children = [len(a.get_children()) for a in (left, right, other)]
    assert draw(make(), ax=ax, **options) is ax
    assert ax.has_data()
    assert ax.get_xlabel()
    assert [len(a.get_children()) for a in (left, right, other)] == children
    assert not any(a.has_data() or a.get_xlabel() or a.get_ylabel() for a in (left, right, other))
    assert plt.gcf() is current
    np.testing.assert_array_equal(picture(current), image)
    assert current.axes == [other]
    assert len(plt.get_fignums()) == 2
    new_axes = [a for a in fig.axes if a not in (left, ax, right)]
    assert len(new_axes) == (name == "span_weights")  # its colour bar
    fig.canvas.draw()


@pytest.mark.parametrize("name", CASES)
def test_makes_its_own_figure(name):
    draw, make, options = CASES[name]
    other = plt.figure()
    ax = draw(make(), **options)
    assert len(plt.get_fignums()) == 2
    assert ax.figure is not other
    assert not other.axes
    assert ax.figure.axes[0] is ax
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", CASES)
def test_changes_no_input(name):
    draw, make, options = CASES[name]
    thing = make()
    arrays = arrays_of(thing)
    before = copy.deepcopy(thing)
    assert arrays or isinstance(thing, dict | ms.History)
    for array in arrays:
        array.flags.writeable = False  # writing would raise
    settings = dict(plt.rcParams)
    draw(thing, ax=plt.figure().subplots(), **options)
    if isinstance(thing, ms.History) or name.startswith("learning_curves"):
        assert thing == before
    for array, old in zip(arrays, arrays_of(before), strict=True):
        np.testing.assert_array_equal(array, old)
    assert dict(plt.rcParams) == settings


def labelled(ax) -> dict:
    """The lines of the legend, by name."""
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def test_learning_curves_show_seeds_and_mean():
    ax = plots.learning_curves(histories())
    assert len(ax.get_lines()) == 2 * 3
    thick = labelled(ax)
    assert list(thick) == ["model 0", "model 1"]
    x, y = thick["model 1"].get_data()
    np.testing.assert_array_equal(x, [1, 2, 3])  # as far as all seeds go
    np.testing.assert_allclose(y, [15.0, 36.0, 56.0], rtol=1e-12)  # per cent
    thin = [line.get_ydata() for line in ax.get_lines() if line.get_color() == thick["model 1"].get_color()][:2]
    np.testing.assert_allclose(thin[0], [10.0, 32.0, 50.0, 40.0], rtol=1e-12)
    assert "(%)" in ax.get_ylabel()
    assert thick["model 0"].get_color() != thick["model 1"].get_color()
    loss = plots.learning_curves(histories(), "train_loss")
    np.testing.assert_allclose(labelled(loss)["model 0"].get_ydata(), [1, 1 / 2, 1 / 3])
    assert "%" not in loss.get_ylabel()


def test_span_weights_show_every_epoch_and_span():
    run = history([0.1, 0.2, 0.4])
    ax = plots.span_weights(run, 1)
    (image,) = ax.get_images()
    expected = np.array([row["span_weights"][1] for row in run.rows]).T
    np.testing.assert_array_equal(image.get_array(), expected)
    assert tuple(image.get_extent()) == (0.5, 3.5, 0.5, 5.5)  # epochs and spans from 1, in the middle of their cells
    assert f"span {int(expected[:, -1].argmax()) + 1}" in ax.get_title()
    assert image.get_clim() == (0, 1)


def test_gradient_flow_goes_back_from_the_readout():
    runs = flows()
    ax = plots.gradient_flow(runs, 1)
    assert ax.get_yscale() == "log"
    thick = labelled(ax)
    seeds = [np.median([norms[6::-1] / norms[6] for norms in flow.norms[1]], axis=0) for flow in runs["model 1"]]
    np.testing.assert_allclose(thick["model 1"].get_ydata(), np.sqrt(seeds[0] * seeds[1]), rtol=1e-12)
    np.testing.assert_array_equal(thick["model 1"].get_xdata(), np.arange(7))
    assert thick["model 0"].get_ydata()[0] == pytest.approx(1.0)


def test_gradient_flow_of_dead_layers():
    """No gradient in some sequences, at some steps, or at all: no warning (they are errors here)."""
    runs = flows()
    runs["model 0"][0].norms[1][1] = 0.0
    runs["model 0"][0].norms[1][:, :3] = 0.0
    runs["model 1"][1].norms[1][:] = 0.0
    ax = plots.gradient_flow(runs, 1)
    ax.figure.canvas.draw()
    assert len(labelled(ax)) == 2
    alive = plots.gradient_flow({"model 1": runs["model 1"][:1]}, 1)  # the dead seed is left out of the mean
    mean = labelled(ax)["model 1"].get_ydata()
    assert np.isfinite(mean).all()
    np.testing.assert_allclose(mean, labelled(alive)["model 1"].get_ydata())


def test_spikes_of_one_sequence():
    recorded = tape()
    ax = plots.spikes(recorded, 1)
    n_spikes = [int(layer.s[1].sum()) for layer in recorded.layers]
    assert min(n_spikes) > 0
    assert [len(points.get_offsets()) for points in ax.collections] == n_spikes
    t, n = np.nonzero(recorded.layers[1].s[1])
    np.testing.assert_array_equal(ax.collections[1].get_offsets(), np.column_stack([t, n + 6]))
    assert ax.get_xlim()[1] == 8  # its length
    assert ax.get_ylim() == (-0.5, 10.5)
    assert "6 neurons" in ax.get_yticklabels()[0].get_text()
    assert f"{recorded.layers[0].s[1, :8].mean():.1%}" in ax.get_yticklabels()[0].get_text()


@pytest.mark.parametrize(
    "draw, make, options", [(plots.learning_curves, histories, {}), (plots.gradient_flow, flows, {"layer": 0})]
)
def test_more_models_than_colours(draw, make, options):
    """Every model is shown."""
    n = len(plots.COLOURS) + 2
    ax = draw(make(n), **options)
    assert len(labelled(ax)) == n
    assert len(ax.get_legend().get_texts()) == n


def test_matplotlib_is_imported_when_first_used():
    code = "import sys, minisnn, minisnn.plots, minisnn.cli; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def legend(ax) -> tuple[str, list[str]]:
    """Title and entries of the legend."""
    return ax.get_legend().get_title().get_text(), [text.get_text() for text in ax.get_legend().get_texts()]


def test_legend_of_learning_curves():
    """Speaks of a mean only if there are seeds to take it over."""
    one = {"SRC": [history([0.1, 0.3, 0.5])], "ASRC": [history([0.2, 0.4])]}
    assert legend(plots.learning_curves(one)) == ("", ["SRC", "ASRC"])
    assert legend(plots.learning_curves(histories())) == ("mean and 2 seeds", ["model 0", "model 1"])
    uneven = {"SRC": one["SRC"], "ASRC": 3 * one["ASRC"]}
    assert legend(plots.learning_curves(uneven)) == ("mean and single seeds", ["SRC", "ASRC"])


# save


def nothing(axes):
    """An empty figure."""


@pytest.mark.parametrize("rows, columns", [(1, 1), (1, 3), (2, 1), (2, 3)])
def test_save_hands_over_a_flat_array_of_axes(tmp_path, rows, columns):
    """Row by row, from the top left."""
    seen = []

    def paint(axes):
        assert isinstance(axes, np.ndarray) and axes.shape == (rows * columns,)
        seen.extend(ax.get_subplotspec() for ax in axes)
        for ax in axes:
            ax.plot([1, 2])

    plots.save(tmp_path / "figure.png", paint, rows, columns)
    places = [(place.rowspan.start, place.colspan.start) for place in seen]
    assert places == [(i, j) for i in range(rows) for j in range(columns)]


def test_save_writes_a_png(tmp_path):
    """Whole, of the size asked for, with what was painted; it returns the path."""
    path = tmp_path / "figure.png"
    assert plots.save(path, nothing, width=4.0, height=2.0) == path
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")
    blank = plt.imread(path)
    assert blank.shape[:2] == (2 * 120, 4 * 120)
    assert plots.save(str(path), lambda axes: axes[0].axhspan(0, 1, color="red"), width=4.0, height=2.0) == path
    red = plt.imread(path)
    assert red.shape == blank.shape
    assert (red[..., :3] == [1, 0, 0]).all(axis=-1).mean() > 0.5  # and the old figure is gone
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_save_leaves_nothing_open(tmp_path, monkeypatch):
    """Neither a figure of pyplot, which stays the current one, nor any use of it: it would ask for a display."""
    plots.save(tmp_path / "figure.png", nothing)
    assert plt.get_fignums() == []
    current = plt.figure()
    settings, backend = dict(plt.rcParams), plt.get_backend()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it is an error now
    plots.save(tmp_path / "figure.png", lambda axes: plots.learning_curves(histories(), ax=axes[1]), 2, 2)
    assert plt.get_fignums() == [current.number] and plt.gcf() is current and not current.axes
    assert dict(plt.rcParams) == settings and plt.get_backend() == backend


def fails_at_once(axes):
    raise ZeroDivisionError("in paint")


def fails_when_drawn(axes):
    axes[0].xaxis.set_major_formatter(lambda x, place: 1 / 0)


@pytest.mark.parametrize("paint", [fails_at_once, fails_when_drawn])
def test_save_leaves_nothing_behind_on_an_error(tmp_path, paint):
    """The error comes through, what was there is still there, and there is nothing beside it."""
    path = tmp_path / "figure.png"
    for before in ([], [path]):
        with pytest.raises(ZeroDivisionError):
            plots.save(path, paint)
        assert list(tmp_path.iterdir()) == before
        assert plt.get_fignums() == []
        if before:
            assert path.read_text() == "an older figure"
        path.write_text("an older figure")


def test_save_into_a_folder_that_is_not_there(tmp_path):
    path = tmp_path / "missing" / "figure.png"
    with pytest.raises(OSError, match=r"can't write .*figure\.png"):
        plots.save(path, nothing)
    assert not list(tmp_path.iterdir())


def test_more_lines_than_colours_in_a_sweep():
    """No two look alike, and the legend stands beside the axes."""
    rows = [
        {"lag": lag, "span": span, "seed": 0, "test_accuracy": span / 100} for lag in (1, 2) for span in range(10, 20)
    ]
    ax = plots.sweep(rows, "lag")
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert len(lines) == len({(line.get_color(), line.get_linestyle()) for line in lines}) == 10
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    plt.close(ax.figure)


def test_signed_grid_shows_every_number():
    values = np.array([[0.0, -2.0, 1.0], [0.5, 0.0, -1.0]])
    ax = plots.signed_grid(values, ["a", "b"])
    assert [text.get_text() for text in ax.texts] == ["0", "-2", "1", "0.5", "0", "-1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    cells = ax.get_images()[0].get_array()
    assert cells[0, 1, 3] == cells[..., 3].max() and cells[0, 0, 3] == 0  # the largest is the strongest
    np.testing.assert_array_equal(cells[0, 1, :3], cells[1, 2, :3])  # one colour for a sign
    assert (cells[0, 1, :3] != cells[0, 2, :3]).any()
    plots.signed_grid(np.zeros((1, 2)), ["a"]).figure.canvas.draw()


def test_potentials_show_reset_and_spikes():
    """Each step is flat before and after the reset; dots are the spikes; without θ there are neither."""
    v, v_reset = potentials()
    ax = plots.potentials(v, v_reset, threshold=1.0, names=["soft", "none"])
    lines = labelled(ax)
    assert list(lines) == ["soft", "none"]
    np.testing.assert_array_equal(lines["soft"].get_xdata()[:8], [-0.5, 0, 0, 0.5, 0.5, 1, 1, 1.5])
    np.testing.assert_array_equal(lines["soft"].get_ydata()[::2], [0.5, 0.5, 1.25, 0.25, 1.0, 0.0, 0.5, 0.5])
    np.testing.assert_array_equal(lines["soft"].get_ydata()[::2], lines["soft"].get_ydata()[1::2])
    np.testing.assert_array_equal(lines["none"].get_ydata()[::4], v[:, 1])
    dots = [line.get_xydata() for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots[0], [[1, 1.25], [2, 1.0]])
    np.testing.assert_array_equal(dots[1], [[2, 1.5]])
    assert [line.get_ydata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"] == [1.0]
    bare = plots.potentials(v, v_reset)
    assert len(bare.get_lines()) == 2 and bare.get_legend() is None and not bare.texts


def test_firing_rates_by_name():
    currents, rates = np.array([0.4, 0.8]), {"soft": np.array([0.0, 0.7]), "hard": np.array([0.0, 0.5])}
    lines = labelled(plots.firing_rates(currents, rates))
    assert list(lines) == ["soft", "hard"]
    np.testing.assert_array_equal(lines["hard"].get_xydata(), [[0.4, 0.0], [0.8, 0.5]])


def test_over_spans_starts_at_span_1():
    curves = {"before": np.array([0.3, 0.1, 0.2]), "after": np.array([0.2, 0.4, 0.0])}
    kept = copy.deepcopy(curves)
    ax = plt.subplots(1, 2)[1][1]
    assert plots.over_spans(curves, "loss", marked=(2,), ax=ax) is ax
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    for line, (name, values) in zip(dots, curves.items()):
        assert line.get_label() == name
        assert np.array_equal(line.get_xdata(), [1, 2, 3]) and np.array_equal(line.get_ydata(), values)
    assert any(np.array_equal(line.get_xdata(), [2, 2]) for line in ax.lines)
    assert all(np.array_equal(curves[name], kept[name]) for name in kept)
    assert ax.get_ylabel() == "loss" and ax.get_xlabel() == "span λ (steps)"


def test_hop_sizes_shows_each_part_at_its_number_of_hops_and_leaves_out_what_is_zero():
    part = np.ones((3, 4, 4))  # ‖part‖_F / √N = 2
    parts = {"SRC": {"leak": part, "reset": -part / 2, "1 hop": 0 * part, "2 hops": 3 * part}}
    before = copy.deepcopy(parts)
    (line,) = plots.hop_sizes(parts).get_lines()
    assert line.get_xdata().tolist() == [0, 2]
    assert line.get_ydata() == pytest.approx([1.0, 6.0])
    assert all(np.array_equal(parts["SRC"][name], before["SRC"][name]) for name in before["SRC"])
    assert list(parts["SRC"]) == list(before["SRC"])


def test_hop_sizes_of_a_network_add_up_to_no_more_than_fit_into_the_lag():
    net = ms.Network([2, 6, 2], recurrence=ms.SRC(3), dtype="float64")
    x = 2 * np.random.default_rng(0).standard_normal((3, 12, 2))
    ax = plt.subplots()[1]
    assert plots.hop_sizes({"λ = 3": ms.hops(net, x, 0, lag=10)}, ax=ax) is ax
    assert ax.get_lines()[0].get_xdata().max() == 3
    assert ax.get_yscale() == "log"


def test_an_accuracy_map_shows_each_cell_in_per_cent_and_frames_what_is_marked():
    accuracies = np.array([[0.5, 0.714, 1.0], [0.72, np.nan, 0.9]])
    before, marked = accuracies.copy(), np.array([[False, False, True], [False, False, False]])
    ax = plots.accuracy_map(accuracies, ["RSNN", "λ = 5"], [10, 20, 30], "lag (steps)", marked)
    assert [text.get_text() for text in ax.texts] == ["50", "71", "100", "72", "90"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["RSNN", "λ = 5"]
    (frame,) = ax.patches
    assert frame.get_x() + frame.get_width() / 2 == pytest.approx(2)
    assert frame.get_y() + frame.get_height() / 2 == pytest.approx(0)
    assert np.array_equal(accuracies, before, equal_nan=True)


def test_losses_along_one_weight():
    offsets = np.linspace(-1, 1, 5)
    losses = {"hard": np.sign(offsets), "smooth": np.tanh(offsets)}
    ax = plots.losses_along(offsets, losses)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["hard", "smooth"]
    for line, values in zip(ax.lines, losses.values()):
        np.testing.assert_array_equal(line.get_xdata(), offsets)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert len(ax.lines) == 3  # and offset 0


def test_step_sizes_draws_an_error_of_0_at_the_bottom():
    steps, errors = np.array([1e-2, 1e-4, 1e-6]), np.array([1e-4, 0.0, 1e-9])
    other = plt.subplots()[1]
    ax = plots.step_sizes({"differences": (steps, errors), "complex": (steps[:2], errors[:2])}, other)
    assert ax is other
    assert ax.get_xscale() == ax.get_yscale() == "log"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1e-4, 1e-17, 1e-9])
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), steps[:2])
    assert errors[1] == 0.0


def test_dense_lines_are_drawn_beside_any_number_of_measured_ones():
    rates = np.array([0.1, 0.5])
    many = {f"engine {i}": 1e-6 * rates for i in range(9)}
    ax = plots.cost(rates, many, {}, {"dense": 2e-6})
    assert "dense" in legend(ax)[1]
    with pytest.raises(ValueError, match="predicted has other, which measured has not"):
        plots.cost(rates, many, {"other": rates}, {})


def test_cost_against_rate():
    """In per cent and microseconds; a prediction has the colour of what it predicts."""
    ax = plots.cost(*costs())
    lines = labelled(ax)
    assert list(lines) == ["forward, measured", "forward, predicted", "backward, measured", "dense"]
    np.testing.assert_allclose(lines["backward, measured"].get_xydata(), [[0, 3], [50, 5]])
    np.testing.assert_allclose(lines["forward, predicted"].get_ydata(), [1.5, 2.5])
    assert lines["forward, predicted"].get_color() == lines["forward, measured"].get_color()
    np.testing.assert_allclose(lines["dense"].get_ydata(), 4.0)
    assert len({line.get_color() for line in lines.values()}) == 3
    assert ax.get_ylim()[0] == 0


def test_speed_shows_the_caches():
    ax = plots.speed([1e4, 1e6], [3e10, 2e10], {"L1": 5e4, "L2": 1e6})
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1e4, 30], [1e6, 20]])
    assert [line.get_xdata()[0] for line in ax.get_lines()[1:]] == [5e4, 1e6]
    assert [text.get_text() for text in ax.texts] == ["L1", "L2"]
    assert len(plots.speed([1e4, 1e6], [3e10, 2e10], {}).get_lines()) == 1


def test_curves_draw_what_they_are_given():
    x = np.array([0.0, 1.0, 2.0])
    values = {"hard": np.array([1.0, 1.0, 0.5]), "smooth": np.array([1.0, 0.8, 0.6])}
    before = copy.deepcopy((x, values))
    _, (mine, other) = plt.subplots(1, 2)
    ax = plots.curves(x, values, "weight w", "loss L", ax=mine)
    assert ax is mine and not other.has_data()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight w", "loss L")
    for line, (name, y) in zip(ax.lines, values.items()):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([x, y]))
    assert len({line.get_color() for line in ax.lines}) == 2
    np.testing.assert_equal((x, values), before)


def test_potential_density_shows_shares_and_slopes():
    rng = np.random.default_rng(2)
    distances = {"layer 0": rng.normal(0.0, 0.5, (4, 9, 3)), "layer 1": np.full((4, 9, 2), -0.75)}
    before = copy.deepcopy(distances)
    _, (mine, other) = plt.subplots(1, 2)
    ax = plots.potential_density(distances, ms.Triangle(peak=2.0, width=0.5), ax=mine)
    assert ax is mine and not other.has_data()
    assert "θ" in ax.get_xlabel()
    outlines = [patch.get_xy() for patch in ax.patches]
    assert len(outlines) == 2
    assert max(xy[:, 1].max() for xy in outlines) == pytest.approx(100)  # layer 1 lies in one bin
    right = next(axes for axes in ax.figure.axes if axes not in (mine, other))
    area = right.collections[0].get_paths()[0].vertices
    assert area[:, 1].max() == pytest.approx(2.0, rel=0.1)
    inside = area[area[:, 1] > 0][:, 0]
    assert inside.min() > -0.5 and inside.max() < 0.5
    np.testing.assert_equal(distances, before)


def test_hop_shares_show_every_lag_and_number_of_hops():
    lags, shares = np.array([2, 4, 6]), np.random.default_rng(0).dirichlet(np.ones(7), 3).T  # (7 hops, 3 lags)
    before = lags.copy(), shares.copy()
    left, ax = plt.figure().subplots(1, 2)
    assert plots.hop_shares(lags, shares, 0.5, ax=ax) is ax
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), shares)
    assert tuple(image.get_extent()) == (1, 7, -0.5, 6.5)  # lags and hops in the middle of their cells
    np.testing.assert_allclose(ax.get_lines()[0].get_data(), [lags, [1, 2, 3]])
    assert ax.get_xlabel() and ax.get_ylabel() and not left.has_data()
    np.testing.assert_array_equal(before[0], lags)
    np.testing.assert_array_equal(before[1], shares)
    assert not plots.hop_shares([5], shares[:, :1]).get_lines()  # a figure of its own, nothing predicted


def test_intervals_show_every_mean_and_half_width():
    from minisnn.experiments.findings import Interval

    groups = {"area": [Interval(3.0, 1.0, 10), Interval(-2.0, 0.5, 10)], "kept": [Interval(1.0, 4.0, 3), None]}
    before = copy.deepcopy(groups)
    other, mine = plt.figure().subplots(1, 2)
    ax = plots.intervals(["gaussian", "dropped"], groups, "difference (points)", marked=35, ax=mine)
    assert ax is mine and not other.has_data() and ax.get_xlabel() == "difference (points)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["gaussian", "dropped"]
    assert ax.yaxis_inverted()  # the first at the top
    for bars, (name, rows) in zip(ax.containers, groups.items()):
        assert bars.get_label() == name
        there = [i for i in rows if i is not None]
        np.testing.assert_array_equal(bars.lines[0].get_xdata(), [i.mean for i in there])
        ends = [segment[:, 0] for segment in bars.lines[2][0].get_segments()]
        np.testing.assert_allclose(ends, [[i.mean - i.half_width, i.mean + i.half_width] for i in there])
        assert np.rint(bars.lines[0].get_xydata()[:, 1]).tolist() == list(range(len(there)))  # each in its row
    assert len({bars.lines[0].get_xydata()[0, 1] for bars in ax.containers}) == 2  # side by side
    assert 35 in [line.get_xdata()[0] for line in ax.lines] and 0 in [line.get_xdata()[0] for line in ax.lines]
    assert groups == before
    assert plots.intervals(["gaussian"], {"area": groups["area"][:1]}, "x") is not ax  # a figure of its own


def test_coverage_tells_what_is_missed():
    intervals = np.array([[0.0, 2.0], [1.5, 3.0], [-1.0, 0.5], [1.0, 1.2]])
    before = intervals.copy()
    _, (mine, other) = plt.subplots(1, 2)
    ax = plots.coverage(intervals, 1.0, "accuracy (%)", ax=mine)
    assert ax is mine and not other.has_data()
    covering, missing = ax.collections
    segments = [[segment[:, 0].tolist() for segment in lines.get_segments()] for lines in (covering, missing)]
    assert segments == [[[0.0, 2.0], [1.0, 1.2]], [[1.5, 3.0], [-1.0, 0.5]]]
    assert not np.array_equal(covering.get_color(), missing.get_color())
    assert ax.get_lines()[0].get_xdata()[0] == 1.0
    assert ax.get_xlabel() == "accuracy (%)" and ax.get_ylabel()
    np.testing.assert_array_equal(intervals, before)


def test_compact_is_small_and_looks_the_same():
    import io

    from matplotlib.colors import to_rgb

    figure, axes = plt.subplots(2, 2, figsize=(6, 5))
    rng = np.random.default_rng(0)
    for ax in axes.ravel():
        plots.curves(np.arange(40), {name: rng.random(40) for name in "abc"}, "x", "y", ax=ax)
        ax.fill_between(np.arange(40), 0, rng.random(40), alpha=0.1)
    whole = io.BytesIO()
    figure.savefig(whole, format="png", bbox_inches="tight")
    whole.seek(0)
    small = plots.compact(figure)
    assert not plt.fignum_exists(figure.number)
    assert len(small) < 0.5 * len(whole.getvalue())
    before, after = (plt.imread(file)[:, :, :3] for file in (whole, io.BytesIO(small)))
    assert before.shape == after.shape and np.abs(before - after).mean() < 0.01
    for colour in plots.COLOURS[:3]:  # those of the lines are not mixed with others
        there = np.abs(before - to_rgb(colour)).max(axis=2) < 0.002
        assert there.any() and np.abs(before - after)[there].max() < 0.02


def test_a_skip_arrives_after_its_span():
    """The dots where a spike arrives, and the names of the steps, are 1 and λ steps after the spike."""
    ax = plots.skip(7)
    assert sorted(line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o") == [1, 7]
    assert dict(zip((tick.get_text() for tick in ax.get_xticklabels()), ax.get_xticks())) == {
        "t": 0,
        "t + 1": 1,
        "t + λ": 7,
    }
    assert any("7 steps later" in text.get_text() for text in ax.texts)


def test_overview_shows_what_it_is_given():
    figure = plt.figure()
    left, spans, gradients = plots.overview(7, history([0.1, 0.2, 0.4]), flows(), 1, figure.subplots(2, 2).ravel())
    assert set(figure.axes) >= {left, spans, gradients} and len(figure.axes) == 4  # and a colour bar
    assert left.get_position().height > spans.get_position().height + gradients.get_position().height
    np.testing.assert_allclose(spans.images[0].get_array()[:, 2], history([0.1, 0.2, 0.4]).rows[2]["span_weights"][1])
    assert [text.get_text() for text in gradients.get_legend().get_texts()] == ["model 0", "model 1"]


# Single objects, and what can't be drawn

HOP, T4, PAIR = np.ones((2, 3, 3)), np.arange(4.0), (np.array([1e-2, 1e-4]), np.array([1e-3, 1e-7]))
ONE = SimpleNamespace(mean=1.0, half_width=0.5)
SINGLE = {  # drawn alone, in a list, under a name
    "learning_curves": (lambda h, ax: plots.learning_curves(h, ax=ax), lambda: history([0.1, 0.5]), list),
    "gradient_flow": (lambda f, ax: plots.gradient_flow(f, ax=ax), lambda: flows(1)["model 0"][0], list),
    "hop_sizes": (lambda p, ax: plots.hop_sizes(p, ax), lambda: dict.fromkeys(("leak", "reset", "1 hop"), HOP), None),
    "step_sizes": (lambda c, ax: plots.step_sizes(c, ax), lambda: PAIR, None),
    "losses_along": (lambda c, ax: plots.losses_along(T4, c, ax), lambda: T4**2, None),
    "firing_rates": (lambda c, ax: plots.firing_rates(T4, c, ax), lambda: T4 / 3, None),
    "curves": (lambda c, ax: plots.curves(T4, c, "x", "y", ax), lambda: T4.tolist(), None),
    "over_spans": (lambda c, ax: plots.over_spans(c, "p", ax=ax), lambda: T4, None),
    "potential_density": (lambda c, ax: plots.potential_density(c, ms.Triangle(), ax), lambda: HOP * T4[:3], None),
    "intervals": (lambda c, ax: plots.intervals(["a"], c, "x", ax=ax), lambda: [ONE], None),
}  # fmt: skip


def drawn(ax) -> list:
    """What lies on axes: the points of lines, outlines and collections."""
    lines = [line.get_xydata() for line in ax.get_lines()]
    outlines = [patch.get_path().vertices for patch in ax.patches]
    return [*lines, *outlines, *(part.get_offsets() for part in ax.collections)]


@pytest.mark.parametrize("draw, make, wrap", SINGLE.values(), ids=SINGLE)
def test_a_single_object_is_drawn_as_under_a_name(draw, make, wrap):
    """The same points, but no legend; so does a list with one seed, where there can be seeds."""
    named, *others = plt.figure().subplots(1, 4)
    draw({"name": make()}, named)
    assert named.get_legend_handles_labels()[1] == ["name"]
    things = [make(), *([[make()], {"other name": [make()]}] if wrap else [])]
    for ax, thing in zip(others, things):
        assert draw(thing, ax) is ax
        for got, expected in zip(drawn(ax), drawn(named), strict=True):
            np.testing.assert_array_equal(got, expected)
        assert ax.get_legend() is None or thing is things[-1]


def test_potentials_of_one_neuron():
    """Alone, with its reset or without; its name may be a word."""
    v, v_reset = potentials()
    (line,) = plots.potentials(v[:, 0], v_reset[:, 0]).get_lines()
    np.testing.assert_array_equal(line.get_xydata(), plots.potentials(v, v_reset).get_lines()[0].get_xydata())
    (bare,) = plots.potentials(v[:, 0], names="soft").get_lines()
    np.testing.assert_array_equal(bare.get_ydata(), np.repeat(v[:, 0], 4))
    assert bare.get_label() == "soft"


def test_signed_grid_of_one_row():
    ax = plots.signed_grid([0.5, -1.0], "δ")
    assert [text.get_text() for text in ax.texts] == ["0.5", "-1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["δ"]


V = np.zeros((2, 4, 3))
UNDRAWABLE = {
    "a number": (lambda: plots.learning_curves(3), TypeError, "histories must be a History, .* got int"),
    "no model": (lambda: plots.learning_curves({}), ValueError, "histories is empty"),
    "no seed": (lambda: plots.learning_curves({"SRC": []}), ValueError, "nothing to draw"),
    "a network": (lambda: plots.gradient_flow(ms.Network([1, 3, 2])), TypeError, "a GradientFlow, .* got Network"),
    "no such layer": (lambda: plots.gradient_flow(flows(), 2), ValueError, r"layer must be one of 0 \.\. 1, got 2"),
    "no layer of spans": (lambda: plots.span_weights(history([0.1]), 5), ValueError, r"layer must be one of 0 \.\. 1"),
    "not trained": (lambda: plots.span_weights(ms.History(), 0), ValueError, "history has no epochs"),
    "several histories": (lambda: plots.span_weights({}, 0), ValueError, "nothing to draw"),
    "two runs": (lambda: plots.span_weights([history([0.1])] * 2, 1), ValueError, "one run, got 2; span_maps draws"),
    "a PDF": (lambda: plots.save("a.pdf", lambda axes: None), ValueError, r"is a \.png, .* got 'a.pdf'"),
    "an MP4": (lambda: plots.animate("a.mp4"), ValueError, r"is a \.gif, whatever its name; got 'a.mp4'"),
    "a jacobian": (lambda: plots.hop_sizes({"a": V}), TypeError, "parts must be a result of minisnn.hops"),
    "spikes alone": (lambda: plots.spikes(V), TypeError, "tape must be a Tape, .* got ndarray"),
    "no such sequence": (lambda: plots.spikes(tape(), 4), ValueError, r"sequence must be one of 0 \.\. 3, got 4"),
    "a batch": (lambda: plots.potentials(V, V), ValueError, r"v must be an array \(T, N\) .* write v\[0\]"),
    "two shapes": (lambda: plots.potentials(V[0], V[0, :2]), ValueError, r"one shape, got \(4, 3\) and \(2, 3\)"),
    "too few names": (lambda: plots.potentials(V[0], names=["a"]), ValueError, "one for each of the 3 neurons, got 1"),
    "two axes": (lambda: plots.curves(T4, {"a": V}, "x", "y"), ValueError, r"an array \(n,\), .* \(2, 4, 3\)"),
    "words": (lambda: plots.over_spans(["a", "b"], "p"), ValueError, "curves must be an array"),
    "no pair": (lambda: plots.step_sizes({"a": T4}), ValueError, "curves must be a pair of arrays"),
    "uneven pair": (lambda: plots.step_sizes((T4, T4[:2])), ValueError, "curves must be .* of one length"),
    "rows of names": (lambda: plots.accuracy_map(V[0], ["a"], T4[:3], "x"), ValueError, r"\(1, 3\), got \(4, 3\)"),
    "rows of numbers": (lambda: plots.signed_grid(V[0], ["a"]), ValueError, "with 1 rows, got"),
    "uneven rows": (lambda: plots.intervals(["a", "b"], {"g": [None]}, "x"), ValueError, "each of the 2 names"),
    "no rows": (lambda: plots.sweep([], "span"), ValueError, "rows is empty"),
    "a folder": (lambda: plots.sweep("runs/sweep", "span"), TypeError, "rows must be the list of dicts"),
    "no number": (lambda: plots.sweep([{"model": "src", "test_accuracy": 0.5}], "model"), ValueError, "are numbers"),
    "many axes": (lambda: plots.skip(4, plt.figure().subplots(1, 2)), TypeError, r"did you mean axes\[0\]"),
}  # fmt: skip


@pytest.mark.parametrize("draw, error, words", UNDRAWABLE.values(), ids=UNDRAWABLE)
def test_what_cannot_be_drawn(draw, error, words, tmp_path, monkeypatch):
    """The message says what was got and what was expected; no empty figure is left, nor a file."""
    monkeypatch.chdir(tmp_path)
    before = len(plt.get_fignums())
    with pytest.raises(error, match=words):
        draw()
    assert len(plt.get_fignums()) == before + (error is TypeError and "axes" in words)
    assert not list(tmp_path.iterdir())


# Styles


def luminance(colour, background) -> float:
    """Of a colour as it looks on a background."""
    from matplotlib.colors import to_rgba

    r, g, b, alpha = to_rgba(colour)
    weights = np.array([0.2126, 0.7152, 0.0722])
    return float(weights @ (alpha * np.array([r, g, b]) + (1 - alpha) * np.array(to_rgba(background)[:3])))


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", [name for name in CASES if name != "signed_grid"])  # whose text stands on colours
def test_everything_can_be_seen_in_any_style(name, style):
    """Lines, dots and words stand out from what is behind them."""
    draw, make, options = CASES[name]
    with plt.style.context(style):
        ax = draw(make(), **options)
        background = ax.get_facecolor()
        colours = [line.get_color() for line in ax.get_lines()] + [text.get_color() for text in ax.texts]
        for part in ax.collections:
            colours += [*part.get_edgecolors(), *([] if name == "unrolled" else part.get_facecolors())]
        for colour in colours:
            assert abs(luminance(colour, background) - luminance(background, background)) > 0.07, colour
        if name == "unrolled":  # names of nodes stand on their faces
            assert all(np.array_equal(part.get_facecolors()[0], background) for part in ax.collections)


def test_the_seventh_colour_is_that_of_text():
    names = [str(i) for i in range(7)]
    for style, seventh in (("default", "black"), ("dark_background", "white"), ("Solarize_Light2", "black")):
        with plt.style.context(style):
            ax = plots.curves(T4, dict.fromkeys(names, T4), "x", "y")
            assert plots.colours()[:6] == plots.COLOURS[:6]
            assert luminance(ax.get_lines()[6].get_color(), "red") == luminance(seventh, "red")


def test_marks_of_spikes_fill_their_rows(rng):
    """So they can be seen, whether there are few neurons or many; they don't reach into the next row."""
    heights = {}
    for n in (4, 32, 300, 3000):
        net = ms.Network([3, n, 2], recurrence=ms.Feedforward())
        ax = plots.spikes(net.record(3 * rng.standard_normal((1, 12, 3))))
        ax.figure.canvas.draw()
        row = ax.transData.transform([(0, 1)])[0, 1] - ax.transData.transform([(0, 0)])[0, 1]
        heights[n] = np.sqrt(ax.collections[0].get_sizes()[0]) * ax.figure.dpi / 72 / row  # in rows
        assert ax.collections[0].get_linewidths()[0] >= 0.6
        assert np.sqrt(ax.collections[0].get_sizes()[0]) >= 2.0  # points
        plt.close(ax.figure)
    assert 0.5 < heights[32] <= 1.0
    assert heights[4] <= 1.0
    assert max(heights, key=heights.get) == 3000  # where a row is less than a mark that can be seen


# Figures that exist already


@pytest.mark.parametrize("hand_over", [lambda axes: axes[0], lambda axes: axes, list, lambda axes: axes[0].figure])
def test_save_what_is_drawn(tmp_path, hand_over):
    """Of axes, some axes or a figure; the figure stays open, and as it was."""
    figure, axes = plt.subplots(1, 2, figsize=(4, 2))
    axes[1].axhspan(0, 1, color="red")
    path = plots.save(tmp_path / "figure.png", hand_over(axes))
    picture = plt.imread(path)
    assert picture.shape[:2] == (2 * 120, 4 * 120)
    assert (picture[..., :3] == [1, 0, 0]).all(axis=-1).mean() > 0.2
    assert plt.get_fignums() == [figure.number] and figure.axes == list(axes)
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize("paint", [None, 3, "figure", np.array([])])
def test_save_what_is_no_picture(tmp_path, paint):
    with pytest.raises(TypeError, match="paint must be a function of axes, or axes or a Figure, got"):
        plots.save(tmp_path / "figure.png", paint)
    assert not list(tmp_path.iterdir())
