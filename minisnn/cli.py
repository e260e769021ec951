"""The command line: `minisnn compare`, `train`, `recipes`, `plot`, `sweep`, `gradcheck`, `bench`, `findings`,
`tutorials`, `info`."""

import argparse
import contextlib
import inspect
import json
import os
import platform
import re
import signal
import sys
from ast import literal_eval
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import get_args

import minisnn
from minisnn import checks
from minisnn._internal import announce, locks, storage
from minisnn._internal.display import counted
from minisnn._internal.names import did_you_mean
from minisnn._internal.stopping import interruptible, number_of
from minisnn.datasets._download import import_extra
from minisnn.experiments import own_data, recipes
from minisnn.experiments import run as runs
from minisnn.experiments import sweep as sweeps
from minisnn.experiments.findings import EXPERIMENTS, TASKS

FINDINGS = (*EXPERIMENTS, "full")  # what `minisnn findings` runs
DESCRIPTION = "Train, check and measure recurrent spiking networks with skip connections. Begin with `minisnn compare`."
PATH = storage.expanded  # how a path is read


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line: all commands with their options."""
    parser = argparse.ArgumentParser(prog="minisnn", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"minisnn {minisnn.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (
        _add_compare,
        _add_train,
        _add_recipes,
        _add_plot,
        _add_sweep,
        _add_gradcheck,
        _add_bench,
        _add_findings,
        _add_tutorials,
        _add_info,
    ):
        add(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return the exit status.

    0; 1 if a check failed, runs of a sweep did, or results differ; 2 if the input is invalid, an extra is missing, or a
    training diverged; 128 + the number of the signal that interrupted it, or of SIGPIPE.
    """
    announce.replace_unknown_characters()
    options = vars(make_parser().parse_args(arguments))
    run, go_on = options.pop("run"), options.pop("go_on", None)
    options.pop("command")

    def last_words():
        with contextlib.suppress(OSError):  # of a terminal that was closed
            announce.say("\nminisnn: interrupted" + (f"; {go_on(**options)}" if go_on else ""))

    try:
        with interruptible(last_words):
            return run(**options)
    except BrokenPipeError:  # whoever read what is printed has read enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python would complain at its end
        return 128 + signal.SIGPIPE
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        announce.say(f"minisnn: {error}")
        return 2
    except KeyboardInterrupt as interrupt:
        last_words()
        return 128 + number_of(interrupt)


def _command(commands, name: str, text: str) -> argparse.ArgumentParser:
    """Add a command whose text stands in the list of commands and in its own help."""
    return commands.add_parser(name, help=text, description=text)


def _folder(parser, default: str) -> None:
    """Add the option that says where a command writes."""
    parser.add_argument(
        "--folder",
        type=PATH,
        default=Path(default),
        metavar="DIR",
        help="folder to write to (default: %(default)s)",
    )


def _quiet(parser) -> None:
    """Add the option that turns progress off."""
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _recipe(parser) -> None:
    """Add the option that names a recipe."""
    parts = [name.rsplit("-", 1) for name in recipes.RECIPES]
    data, models = (", ".join(dict.fromkeys(part)) for part in zip(*parts))
    text = f"DATA-MODEL, where DATA is one of {data} and MODEL one of {models}"

    def known(name: str) -> str:
        if name not in recipes.RECIPES:
            slip = did_you_mean(name, recipes.RECIPES) or f"; it must be {text}"
            raise argparse.ArgumentTypeError(f"there is no recipe {name!r}{slip}")
        return name

    parser.add_argument("--recipe", required=True, type=known, metavar="NAME", help=f"recipe to train, {text}")


def _add_compare(commands) -> None:
    recipe = recipes.RECIPES["psdigits-src"]
    parser = _command(commands, "compare", "RSNN, SRC and ASRC side by side on permuted digits: table and figures")
    _folder(parser, "runs/compare")
    for name, default, text in (
        ("--seeds", 3, "number of seeds: 0, 1, ..."),
        ("--epochs", recipe.epochs, "epochs of each run"),
        ("--span", recipe.span, "span λ of SRC"),
        ("--max-span", recipe.max_span, "largest span K of ASRC"),
    ):
        parser.add_argument(name, type=int, default=default, metavar="N", help=f"{text} (default: %(default)s)")
    _sizes(parser, "--hidden", recipe.hidden, "neurons per hidden layer")
    _quiet(parser)
    parser.set_defaults(run=_compare, go_on=_go_on_comparing)


def _sizes(parser, name: str, default, text: str) -> None:
    """Add an option for one number per layer."""
    shown = " ".join(map(str, default))
    parser.add_argument(
        name, type=int, nargs="+", default=list(default), metavar="N", help=f"{text} (default: {shown})"
    )


