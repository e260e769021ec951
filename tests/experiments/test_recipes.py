"""Recipes: the paper's settings, every setting handed on to what it is for, and words on those that do nothing."""

import itertools
import json
import re
from dataclasses import asdict, astuple, fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

import minisnn as ms
from minisnn import datasets
from minisnn.core import surrogate
from minisnn.experiments import recipes
from minisnn.experiments.recipes import RECIPES, Recipe

FIELDS = [field.name for field in fields(Recipe)]

OTHER = {  # for each setting a value that is allowed everywhere and that no recipe has
    "permute": lambda now: not now,
    "pool": lambda now: 3 - now,
    "rows": lambda now: not now,
    "n_train": 22,
    "lag": 33,
    "cues": 6,
    "distractors": 2,
    "data_seed": 5,
    "held_out": "theo",
    "classes": 35,
    "words": lambda now: {"digits": "commands", "commands": "digits"}[now],
    "data": lambda now: {"digits": "mnist", "mnist": "delayed_match"}.get(now, "digits"),
    "model": lambda now: "rsnn" if now == "ff" else "ff",
    "hidden": (5, 4),
    "span": 5,
    "max_span": 7,
    "shared_spans": True,
    "decay": 0.75,
    "threshold": 1.25,
    "reset": "hard",
    "detach_reset": True,
    "learn_decay": lambda now: not now,
    "per_neuron": True,
    "adaptive": lambda now: not now,
    "adaptation_decay": 0.625,
    "adaptation_strength": 0.3,
    "surrogate": "atan",
    "surrogate_width": 0.625,
    "readout_window": 6,
    "epochs": 11,
    "batch_size": 13,
    "lr": 0.002,
    "span_lr": 0.3,
    "neuron_lr": 0.007,
    "weight_decay": 0.04,
    "schedule": "cosine",
    "first_temperature": 2.0,
    "last_temperature": 0.05,
    "clip_norm": 0.7,
    "dropout": 0.15,
    "hops": False,
    "truncate": 12,
    "rate_penalty": 0.4,
    "target_rate": 0.2,
    "seed": 9,
}


def other(recipe: Recipe, setting: str):
    """Another value of a setting than the recipe has."""
    value = OTHER[setting](getattr(recipe, setting)) if callable(OTHER[setting]) else OTHER[setting]
    assert value != getattr(recipe, setting)
    return value


@pytest.fixture
def no_download(monkeypatch):
    """MNIST is not read: its record is what `datasets.mnist` was called with."""
    for name in ("mnist", "spoken_digits", "speech_commands", "heidelberg"):
        monkeypatch.setattr(datasets, name, lambda **options: SimpleNamespace(record=options, n_classes=10))


def made(recipe: Recipe) -> tuple:
    """All that a recipe comes to; see `test_settings_that_do_nothing_without` on what is left out."""
    net, options = recipes.make_network(recipe), recipes.fit_options(recipe)
    if not any(isinstance(r, ms.ASRC) for r in net.recurrence):
        del options["temperatures"]
        options["optimizer"] = replace(options["optimizer"], span_lr=0.0)
    if not any(isinstance(n, ms.PLIF) for n in net.neuron):
        options["optimizer"] = replace(options["optimizer"], neuron_lr=0.0)
    if recipe.rate_penalty == 0:
        del options["gradient"]["target_rate"]
    return net.config(), recipes.make_data(recipe).record, options


# The paper

LARGE = (64, 212, 212)
PAPER = [  # permuted, hidden layers, the span of SRC, the longest span of ASRC
    ("smnist", False, (64, 128, 128), 16, 41),
    ("smnist-large", False, LARGE, 12, None),  # the paper names none
    ("psmnist", True, (64, 128, 128), 12, 51),
    ("psmnist-large", True, LARGE, 16, 31),
]


