"""What a network looks like: as a line, or as a table of its layers, in text or in HTML."""

import textwrap
from collections.abc import Sequence

from minisnn._internal.display import counted, html_table, joined, settings, text_table

HEAD = ("layer", "neurons", "recurrence", "neuron", "parameters", "number")


def as_line(net) -> str:
    """Write how the network was made, in a line, or two if layers differ; what all layers have is said once."""
    parts = [f"[{joined([str(n) for n in net.sizes], 8)}]"]
    parts += [f"{name}={_of_layers(getattr(net, name))}" for name in ("recurrence", "neuron")]
    parts += [f"surrogate={settings(net.surrogate)}"]
    parts += [] if net.readout_window is None else [f"readout_window={net.readout_window}"]
    text = f"Network({', '.join(parts)}, seed={net.seed}, dtype={net.dtype!r})"
    return textwrap.fill(text, 120, subsequent_indent=" " * len("Network("), break_long_words=False)


def as_text(net) -> str:
    """Write the table of layers as text."""
    return text_table(HEAD, _rows(net))


def as_html(net) -> str:
    """Write the table of layers as HTML."""
    return html_table(HEAD, _rows(net))


def _rows(net) -> list[tuple[str, ...]]:
    """Return the rows of the table: input, hidden layers, readout, what layers share, total."""
    rows = [("input", str(net.sizes[0]), "", "", "", "")]
    for i, (n, recurrence, neuron) in enumerate(zip(net.sizes[1:], net.recurrence, net.neuron)):
        rows.append((str(i), str(n), settings(recurrence), settings(neuron), *_parameters(net, f"layers.{i}.")))
    rows.append(("readout", str(net.sizes[-1]), "", "", *_parameters(net, "readout.")))
    if "span_logits" in net.params:
        rows.append(("shared", "", "", "", *_parameters(net, "span_logits")))
    neurons = f"{sum(net.sizes[1:-1]):,}"
    return [*rows, ("total", neurons, "", "", counted(len(net.params.blocks), "array"), f"{net.params.flat.size:,}")]


def _parameters(net, prefix: str) -> tuple[str, str]:
    """Return names and shapes of the parameters with this prefix, and how many numbers they are."""
    arrays = {name: array for name, array in net.params.items() if name.startswith(prefix)}
    shapes = [f"{name.rpartition('.')[2]} {array.shape}" for name, array in arrays.items()]
    return ", ".join(shapes), f"{sum(array.size for array in arrays.values()):,}"


def _of_layers(things: Sequence) -> str:
    """Write one thing per layer; once if they are alike."""
    words = [settings(thing) for thing in things]
    return words[0] if len(set(words)) == 1 else f"[{joined(words)}]"
