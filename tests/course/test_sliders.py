"""Sliders, and the static figure where there are none."""

import sys

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from minisnn.course import sliders

CONTROLS = {"beta": (0.0, 0.99, 0.5), "span": (1, 20, 4), "reset": ["soft", "hard"], "noise": True}
DEFAULTS = {"beta": 0.5, "span": 4, "reset": "soft", "noise": True}


@pytest.fixture
def drawn():
    """Draws into a figure of no window, and collects the values."""
    collected = []

    def draw(**values):
        collected.append(values)
        return plt.figure()

    draw.collected = collected
    yield draw
    plt.close("all")


@pytest.fixture
def displayed(monkeypatch):
    """A notebook: collects what is displayed in it."""
    ipython = pytest.importorskip("IPython")
    things = []
    kernel = type("Shell", (), {"kernel": None})()
    monkeypatch.setattr(ipython, "get_ipython", lambda: kernel)
    monkeypatch.setattr(sliders, "_display_object", lambda thing: things.append(thing) or True)
    yield things
    if sys.modules.get("ipywidgets"):
        sys.modules["ipywidgets"].Widget.close_all()


def test_plain_python_draws_the_defaults(drawn):
    assert sliders.show(drawn, **CONTROLS) is None
    assert drawn.collected == [DEFAULTS]
    assert len(plt.get_fignums()) == 1  # left open for plt.show()


@pytest.mark.parametrize("why", ["asked for", "no ipywidgets"])
def test_static_in_a_notebook(drawn, displayed, monkeypatch, why):
    """One figure, shown once: closed, so that the notebook does not show it again below the cell."""
    if why == "asked for":
        monkeypatch.setenv("MINISNN_STATIC", "1")
    else:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    sliders.show(drawn, **CONTROLS)
    assert drawn.collected == [DEFAULTS]
    (figure,) = displayed
    assert isinstance(figure, Figure) and not plt.get_fignums()


def test_live(drawn, displayed, monkeypatch):
    """A control for each value; moving one draws anew with this value and the others as they were."""
    widgets = pytest.importorskip("ipywidgets")
    monkeypatch.delenv("MINISNN_STATIC", raising=False)
    sliders.show(drawn, **CONTROLS)
    assert drawn.collected == [DEFAULTS]
    *controls, output = displayed[-1].children
    assert [control.description for control in controls] == list(CONTROLS)
    assert {control.description: control.value for control in controls} == DEFAULTS
    kinds = (widgets.FloatSlider, widgets.IntSlider, widgets.ToggleButtons, widgets.Checkbox)
    assert tuple(type(control) for control in controls) == kinds
    assert isinstance(output, widgets.Output)
    assert (controls[0].min, controls[0].max, controls[1].step) == (0.0, 0.99, 1)
    controls[2].value = "hard"
    controls[1].value = 7
    assert drawn.collected[1:] == [DEFAULTS | {"reset": "hard"}, DEFAULTS | {"reset": "hard", "span": 7}]
    assert not plt.get_fignums()


def test_a_step_of_ones_own(drawn, displayed, monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.delenv("MINISNN_STATIC", raising=False)
    sliders.show(drawn, current=(0.0, 3.0, 1.5, 0.25))
    assert displayed[-1].children[0].step == 0.25


@pytest.mark.parametrize(
    "control", [(0.0, 0.5, 0.99), (1, 0, 0), (1, 2), (1, 2, 1, 1, 1), [], 3, "soft"], ids=repr
)  # fmt: skip
def test_what_is_no_control(drawn, control):
    with pytest.raises(ValueError, match="beta is "):
        sliders.show(drawn, beta=control)
    assert not drawn.collected


def test_draw_returns_its_figure(displayed, monkeypatch):
    monkeypatch.setenv("MINISNN_STATIC", "1")
    with pytest.raises(TypeError, match="end it with `return fig`"):
        sliders.show(lambda beta: None, beta=(0, 1, 1))
