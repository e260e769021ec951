"""The exercises of the tutorials, with checks that run: `check("02.1", answer)`, and `hint("02.1")` when stuck.

exercise.py     what an exercise is, and the helpers of its checks
_00.py ...      the exercises of each tutorial
"""

import importlib
import pkgutil
from dataclasses import dataclass

from minisnn.course.exercises.exercise import Exercise

__all__ = ["Verdict", "check", "hint", "names"]


@dataclass(frozen=True)
class Verdict:
    """What `check` says of an answer; true if it is right."""

    exercise: str
    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return f"{self.exercise}: {self.text}"


def check(name: str, answer) -> Verdict:
    """Whether an answer is right, and if not, what to look at.

    Parameters
    ----------
    name : str
        Tutorial and exercise, as "02.1".
    answer
        What the exercise asks for: a number, an array, a function. `...` stands for no answer yet.

    Returns
    -------
    Verdict
        Prints as its text; true if the answer is right.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    exercise = _exercise(name)
    if answer is None or answer is ...:
        return Verdict(name, False, f'no answer yet. ms.exercises.hint("{name}") has a hint')
    try:
        wrong = exercise.check(answer)
    except Exception as error:  # an answer of a kind that this check doesn't foresee
        wrong = f"The answer can't be read: {type(error).__name__}: {error}"
    if wrong is None:
        return Verdict(name, True, f"right. {exercise.right}")
    return Verdict(name, False, f"not yet. {wrong}")


def hint(name: str, number: int = 1) -> str:
    """A hint for an exercise; each leads further than the one before it.

    Raises
    ------
    ValueError
        If there is no such exercise or hint.
    """
    hints = _exercise(name).hints
    if number not in range(1, len(hints) + 1):
        raise ValueError(f"exercise {name} has hints 1 .. {len(hints)}, got {number!r}")
    return hints[int(number) - 1]


def names() -> list[str]:
    """All exercises, in order."""
    return [name for tutorial in _tutorials() for name in _exercises(tutorial)]


def _tutorials() -> list[str]:
    """The numbers of the tutorials, "00" and on, from the modules that are there."""
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
