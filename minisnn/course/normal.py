"""The normal form of a notebook, so that executing it again changes only outputs that differ.

Cells are named NN-01, NN-02, ..., execution counts run from 1, neither times nor progress bars are kept, and figures
have the alt texts of their cell.
"""

import sys
from pathlib import Path

KEPT = ("alt", "jupyter", "tags")  # of a cell's metadata


def label(path: Path) -> str:
    """Return what a notebook is called for short: its number, or its name if it has none."""
    return path.stem[:2] if path.stem[:2].isdecimal() else path.stem


def normalise(notebook, label: str) -> str:
    """Leave out of a notebook what differs from run to run, and return in short what it wrote to stderr.

    Raises
    ------
    RuntimeError
        If a cell has alt texts, but not one for each of its figures.
    """
    notebook.metadata = metadata()
    notebook.nbformat_minor = 5  # the first with ids
    warned, count = [], 0
    for i, cell in enumerate(notebook.cells, start=1):
        cell.id = f"{label}-{i:02}"
        cell.metadata = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        kept = []
        for output in cell.outputs:
            if "metadata" in output:
                output.metadata = {}
            if "execution_count" in output:
                output.execution_count = count
            if output.get("name") == "stderr":
                warned += output.text.strip().splitlines()[:1]
            elif output.get("name") == "stdout" and kept and kept[-1].get("name") == "stdout":
                kept[-1].text += output.text  # where a stream is cut into pieces is random
            else:
                kept.append(output)
        cell.outputs = kept
        _describe(cell, i)
    return f" (left out, from stderr: {'; '.join(warned)})" if warned else ""


def _describe(cell, number: int) -> None:
    """Give the figures of a cell the alt texts of its metadata, where web pages look for them."""
    if "alt" not in cell.metadata:
        return
    texts = [cell.metadata.alt] if isinstance(cell.metadata.alt, str) else cell.metadata.alt
    figures = [output for output in cell.outputs if image_kind(output)]
    if len(figures) != len(texts):
        raise RuntimeError(f"cell {number} has {len(figures)} figures, alt texts are {len(texts)}")
    for output, text in zip(figures, texts):
        output.metadata = {image_kind(output): {"alt": text}}


def image_kind(output: dict) -> str | None:
    """Return the kind of picture that an output is, such as image/png; None if it is none."""
    return next((kind for kind in output.get("data", {}) if kind.startswith("image/")), None)


def metadata() -> dict:
    """Return what JupyterLab writes with this Python: a notebook with anything else counts as changed once opened."""
    return {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "version": sys.version.split()[0],
        },
    }
