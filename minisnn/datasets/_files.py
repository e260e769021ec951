"""Archives read without unpacking them, and folders of arrays that are made once."""

import gzip
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from minisnn._internal import storage

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Callable[[], bytes]]]:
    """Open a folder, zip or tar archive: yield functions that read its files, by their names, in its order.

    Within the block, damage to the archive becomes a ValueError that names it.
    """
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            yield {file.relative_to(path).as_posix(): file.read_bytes for file in files}
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                yield {name: partial(archive.read, name) for name in names}
        else:
            with tarfile.open(path) as archive:
                members = [member for member in archive if member.isfile()]
                yield {member.name: partial(_extract, archive, member) for member in members}
    except DAMAGE as error:
        raise ValueError(f"{path} is a truncated or damaged archive ({error})") from error


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Read a file of a tar archive."""
    content = archive.extractfile(member).read()
    if len(content) != member.size:
        raise EOFError(f"{member.name} has {len(content)} of {member.size} bytes")
    return content


def made_once(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `folder/name`, which `make` fills if it is missing; it appears whole or not at all.

    Of runs that make it at the same time, the first provides it for all.

    Raises
    ------
    OSError
        If `folder` can't be written to, or the disk is full.
    """
    path = folder / name
    if path.is_dir():
        return path
    storage.make_folder(folder)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder) as beside:
        made = Path(beside) / name
        made.mkdir()
        make(made)
        try:
            os.rename(made, path)
        except OSError:
            if not path.is_dir():
                raise
    return path


@contextmanager
def new_array(path: Path, shape: tuple[int, ...], dtype: str) -> Iterator[Callable]:
    """Write an npy file piece by piece: yield `write(start, rows)`, which puts rows at their place, in any order.

    Unlike a write to a memory map, one to a full disk is an OSError.
    """
    dtype = np.dtype(dtype)
    with open(path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        first, size = file.tell(), dtype.itemsize * int(np.prod(shape[1:]))

        def write(start: int, rows: np.ndarray) -> None:
            file.seek(first + start * size)
            file.write(np.ascontiguousarray(rows, dtype))

        yield write
