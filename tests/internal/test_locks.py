"""Folders that belong to one process at a time."""

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
import threading

import pytest

from minisnn._internal import locks, storage

HOLD = "import sys, time\nfrom minisnn._internal import locks\nwith locks.hold(sys.argv[1]):\n    print(flush=True)\n"


def test_a_second_one_is_refused_and_told_who_is_there(tmp_path):
    with locks.hold(tmp_path):
        with pytest.raises(BlockingIOError, match=f"in use by process {os.getpid()} on {platform.node()}") as caught:
            with locks.hold(tmp_path):
                pytest.fail("two hold it")
        assert str(tmp_path) in str(caught.value)
    with locks.hold(tmp_path):  # it is free again
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_goes_with_its_process(tmp_path):
    """Also one that is killed: nothing has to be removed by hand."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + "    time.sleep(60)", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "\n"
        with pytest.raises(BlockingIOError, match=f"by process {process.pid} on"), locks.hold(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
    with locks.hold(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_another_user(tmp_path, monkeypatch):
    """Is neither removed nor ignored."""
    (tmp_path / locks.LOCK).touch()

    def refused(self, timeout):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(locks.FileLock, "acquire", refused)
    monkeypatch.setattr(locks.os, "access", lambda path, mode: False)
    with pytest.raises(BlockingIOError, match=r"in use by another user, whose \.lock it holds"), locks.hold(tmp_path):
        pass
    assert (tmp_path / locks.LOCK).exists()


def test_patience(tmp_path):
    """Waits for a folder that becomes free in time."""
    held, free = threading.Event(), threading.Event()

    def other():
        with locks.hold(tmp_path):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(10)
    threading.Timer(0.1, free.set).start()
    with locks.hold(tmp_path, patience=10):
        assert free.is_set()
    thread.join()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_file_systems_without_locks(tmp_path, monkeypatch, code):
    """Work goes on without a lock, and without a warning."""

    def flock(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.hold(tmp_path), locks.hold(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_file_that_was_just_removed_is_none(tmp_path, monkeypatch):
    """It was opened while its owner was leaving: a third process would see no lock."""
    original, acquired = locks.FileLock.acquire, []

    def acquire(self, *arguments, **options):
        held = original(self, *arguments, **options)
        acquired.append(1)
        if len(acquired) == 1:
            (tmp_path / locks.LOCK).unlink()
        return held

    monkeypatch.setattr(locks.FileLock, "acquire", acquire)
    with locks.hold(tmp_path):
        assert (tmp_path / locks.LOCK).exists() and len(acquired) == 2


def test_what_was_left_half_written_is_removed(tmp_path):
    """But nothing else, hidden or not."""
    names = ["best.npz", "sweep.csv", "dropout=0.0,epochs=1,hidden=4,lag=5,n_train=40,span=3,seed=0.json"]
    theirs = [".bashrc.original", "best.npz", ".best.npz", "notes.json.abcdefgh", ".gitignore"]
    ours = []
    for name in names:
        storage.write_file(tmp_path / name, lambda file: ours.extend(os.listdir(tmp_path)))
        (tmp_path / name).unlink()
    assert len(ours) == len(names)
    for name in ours + theirs:
        (tmp_path / name).touch()
    (tmp_path / ".folder.csv.abcdefgi").mkdir()
    with locks.hold(tmp_path):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {*theirs, locks.LOCK, ".folder.csv.abcdefgi"}
