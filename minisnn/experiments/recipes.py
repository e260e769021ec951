"""Named experiments: all settings of a run in one flat record, from data to dropout.

A recipe is called data-model, e.g. `psmnist-asrc`: S-MNIST reads the 784 pixels of an image one per step, PS-MNIST in
a random order, `psmnist14` after pooling to 14x14, `psdigits` the bundled 8x8 digits. `match` is the delayed match,
read out from the second cue on; its single hidden layer keeps all models firing (with three, the deeper layers of an
RSNN fall silent there). The settings of (P)S-MNIST are those of the paper's public code, which names no K for the large
S-MNIST network; those of the small ones were chosen on validation data. `spoken` are spoken digits, `gsc` the speech
commands, `shd` and `ssc` the Heidelberg digits and commands. The paper's code has settings for GSC and SSC, and none
for SHD, which gets those of SSC; all three end at T° = 0.96^100.
"""

import time
from dataclasses import dataclass, fields, replace

import numpy as np

from minisnn import datasets
from minisnn._internal import validate
from minisnn._internal.rng import stream
from minisnn.core import surrogate as surrogates
from minisnn.core.neuron import ALIF, LIF, PLIF
from minisnn.core.recurrence import ASRC, SRC, Feedforward, Mixture, Recurrent
from minisnn.experiments import own_data
from minisnn.network import Network
from minisnn.training import optim

MODELS = ("ff", "rsnn", "src", "asrc", "mixture", "random")
SCHEDULES = {"one_cycle": optim.one_cycle, "cosine": optim.cosine, "constant": optim.constant}
SURROGATES = {kind.__name__.lower(): kind for kind in surrogates.BUILT_IN}


