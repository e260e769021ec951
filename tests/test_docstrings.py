"""Every public name says what it does, names all of its parameters, and shows an example that runs."""

import ast
import contextlib
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import minisnn as ms
from minisnn import analysis, bench, checks, datasets, experiments, plots, training

PACKAGE = Path(ms.__file__).parent
ROOMS = {"ms": ms, "ms.datasets": datasets, "ms.plots": plots, "ms.checks": checks, "ms.exercises": ms.exercises}
SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")
NO_VERBS = {"the", "a", "an", "all", "each", "every", "what", "where", "whether", "which", "how", "no", "one", "its"}


def public() -> dict[str, object]:
    """Functions and classes by the name that a user types, and the methods and properties that the classes define."""
    found = {}
    for room, module in ROOMS.items():
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found.setdefault(thing, f"{room}.{name}")  # under its shortest name alone
    names = {name: thing for thing, name in found.items()}
    for name, thing in list(names.items()):
        if inspect.isclass(thing):
            own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            methods = {key: getattr(thing, key) for key in own if inspect.isroutine(own[key])}
            names |= {f"{name}.{key}": m for key, m in methods.items() if m.__name__ != "<lambda>"}
    return names


PUBLIC = public()


def doc(name: str) -> str:
    return inspect.getdoc(PUBLIC[name]) or ""


def section(text: str, heading: str) -> str:
    """What stands below a numpydoc heading, up to the next one."""
    following = re.split(rf"^{heading}\n-+\n", text, flags=re.MULTILINE)
    return re.split(r"^\w+\n-+\n", following[1], flags=re.MULTILINE)[0] if len(following) == 2 else ""


@pytest.mark.parametrize("name", PUBLIC)
def test_first_line_is_a_sentence(name):
    first = doc(name).split("\n\n")[0]
    assert first.endswith((".", ":")) and len(first.splitlines()) <= 2, first


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_is_named(name):
    """In the section Parameters; of a class its own parameters or, in a dataclass, fields."""
    thing = PUBLIC[name]
    try:
        signature = inspect.signature(thing)
    except ValueError:  # exceptions have none
        return
    parameters = [key for key in signature.parameters if key not in ("self", "args", "kwargs")]
    text = section(doc(name), "Parameters") + section(doc(name), "Attributes")
    lines = [line.partition(" : ")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    named = {word.strip(" *") for line in lines for word in line.split(",")}
    assert set(parameters) <= named, sorted(set(parameters) - named)


@pytest.mark.parametrize("name", PUBLIC)
def test_has_an_example(name):
    """Its own or, of a method, one of its class."""
    owner, _, last = name.rpartition(".")
    examples = section(doc(name), "Examples") or (section(doc(owner), "Examples") if owner in PUBLIC else "")
    assert ">>>" in examples and last in examples


@pytest.mark.compiled
@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name, tmp_path, monkeypatch):
    """As pasted after `import numpy as np` and `import minisnn as ms`."""
    monkeypatch.chdir(tmp_path)
    examples = doctest.DocTestParser().get_doctest(doc(name), {"np": np, "ms": ms}, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with contextlib.ExitStack() as stack:
        stack.callback(plt.close, "all")
        printed: list[str] = []
        runner.run(examples, out=printed.append)
    assert not runner.failures, "".join(printed)


def test_examples_name_what_is_there():
    """Also those of modules that no room above lists; in a new process, in which no test has imported a module."""
    code = f"""if True:
        import pathlib, re, types, minisnn as ms
        for path in sorted(pathlib.Path({str(PACKAGE)!r}).rglob("*.py")):
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            examples = " ".join(line for line in lines if line.startswith((">>>", "...")))
            for name in re.findall(r"\\bms((?:\\.\\w+)+)", examples):
                thing = ms
                for part in name[1:].split("."):
                    if isinstance(thing, types.ModuleType) and not hasattr(thing, part):
                        print(path.name, name)
                    thing = getattr(thing, part, None)"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == ""


def functions() -> list[tuple[str, str]]:
    """(place, docstring) of all functions and methods with a docstring, but for properties."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                if not any("property" in ast.unparse(d) or "setter" in ast.unparse(d) for d in node.decorator_list):
                    found.append((f"{path.relative_to(PACKAGE)}:{node.lineno}:{node.name}", text))
    return found


@pytest.mark.parametrize("text", [pytest.param(text, id=place) for place, text in functions()])
def test_docstrings_are_imperative(text):
    """They say what the function does: no article, no question word, no third person at the head."""
    first = re.match(r"\W*(\w+)", text)[1]
    assert first.lower() not in NO_VERBS, text.splitlines()[0]
    assert first in ("Pass", "Process") or not re.fullmatch(r"[A-Z][a-z]+[^su]s", first), text.splitlines()[0]


@pytest.mark.parametrize("module", [ms, analysis, bench, checks, datasets, experiments, plots, training])
def test_rooms_say_what_they_are(module):
    assert len(module.__doc__.split()) > 10
