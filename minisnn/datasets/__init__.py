"""Data sets: sequences (B, T, n_in) with labels (B,), split into train, validation and test."""

from minisnn.datasets._arrays import from_arrays
from minisnn.datasets._dataset import Dataset, Split
from minisnn.datasets._delayed_match import delayed_match
from minisnn.datasets._digits import digits
from minisnn.datasets._events import array_to_events, events_to_array
from minisnn.datasets._heidelberg import heidelberg
from minisnn.datasets._mnist import mnist
from minisnn.datasets._own_file import from_file
from minisnn.datasets._padding import pad
from minisnn.datasets._speech_commands import speech_commands
from minisnn.datasets._spoken_digits import spoken_digits

__all__ = [
    "Dataset",
    "Split",
    "array_to_events",
    "delayed_match",
    "digits",
    "events_to_array",
    "from_arrays",
    "from_file",
    "heidelberg",
    "mnist",
    "pad",
    "speech_commands",
    "spoken_digits",
]
