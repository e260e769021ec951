"""Messages to whoever waits, on standard error: a line if something takes long, a bar or lines for progress."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

from tqdm.auto import tqdm

SECONDS_PER_LINE = 5.0  # in a log
_open = SimpleNamespace(line=False)  # whether a line on standard error waits for its seconds


def say(message: str, end: str = "\n") -> None:
    """Print to standard error, if there is one: a closed one, or a terminal that is gone, stops nothing."""
    begin = "\n" if _open.line else ""
    _open.line = False
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(begin + message, end=end, file=sys.stderr, flush=True)


@contextmanager
def announce(message: str, after: float = 1.0):
    """Print `message` to standard error if the block takes longer than `after` seconds, then how long it took."""

    said = False

    def begin():
        nonlocal said
        say(f"minisnn: {message} ...", end="")
        _open.line = said = True

    start = time.perf_counter()
    timer = threading.Timer(after, begin)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        seconds = time.perf_counter() - start
        if said:  # the timer is late on a busy machine
            so_far = "" if _open.line else "minisnn: that took"  # something else was said in between
            _open.line = False
            say(f"{so_far} {seconds:.0f} s")


def replace_unknown_characters() -> None:
    """Let a terminal or log that isn't UTF-8 show ? for a character it lacks, such as λ, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not stream.closed:  # neither None nor what a notebook puts in its place
            stream.reconfigure(errors="replace")


def watched() -> bool:
    """Return whether somebody looks at bars: on a terminal or in a notebook, unless TQDM_DISABLE is set."""
    if os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false"):
        return False
    if sys.stderr is None or getattr(sys.stderr, "closed", False):
        return False
    in_notebook = type(sys.stderr).__module__.startswith("ipykernel")
    return in_notebook or (hasattr(sys.stderr, "isatty") and sys.stderr.isatty())


@contextmanager
def progress(total: int, unit: str, show: bool, done: int = 0) -> Iterator[Callable]:
    """Yield `advance(n=1, **facts)`, to be called when n more units are done.

    A bar where somebody looks. Elsewhere a line instead, at most one in five seconds, and one at the end. Nothing if
    not `show`.
    """
    if not (show and watched()):
        yield _lines(total, unit, done) if show else lambda n=1, **facts: None
        return
    with tqdm(total=total, initial=done, unit=unit, dynamic_ncols=True, disable=False) as bar:

        def advance(n: int = 1, **facts) -> None:
            bar.set_postfix(facts, refresh=False)
            bar.update(n)

        yield advance


def _lines(total: int, unit: str, done: int) -> Callable:
    """Return an `advance` that prints lines."""
    last = time.monotonic()

    def advance(n: int = 1, **facts) -> None:
        nonlocal done, last
        done += n
        if done >= total or time.monotonic() - last >= SECONDS_PER_LINE:
            text = ", ".join(f"{name} {value}" for name, value in facts.items())
            say(f"minisnn: {unit} {done} of {total}" + (f": {text}" if text else ""))
            last = time.monotonic()

    return advance


def each(items, name: str, unit: str, total: int | None, show: bool, done: int = 0):
    """Iterate over items with a bar that vanishes at the end, where somebody looks."""
    options = {"unit": unit, "leave": False, "dynamic_ncols": True}
    return tqdm(items, name, total, initial=done, disable=not (show and watched()), **options)