def _go_on_comparing(folder, **options) -> str:
    return f"the same command starts again; the runs that have ended are in {folder / 'histories'}"


def _compare(folder, quiet, **options) -> int:
    from minisnn.experiments import compare

    results = compare.compare(folder, **options, progress=not quiet)
    print(compare.table(results))
    print(f"histories and figures are in {folder}")
    return 0


def _add_train(commands) -> None:
    parser = _command(commands, "train", "train a recipe, safe to interrupt; `minisnn recipes` describes them")
    _recipe(parser)
    parser.add_argument("--folder", type=PATH, metavar="DIR", help="folder to write to (default: runs/NAME-SEED)")
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder, if there is one")
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=5.0,
        metavar="X",
        help="minutes between checkpoints: a crash costs about this much, Ctrl-C one batch (default: %(default)s)",
    )
    _quiet(parser)
    settings = parser.add_argument_group(
        "settings",
        "Each replaces a setting of the recipe (default: of the recipe). Brackets name the data, model or option to "
        "which a setting belongs; with others it is refused.",
    )
    descriptions = _descriptions()
    for field in fields(recipes.Recipe):
        kind, text = descriptions.get(field.name, ("NAME", None))  # `python -OO` drops docstrings
        settings.add_argument(f"--{field.name.replace('_', '-')}", **_argument(field, kind, text))
    parser.set_defaults(run=_train, go_on=_go_on_training)


def _descriptions() -> dict[str, tuple[str, str]]:
    """Read kind and description of each setting from the docstring of `Recipe`."""
    entries = re.findall(r"^(\w+) : (.+)\n((?:    .+\n)+)", inspect.getdoc(recipes.Recipe), re.MULTILINE)
    texts = {name: (kind, " ".join(text.split()).removesuffix(".")) for name, kind, text in entries}
    return {name: (kind, text[0].lower() + text[1:]) for name, (kind, text) in texts.items()}


class _OneOrPerLayer(argparse.Action):
    """An option that keeps one number as it is, several as a tuple."""

    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, values[0] if len(values) == 1 else tuple(values))


def _argument(field, kind: str, text: str | None) -> dict:
    """Return how argparse reads a setting of a recipe; a setting that is not given does not appear."""
    given = {"default": argparse.SUPPRESS, "help": text}
    if field.type is bool:
        return {**given, "action": argparse.BooleanOptionalAction}
    if field.type == tuple[int, ...]:
        return {**given, "type": int, "nargs": "+", "metavar": "N"}
    if field.type == int | tuple[int, ...]:
        return {**given, "type": int, "nargs": "+", "metavar": "N", "action": _OneOrPerLayer}
    if field.type is str:
        return {**given, "metavar": re.sub('[" ]', "", kind.replace(" or ", "|"))}  # {"a", "b"} or "c" as {a,b}|c
    number = float if float in (field.type, *get_args(field.type)) else int
    optional = type(None) in get_args(field.type)
    read = _or_none(number) if optional else number
    return {**given, "type": read, "metavar": {int: "N", float: "X"}[number] + "|none" * optional}


def _or_none(number: Callable) -> Callable:
    """Return a reader of numbers that takes "none", too, and is named in argparse's messages as the number is."""

    def read(text: str):
        return None if text.lower() == "none" else number(text)

    read.__name__ = number.__name__
    return read


def _folder_of(recipe, folder, settings: dict) -> Path:
    """Return the folder of a run, by default one that is named after recipe and seed; or file, model and seed."""
    base = recipes.RECIPES[recipe]
    if own_data.is_file(settings.get("data")):
        recipe = f"{Path(settings['data']).stem}-{settings.get('model', base.model)}"
    return folder or Path("runs") / f"{recipe}-{settings.get('seed', base.seed)}"


def _go_on_training(recipe, folder, resume, checkpoint_minutes, quiet, **settings) -> str:
    where = _folder_of(recipe, folder, settings)
    return f"the same command{'' if resume else ' with --resume'} goes on (the run is in {where})"


def _train(recipe, folder, resume, checkpoint_minutes, quiet, **settings) -> int:
    chosen = recipes.recipe(recipe, **settings)
    folder = _folder_of(recipe, folder, settings)
    result = runs.train(chosen, folder, resume, progress=not quiet, checkpoint_minutes=checkpoint_minutes)
    print(
        f"test accuracy {result['test_accuracy']:.2%} (soft spans {result['test_accuracy_soft']:.2%}), "
        f"after epoch {result['best_epoch'] + 1}, the best on validation data ({result['validation_accuracy']:.2%}); "
        f"spans {result['spans']}; {result['seconds']:.0f} s of training"
    )
    print(f"network, history and result are in {folder}; `minisnn plot {folder}` draws the figures")
    return 0


