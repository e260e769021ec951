"""Arrays one after the other in a flat one."""

import numpy as np


class Flat:
    """Arrays one after the other, each at a multiple of 64 bytes, where vector loads don't straddle cache lines."""

    def __init__(self):
        self.size, self.parts = 0, []

    def add(self, a) -> int:
        """Append an array and return where it starts."""
        self.parts.append((self.size, a))
        self.size += -(-a.size // 16) * 16
        return self.parts[-1][0]

    def array(self, dtype) -> np.ndarray:
        """Return the flat array."""
        n_bytes = self.size * np.dtype(dtype).itemsize
        room = np.zeros(n_bytes + 64, np.uint8)
        flat = room[-room.ctypes.data % 64 :][:n_bytes].view(dtype)
        for start, a in self.parts:
            flat[start : start + a.size] = a.ravel()
        return flat
