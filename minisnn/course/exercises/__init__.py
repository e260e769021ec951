"""The exercises of the tutorials, with checks that run: `check("02.1", answer)`, and `hint("02.1")` when stuck.

What gives an answer away stands in `reveal("02.1", text)`: it shows once the exercise is solved, or when asked for.

exercise.py     what an exercise is, and the helpers of its checks
_00.py ...      the exercises of each tutorial
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from minisnn.course.exercises.exercise import Exercise

__all__ = ["Verdict", "check", "hint", "names", "reveal"]

_solved: set[str] = set()


@dataclass(frozen=True)
class Verdict:
    """The result of `check`: true if the answer is right, and printed as its text.

    Attributes
    ----------
    exercise : str
        The exercise, e.g. "02.1".
    right : bool
        Whether the answer is right.
    text : str
        If it is right, what it shows; if not, what to look at.

    Examples
    --------
    >>> verdict = ms.exercises.check("04.3", 24)  # a Verdict
    >>> verdict.right
    False
    """

    exercise: str
    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return f"{self.exercise}: {self.text}"


def check(name: str, answer: object) -> Verdict:
    """Check the answer to an exercise; if it is wrong, say what to look at.

    Parameters
    ----------
    name : str
        Tutorial and exercise, e.g. "02.1".
    answer : object
        What the exercise asks for: a number, an array, a function. `...` stands for no answer yet.

    Returns
    -------
    Verdict
        True if the answer is right. It prints as its text.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> ms.exercises.check("04.3", 1024)
    04.3: not yet. that is 2^10, the orders with any number of hops.
    """
    exercise = _exercise(name)
    if answer is None or answer is ...:
        return Verdict(name, False, f'no answer yet. ms.exercises.hint("{name}") has a hint')
    try:
        wrong = exercise.check(answer)
    except Exception as error:  # the answer is of a kind that this check doesn't expect
        wrong = f"The answer can't be read: {type(error).__name__}: {error}"
    if wrong is None:
        _solved.add(str(name))
        return Verdict(name, True, f"right. {exercise.right}")
    return Verdict(name, False, f"not yet. {wrong}")


def hint(name: str, number: int = 1) -> str:
    """Return a hint for an exercise; each leads further than the one before.

    Parameters
    ----------
    name : str
        As in `check`.
    number : int
        1 for the first hint, 2 for the next, ...

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such exercise or hint.

    Examples
    --------
    >>> ms.exercises.hint("04.3")
    'Which of the 10 steps are hops? Choose 4 of them. (hint 1 of 2; hint("04.3", 2) leads further)'
    """
    hints = _exercise(name).hints
    if number not in range(1, len(hints) + 1):
        raise ValueError(f"exercise {name} has hints 1 .. {len(hints)}, got {number!r}")
    further = f'; hint("{name}", {int(number) + 1}) leads further' if number < len(hints) else ""
    return f"{hints[int(number) - 1]} (hint {int(number)} of {len(hints)}{further})"


def reveal(name: str, content: str | Callable[[], object], reveal: bool = False) -> None:
    """Show what gives an exercise away: once it is solved in this session, or when asked for.

    Parameters
    ----------
    name : str
        As in `check`.
    content : str or callable
        A text, which is printed; or a function without arguments, which is called then and not before. What it
        returns is displayed, unless it is None.
    reveal : bool
        Whether to show it unsolved.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> ms.exercises.reveal("04.4", "One line changes: t + 1 becomes t + λ.", reveal=True)
    One line changes: t + 1 becomes t + λ.
    """
    _exercise(name)
    if not (reveal or str(name) in _solved):
        print(f"{name}: shown once the exercise is right, or with reveal=True")
        return
    shown = content() if callable(content) else content
    if isinstance(shown, str):
        print(shown)
    elif shown is not None:
        _display(shown)


def names() -> list[str]:
    """List all exercises, in order.

    Returns
    -------
    list of str

    Examples
    --------
    >>> ms.exercises.names()[:3]
    ['00.1', '00.2', '00.3']
    """
    return [name for tutorial in _tutorials() for name in _exercises(tutorial)]


def _display(thing: object) -> None:
    """Display in a notebook; elsewhere print."""
    try:
        from IPython.display import display
    except ImportError:
        print(thing)
    else:
        display(thing)


def _tutorials() -> list[str]:
    """List the numbers of the tutorials, "00" and on, from the modules that are there."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name[1:] for name in modules if name[0] == "_" and name[1:].isdecimal())


def _exercises(tutorial: str) -> dict[str, Exercise]:
    return importlib.import_module(f"minisnn.course.exercises._{tutorial}").EXERCISES


def _exercise(name: str) -> Exercise:
    name = str(name)
    known = _exercises(name[:2]) if name[:2] in _tutorials() else {}
    if name not in known:
        example = f"the exercises of this tutorial are {', '.join(known)}" if known else 'they are named like "02.1"'
        raise ValueError(f"there is no exercise {name!r}; {example}")
    return known[name]
