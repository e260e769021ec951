"""Training: from a network and data to a trained network and its history.

fit.py           `fit`, the loop over epochs and batches
optim.py         AdamW, Adam, SGD; schedules of the learning rate
history.py       what a run records, epoch by epoch
checkpoint.py    what a run needs to continue after an interruption

Imports `network.py`, `datasets/` and what lies below them.
"""
