"""The arrows of the house: a room imports what lies below it, and nothing above."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minisnn as ms

PACKAGE = Path(ms.__file__).parent
FLOORS = [  # from the ground up
    "_internal",
    "core",
    "datasets",
    "compilation",
    "initial",
    "files",
    "summary",
    "network",
    "plots",
    "training",
    "checks",
    "analysis",
    "bench",
    "experiments",
    "course",
    "cli",
    "__main__",
]
FACE = set(FLOORS[: FLOORS.index("analysis") + 1]) - {"plots"}  # what `import minisnn` may load
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The folder or module directly below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


class RunTime(ast.NodeTransformer):
    """Leaves out what only type checkers read: the body of `if TYPE_CHECKING:`."""

    def visit_If(self, node: ast.If):
        self.generic_visit(node)
        return node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else node


def imported(path: Path) -> list[str]:
    """The rooms that a module imports anywhere in it, functions included; "face" for the package itself."""
    rooms = []
    tree = RunTime().visit(ast.parse(path.read_text()))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            words = name.split(".")
            if words[0] == "minisnn":
                rooms.append(words[1] if len(words) > 1 else "face")
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_import_points_upward(path):
    if path == PACKAGE / "__init__.py":
        assert set(imported(path)) <= FACE
        return
    floor = FLOORS.index(room(path))
    for other in imported(path):
        above = other == "face" and room(path) not in ("cli", "course")
        assert not above and (other == "face" or FLOORS.index(other) <= floor), f"{path} imports {other}"


def test_nothing_stray_is_kept():
    """What is committed at the top of the repository is on the charter's list."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a clone, or no git")
    command = ["git", "-c", "safe.directory=*", "ls-files"]  # in a container the clone may be another user's
    kept = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    hidden = {".binder", ".ci", ".gitignore"}
    papers = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml"}
    assert {line.strip('"').split("/")[0] for line in kept.splitlines()} == hidden | papers | {
        "minisnn",
        "tests",
        "tutorials",
    }


def test_every_room_says_what_it_is():
    """A docstring of some lines at the door of each folder; where it lists modules, it names them all."""
    for door in PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(door.read_text())) or ""
        assert text, door
        assert (PACKAGE / room(door) == PACKAGE / "__init__.py") or len(text) > 60, door
        if re.search(r"^ *\w+\.py +", text, re.MULTILINE) and door.parent != PACKAGE:
            named, there = set(re.findall(r"\b\w+\.py\b", text)), {path.name for path in door.parent.glob("*.py")}
            assert {name for name in there if not name.startswith("_")} <= named, door


def test_import_loads_neither_course_nor_experiments():
    """`ms.sweep` and `ms.exercises` load them at their first use."""
    code = (
        "import sys, minisnn as ms\n"
        "rooms = lambda: sorted({name.split('.')[1] for name in sys.modules if name.startswith('minisnn.')})\n"
        "print(rooms()); ms.sweep, ms.exercises.check; print(rooms())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, after = map(ast.literal_eval, out.splitlines())
    assert not {"course", "experiments", "bench", "plots", "cli"} & set(before)
    assert {"course", "experiments"} <= set(after)


def test_public_names_exist():
    assert all(hasattr(ms, name) for name in ms.__all__)
    assert set(ms.__all__) <= set(dir(ms))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ms.nonsense
