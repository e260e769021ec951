"""The algorithm, in the order in which it is read.

reference.py     the definition: equations (1) to (14) in plain NumPy, one sequence at a time
neuron.py surrogate.py recurrence.py readout.py    the pieces, from parameters to numbers and back
kernels.py       the same as Numba loops
parameters.py    one flat vector with named views; conversion to layers and back
batch.py         the sequences of a batch
tape.py          what a run leaves behind
eprop.py         e-prop, a gradient computed forward in time

Imports `_internal` alone.
"""
