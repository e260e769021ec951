"""How the benchmark measures: seconds, memory, start-up, and what machine it is.

Seconds say little beyond the machine and the hour. So what is compared takes turns in one run, and the ratios of
medians count.
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from ast import literal_eval
from importlib import metadata
from pathlib import Path

BLAS = """
import time, numpy as np
a, b = (np.random.default_rng(0).random((1024, 1024), dtype=np.float32) for _ in range(2))
times = []
for _ in range(30):
    start = time.perf_counter(); a @ b; times.append(time.perf_counter() - start)
print(1024**3 / sorted(times)[15])
"""

START = """
import time; start = time.perf_counter()
import numba; numba_seconds = time.perf_counter() - start
import minisnn as ms; import_seconds = time.perf_counter() - start - numba_seconds
import numpy as np
start = time.perf_counter()
ms.Network([1, 4, 2]).loss_and_grad(np.ones((2, 3, 1)), [0, 1])
print([import_seconds, time.perf_counter() - start])
"""


def in_turns(calls: dict, repeats: int) -> dict[str, list[float]]:
    """Time each call, by name: each runs once to warm up, then all take turns, `repeats` times.

    What disturbs one disturbs all, so ratios hold where seconds don't.
    """
    for call in calls.values():
        call()
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def peak_memory(call) -> int | None:
    """Measure how far this process grows during `call()`, in bytes; None on systems other than Linux."""
    status = Path("/proc/self/status")
    if not status.exists():
        call()
        return None

    def kilobytes(name):
        return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text(encoding="utf-8"))[1])

    # The peak (VmHWM) starts again from what is in use now.
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = kilobytes("VmRSS")
    call()
    return 1024 * (kilobytes("VmHWM") - before)


def python(code: str, *arguments: str, **environment: str) -> str:
    """Run code in a new Python process, and return its output."""
    command = [sys.executable, "-c", code, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=env).stdout


def start_up() -> dict[str, float]:
    """Time new processes: `import minisnn` after `import numba`; the first gradient, with the cache empty and full."""
    with tempfile.TemporaryDirectory() as folder:
        (_, cold), (import_seconds, warm) = (literal_eval(python(START, NUMBA_CACHE_DIR=folder)) for _ in range(2))
    return {"import": import_seconds, "first_gradient_cold": cold, "first_gradient_warm": warm}


def blas_speed() -> float:
    """Measure the multiply-adds per second of large float32 products, in a new process so that its threads end."""
    return float(python(BLAS))


def processor() -> str:
    """Return the name of the processor as far as the system reports it; never empty."""
    cpuinfo = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*: *(\S.*)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    return name[1].strip() if name else platform.processor() or platform.machine() or "unknown processor"


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of these packages, as far as they are installed."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
