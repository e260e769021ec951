"""The picture of a path: each piece is there with its factor, and the animation walks back along it."""

from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from minisnn import cli, plots
from minisnn.plots import paths

LEAK, HOP = plots.COLOURS[:2]


pytestmark = pytest.mark.usefixtures("closed_figures")


def coloured(ax) -> list[tuple[str, np.ndarray]]:
    """The pieces drawn in a colour, with where they go: an array (n, 2) of time and height."""
    lines = [(line.get_color(), line.get_xydata()) for line in ax.get_lines() if line.get_marker() in ("", "None")]
    return [(colour, places) for colour, places in lines if colour in (LEAK, HOP)]


def factors(ax) -> list[tuple[str, float, str]]:
    return [(text.get_text(), text.xy[0], to_hex(text.get_color()).upper()) for text in ax.texts]


def test_each_piece_has_its_length_and_its_factor():
    """A leak stays in its neuron for a step, a hop takes λ steps and leaves it; the pieces follow one another."""
    ax = plots.path([False, True, True, False], span=4, factors=("a", "b"))
    pieces = coloured(ax)
    assert [colour for colour, _ in pieces] == [LEAK, HOP, HOP, LEAK]
    assert [places[-1, 0] - places[0, 0] for _, places in pieces] == [1, 4, 4, 1]
    assert [places[-1, 1] != places[0, 1] for _, places in pieces] == [False, True, True, False]
    for (_, before), (_, after) in pairwise(pieces):
        np.testing.assert_array_equal(before[-1], after[0])
    assert factors(ax) == [("a", 0.5, LEAK), ("b", 3, HOP), ("b", 7, HOP), ("a", 9.5, LEAK)]
    assert ax.get_title() == "λ = 4: 4 factors for 10 steps"
    assert plots.path([True]).get_title() == "λ = 1: 1 factor for 1 step"


def test_hops_turn_back_at_the_last_neuron():
    heights = [places[-1, 1] for _, places in coloured(plots.path([True] * 7))]
    assert heights == [1, 2, 1, 0, 1, 2, 1]


def test_only_long_hops_are_arcs():
    """So that they pass over the steps between."""
    (_, short), (_, long) = coloured(plots.path([True], 1))[0], coloured(plots.path([True], 5))[0]
    assert short[:, 1].max() == 1 < long[:, 1].max()


@pytest.mark.parametrize(
    "walked, drawn, done, at", [(0, 0, 0, 6), (1, 1, 1, 5), (3, 2, 1, 3), (5, 2, 2, 1), (6, 3, 3, 0)]
)
def test_walking_back(walked, drawn, done, at):
    """From the end: a piece has its factor once all of it is behind; the black dot shows how far the walk has come."""
    ax = plots.path([False, True, False], span=4, walked=walked)
    pieces = coloured(ax)
    assert len(pieces) == drawn and len(ax.texts) == done
    assert all(places[:, 0].min() >= at for _, places in pieces)
    (dot,) = [line for line in ax.get_lines() if line.get_markersize() == 7]
    assert dot.get_xdata()[0] == at
    if pieces and done < drawn:
        np.testing.assert_allclose(pieces[0][1][0], dot.get_xydata()[0], atol=0.1)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"hops": []}, "hops is empty"),
        ({"hops": [True], "span": 0}, "span must be"),
        ({"hops": [True], "span": 3, "walked": 4}, "0 .. 3"),
        ({"hops": [True], "walked": -1}, "walked must be"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        plots.path(**arguments)
    assert plt.get_fignums() == []


def test_draws_on_the_given_axes_only():
    figure, (ax, other) = plt.subplots(1, 2)
    hops = np.array([True, False])
    hops.flags.writeable = False
    assert plots.path(hops, 2, ax=ax) is ax
    assert len(figure.axes) == 2 and not other.has_data() and ax.get_xlabel() == "time (steps)"


def test_the_animation_walks_back_to_the_first_step(tmp_path):
    """One frame per step and one before the first, no two the same; the last stays longest."""
    file = plots.animate(tmp_path / "a.gif", [([True, False, False], 2), ([True, True], 2)], factor=0.5)
    assert file == tmp_path / "a.gif" and [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    with Image.open(file) as gif:
        assert gif.n_frames == 4 + 1 and gif.info["loop"] == 0
        frames, times = [], []
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append(np.array(gif.convert("RGB")))
            times.append(gif.info["duration"])
    assert all((a != b).any() for i, a in enumerate(frames) for b in frames[:i])
    assert max(times[:-1]) < times[-1]
    assert plt.get_fignums() == []


def test_what_is_left_in_the_animation():
    """One factor per piece that lies behind as a whole."""
    _, axes = plt.subplots(2)
    paths._paint(axes, [([True, True, False], 3), ([True], 7)], 0.5, walked=4)
    assert axes[0].get_title() == "λ = 3: 4 steps back, 2 factors: 0.5$^{2}$ = 0.25"
    assert axes[1].get_title() == "λ = 7: 4 steps back, 0 factors: 0.5$^{0}$ = 1"


def test_paths_of_an_animation_have_one_lag(tmp_path):
    with pytest.raises(ValueError, match=r"one lag in common, got lags \[2, 3\]"):
        plots.animate(tmp_path / "a.gif", [([True], 2), ([True], 3)])
    assert list(tmp_path.iterdir()) == []


def test_the_animation_of_the_tutorials():
    """The file that stands in the tutorials is small, and walks back over 30 steps."""
    file = Path(__file__).parents[2] / "tutorials" / "path.gif"
    with Image.open(file) as gif:
        assert gif.n_frames == 30 + 1
    assert file.stat().st_size < 300_000


@pytest.mark.slow
def test_the_command_draws_that_file(tmp_path):
    """With as many frames, of the same size; fonts may differ."""
    file = tmp_path / "path.gif"
    assert cli.main(["tutorials", "--animation", str(file)]) == 0
    with Image.open(file) as new, Image.open(Path(__file__).parents[2] / "tutorials" / "path.gif") as old:
        assert (new.n_frames, new.size) == (old.n_frames, old.size)
    assert file.stat().st_size < 300_000


def test_the_command(tmp_path, capsys, monkeypatch):
    """It hands the name of the file on, and takes no other task beside."""
    monkeypatch.setattr(plots, "animate", lambda file: Path(file))
    file = tmp_path / "path.gif"
    assert cli.main(["tutorials", "--animation", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    for wrong in (["--folder", "."], ["--student"]):
        assert cli.main(["tutorials", "--animation", str(file), *wrong]) == 2
    with pytest.raises(SystemExit):
        cli.main(["tutorials", "--animation", str(file), "--execute"])


def test_a_missing_folder(tmp_path):
    with pytest.raises(OSError, match="can't write"):
        plots.animate(tmp_path / "missing" / "a.gif", [([True], 1)])
