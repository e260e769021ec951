"""Recurrent spiking networks with skip recurrence, by hand: dynamics, surrogate gradients, backpropagation.

    Network, LIF, PLIF, ALIF                             a network and its neurons
    Recurrent, SRC, ASRC, Feedforward, Mixture           from which earlier steps a layer hears itself
    Triangle, Rectangle, ..., Custom                     surrogate derivatives
    fit, train_step, AdamW, Adam, SGD, History           training
    datasets                                             digits, speech, events, delayed match, your own arrays
    gradcheck, checks                                    are the gradients right?
    gradient_flow, jacobian, hops, robustness            analysis
    plots, sweep, exercises                              figures, many runs, the course

Each name has a page: `help(minisnn.Network)`. Examples there assume `import numpy as np` and `import minisnn as ms`.
The code is meant to be read; begin with `minisnn/core/reference.py`.
"""

import importlib
from typing import TYPE_CHECKING

from minisnn import datasets
from minisnn._internal.rng import stream
from minisnn._internal.version import __version__
from minisnn.analysis.gradients import gradient_flow, hops, jacobian, summed_gradient_flow
from minisnn.analysis.robustness import robustness
from minisnn.checks import gradcheck
from minisnn.compilation import warmup
from minisnn.core.neuron import ALIF, LIF, PLIF
from minisnn.core.parameters import Params
from minisnn.core.recurrence import ASRC, SRC, Feedforward, Mixture, Recurrent
from minisnn.core.surrogate import ATan, Custom, Exponential, FastSigmoid, Gaussian, Rectangle, Sigmoid, Triangle
from minisnn.network import Network
from minisnn.training.fit import Batch, fit, train_step
from minisnn.training.history import History
from minisnn.training.optim import SGD, Adam, AdamW, constant, cosine, one_cycle

__all__ = [
    "ALIF",
    "ASRC",
    "LIF",
    "PLIF",
    "SGD",
    "SRC",
    "ATan",
    "Adam",
    "AdamW",
    "Batch",
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
    "__version__",
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
    "plots",
    "robustness",
    "stream",
    "summed_gradient_flow",
    "sweep",
    "train_step",
    "warmup",
]

_LATER = {
    "exercises": "minisnn.course.exercises",
    "plots": "minisnn.plots",
    "sweep": "minisnn.experiments.sweep",
}
"""Public names whose modules are loaded when they are first used."""

if TYPE_CHECKING:  # so that editors and type checkers know these, and that there are no others
    from minisnn import plots
    from minisnn.course import exercises
    from minisnn.experiments.sweep import sweep
else:

    def __getattr__(name: str):
        if name not in _LATER:
            raise AttributeError(f"module 'minisnn' has no attribute {name!r}")
        module = importlib.import_module(_LATER[name])
        return getattr(module, name) if hasattr(module, name) else module


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
