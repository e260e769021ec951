"""What every room of the house uses, and nothing that a reader comes for.

validate.py   checks of what users hand in, and the words of the exceptions
storage.py    files that are written whole or not at all; npz with a JSON header
rng.py        random generators named by seed and purpose
threads.py    tasks shared out among threads
flat.py       arrays one behind the other in a flat one
announce.py   a word to whoever waits, if it takes long
version.py    the version

The ground floor: it imports nothing of minisnn, and everything may import it.
"""
