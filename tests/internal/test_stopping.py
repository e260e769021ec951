"""Signals that end a command in order, and in time."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from minisnn._internal import stopping

pytestmark = pytest.mark.usefixtures("heeded_signals")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def handlers() -> list:
    fd = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(fd)
    return [*map(signal.getsignal, SIGNALS), fd]


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_a_signal_is_an_interruption(number):
    """Once: a second signal does not disturb what the first one has begun. Handlers are restored."""
    before, cleaned = handlers(), []
    with pytest.raises(KeyboardInterrupt) as caught, stopping.interruptible(lambda: None):
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            os.kill(os.getpid(), number)
            cleaned.append(sum(range(1000)))
    assert stopping.number_of(caught.value) == number
    assert cleaned and handlers() == before
    assert stopping.number_of(KeyboardInterrupt()) == signal.SIGINT


def test_what_is_ignored_stays_ignored(monkeypatch):
    """As by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.interruptible(lambda: None):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_are_left_alone():
    before, ran = handlers(), []

    def run():
        with stopping.interruptible(lambda: None):
            ran.append([signal.getsignal(number) for number in SIGNALS])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [before[:-1]] and handlers() == before


def test_nothing_takes_longer_than_the_deadline():
    """Code that does not come back, or that swallows the interruption, is ended, with the same words and status."""
    code = (
        "import time\n"
        "from minisnn._internal.stopping import interruptible\n"
        "with interruptible(lambda: print('last words', flush=True), seconds=1.0):\n"
        "    while True:\n"
        "        try: print('ready', flush=True), time.sleep(60)\n"
        "        except KeyboardInterrupt: pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[0] == "ready\nlast words\n"
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_signals_are_held_back(number):
    """To the end of the block; none is lost, and none of a process started in it."""
    before, done = handlers(), []
    code = "import signal; print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))))"
    with pytest.raises(KeyboardInterrupt) as caught, stopping.interruptible(lambda: None):
        with stopping.held_back():
            signal.pthread_kill(threading.main_thread().ident, number)
            os.kill(os.getpid(), number)
            blocked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
            done.append(1)
        done.append(2)
    assert done == [1] and stopping.number_of(caught.value) == number
    assert blocked == f"{sorted([int(signal.SIGHUP), int(signal.SIGINT)])}\n"
    assert handlers() == before and not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_signals_that_another_thread_receives_are_held_back():
    """One that does not block them, as libraries start them."""
    release, done = threading.Event(), []
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt), stopping.interruptible(lambda: None):
            with stopping.held_back():
                signal.pthread_kill(thread.ident, signal.SIGINT)
                time.sleep(1.0)  # for the other thread to take it
                done.append(1)
                done.append(2)
            done.append(3)
    finally:
        release.set()
        thread.join()
    assert done == [1, 2]
