"""The page of the findings, made anew from the stored results: its tables and its figures."""

from pathlib import Path

from minisnn._internal import storage
from minisnn.experiments.findings import figures, tables
from minisnn.experiments.findings.results import check_all


def report(page) -> list[Path]:
    """Fill the tables of `page`/README.md, if there is one, and draw its figures, from `page`/results.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileNotFoundError
        If a result is missing; the message names the command that makes it.
    ValueError
        If the document asks for a table that does not exist.
    """
    page = Path(page)
    document, results = page / "README.md", page / "results"
    check_all(results)  # before anything is written
    written = []
    if document.exists():
        storage.write_text(document, tables.fill(document.read_text(encoding="utf-8"), results))
        written.append(document)
    return [*written, *figures.draw(results, page / "figures")]
