"""What the documents say must be so: their code and commands run, their links lead somewhere, their sizes hold."""

import contextlib
import io
import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

import minisnn as ms
from minisnn import cli

ROOT = Path(__file__).parent.parent
PACKAGE = Path(ms.__file__).parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "minisnn/**/*.md", "tests/**/*.md", "tutorials/**/*.md")
    for path in ROOT.glob(pattern)
    if "_tutorials" not in path.parts and ".ipynb_checkpoints" not in path.parts
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "minisnn" / "README.md").read_text(encoding="utf-8")
OURS = ("minisnn", "numpy", "numba", "matplotlib")  # what runs without an extra


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """The document without code blocks and comments."""
    return re.sub(r"```.*?```|<!--.*?-->|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)


# Form


def test_the_front_door_is_short():
    assert len(README.split()) <= 900


def test_there_is_a_page_beside_what_it_describes():
    pages = ("minisnn", "minisnn/checks", "minisnn/bench", "minisnn/experiments", "tutorials", "tutorials/findings")
    assert {f"{page}/README.md" for page in pages} | {"tutorials/coming-from.md"} <= {name_of(p) for p in DOCUMENTS}
    assert (ROOT / "CITATION.cff").exists()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_lines_of_prose_are_short(path):
    """Rows of tables, and lines that an image or an address fills, may be longer."""
    lines = [line for line in prose(path.read_text(encoding="utf-8")).splitlines() if not line.startswith(("|", "!["))]
    assert not [line for line in lines if len(line) > 120 and "](http" not in line]


def test_no_paragraph_stands_twice():
    """Nor does a list, but for lines of a few words."""
    parts = []
    for path in DOCUMENTS:
        for paragraph in re.split(r"\n\s*\n", prose(path.read_text(encoding="utf-8"))):
            if not paragraph.startswith(("|", "<")) and len(paragraph.split()) > 12:
                parts.append(" ".join(paragraph.split()))
    assert not [part for part, times in Counter(parts).items() if times > 1]


def test_sizes_in_the_map():
    """Every module of the package is named or its folder is, those of core/ one by one; lines hold within a tenth."""
    core = GUIDE.partition("| file in `core/` |")[2].partition("\n## ")[0]
    house = GUIDE.partition("## Map")[2].partition("\n## ")[0]
    for text, folder in ((house, PACKAGE), (core, PACKAGE / "core")):
        named = {}
        for names, sizes in re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+) \| ([\d, ]+) \|", text, re.MULTILINE):
            named |= dict(zip(re.findall(r"`([\w./]+)`", names), map(int, sizes.split(", ")), strict=True))
        modules = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
        assert set(named) == modules | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
        for name, lines in named.items():
            files = (folder / name).rglob("*.py") if name.endswith("/") else [folder / name]
            counted = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
            assert abs(counted - lines) <= max(10, 0.1 * counted), (name, counted)


def test_version_is_said_everywhere():
    assert f"## [{ms.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {ms.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


# Links


