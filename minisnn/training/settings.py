"""What decides the outcome of a run: arguments and data, checked before training starts, as plain JSON."""

import json
from collections.abc import Mapping

import numpy as np

from minisnn._internal import storage, validate
from minisnn.core.parameters import Params
from minisnn.core.surrogate import Custom
from minisnn.datasets import Dataset, Split
from minisnn.datasets._dataset import fingerprint
from minisnn.network import Network
from minisnn.training import optim


def checked(net, data, optimizer, schedule, callback, options: dict) -> dict:
    """Check network, data and options against each other; return what a checkpoint must agree on, but for the data."""
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {net!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of (net, history), got {callback!r}")
    if not isinstance(data, Dataset):
        slip = "minisnn.datasets.from_arrays(x, y) makes one of your arrays"
        raise TypeError(f"data must be a Dataset, got {type(data).__name__}; {slip}")
    check_optimizer(optimizer)
    if not callable(schedule):
        raise TypeError(f"schedule must be a function of (epoch, epochs), e.g. minisnn.one_cycle, got {schedule!r}")
    temperatures = options["temperatures"]
    if not isinstance(temperatures, tuple | list | np.ndarray) or len(temperatures) != 2:
        raise ValueError(f"temperatures must be two numbers, at the start and at the end, got {temperatures!r}")
    validate.held(list(vars(optimizer).values()), f"the numbers of {optimizer}", net.dtype)
    epochs = validate.integer(options["epochs"], "epochs", 1)
    run = {
        "network": {**net.config(), "temperature": None, "classes": None, "derivative": _derivative(net.surrogate)},
        "optimizer": storage.to_json(optimizer),
        "epochs": epochs,
        "lr_factors": [
            validate.number(schedule(epoch, epochs), "the value of schedule", 0.0, np.inf) for epoch in range(epochs)
        ],
        "batch_size": validate.integer(options["batch_size"], "batch_size", 1),
        "temperatures": [validate.temperature(t, "temperatures", net.dtype) for t in temperatures],
        "clip_norm": clip_norm(options["clip_norm"]),
        "dropout": validate.number(options["dropout"], "dropout", 0.0, 1.0, "[)"),
        "gradient": gradient_options(options["gradient"], net.dtype),
        "seed": validate.integer(options["seed"], "seed", 0),
    }
    check_data(net, data)  # at last, since it may take a while
    return run


def clip_norm(value) -> float | None:
    """Return the largest norm of a gradient; None: any."""
    return None if value is None else validate.number(value, "clip_norm", 0.0, np.inf, "()")


def check_state(optimizer, state, params: Params) -> None:
    """Raise TypeError or ValueError if the memory of an optimiser is that of another one, or of other parameters."""
    check_optimizer(optimizer)
    needed = optimizer.start(Params.zeros({}, np.float32)).keys()
    if not isinstance(state, dict) or state.keys() != needed:
        got = sorted(state) if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"state must come from optimizer.start(net.params) and hold {sorted(needed)}, got {got}")
    for name, array in state.items():
        if name != "step" and array.shape != params.flat.shape:
            raise ValueError(f"state[{name!r}] is for {array.size} parameters, this network has {params.flat.size}")


def check_optimizer(optimizer) -> None:
    """Raise TypeError if it is none."""
    if not isinstance(optimizer, optim.SGD | optim.AdamW):
        raise TypeError(f"optimizer must be AdamW(), Adam() or SGD(), got {optimizer!r}; are the parentheses missing?")


def _derivative(surrogate) -> list[float] | None:
    """Return what tells a Custom surrogate from another one of its name: σ′ at some places."""
    if not isinstance(surrogate, Custom):
        return None
    return np.asarray(surrogate.derivative(np.linspace(-4.0, 4.0, 33)), np.float64).tolist()


def gradient_options(gradient, dtype: str) -> dict:
    """Check what `loss_and_grad` is to get besides the batch, and return all of it."""
    known = {"hops": True, "truncate": None, "rate_penalty": 0.0, "target_rate": 0.0}
    if not isinstance(gradient, Mapping | None):
        raise TypeError(f'gradient must be a dict, e.g. {{"truncate": 20}}, got {gradient!r}')
    for name in gradient or ():
        validate.choice(name, "gradient", known)
    chosen = known | dict(gradient or {})
    cut = validate.cut(chosen["hops"], chosen["truncate"])
    return dict(zip(known, (*cut, *validate.penalty(chosen["rate_penalty"], chosen["target_rate"], dtype))))


def check_data(net, data: Dataset) -> None:
    """Check that a data set fits a network: all of train and validation, and of test everything but the values of x."""
    if data.n_classes != net.sizes[-1]:
        raise ValueError(f"the data has {data.n_classes} classes, the network {net.sizes[-1]}")
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        if not isinstance(split, Split) or (name == "test" and len(split) == 0):
            continue
        try:
            validate.labels(split.y, len(split.x), net.sizes[-1])
            validate.lengths(split.lengths, *split.x.shape[:2])
            if name == "test":
                validate.axes(split.x, net.sizes[0])
            else:
                validate.sequences(split.x, net.sizes[0], net.dtype, split.lengths)
        except (TypeError, ValueError) as error:
            raise type(error)(f"data.{name}: {error}") from error


def identity(data: Dataset) -> dict:
    """Return what tells a data set apart, as plain JSON: its record, and sizes and checksums of its splits.

    Raises
    ------
    TypeError
        If the record holds something that is not JSON.
    """
    found = {"record": _as_json(data.record)}
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        if isinstance(split, Split):
            y, lengths = (None if a is None else np.asarray(a, np.int64) for a in (split.y, split.lengths))
            found[name] = f"{split.x.shape} {fingerprint(x=split.x, y=y, lengths=lengths)[:16]}"
        else:
            found[name] = "made on the fly"
    return found


def _as_json(record: dict) -> dict:
    """Return a record as plain JSON; scalars and arrays of NumPy become numbers and lists."""

    def plain(thing):
        if isinstance(thing, np.generic | np.ndarray):
            return thing.tolist()
        raise TypeError(f"{thing!r} ({type(thing).__name__})")

    if not isinstance(record, dict):
        raise TypeError(f"the data's record must be a dict, got {type(record).__name__}")
    for key, value in record.items():
        try:
            json.dumps({key: value}, default=plain)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a checkpoint holds the data's record, which must be plain JSON; record[{key!r}] is not: {error}"
            ) from error
    return json.loads(json.dumps(record, default=plain))
