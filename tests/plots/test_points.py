"""Points with names: all are there, in the order of y, apart from each other."""

import numpy as np
import pytest

from minisnn import plots
from minisnn.plots import points


def test_names_stand_beside_their_points_in_order():
    given = {"low": (3.0, 1.0), "high": (1.0, 9.0), "between": (2.0, 4.0), "its twin": (2.5, 4.0)}
    before = dict(given)
    ax = plots.named_points(given, "x", "y")
    assert given == before and (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert all(line.get_markerfacecolor() == "none" for line in ax.lines)  # a point hides no other
    assert sorted(line.get_xydata()[0].tolist() for line in ax.lines) == sorted(map(list, given.values()))
    texts = {text.get_text(): (text.xy, text.get_position()[1]) for text in ax.texts}
    assert {name: tuple(map(float, xy)) for name, (xy, _) in texts.items()} == given
    heights = {name: height for name, (_, height) in texts.items()}
    assert heights["low"] < min(heights["between"], heights["its twin"])
    assert max(heights["between"], heights["its twin"]) < heights["high"]


@pytest.mark.parametrize("heights", [[0.5], [0.1, 0.1, 0.1], [0.0, 0.97, 0.98, 1.0], [0.5] * 30])
def test_names_do_not_overlap(heights):
    moved = points._spread(heights)
    assert (np.diff(moved) > 0.999 * points.GAP).all() and moved.max() <= max(1, points.GAP * len(moved))
    assert points._spread([0.2, 0.5, 0.9]).tolist() == [0.2, 0.5, 0.9]  # these are apart


def test_what_is_no_point():
    with pytest.raises(ValueError, match="points must be a pair"):
        plots.named_points({"a": 1.0}, "x", "y")
    with pytest.raises(ValueError, match="points is empty"):
        plots.named_points({}, "x", "y")
