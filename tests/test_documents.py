"""What README and CHANGELOG say must be so."""

import json
import re
import shlex
from pathlib import Path

import pytest

import minisnn as ms
from minisnn import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PACKAGE = Path(ms.__file__).parent


def test_sizes_in_the_reading_order():
    """Every module of the package is named or its folder is, those of core/ one by one; lines hold within a tenth."""
    section = README.partition("## Reading the code")[2].partition("\n## ")[0]
    house, heading, core = section.partition("| file in `core/` |")
    assert heading
    for text, folder in ((house, PACKAGE), (core, PACKAGE / "core")):
        named = {}
        for names, sizes in re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+) \| ([\d, ]+) \|", text, re.MULTILINE):
            named |= dict(zip(re.findall(r"`([\w./]+)`", names), map(int, sizes.split(", ")), strict=True))
        modules = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
        assert set(named) == modules | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
        for name, lines in named.items():
            files = (folder / name).rglob("*.py") if name.endswith("/") else [folder / name]
            counted = sum(len(file.read_text().splitlines()) for file in files)
            assert abs(counted - lines) <= max(10, 0.1 * counted), (name, counted)


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:after the first epoch layer:RuntimeWarning")
def test_the_example_runs(tmp_path, monkeypatch, capsys):
    """With one epoch in place of 60."""
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert "epochs=60" in code
    monkeypatch.chdir(tmp_path)
    exec(code.replace("epochs=60", "epochs=1"), {})
    assert "Evaluation(loss=" in capsys.readouterr().out
    assert (tmp_path / "run.npz").exists()


def test_the_commands_exist():
    """Every `minisnn command` of the documents shows its help."""
    text = README + (ROOT / "CHANGELOG.md").read_text()
    commands = set(re.findall(r"minisnn (compare|bench|[a-z]+)`", text)) | set(re.findall(r"&& minisnn (\w+)", text))
    assert {"compare", "bench", "gradcheck"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as stop:
            cli.main([command, "--help"])
        assert stop.value.code == 0


def told_commands() -> list[str]:
    """The lines of commands in all documents and notebooks."""
    texts = [document.read_text() for document in [*ROOT.glob("*.md"), *(ROOT / "tutorials").glob("*.md")]]
    for path in (ROOT / "tutorials").rglob("*.ipynb"):
        texts += ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    lines = re.findall(r"^    (?:.*&& )?minisnn (.*)$", "\n".join(texts), re.MULTILINE)
    inline = re.findall(r"`minisnn ([^`]*?)`", "\n".join(texts).replace("\n", " "))
    return [line.partition("#")[0].strip() for line in [*lines, *inline]]


def test_commands_can_be_read():
    """Each command line that a document tells is one that the program takes."""
    commands = [line for line in told_commands() if "..." not in line and not re.search(r" [A-Z]+\b", line)]
    assert len(commands) > 25
    for line in commands:
        words = shlex.split(line)
        if words[-1] not in ("--version", "train", "plot", "sweep", "tutorials"):  # these alone stand for the command
            cli.make_parser().parse_args(words)


def test_links_to_files():
    """Files that a document links to or names in backticks as a path exist."""
    for document in [*ROOT.glob("*.md"), *(ROOT / "tutorials").glob("*.md"), *(ROOT / "tests").rglob("*.md")]:
        text = document.read_text()
        for target in re.findall(r"`((?:minisnn|tests|tutorials)/[\w./-]+)`", text):
            assert (ROOT / target).exists(), (document.name, target)
        for target in re.findall(r"`((?:results|figures|solutions)/[\w./-]*)`", text):
            assert (ROOT / "tutorials" / target).exists(), (document.name, target)
        for target in re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (document.parent / target).exists(), (document.name, target)


def test_version_is_in_the_changelog():
    assert f"## [{ms.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
