"""Numba's disk cache of compiled kernels, which may help a run but never stops or corrupts it.

By itself Numba raises where it finds no folder to write to, a damaged file or a full disk; and of two processes that
save different kernels at once, one can come to hold the other's. Here such kernels are compiled anew, with a line that
says so. What is loaded has the checksum, the types and the processor with which it was saved.
"""

import os
import pickle
from contextlib import suppress
from functools import cache
from hashlib import sha256

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from minisnn._internal.announce import say


def cached_jit(**options):
    """Return a decorator that does what `numba.njit(**options, cache=True)` does wherever that works."""

    def decorate(function):
        kernel = numba.njit(**options)(function)
        if not numba.config.DISABLE_JIT:
            kernel._cache = _cache_of(function)
        return kernel

    return decorate


def _cache_of(function):
    """Return the cache of a function, or one that keeps nothing."""
    if not (numba.config.CACHE_DIR or "XDG_CACHE_HOME" in os.environ or os.path.isabs(os.path.expanduser("~"))):
        return NoCache("there is no home folder")  # Numba would make a folder that is called ~, wherever it is
    try:
        return KernelCache(function)
    except Exception as error:  # RuntimeError if there is no folder; anything in a Numba that is built otherwise
        return NoCache("no folder can be written to" if isinstance(error, RuntimeError) else repr(error))


class KernelCache(FunctionCache):
    """Numba's cache; where it fails to load or save, there is a line on standard error and no exception."""

    def __init__(self, function):
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = Sealed(self.cache_path, self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, sig, target_context):
        """Load a compiled kernel; None if there is none, or it can't be read."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever a damaged file makes pickle raise
            reason = getattr(error, "strerror", None) or "it is damaged"
            _say_once(f"minisnn: can't read the kernel cache in {self.cache_path} ({reason}); compiling anew")
            with suppress(OSError):
                self.flush()  # else a damaged index would stop saving as well

    def save_overload(self, sig, data):
        """Save a compiled kernel, if it can be saved."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            reason = getattr(error, "strerror", None) or repr(error)
            _say_once(f"minisnn: can't keep compiled kernels in {self.cache_path} ({reason}); others compile anew")


class Sealed(IndexDataCacheFile):
    """Files of the cache with a checksum, and with what they are for."""

    def save(self, key, data):
        """Save what was compiled for this key: types, processor, code."""
        content = self._dump((key, data))
        super().save(key, (sha256(content).digest(), content))

    def load(self, key):
        """Load it again; None if the file holds nothing for this key, ValueError if it is damaged."""
        sealed = super().load(key)
        if sealed is None:
            return None
        digest, content = sealed
        if sha256(content).digest() != digest:
            raise ValueError("wrong checksum")
        saved_key, data = pickle.loads(content)
        return data if saved_key == key else None


class NoCache(NullCache):
    """Keeps nothing, and says why when the first kernel is compiled."""

    def __init__(self, reason: str):
        self._reason = reason

    def load_overload(self, sig, target_context):
        """Load nothing."""
        _say_once(
            f"minisnn: compiled kernels are not kept, as {self._reason}; each process compiles them anew, "
            "in up to a minute. NUMBA_CACHE_DIR names another folder"
        )


@cache
def _say_once(message: str) -> None:
    say(message)
