"""Recurrent spiking networks with skip recurrence, by hand. Start reading at `minisnn/reference.py`."""

__version__ = "0.1.0"

from minisnn import datasets, exercises
from minisnn.analysis import gradient_flow, hops, jacobian, summed_gradient_flow
from minisnn.checks import gradcheck
from minisnn.disturbances import robustness
from minisnn.engine import warmup
from minisnn.history import History
from minisnn.network import Network
from minisnn.neuron import LIF, PLIF
from minisnn.optim import SGD, Adam, AdamW, constant, cosine, one_cycle
from minisnn.params import Params, stream
from minisnn.recurrence import ASRC, SRC, Feedforward, Mixture, Recurrent
from minisnn.surrogate import ATan, Custom, Exponential, FastSigmoid, Gaussian, Rectangle, Sigmoid, Triangle
from minisnn.sweeps import sweep
from minisnn.training import fit

__all__ = [
    "ASRC",
    "LIF",
    "PLIF",
    "SGD",
    "SRC",
    "ATan",
    "Adam",
    "AdamW",
    "Custom",
    "Exponential",
    "FastSigmoid",
    "Feedforward",
    "Gaussian",
    "History",
    "Mixture",
    "Network",
    "Params",
    "Rectangle",
    "Recurrent",
    "Sigmoid",
    "Triangle",
    "constant",
    "cosine",
    "datasets",
    "exercises",
    "fit",
    "gradcheck",
    "gradient_flow",
    "hops",
    "jacobian",
    "one_cycle",
    "robustness",
    "stream",
    "summed_gradient_flow",
    "sweep",
    "warmup",
]
