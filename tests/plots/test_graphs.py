"""The graph of a neuron over time: every node and arrow is there, and backwards each arrow is turned round."""

import pytest

from minisnn import plots

pytestmark = pytest.mark.usefixtures("closed_figures")


def arrows(ax) -> list:
    return [text for text in ax.texts if text.arrow_patch is not None]


def inner(ax) -> dict:
    """The colour of each arrow between two nodes, by (tail, head)."""
    ends = {(text.xyann, text.xy): text.arrow_patch.get_edgecolor() for text in arrows(ax)}
    return {pair: colour for pair, colour in ends.items() if all(0 <= y <= 1 for _, y in pair)}


@pytest.mark.parametrize("recurrent", [False, True])
def test_every_node_and_arrow(recurrent):
    """Of s[t] two or three ways lead on, of v[t] two, of v⁺[t] and z[t] one, into the next step."""
    nodes, within, between = (4, 4, 2) if recurrent else (3, 3, 1)
    ahead = plots.unrolled(2, recurrent)
    back = plots.unrolled(2, recurrent, backward=True)
    for ax, extra in ((ahead, 2 * 2), (back, 2)):  # arrows to and from outside: I[t] and above, or e[t] alone
        assert len(ax.collections) == 2 * nodes
        assert len(arrows(ax)) == 2 * within + between + extra
    assert {(head, tail) for tail, head in inner(ahead)} == set(inner(back))


def test_the_words_beside_the_arrows():
    """Forward the weights, backward their transpose; the reset as it is asked for."""
    words = [text.get_text() for text in plots.unrolled(3, recurrent=True).texts]
    assert words.count("$W_{rec}$") == 3 and "$W_{rec}^T$" not in words and "β" not in words
    words = [text.get_text() for text in plots.unrolled(3, recurrent=True, backward=True).texts]
    assert words.count("$W_{rec}^T$") == 3 and "$W_{rec}$" not in words
    assert (words.count("σ′"), words.count("β"), words.count("1")) == (3, 2, 2)
    assert words.count("−(a θ + h v)") == words.count("1 − h s") == 3
    words = [text.get_text() for text in plots.unrolled(3, backward=True, reset=("one", "two")).texts]
    assert (words.count("one"), words.count("two"), words.count("1 − h s")) == (3, 3, 0)


def test_words_stand_beside_their_arrows():
    """No arrow runs through a word."""
    ax = plots.unrolled(3, recurrent=True, backward=True)
    ax.figure.canvas.draw()
    words = [text for text in ax.texts if text.get_text() and text.get_text()[-1] != "]"]  # not the names of nodes
    assert len(words) == 4 * 3 + 2 * 2  # four factors within each step, two between steps
    for word in words:
        box = word.get_window_extent()
        for arrow in arrows(ax):
            (x0, y0), (x1, y1) = ax.transData.transform([arrow.xyann, arrow.xy])
            for k in range(101):
                x, y = x0 + (x1 - x0) * k / 100, y0 + (y1 - y0) * k / 100
                assert not (box.x0 < x < box.x1 and box.y0 < y < box.y1), word.get_text()


def test_each_way_of_a_spike_has_its_colour():
    """The same forward and backward, and named in the legend."""
    ahead, back = plots.unrolled(2, recurrent=True), plots.unrolled(2, recurrent=True, backward=True)
    colours = inner(ahead)
    assert colours == {(head, tail): colour for (tail, head), colour in inner(back).items()}
    ways = {
        "recurrence": {colours[(t, 1.0), (t + 0.5, 1.0)] for t in (0, 1)} | {colours[(0.5, 1.0), (1, 0.0)]},
        "reset": {colours[(t, 1.0), (t + 0.5, 0.0)] for t in (0, 1)},
        "membrane": {colours[(t, 0.0), (t + 0.5, 0.0)] for t in (0, 1)} | {colours[(t, 0.0), (t, 1.0)] for t in (0, 1)},
        "above": {arrow.arrow_patch.get_edgecolor() for arrow in arrows(ahead) if arrow.xy[1] > 1},
    }
    assert all(len(drawn) == 1 for drawn in ways.values())
    assert len(set.union(*ways.values())) == 4
    for ax in (ahead, back):
        assert len(ax.get_legend().get_texts()) == 4
    assert len(plots.unrolled(2).get_legend().get_texts()) == 3  # no recurrence
