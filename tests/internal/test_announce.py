"""Who is told what: bars on a terminal, lines in a log, nothing where it is turned off or nobody can be told."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import minisnn as ms
from minisnn._internal import announce


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def fitted(progress: bool) -> ms.History:
    data = ms.datasets.delayed_match(lag=4, n_train=24, n_test=8)
    net = ms.Network([1, 6, 2], recurrence=ms.SRC(4))
    net.params["layers.0.bias"] = 0.5  # not silent
    return ms.fit(net, data, epochs=3, batch_size=8, progress=progress)


def advance_all(monkeypatch, n: int, times: list[float], done=0) -> list[str]:
    """The lines of a log after each of n steps, which come at these times."""
    moments = iter(times)
    monkeypatch.setattr(announce.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with announce.progress(done + n, "run", True, done) as advance:
        for i in range(n):
            advance(loss=i)
    return sys.stderr.getvalue().splitlines()


def test_a_log_gets_a_line_in_five_seconds_and_one_at_the_end(monkeypatch):
    times = [0, 1, 4, 6, 6, 7, 12, 12]  # at the start; at each step, and once more for each line but the last
    lines = advance_all(monkeypatch, 6, times + [13, 13], done=10)
    assert lines == ["minisnn: run 13 of 16: loss 2", "minisnn: run 15 of 16: loss 4", "minisnn: run 16 of 16: loss 5"]


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    fitted(progress=True)
    assert "3/3" in sys.stderr.getvalue() and "%|" in sys.stderr.getvalue()


def test_a_log_gets_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    history = fitted(progress=True)
    last = history.rows[-1]
    facts = f"loss {last['train_loss']:.3f}, validation {last['validation_accuracy_hard']:.1%}"
    assert sys.stderr.getvalue() == f"minisnn: epoch 3 of 3: {facts}\n"


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_it_can_be_turned_off(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    fitted(progress=False)
    assert sys.stderr.getvalue() == ""


def test_without_standard_error(monkeypatch, capsys):
    """As in a program without a console: the same numbers, and nothing goes to standard output instead."""
    expected = fitted(progress=False)
    monkeypatch.setattr(sys, "stderr", None)
    assert fitted(progress=True).column("train_loss") == expected.column("train_loss")
    with announce.announce("waiting", after=-1):
        pass
    ms.warmup(ms.Network([2, 3, 2]))
    monkeypatch.undo()
    assert capsys.readouterr().out == ""


def test_facts_reach_the_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with announce.progress(2, "run", True) as advance:
        advance(failed=1)
        advance(failed=np.int64(7))
    assert "failed=7" in sys.stderr.getvalue() and "2/2" in sys.stderr.getvalue()


def test_of_what_was_not_announced_no_time_is_told(monkeypatch, capsys):
    """On a busy machine the timer may come too late."""
    nothing = SimpleNamespace(start=lambda: None, cancel=lambda: None, join=lambda: None)
    monkeypatch.setattr(announce.threading, "Timer", lambda after, begin: nothing)
    with announce.announce("doing something", after=-1.0):
        pass
    assert capsys.readouterr().err == ""