@dataclass(frozen=True)
class Recipe:
    """All settings of a run; the defaults are the paper's for PS-MNIST with SRC.

    Brackets name the data, model or setting to which a setting belongs; elsewhere it has no effect. The help of
    `minisnn train` is made of these descriptions.

    Parameters
    ----------
    data : {"digits", "mnist", "delayed_match", "spoken_digits", "speech_commands", "heidelberg"} or "FILE.npz"
        Data set, from `minisnn.datasets`, or a file of your own arrays, as `datasets.from_file` reads it.
    permute : bool
        Whether pixels are read in one random order instead of row by row (digits, mnist).
    pool : int
        Pixels become means over pool x pool of them, 1 or 2 (mnist).
    rows : bool
        Whether a step reads a row of pixels instead of one pixel; not with permute (mnist).
    n_train : int, optional
        Training sequences; None: all 55,000 of mnist, 3000 of delayed_match (mnist, delayed_match).
    lag : int
        Steps from the first cue to the second (delayed_match).
    cues : int
        Number of heights that a cue can have (delayed_match).
    distractors : int
        Number of meaningless cues between the two (delayed_match).
    held_out : {"takes", "george", "jackson", "lucas", "nicolas", "theo", "yweweler"}
        Test set: takes of all speakers, or the name of the speaker who is never heard (spoken_digits).
    classes : int
        Number of words, 35, or 12 with unknown and silence (speech_commands).
    words : {"digits", "commands"}
        Which recordings, digits or commands (heidelberg).
    data_seed : int, optional
        Seed of the data: the order of pixels, the sequences of delayed_match, what is drawn for validation, the split
        of a file that is not split; None: that of the run, so that intervals over seeds include what the data do.
    model : {"ff", "rsnn", "src", "asrc", "mixture", "random"}
        Recurrence of the hidden layers. Two are controls for asrc: mixture weighs the spans 1 .. max_span equally, and
        random draws a fixed span per layer from them.
    hidden : tuple of int
        Neurons per hidden layer.
    span : int or tuple of int
        Span λ, one for all hidden layers or one per layer (src).
    max_span : int
        Largest span K (asrc, mixture, random).
    shared_spans : bool
        Whether all layers share one set of span logits (asrc).
    decay : float
        Decay β of all neurons; with learn_decay before training.
    threshold : float
        Threshold θ of all neurons.
    reset : {"soft", "hard", "none"}
        After a spike: subtract θ, set to 0, or nothing.
    detach_reset : bool
        Whether the backward pass ignores that the reset depends on the spike.
    learn_decay : bool
        Whether the decay is learned, as in `PLIF`.
    per_neuron : bool
        Whether each neuron learns a decay of its own, instead of one per layer (learn_decay).
    adaptive : bool
        Whether spikes raise the threshold, as in `ALIF`; not with learn_decay.
    adaptation_decay : float
        Decay ρ of the threshold's rise (adaptive).
    adaptation_strength : float
        Rise κ of the threshold per spike (adaptive).
    surrogate : {"triangle", "rectangle", "exponential", "sigmoid", "gaussian", "atan", "fastsigmoid"}
        Surrogate gradient of the spike.
    surrogate_width : float, optional
        Width of the surrogate; None: its default.
    readout_window : int, optional
        Number of last steps over which the readout sums spikes; None: all.
    epochs : int
        Passes over the training data.
    batch_size : int
        Sequences per step of training.
    lr : float
        Learning rate of the weights.
    span_lr : float
        Learning rate of the span logits (asrc).
    neuron_lr : float
        Learning rate of the decay logits (learn_decay).
    weight_decay : float
        Decay of the weights, as in `AdamW`.
    schedule : {"one_cycle", "cosine", "constant"}
        How the learning rates change over the epochs.
    first_temperature : float
        Temperature T° at the start of training (asrc).
    last_temperature : float
        Temperature T° at the end of training (asrc).
    clip_norm : float, optional
        Upper bound of the gradient's norm; None: no clipping.
    dropout : float
        Probability that a neuron's input from below is cut.
    hops : bool
        Whether errors pass through the recurrent weights; without, one hidden layer learns by e-prop's gradient.
    truncate : int, optional
        Number of steps after which no error passes backwards; None: errors pass everywhere.
    rate_penalty : float
        Strength μ of the firing-rate penalty.
    target_rate : float
        Firing rate that the penalty aims at, spikes per neuron and step (rate_penalty).
    seed : int
        Seed of initial weights, shuffling and dropout, of the spans of random, and of the data without data_seed.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, or a size or span is invalid. Other values out of range are reported by what they are
        handed to (`make_network`, `make_data`, `fit`).

    Examples
    --------
    >>> from minisnn.experiments.recipes import Recipe
    >>> Recipe(data="digits", model="asrc", max_span=16).hidden
    (64, 128, 128)
    """

    data: str = "mnist"
    permute: bool = True
    pool: int = 1
    rows: bool = False
    n_train: int | None = None
    lag: int = 30
    cues: int = 4
    distractors: int = 0
    held_out: str = "takes"
    classes: int = 12
    words: str = "digits"
    data_seed: int | None = None
    model: str = "src"
    hidden: tuple[int, ...] = (64, 128, 128)
    span: int | tuple[int, ...] = 12
    max_span: int = 51
    shared_spans: bool = False
    decay: float = 0.5
    threshold: float = 1.0
    reset: str = "soft"
    detach_reset: bool = False
    learn_decay: bool = False
    per_neuron: bool = False
    adaptive: bool = False
    adaptation_decay: float = 0.95
    adaptation_strength: float = 0.1
    surrogate: str = "triangle"
    surrogate_width: float | None = None
    readout_window: int | None = None
    epochs: int = 200
    batch_size: int = 256
    lr: float = 1e-3
    span_lr: float = 0.1
    neuron_lr: float = 1e-4
    weight_decay: float = 0.01
    schedule: str = "one_cycle"
    first_temperature: float = 1.0
    last_temperature: float = 2.8e-4
    clip_norm: float | None = None
    dropout: float = 0.0
    hops: bool = True
    truncate: int | None = None
    rate_penalty: float = 0.0
    target_rate: float = 0.05
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "data", own_data.absolute(self.data))
        for name, choices in (("data", DATA), ("model", MODELS), ("surrogate", SURROGATES), ("schedule", SCHEDULES)):
            if name != "data" or not own_data.is_file(self.data):
                validate.choice(getattr(self, name), name, choices)
        for name in ("epochs", "batch_size", "max_span"):
            object.__setattr__(self, name, validate.integer(getattr(self, name), name, 1))
        for name, value in vars(self).items():
            if isinstance(value, list):  # from JSON; tuples compare and hash
                object.__setattr__(self, name, tuple(value))
            if isinstance(value, np.generic):  # which JSON doesn't take
                object.__setattr__(self, name, value.item())
        if not isinstance(self.hidden, tuple):
            raise TypeError(f"hidden must be the sizes of the hidden layers, e.g. (64, 128), got {self.hidden!r}")
        object.__setattr__(self, "hidden", tuple(validate.sizes([1, *self.hidden, 2])[1:-1]))
        object.__setattr__(self, "span", _checked_span(self.span, self.hidden))


