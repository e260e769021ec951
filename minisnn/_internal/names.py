"""What other libraries, or a hurried hand, call things that have another name here: for "did you mean"."""

import functools
import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

ALIASES = {  # here: elsewhere, in lower case and without hyphens, underscores and blanks
    "decay": "alpha beta leak tau taum taumem taumeminv",
    "threshold": "theta thresh vth vthreshold",
    "reset": "resetmechanism resetmethod resetmode vreset",
    "hard": "zero tozero value resetvalue",
    "soft": "subtract subtraction resetsubtract bysubtraction",
    "span": "lam lambda skip delay lag spans",
    "max_span": "k maxdelay maxlag spans",
    "lr": "learningrate eta alpha",
    "weight_decay": "wd l2 decay",
    "beta1": "betas",
    "eps": "epsilon",
    "width": "alpha sigma slope",
    "peak": "scale height",
    "derivative": "backward grad gradient",
    "primitive": "forward",
    "sizes": "hidden layers units",
    "neuron": "cell neurons",
    "recurrence": "recurrent span maxspan",
    "surrogate": "spikegrad surrogatefunction",
    "readout_window": "window",
    "train": "tr training",
    "validation": "val valid dev",
    "test": "te testing",
    "lengths": "len lens seqlen seqlens",
    "Feedforward": "ff none snn",
    "Recurrent": "rnn rsnn",
    "LIF": "leaky lifcell lifboxcell lifnode",
    "PLIF": "parametriclif parametriclifnode",
    "ALIF": "adaptivelif adaptive lsnncell lsnn",
    "Triangle": "piecewisequadratic triangular",
    "Rectangle": "boxcar rect",
    "Exponential": "exp piecewiseexp",
    "Sigmoid": "logistic tanh",
    "Gaussian": "erf heavierfc normal",
    "ATan": "arctan",
    "FastSigmoid": "softsign super superspike",
}
"""Mostly of snnTorch, Norse and SpikingJelly; `tutorials/coming-from.md` says how their numbers translate."""


def meant(word: str, known: Iterable[str]) -> str | None:
    """Return which of the known names a word may stand for: by the table, or spelled nearly so; None if unclear."""
    word, known = _plain(word), {_plain(name): name for name in known}
    if word in known:
        return known[word]
    for name in known.values():
        if word in ALIASES.get(name, "").split():
            return name
    near = get_close_matches(word, known, 1, 0.7)
    return known[near[0]] if near else None


def _plain(word: str) -> str:
    """Write a word in lower case, without what separates its parts."""
    return word.lower().translate(str.maketrans("", "", "-_ ()"))


def did_you_mean(word, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" for the end of a message, or nothing."""
    begun = [f"'{name}'" for name in known if isinstance(word, str) and name.startswith(f"{word}-")]
    if len(begun) > 1:
        return f"; did you mean one of {', '.join(begun)}?"
    name = meant(word, known) if isinstance(word, str) else None
    return f"; did you mean {name!r}?" if name else ""


def did_you_mean_kind(got, kinds: Iterable[type]) -> str:
    """Do the same where a name, or a class, came in place of an object: say how the object is made."""
    kinds = {kind.__name__: kind for kind in kinds}
    word = got.__name__ if isinstance(got, type) else got
    name = meant(word, kinds) if isinstance(word, str) else None
    if name is None:
        return ""
    needed = [f"{p.name}=..." for p in inspect.signature(kinds[name]).parameters.values() if p.default is p.empty]
    return f"; did you mean {name}({', '.join(needed)})?"


Called = TypeVar("Called", bound=Callable)


def suggesting(called: Called) -> Called:
    """Decorate a function or a class: the error of an unknown argument says which one may be meant."""
    call = called.__init__ if isinstance(called, type) else called
    known = [name for name in inspect.signature(call).parameters if name != "self"]

    @functools.wraps(call)
    def checked(*args, **keywords):
        unknown = next((word for word in keywords if word not in known), None)
        if unknown is not None:
            slip = did_you_mean(unknown, known).replace("'", "") or f"; it takes {', '.join(known) or 'none'}"
            raise TypeError(f"{called.__name__} has no argument {unknown!r}{slip}")
        return call(*args, **keywords)

    if not isinstance(called, type):
        return checked
    called.__init__ = checked
    return called