@pytest.mark.parametrize("name, permuted, hidden, span, max_span", PAPER)
@pytest.mark.parametrize("model", ["ff", "rsnn", "src", "asrc"])
def test_settings_of_the_paper(no_download, name, permuted, hidden, span, max_span, model):
    recipe = RECIPES[f"{name}-{model}"]
    net, options = recipes.make_network(recipe), recipes.fit_options(recipe)
    assert list(net.sizes) == [1, *hidden, 10]
    if model == "asrc" and max_span is None:
        assert all(isinstance(r, ms.ASRC) and not r.shared for r in net.recurrence)
    else:
        kind = {"ff": ms.Feedforward(), "rsnn": ms.Recurrent(), "src": ms.SRC(span), "asrc": ms.ASRC(max_span or 1)}
        assert net.recurrence == (kind[model],) * 3
    assert net.neuron == (ms.LIF(decay=0.5, threshold=1.0, reset="soft", detach_reset=False),) * 3
    u = np.linspace(-2, 2, 81)
    np.testing.assert_allclose(net.surrogate.derivative(u), np.maximum(0, 1 - np.abs(u)), atol=1e-15)
    assert net.readout_window is None  # summed over all steps
    assert net.temperature == 1.0

    assert recipes.make_data(recipe).record == {
        "permute": permuted,
        "pool": 1,
        "rows": False,
        "n_train": None,
        "seed": 0,
    }
    assert recipes.steps_and_inputs(recipe) == (784, 1)

    assert options["optimizer"] == ms.AdamW(lr=1e-3, span_lr=0.1, weight_decay=0.01)
    assert (options["batch_size"], options["epochs"]) == (256, 200)
    assert (options["clip_norm"], options["dropout"]) == (None, 0.0)
    factors = [options["schedule"](epoch, 200) for epoch in range(200)]
    assert options["schedule"] is ms.one_cycle
    assert max(factors) == pytest.approx(1.0) and factors[0] < 0.1 and factors[-1] < 1e-4
    first, last = options["temperatures"]
    for epoch in range(201):  # times 0.96 after each
        assert first * (last / first) ** (epoch / 200) == pytest.approx(0.96**epoch, rel=0.02)


def test_the_default_is_the_paper_for_permuted_mnist_with_src():
    assert Recipe() == RECIPES["psmnist-src"]


# Names and values


def test_a_recipe_for_each_task_and_model():
    tasks = ["smnist", "psmnist", "smnist-large", "psmnist-large", "psmnist14", "psdigits", "match"]
    tasks += ["spoken", "gsc", "shd", "ssc"]
    assert sorted(RECIPES) == sorted(f"{task}-{model}" for task in tasks for model in ("ff", "rsnn", "src", "asrc"))
    for name, recipe in RECIPES.items():
        task, _, model = name.rpartition("-")
        assert recipe.model == model
        assert replace(recipe, model="src") == RECIPES[f"{task}-src"]  # models differ in nothing else
        assert recipe.permute == (not name.startswith("smnist"))
        assert recipes.recipe(name) == recipe


@pytest.mark.parametrize("name", ["psmnist", "psmnist-scr", "", None, "PSMNIST-SRC"])
def test_unknown_recipes(name):
    pattern = rf"^recipe must be one of .*, got {name!r}$|no recipe {name!r}; did"
    with pytest.raises(ValueError, match=pattern) as caught:
        recipes.recipe(name)
    named = [known for known in RECIPES if repr(known) in str(caught.value)]
    begun = [known for known in RECIPES if known.startswith(f"{name}-")]
    assert named == (begun or list(RECIPES)) or len(named) == 1  # all, or those that may be meant


@pytest.mark.parametrize("setting", ["spann", "batchsize", "folder", "lambda"])
def test_unknown_settings(setting):
    meant = {"spann": "span", "batchsize": "batch_size", "lambda": "span"}
    with pytest.raises(ValueError) as caught:
        recipes.recipe("psmnist-src", **{"epochs": 3, setting: 3})
    if setting in meant:
        assert str(caught.value) == f"there is no setting {setting!r}; did you mean {meant[setting]!r}?"
    else:
        assert str(caught.value).startswith("setting must be one of") and f"got {setting!r}" in str(caught.value)
        assert all(repr(known) in str(caught.value) for known in FIELDS)


@pytest.mark.parametrize("setting", ["data", "model", "surrogate", "schedule"])
@pytest.mark.parametrize("value", ["nonsense", None, 1])
def test_unknown_names_in_a_recipe(setting, value):
    for make in (Recipe, lambda **settings: recipes.recipe("psdigits-asrc", **settings)):
        with pytest.raises(ValueError, match=rf"{setting} must be one of '.*, got {value!r}"):
            make(**{setting: value})


