"""Tables and figures made anew from the stored results, and put into the documents."""

from pathlib import Path

from minisnn._internal import storage
from minisnn.experiments.findings import figures, tables


def documents(tutorials) -> list[Path]:
    """The documents with marked tables: README.md in the folder of the tutorials and, if it has marks, beside it."""
    here = [Path(tutorials) / "README.md", Path(tutorials).absolute().parent / "README.md"]
    return [path for path in here if path.exists() and "<!-- findings:" in path.read_text(encoding="utf-8")]


def report(tutorials) -> list[Path]:
    """Fill the tables of the documents and draw the figures, from `tutorials`/results; returns what was written.

    Raises
    ------
    FileNotFoundError
        If a result is missing; says by which command it is made.
    ValueError
        If a document asks for a table that does not exist.
    """
    tutorials = Path(tutorials)
    results = tutorials / "results"
    filled = {path: tables.fill(path.read_text(encoding="utf-8"), results) for path in documents(tutorials)}
    for path, text in filled.items():
        storage.write_text(path, text)
    return [*filled, *figures.draw(results, tutorials / "figures")]