def _checked_span(span, hidden: tuple[int, ...]) -> int | tuple[int, ...]:
    """Return λ as one number, or as a tuple with one per hidden layer."""
    if not isinstance(span, tuple):
        return validate.integer(span, "span", 1)
    if len(span) != len(hidden):
        raise ValueError(
            f"span has {len(span)} values, {span}, expected one number or one per hidden layer, {len(hidden)} for "
            f"hidden={hidden}; to try several values, use a sweep"
        )
    return tuple(validate.integer(n, f"span[{layer}]", 1) for layer, n in enumerate(span))


SETTINGS = tuple(field.name for field in fields(Recipe))
"""The names of all settings, in the order of `Recipe`."""


DATA = {  # which settings a data set knows
    "digits": ("permute",),
    "mnist": ("permute", "pool", "rows", "n_train"),
    "delayed_match": ("lag", "cues", "distractors", "n_train"),
    "spoken_digits": ("held_out",),
    "speech_commands": ("classes",),
    "heidelberg": ("words",),
}

_SMALL = {"lr": 5e-3, "batch_size": 64}
_DIGITS = Recipe(data="digits", span=8, max_span=16, epochs=25, **_SMALL)
_MNIST14 = Recipe(pool=2, n_train=20_000, span=10, max_span=32, epochs=20, **_SMALL)
_MATCH = Recipe(data="delayed_match", hidden=(64,), span=15, max_span=40, readout_window=8, epochs=30, **_SMALL)
_SPOKEN = Recipe(data="spoken_digits", hidden=(128, 128), span=4, max_span=16, epochs=25, **_SMALL)
_SPEECH = {"epochs": 100, "batch_size": 128, "weight_decay": 0.0, "dropout": 0.1, "last_temperature": 0.96**100}
_GSC = Recipe(data="speech_commands", hidden=(128,) * 3, span=4, max_span=21, lr=2.5e-3, span_lr=0.25, **_SPEECH)
_SHD = Recipe(data="heidelberg", hidden=(256,) * 3, span=3, max_span=6, **_SPEECH)
_LARGE = (64, 212, 212)
_BASES = {
    "smnist": Recipe(permute=False, span=16, max_span=41),
    "psmnist": Recipe(span=12, max_span=51),
    "smnist-large": Recipe(permute=False, span=12, max_span=41, hidden=_LARGE),
    "psmnist-large": Recipe(span=16, max_span=31, hidden=_LARGE),
    "psmnist14": _MNIST14,
    "psdigits": _DIGITS,
    "match": _MATCH,
    "spoken": _SPOKEN,
    "gsc": _GSC,
    "shd": _SHD,
    "ssc": replace(_SHD, words="commands"),
}
RECIPES = {f"{name}-{model}": replace(base, model=model) for name, base in _BASES.items() for model in MODELS[:4]}
"""The recipes by name."""


def recipe(name: str, **settings) -> Recipe:
    """Return the recipe of this name, with settings of your own.

    Raises
    ------
    ValueError
        If there is no such recipe or setting, or if a setting would change nothing, e.g. `span` where there is no SRC.

    Examples
    --------
    >>> from minisnn.experiments import recipes
    >>> recipes.recipe("psdigits-src", span=(4, 8, 8)).span
    (4, 8, 8)
    """
    base = RECIPES[validate.choice(name, "recipe", RECIPES)]
    for setting in settings:
        validate.choice(setting, "setting", SETTINGS)
    changed = replace(base, **settings)
    unused = [setting for setting in settings if not matters(changed, setting)]
    if unused:
        causes = dict.fromkeys(DEPENDS_ON[setting] for setting in unused)
        has = ", ".join(f"{cause}={getattr(changed, cause)!r}" for cause in causes)
        raise ValueError(f"{', '.join(unused)} would change nothing: the recipe has {has}")
    return changed


