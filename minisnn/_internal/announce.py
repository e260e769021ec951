"""A message to whoever waits, if it takes long."""

import sys
import threading
import time
from contextlib import contextmanager


@contextmanager
def announce(message: str, after: float = 1.0):
    """Print `message` to standard error if the block takes longer than `after` seconds, then how long it took."""
    start = time.perf_counter()
    timer = threading.Timer(after, lambda: print(f"minisnn: {message} ...", end="", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        seconds = time.perf_counter() - start
        if seconds > after:
            print(f" {seconds:.0f} s", file=sys.stderr, flush=True)
