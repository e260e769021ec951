"""The tutorials: the notebooks as they are committed, and the command that executes and copies them."""

import html
import json
import re
import sys
from pathlib import Path

import pytest

from minisnn import cli
from minisnn.course import exercises, links, normal, notebooks

ROOT = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = notebooks.find(ROOT)
TUTORIALS = sorted(ROOT.glob(notebooks.NUMBERED))
SOLUTIONS = sorted(ROOT.glob(f"solutions/{notebooks.NUMBERED}"))
COURSE = [path for path in NOTEBOOKS if path not in SOLUTIONS]
MAX_WORDS, MAX_LINES = 2800, 25  # of a notebook's text, of a visible code cell


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


def cells(path: Path, kind: str = "") -> list[dict]:
    """Cells of a notebook (of this kind), their source as one string."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell | {"source": "".join(cell["source"])} for cell in notebook["cells"] if kind in cell["cell_type"]]


def source(path: Path) -> str:
    return "\n".join(cell["source"] for cell in cells(path))


def hidden(path: Path) -> bool:
    """Checkpoints of JupyterLab, and what file managers leave."""
    return any(part.startswith(".") for part in path.parts)


def is_folded(cell: dict) -> bool:
    return cell["metadata"].get("jupyter", {}).get("source_hidden", False)


# The notebooks as they are committed


def test_the_course_is_complete():
    """All are found, from start_here to the solutions."""
    assert NOTEBOOKS == [ROOT / notebooks.START, *TUTORIALS, *SOLUTIONS]
    assert set(NOTEBOOKS) == {path for path in ROOT.rglob("*.ipynb") if not hidden(path.relative_to(ROOT))}


def test_each_has_a_solution_and_a_number_of_its_own():
    assert [path.name for path in SOLUTIONS] == [path.name for path in TUTORIALS]
    assert len({path.name[:2] for path in TUTORIALS}) == len(TUTORIALS)


@each(NOTEBOOKS)
def test_as_executed(path):
    """As `minisnn tutorials --execute` leaves a notebook: in order, without errors, normalised, not too large."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert [cell["id"] for cell in notebook["cells"]] == [
        f"{normal.label(path)}-{i:02}" for i in range(1, len(notebook["cells"]) + 1)
    ]
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(set(cell["metadata"]) <= {"alt", "jupyter", "tags"} for cell in cells(path))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert path.stat().st_size <= 1000 * notebooks.MAX_KB


@each(TUTORIALS)
def test_how_a_tutorial_begins(path):
    first = cells(path)[0]
    assert first["cell_type"] == "markdown"
    assert re.match(rf"# {path.name[:2]} · \S", first["source"])
    places = [first["source"].find(words) for words in ("What you will do", "What you will learn", "What you need")]
    assert -1 not in places and places == sorted(places)
    assert re.search(r"^SEED = \d+$", cells(path, "code")[1]["source"], re.MULTILINE)  # after the install cell


@each(NOTEBOOKS)
def test_opens_in_one_click(path):
    """Links end the first cell, the install cell follows: as the constant has it, and once."""
    first, second = cells(path)[:2]
    name = path.relative_to(ROOT).as_posix()
    assert first["source"].splitlines()[-1] == links.make_line(name)
    assert (second["source"], second["metadata"]) == (links.INSTALL, links.FOLDED)
    assert source(path).count(links.HEAD) == source(path).count(links.MARK) == 1


@each(COURSE)
def test_text_is_short(path):
    assert sum(len(cell["source"].split()) for cell in cells(path, "markdown")) <= MAX_WORDS


def test_start_here_is_shorter():
    """Ten minutes, no equation, no exercise; at its end the way to every notebook."""
    texts = [cell["source"] for cell in cells(ROOT / notebooks.START, "markdown")]
    assert sum(len(text.split()) for text in texts) <= 1200
    assert not any("$" in text for text in texts) and "exercises." not in source(ROOT / notebooks.START)
    assert re.findall(r"^\| \[\d\d\]\((.+?)\)", texts[-1], re.MULTILINE) == [path.name for path in TUTORIALS]


@each(NOTEBOOKS)
def test_long_code_is_folded(path):
    """In JupyterLab and on the web alike."""
    for cell in cells(path, "code"):
        assert is_folded(cell) == ("hide-input" in cell["metadata"].get("tags", [])), cell["source"]
        assert is_folded(cell) or len(cell["source"].splitlines()) <= MAX_LINES, cell["source"]