DEPENDS_ON = {
    **dict.fromkeys(("span", "max_span"), "model"),
    **dict.fromkeys(("shared_spans", "span_lr", "first_temperature", "last_temperature"), "model"),
    **dict.fromkeys(("neuron_lr", "per_neuron"), "learn_decay"),
    **dict.fromkeys(("adaptation_decay", "adaptation_strength"), "adaptive"),
    "target_rate": "rate_penalty",
    **dict.fromkeys(("data_seed", *(setting for known in DATA.values() for setting in known)), "data"),
}
"""The setting that decides whether another one has an effect; of the others that is not checked."""


def matters(recipe: Recipe, setting: str) -> bool:
    """Check whether a setting has any effect with the data, model and neurons of the recipe."""
    cause = DEPENDS_ON.get(setting)
    if cause == "model":
        of_models = {"span": ("src",), "max_span": ("asrc", "mixture", "random")}
        return recipe.model in of_models.get(setting, ("asrc",))
    if setting == "data_seed":
        return not (own_data.is_file(recipe.data) and own_data.sizes(recipe.data).is_split)
    if cause == "data":
        return setting in DATA.get(recipe.data, ())
    return cause is None or bool(getattr(recipe, cause))  # learn_decay, adaptive, rate_penalty


def differences(before: Recipe, now: Recipe) -> list[str]:
    """List the settings in which two recipes differ, one line each."""
    pairs = [(name, getattr(before, name), getattr(now, name)) for name in SETTINGS]
    return [f"{name}: {a!r} there, now {b!r}" for name, a, b in pairs if a != b]


def make_data(recipe: Recipe) -> datasets.Dataset:
    """Make the recipe's data set."""
    seed = recipe.seed if recipe.data_seed is None else recipe.data_seed
    if own_data.is_file(recipe.data):
        return own_data.load(recipe.data, seed)
    options = {name: getattr(recipe, name) for name in DATA[recipe.data]}
    if recipe.data == "delayed_match" and options["n_train"] is None:
        del options["n_train"]
    return getattr(datasets, recipe.data)(**options, seed=seed)


def make_network(recipe: Recipe) -> Network:
    """Make the recipe's network, untrained."""
    drawn = stream(recipe.seed, "random spans").integers(1, recipe.max_span + 1, len(recipe.hidden))
    recurrence = {
        "ff": Feedforward(),
        "rsnn": Recurrent(),
        "src": [SRC(span) for span in recipe.span] if isinstance(recipe.span, tuple) else SRC(recipe.span),
        "asrc": ASRC(recipe.max_span, recipe.shared_spans),
        "mixture": Mixture(recipe.max_span),
        "random": [SRC(int(span)) for span in drawn],
    }
    width = {} if recipe.surrogate_width is None else {"width": recipe.surrogate_width}
    neuron = (recipe.decay, recipe.threshold, recipe.reset, recipe.detach_reset)
    adaptation = (recipe.adaptation_decay, recipe.adaptation_strength)
    if all([validate.flag(getattr(recipe, name), name) for name in ("learn_decay", "adaptive")]):  # checks both
        raise ValueError("learn_decay and adaptive exclude each other: there is no neuron with both")
    return Network(
        [steps_and_inputs(recipe)[1], *recipe.hidden, n_classes(recipe)],
        recurrence=recurrence[recipe.model],
        neuron=PLIF(*neuron, recipe.per_neuron)
        if recipe.learn_decay
        else ALIF(*neuron, *adaptation)
        if recipe.adaptive
        else LIF(*neuron),
        surrogate=SURROGATES[recipe.surrogate](**width),
        readout_window=recipe.readout_window,
        seed=recipe.seed,
    )


def fit_options(recipe: Recipe) -> dict:
    """Return the arguments of `fit` other than network and data."""
    return {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": optim.AdamW(
            lr=recipe.lr, span_lr=recipe.span_lr, neuron_lr=recipe.neuron_lr, weight_decay=recipe.weight_decay
        ),
        "schedule": SCHEDULES[recipe.schedule],
        "temperatures": (recipe.first_temperature, recipe.last_temperature),
        "clip_norm": recipe.clip_norm,
        "dropout": recipe.dropout,
        "gradient": {
            **{"hops": recipe.hops, "truncate": recipe.truncate},
            **{"rate_penalty": recipe.rate_penalty, "target_rate": recipe.target_rate},
        },
        "seed": recipe.seed,
    }