def anchors(path: Path) -> set[str]:
    """The names that headings get on the web."""
    headings = re.findall(r"^#+ (.*)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    """To files, folders and headings; addresses on the web are only looked at."""
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            assert re.fullmatch(r"https://[\w.-]+(/\S*)?", target), target
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_paths_in_backticks_exist(path):
    """Of files from the root, from the package, or beside the document."""
    text = path.read_text(encoding="utf-8")
    if path.name == "CHANGELOG.md":  # which also speaks of what was
        return
    for target in re.findall(r"`((?:[\w-]+/)+[\w-]*(?:\.\w+)?)`", text):
        if not target.startswith(("runs/", "my-tutorials")):
            assert any((base / target).exists() for base in (ROOT, PACKAGE, path.parent)), target


def test_every_document_is_linked():
    """From some other document, so that it can be found."""
    linked = {
        (path.parent / target.partition("#")[0]).resolve()
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    }
    assert {path for path in DOCUMENTS if path.resolve() not in linked} <= {ROOT / "README.md"}


# Code


def sections() -> list[tuple[str, str]]:
    """(document and heading, text) of the sections of level 2 that hold Python."""
    found = []
    for path in DOCUMENTS:
        for section in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            if "```python\n" in section:
                found.append((f"{name_of(path)}: {section.splitlines()[0]}", section))
    return found


@pytest.mark.compiled
@pytest.mark.parametrize("text", [pytest.param(text, id=place) for place, text in sections()])
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # at the import of Norse
def test_code_runs(text, tmp_path, monkeypatch):
    """Blocks of a section run one after the other, and print what the block behind them says.

    Numbers to 2 %; but the last bits of a processor can send a training elsewhere: shares to 5 %, spans to 2 steps.
    """
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    exec("import numpy as np", namespace)
    for code, said in re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", text, re.DOTALL):
        for library in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
            if library not in OURS:
                pytest.importorskip(library)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        if said:
            expected, got = said.split(), printed.getvalue().split()
            assert [re.sub(r"[\d.]+", "#", word) for word in got] == [re.sub(r"[\d.]+", "#", word) for word in expected]
            for word, right in zip(got, expected):
                numbers = [[float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)] for text in (word, right)]
                tolerance = 5 if "%" in word else 2 if "[" in word else 0
                assert numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=tolerance)


# Commands

SMALL = {  # how a command is run here: as the documents say it, and then smaller
    "compare": "--seeds 1 --epochs 1 --hidden 5",
    "train": "--epochs 1 --hidden 5 --folder runs/small",
    "sweep": "--seeds 1 --folder runs/sweep",
    "gradcheck": "--recurrence src-3 --reset soft --surrogate triangle --neuron lif",
    "recipes": "",
    "tutorials --copy": "",
}
READ_ONLY = {  # what takes minutes or needs a download, and where it is run instead
    "bench": "tests/bench",
    "findings": "tests/experiments/test_findings.py",
    "tutorials --execute": ".ci/run",
}


def commands() -> list[str]:
    """The lines of commands in all documents and notebooks, in their order, without `minisnn`."""
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    for path in [*ROOT.glob("tutorials/*.ipynb"), *ROOT.glob("tutorials/solutions/*.ipynb")]:
        texts += ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    text = "\n".join(texts)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    fenced = "\n".join(block for language, block in blocks if not language)
    lines = re.findall(r"^    (?:.*&& )?minisnn (.*)$", text, re.MULTILINE)
    lines += re.findall(r"^(?:.*&& )?minisnn (.*)$", fenced, re.MULTILINE)
    inline = re.findall(r"`minisnn ([^`]*?)`", text.replace("\n", " "))
    found = [line.partition("#")[0].strip() for line in [*lines, *inline]]
    return list(dict.fromkeys(line for line in found if "..." not in line and not re.search(r" [A-Z]+\b", line)))


def kind(line: str) -> str:
    """The command; of the tutorials with its first option."""
    words = line.split()
    return " ".join(words[:2]) if words[0] == "tutorials" and len(words) > 1 else words[0]


@pytest.mark.parametrize("line", commands())
def test_commands_can_be_read(line):
    """Each is one that the program takes; a bare name stands for the command."""
    words = shlex.split(line)
    if words[-1] in ("--version", "--help", "train", "plot", "sweep", "tutorials", "findings"):
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, *(["--help"] if not words[-1].startswith("--") else [])])
        assert stop.value.code == 0
    else:
        cli.make_parser().parse_args(words)
        assert kind(line) in {**SMALL, **READ_ONLY, "plot": ""}


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:after epoch:RuntimeWarning")
def test_commands_run(tmp_path, monkeypatch, capsys):
    """One of each kind that takes seconds when it is small, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minisnn.experiments.recipes.seconds_per_sequence", lambda *_, **__: 1e-3)
    too_large = r"psmnist|spoken|--resume|--scheduler|--help|^(train|sweep|plot|tutorials)$"
    chosen = {kind(line): line for line in commands() if kind(line) in SMALL and not re.search(too_large, line)}
    assert set(chosen) == set(SMALL)
    chosen["sweep"] = re.sub(
        "span=[0-9,]+", "span=1,2 hidden=5 epochs=1", chosen["sweep"].partition(" --grid model=asrc")[0]
    )
    for name, line in chosen.items():
        assert cli.main([*shlex.split(re.sub("--span [0-9 ]+", "--span 4 ", line)), *SMALL[name].split()]) == 0, line
    assert cli.main(["plot", "runs/small"]) == 0
    assert "test accuracy" in capsys.readouterr().out


def test_files_that_pip_is_given_exist():
    """Extras in `pip install ".[extra]"` are those of the project."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    told = {
        extra
        for path in DOCUMENTS
        for names in re.findall(r"(?:\.|minisnn)\[([\w,]+)\]\"", path.read_text(encoding="utf-8"))
        for extra in names.split(",")
    }
    assert told and told <= set(extras)