@each(NOTEBOOKS)
def test_figures_are_described(path):
    """Where web pages look for it, and as the cell has it."""
    for cell in cells(path):
        figures = [output for output in cell.get("outputs", []) if normal.image_kind(output)]
        texts = [output["metadata"].get(normal.image_kind(output), {}).get("alt", "") for output in figures]
        assert all(len(text.split()) >= 4 for text in texts), cell["source"]
        alt = cell["metadata"].get("alt", [])
        assert texts == ([alt] if isinstance(alt, str) else alt), cell["source"]
        assert cell["cell_type"] == "code" or "![](" not in cell["source"]


@pytest.mark.slow
def test_web_pages_show_the_descriptions():
    """Made with nbconvert's classic template: its lab template has no place for them."""
    exporter = pytest.importorskip("nbconvert").HTMLExporter(template_name="classic")
    page = exporter.from_filename(str(ROOT / notebooks.START))[0]
    texts = [cell["metadata"]["alt"] for cell in cells(ROOT / notebooks.START) if "alt" in cell["metadata"]]
    assert [html.unescape(text) for text in re.findall(r'<img alt="([^"]+)"', page)] == texts != []


@each(COURSE)
def test_guesses_are_answered(path):
    """Each once, in a later cell, which can be run after the guess; keys are the notebook's number and a letter."""
    texts = [cell["source"] for cell in cells(path, "code")]
    asked = [re.findall(r'^ *guess\("([^"]*)"', text, re.MULTILINE) for text in texts]
    keys = [key for found in asked for key in found]
    assert len(keys) == len(set(keys))
    for i, found in enumerate(asked):
        for key in found:
            assert re.fullmatch(rf"{normal.label(path).partition('_')[0]}\.[a-z]", key)
            assert any("answer(" in text and f'"{key}"' in text for text in texts[i + 1 :]), key
    assert set(re.findall(r'\banswer\("([^"]*)"', "\n".join(texts))) <= set(keys)


