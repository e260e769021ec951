"""Files of data sets: where they lie, and how those that are missing are downloaded once and checked."""

import hashlib
import importlib
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

from minisnn._internal import storage


def data_folder(folder, extra: str, by_hand: str) -> Path:
    """Return the folder of the files: `folder`, else MINISNN_DATA, else the user's cache, which pooch names.

    `by_hand` says what can be put there by hand.
    """
    if folder is None:
        folder = os.environ.get("MINISNN_DATA") or None
    if folder is None:
        where = "a folder named by folder= or by the environment variable MINISNN_DATA"
        folder = import_pooch(extra, f"By hand: put {by_hand} into {where}").os_cache("minisnn")
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path, got {folder!r}")
    return storage.expanded(folder)


def import_extra(library: str, extra: str, purpose: str, otherwise: str = ""):
    """Import a library that a plain install lacks; an ImportError says how to get it, and what to do otherwise."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        message = f'{purpose} with {library}: pip install "minisnn[{extra}]"'
        raise ImportError(f"{message}. {otherwise}" if otherwise else message) from error


def import_pooch(extra: str, by_hand: str):
    """Import pooch, which downloads."""
    return import_extra("pooch", extra, "data is downloaded", by_hand)


def gzipped_or_not(names: Sequence[str]) -> str:
    """Name files as they can be put into a folder by hand."""
    return f"{', '.join(names)}, gzipped (.gz) or unpacked,"


def fetch(
    urls: Sequence[str], path: Path, check: Callable[[Path], object], extra: str, by_hand: str | None = None
) -> None:
    """Download a file from the first URL whose answer passes `check`, which raises ValueError else.

    The file appears whole or not at all, so runs that download at the same time don't disturb each other. `by_hand`
    says what to do instead; by default, to put this file there.

    Raises
    ------
    ImportError
        If pooch is missing.
    OSError
        If no URL provides the file, with the reason for each; or if the folder can't be written to.
    """
    by_hand = by_hand or f"By hand: put {path.name} into {path.parent}"
    pooch = import_pooch(extra, by_hand)
    storage.make_folder(path.parent)
    failures = []
    with tempfile.TemporaryDirectory(prefix=".download.", dir=path.parent) as beside:
        part = Path(beside) / path.name
        for url in urls:
            try:
                with open(part, "wb") as file:
                    pooch.HTTPDownloader(progressbar=True)(url, file, None)
                check(part)
                os.replace(part, path)
                return
            except (OSError, ValueError) as error:  # those of requests are OSErrors
                failures.append(f"  {url}: {str(error).removeprefix(f'{part} ')}")
    raise OSError("\n".join([f"can't download {path.name}, tried:", *failures, by_hand]))


def fetch_text(urls: Sequence[str], extra: str, by_hand: str) -> str:
    """Download a short text from the first URL that answers; OSError, with the reason for each, if none does."""
    pooch, failures = import_pooch(extra, by_hand), []
    for url in urls:
        received = io.BytesIO()
        try:
            pooch.HTTPDownloader()(url, received, None)
            return received.getvalue().decode()
        except (OSError, ValueError) as error:
            failures.append(f"  {url}: {error}")
    raise OSError("\n".join(["can't download the checksums, tried:", *failures, by_hand]))


def check_digest(path: Path, algorithm: str, expected: str) -> None:
    """Check the checksum of a file, e.g. by "sha256"; ValueError if it is another one."""
    with open(path, "rb") as file:
        got = hashlib.file_digest(file, algorithm).hexdigest()
    if got != expected:
        n_bytes = path.stat().st_size
        slip = "is it truncated, or another version?"
        raise ValueError(f"{path} ({n_bytes:,} bytes) has the {algorithm} {got}, expected {expected}; {slip}")


@contextmanager
def advising():
    """Add to a ValueError about a file what to do."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{error}. If it is taken away, the right one is downloaded") from error