def _add_recipes(commands) -> None:
    parser = _command(commands, "recipes", "list the recipes: size, parameters, about how long they take here")
    parser.set_defaults(run=_recipes)


def _recipes() -> int:
    announce.say("minisnn: measuring how fast each kind of network is on this machine ...")
    print(recipes.table())
    return 0


def _add_plot(commands) -> None:
    parser = _command(commands, "plot", "draw the figures of a run, sweep or comparison, whether it has ended or not")
    parser.add_argument("folder", type=PATH, help="its folder, e.g. runs/psdigits-src-0")
    parser.set_defaults(run=_plot)


def _plot(folder) -> int:
    from minisnn.experiments import compare

    if (folder / "sweep.json").exists():
        paths = [sweeps.draw(folder)]
    elif (folder / "histories").is_dir():
        paths = compare.draw_stored(folder)
    elif not (folder / runs.CONFIG).exists() and (below := _drawable(folder)):
        shown = ", ".join(map(str, below[:3])) + (", ..." if len(below) > 3 else "")
        raise ValueError(f"{folder} is not the folder of a run, sweep or comparison; below it are {shown}")
    else:
        paths = runs.draw(folder)
    for path in paths:
        print(path)
    return 0


def _drawable(folder: Path) -> list[Path]:
    """List the folders one or two levels below that `minisnn plot` can draw."""
    patterns = [f"{level}/{name}" for level in ("*", "*/*") for name in (runs.CONFIG, "sweep.json")]
    return sorted({path.parent for pattern in patterns for path in folder.glob(pattern)})


def _add_sweep(commands) -> None:
    parser = _command(commands, "sweep", "train a recipe over a grid of settings and seeds; table and figure")
    _recipe(parser)
    parser.add_argument(
        "--grid",
        action="append",
        nargs="+",
        metavar="SETTING=VALUE,...",
        help="values to try in all combinations, of the settings that `minisnn train --help` lists; may be repeated: "
        "--grid model=src span=1,2,4 --grid model=asrc (default: the recipe as it is)",
    )
    parser.add_argument(
        "--data", metavar="FILE.npz", help="your own arrays in place of the recipe's data; see `minisnn train --help`"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="number of seeds: 0, 1, ... (default: 3, or as --grid seed=... lists them)",
    )
    _folder(parser, "runs/sweep")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="address of a Dask cluster, e.g. tcp://10.0.0.1:8786 (default: the cores of this machine)",
    )
    _quiet(parser)
    parser.set_defaults(run=_sweep, go_on=_go_on)


def _go_on(folder, **options) -> str:
    return f"the same command goes on; what has ended is kept in {folder}"


def _sweep(recipe, grid, data, seeds, folder, scheduler, quiet) -> int:
    grids = [_grid(words) for words in grid or [[]]]
    if data is not None:
        if any("data" in grid for grid in grids):
            raise ValueError("data appears as --data and in --grid; several files are --grid data=A.npz,B.npz")
        grids = [{"data": [data], **grid} for grid in grids]
    if seeds is None and not any("seed" in grid for grid in grids):
        seeds = 3
    status = 0
    try:
        if scheduler is None:
            rows = sweeps.sweep(recipe, grids, seeds, folder=folder, progress=not quiet)
        else:
            with _dask_client(scheduler) as client:
                rows = sweeps.sweep(recipe, grids, seeds, client.get_executor(), folder, progress=not quiet)
    except RuntimeError as error:
        announce.say(f"minisnn: {error}")
        rows, status = sweeps.read_rows(folder), 1
        if not rows:
            return status
    storage.write_text(folder / "table.txt", sweeps.table(rows) + "\n")
    print(sweeps.table(rows))
    if any(sweeps.numeric_settings(rows)):
        print(f"the figure is {sweeps.draw(folder)}")
    print(f"sweep.csv and table.txt are in {folder}")
    return status


def _dask_client(address: str):
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ValueError('--scheduler needs Dask: pip install "minisnn[distributed]"') from error
    return Client(address)


def _grid(words: list[str]) -> dict[str, list]:
    """Read a grid from words like span=1,2,4."""
    grid = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not values:
            raise ValueError(f"--grid takes SETTING=VALUE,VALUE..., e.g. span=1,2,4; got {word!r}")
        name = name.replace("-", "_")
        if name in grid:
            raise ValueError(f"{name} appears twice in one --grid; write {name}=VALUE,VALUE...")
        grid[name] = [_value(name, value) for value in values.split(",")]
    return grid


