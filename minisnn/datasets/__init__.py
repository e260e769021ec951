"""Data sets: sequences (B, T, n_in) with labels (B,), split into train, validation and test."""

from minisnn.datasets._dataset import Dataset, Split
from minisnn.datasets._digits import digits

__all__ = ["Dataset", "Split", "digits"]
