"""Helpers that every other part uses, and that few readers need.

validate.py   checks of what users pass, and the error messages
storage.py    files that are written whole or not at all; npz with a JSON header
rng.py        random generators named by seed and purpose
threads.py    tasks shared out among threads
flat.py       arrays one after the other in a flat one
announce.py   a message to whoever waits, if it takes long
version.py    the version

The ground floor: it imports nothing of minisnn, and everything may import it.
"""
