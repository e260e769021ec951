"""Whatever the environment is: the same numbers, or one clear line."""

import ast
import errno
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

import minisnn as ms
from minisnn import cli, compilation
from minisnn._internal import announce, cache, storage
from minisnn.core import batch

SOURCE = """
from minisnn._internal.cache import cached_jit

@cached_jit()
def double(x):
    return x + x
"""


# The cache of compiled kernels, on a function that compiles at once


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A function that loads `double` as a new process would; its cache is the folder `fresh.folder`."""
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE, encoding="utf-8")

    def load():
        cache._say_once.cache_clear()
        spec = importlib.util.spec_from_file_location("doubling", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.double

    load.folder = tmp_path / "cache"
    return load


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def hits(double) -> int:
    """How many of its compiled forms came from the cache."""
    return sum(double.stats.cache_hits.values())


def test_the_cache_is_used(fresh, capsys):
    assert [double(3) for double in (fresh(), fresh())] == [6, 6]
    second = fresh()
    assert (second(3), second(0.5), hits(second)) == (6, 1.0, 1)
    assert capsys.readouterr().err == ""


DAMAGES = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "garbage": lambda data: bytes(range(256)) * 9,
    "a byte changed": lambda data: data[:-90] + bytes([data[-90] ^ 1]) + data[-89:],
}


# A byte changed in the index makes another version, another key or another name: nothing is found, or damage.
@pytest.mark.parametrize(
    "damage, suffix", [(d, s) for d in DAMAGES for s in (".nbi", ".nbc") if (d, s) != ("a byte changed", ".nbi")]
)
def test_a_damaged_cache_is_told_and_mended(fresh, damage, suffix, capsys):
    fresh()(3)
    (path,) = files(fresh.folder, suffix)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    double = fresh()
    assert (double(3), hits(double)) == (6, 0)
    said = capsys.readouterr().err
    assert said.startswith("minisnn: can't read the kernel cache in ") and said.count("\n") == 1
    assert str(path.parent) in said
    after = fresh()
    assert (after(3), hits(after)) == (6, 1)
    assert capsys.readouterr().err == ""


def test_the_cache_of_another_numba_is_left_alone_or_replaced(fresh, monkeypatch, capsys):
    with monkeypatch.context() as other:
        other.setattr(numba, "__version__", "0.1")
        fresh()(3)
    double, after = fresh(), fresh()
    assert (double(3), hits(double)) == (6, 0)
    assert (after(3), hits(after)) == (6, 1)
    assert capsys.readouterr().err == ""


def test_of_two_processes_that_save_at_once_none_gets_the_others_code(fresh, monkeypatch):
    """Both have seen an empty index, so both call their file number 1; the last index and the first file stay."""
    of_integers, of_floats = fresh(), fresh()
    with monkeypatch.context() as at_once:
        at_once.setattr(IndexDataCacheFile, "_load_index", lambda self: {})
        assert of_integers(3) == 6
        (path,) = files(fresh.folder, ".nbc")
        content = path.read_bytes()
        assert of_floats(0.5) == 1.0
    path.write_bytes(content)
    third = fresh()
    assert (third(0.5), third(0.25)) == (1.0, 0.5)


@pytest.mark.parametrize("number, words", [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only file system")])
def test_a_full_disk_stops_no_compilation(fresh, monkeypatch, number, words, capsys):
    def full(self, path):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    double = fresh()
    assert (double(3), double(0.5)) == (6, 1.0)
    said = capsys.readouterr().err
    assert words in said and str(fresh.folder) in said
    assert said.count("minisnn: can't keep compiled kernels") == 1


def test_a_cache_folder_that_vanishes(fresh, capsys):
    """Between import and compilation: it is made again, or the kernel is not kept."""
    double = fresh()
    shutil.rmtree(fresh.folder)
    fresh.folder.write_text("a file in its place")
    assert double(3) == 6
    assert "can't keep compiled kernels" in capsys.readouterr().err


def test_without_any_folder_for_the_cache(fresh, monkeypatch, capsys):
    """As in a container where package and home are read-only."""
    for name in ("UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator"):
        kind = getattr(numba.core.caching, name, None) or getattr(numba.core.caching, f"_{name}")
        monkeypatch.setattr(kind, "from_function", classmethod(lambda cls, *args: None))
    double = fresh()
    assert capsys.readouterr().err == ""  # an import says nothing
    assert (double(3), double(0.5)) == (6, 1.0)
    said = capsys.readouterr().err
    assert said.startswith("minisnn: compiled kernels are not kept") and said.count("\n") == 1
    assert "NUMBA_CACHE_DIR" in said


def test_without_a_home_folder(fresh, monkeypatch, tmp_path, capsys):
    """As for a user that the system does not know: no folder called ~ is made in the current one."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    assert fresh()(3) == 6
    assert os.listdir(tmp_path) == ["doubling.py"]
    assert "there is no home folder" in capsys.readouterr().err


