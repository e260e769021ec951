"""Figures. Each function takes `ax` (None: a new figure), draws on it alone, returns it, and leaves its input as it is.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart, and `cividis`. matplotlib is imported
when a figure is first drawn.
"""

from minisnn.plots import speech
from minisnn.plots._base import COLOURS, colours, compact, save
from minisnn.plots.costs import bench, cost, speed
from minisnn.plots.cures import double_sum, gradient_by_lag, seeds_by_row
from minisnn.plots.equations import signed_grid
from minisnn.plots.gradients import gradient_flow, hop_shares, hop_sizes, losses_along, step_sizes, step_sweep
from minisnn.plots.graphs import unrolled
from minisnn.plots.neuron import firing_rates, potentials, seeds_over, tangent
from minisnn.plots.neurons import curves, potential_density, spikes
from minisnn.plots.overview import overview, skip
from minisnn.plots.paths import animate, path
from minisnn.plots.points import named_points
from minisnn.plots.spans import soft_and_hard, span_maps
from minisnn.plots.statistics import coverage, intervals
from minisnn.plots.training import accuracy_map, learning_curves, over_spans, span_weights, sweep

__all__ = [
    "COLOURS",
    "accuracy_map",
    "animate",
    "bench",
    "colours",
    "compact",
    "cost",
    "coverage",
    "curves",
    "double_sum",
    "firing_rates",
    "gradient_by_lag",
    "gradient_flow",
    "hop_shares",
    "hop_sizes",
    "intervals",
    "learning_curves",
    "losses_along",
    "named_points",
    "over_spans",
    "overview",
    "path",
    "potential_density",
    "potentials",
    "save",
    "seeds_by_row",
    "seeds_over",
    "signed_grid",
    "skip",
    "soft_and_hard",
    "span_maps",
    "span_weights",
    "speech",
    "speed",
    "spikes",
    "step_sizes",
    "step_sweep",
    "sweep",
    "tangent",
    "unrolled",
]
