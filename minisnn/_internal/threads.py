"""Tasks shared among Python threads, for functions that release the GIL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numba


def n_threads() -> int:
    """Return how many threads share a batch: NUMBA_NUM_THREADS, by default one per core that this process may use."""
    return numba.config.NUMBA_NUM_THREADS


def in_threads(run, n_tasks: int, new_room, threads: int) -> None:
    """Call `run(task, room)` for each task < n_tasks; each thread has its own room and takes the next task."""
    tasks, lock = iter(range(n_tasks)), threading.Lock()

    def work_on():
        room = new_room()
        while True:
            with lock:
                task = next(tasks, None)
            if task is None:
                return
            run(task, room)

    threads = min(threads, n_tasks)
    if threads == 1:
        return work_on()
    with ThreadPoolExecutor(threads - 1, "minisnn") as pool:  # this thread is one of them
        try:
            others = [pool.submit(work_on) for _ in range(threads - 1)]
            work_on()
            for other in others:
                other.result()
        except BaseException:  # Ctrl-C, perhaps: the others begin nothing new
            tasks = iter(())
            raise
