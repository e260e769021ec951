"""The command line: `minisnn compare`, `gradcheck`, `bench`, `info`."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import minisnn
from minisnn import checks


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 1 if a check failed, 2 if the input is off."""
    parser = argparse.ArgumentParser(prog="minisnn", description=minisnn.__doc__)
    parser.add_argument("--version", action="version", version=f"minisnn {minisnn.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_compare, _add_gradcheck, _add_bench, _add_info):
        add(commands)
    options = vars(parser.parse_args(arguments))
    run = options.pop("run")
    options.pop("command")
    try:
        return run(**options)
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        print(f"minisnn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nminisnn: interrupted", file=sys.stderr)
        return 130


def _add_compare(commands) -> None:
    parser = commands.add_parser(
        "compare", help="RSNN, SRC and ASRC side by side on permuted digits: table and figures"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/compare"), help="where to write (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=60, help="of every run (default: %(default)s)")
    parser.add_argument("--span", type=int, default=8, help="λ of SRC (default: %(default)s)")
    parser.add_argument("--max-span", type=int, default=16, help="K of ASRC (default: %(default)s)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[64, 128, 128], help="hidden layers (default: %(default)s)"
    )
    parser.set_defaults(run=_compare)


def _compare(folder, **options) -> int:
    from minisnn import compare

    results = compare.compare(folder, **options)
    print(compare.table(results))
    print(f"histories and figures are in {folder}")
    return 0


def _add_gradcheck(commands) -> None:
    parser = commands.add_parser("gradcheck", help="check the hand-written gradients; exit status 1 if one is wrong")
    for name, choices in checks.OPTIONS.items():
        parser.add_argument(f"--{name}", nargs="+", choices=list(choices), help="only these (default: all)")
    parser.add_argument(
        "--dtype", choices=["float64", "float32"], help="only what checks this precision (default: both)"
    )
    parser.add_argument("--rungs", nargs="+", choices=list(checks.LADDER), help="only these (default: all)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[3, 5, 4, 2], help="of the networks (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights and input (default: %(default)s)")
    parser.set_defaults(run=_gradcheck)


def _gradcheck(**options) -> int:
    try:
        report = checks.check_all(**options, show=print)
    except checks.GradientError as error:
        print(f"minisnn: {error}", file=sys.stderr)
        return 1
    print(f"all {len(report.rows)} rows are right")
    return 0


def _add_bench(commands) -> None:
    parser = commands.add_parser("bench", help="time and memory of one loss and gradient, beside dense matrix products")
    parser.add_argument(
        "--repeats", type=int, default=5, help="timed runs, of which the median counts (default: %(default)s)"
    )
    parser.add_argument(
        "--peers",
        dest="peers_folder",
        nargs="?",
        const=Path("tests/peers"),
        type=Path,
        help="time JAX and PyTorch as well; the folder tests/peers of the source tree (default: %(const)s)",
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="where to write (default: %(default)s)")
    parser.set_defaults(run=_bench)


def _bench(folder, **options) -> int:
    from matplotlib.figure import Figure

    from minisnn import bench, plots, storage

    storage.make_folder(folder)
    results = bench.bench(**options)
    storage.write_text(folder / "bench.json", json.dumps(results, indent=1))
    storage.write_text(folder / "table.txt", bench.report(results) + "\n")
    figure = Figure(figsize=(11, 4), layout="constrained")
    plots.bench(results, figure.subplots(1, 2))
    storage.write_file(folder / "bench.png", lambda file: figure.savefig(file, format="png", dpi=120))
    print(bench.report(results))
    print(f"bench.json and bench.png are in {folder}")
    return 0


def _add_info(commands) -> None:
    parser = commands.add_parser("info", help="versions, threads, cache folder")
    parser.set_defaults(run=_info)


def _info() -> int:
    import llvmlite
    import matplotlib
    import numba
    import numpy

    from minisnn import kernels

    print(f"minisnn {minisnn.__version__}, in {Path(minisnn.__file__).parent}")
    print(f"Python {platform.python_version()}, {platform.platform()}")
    print(f"numpy {numpy.__version__}, numba {numba.__version__}, llvmlite {llvmlite.__version__}", end=", ")
    print(f"matplotlib {matplotlib.__version__}")
    print(f"{os.cpu_count()} cores, {numba.config.NUMBA_NUM_THREADS} threads in use (NUMBA_NUM_THREADS)")
    print(f"compiled kernels are cached in {kernels.cache_folder()} (NUMBA_CACHE_DIR)")
    return 0