def steps_and_inputs(recipe: Recipe) -> tuple[int, int]:
    """Return (T, n_in) of the recipe's sequences."""
    if own_data.is_file(recipe.data):
        return own_data.sizes(recipe.data)[:2]
    if recipe.data == "mnist":
        width = max(28 // validate.integer(recipe.pool, "pool", 1), 1)
        return (width, width) if recipe.rows else (width**2, 1)
    return {
        "digits": (64, 1),
        "delayed_match": (validate.integer(recipe.lag, "lag", 1) + 10, 1),
        "spoken_digits": (42, 40),  # recordings differ; this is about their mean
        "speech_commands": (101, 40),
        "heidelberg": (250, 140),
    }[recipe.data]


def n_classes(recipe: Recipe) -> int:
    """Return the number of classes."""
    if own_data.is_file(recipe.data):
        return own_data.sizes(recipe.data).n_classes
    known = {"delayed_match": 2, "speech_commands": recipe.classes, "heidelberg": {"digits": 20}.get(recipe.words, 35)}
    return known.get(recipe.data, 10)


def n_training(recipe: Recipe) -> int:
    """Return the number of training sequences; of sets whose validation is drawn about that."""
    if own_data.is_file(recipe.data):
        return own_data.sizes(recipe.data).n_training
    return {
        "digits": 3323,
        "mnist": recipe.n_train or 55_000,
        "delayed_match": recipe.n_train or 3000,
        "spoken_digits": 2400 if recipe.held_out == "takes" else 2000,
        "speech_commands": 84_843 if recipe.classes == 35 else 36_923,
        "heidelberg": 75_466 if recipe.words == "commands" else 6_500,
    }[recipe.data]


def seconds_per_sequence(recipe: Recipe, duration: float) -> float:
    """Time a gradient of the recipe's untrained network on this machine, per sequence.

    It is computed for a few random sequences of the recipe's T and n_in, until `duration` seconds have passed.
    """
    net, n = make_network(recipe), min(recipe.batch_size, 32)
    x = stream(0, "timing").random((n, *steps_and_inputs(recipe)), dtype=np.float32)
    y = np.zeros(n, np.int64)
    net.loss_and_grad(x[:1], y[:1])  # compiles the kernels, or loads them
    start, n_done, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < duration:
        net.loss_and_grad(x, y)
        n_done, elapsed = n_done + n, time.perf_counter() - start
    return elapsed / n_done


def estimated_seconds(recipe: Recipe, per_sequence: float) -> float:
    """Estimate how long a run takes, all its gradients, from the seconds that the gradient of one sequence takes."""
    return recipe.epochs * n_training(recipe) * per_sequence


def _of_equal_pace(recipe: Recipe) -> tuple:
    """Return what recipes share if their sequences take equally long: λ and the order of the pixels don't matter."""
    return steps_and_inputs(recipe), recipe.hidden, recipe.model, recipe.max_span if recipe.model == "asrc" else None


def table() -> str:
    """List all recipes: sequences, network, parameters, epochs, and about how long they take on this machine.

    Each kind of network is timed once, for 0.2 seconds, which takes some seconds in total.
    """
    lines = [f"{'recipe':<19} {'sequences':>9} {'T':>4}  {'network':<31} {'parameters':>10} {'epochs':>6} {'about':>8}"]
    paces = {}
    for name, recipe in RECIPES.items():
        kind = _of_equal_pace(recipe)
        if kind not in paces:
            paces[kind] = seconds_per_sequence(recipe, duration=0.2)
        net, minutes = make_network(recipe), estimated_seconds(recipe, paces[kind]) / 60
        spans = {"src": f" λ={recipe.span}", "asrc": f" K={recipe.max_span}"}.get(recipe.model, "")
        about = f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.0f} min" if minutes >= 1.5 else "1 min"
        lines.append(
            f"{name:<19} {n_training(recipe):>9} {steps_and_inputs(recipe)[0]:>4}  {net.sizes!s:<24}{spans:<7} "
            f"{net.params.flat.size:>10} {recipe.epochs:>6} {about:>8}"
        )
    return "\n".join(lines)