def _value(name: str, text: str):
    """Read a setting's value from text: a number, True, False, None; one per layer, e.g. 64-128-128; else the text."""
    numbers, types = text.split("-"), {field.name: field.type for field in fields(recipes.Recipe)}
    if name == "hidden" or (name == "span" and len(numbers) > 1):
        if not all(n.isdigit() for n in numbers):
            example = {"hidden": "64-128-128", "span": "4-8-8"}[name]
            raise ValueError(f"{name} takes one number per layer, e.g. {name}={example}, got {text!r}")
        return tuple(int(n) for n in numbers)
    if text.lower() == "none" and type(None) in get_args(types.get(name)):
        return None
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _add_gradcheck(commands) -> None:
    parser = _command(commands, "gradcheck", "check the hand-written gradients; exit status 1 if one is wrong")
    for name, choices in checks.OPTIONS.items():
        _some_of(parser, f"--{name}", choices, "kinds to check")
    parser.add_argument("--dtype", choices=["float64", "float32"], help="check this precision only (default: both)")
    _some_of(parser, "--rungs", checks.LADDER, "checks to run, with quotes around each")
    _sizes(parser, "--sizes", (3, 5, 4, 2), "sizes of the networks, from inputs to classes")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of weights and input (default: %(default)s)"
    )
    parser.set_defaults(run=_gradcheck)


def _some_of(parser, name: str, choices, text: str) -> None:
    """Add an option for one or more of the choices."""
    listed = f"{text}: {', '.join(choices)} (default: all)"
    parser.add_argument(name, nargs="+", choices=list(choices), metavar="NAME", help=listed)


def _gradcheck(**options) -> int:
    try:
        report = checks.check_all(**options, show=print)
    except checks.GradientError as error:
        announce.say(f"minisnn: {error}")
        return 1
    left_out = sum(not row.compared for row in report.rows)
    print(f"all {len(report.rows) - left_out} rows are right" + (f", {left_out} not compared" if left_out else ""))
    return 0


def _add_bench(commands) -> None:
    parser = _command(commands, "bench", "time and memory of one loss and gradient, beside matrix products")
    parser.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help="timed runs of each case, whose median counts (default: 3; with --full 5)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="measure larger networks, other firing rates, growth with each size and all memory as well",
    )
    parser.add_argument(
        "--peers", dest="with_peers", action="store_true", help="time JAX and PyTorch as well, if they are installed"
    )
    _folder(parser, "runs/bench")
    _quiet(parser)
    parser.set_defaults(run=_bench)


def _bench(folder, quiet, **options) -> int:
    from minisnn import plots
    from minisnn.bench import bench

    storage.make_folder(folder)
    results = bench.bench(**options, progress=not quiet)
    storage.write_text(folder / "bench.json", json.dumps(results, indent=1))
    storage.write_text(folder / "table.txt", bench.report(results) + "\n")
    panels = 3 if "growth" in results else 2
    plots.save(folder / "bench.png", lambda axes: plots.bench(results, axes), 1, panels, 5.5 * panels, 4)
    print(bench.report(results))
    print(f"bench.json, table.txt and bench.png are in {folder}")
    return 0


def _add_findings(commands) -> None:
    parser = _command(commands, "findings", "the paper's claims at small scale: experiments, tables, figures")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"experiments to run: {', '.join(FINDINGS)}")
    parser.add_argument("--all", action="store_true", help="run all experiments and, without --tasks, make the report")
    _some_of(parser, "--tasks", TASKS, "tasks to run them on")
    parser.add_argument("--report", action="store_true", help="make tables and figures anew from stored results")
    parser.add_argument(
        "--against",
        type=PATH,
        metavar="DIR",
        help="compare the stored results of --page with those of the page in this folder, e.g. of a repetition, "
        "in all columns but the seconds; status 1 if any differs",
    )
    parser.add_argument(
        "--folder",
        type=PATH,
        default=Path("runs/findings"),
        metavar="DIR",
        help="folder of the runs, which a second call continues (default: %(default)s)",
    )
    parser.add_argument(
        "--page",
        type=PATH,
        default=Path("tutorials/findings"),
        metavar="DIR",
        help="folder of README.md, results and figures (default: %(default)s)",
    )
    _quiet(parser)
    parser.set_defaults(run=_findings, go_on=_go_on)


