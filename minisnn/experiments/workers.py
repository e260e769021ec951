"""Worker processes that end with the process that started them, and runs on a cluster that end with their sweep.

Each worker of a pool watches a pipe. It ends at once when the other end says so, or closes because its process has
died, however that came about. A task of Dask can't be killed, so it does its run in a process of its own, and looks
whether the cluster still wants it. That is no longer so when its future was cancelled or its client has gone.
"""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import numba

from minisnn._internal.stopping import held_back
from minisnn._internal.threads import n_threads
from minisnn.compilation import prepare

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
NO_START = (
    "the worker processes could not start. Each of them imports the script that is run, so in a script this call must "
    'stand below `if __name__ == "__main__":`; a program from standard input can\'t be imported and needs executor='
)


@contextmanager
def processes(n_tasks: int):
    """Yield a pool of new processes, one per task and core, that share the threads; kernels are compiled here, before.

    If the block is left by an exception, the processes end at once, whatever they do.

    Raises
    ------
    RuntimeError
        If they can't start, as in a script that calls this without `if __name__ == "__main__":`.
    """
    check_can_start()
    prepare("float32")
    threads = n_threads()
    n_workers = max(1, min(threads, n_tasks))
    theirs, ours = multiprocessing.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), start_worker, (threads // n_workers, theirs)
    )
    try:
        _start(pool, n_workers)
        yield pool
    except BaseException:
        ours.send_bytes(b"end")
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def check_can_start() -> None:
    """Raise RuntimeError in a process that is just being started: it runs a script that has no guard."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(NO_START)


def _start(pool: ProcessPoolExecutor, n_workers: int) -> None:
    """Start all processes of a pool, and wait for the first."""
    with held_back(), _one_blas_thread():
        started = [pool.submit(os.getpid) for _ in range(n_workers)]
    try:
        started[0].result()
    except BrokenProcessPool:
        raise RuntimeError(NO_START) from None


@contextmanager
def _one_blas_thread():
    """Let processes started in here do matrix products on one thread each.

    With several threads per core they wait for each other: Jacobians took some 7 s per run, against less than 1.
    """
    before = {name: os.environ.get(name) for name in BLAS_THREADS}
    os.environ.update(dict.fromkeys(BLAS_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start_worker(threads: int, pipe) -> None:
    """Prepare the process of a worker: its threads, its end with that of the other process."""
    numba.config.NUMBA_NUM_THREADS = threads
    for name in ("SIGINT", "SIGHUP"):  # a terminal sends them to all its processes; the first one decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def watch():
        pipe.poll(None)
        os._exit(1)

    threading.Thread(target=watch, name="minisnn watch", daemon=True).start()


def stoppable(function: Callable, *arguments, **options):
    """Call a function so that it can be stopped: in a new process if this is a task of Dask, elsewhere simply here.

    Neither Dask nor Python can stop a thread. The process ends at once when the cluster no longer wants the task, or
    when this process dies. What the function returns or raises comes back; both must be picklable.
    """
    wanted = _wanted()
    if wanted is None:
        return function(*arguments, **options)
    paths = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", "from minisnn.experiments import workers; workers.serve()"],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    answer = []
    with process:
        reader = threading.Thread(target=lambda: answer.append(process.stdout.read()))
        reader.start()
        pickle.dump((function, arguments, options), process.stdin)
        process.stdin.flush()  # and it stays open, which keeps the process alive
        while reader.is_alive():
            if not wanted():
                process.kill()
            reader.join(0.5)
    if not answer[0]:
        raise RuntimeError(f"the process of the run ended with status {process.returncode}")
    returned, value = pickle.loads(answer[0])
    if not returned:
        raise value
    return value


def serve() -> None:
    """Do what `stoppable` asks for, in the new process; end at once if standard input is closed."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is no answer
    function, arguments, options = pickle.load(sys.stdin.buffer)

    def watch():
        sys.stdin.buffer.read(1)
        os._exit(1)

    threading.Thread(target=watch, name="minisnn watch", daemon=True).start()
    try:
        outcome = True, function(*arguments, **options)
    except Exception as error:
        outcome = False, error
    answer.write(pickle.dumps(outcome))
    answer.close()
    os._exit(0)  # the other thread is reading, which Python would wait for


def _wanted() -> Callable[[], bool] | None:
    """Return a check whether the cluster still wants the task of this thread; None if it is no task of Dask."""
    try:
        worker = sys.modules["distributed"].get_worker()
    except (KeyError, ValueError):
        return None
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return wanted