@each(NOTEBOOKS)
def test_links_to_files(path):
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\((?!https?:|mailto:|attachment:|#)([^)#\s]+)", cell["source"]):
            assert (path.parent / target).exists(), target


@each(TUTORIALS)
def test_exercises_are_in_the_notebook_and_solved(path):
    """Every exercise of the tutorial's module, and none besides."""
    names = [name for name in exercises.names() if name[:2] == path.name[:2]]
    assert names
    asked = re.findall(r'exercises\.check\("([\d.]+)"', source(path))
    assert sorted(set(asked)) == names
    solved = re.findall(r'^ *assert exercises\.check\("([\d.]+)"', source(ROOT / "solutions" / path.name), re.MULTILINE)
    assert sorted(set(solved)) == names


@each(NOTEBOOKS)
def test_no_paths_of_a_machine(path):
    texts = [source(path)]
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            texts += ["".join(output.get("text", "")), "".join(output.get("data", {}).get("text/plain", ""))]
    assert not re.findall(r"/(?:home|Users|root|tmp|usr|opt|work)/|site-packages", "\n".join(texts))


# What is executed, and what is said of it; nothing is run here


def make(path: Path, *sources: str, title="# a title", metadata=()) -> Path:
    """A notebook with a title and these code cells, which look as if they had been executed."""
    metadata = dict(metadata)
    output = {"output_type": "stream", "name": "stdout", "text": ["β\n"]}
    code = [
        {"cell_type": "code", "id": f"c{i}", "metadata": metadata.get(i, {})}
        | {"execution_count": 7, "outputs": [output], "source": text}
        for i, text in enumerate(sources)
    ]
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": title}
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": [title, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture
def made(tmp_path):
    """A folder with a start, two tutorials, their solutions, results, pictures, and files of another kind."""
    folder = tmp_path / "made"
    for name in ("start_here", "00_first", "01_second", "solutions/00_first", "solutions/01_second"):
        make(folder / f"{name}.ipynb", "1 + 1")
    (folder / "findings" / "results" / "full" / "SRC").mkdir(parents=True)
    (folder / "findings" / "results" / "full" / "SRC" / "best.npz").write_bytes(b"PK")
    (folder / "findings" / "results" / "match.csv").write_text("a,b\n1,2\n")
    (folder / "findings" / "results" / "match.json").write_text("{}")
    (folder / "path.gif").write_bytes(b"GIF")
    (folder / "notes.txt").write_text("none of the tutorials")
    make(folder / "draft.ipynb", "1 + 1")
    return folder


@pytest.fixture
def executed(monkeypatch):
    """Executes nothing: collects which notebooks would be."""
    collected = []

    def execute(path, folder):
        collected.append(path.relative_to(folder).as_posix().removesuffix(".ipynb"))
        return "3 s, 4 kB"

    monkeypatch.setattr(notebooks, "_execute", execute)
    monkeypatch.setattr(notebooks, "_jupyter", lambda: None)
    return collected


ALL = ["start_here", "00_first", "01_second", "solutions/00_first", "solutions/01_second"]


@pytest.mark.parametrize(
    "names, expected",
    [
        (None, ALL),
        ([], ALL),
        (["01"], ["01_second", "solutions/01_second"]),
        ("01", ["01_second", "solutions/01_second"]),
        (["01_second"], ["01_second", "solutions/01_second"]),
        (["01_second.ipynb", "00"], ALL[1:]),
        (["start_here"], ["start_here"]),
        (["01", "start_here.ipynb"], ["start_here", "01_second", "solutions/01_second"]),
        (["solutions/00"], ["solutions/00_first"]),
        (["solutions/00_first.ipynb", "made/01_second.ipynb"], ["01_second", "solutions/00_first"]),
    ],
    ids=str,
)
def test_which_are_executed(made, executed, names, expected):
    lines = []
    notebooks.execute(made, names, lines.append)
    assert executed == expected
    assert lines == [f"{name}.ipynb: 3 s, 4 kB" for name in expected]


@pytest.mark.parametrize("name", ["02", "0", "first", "st", "elsewhere/00", "solutions/start_here", ""])
def test_no_notebook_of_that_name(made, executed, name):
    with pytest.raises(
        ValueError, match=re.escape(f"no notebook {name!r} in {made}; there are start_here, 00_first, 01_second")
    ):
        notebooks.execute(made, ["00", name])
    assert not executed


def test_no_notebooks(tmp_path, executed):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match=re.escape(str(folder))):
            notebooks.execute(folder)


def test_failures_are_listed_at_the_end(made, monkeypatch):
    """Whatever fails, and however: the others are still executed."""
    outcomes = iter(
        ["0 s, 1 kB", "1 s, 2 kB", RuntimeError("cell 3: ValueError: a\nb"), OSError("disk full"), "5 s, 6 kB"]
    )

    def execute(path, folder):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(notebooks, "_execute", execute)
    monkeypatch.setattr(notebooks, "_jupyter", lambda: None)
    lines = []
    with pytest.raises(RuntimeError) as caught:
        notebooks.execute(made, show=lines.append)
    assert lines == [
        "start_here.ipynb: 0 s, 1 kB",
        "00_first.ipynb: 1 s, 2 kB",
        "01_second.ipynb: cell 3: ValueError: a",
        "solutions/00_first.ipynb: OSError: disk full",
        "solutions/01_second.ipynb: 5 s, 6 kB",
    ]
    assert str(caught.value).splitlines() == [
        "2 failed, of 5 notebooks:",
        "  01_second.ipynb: cell 3: ValueError: a",
        "b",
        "  solutions/00_first.ipynb: OSError: disk full",
    ]


@pytest.mark.parametrize("module", ["nbclient", "nbformat"])
def test_without_jupyter(made, monkeypatch, capsys, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=re.escape('pip install "minisnn[tutorials]"')):
        notebooks.execute(made)
    assert cli.main(["tutorials", "--execute", "--folder", str(made)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("minisnn: ") and len(captured.err.splitlines()) == 1


# Executed in a kernel


@pytest.fixture
def kernel():
    pytest.importorskip("nbclient")
    pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")


@pytest.mark.slow
def test_execute(tmp_path, kernel, capfd):
    """In its own folder, in a new kernel, normalised; a second time changes nothing."""
    first = make(
        tmp_path / "00_first.ipynb",
        "import os, sys, time\nx = 1\nprint(os.path.basename(os.getcwd()) == os.environ['FOLDER'])",
        "for i in range(3):\n    print(i, flush=True)\n    print('bar', file=sys.stderr)\n    time.sleep(0.3)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "",
        "x + 1",
        "plt.subplots(), plt.subplots()\nplt.show()",
        "from minisnn.course import sliders\nsliders.show(lambda beta: plt.subplots()[0], beta=(0, 9, 3))",
        metadata={
            0: links.FOLDED | {"collapsed": True},
            2: {"alt": "A line from 1 to 2."},
            5: {"alt": ["The first.", "The second."]},
            6: {"alt": "Nothing."},
        },
    )
    second = make(
        tmp_path / "solutions" / "00_first.ipynb", "import os\n'x' in globals(), os.path.basename(os.getcwd())"
    )
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDER", tmp_path.name)
        patch.setenv("MPLBACKEND", "agg")
        notebooks.execute(tmp_path, show=lines.append)
        text = first.read_text(encoding="utf-8")
        notebooks.execute(tmp_path, "00", lines.append)
    assert first.read_text(encoding="utf-8") == text
    assert len(lines) == 4 and re.fullmatch(
        r"00_first\.ipynb: \d+ s, \d+ kB \(left out, from stderr: bar.*\)", lines[0]
    )
    assert re.fullmatch(r"solutions/00_first\.ipynb: \d+ s, 2 kB", lines[1])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")

    notebook = json.loads(text)
    assert notebook["nbformat"] == 4 and notebook["nbformat_minor"] == 5
    assert notebook["metadata"] == as_jupyter()
    title, *code = notebook["cells"]
    assert title["source"] == ["# a title\n", "\n", links.make_line("00_first.ipynb")]
    assert [cell["id"] for cell in notebook["cells"]] == [f"00-{i:02}" for i in range(1, 10)]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3, 4, 5, 6, 7, 8]
    install, *code = code
    assert ("".join(install["source"]), install["outputs"]) == (links.INSTALL, [])
    assert install["metadata"] == code[0]["metadata"] == links.FOLDED
    assert code[1]["metadata"] == title["metadata"] == {}
    stream = {"name": "stdout", "output_type": "stream"}
    assert code[0]["outputs"] == [stream | {"text": ["True\n"]}]
    assert code[1]["outputs"] == [stream | {"text": ["0\n", "1\n", "2\n"]}]
    (figure,) = code[2]["outputs"]
    assert set(figure["data"]) == {"image/png", "text/plain"}
    described = [[output["metadata"]["image/png"]["alt"] for output in cell["outputs"]] for cell in code[2::3]]
    assert described == [["A line from 1 to 2."], ["The first.", "The second."]]
    assert [output["metadata"] for output in code[6]["outputs"]] == [{"image/png": {"alt": "Nothing."}}]
    assert code[3]["outputs"] == []
    result = {"output_type": "execute_result", "execution_count": 6, "metadata": {}, "data": {"text/plain": ["2"]}}
    assert code[4]["outputs"] == [result]
    (answer,) = json.loads(second.read_text(encoding="utf-8"))["cells"][2]["outputs"]
    assert answer["data"]["text/plain"] == ["(False, 'solutions')"]
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert files == {"00_first.ipynb", "solutions", "solutions/00_first.ipynb"}


FAILING = {
    "10_raises": ("a = 1", 'a = 2\nassert a == 1, "not\\none"', "a = 3"),
    "11_warns": ("import warnings\nwarnings.warn('look out')",),
    "12_leaves": (
        "import os\nos.makedirs('new', exist_ok=True)\nopen('new/left.txt', 'w').close()",
        "open('data.csv', 'a').write('3')",
    ),
    "13_large": ("print('x' * 401_000)",),
    "14_dies": ("import os\nos._exit(1)",),
    "15_right": ("print('fine')",),
    "17_undescribed": ("import matplotlib.pyplot as plt\nplt.subplots(), plt.subplots()\nplt.show()",),
}


@pytest.mark.slow
def test_execute_what_fails(tmp_path, kernel, capfd):
    """Each is named, with cell and reason; it stays as it was; the last is still executed. Exit status 1."""
    alt = {0: {"alt": "Nothing."}}
    before = {
        name: make(tmp_path / f"{name}.ipynb", *code, metadata=alt if name[:2] == "17" else ()).read_bytes()
        for name, code in FAILING.items()
    }
    (tmp_path / "16_no_notebook.ipynb").write_text("{")
    (tmp_path / "data.csv").write_text("1,2")
    assert cli.main(["tutorials", "--execute", "--folder", str(tmp_path)]) == 1
    captured = capfd.readouterr()
    said = [
        """10_raises.ipynb: cell 4, line 2 (assert a == 1, "not\\none"): AssertionError: not""",
        "11_warns.ipynb: cell 3, line 2 (warnings.warn('look out')): UserWarning: look out",
        "12_leaves.ipynb: left files behind: new, new/left.txt; changed files: data.csv",
        "13_large.ipynb: 403 kB with its outputs, the limit is 400 kB",
        "14_dies.ipynb: cell 3: DeadKernelError: Kernel died",
        "17_undescribed.ipynb: cell 3 has 2 figures, alt texts are 1",
    ]
    lines = captured.out.splitlines()
    assert [*lines[:5], lines[7]] == said
    assert re.fullmatch(r"15_right\.ipynb: \d+ s, 2 kB", lines[5])
    assert re.match(r"16_no_notebook\.ipynb: NotJSONError: ", lines[6])
    listed = captured.err.splitlines()
    assert listed[0] == "minisnn: 7 failed, of 8 notebooks:"
    assert [line.strip() for line in listed[1:]] == [said[0], "one", *said[1:-1], lines[6], said[-1]]
    for name, content in before.items():
        assert ((tmp_path / f"{name}.ipynb").read_bytes() == content) == (name != "15_right")
    assert cli.main(["tutorials", "--execute", "12", "--folder", str(tmp_path)]) == 1  # the next time as well
    assert "12_leaves.ipynb: changed files: data.csv, new/left.txt" in capfd.readouterr().out


# Where they lie, and copies


def test_folder(tmp_path, monkeypatch, made):
    """In the package if it is installed, else beside it; clear words if neither."""
    package = tmp_path / "minisnn"
    monkeypatch.setattr(notebooks, "__file__", str(package / "course" / "notebooks.py"))
    (tmp_path / "tutorials").mkdir()
    with pytest.raises(FileNotFoundError, match=f"no tutorials: neither {re.escape(str(package / '_tutorials'))} nor"):
        notebooks.folder()
    make(tmp_path / "tutorials" / "00_first.ipynb")
    assert notebooks.folder() == tmp_path / "tutorials"
    make(package / "_tutorials" / "00_first.ipynb")
    assert notebooks.folder() == package / "_tutorials"


@pytest.fixture
def installed(made, monkeypatch):
    monkeypatch.setattr(notebooks, "folder", lambda: made)
    return made


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


RESULTS = ["findings/results/full/SRC/best.npz", "findings/results/match.csv", "findings/results/match.json"]
COPIED = ["00_first.ipynb", "01_second.ipynb", *RESULTS, "path.gif", "start_here.ipynb"]


def as_jupyter() -> dict:
    """The metadata that JupyterLab writes: what the kernel and its specification say of themselves."""
    kernel = pytest.importorskip("ipykernel.ipkernel").IPythonKernel
    spec = pytest.importorskip("ipykernel.kernelspec").get_kernel_dict()
    names = {"name": "python3", "display_name": spec["display_name"], "language": spec["language"]}
    return {"kernelspec": names, "language_info": kernel.language_info}


SOLVED = ["solutions/00_first.ipynb", "solutions/01_second.ipynb"]


def test_copy(installed, tmp_path, capsys):
    """Without what is no part of the tutorials; also from a package that can't be written to.

    Byte for byte, except that a notebook is marked as made with the Python that is here.
    """
    target = tmp_path / "new" / "folder"
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}  # permissions don't stop root
    for path in installed.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert cli.main(["tutorials", "--copy", str(target)]) == 0
    finally:
        for path in installed.rglob("*"):
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before
    assert capsys.readouterr().out == f"9 files are in {target}\n"
    assert files(target) == sorted(COPIED + SOLVED)
    for name in files(target):
        if name.endswith(".ipynb"):
            copied, original = (json.loads((folder / name).read_bytes()) for folder in (target, installed))
            assert copied == {**original, "metadata": copied["metadata"]}
        else:
            assert (target / name).read_bytes() == (installed / name).read_bytes()
        assert (target / name).stat().st_mode & 0o200


def test_a_copy_is_as_jupyter_would_write_it_here(installed, tmp_path):
    """Else JupyterLab takes it for changed as soon as it is opened."""
    expected = as_jupyter()
    for student in (False, True):
        written = notebooks.copy(tmp_path / f"copy {student}", student)
        found = [json.loads(path.read_bytes())["metadata"] for path in written if path.suffix == ".ipynb"]
        assert found == [expected] * len(found) != []


def test_no_file_of_the_tutorials_is_left_behind(tmp_path):
    """Read from the folder itself, so that a file of a new kind or place is missed here first."""
    notebooks.copy(tmp_path)
    assert files(tmp_path) == [name for name in files(ROOT) if not hidden(Path(name))]


def test_copy_for_students(installed, tmp_path):
    target = tmp_path / "copy"
    written = notebooks.copy(target, student=True)
    assert files(target) == sorted(path.relative_to(target).as_posix() for path in written) == COPIED
    for name in COPIED:
        if name.endswith(".ipynb"):
            title, code = cells(target / name)
            assert (title["source"], code["source"]) == ("# a title", "1 + 1")
            assert (code["outputs"], code["execution_count"]) == ([], None)
        else:
            assert (target / name).read_bytes() == (installed / name).read_bytes()


def test_copy_overwrites_nothing(installed, tmp_path, capsys):
    """Refused before anything is written; other files in the folder are no matter."""
    target = tmp_path / "copy"
    target.mkdir()
    (target / "mine.ipynb").write_text("mine")
    assert cli.main(["tutorials", "--copy", str(target)]) == 0
    (target / "01_second.ipynb").write_text("my answers")
    for name in ("path.gif", "start_here.ipynb", "00_first.ipynb"):
        (target / name).unlink()
    before = {name: (target / name).read_bytes() for name in files(target)}
    capsys.readouterr()
    for arguments in ([], ["--student"]):
        assert cli.main(["tutorials", "--copy", str(target), *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1
        assert captured.err.startswith(f"minisnn: {target / '01_second.ipynb'} and ")
        assert "there already" in captured.err
    assert {name: (target / name).read_bytes() for name in files(target)} == before
    one = tmp_path / "one"
    one.mkdir()
    (one / "01_second.ipynb").write_text("my answers")
    with pytest.raises(FileExistsError, match=r"01_second\.ipynb is there already"):
        notebooks.copy(one)


def test_copy_to_a_folder_with_a_file_in_the_way(installed, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "findings").write_text("text")
    with pytest.raises(FileExistsError, match="findings is there already"):
        notebooks.copy(tmp_path / "copy")
    assert files(tmp_path / "copy") == ["findings"]


def test_copy_to_what_is_no_folder(installed, tmp_path, capsys):
    (tmp_path / "file").write_text("text")
    assert cli.main(["tutorials", "--copy", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("minisnn: can't write into the folder")
    assert (tmp_path / "file").read_text() == "text"


# The command


def test_command_executes(installed, executed, capsys, tmp_path):
    """The package's own notebooks, or those of --folder; names are handed on."""
    assert cli.main(["tutorials", "--execute"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}.ipynb: 3 s, 4 kB" for name in ALL]
    make(tmp_path / "other" / "05_skip.ipynb")
    make(tmp_path / "other" / "06_span.ipynb")
    executed.clear()
    assert cli.main(["tutorials", "--folder", str(tmp_path / "other"), "--execute", "06", "05"]) == 0
    assert executed == ["05_skip", "06_span"]


@pytest.mark.parametrize(
    "arguments", [[], ["--student"], ["--copy"], ["--copy", "a", "--execute"], ["--folder", "a"]], ids=" ".join
)
def test_arguments_that_cannot_be_read(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["tutorials", *arguments])
    assert caught.value.code == 2
    assert "usage: minisnn tutorials" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--execute", "07"], "there is no notebook '07' in "),
        (["--execute", "--folder", "missing"], "no notebooks in the folder missing"),
        (["--execute", "--student"], "--student goes with --copy"),
        (["--copy", "copy", "--folder", "made"], "--folder goes with --execute"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_with_what_is_off(installed, executed, capsys, tmp_path, monkeypatch, arguments, words):
    """Exit status 2, one line; nothing is executed or copied."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["tutorials", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert captured.err.startswith("minisnn: ") and words in captured.err
    assert not executed and not (tmp_path / "copy").exists()
