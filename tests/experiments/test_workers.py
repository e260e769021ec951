"""Worker processes end with the one that started them, and runs on a cluster with their sweep."""

import contextlib
import csv
import functools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import minisnn as ms
from minisnn._internal import locks
from minisnn.experiments import workers

pytestmark = pytest.mark.usefixtures("heeded_signals")
GRACE = 20.0  # seconds within which everything has ended, also on a busy machine: it would go on for minutes
RUNS = "--recipe match-src --grid span=2,3 n-train=3000 epochs=300 --seeds 2".split()  # minutes
LONG = ["sweep", *RUNS]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


STARTED = []


@pytest.fixture(autouse=True)
def nothing_is_left():
    """What a test has started ends with it, also if the test fails."""
    yield
    for process in STARTED:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.poll() is None:
            process.communicate()
    STARTED.clear()


@functools.cache
def prepare(cache_folder: str | None) -> None:
    """Fill the cache of kernels, so that no command takes a minute to compile them."""
    code = "from minisnn.compilation import prepare; prepare('float32')"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def start(folder: Path, *words, **options) -> subprocess.Popen:
    """A command in a session of its own, with two threads unless the environment says another number."""
    prepare(os.environ.get("NUMBA_CACHE_DIR"))
    environment = {"NUMBA_NUM_THREADS": "2", **os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-m", "minisnn", *words, "--folder", str(folder), "--quiet"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    STARTED.append(process)
    return process


def wait_for(happened, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def in_session(process) -> list[str]:
    """The processes of the session that this one has begun, itself included, but for those that have ended."""
    if shutil.which("ps") is None:
        pytest.skip("there is no ps")
    found = subprocess.run(["ps", "-eo", "pgid=,stat=,pid=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in found.splitlines()]
    return [rest for group, stat, rest in lines if group == str(process.pid) and not stat.startswith("Z")]


def heard(said: str) -> list[str]:
    """The lines that a command has said, but for how long kernels take to load, of which workers speak all at once."""
    taken = r"the first time takes|that took|^ \d+ s$"
    return [line for line in said.splitlines() if line and not re.search(taken, line)]


def end(process, number) -> tuple[str, float]:
    """Send a signal; return what was said, and the seconds after which nothing was left."""
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    wait_for(lambda: not in_session(process), 60)
    return err, time.monotonic() - begin


def square(n: int) -> int:
    return n**2


def fail(message: str):
    print("no answer")
    raise FloatingPointError(message)


def sleep(folder) -> None:
    with locks.hold(folder):
        time.sleep(60)


# ---- the pool


@pytest.mark.slow
def test_workers_end_at_once_when_the_block_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), workers.processes(2) as pool:
        assert pool.submit(square, 3).result() == 9
        pool.submit(sleep, tmp_path)
        wait_for((tmp_path / locks.LOCK).exists)
        begin = time.monotonic()
        1 / 0  # noqa: B018
    assert time.monotonic() - begin < GRACE
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_workers_have_one_blas_thread_each(monkeypatch):
    """This process keeps what it had."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with workers.processes(1) as pool:
        assert [pool.submit(os.getenv, name).result() for name in workers.BLAS_THREADS] == ["1"] * 3
    assert os.getenv("OMP_NUM_THREADS") == "7" and "MKL_NUM_THREADS" not in os.environ


@pytest.mark.slow
def test_a_script_without_a_guard(tmp_path):
    """Says what is missing; a script that has the guard is fine."""
    call = 'ms.sweep("match-src", {"epochs": [1], "n_train": [40]}, 1, folder="sweep", progress=False)'
    bare, guarded = tmp_path / "bare.py", tmp_path / "guarded.py"
    bare.write_text(f"import minisnn as ms\n{call}\n")
    guarded.write_text(f'import minisnn as ms\nif __name__ == "__main__":\n    {call}\n')
    ended = subprocess.run([sys.executable, bare], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"RuntimeError: {workers.NO_START}"
    assert 'below `if __name__ == "__main__":`' in workers.NO_START
    subprocess.run([sys.executable, guarded], cwd=tmp_path, check=True, timeout=100)


# ---- signals


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=str)
def test_a_sweep_and_its_workers_end(tmp_path, number):
    """Within seconds; what has ended is kept, and the same command goes on."""
    process = start(tmp_path, *LONG)
    wait_for(lambda: len(list(tmp_path.glob("runs/*/checkpoint.npz"))) >= 2)
    assert len(in_session(process)) >= 3
    said, seconds = end(process, number)
    assert seconds < GRACE
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert heard(said) == [f"minisnn: interrupted; the same command goes on; what has ended is kept in {tmp_path}"]
        assert process.returncode == 128 + number
    for run in (tmp_path / "runs").iterdir():
        with locks.hold(run):
            pass


@pytest.mark.slow
@pytest.mark.compiled
def test_ctrl_c_in_a_terminal_reaches_all_of_them(tmp_path):
    """Workers leave it to the first process, also while they are starting: one line is said, and no traceback."""
    for moment in (lambda: (tmp_path / "sweep.json").exists(), lambda: list(tmp_path.glob("runs/*/checkpoint.npz"))):
        process = start(tmp_path, *LONG)
        wait_for(moment)
        wait_for(lambda started=process: len(in_session(started)) >= 3)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert heard(said) == [f"minisnn: interrupted; the same command goes on; what has ended is kept in {tmp_path}"]
        assert process.returncode == 130
        wait_for(lambda ended=process: not in_session(ended), GRACE)


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("command", ["findings", "compare"])
def test_others_end_too(tmp_path, command):
    options = {"findings": ["tuning", "--tasks", "match", "--page", str(tmp_path / "page")]}
    process = start(tmp_path, command, *options.get(command, ["--hidden", "8", "8", "--seeds", "9"]))
    wait_for(lambda: list(tmp_path.glob("match/tuning/runs/*/checkpoint.npz")) + list(tmp_path.glob("histories/*.csv")))
    said, seconds = end(process, signal.SIGTERM)
    assert seconds < GRACE and process.returncode == 143
    (line,) = heard(said)
    assert line.startswith("minisnn: interrupted; the same command ")


@pytest.mark.slow
def test_nohup(tmp_path):
    """A closed terminal ends nothing that was started to outlive it."""
    process = start(tmp_path / "a", "train", "--recipe", "match-src", "--epochs", "300")
    wait_for((tmp_path / "a" / "checkpoint.npz").exists)
    ignoring = subprocess.Popen(
        [*("nohup", sys.executable, "-m", "minisnn", "train", "--recipe", "match-src", "--epochs", "300", "--quiet")]
        + ["--folder", str(tmp_path / "b")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for((tmp_path / "b" / "checkpoint.npz").exists)
    ignoring.send_signal(signal.SIGHUP)
    said, _ = end(process, signal.SIGHUP)
    assert process.returncode == 129 and "with --resume goes on" in said
    assert ignoring.poll() is None
    ignoring.kill()
    ignoring.wait()


# ---- at random moments

N = 20
TRAIN = "train --recipe match-asrc --hidden 16 --threshold 0.4 --n-train 400 --epochs 30 --dropout 0.1".split()
TRAIN += ["--checkpoint-minutes", "0", "--resume"]
SWEEP = "sweep --recipe match-src --grid hidden=16 threshold=0.4 n-train=200 epochs=4 span=1,2,4,8 --seeds 2".split()


def outcome(folder: Path) -> dict:
    """All that is in a folder but for seconds, dates and figures: bits of networks, histories, results, tables."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, lines = path.relative_to(folder).as_posix(), []
        if path.suffix == ".npz":
            net = ms.Network.load(path)
            found[name] = net.params.flat.tobytes(), net.temperature
        elif path.suffix == ".csv":
            with open(path, newline="") as file:
                lines = list(csv.DictReader(file))
            found[name] = [{key: value for key, value in row.items() if key != "seconds"} for row in lines]
        elif path.suffix == ".json":
            found[name] = timeless(json.loads(path.read_text()))
        elif path.name == "table.txt":
            place = path.read_text().index("s / run")  # it ends with the seconds, and spans come after it
            found[name] = [(line[: place - 1], line[place + 7 :]) for line in path.read_text().splitlines()]
        else:
            found[name] = path.is_dir()
    return found


def parts_done(folder: Path) -> int:
    """How many epochs of a run, or runs of a sweep, have ended."""
    history = folder / "history.csv"
    epochs = max(history.read_text().count("\n") - 1, 0) if history.exists() else 0
    return epochs + len(list(folder.glob("results/*.json")))


def timeless(thing):
    if isinstance(thing, dict):
        return {key: timeless(value) for key, value in thing.items() if key not in ("seconds", "date")}
    return [timeless(item) for item in thing] if isinstance(thing, list) else thing


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("words, parts, at_once", [(TRAIN, 30, 2), (SWEEP, 8, 1)], ids=["train", "sweep"])
def test_twenty_runs_killed_at_random_moments(tmp_path, monkeypatch, words, parts, at_once):
    """By each signal in turn, then resumed: what comes out is what comes out of a run that was left alone.

    No process is left, and no file but those of an undisturbed run. One in five is killed at any time, in which it may
    not have begun or have ended; the others after a number of epochs, or of the sweep's runs.
    """
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(2 // at_once))
    for name in ("warm-up", "undisturbed"):  # the first one compiles
        begin = time.monotonic()
        with start(tmp_path / name, *words) as process:
            assert process.wait() == 0
    whole, rng = time.monotonic() - begin, random.Random(0)
    expected = outcome(tmp_path / "undisturbed")
    moments = [(SIGNALS[i % 3], rng.randrange(parts) if i % 5 else -1, rng.random()) for i in range(N)]

    def killed(i: int) -> tuple[int, bool]:
        """Kill a run and resume it; return its first status, and whether the moment was within it."""
        number, part, moment = moments[i]
        folder = tmp_path / str(i)
        process = start(folder, *words)
        wait_for(lambda: parts_done(folder) >= part or process.poll() is not None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment * (whole if part < 0 else whole / parts))
        begun = folder.exists()
        end(process, number)
        within = begun and process.returncode != 0
        again = start(folder, *words)
        _, said = again.communicate(timeout=100)
        assert (again.returncode, heard(said)) == (0, [])
        wait_for(lambda: not in_session(again), GRACE)
        return process.returncode, within

    with ThreadPoolExecutor(at_once) as pool:
        ended = list(pool.map(killed, range(N)))
    for i in range(N):
        assert outcome(tmp_path / str(i)) == expected, moments[i]
    assert sum(within for _, within in ended) >= N / 2  # most moments are within the work


# ---- a task of Dask


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes with a thread each, on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=tmp_path_factory.mktemp("dask"),
        silence_logs="CRITICAL",
        env={"NUMBA_NUM_THREADS": "1"},
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    from distributed import Client

    with Client(cluster) as client:
        yield client


def test_elsewhere_it_is_a_call():
    assert workers.stoppable(os.getpid) == os.getpid()
    assert workers.stoppable(divmod, 7, 4) == (1, 3)


@pytest.mark.slow
def test_a_task_has_a_process_of_its_own(client):
    """What comes back is what the function returned or raised, whatever it printed."""
    own = client.submit(workers.stoppable, os.getpid).result()
    assert own not in client.run(os.getpid).values()
    with pytest.raises(FloatingPointError, match="not finite"):
        client.submit(workers.stoppable, fail, "not finite").result()
    with pytest.raises(RuntimeError, match="the process of the run ended with status 3"):
        client.submit(workers.stoppable, os._exit, 3).result()
    assert client.submit(workers.stoppable, bytes, 10**6).result() == bytes(10**6)  # more than a pipe holds


@pytest.mark.slow
def test_a_cancelled_task_ends(client, tmp_path):
    future = client.submit(workers.stoppable, sleep, tmp_path)
    wait_for((tmp_path / locks.LOCK).exists)
    future.cancel()
    with locks.hold(tmp_path, patience=GRACE):
        pass


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=str)
def test_a_sweep_on_a_cluster_ends(tmp_path, cluster, number):
    """And its runs with it, though their workers live on."""
    process = start(tmp_path, *LONG, "--scheduler", cluster.scheduler_address)
    wait_for(lambda: len(list(tmp_path.glob("runs/*/checkpoint.npz"))) >= 2)
    said, seconds = end(process, number)
    begin = time.monotonic()
    for run in (tmp_path / "runs").iterdir():
        with locks.hold(run, patience=GRACE):
            pass
    assert seconds + time.monotonic() - begin < GRACE
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert number == signal.SIGKILL or said.startswith("\nminisnn: interrupted; the same command goes on")
