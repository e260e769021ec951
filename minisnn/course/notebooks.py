"""The tutorials as files: found, executed from scratch, copied out of the package.

The course is `start_here.ipynb` and the numbered notebooks. One that is executed gets its links (`links.py`) and is
written back normalised (`normal.py`).
"""

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from minisnn._internal import storage
from minisnn.course import links, normal

START = "start_here.ipynb"
NUMBERED = "[0-9][0-9]_*.ipynb"
FILES = (
    "*.md",
    "*.png",
    "*.gif",
    START,
    NUMBERED,
    f"solutions/{NUMBERED}",
    *(f"findings/**/*.{kind}" for kind in ("md", "png", "csv", "json", "npz")),
)
"""The files that `copy` copies."""
MAX_KB = 400  # size of a notebook with its outputs; a kB is 1000 bytes
SECONDS = {"09": 150}  # how long a notebook may take on two cores; all others 90
TIMEOUT = 600  # seconds per cell
STRICT = 'import warnings\nwarnings.simplefilter("error")'  # the hidden first cell


def folder() -> Path:
    """Find the tutorials: in the installed package, else beside the package in the source tree.

    Raises
    ------
    FileNotFoundError
        If they are in neither place.
    """
    package = Path(__file__).parent.parent
    places = (package / "_tutorials", package.parent / "tutorials")
    for place in places:
        if any(place.glob(NUMBERED)):
            return place
    raise FileNotFoundError(f"no tutorials: neither {places[0]} nor {places[1]} holds notebooks")


def find(folder) -> list[Path]:
    """List the notebooks of a folder in the order of the course: start here, the numbered ones, solutions."""
    return [path for pattern in (START, NUMBERED, f"solutions/{NUMBERED}") for path in sorted(folder.glob(pattern))]


def execute(folder, names: Sequence[str] | None = None, show: Callable[[str], None] = print) -> None:
    """Execute notebooks and their solutions, each in a new kernel with warnings as errors, and write them back.

    A notebook that fails stays as it was, and the others are still executed.

    Parameters
    ----------
    folder : path
        Holds the notebooks, and the folder `solutions`. A notebook runs in its own folder.
    names : sequence of str, optional
        "02" or "02_derive_bptt_by_hand" for a tutorial and its solution, "solutions/02" for the solution alone,
        "start_here"; None: all.
    show : callable
        Called with one line per notebook: seconds and kB, or what is wrong.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder holds no notebooks, or none with that name.
    ImportError
        If nbclient or nbformat is missing.
    RuntimeError
        When all have run, if any failed: a cell raised, its alt texts are not as many as its figures, the notebook is
        larger than 400 kB, or it left or changed files. All failures are listed.
    """
    folder = Path(folder)
    notebooks = _choose(folder, [names] if isinstance(names, str) else names)
    _jupyter()
    failures = []
    for path in notebooks:
        name = path.relative_to(folder).as_posix()
        try:
            message = _execute(path, folder)
        except Exception as error:  # whatever a notebook, its kernel or the disk can raise: the others still run
            message = str(error) if type(error) is RuntimeError else f"{type(error).__name__}: {_first_line(error)}"
            failures.append(f"{name}: {message}")
        show(f"{name}: {_first_line(message)}")
    if failures:
        raise RuntimeError("\n  ".join([f"{len(failures)} failed, of {len(notebooks)} notebooks:", *failures]))


def copy(target, student: bool = False) -> list[Path]:
    """Copy the tutorials, with results and solutions, to a folder of one's own.

    Parameters
    ----------
    target : path
        The folder; it is made if it is missing.
    student : bool
        Whether to leave out solutions, and outputs in the notebooks.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileNotFoundError
        If there are no tutorials, as in `folder`.
    FileExistsError
        If one of the files exists already. Then nothing is written.
    OSError
        If the folder can't be written to.
    """
    source, target = folder(), Path(target)
    contents = {}
    for pattern in FILES:
        for path in sorted(source.glob(pattern)):
            if not (student and path.parent.name == "solutions"):
                is_notebook = path.suffix == ".ipynb"
                contents[path.relative_to(source)] = _for_here(path, student) if is_notebook else path.read_bytes()
    folders = {part for name in contents for part in name.parents[:-1]}
    existing = [str(target / name) for name in contents if os.path.lexists(target / name)]
    existing += [str(target / part) for part in sorted(folders) if (target / part).is_file()]
    if existing:
        more = f" and {len(existing) - 1} more files are" if len(existing) > 1 else " is"
        raise FileExistsError(f"{existing[0]}{more} there already; copy the tutorials to another folder")
    for name, content in contents.items():
        storage.make_folder((target / name).parent)
        storage.write_bytes(target / name, content)
    return [target / name for name in contents]


