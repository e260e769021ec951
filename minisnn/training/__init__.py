"""Training: from a network and data to a trained network and its history.

fit.py           `fit`, the loop over epochs and batches
settings.py      arguments and data, checked before training starts
batches.py       the batches of an epoch, and their dropout masks
optim.py         AdamW, Adam, SGD; schedules of the learning rate
history.py       what a run records, epoch by epoch
checkpoint.py    what a run needs to continue after an interruption

Imports `network.py`, `datasets/` and what lies below them.
"""