@pytest.mark.parametrize(
    "hidden, error, words",
    [
        ((), ValueError, "at least one hidden layer"),
        ((64, 0), ValueError, "must be at least 1, got 0"),
        ((64, 2.5), TypeError, "must be an integer, got 2.5"),
    ],
)
def test_hidden_layers_off(hidden, error, words):
    with pytest.raises(error, match=words):
        recipes.recipe("psdigits-src", hidden=hidden)


def test_hidden_layers_become_a_tuple():
    """As they come from JSON; recipes compare and hash."""
    assert Recipe(hidden=[5, np.int64(4)]) == Recipe(hidden=(5, 4))
    assert hash(Recipe(hidden=[5, 4])) == hash(Recipe(hidden=(5, 4)))


@pytest.mark.parametrize(
    "settings",
    [
        {"span": (4, 8, 8)},
        {"span": (5,), "hidden": (7,)},
        {"span": np.int64(5), "hidden": (np.int64(7),)},
        {"decay": (0.25, 0.75), "threshold": (0.5, 2.0), "hidden": (2,)},
    ],
    ids=str,
)
def test_recipes_come_back_from_json(settings):
    """JSON turns tuples into lists: the recipe that is read is equal, and no difference is found."""
    recipe = Recipe(data="digits", **settings)
    back = Recipe(**json.loads(json.dumps(asdict(recipe))))
    assert back == recipe and hash(back) == hash(recipe)
    assert recipes.differences(recipe, back) == []
    assert recipes.make_network(back).config() == recipes.make_network(recipe).config()


def test_one_span_per_layer():
    """As a tuple or a list; one number is that of all layers."""
    for span in ((4, 8, 16), [4, 8, np.int64(16)]):
        recipe = recipes.recipe("psdigits-src", span=span)
        assert recipe.span == (4, 8, 16) and [type(n) for n in recipe.span] == [int] * 3
        assert recipes.make_network(recipe).recurrence == (ms.SRC(4), ms.SRC(8), ms.SRC(16))
    assert recipes.make_network(recipes.recipe("psdigits-src", span=4)).recurrence == (ms.SRC(4),) * 3


@pytest.mark.parametrize(
    "span, error, words",
    [
        (
            (4, 8),
            ValueError,
            r"span has 2 values, \(4, 8\), expected one number or one per hidden layer, 3 for hidden=",
        ),
        ([4, 8, 8, 8], ValueError, r"span has 4 values, \(4, 8, 8, 8\), .* to try several values, use a sweep"),
        ((), ValueError, r"span has 0 values, \(\), expected"),
        ((4, 0, 8), ValueError, r"span\[1\] must be at least 1, got 0"),
        ((4, 8, 8.5), TypeError, r"span\[2\] must be an integer, got 8.5"),
        ("4-8-8", TypeError, r"span must be an integer, got '4-8-8'"),
    ],
    ids=str,
)
def test_spans_that_do_not_fit(span, error, words):
    with pytest.raises(error, match=words):
        recipes.recipe("psdigits-src", span=span)


def test_layers_that_do_not_fit_the_spans():
    with pytest.raises(ValueError, match=r"span has 3 values, \(4, 8, 8\), .* 1 for hidden=\(64,\)"):
        replace(recipes.recipe("psdigits-src", span=(4, 8, 8)), hidden=(64,))


