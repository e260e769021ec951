"""Figures of tutorial 11: reach of the gradient, accuracy by seed, one sum in two orders."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minisnn import plots

pytestmark = pytest.mark.usefixtures("closed_figures")


def curves() -> dict[str, np.ndarray]:
    cut = 0.5 ** np.arange(8.0)
    cut[5:] = 0
    return {"low": 0.3 ** np.arange(8.0), "cut": cut, "high": 0.9 ** np.arange(8.0)}


TERMS = np.array([[0.5, -0.25, 1.0], [0.0, 2.0, 0.125], [0.0, 0.0, -3.0]])
CASES = {
    "gradient_by_lag": (plots.gradient_by_lag, curves(), {"dashed": {"cut": "low"}, "marked": (3, 5)}),
    "seeds_by_row": (plots.seeds_by_row, {"a": np.array([1.0, 3.0]), "b": np.array([5.0])}, {"xlabel": "x"}),
    "double_sum": (plots.double_sum, TERMS, {"row_name": "back", "column_name": "ahead"}),
}


@pytest.mark.parametrize("case", CASES)
def test_draws_on_its_axes_alone_and_changes_nothing(case):
    draw, things, options = CASES[case]
    before = copy.deepcopy(things)
    _, (ax, other) = plt.subplots(1, 2)
    assert draw(things, **options, ax=ax) is ax
    assert not other.has_data() and not other.texts
    np.testing.assert_equal(things, before)
    assert draw(things, **options).figure is not ax.figure  # without ax: a new one
    assert ax.get_xlabel()
    with pytest.raises(TypeError, match="ax must be matplotlib Axes"):
        draw(things, **options, ax=[ax])


def test_curves_end_where_nothing_is_left():
    """Names come in the order of what is left; zeros are no points of a log axis."""
    ax = plots.gradient_by_lag(curves(), dashed={"cut": "low"}, marked=(3, 5))
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_marker() != "x"}
    np.testing.assert_array_equal(lines["cut"].get_xydata(), np.stack([np.arange(5), 0.5 ** np.arange(5)], axis=1))
    np.testing.assert_array_equal(lines["high"].get_ydata(), curves()["high"])
    (cross,) = [line.get_xydata().tolist() for line in ax.get_lines() if line.get_marker() == "x"]
    assert cross == [[4, 1 / 16]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["high", "low", "cut"]
    assert {name: line.get_linestyle() for name, line in lines.items()} == {"low": "-", "cut": "--", "high": "-"}
    assert lines["cut"].get_color() == lines["low"].get_color() != lines["high"].get_color()
    assert len({line.get_marker() for line in lines.values()}) == 3
    assert ax.get_yscale() == "log" and len(ax.patches) == 1
    for wrong in ({"cut": "gone"}, {"gone": "cut"}, {"cut": "cut"}):
        with pytest.raises(ValueError, match=r"dashed must name curves of low, cut, high, .*; got (gone|cut)$"):
            plots.gradient_by_lag(curves(), dashed=wrong)


def test_a_gap_in_a_curve_is_no_end():
    ax = plots.gradient_by_lag({"comb": np.array([1.0, 0.0, 0.5, 0.4])})
    (line,) = ax.get_lines()  # and no cross
    np.testing.assert_array_equal(line.get_ydata(), [1.0, np.nan, 0.5, 0.4])


def test_every_seed_is_a_dot_and_a_bar_the_mean():
    ax = plots.seeds_by_row({"first": [1, 3, 8], "second": [5, 6]}, "x", marked=2)
    dots = [line.get_xydata().tolist() for line in ax.get_lines() if line.get_marker() == "o"]
    assert dots == [[[1, 0], [3, 0], [8, 0]], [[5, 1], [6, 1]]]
    assert [bar.get_segments()[0][0][0] for bar in ax.collections] == [4, 5.5]
    low, high = ax.get_ylim()
    assert low > high  # the first row is at the top


def test_sums_of_rows_and_columns():
    ax = plots.double_sum(TERMS, "back", "ahead")
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert [texts[3.1, row] for row in range(3)] == ["1.25", "2.12", "-3"]
    assert [texts[column, 3.1] for column in range(3)] == ["0.5", "1.75", "-1.88"]
    assert texts[3.1, 3.1] == f"{TERMS.sum():.3g}"
    assert (0, 1) not in texts and texts[1, 0] == "-0.25"  # 0 stays blank; row 0, column 1
    assert {"back", "ahead"} <= set(texts.values())
    for wrong in (np.ones((2, 3)), np.ones(3)):
        with pytest.raises(ValueError, match="terms must have the shape"):
            plots.double_sum(wrong, "", "")
