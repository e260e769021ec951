"""A network as a file: its configuration as JSON, from which it is rebuilt, and its parameters by name."""

import numpy as np

from minisnn._internal import classes, storage
from minisnn.core import neuron as neurons
from minisnn.core import recurrence as recurrences
from minisnn.core import surrogate as surrogates
from minisnn.core.parameters import Params

SETTINGS = ("sizes", "recurrence", "neuron", "surrogate", "readout_window", "seed", "dtype")


def to_config(net) -> dict:
    """Return everything of a network except its parameters, as plain JSON; of a Custom surrogate only the name."""
    config = {name: storage.to_json(getattr(net, name)) for name in (*SETTINGS, "temperature")}
    config["classes"] = None if classes.are_numbers(net.classes) else net.classes.tolist()
    if isinstance(net.surrogate, surrogates.Custom):
        config["surrogate"] = {"kind": "Custom", "name": net.surrogate.name}
    return config


def from_config(config: dict, surrogate=None) -> tuple[dict, dict]:
    """Invert `to_config`: return arguments for `Network`, and the attributes that it gets afterwards.

    KeyError if something is missing, ValueError if it is unknown, or if a Custom surrogate is needed and not passed.
    """
    arguments = {name: config[name] for name in SETTINGS}
    saved = arguments["surrogate"]
    if saved["kind"] == "Custom":
        if not isinstance(surrogate, surrogates.Custom) or surrogate.name != saved["name"]:
            raise ValueError(f"this network needs its own surrogate: pass surrogate=Custom({saved['name']!r}, ...)")
        arguments["surrogate"] = surrogate
    elif surrogate is not None:
        raise ValueError(f"this network has the built-in surrogate {saved['kind']}; surrogate= is for a Custom one")
    else:
        arguments["surrogate"] = storage.from_json(saved, surrogates.BUILT_IN, "surrogate")
    for name, kinds in (("recurrence", recurrences.KINDS), ("neuron", neurons.KINDS)):
        arguments[name] = [storage.from_json(each, kinds, name) for each in arguments[name]]
    return arguments, {"temperature": config["temperature"], "classes": config.get("classes")}


def fill(params: Params, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays by name into parameters; KeyError if one is missing, ValueError if its shape is wrong."""
    for name, block in params.items():
        if arrays[name].shape != block.shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, its network expects {block.shape}")
        block[...] = arrays[name]
