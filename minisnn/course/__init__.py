"""What belongs to the tutorials alone.

exercises/       the exercises with their checks and hints: `check("02.1", answer)`
example.py       the running example: 3 neurons, 6 steps, exact numbers
backward.py      the student's backward pass as it stands after tutorials 02, 05 and 06
notebooks.py     executes and copies the notebooks

May import everything; nothing but the command line imports it.
"""