def _jupyter():
    """Import nbformat and nbclient."""
    try:
        import nbclient
        import nbformat
    except ImportError as error:
        raise ImportError('notebooks are executed with nbclient: pip install "minisnn[tutorials]"') from error
    return nbformat, nbclient


def _choose(folder: Path, names: Sequence[str] | None) -> list[Path]:
    notebooks = find(folder)
    if not notebooks:
        raise FileNotFoundError(f"no notebooks in the folder {folder}; they are named like 02_x.ipynb")
    if not names:
        return notebooks
    for name in names:
        if not any(_is_called(path, name) for path in notebooks):
            known = ", ".join(path.stem for path in notebooks if path.parent == folder)
            raise ValueError(f"there is no notebook {name!r} in {folder}; there are {known}")
    return [path for path in notebooks if any(_is_called(path, name) for name in names)]


def _is_called(path: Path, name: str) -> bool:
    where, _, stem = name.removesuffix(".ipynb").replace("\\", "/").rpartition("/")
    return stem in (path.stem, normal.label(path)) and where.rpartition("/")[2] in ("", path.parent.name)


def _execute(path: Path, folder: Path) -> str:
    """Execute one notebook, write it back, and return seconds and kB as text. Raise RuntimeError if it fails."""
    nbformat, nbclient = _jupyter()
    started, before = time.perf_counter(), _files(folder)
    notebook = nbformat.read(path, as_version=4)
    links.put_links(notebook, path.relative_to(folder).as_posix())
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    client = nbclient.NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=50"],
        shutdown_kernel="immediate",
        force_raise_errors=True,
        record_timing=False,
    )
    # Figures go into the notebook, whatever the environment says, and without sliders.
    env = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MINISNN_STATIC": "1"}
    with client.setup_kernel(env=env):
        for i, cell in enumerate(notebook.cells):  # counted without the hidden cell: from 1
            try:
                client.execute_cell(cell, i)
            except nbclient.exceptions.CellExecutionError as error:
                raise RuntimeError(f"cell {i}{_line(error.traceback)}: {error.ename}: {error.evalue}") from error
            except (nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError) as error:
                raise RuntimeError(f"cell {i}: {type(error).__name__}: {_first_line(error)}") from error
    _check_no_traces(folder, before)
    notebook.cells.pop(0)
    left_out = normal.normalise(notebook, normal.label(path))
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode()) / 1000
    if size > MAX_KB:
        raise RuntimeError(f"{size:.0f} kB with its outputs, the limit is {MAX_KB} kB")
    storage.write_text(path, text)
    seconds, most = time.perf_counter() - started, SECONDS.get(normal.label(path), 90)
    slow = f", more than the {most} s it should take: is the machine busy?" if seconds > most else ""
    return f"{seconds:.0f} s, {size:.0f} kB{slow}{left_out}"


def _files(folder: Path) -> dict[Path, tuple]:
    """List all that is below a folder: for files, when they were last changed and their size."""
    stats = {path: path.stat() for path in folder.rglob("*")}
    return {path: () if path.is_dir() else (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def _check_no_traces(folder: Path, before: dict[Path, tuple]) -> None:
    """Raise RuntimeError if a notebook has made or changed files. They stay, as they may be somebody's work."""
    after = _files(folder)
    traces = {
        "left files behind": after.keys() - before.keys(),
        "changed files": {path for path in before if after.get(path) != before[path]},
    }
    found = [
        f"{what}: {', '.join(sorted(path.relative_to(folder).as_posix() for path in paths))}"
        for what, paths in traces.items()
        if paths
    ]
    if found:
        raise RuntimeError("; ".join(found))


def _line(traceback: str) -> str:
    """Extract the line of the cell that raised from IPython's traceback: number and source."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", traceback).partition("Traceback (most recent call last)")[2]
    arrow = re.search(r"^-+> +(\d+) +(.*)$", plain, re.MULTILINE)
    return f", line {arrow[1]} ({arrow[2].strip()})" if arrow else ""


def _first_line(text) -> str:
    return next(iter(str(text).strip().splitlines()), "")


def _for_here(path: Path, student: bool) -> bytes:
    """Read a notebook as JupyterLab would write it here; for students without outputs."""
    notebook = json.loads(path.read_bytes())
    notebook["metadata"] = normal.metadata()
    for cell in notebook["cells"]:
        if student and cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
