"""What belongs to the tutorials alone.

exercises/       the exercises with their checks and hints: `check("02.1", answer)`
guessing.py      guess first: `guess("04.a", 1e-4)`, and beside it later `answer("04.a", value)`
sliders.py       figures with sliders, and without where there are none
example.py       the running example: 3 neurons, 6 steps, exact numbers
words.py         spoken digits for tutorial 10: recordings, made-up words, one's own
spectra.py       their log-mel spectra, in plain NumPy
backward.py      the student's backward pass as it stands after tutorials 02, 05, 06 and 11
notebooks.py     executes and copies the notebooks
normal.py        the form in which they are written back
links.py         the repository's address, links that open a notebook online, the cell that installs minisnn there

May import everything; nothing but the command line imports it.
"""

from minisnn.course.guessing import answer, guess

__all__ = ["answer", "guess"]
