"""Guess first: a number that the reader commits to before the result shows."""

import math
import re
from types import EllipsisType
from typing import SupportsFloat

_guesses: dict[str, float] = {}


def guess(key: str, value: SupportsFloat | EllipsisType | None = ...) -> None:
    """Store the reader's guess until `answer` shows the result; nothing depends on it.

    Parameters
    ----------
    key : str
        Notebook and letter, e.g. "04.a".
    value : float
        The guess; `...` (or None) stands for no guess. A later guess replaces an earlier one.

    Raises
    ------
    ValueError
        If it is neither a number nor `...`.

    Examples
    --------
    >>> from minisnn.course import answer, guess
    >>> guess("04.a", 1e-4)  # how large is the gradient 30 steps back?
    04.a: your guess is 1e-4
    >>> answer("04.a", 3.2e-5)
    04.a: your guess 1e-4, measured 3.2e-5: off by a factor of 3.1
    """
    key = str(key)
    if value is ... or value is None:
        _guesses.pop(key, None)
        return
    _guesses[key] = _number(value, "a guess is one number, or ... for none")
    print(f"{key}: your guess is {_format(_guesses[key])}")


def answer(key: str, value: SupportsFloat) -> None:
    """Print a result, with the guess beside it if there was one.

    Parameters
    ----------
    key : str
        As in `guess`.
    value : float
        What was measured or computed.

    Raises
    ------
    ValueError
        If it is not a number.

    Examples
    --------
    >>> from minisnn.course import answer, guess
    >>> guess("00.a", ...)  # how many spikes in 100 steps?
    >>> answer("00.a", 14)
    00.a: 14
    """
    key = str(key)
    number = _number(value, "an answer is one number")
    if key not in _guesses:
        print(f"{key}: {_format(number)}")
        return
    print(f"{key}: your guess {_format(_guesses[key])}, measured {_format(number)}: {_off(_guesses[key], number)}")


def _off(guessed: float, measured: float) -> str:
    """Say how far a guess is from the result: as a factor where both have one sign, else as a difference."""
    if guessed == measured:
        return "exactly"
    ratio = guessed / measured if measured else math.nan
    if 0 < ratio < math.inf:
        factor = max(ratio, 1 / ratio)
        close = f"within {100 * (factor - 1):.0f} %" if factor >= 1.01 else "within 1 %"
        return close if factor < 1.1 else f"off by a factor of {_format(factor, 2)}"
    return f"off by {_format(abs(guessed - measured))}"


def _number(value: object, words: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{words}; got {value!r}")
    return number


def _format(number: float, digits: int = 3) -> str:
    """Write a number as one would by hand: 1797, 0.25, 3.2e-5."""
    if float(number).is_integer() and abs(number) < 1e6:
        return f"{number:.0f}"
    text = f"{number:.{digits}g}" if abs(number) >= 1e-3 else f"{number:.{digits - 1}e}"
    return re.sub(r"\.?0*e([+-])0*", lambda match: f"e{match[1].strip('+')}", text)
