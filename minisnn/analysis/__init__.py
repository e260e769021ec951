"""Analyses of a network, trained or not.

gradients.py     how far back in time the gradient reaches, and along which paths
robustness.py    how accuracy falls as input, spikes or parameters are disturbed

Imports `network.py`, `datasets/` and what lies below them.
"""
