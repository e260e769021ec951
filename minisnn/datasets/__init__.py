"""Data sets: sequences (B, T, n_in) with labels (B,), split into train, validation and test."""

from minisnn.datasets._arrays import from_arrays
from minisnn.datasets._dataset import Dataset, Split
from minisnn.datasets._delayed_match import delayed_match
from minisnn.datasets._digits import digits
from minisnn.datasets._mnist import mnist

__all__ = ["Dataset", "Split", "delayed_match", "digits", "from_arrays", "mnist"]
