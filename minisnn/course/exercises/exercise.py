"""What an exercise is, and the helpers that compare an answer with what is expected."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from traceback import extract_tb

import numpy as np

NEEDED = ("q", "eps", "delta", "dx", "d_w_in", "d_bias", "d_w_rec", "d_tap_weights", "d_span_logits")
"""What a backward pass returns from tutorial 06 on."""

EQUATIONS = {"q": "(7)", "eps": "(8)", "delta": "(9)", "dx": "(12)", "d_span_logits": "(11)"}  # all others: (10)

ROUNDED = 1e-3


@dataclass(frozen=True)
class Exercise:
    """An exercise with its check.

    Parameters
    ----------
    check : callable
        `check(answer)` returns None if the answer is right, else a sentence that leads on from this answer. It never
        raises, whatever the answer is.
    right : str
        What the right answer shows.
    hints : tuple of str
        Each leads further than the one before.
    """

    check: Callable[[object], str | None]
    right: str
    hints: tuple[str, ...]


def first_wrong(report) -> tuple[str, str, str]:
    """Return what goes wrong first in a report of `gradcheck` on such a pass: its name, how it shows, its equation."""
    row = next((row for row in report.wrong if row.first), report.wrong[0])
    name = row.block.rsplit(".", 1)[1]
    return name, row.note.replace("FIRST WRONG", "the first to go wrong"), EQUATIONS.get(name, "(10)")


def number(expected: float, tolerance: float = 1e-9, slips: dict[float, str] | None = None) -> Callable:
    """Make a check for a number; `slips` maps typical wrong numbers to what they come from."""

    def check(answer) -> str | None:
        try:
            scalar = np.ndim(answer) == 0 and not np.iscomplexobj(answer)
            got = float(answer) if scalar else None
        except Exception:  # whatever the conversion of something foreign can raise
            got = None
        if got is None:
            return f"the answer is one number, got {type(answer).__name__}."
        if abs(got - expected) <= tolerance:
            return None
        for wrong, sentence in (slips or {}).items():
            if abs(got - wrong) <= tolerance:
                return sentence
        return f"{got:g} is too {'high' if got > expected else 'low'}." if np.isfinite(got) else f"got {got}."

    return check


def array(expected, tolerance: float = 1e-9, slips: dict[str, np.ndarray] | None = None) -> Callable:
    """Make a check for an array; `slips` maps feedback to the typical wrong array."""
    expected = np.asarray(expected, float)

    def check(answer) -> str | None:
        try:
            got = None if np.iscomplexobj(answer) else np.asarray(answer, float)
        except Exception:  # whatever the conversion of something foreign can raise
            got = None
        if got is None:
            return f"the answer is an array of real numbers, got {type(answer).__name__}."
        if got.shape == expected.shape and np.allclose(got, expected, rtol=0, atol=tolerance):
            return None
        for sentence, wrong in (slips or {}).items():
            if got.shape == np.shape(wrong) and np.allclose(got, wrong, rtol=0, atol=tolerance):
                return sentence
        if got.shape != expected.shape:
            return f"the answer has shape {expected.shape}, got {got.shape}."
        if np.allclose(got, expected, rtol=0, atol=ROUNDED):
            return f"all entries are right to within {ROUNDED:g}, but rounded; give all digits, e.g. as fractions."
        differs = np.argwhere(~np.isclose(got, expected, rtol=0, atol=tolerance))
        place = tuple(int(i) for i in differs[0])
        return f"{len(differs)} of {got.size} entries are wrong; the first is {place}, where you have {got[place]:g}."

    return check


def choice(expected: str, wrong: dict[str, str]) -> Callable:
    """Make a check for one of several letters; `wrong` says for each other letter why it is not right."""

    def check(answer) -> str | None:
        letter = str(answer).strip().lower()
        if letter == expected:
            return None
        return wrong.get(letter, f"the answer is one of {', '.join(sorted([expected, *wrong]))}.")

    return check


def attempt(function: Callable) -> Callable:
    """Make a check that runs what the student wrote: it reports an exception there, or that nothing is returned."""

    def check(answer) -> str | None:
        if not callable(answer):
            return f"the answer is a function, got {type(answer).__name__}."

        raised, returned_before = [], False

        @wraps(answer)
        def answers(*args, **kwargs):
            nonlocal returned_before
            try:
                returned = answer(*args, **kwargs)
            except Exception as error:
                raised.append(error)
                raise
            if returned is None or returned is ...:
                if returned_before:
                    raise Unfinished(
                        "your function returns nothing for one of the inputs: does every path end in a return?"
                    )
                raise Unfinished("your function returns nothing yet.")
            returned_before = True
            return returned

        try:
            return function(answers)
        except Unfinished as error:
            return str(error)
        except Exception as error:  # whatever the student's function can raise, or what it returns can cause
            if error in raised:
                return f"your function raised {type(error).__name__}: {error}{_line_of(error, answer)}"
            return f"what your function returns can't be used here ({type(error).__name__}: {error})."

    return check


def _line_of(error: Exception, function: Callable) -> str:
    """Quote the line of the student's function at which it raised, where it can be read."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in extract_tb(error.__traceback__) if frame.filename == file and frame.line]
    return f", at `{lines[-1]}`" if lines else ""


class Unfinished(Exception):
    """Something asked for is not returned; the text says what."""


def returning(backward: Callable, needed, kept=None) -> Callable:
    """Wrap a backward pass that must return these quantities, of which those in `kept` (default: all) are passed on."""

    def checked(tape, e, params):
        result = backward(tape, e, params)
        if not isinstance(result, dict):
            raise Unfinished(
                f"the answer is a dict with {', '.join(needed)}; your function returned {type(result).__name__}."
            )
        unset = [name for name in needed if result.get(name, ...) is ...]
        if unset:
            raise Unfinished(f"your function does not return {', '.join(unset)} yet.")
        return {name: result[name] for name in kept or needed}

    return checked
