"""Helpers that every other part uses, and that few readers need.

validate.py   checks of what users pass, and the error messages
storage.py    files that are written whole or not at all; npz with a JSON header
rng.py        random generators named by seed and purpose
threads.py    tasks shared out among threads
flat.py       arrays one after the other in a flat one
names.py      what things are called elsewhere, for "did you mean"
classes.py    labels of any kind as numbers, with their names
types.py      short names of the types in signatures
display.py    how things look: one line each, tables as text and as HTML
announce.py   a message to whoever waits, if it takes long
locks.py      folders that belong to one process at a time
stopping.py   signals that end a command in order
cache.py      compiled kernels on disk
version.py    the version

The ground floor: it imports nothing of minisnn, and everything may import it.
"""