STATE = """
import sys, numpy as np, minisnn as ms
net = ms.Network([2, 4, 3, 2], ms.ASRC(3), dtype=sys.argv[1])
loss, grads = net.loss_and_grad(np.ones((3, 9, 2)), [0, 1, 0])
print(loss.hex(), grads.flat.tobytes().hex())
"""
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (999, -1))\n"


def start(dtype: str, path, code="", **environment) -> subprocess.Popen:
    """A process that prints loss and gradients of a network of this dtype, with the package that is in `path`."""
    env = {**os.environ, "NUMBA_DISABLE_JIT": "0", **environment}
    env = {name: value for name, value in env.items() if value is not None}
    command = [sys.executable, "-B", "-c", code + STATE, dtype]
    return subprocess.Popen(
        command, cwd=path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def ended(process: subprocess.Popen) -> tuple[str, list[str]]:
    """Its output, and what it said beyond what takes how long."""
    with process:
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return out, [line for line in err.splitlines() if not re.search("the first time takes|that took", line)]


@pytest.mark.slow
def test_kernels_without_a_cache_they_can_use(tmp_path):
    """Nowhere to write, a damaged cache, a full disk: the same bits, and a line. A plain file stops even root."""
    package, home, full = Path(ms.__file__).parent, tmp_path / "home", tmp_path / "full"
    shutil.copytree(package, tmp_path / "copy" / "minisnn", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / "copy" / "minisnn" / "core" / "__pycache__", home):
        path.touch()
    full.mkdir()
    nowhere = {"NUMBA_CACHE_DIR": None, "HOME": str(home), "XDG_CACHE_HOME": str(home), "IPYTHONDIR": str(home)}
    cached = {"path": package.parent, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    expected = ended(start("float64", **cached))
    assert expected == ended(start("float64", **cached)) and expected[1] == []

    for path in files(tmp_path / "cache", ".nb[ic]"):
        path.write_bytes(path.read_bytes()[:500])
    for process, words in (
        (start("float64", tmp_path / "copy", **nowhere), "no folder can be written to"),
        (start("float64", package.parent, SMALL_FILES, NUMBA_CACHE_DIR=str(full)), os.strerror(errno.EFBIG)),
        (start("float64", **cached), "damaged"),
    ):
        out, (line,) = ended(process)
        assert out == expected[0] and words in line
    assert ended(start("float64", **cached)) == expected


@pytest.mark.slow
def test_processes_that_fill_one_cache_at_once(tmp_path):
    """Of both dtypes; and what they have left is whole."""
    cached = {"path": Path(ms.__file__).parents[1], "NUMBA_CACHE_DIR": str(tmp_path)}
    kinds = ("float32", "float64", "float32")
    first = [ended(process) for process in [start(kind, **cached) for kind in kinds]]
    again = [ended(process) for process in [start(kind, **cached) for kind in kinds]]
    assert first == again and first[0] == first[2] != first[1]
    assert all(lines == [] for _, lines in first)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_that_is_not_utf_8(encoding, monkeypatch):
    """What has no code shows as ?."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit):
        cli.main(["compare", "--help"])
    out.flush()
    assert "span ? of SRC" in " ".join(out.buffer.getvalue().decode(encoding).split())


# Files


REFUSED = {"fsync": errno.EINVAL, "chmod": errno.EPERM}


@pytest.mark.parametrize("call", REFUSED)
def test_a_file_system_that_refuses_what_is_not_needed(call, monkeypatch, tmp_path):
    """Network drives and memory cards know no permissions, or can't be told to write now."""

    def refuse(*args):
        raise OSError(REFUSED[call], os.strerror(REFUSED[call]))

    monkeypatch.setattr(os, call, refuse)
    storage.write_text(tmp_path / "file.txt", "whole λ")
    assert (tmp_path / "file.txt").read_text(encoding="utf-8") == "whole λ"
    assert os.listdir(tmp_path) == ["file.txt"]


BROKEN = {"fsync": errno.EIO, "replace": errno.EXDEV, "mkstemp": errno.EROFS}


@pytest.mark.parametrize("call", BROKEN)
def test_a_file_system_that_refuses_what_is_needed(call, monkeypatch, tmp_path):
    """One message, the old file as it was, and nothing beside it."""
    (tmp_path / "file.txt").write_text("old", encoding="utf-8")

    def refuse(*args, **options):
        raise OSError(BROKEN[call], os.strerror(BROKEN[call]))

    with monkeypatch.context() as broken:
        broken.setattr(storage.tempfile if call == "mkstemp" else os, call, refuse)
        with pytest.raises(OSError, match=f"can't write .*file.txt: {os.strerror(BROKEN[call])}"):
            storage.write_text(tmp_path / "file.txt", "new")
    assert (tmp_path / "file.txt").read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_link_stays_a_link(tmp_path):
    """What it points to is replaced, on another disk perhaps."""
    (tmp_path / "scratch").mkdir()
    link, target = tmp_path / "file.txt", tmp_path / "scratch" / "target.txt"
    link.symlink_to(target)
    for text in ("new", "newer"):  # at first there is no target
        storage.write_text(link, text)
        assert link.is_symlink() and target.read_text() == text and not target.is_symlink()


def test_a_file_name_at_its_longest(tmp_path):
    path = tmp_path / ("n" * 255)
    storage.write_text(path, "whole")
    assert os.listdir(tmp_path) == [path.name]


def test_everything_in_the_package_is_read_and_written_as_utf_8():
    """No `open`, `read_text` or the like that leaves the encoding to the locale."""
    for path in Path(ms.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or "encoding" in {word.arg for word in node.keywords}:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            of_us = ast.unparse(node.func) == "storage.write_text"
            assert of_us or name not in ("read_text", "write_text"), f"{path}:{node.lineno}"
            binary = any(isinstance(word, ast.Constant) and "b" in str(word.value) for word in node.args[1:])
            assert ast.unparse(node.func) != "open" or binary, f"{path}:{node.lineno}"


# The state of the process


def learned(**options) -> tuple[float, list]:
    """A loss, and what two epochs of a little network end with."""
    data = ms.datasets.delayed_match(lag=4, n_train=24, n_test=8)
    net = ms.Network([1, 6, 2], recurrence=ms.ASRC(4), dtype="float64")
    net.params["layers.0.bias"] = 0.5  # not silent
    net.params["readout.w"] *= 1e3  # probabilities of one label underflow
    loss = net.loss_and_grad(data.train.x, data.train.y)[0]
    ms.fit(net, data, epochs=2, batch_size=8, optimizer=ms.AdamW(lr=1e-4), **{"progress": True, **options})
    return loss, net.params.flat.tolist()


def use(folder: Path):
    """Nearly everything, with a folder to write to: the numbers."""
    numbers = learned(checkpoint=folder / "checkpoint.npz")
    net = ms.Network([2, 4, 3], recurrence=ms.SRC(2))
    net.save(folder / "net.npz")
    assert ms.Network.load(folder / "net.npz").params.flat.tolist() == net.params.flat.tolist()
    assert ms.gradcheck(net, np.ones((2, 6, 2)), [0, 2]).ok
    train = "train --recipe match-src --hidden 4 --n-train 40 --lag 5 --epochs 1 --folder".split()
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # so few neurons may be silent
        assert cli.main([*train, str(folder / "run")]) == 0
    assert cli.main(["info"]) == 0
    return numbers


@pytest.fixture
def expected():
    return learned()


@pytest.mark.compiled
def test_numpys_error_state(expected, tmp_path):
    with np.errstate(all="raise"):
        assert use(tmp_path) == expected
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")


@pytest.mark.compiled
def test_no_streams(expected, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert use(tmp_path) == expected


@pytest.mark.compiled
def test_closed_streams(expected, tmp_path, monkeypatch):
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert use(tmp_path) == expected
    with announce.announce("waiting", after=-1):
        pass


def test_what_is_said_meanwhile_has_a_line_of_its_own(capsys):
    with announce.announce("waiting", after=0.0):
        deadline = time.monotonic() + 30
        while not announce._open.line and time.monotonic() < deadline:
            time.sleep(0.001)
        announce.say("minisnn: something else")
        announce.say("minisnn: and more")
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines == ["minisnn: waiting ...", "minisnn: something else", "minisnn: and more"]
    assert re.fullmatch(r"minisnn: that took \d+ s", last)


@pytest.mark.compiled
def test_a_terminal_that_is_gone(expected, tmp_path, monkeypatch):
    """As after a lost connection: every write is an error."""

    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Gone())
    assert use(tmp_path) == expected


@pytest.mark.compiled
def test_a_narrow_umask(tmp_path, monkeypatch):
    """What is written is readable for whom the umask says."""
    monkeypatch.setattr(storage, "UMASK", 0o077)
    use(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.npz")} == {0o600}


@pytest.mark.compiled
def test_a_folder_that_was_deleted(expected, tmp_path, monkeypatch, capsys):
    """The current one: absolute paths work, relative ones end in one line."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert use(tmp_path) == expected
    capsys.readouterr()
    with pytest.raises(OSError, match="can't write"):
        ms.Network([1, 2, 2]).save("net.npz")
    assert cli.main(["train", "--recipe", "match-src", "--epochs", "1", "--n-train", "40"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minisnn: can't write into the folder")


def test_compiling_in_a_folder_that_was_deleted(tmp_path, monkeypatch):
    """Numba can't: it asks where it is."""

    def compile_there(*args):
        os.getcwd()

    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for name in ("gradients", "record"):
        monkeypatch.setattr(batch, name, compile_there)
    for prepare in (compilation.prepare, compilation.prepare_halves):
        with pytest.raises(FileNotFoundError, match="a folder that was deleted; go to another one"):
            prepare.__wrapped__("float32")


@pytest.mark.compiled
def test_relative_folders_stay_where_they_were(tmp_path, monkeypatch):
    """After a callback has changed the current folder."""
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def move(net, history):
        os.chdir(tmp_path / "elsewhere")

    learned(checkpoint="run/checkpoint.npz", callback=move)
    assert [path.name for path in tmp_path.rglob("*.npz")] == ["checkpoint.npz"]
    assert (tmp_path / "here" / "run" / "checkpoint.npz").exists()
    os.chdir(tmp_path / "here")
    assert storage.make_folder("run") == tmp_path / "here" / "run"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert storage.make_folder("~/run") == tmp_path / "home" / "run"


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.compiled
@pytest.mark.parametrize("value, bars", [("1", False), ("0", True), ("", True)])
def test_bars_can_be_turned_off_from_outside(value, bars, monkeypatch):
    """TQDM_DISABLE, which is tqdm's own: lines instead, as in a log."""
    monkeypatch.setenv("TQDM_DISABLE", value)
    monkeypatch.setattr(sys, "stderr", Terminal())
    learned()
    assert ("%|" in sys.stderr.getvalue(), "minisnn: epoch 2 of 2" in sys.stderr.getvalue()) == (bars, not bars)


def test_the_oldest_versions_are_those_that_the_project_allows():
    """What `.ci/run` installs is what pyproject.toml says, to the digits that it gives."""
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    lines = (root / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("#")[0].strip().split("==") for line in lines if not line.startswith("#"))
    for name, version in (requirement.split(">=") for requirement in needed):
        assert f"{pins[name]}.".startswith(f"{version}."), name
