"""One click to open a notebook: where it lies online, and the cell that installs minisnn there."""

from urllib.parse import quote

REPOSITORY = "https://github.com/minisnn/minisnn"
"""The repository's address. A fork changes it here and in pyproject.toml, then runs `minisnn tutorials --execute`."""
BRANCH = "main"
HEAD = "**Open online:** "
MARK = 'find_spec("minisnn")'  # by which the install cell is known
INSTALL = f"""\
import importlib.util

if importlib.util.{MARK} is None:  # on Colab, for example
    %pip install --quiet "minisnn[tutorials] @ git+{REPOSITORY}\""""
FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
"""The metadata of a cell whose code is folded, in JupyterLab and on the web."""


def make_binder_link(name: str) -> str:
    """Return the address that opens a notebook, or with "" the tutorials, in JupyterLab on mybinder.org."""
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    return f"https://mybinder.org/v2/gh/{owner_and_name}/{BRANCH}?urlpath=lab/tree/tutorials/{quote(name)}"


def make_colab_link(name: str) -> str:
    """Return the address that opens a notebook on Colab."""
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{owner_and_name}/blob/{BRANCH}/tutorials/{quote(name)}"


def make_line(name: str) -> str:
    """Return the last line of a notebook's first cell; `name` is its path below tutorials/, such as "02_x.ipynb"."""
    return f"{HEAD}[Binder]({make_binder_link(name)}) · [Colab]({make_colab_link(name)})"


def put_links(notebook: dict, name: str) -> None:
    """Put links and install cell into a notebook, in place of those that it has.

    Parameters
    ----------
    notebook : dict
        As nbformat reads it; changed in place. Links end its first cell if that is text, the install cell follows.
    name : str
        The notebook's path below tutorials/.
    """
    cells = notebook["cells"]
    cells[:] = [cell for cell in cells if not _installs(cell)]
    starts_with_text = bool(cells) and cells[0]["cell_type"] == "markdown"
    if starts_with_text:
        lines = [line for line in _source(cells[0]).splitlines() if not line.startswith(HEAD)]
        cells[0]["source"] = "\n".join(lines).rstrip() + f"\n\n{make_line(name)}"
    install = {"cell_type": "code", "execution_count": None, "id": "install", "metadata": {**FOLDED}}
    install |= {"outputs": [], "source": INSTALL}
    cells.insert(int(starts_with_text), install)


def _installs(cell: dict) -> bool:
    return cell["cell_type"] == "code" and MARK in _source(cell)


def _source(cell: dict) -> str:
    return "".join(cell["source"])
