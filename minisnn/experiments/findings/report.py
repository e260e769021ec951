"""The page of the findings, made anew from the stored results: its tables and its figures."""

from pathlib import Path

from minisnn._internal import storage
from minisnn.experiments.findings import claims, figures, tables
from minisnn.experiments.findings.results import stored


def report(page) -> list[Path]:
    """Fill the tables of `page`/README.md, if there is one, and draw its figures, from `page`/results.

    What the claims compare, unit by unit, is written beside the results.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileNotFoundError
        If there is no task with all its results.
    ValueError
        If the document asks for a table that does not exist.
    """
    page = Path(page)
    document, results = page / "README.md", page / "results"
    names = stored(results)
    if not names:
        raise FileNotFoundError(
            f"no task has all its results in {results}: a report is made of stored results; run it in the source tree, "
            "or name a --page"
        )
    written = [results / claims.PAIRS]
    storage.write_text(written[0], storage.as_csv(claims.pairs(results, names)))
    if document.exists():
        storage.write_text(document, tables.fill(document.read_text(encoding="utf-8"), results))
        written.append(document)
    return [*written, *figures.draw(results, page / "figures")]
