"""Files: written under another name and then renamed, so none is ever half written; npz with a JSON header."""

import csv
import errno
import io
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

FORMAT_VERSION = 1
HEADER = "header.json"


def _umask() -> int:
    """Read the umask of this process; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


UMASK = _umask()  # read once: between the two calls, files of other threads would have no mask
NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EACCES)  # of file systems that have no fsync


def expanded(path) -> Path:
    """Return a path with the home folder in place of a leading `~`; unchanged if there is none."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def make_folder(folder) -> Path:
    """Create `folder` and its parents, check that files can be written there, and return its absolute path.

    A leading `~` is the home folder, also where no shell has read it.

    Raises
    ------
    OSError
        With the folder's name, if it can't be created or written to.
    """
    folder = expanded(folder)
    try:
        folder = folder.absolute()  # also after somebody has changed the current folder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"can't write into the folder {folder}: {error.strerror or error}") from error
    return folder


def write_file(path, write: Callable) -> Path:
    """Write a file whole or not at all: `write(file)` fills a binary file beside `path`, which is then renamed.

    Raises
    ------
    OSError
        If the folder is missing or can't be written to, or the disk is full; an old file at `path` is left as it was.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() else path  # the link stays
    if path.is_dir():
        raise OSError(f"can't write {path}: it is a folder, expected the name of a file")
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)  # names have a longest length
    except OSError as error:
        raise OSError(f"can't write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            _sync(file)
        with suppress(OSError):  # some file systems know no permissions
            os.chmod(beside, 0o666 & ~UMASK)
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            raise OSError(f"can't write {path}: {error.strerror or error}") from error
        raise
    return path


def _sync(file) -> None:
    """Have the system write a file to its disk, where it can; a full or broken disk is an OSError."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def write_bytes(path, content: bytes) -> Path:
    """`write_file` for content that is there already."""
    return write_file(path, lambda file: file.write(content))


def write_text(path, text: str) -> Path:
    """`write_file` for text, as UTF-8."""
    return write_bytes(path, text.encode())


def as_csv(rows: list[dict], columns: list[str] | None = None) -> str:
    """Format rows as the text of a CSV file; by default with every column that a row has, in order of appearance."""
    text = io.StringIO()
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def save_npz(path, kind: str, header: dict, arrays: dict[str, np.ndarray]) -> Path:
    """Write `arrays` and a JSON `header` to an npz file of this kind, "network" or "checkpoint"."""
    header = {"format": f"minisnn {kind}", "format_version": FORMAT_VERSION, **header}
    packed = {HEADER: np.array(json.dumps(header)), **arrays}
    return write_file(path, lambda file: np.savez(file, **packed))


def load_npz(path, kind: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Read what `save_npz` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is truncated or corrupt, not from minisnn, of another kind, or of a newer format version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with open(path, "rb") as opened:
            file = np.load(opened, allow_pickle=False)
            arrays = None if isinstance(file, np.ndarray) else {name: file[name] for name in file.files}
    except Exception as error:  # whatever a damaged or foreign file makes zip, zlib and NumPy raise
        raise ValueError(f"{path} is not a whole npz file; is it truncated, or something else?") from error
    if arrays is None:
        raise ValueError(f"{path} holds a single array, expected an npz file of a minisnn {kind}")
    try:
        header = json.loads(str(arrays.pop(HEADER)))
        form, version = header.pop("format"), header.pop("format_version")
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} was not written by minisnn: it has no readable {HEADER}") from error
    if form != f"minisnn {kind}":
        raise ValueError(f"{path} holds a {form!r}, expected a 'minisnn {kind}'")
    if version != FORMAT_VERSION:
        raise ValueError(f"{path} has format version {version}, this minisnn reads {FORMAT_VERSION}; upgrade minisnn?")
    return header, arrays


def to_json(thing):
    """Convert a frozen dataclass, or a list of them, to plain JSON: its class name and its fields."""
    if isinstance(thing, list | tuple):
        return [to_json(item) for item in thing]
    if is_dataclass(thing):
        return {"kind": type(thing).__name__, **{f.name: to_json(getattr(thing, f.name)) for f in fields(thing)}}
    return thing


def from_json(thing: dict, kinds, what: str):
    """Invert `to_json` for one dataclass out of `kinds`; ValueError if it is none of them or doesn't fit."""
    by_name = {kind.__name__: kind for kind in kinds}
    try:
        arguments = dict(thing)
        kind = by_name[arguments.pop("kind")]
        return kind(**arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"unknown {what} {thing!r}, expected one of {', '.join(by_name)} with its fields") from error
