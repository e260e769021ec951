"""One click to open a notebook: links, install cell, and the repository's address in one place."""

import copy
import importlib.util
import re
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from minisnn.course import links

ROOT = Path(__file__).parents[2]
NAME = "solutions/02_a name.ipynb"


def notebook(*cells: tuple[str, str]) -> dict:
    return {"cells": [{"cell_type": kind, "metadata": {}, "source": source} for kind, source in cells]}


def sources(made: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in made["cells"]]


def test_the_address_is_that_of_the_package():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert urls["Repository"] == links.REPOSITORY
    assert all(url == links.REPOSITORY or url.startswith(links.REPOSITORY + "/") for url in urls.values())


@pytest.mark.parametrize("name", ["README.md", "tutorials/README.md", "CONTRIBUTING.md"])
def test_pages_name_no_other_address(name):
    """Neither of the repository nor of what opens it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    owner_and_name = urlsplit(links.REPOSITORY).path[1:]
    found = re.findall(r"(?:github\.com|binder\.org/v2/gh|google\.com/github)/([\w.-]+/minisnn\b)", text)
    assert set(found) <= {owner_and_name}


def test_where_links_lead():
    owner_and_name = urlsplit(links.REPOSITORY).path[1:]
    binder, colab = urlsplit(links.make_binder_link(NAME)), urlsplit(links.make_colab_link(NAME))
    assert (binder.netloc, binder.path) == ("mybinder.org", f"/v2/gh/{owner_and_name}/{links.BRANCH}")
    assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/tutorials/{NAME}"]}
    assert colab.netloc == "colab.research.google.com"
    assert unquote(colab.path) == f"/github/{owner_and_name}/blob/{links.BRANCH}/tutorials/{NAME}"
    assert links.make_line(NAME).count("\n") == 0 and " " not in binder.query + colab.path


def test_links_are_put_once():
    """After the text of the first cell; the install cell follows; a second time changes nothing."""
    made = notebook(("markdown", "# Title\n\nText.\n"), ("code", "x = 1"), ("markdown", "More."))
    links.put_links(made, NAME)
    assert sources(made) == [f"# Title\n\nText.\n\n{links.make_line(NAME)}", links.INSTALL, "x = 1", "More."]
    assert made["cells"][1]["metadata"] == links.FOLDED
    once = copy.deepcopy(made)
    links.put_links(made, NAME)
    assert made == once
    for cell in made["cells"]:  # as a file holds it
        cell["source"] = cell["source"].splitlines(keepends=True)
    links.put_links(made, NAME)
    assert sources(made) == sources(once)
    assert links.FOLDED == {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


def test_links_follow_the_address_and_the_name(monkeypatch):
    made = notebook(("markdown", "# Title"), ("code", "x = 1"))
    links.put_links(made, "00_old.ipynb")
    monkeypatch.setattr(links, "REPOSITORY", "https://github.com/fork/mini")
    monkeypatch.setattr(links, "INSTALL", links.INSTALL.replace("minisnn/minisnn", "fork/mini"))
    links.put_links(made, NAME)
    text = "\n".join(sources(made))
    assert len(made["cells"]) == 3 and "minisnn/minisnn" not in text and "00_old" not in text
    assert text.count("fork/mini") == 3


@pytest.mark.parametrize("cells", [[], [("code", "x = 1")]], ids=len)
def test_without_text_only_the_install_cell(cells):
    made = notebook(*cells)
    links.put_links(made, NAME)
    assert sources(made) == [links.INSTALL, *(source for _, source in cells)]


@pytest.mark.parametrize("installed", [True, False])
def test_the_install_cell(monkeypatch, installed):
    """Installs from the repository, with the extra that exists, where minisnn is missing; else it does nothing."""
    transformer = pytest.importorskip("IPython.core.inputtransformer2").TransformerManager()
    calls = []
    shell = type("Shell", (), {"run_line_magic": lambda self, name, line: calls.append((name, line))})()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if installed else None)
    exec(transformer.transform_cell(links.INSTALL), {"get_ipython": lambda: shell})
    if installed:
        assert not calls
        return
    ((magic, line),) = calls
    assert magic == "pip"
    extra, address = re.fullmatch(r'install --quiet "minisnn\[(\w+)\] @ git\+(.+)"', line).groups()
    assert address == links.REPOSITORY
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extra in extras and any(name.startswith("ipywidgets") for name in extras[extra])
