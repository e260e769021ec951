"""Signals that end a command in order: SIGTERM and a closed terminal do what Ctrl-C does, and none takes long."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
SECONDS = 4.0


@contextmanager
def interruptible(last_words: Callable[[], None], seconds: float = SECONDS):
    """Raise KeyboardInterrupt(number) in here when a signal comes; further ones change nothing.

    Python can't interrupt a call into compiled code. If the block has not been left `seconds` later, a thread says
    `last_words()` and ends the process with exit status 128 + number. What was ignored before, e.g. by `nohup`, stays
    ignored. Handlers are restored at the end. In other threads than the main one, signals can't be caught.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handlers()

    def stop(number, frame):
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    with _deadline(list(before), last_words, seconds):
        try:
            for number in before:
                signal.signal(number, stop)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _handlers() -> dict:
    """Return the handlers of the signals that are not ignored."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}


@contextmanager
def held_back():
    """Let signals come at the end of the block only, and let processes started in it leave Ctrl-C to this one."""
    here = threading.current_thread() is threading.main_thread()
    before, came = _handlers() if here else {}, []
    has_mask = hasattr(signal, "pthread_sigmask")
    # Processes inherit the mask, but another thread of this one may still receive a signal, hence the handlers.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP}) if has_mask else None
    try:
        for number in before:
            signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if has_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number in came[:1]:
        signal.raise_signal(number)


@contextmanager
def _deadline(numbers: list[int], last_words: Callable[[], None], seconds: float):
    """End the process `seconds` after one of the signals has come, unless the block has been left by then."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # as `set_wakeup_fd` wants it
    left = threading.Event()

    def watch():
        while came := ours.recv(1):  # the number of a signal, at once, whatever the main thread does
            if came[0] in numbers and not left.wait(seconds):
                last_words()
                os._exit(128 + came[0])

    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, name="minisnn deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        theirs.close()
        thread.join()
        ours.close()


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that raised this; without one, that of Ctrl-C."""
    return interrupt.args[0] if interrupt.args else signal.SIGINT
