"""The commands around the tutorials: `minisnn findings` and `minisnn tutorials`."""

import sys
from pathlib import Path

from minisnn.findings import EXPERIMENTS, TASKS


def add_findings(commands) -> None:
    """`minisnn findings`."""
    parser = commands.add_parser("findings", help="the paper's claims at small scale: experiments, tables, figures")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which experiments: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--all", action="store_true", help="all experiments; on all tasks, then the report")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), help="only these, without a report (default: all)")
    parser.add_argument(
        "--networks", nargs="+", metavar="NETWORK", help='only these, as "SRC λ=8"; what is stored of the others stays'
    )
    parser.add_argument("--report", action="store_true", help="tables and figures anew from what is stored")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/findings"), help="holds the runs; a second call goes on with it"
    )
    parser.add_argument(
        "--tutorials", type=Path, default=Path("tutorials"), help="gets results/ and figures/ (default: %(default)s)"
    )
    parser.set_defaults(run=_findings)


def _findings(names, tasks, networks, report, folder, tutorials, **options) -> int:
    from minisnn import findings

    every = options["all"]
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown or bool(names) + every + report != 1:
        listed = ", ".join(EXPERIMENTS)
        raise ValueError(f"name experiments ({listed}), or --all, or --report; got {' '.join(names)!r}")
    if report and (tasks or networks):
        raise ValueError("a report is made of all that is stored: --report takes no --tasks or --networks")
    if networks and len(tasks or ()) != 1:
        raise ValueError("--networks are those of one task: name it with --tasks")
    report = report or (every and not tasks)
    try:
        if report:
            import scipy.stats  # noqa: F401  told now, not after hours
        chosen = [(name, task) for name in (EXPERIMENTS if every else names) for task in tasks or TASKS]
        for name, task in chosen:
            if findings.applies(name, task) or (names and tasks):  # asked for by name: it says what is off
                print(findings.run(name, task, folder, tutorials / "results", networks))
        for path in findings.report(tutorials) if report else ():
            print(path)
    except (ImportError, RuntimeError) as error:
        print(f"minisnn: {error}", file=sys.stderr)
        return 2 if isinstance(error, ImportError) else 1
    return 0


def add_tutorials(commands) -> None:
    """`minisnn tutorials`."""
    parser = commands.add_parser("tutorials", help="execute the tutorials, or copy them to a folder of your own")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument(
        "--execute",
        nargs="*",
        metavar="NAME",
        help="run notebooks and solutions, and write them back; as 02, solutions/02 (default: all)",
    )
    task.add_argument("--copy", type=Path, metavar="DIR", help="copy notebooks, results and solutions to this folder")
    parser.add_argument("--student", action="store_true", help="copy without solutions and outputs")
    parser.add_argument("--folder", type=Path, help="with the notebooks to execute (default: where they are installed)")
    parser.set_defaults(run=_tutorials)


def _tutorials(execute, copy, student, folder) -> int:
    from minisnn import tutorials

    if copy is not None:
        if folder is not None:
            raise ValueError("--folder goes with --execute; --copy takes the tutorials of the package")
        print(f"{len(tutorials.copy(copy, student))} files are in {copy}")
        return 0
    if student:
        raise ValueError("--student goes with --copy")
    try:
        tutorials.execute(folder or tutorials.folder(), execute)
    except (ImportError, RuntimeError) as error:
        print(f"minisnn: {error}", file=sys.stderr)
        return 2 if isinstance(error, ImportError) else 1
    return 0