def test_decays_per_layer_or_neuron():
    """One logit per layer, or one per neuron, all of which start at the decay."""
    for per_neuron, shapes in ((False, [(1,), (1,)]), (True, [(5,), (4,)])):
        recipe = recipes.recipe("psdigits-rsnn", hidden=(5, 4), learn_decay=True, per_neuron=per_neuron, decay=0.75)
        net = recipes.make_network(recipe)
        logits = [net.params[f"layers.{i}.decay_logit"] for i in range(2)]
        assert [logit.shape for logit in logits] == shapes
        np.testing.assert_allclose(np.concatenate(logits), np.log(3), rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"pool": 0},
        {"pool": -1},
        {"pool": 3},
        {"pool": "half"},
        {"rows": True},
        {"rows": "no"},
        {"permute": "no"},
        {"n_train": 0},
        {"data_seed": -1},
        {"span": 0},
        {"decay": 2.0},
        {"threshold": -1.0},
        {"reset": "nonsense"},
        {"detach_reset": "no"},
        {"learn_decay": "no"},
        {"surrogate_width": 0.0},
        {"readout_window": 0},
        {"lr": -1.0},
        {"weight_decay": -1.0},
        {"seed": -1},
    ],
    ids=str,
)
def test_values_out_of_range_are_reported_with_their_name(settings, tmp_path, monkeypatch):
    """Before any data is read."""
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path))
    monkeypatch.setattr(datasets._mnist, "_read_files", lambda folder: pytest.fail("data was read"))
    (name,) = settings
    there = {"data_seed": "seed", "surrogate_width": "width"}.get(name, name)
    with pytest.raises((ValueError, TypeError), match=rf"\b{there}\b.*{re.escape(str(settings[name]))}"):
        recipe = recipes.recipe("psmnist-src", **settings)
        recipes.make_network(recipe)
        recipes.fit_options(recipe)
        recipes.make_data(recipe)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("match-src", {"lag": -20}, "lag must be at least 1, got -20"),
        ("match-src", {"lag": 3}, "lag must be at least 4, got 3"),
        ("match-src", {"lag": "30"}, "lag must be an integer, got '30'"),
        ("psmnist-src", {"pool": 29}, "pool must be 1 .* or 2 .*, got 29"),
    ],
)
def test_sizes_of_sequences_that_are_off(tmp_path, monkeypatch, name, settings, words):
    """In a run and in a sweep, before anything is written."""
    monkeypatch.setenv("MINISNN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(datasets._mnist, "_read_files", lambda folder: pytest.fail("data was read"))
    with pytest.raises((TypeError, ValueError), match=words):
        ms.experiments.run.train(recipes.recipe(name, **settings), tmp_path / "run", progress=False)
    grid = {setting: [value] for setting, value in settings.items()}
    with pytest.raises((TypeError, ValueError), match=words):
        ms.sweep(name, grid, seeds=1, folder=tmp_path / "sweep", progress=False)


TASKS = ("smnist", "psdigits", "match", "spoken", "gsc", "ssc")  # one of each data set

# Every setting is handed on


def test_other_values_are_of_all_settings():
    assert sorted(OTHER) == sorted(FIELDS)


@pytest.mark.parametrize("setting", FIELDS)
def test_a_setting_changes_what_is_made_exactly_if_it_matters(no_download, setting):
    """And `recipe` refuses it where it does not."""
    for task, model, learn_decay in itertools.product(TASKS, recipes.MODELS, (False, True)):
        if setting == "adaptive" and learn_decay:  # which exclude each other
            continue
        name, given = f"{task}-src", {"model": model, "learn_decay": learn_decay}
        base = replace(RECIPES[name], **given)
        before = replace(base, hidden=(4, 3))
        after = replace(before, **{setting: other(before, setting)})
        changes = made(after) != made(before)
        assert recipes.matters(before, setting) == changes, (task, model, learn_decay)
        changed = {**given, setting: other(base, setting)}
        if changes:
            assert recipes.recipe(name, **changed) == replace(base, **changed)
        else:
            with pytest.raises(ValueError, match=f"^{setting} would change nothing: ") as caught:
                recipes.recipe(name, **changed)
            cause = recipes.DEPENDS_ON[setting]
            assert str(caught.value).endswith(f"the recipe has {cause}={getattr(before, cause)!r}")


def test_random_spans():
    """One for each layer, from 1 .. max_span, all of them met; drawn by the seed."""
    drawn = [
        tuple(layer.span for layer in recipes.make_network(recipe).recurrence)
        for recipe in (Recipe(model="random", hidden=(2, 3), max_span=3, seed=seed) for seed in range(30))
    ]
    assert set(drawn) == set(itertools.product((1, 2, 3), repeat=2))
    assert recipes.make_network(Recipe(model="mixture", hidden=(2,), max_span=3)).recurrence == (ms.Mixture(3),)


def test_hidden_is_a_list():
    with pytest.raises(TypeError, match=r"hidden must be the sizes of the hidden layers, .* got 64"):
        Recipe(hidden=64)


def test_surrogates_have_their_own_width():
    for kind in surrogate.BUILT_IN:
        assert recipes.make_network(Recipe(hidden=(3,), surrogate=kind.__name__.lower())).surrogate == kind()


def test_what_would_change_nothing_is_named():
    """All of it, and it is the new model and data that count."""
    with pytest.raises(ValueError, match=r"^lag, span would change nothing: .*data='digits', model='asrc'"):
        recipes.recipe("match-src", lag=7, epochs=3, data="digits", model="asrc", span=3, max_span=5)
    with pytest.raises(ValueError, match=r"there is no recipe 'match'; did you mean one of 'match-ff', .*'match-asrc'"):
        recipes.recipe("match")
    with pytest.raises(ValueError, match="there is no setting 'spans'; did you mean 'span'"):
        recipes.recipe("match-src", spans=3)
    with pytest.raises(ValueError, match=r"^target_rate would change nothing: the recipe has rate_penalty=0\.0$"):
        recipes.recipe("psdigits-src", target_rate=0.1)
    assert recipes.recipe("psdigits-src", model="asrc", max_span=5) == replace(RECIPES["psdigits-asrc"], max_span=5)
    assert recipes.recipe("psdigits-src", data="delayed_match", lag=7).lag == 7


def test_each_setting_arrives_where_it_belongs(no_download):
    """All of them changed, each to a value of its own."""
    settings = {name: value for name, value in OTHER.items() if not callable(value)} | {"learn_decay": True}
    for model, recurrence in (
        ("ff", ms.Feedforward()),
        ("rsnn", ms.Recurrent()),
        ("src", ms.SRC(5)),
        ("asrc", ms.ASRC(7, shared=True)),
    ):
        match = Recipe(data="delayed_match", model=model, **settings)
        net = recipes.make_network(match)
        assert list(net.sizes) == [1, 5, 4, 2]
        assert net.recurrence == (recurrence,) * 2
        plif = ms.PLIF(decay=0.75, threshold=1.25, reset="hard", detach_reset=True, per_neuron=True)
        assert net.neuron == (plif,) * 2
        assert net.surrogate == ms.ATan(width=0.625)
        assert (net.readout_window, net.seed, net.dtype) == (6, 9, "float32")
    fixed = replace(match, learn_decay=False)
    assert recipes.make_network(fixed).neuron[0] == ms.LIF(0.75, 1.25, "hard", True)
    alif = ms.ALIF(0.75, 1.25, "hard", True, adaptation_decay=0.625, adaptation_strength=0.3)
    assert recipes.make_network(replace(fixed, adaptive=True)).neuron == (alif,) * 2
    with pytest.raises(ValueError, match="learn_decay and adaptive exclude each other"):
        recipes.make_network(replace(match, adaptive=True))
    with pytest.raises(TypeError, match="adaptive must be True or False, got 'false'"):
        recipes.make_network(replace(fixed, adaptive="false"))
    assert type(replace(fixed, seed=np.int64(3)).seed) is int and type(replace(fixed, lr=np.float64(0.5)).lr) is float
    assert recipes.fit_options(match) == {
        "epochs": 11,
        "batch_size": 13,
        "optimizer": ms.AdamW(lr=0.002, span_lr=0.3, neuron_lr=0.007, weight_decay=0.04),
        "schedule": ms.cosine,
        "temperatures": (2.0, 0.05),
        "clip_norm": 0.7,
        "dropout": 0.15,
        "gradient": {"hops": False, "truncate": 12, "rate_penalty": 0.4, "target_rate": 0.2},
        "seed": 9,
    }
    assert recipes.fit_options(replace(match, schedule="constant"))["schedule"] is ms.constant
    expected = datasets.delayed_match(lag=33, cues=6, distractors=2, n_train=22, seed=5)
    assert recipes.make_data(match).record == expected.record
    np.testing.assert_array_equal(recipes.make_data(match).train.x, expected.train.x)
    digits = recipes.make_data(replace(match, data="digits", permute=True))
    np.testing.assert_array_equal(digits.test.x, datasets.digits(permute=True, seed=5).test.x)
    assert recipes.make_data(replace(match, data="mnist", permute=False, pool=2, rows=True)).record == {
        "permute": False,
        "pool": 2,
        "rows": True,
        "n_train": 22,
        "seed": 5,
    }


@pytest.mark.parametrize("kind", surrogate.BUILT_IN, ids=lambda kind: kind.__name__)
def test_every_surrogate_has_a_name(kind):
    recipe = Recipe(data="digits", hidden=(3,), surrogate=kind.__name__.lower(), surrogate_width=0.3)
    assert recipes.make_network(recipe).surrogate == kind(width=0.3)


@pytest.mark.filterwarnings("ignore:after .*epoch.* layer:RuntimeWarning")
@pytest.mark.parametrize(
    "setting, learn_decay",
    [
        ("span_lr", False),
        ("first_temperature", False),
        ("last_temperature", False),
        ("neuron_lr", False),
        ("neuron_lr", True),
    ],
)
@pytest.mark.parametrize("model", recipes.MODELS)
def test_settings_that_do_nothing_without(model, setting, learn_decay):
    """Of the options of `fit`, those for spans and learned decays change a training exactly if they matter."""
    small = {"hidden": (4, 3), "span": 2, "max_span": 3, "threshold": 0.3, "epochs": 2, "batch_size": 3}
    recipe = Recipe(data="delayed_match", model=model, learn_decay=learn_decay, **small)
    data = datasets.delayed_match(lag=5, n_train=7, n_test=2)

    def trained(recipe) -> np.ndarray:
        net, after_each = recipes.make_network(recipe), []
        keep = lambda net, history: after_each.append(net.params.flat.copy())  # noqa: E731
        ms.fit(net, data, **recipes.fit_options(recipe), callback=keep, progress=False)
        return np.array(after_each)

    changed = replace(recipe, **{setting: other(recipe, setting)})
    assert (not np.array_equal(trained(recipe), trained(changed))) == recipes.matters(recipe, setting)


# How large, how long


@pytest.mark.parametrize("name", [name for name in RECIPES if RECIPES[name].data in ("digits", "delayed_match")])
def test_sizes_are_those_of_the_data(name):
    """Steps, inputs, classes and training sequences are known without making the data."""
    for settings in ({}, {"permute": False}, {"lag": 12, "n_train": 23}, {"lag": 12, "distractors": 1}):
        recipe = replace(RECIPES[name], **settings)
        data = recipes.make_data(recipe)
        assert recipes.steps_and_inputs(recipe) == data.train.x.shape[1:] == data.test.x.shape[1:]
        assert recipes.n_training(recipe) == len(data.train)
        net = recipes.make_network(recipe)
        assert (net.sizes[0], net.sizes[-1]) == (data.n_in, data.n_classes)


@pytest.mark.parametrize(
    "settings, expected",
    [({}, (784, 1)), ({"pool": 2}, (196, 1)), ({"rows": True}, (28, 28)), ({"rows": True, "pool": 2}, (14, 14))],
)
def test_sizes_of_mnist(settings, expected):
    recipe = recipes.recipe("smnist-src", **settings)
    assert recipes.steps_and_inputs(recipe) == expected
    assert recipes.make_network(recipe).sizes[0] == expected[1]
    assert recipes.n_training(recipe) == 55_000
    assert recipes.n_training(replace(recipe, n_train=1234)) == 1234


@pytest.fixture
def measured(monkeypatch):
    """The recipes whose pace was asked for: 1 ms per step of a sequence, and more for each neuron. No clock runs."""
    asked = []

    def seconds_per_sequence(recipe, duration):
        asked.append(recipe)
        return 1e-3 * recipes.steps_and_inputs(recipe)[0] + 1e-6 * sum(recipe.hidden)

    monkeypatch.setattr(recipes, "seconds_per_sequence", seconds_per_sequence)
    return asked


@pytest.mark.parametrize("name", RECIPES)
def test_estimated_seconds(name):
    """All sequences of all epochs."""
    recipe = RECIPES[name]
    assert recipes.estimated_seconds(recipe, 0.25) == 0.25 * recipe.epochs * recipes.n_training(recipe)


@pytest.mark.parametrize("batch_size, n", [(5, 5), (256, 32)])
def test_a_pace_is_that_of_the_gradient(monkeypatch, batch_size, n):
    """Of a few random sequences, repeated for half a second; the first call, which may compile, does not count."""
    clock, calls = [100.0], []

    def loss_and_grad(net, x, y):
        calls.append((net.config(), x))
        assert len(y) == len(x)
        clock[0] += 60.0 if len(calls) == 1 else 0.003 * len(x)

    monkeypatch.setattr(recipes, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(ms.Network, "loss_and_grad", loss_and_grad)
    recipe = recipes.recipe("match-asrc", hidden=(4, 3), lag=7, batch_size=batch_size)
    assert recipes.seconds_per_sequence(recipe, duration=0.5) == pytest.approx(0.003)
    assert clock[0] == pytest.approx(160.5, abs=0.003 * n) and clock[0] >= 160.5
    assert {x.shape for _, x in calls[1:]} == {(n, 17, 1)}
    assert np.std(calls[1][1]) > 0.1  # random, not constant
    assert all(config == recipes.make_network(recipe).config() for config, _ in calls)
    calls.clear()
    assert recipes.seconds_per_sequence(recipe, duration=0.001) == pytest.approx(0.003)
    assert len(calls) == 2


# What differs, and the table


@pytest.mark.parametrize("setting", FIELDS)
def test_differences_name_the_setting(setting):
    before = RECIPES["psdigits-asrc"]
    now = replace(before, **{setting: other(before, setting)})
    old, new = getattr(before, setting), getattr(now, setting)
    assert recipes.differences(before, now) == [f"{setting}: {old!r} there, now {new!r}"]
    assert recipes.differences(now, before) == [f"{setting}: {new!r} there, now {old!r}"]
    assert recipes.differences(now, replace(now)) == []


def test_differences_name_all_settings():
    before = Recipe()
    now = Recipe(**{setting: other(before, setting) for setting in FIELDS})
    assert [line.partition(":")[0] for line in recipes.differences(before, now)] == FIELDS
    now = replace(before, seed=4, span=2)
    assert recipes.differences(before, now) == ["span: 12 there, now 2", "seed: 0 there, now 4"]


def test_recipes_are_all_different():
    assert len({astuple(recipe) for recipe in RECIPES.values()}) == len(RECIPES)


def test_table(measured):
    """A row for each recipe, with what is trained and about how long."""
    head, *rows = recipes.table().splitlines()
    assert [row.split()[0] for row in rows] == list(RECIPES)
    assert {len(row) for row in rows} == {len(head)} and len(head) <= 120
    for row, (name, recipe) in zip(rows, RECIPES.items()):
        net = recipes.make_network(recipe)
        n, steps, network, n_parameters, epochs, about, unit = re.fullmatch(
            rf"{name} +(\d+) +(\d+)  (\[.*\].*?) +(\d+) +(\d+) +([\d.]+) (h|min)", row
        ).groups()
        assert (int(n), int(steps), int(epochs)) == (
            recipes.n_training(recipe),
            recipes.steps_and_inputs(recipe)[0],
            recipe.epochs,
        )
        assert int(n_parameters) == sum(net.params[part].size for part in net.params)
        spans = {"src": f"λ={recipe.span}", "asrc": f"K={recipe.max_span}"}
        assert network.split("]")[0] == str(list(net.sizes))[:-1]
        assert network.split("]")[1].strip() == spans.get(recipe.model, "")
        minutes = float(about) * {"h": 60, "min": 1}[unit]
        per_sequence = 1e-3 * recipes.steps_and_inputs(recipe)[0] + 1e-6 * sum(recipe.hidden)
        assert minutes == pytest.approx(max(recipes.estimated_seconds(recipe, per_sequence) / 60, 1), rel=0.05, abs=0.5)


def test_the_table_measures_no_kind_of_network_twice(measured):
    """Neither the order of the pixels nor λ makes a difference to the pace; T, layers, model and K do."""

    def kind(recipe):
        return recipes.steps_and_inputs(recipe), recipe.hidden, recipe.model, recipe.max_span * (recipe.model == "asrc")

    recipes.table()
    kinds = [kind(recipe) for recipe in measured]
    assert len(kinds) == len(set(kinds)) == 34
    assert set(kinds) == {kind(recipe) for recipe in RECIPES.values()}
