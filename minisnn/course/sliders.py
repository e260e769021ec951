"""Figures with sliders in a live notebook, and the figure of the defaults everywhere else."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

STATIC = "MINISNN_STATIC"
"""The environment variable that, if it is 1, asks for static figures."""
STEPS = 100  # positions of a slider between two floats


def show(draw: Callable[..., Figure], /, **controls: Sequence | bool) -> None:
    """Show a figure that sliders redraw; without ipywidgets or a live notebook, the figure of the defaults.

    Parameters
    ----------
    draw : callable
        Is called with one value per control, by name, and returns a new matplotlib figure.
    **controls : tuple, list or bool
        (lowest, highest, default) or (lowest, highest, default, step) of numbers for a slider, of whole numbers if
        all are; a list of choices, of which the first is the default; True or False for a box to tick.

    Raises
    ------
    ValueError
        If a control is none of these, or its default is out of range.
    TypeError
        If `draw` does not return a figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from minisnn.course.sliders import show
    >>> def draw(beta, reset):
    ...     fig, ax = plt.subplots()
    ...     ax.step(range(9), [beta**t for t in range(9)], where="mid")
    ...     ax.set(title=f"{reset} reset", xlabel="step", ylabel="V")
    ...     return fig
    >>> show(draw, beta=(0.0, 0.99, 0.5), reset=["soft", "hard", "none"])
    """
    defaults = {name: _default(name, control) for name, control in controls.items()}

    def redraw(**values: Any) -> None:
        _display(draw(**values))

    widgets = _widgets() if controls else None
    if widgets is None:
        redraw(**defaults)
        return
    made = {name: _widget(widgets, name, control) for name, control in controls.items()}
    output = widgets.interactive_output(redraw, made)
    _display_object(widgets.VBox([*made.values(), output]))


def _default(name: str, control: Any) -> Any:
    """Return the default of a control, or raise ValueError for what is no control."""
    if isinstance(control, bool):
        return control
    if isinstance(control, list) and control:
        return control[0]
    if isinstance(control, tuple) and len(control) in (3, 4):
        lowest, highest, default = control[:3]
        if lowest <= default <= highest and lowest < highest:
            return default
        raise ValueError(f"{name} is (lowest, highest, default), got {control}; the default comes last")
    raise ValueError(f"{name} is (lowest, highest, default), a list of choices, or a bool; got {control!r}")


def _widget(widgets, name: str, control: Any):
    if isinstance(control, bool):
        return widgets.Checkbox(value=control, description=name)
    if isinstance(control, list):
        return widgets.ToggleButtons(options=control, value=control[0], description=name)
    lowest, highest, default, *step = control
    whole = all(isinstance(value, int) for value in control)
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    step = step[0] if step else 1 if whole else (highest - lowest) / STEPS
    return kind(value=default, min=lowest, max=highest, step=step, description=name)


def _widgets():
    """Import ipywidgets; None where it is missing, not wanted, or no notebook is there to show it."""
    if os.environ.get(STATIC) == "1":
        return None
    try:
        import ipywidgets
        from IPython import get_ipython
    except ImportError:
        return None
    return ipywidgets if hasattr(get_ipython(), "kernel") else None


def _display(figure: Any) -> None:
    """Show a figure once: in a notebook now, and not again at the end of the cell."""
    if not isinstance(figure, Figure):
        raise TypeError(f"draw(...) returns a matplotlib figure, got {type(figure).__name__}; end it with `return fig`")
    if _display_object(figure):
        plt.close(figure)


def _display_object(thing: Any) -> bool:
    """Display in a notebook, and return whether there is one."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return False
    if get_ipython() is None:
        return False
    display(thing)
    return True
