"""Figures. Each function takes `ax` (None: a new figure), draws on it alone, returns it, and leaves its input as it is.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart, and `cividis`. matplotlib is imported
when a figure is first drawn.
"""

from minisnn.plots._base import COLOURS, colours, compact, save
from minisnn.plots.costs import bench, cost, speed
from minisnn.plots.equations import signed_grid, unrolled
from minisnn.plots.gradients import gradient_flow, hop_shares, hop_sizes, losses_along, step_sizes, step_sweep
from minisnn.plots.neurons import curves, firing_rates, potential_density, potentials, spikes
from minisnn.plots.overview import overview, skip
from minisnn.plots.statistics import coverage, intervals, scatter
from minisnn.plots.training import accuracy_map, learning_curves, over_spans, span_weights, sweep

__all__ = [
    "COLOURS",
    "accuracy_map",
    "bench",
    "colours",
    "compact",
    "cost",
    "coverage",
    "curves",
    "firing_rates",
    "gradient_flow",
    "hop_shares",
    "hop_sizes",
    "intervals",
    "learning_curves",
    "losses_along",
    "over_spans",
    "overview",
    "potential_density",
    "potentials",
    "save",
    "scatter",
    "signed_grid",
    "skip",
    "span_weights",
    "speed",
    "spikes",
    "step_sizes",
    "step_sweep",
    "sweep",
    "unrolled",
]