def _findings(names, tasks, report, against, folder, page, quiet, **options) -> int:
    from minisnn.experiments import findings

    run_all = options["all"]
    unknown = [name for name in names if name not in FINDINGS]
    if unknown or bool(names) + run_all + report + (against is not None) != 1:
        listed = ", ".join(FINDINGS)
        raise ValueError(f"name experiments ({listed}), or --all, --report or --against; got {' '.join(names)!r}")
    if (report or against) and tasks:
        raise ValueError(f"{'--report' if report else '--against'} takes all stored results, and no --tasks")
    if against:
        return _against(findings.against(page / "results", against / "results"))
    if tasks and "full" in names:
        raise ValueError("full is PS-MNIST at full length: it takes no --tasks")
    everything = run_all and not tasks
    report, at_full_length = report or everything, "full" in names or everything
    try:
        if report:
            import_extra("scipy.stats", "tutorials", "intervals are computed")  # missing? say so now, not after hours
        of_tasks = [name for name in EXPERIMENTS if run_all or name in names]
        chosen = [(name, task) for task in tasks or TASKS for name in of_tasks]
        with locks.hold(storage.make_folder(folder)) if chosen or at_full_length else contextlib.nullcontext():
            for name, task in chosen:
                if findings.applies(name, task) or (names and tasks):  # asked for by name: it says why not
                    print(findings.run(name, task, folder, page / "results", progress=not quiet))
            if at_full_length:
                print(findings.train_full(folder, page / "results", progress=not quiet))
        for path in findings.report(page) if report else ():
            print(path)
    except RuntimeError as error:
        announce.say(f"minisnn: {error}")
        return 1
    return 0


def _against(compared: dict[str, tuple[int, list[str]]]) -> int:
    """Print what differs between the results of two pages; the status."""
    for name, (n_rows, differing) in compared.items():
        shown = f"{counted(len(differing), 'difference')}, the first in {differing[0]}" if differing else "all equal"
        print(f"{name}: {counted(n_rows, 'row')}, {shown}")
    return int(any(differing for _, differing in compared.values()))


def _add_tutorials(commands) -> None:
    parser = _command(commands, "tutorials", "execute the tutorials, or copy them to a folder of your own")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument(
        "--execute",
        nargs="*",
        metavar="NAME",
        help="execute notebooks and solutions, and write them back; e.g. 02, solutions/02 (default: all)",
    )
    task.add_argument("--copy", type=PATH, metavar="DIR", help="copy notebooks, results and solutions to this folder")
    task.add_argument("--animation", type=PATH, metavar="FILE", help="draw the animation of 05, a GIF, to this file")
    parser.add_argument("--student", action="store_true", help="with --copy: leave out solutions and outputs")
    parser.add_argument(
        "--folder",
        type=PATH,
        metavar="DIR",
        help="with --execute: folder of the notebooks (default: where they are installed)",
    )
    parser.set_defaults(run=_tutorials)


def _tutorials(execute, copy, animation, student, folder) -> int:
    from minisnn import plots
    from minisnn.course import notebooks

    if copy is not None:
        if folder is not None:
            raise ValueError("--folder goes with --execute; --copy takes the tutorials of the package")
        print(f"{len(notebooks.copy(copy, student))} files are in {copy}")
        return 0
    if student:
        raise ValueError("--student goes with --copy")
    if animation is not None:
        if folder is not None:
            raise ValueError("--folder goes with --execute; --animation takes the name of a file")
        print(plots.animate(animation))
        return 0
    try:
        notebooks.execute(folder or notebooks.folder(), execute)
    except RuntimeError as error:
        announce.say(f"minisnn: {error}")
        return 1
    return 0


def _add_info(commands) -> None:
    parser = _command(commands, "info", "versions, threads, cache folder")
    parser.set_defaults(run=_info)


def _info() -> int:
    import llvmlite
    import matplotlib
    import numba
    import numpy

    from minisnn.core import kernels

    print(f"minisnn {minisnn.__version__}, in {Path(minisnn.__file__).parent}")
    print(f"Python {platform.python_version()}, {platform.platform()}")
    print(f"numpy {numpy.__version__}, numba {numba.__version__}, llvmlite {llvmlite.__version__}", end=", ")
    print(f"matplotlib {matplotlib.__version__}")
    print(f"{os.cpu_count()} cores, {numba.config.NUMBA_NUM_THREADS} threads in use (NUMBA_NUM_THREADS)")
    disabled = numba.config.DISABLE_JIT
    folder = None if disabled else kernels.slab_gradients.stats.cache_path
    folder = folder or f"no folder: {'NUMBA_DISABLE_JIT is set' if disabled else 'none can be written to'}"
    print(f"compiled kernels are cached in {folder} (NUMBA_CACHE_DIR)")
    return 0
