"""The findings: statistics, tasks and tuning, experiments, claims, stored results, tables and figures."""

import csv
import json
import re
import shutil
import warnings
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

import minisnn as ms
from minisnn import cli
from minisnn.analysis.robustness import NOISES
from minisnn.experiments import findings, recipes
from minisnn.experiments import sweep as sweeps
from minisnn.experiments.findings import claims, experiments, figures, full, measures, results, tables, tasks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "tutorials" / "findings"
RESULTS = PAGE / "results"

# ---- statistics


@pytest.mark.parametrize("n, level", [(2, 0.95), (3, 0.9), (10, 0.99)])
def test_intervals_are_those_of_the_t_test(rng, n, level):
    first, second = rng.normal(3, 2, n), rng.normal(1, 1, n)
    ours = findings.paired_difference(first, second, level)
    theirs = stats.ttest_rel(first, second).confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.n == n and ours.mean == pytest.approx(np.mean(first) - np.mean(second))


def test_intervals_cover_as_often_as_they_say(rng):
    drawn = rng.normal(5.0, 3.0, (4000, 4))
    intervals = [findings.mean_interval(values, 0.8) for values in drawn]
    assert np.mean([i.low < 5 < i.high for i in intervals]) == pytest.approx(0.8, abs=0.02)  # three standard errors


def test_pairing_takes_out_what_seeds_have_in_common(rng):
    seeds = rng.normal(0, 10, 6)
    paired = findings.paired_difference(seeds + 1 + rng.normal(0, 0.1, 6), seeds)
    assert paired.verdict == "higher" and paired.half_width < 0.5
    assert findings.paired_difference(seeds, seeds + 5 + rng.normal(0, 0.1, 6)).verdict == "lower"
    assert findings.mean_interval([-1.0, 1.0]).verdict == "undecided"


def test_intervals_say_what_is_off():
    with pytest.raises(ValueError, match="two or more finite values"):
        findings.mean_interval([1.0])
    with pytest.raises(ValueError, match="two or more finite values"):
        findings.mean_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="level"):
        findings.mean_interval([1.0, 2.0], 95)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        findings.paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


def test_p_values_are_those_of_the_paired_test(rng):
    first, second = rng.normal(3, 2, 7), rng.normal(1, 1, 7)
    assert claims.p_value(first - second) == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert claims.p_value([0.0, 0.0]) == 1 and claims.p_value([2.0, 2.0]) == 0


def test_holm_by_its_definition(rng):
    """Step down by hand: reject from the smallest on, while p is below level / (how many are left)."""
    for _ in range(50):
        p = rng.random(9) ** 4
        level, rejected = 0.05, set()
        for left, i in zip(range(9, 0, -1), np.argsort(p)):
            if p[i] > level / left:
                break
            rejected.add(int(i))
        assert set(np.flatnonzero(findings.holm(p) <= level).tolist()) == rejected
    assert findings.holm([0.2]).tolist() == [0.2]
    assert findings.holm([0.4, 0.9, 1.0]).max() == 1


def test_holm_keeps_its_promise(rng):
    """Of many families of true hypotheses, at most a twentieth has even one false rejection."""
    false = [(findings.holm(rng.random(6)) < 0.05).any() for _ in range(4000)]
    assert np.mean(false) == pytest.approx(0.05, abs=0.011)  # 1 - (1 - 0.05 / 6)^6 is 0.049; three standard errors


# ---- tasks


@pytest.mark.parametrize("name", findings.TASKS)
def test_every_network_of_every_task_can_be_made(name):
    task = findings.TASKS[name]
    best = {family: tried[-1] for family, tried in tasks.families(task).items()}
    settings_of = tasks.networks(best)
    n_layers = len(recipes.RECIPES[task.recipe].hidden)
    settings_of["transplanted spans"] = tasks.transplanted(best, (3,) * n_layers)
    assert list(findings.MAIN) == [network for network in findings.MAIN if network in settings_of]
    (of_run, *_) = task.units[list(task.units)[-1]]
    made = {
        network: recipes.recipe(task.recipe, **task.common, **of_network, **of_run)
        for network, of_network in settings_of.items()
    }
    sizes = {network: recipes.make_network(recipe).params.flat.size for network, recipe in made.items()}
    equal = ("RSNN", "ALIF RSNN", "SRC", "random spans", "transplanted spans", "uniform mixture")
    assert len({sizes[network] for network in equal}) == 1
    names = [sweeps.run_name(of_network, 0) for network, of_network in settings_of.items()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", findings.TASKS)
def test_every_family_has_twelve_settings_and_other_seeds_than_those_compared(name):
    """The plan's promise: an equal budget, on runs that are not compared, whose settings the recipe knows."""
    task = findings.TASKS[name]
    for tried in tasks.families(task).values():
        assert len({json.dumps(settings) for settings in tried}) == len(tried) == 12
        for settings in tried:
            for of_run in task.tuning:
                recipes.recipe(task.recipe, **{**task.common, **settings, **of_run})
    compared = {of_run["seed"] for of_unit in task.units.values() for of_run in of_unit}
    assert not compared & {of_run["seed"] for of_run in task.tuning}
    assert len(task.units) in (6, 10)


def test_units_have_data_of_their_own():
    for name in ("psdigits", "psmnist14", "match"):
        chosen = [recipes.recipe(findings.TASKS[name].recipe, seed=seed) for seed in (0, 1)]
        assert all(recipe.data_seed is None for recipe in chosen)
    one, other = (recipes.make_data(recipes.recipe("psdigits-src", seed=seed)) for seed in (0, 1))
    assert one.record["permutation"] != other.record["permutation"]


def test_controls_take_the_settings_of_asrc():
    best = {family: {"model": "rsnn", "lr": 0.5} for family in tasks.RNNS}
    best |= {"SRC": {"model": "src", "lr": 0.25, "span": 7}, "ASRC": {"model": "asrc", "lr": 0.125, "max_span": 9}}
    settings_of = tasks.networks(best)
    assert settings_of["random spans"] == {"model": "random", "lr": 0.125, "max_span": 9}
    assert settings_of["uniform mixture"] == {"model": "mixture", "lr": 0.125, "max_span": 9}
    assert settings_of["feedforward"] == {"model": "ff", "lr": 0.5}
    assert tasks.transplanted(best, (2, 5)) == {"model": "src", "lr": 0.125, "span": (2, 5)}
    assert tasks.transplanted(best, (2,))["span"] == 2  # the same run as that of SRC λ=2


def test_levels_are_those_of_the_noises_and_begin_at_none():
    assert set(findings.LEVELS) == set(NOISES)
    for levels in findings.LEVELS.values():
        assert 0 in levels and list(levels) == sorted(set(levels))


# ---- experiments


class InProcess(Executor):
    """Runs what is submitted at once, here."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


SMALL = {"lag": 6, "n_train": 40, "hidden": (9,), "epochs": 2, "batch_size": 10, "readout_window": None}


def few_settings(task) -> dict[str, list[dict]]:
    """Two settings for SRC and ASRC, one for the others."""
    rsnn = {"model": "rsnn", "lr": 0.01}
    return {
        "RSNN": [rsnn],
        "PLIF RSNN": [{**rsnn, "learn_decay": True}],
        "ALIF RSNN": [{**rsnn, "adaptive": True}],
        "SRC": [{"model": "src", "lr": 0.005, "span": span} for span in (2, 3)],
        "ASRC": [{"model": "asrc", "lr": 0.005, "max_span": k} for k in (4, 5)],
    }


def patch(monkeypatch) -> None:
    """Leave one task of two units, one of them the mean of two runs, with small networks trained for two epochs."""
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: InProcess())
    monkeypatch.setattr(experiments, "DRAWS", 2)
    monkeypatch.setattr(experiments, "N_NOISY", 50)
    monkeypatch.setattr(experiments, "N_BY_SPEC", 25)
    for noise, levels in tasks.LEVELS.items():
        monkeypatch.setitem(tasks.LEVELS, noise, tuple(sorted({levels[0], 0, levels[-1]})))
    units = {"a": ({"seed": 0},), "b": ({"seed": 1}, {"seed": 2})}
    task = tasks.Task("match-src", "a match", units, ({"seed": 7},), (), (), far=4, common=SMALL)
    for module in (tasks, results, tables, figures, measures, claims, cli):
        monkeypatch.setattr(module, "TASKS", {"match": task})
    for module in (tasks, results, experiments, figures):
        monkeypatch.setattr(module, "families", few_settings)
    of_lags = {name: [value] for name, value in SMALL.items() if name != "lag"}
    grids = [
        {"model": ["src"], "lag": [5, 6], "span": [3], **of_lags},
        {"model": ["ff", "asrc"], "lag": [5, 6], **of_lags},
    ]
    monkeypatch.setattr(experiments, "LAG_GRIDS", grids)
    monkeypatch.setattr(experiments, "LAG_SEEDS", 2)
    monkeypatch.setattr(experiments, "SLOW_EPOCHS", 4)
    monkeypatch.setattr(results, "OF_ONE_TASK", dict.fromkeys(results.OF_ONE_TASK, "match"))


def run_all(folder):
    """The folder of the results."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "after .*epoch.* layer")  # these networks may be silent
        for experiment in findings.EXPERIMENTS:
            findings.run(experiment, "match", folder / "runs", folder / "page" / "results", progress=False)
    return folder / "page" / "results"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which all experiments have been done."""
    folder = tmp_path_factory.mktemp("findings")
    with pytest.MonkeyPatch.context() as monkeypatch:
        patch(monkeypatch)
        run_all(folder)
    return folder


@pytest.fixture
def tiny(monkeypatch, done, tmp_path):
    """The name of the task, and a copy of that folder in tmp_path."""
    patch(monkeypatch)
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    return "match"


def run_folder(tmp_path, of_network: dict, seed: int) -> Path:
    return tmp_path / "runs" / "match" / "runs" / sweeps.run_name({**SMALL, **of_network}, seed)


@pytest.mark.compiled
def test_tuning_chooses_on_validation_data(tmp_path, tiny):
    """The best of each family by the rows; made-up rows turn the choice. Test accuracy is not even stored."""
    stored = tmp_path / "page" / "results"
    rows = findings.read(stored, tiny, "tuning")
    assert all("test" not in column for column in rows[0])
    words = {"SRC": ("lr 0.005, λ 2", "lr 0.005, λ 3"), "ASRC": ("lr 0.005, K 4", "lr 0.005, K 5")}
    words |= dict.fromkeys(tasks.RNNS, ("lr 0.01",))
    assert [(row["family"], row["setting"]) for row in rows] == [(f, w) for f in few_settings(None) for w in words[f]]
    path = stored / "match-tuning.csv"
    head = "family,setting,seed,validation_accuracy,best_epoch,seconds\n"
    values = {"SRC": (0.5, 0.6), "ASRC": (0.5, 0.5), "RSNN": (0.4,), "PLIF RSNN": (0.45,), "ALIF RSNN": (0.4,)}
    lines = [f'{f},"{w}",7,{v},0,1\n' for f in values for w, v in zip(words[f], values[f])]
    path.write_text(head + "".join(lines), encoding="utf-8")
    chosen = findings.chosen(stored, tiny)
    assert chosen["SRC"]["span"] == 3 and chosen["ASRC"]["max_span"] == 4  # the better one; of equals the first
    assert [settings["max_span"] for settings in results.tied(stored, tiny)["ASRC"]] == [4, 5]
    assert "| ASRC | lr 0.005, K 4; the first of 2 equals | 50.0 |" in tables.tuning(stored, tiny)
    assert measures.rival(stored, tiny) == "PLIF RSNN"
    for other in (
        lines[1:],
        [*lines, lines[0]],
        [*lines[:-1], lines[-1].replace(",7,", ",8,")],
        [*lines, lines[0].replace("λ 2", "λ 9")],
    ):
        path.write_text(
            head + "".join(other), encoding="utf-8"
        )  # a row is missing, twice there, of another seed, unknown
        with pytest.raises(ValueError, match="does not have the settings and seeds of match, each once"):
            findings.chosen(stored, tiny)


def test_settings_in_words():
    """With the symbols of the plan; what a family is stays unsaid. The twelve of a family differ."""
    alif = {"model": "rsnn", "adaptive": True, "adaptation_decay": 0.9, "adaptation_strength": 0.1, "clip_norm": None}
    assert experiments.in_words(alif) == "ρ 0.9, κ 0.1, not clipped"
    for task in findings.TASKS.values():
        for tried in tasks.families(task).values():
            assert len({experiments.in_words(settings) for settings in tried}) == 12


@pytest.mark.compiled
def test_ties(tmp_path, tiny, monkeypatch):
    """All settings that are equal in tuning are trained; random spans take each K of ASRC."""
    stored = tmp_path / "page" / "results"
    src, asrc = few_settings(None)["SRC"], few_settings(None)["ASRC"]
    monkeypatch.setattr(results, "tied", lambda *_: {"SRC": src, "ASRC": asrc[1:], "RSNN": []})
    findings.run("ties", tiny, tmp_path / "runs", stored, progress=False)
    rows = findings.read(stored, tiny, "ties")
    lines = [
        ("SRC", "lr 0.005, λ 2"),
        ("SRC", "lr 0.005, λ 3"),
        ("ASRC", "lr 0.005, K 5"),
        ("random spans", "lr 0.005, K 5"),
    ]
    assert [(row["network"], row["setting"]) for row in rows] == [line for line in lines for _ in range(3)]
    for row in rows[-3:]:
        random = {"model": "random", "lr": 0.005, "max_span": 5}
        net = ms.Network.load(run_folder(tmp_path, random, row["seed"]) / "best.npz")
        assert row["spans"] == str(net.spans()[0])
    values = {line: 100 * findings.by_unit(rows, "test_accuracy", network=line[0], setting=line[1]) for line in lines}
    last = tables.ties(stored).splitlines()[-1].split(" | ")
    assert last[2] == f"{values[lines[3]].mean():.1f}" and last[3] == f"{values[lines[3]].min():.1f}"
    assert last[5] == measures.signed(findings.paired_difference(values[lines[2]], values[lines[3]])) + " |"


@pytest.mark.compiled
def test_experiments(tmp_path, tiny, monkeypatch):
    """Each row agrees with the network that was saved; what has been measured is not measured again."""
    stored = tmp_path / "page" / "results"
    best, task = findings.chosen(stored, tiny), tasks.TASKS[tiny]
    rows = findings.read(stored, tiny, "accuracy")
    expected = [*tasks.networks(best), "transplanted spans"]
    assert [(row["network"], row["unit"], row["seed"]) for row in rows] == [
        (network, unit, seed) for network in expected for unit, seed in (("a", 0), ("b", 1), ("b", 2))
    ]
    noisy, flows = (findings.read(stored, tiny, name) for name in ("robustness", "gradients"))
    for network in ("RSNN", "SRC", "ASRC", "random spans"):
        of_network = tasks.networks(best)[network]
        net = ms.Network.load(run_folder(tmp_path, of_network, 1) / "best.npz")
        data = recipes.make_data(recipes.recipe(task.recipe, **SMALL, **of_network, seed=1))
        (row,) = [row for row in rows if row["network"] == network and row["seed"] == 1]
        assert row["test_accuracy"] == net.evaluate(data.test, span_mode="hard").accuracy
        assert row["spans"] == " ".join("-" if span is None else str(span) for span in net.spans())
        at_0 = {r["noise"]: r["accuracy"] for r in noisy if (r["network"], r["seed"], r["level"]) == (network, 1, 0)}
        assert set(at_0) == set(NOISES) and len(set(at_0.values())) <= 2  # two sets of sequences
        (curve,) = [r for r in flows if r["network"] == network and r["seed"] == 1]
        order = ms._internal.rng.stream(0, "findings", "gradients").permutation(len(data.validation))[:64]
        x, y = data.validation.x[order], data.validation.y[order]
        norms = ms.gradient_flow(net, x, y, span_mode="hard").norms[0][:, ::-1]
        alive = norms[norms[:, 0] > 0]
        lags = [value for key, value in curve.items() if key.startswith("lag ")]
        assert lags == pytest.approx(np.median(alive / alive[:, :1], axis=0), rel=0.01)
        assert curve["sequences"] == len(alive)
    before = {path: path.read_bytes() for path in stored.iterdir()}
    for name in ("measure_gradients", "measure_robustness"):
        monkeypatch.setattr(experiments, name, lambda *a: pytest.fail("measured twice"))
    again = run_all(tmp_path)
    assert {path: path.read_bytes() for path in again.iterdir()} == before


@pytest.mark.compiled
def test_transplants_have_the_spans_that_asrc_found(tmp_path, tiny):
    stored = tmp_path / "page" / "results"
    rows = findings.read(stored, tiny, "accuracy")
    spans = {
        name: {row["seed"]: row["spans"] for row in rows if row["network"] == name}
        for name in ("ASRC", "transplanted spans")
    }
    assert spans["ASRC"] == spans["transplanted spans"]
    for seed, text in spans["ASRC"].items():
        net = ms.Network.load(run_folder(tmp_path, {"model": "src", "lr": 0.005, "span": int(text)}, seed) / "best.npz")
        assert net.spans() == [int(text)]


@pytest.mark.compiled
def test_spans_are_followed(tmp_path, tiny):
    """The likeliest span of each epoch, its weight and the updates so far, from the history."""
    rows = findings.read(tmp_path / "page" / "results", tiny, "spans")
    assert [(row["unit"], row["seed"], row["epoch"]) for row in rows] == [
        (unit, seed, epoch) for unit, seed in (("a", 0), ("b", 1), ("b", 2)) for epoch in range(2)
    ]
    best = findings.chosen(tmp_path / "page" / "results", tiny)["ASRC"]
    history = ms.History.from_json(run_folder(tmp_path, best, 2) / "history.json")
    for row, epoch in zip(rows[-2:], history.rows):
        (p,) = epoch["span_weights"]
        assert row["span"] == np.argmax(p) + 1 and row["weight"] == pytest.approx(max(p), abs=1e-4)
    assert [row["updates"] for row in rows[:2]] == [4, 8]  # 40 sequences in batches of 10


@pytest.mark.compiled
def test_slow_trainings(tmp_path, tiny):
    """ASRC and random spans of the first units, for more epochs, so that T° falls more slowly."""
    stored = tmp_path / "page" / "results"
    rows, runs = findings.read(stored, tiny, "slow"), (("a", 0), ("b", 1), ("b", 2))
    assert [(row["network"], row["unit"], row["seed"]) for row in rows] == [
        (network, *run) for network in ("ASRC", "random spans") for run in runs
    ]
    best = tasks.networks(findings.chosen(stored, tiny))
    for row in rows:
        name = sweeps.run_name({**SMALL, **best[row["network"]], "epochs": 4}, row["seed"])
        run = tmp_path / "runs" / tiny / "slow" / "runs" / name
        net, recipe = ms.Network.load(run / "best.npz"), ms.experiments.run.read_recipe(run)
        assert row["test_accuracy"] == net.evaluate(recipes.make_data(recipe).test, span_mode="hard").accuracy
        assert row["spans"] == " ".join(map(str, net.spans()))
        if row["network"] == "random spans":
            assert row["decided"] == ""
            continue
        history = ms.History.from_json(run / "history.json")
        assert history.rows[2]["temperature"] == pytest.approx(2.8e-4**0.5)
        sharp = [max(row["span_weights"][0]) > 0.9 for row in history.rows]
        last_blurred = max((i for i, is_sharp in enumerate(sharp) if not is_sharp), default=-1)
        assert row["decided"] == (str(4 * (last_blurred + 2)) if last_blurred < 3 else "inf")  # of 40 in batches of 10


@pytest.mark.compiled
def test_the_table_of_slow_trainings(tmp_path, tiny, monkeypatch):
    """Its last line is the paired difference over units, a unit being the mean of its runs."""
    rows = findings.read(tmp_path / "page" / "results", tiny, "slow")
    for row, accuracy in zip(rows, (0.5, 0.6, 0.8, 0.4, 0.6, 0.6)):
        row["test_accuracy"] = accuracy
    rows[0]["decided"] = "inf"
    monkeypatch.setattr(tables, "read", lambda *_: rows)
    lines = [line.split(" | ") for line in tables.slow(None).splitlines()[2:]]
    assert [line[4] for line in lines] == ["50.0", "60.0", "80.0", "40.0", "60.0", "60.0", "+10.0 ± 0.0"]
    assert lines[0][6] == "never |"


@pytest.mark.compiled
def test_full_length(tmp_path, monkeypatch, capsys):
    """The folders of the runs are stored whole: `minisnn plot` draws them, tables and figures are made of them."""
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: InProcess())
    monkeypatch.setattr(full, "RECIPE", "match-src")
    monkeypatch.setattr(full, "COMMON", {**SMALL, "lag": 16, "epochs": 2})
    page = tmp_path / "page"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "after .*epoch.* layer")
        options = ["--folder", str(tmp_path / "runs"), "--page", str(page), "--quiet"]
        assert cli.main(["findings", "full", *options]) == 0
    assert capsys.readouterr().out == f"{page / 'results' / 'full'}\n"
    assert full.stored(page / "results") == list(full.NETWORKS)
    rows = [line.split(" | ") for line in tables.full(page / "results").splitlines()[2:]]
    for (network, of_network), row in zip(full.NETWORKS.items(), rows, strict=True):
        run = full.of(page / "results", network)
        net, recipe = ms.Network.load(run / "best.npz"), ms.experiments.run.read_recipe(run)
        assert recipe == recipes.recipe("match-src", **{**full.COMMON, **of_network})
        accuracy = net.evaluate(recipes.make_data(recipe).test, span_mode="hard").accuracy
        assert (row[0], row[3]) == (f"| {network}", f"{100 * accuracy:.2f}")
        assert row[4] == ("" if network == "RSNN" else str(net.spans()[0]))
    assert cli.main(["plot", str(full.of(page / "results", "ASRC"))]) == 0
    assert cli.main(["findings", "full", "--tasks", "match", *options]) == 2
    assert "it takes no --tasks" in capsys.readouterr().err
    before = {path: path.read_bytes() for path in (page / "results").rglob("*") if path.is_file()}
    assert cli.main(["findings", "full", *options]) == 0
    assert {path: path.read_bytes() for path in before} == before
    for gone in (tmp_path / "runs", full.of(page / "results", "SRC")):
        shutil.rmtree(gone)
    assert cli.main(["findings", "full", *options]) == 0  # only what is not stored is trained
    (trained,) = (tmp_path / "runs" / "full" / "runs").iterdir()
    assert "model=src" in trained.name
    assert full.stored(page / "results") == list(full.NETWORKS)
    shutil.rmtree(page)
    monkeypatch.setitem(recipes.RECIPES, "match-src", replace(recipes.RECIPES["match-src"], weight_decay=0.5))
    assert cli.main(["findings", "full", *options]) == 2  # runs of another recipe are not stored
    assert not full.stored(page / "results")


def test_when_spans_are_decided(monkeypatch):
    def rows(unit, layer, weights):
        return [
            {"unit": unit, "seed": 0, "layer": layer, "updates": 10 * (i + 1), "weight": w}
            for i, w in enumerate(weights)
        ]

    made = rows("a", 0, (0.5, 0.95, 0.96)) + rows("a", 1, (0.95, 0.5, 0.91)) + rows("b", 0, (0.91, 0.92, 0.93))
    made += rows("b", 1, (0.99, 0.99, 0.9))
    monkeypatch.setattr(measures, "read", lambda *a: made)
    assert measures.updates_until_decided(None, "match").tolist() == [[20, 30], [10, np.inf]]


@pytest.mark.compiled
def test_an_interrupted_experiment_keeps_what_it_measured(tmp_path, tiny, monkeypatch):
    measured = []
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: ThreadPoolExecutor(1))
    monkeypatch.setattr(experiments, "as_completed", list)  # in their order, however many have ended when it looks
    shutil.rmtree(tmp_path / "runs" / tiny / "gradients")
    stored = tmp_path / "page" / "results"
    (stored / "match-gradients.csv").unlink()

    def measure(recipe, run, steps):
        if len(measured) == 3:
            raise KeyboardInterrupt
        measured.append(run)
        return [{"value": len(measured)}]

    monkeypatch.setattr(experiments, "measure_gradients", measure)
    with pytest.raises(KeyboardInterrupt):
        findings.run("gradients", tiny, tmp_path / "runs", stored, progress=False)
    assert not (stored / "match-gradients.csv").exists()
    monkeypatch.setattr(experiments, "measure_gradients", lambda recipe, run, steps: measured.append(run) or [{"v": 0}])
    findings.run("gradients", tiny, tmp_path / "runs", stored, progress=False)
    assert len(measured) == len(set(measured))
    assert len(findings.read(stored, tiny, "gradients")) == 3 * len(findings.MAIN)


@pytest.mark.compiled
def test_other_settings_are_measured_anew(tmp_path, tiny, monkeypatch):
    """What was measured in another way, or of a network that has been trained anew since, counts as missing."""
    stored = tmp_path / "page" / "results"
    measured = []
    before = experiments.measure_robustness
    monkeypatch.setattr(experiments, "measure_robustness", lambda *a: measured.append(a[1].name) or before(*a))

    def again():
        measured.clear()
        findings.run("robustness", tiny, tmp_path / "runs", stored, progress=False)
        return len(measured)

    assert again() == 0
    monkeypatch.setitem(tasks.LEVELS, "gaussian", (0, 0.25))
    n = again()
    assert n > 10 and again() == 0
    levels = {row["level"] for row in findings.read(stored, tiny, "robustness") if row["noise"] == "gaussian"}
    assert levels == {0, 0.25}
    run = run_folder(tmp_path, few_settings(None)["RSNN"][0], 1)
    net = ms.Network.load(run / "best.npz")
    net.params.flat *= 1.1
    net.save(run / "best.npz")
    assert again() == 1 and measured == [run.name]


@pytest.mark.compiled
def test_runs_with_other_settings_are_reported(tmp_path, tiny, monkeypatch):
    changed = replace(recipes.RECIPES["match-src"], weight_decay=0.5)
    monkeypatch.setitem(recipes.RECIPES, "match-src", changed)
    with pytest.raises(ValueError, match=r"other settings \(weight_decay 0\.01 there, now 0\.5\); name another folder"):
        experiments.tuning(tasks.TASKS[tiny], tmp_path / "runs" / tiny, None, progress=False)


@pytest.mark.compiled
def test_what_nothing_was_done_for_keeps_its_date(tmp_path, tiny, monkeypatch):
    stored = tmp_path / "page" / "results"
    monkeypatch.setattr(results, "time", SimpleNamespace(strftime=lambda _: "2003-04-05"))
    (stored / "match.json").unlink()
    findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
    record = json.loads((stored / "match.json").read_text())
    assert record["date"] == "2003-04-05"
    assert record["measured"]["robustness"]["draws"] == 2 and record["measured"]["gradients"] == {
        "sequences": 64,
        "steps": None,
    }
    assert record["processor"] and set(record["versions"]) == {"numpy", "numba", "python", "minisnn"}
    assert record["chosen"] == findings.chosen(stored, tiny)
    (stored / "match.json").write_text(json.dumps({**record, "date": "2001-02-03"}))
    findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
    assert json.loads((stored / "match.json").read_text())["date"] == "2001-02-03"
    for text in ("{", json.dumps({**record, "date": "2001-02-03", "recipe": {}})):  # not a record, or not of this task
        (stored / "match.json").write_text(text)
        findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
        assert json.loads((stored / "match.json").read_text()) == record
    (stored / "match.json").write_text(json.dumps({**record, "date": "2001-02-03"}))
    path = stored / "match-accuracy.csv"
    path.write_text(path.read_text() + "\n")
    findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
    assert json.loads((stored / "match.json").read_text())["date"] == record["date"]


def test_gradients_of_sequences_with_lengths_of_their_own(tmp_path, monkeypatch):
    """Those that have so many steps, cut to them: what is shorter is not read."""
    net = ms.Network([2, 6, 3], recurrence=ms.SRC(2), seed=1)
    net.save(tmp_path / "best.npz")
    rng = np.random.default_rng(0)
    x, y, lengths = 2 * rng.random((9, 12, 2)), np.arange(9) % 3, np.array([4, 12, 7, 8, 12, 3, 8, 9, 5])
    split = ms.datasets.Split(x, y, lengths)
    data = ms.datasets.Dataset(split, split, split, 3)
    monkeypatch.setattr(recipes, "make_data", lambda recipe: data)
    (row,) = experiments.measure_gradients(None, tmp_path, 8)
    long = lengths >= 8
    norms = ms.gradient_flow(net, x[long, :8], y[long], span_mode="hard").norms[0][:, ::-1]
    alive = norms[norms[:, 0] > 0]
    assert [row[f"lag {lag}"] for lag in range(8)] == pytest.approx(np.median(alive / alive[:, :1], axis=0), rel=0.01)
    assert "lag 8" not in row


@pytest.mark.compiled
def test_report(tmp_path, tiny, capsys):
    """From the command line: the page is filled from what is stored, twice alike; figures are figures."""
    stored = tmp_path / "page" / "results"
    marks = [
        f"<!-- findings: {name} match -->\nstale\n<!-- end of findings -->\n"
        for name in ("tuning", "accuracy", "gradients", "spans", "robustness")
    ]
    document = tmp_path / "page" / "README.md"
    document.write_text("# Title\n<!-- findings: claims -->\n<!-- end of findings -->\ntext\n" + "".join(marks))
    assert cli.main(["findings", "--report", "--page", str(tmp_path / "page")]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert printed[:2] == [stored / claims.PAIRS, document]
    assert len(printed) == 6 and all(path.read_bytes()[:4] == b"\x89PNG" for path in printed[2:])
    text = document.read_text()
    assert "stale" not in text and text.startswith("# Title\n<!-- findings: claims -->\n| claim | task |")
    assert tables.fill(text, stored) == text
    assert text.count("\n| RSNN |") == 3  # tuning, accuracy, gradients
    assert plt.get_fignums() == []


@pytest.mark.compiled
def test_tasks_without_results_are_not_run_yet(tmp_path, tiny, monkeypatch):
    """Their tables say so, and in Holm's correction their claims count with p = 1."""
    stored = tmp_path / "page" / "results"
    other = replace(tasks.TASKS[tiny], title="another")
    for module in (tasks, results, tables, figures, measures, claims):
        monkeypatch.setattr(module, "TASKS", {"match": tasks.TASKS["match"], "psdigits": other})
    assert findings.stored(stored) == ["match"]
    mark = "<!-- findings: accuracy psdigits -->\n<!-- end of findings -->\n"
    assert "\nNot run yet.\n" in tables.fill(mark, stored)
    assert "\nNot run yet.\n" in tables.fill("<!-- findings: claims -->\n<!-- end of findings -->\n", tmp_path)
    tests = findings.tests(stored, ["match"])
    assert len(tests) == 2 * len(findings.CLAIMS)
    assert {(test.verdict, test.corrected) for test in tests if test.task == "psdigits"} == {("not tested", 1.0)}
    assert [t.corrected for t in tests] == pytest.approx(findings.holm([t.p for t in tests]))


def test_what_is_not_there_is_told(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="minisnn findings accuracy --tasks match` makes it"):
        findings.read(tmp_path, "match", "accuracy")
    with pytest.raises(FileNotFoundError, match="minisnn findings tuning --tasks match` makes it"):
        findings.run("accuracy", "match", tmp_path / "runs", tmp_path / "results")
    with pytest.raises(FileNotFoundError, match="no task has all its results in"):
        findings.report(tmp_path)
    with pytest.raises(ValueError, match="table must be one of 'verdicts', 'claims'"):
        tables.fill("<!-- findings: claim -->\n<!-- end of findings -->", RESULTS)
    assert cli.main(["findings"]) == 2
    assert (
        "name experiments (tuning, accuracy, gradients, robustness, spans, lags, ties, slow, full)"
        in capsys.readouterr().err
    )
    assert cli.main(["findings", "accuracies"]) == 2
    assert "got 'accuracies'" in capsys.readouterr().err


@pytest.mark.compiled
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '{"rows": 3, "measured": {}}'])
def test_damaged_measurements_are_told(tmp_path, tiny, text):
    (path, *_) = sorted((tmp_path / "runs" / tiny / "gradients").iterdir())
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not what an experiment wrote .* delete it"):
        findings.run("gradients", tiny, tmp_path / "runs", tmp_path / "page" / "results", progress=False)


@pytest.mark.parametrize("text", ["", "\x00\x01", "a,b\n1,2\n", "network,seed,test_accuracy\nRSNN,0\n"])
def test_damaged_results_are_told(tmp_path, text):
    path = tmp_path / "match-accuracy.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged, .* --tasks match` makes it anew"):
        findings.read(tmp_path, "match", "accuracy")


def test_repetitions_are_compared(tmp_path, capsys):
    """In all columns but the seconds; of what both have. One thing is changed at a time."""
    texts = ["unit,seed,spans,accuracy,seconds\na,0,3 5,0.5,1.5\nb,1,2 8,nan,2.5\n", "seed,x,seconds\n7,-1,3.5\n"]
    names = ["match-accuracy.csv", "psdigits-slow.csv"]
    pages = [tmp_path / name for name in ("ours", "theirs")]
    for page in pages:
        (page / "results").mkdir(parents=True)
        for name, text in zip(names, texts):
            (page / "results" / name).write_text(text)
    (pages[0] / "results" / "spoken-accuracy.csv").write_text("not read")
    theirs = pages[1] / "results" / names[0]

    def compare() -> tuple[int, list[str]]:
        status = cli.main(["findings", "--page", str(pages[0]), "--against", str(pages[1])])
        return status, capsys.readouterr().out.splitlines()

    equal = [f"{names[0]}: 2 rows, all equal", f"{names[1]}: 1 row, all equal"]
    assert compare() == (0, equal[::-1])
    for old, new, words in [
        ("1.5", "2.0", "all equal"),
        ("0.5,", "0.25,", "1 difference, the first in row 1, accuracy: 0.5 against 0.25"),
        ("nan", "0.75", "1 difference, the first in row 2, accuracy: nan against 0.75"),
        ("3 5", "3 6", "1 difference, the first in row 1, spans: 3 5 against 3 6"),
        ("b,1", "c,2", "2 differences, the first in row 2, unit: b against c"),
        ("b,1,2 8,nan,2.5\n", "", "1 difference, the first in 2 rows against 1"),
        ("accuracy", "correct", "4 differences, the first in row 1, accuracy: 0.5 against None"),
    ]:
        theirs.write_text(texts[0].replace(old, new))
        status, printed = compare()
        assert status == (words != "all equal")
        assert f"{names[0]}: 2 rows, {words}" in printed and equal[1] in printed
    theirs.write_text("")
    assert cli.main(["findings", "--page", str(pages[0]), "--against", str(pages[1])]) == 2
    assert f"{theirs} is damaged" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="no file of results is both in"):
        findings.against(pages[0], tmp_path / "nowhere")


def test_rows_by_unit():
    """The mean over the runs of a unit, in the order of all rows, so that networks are paired whatever their order."""
    runs = (("b", 0, 1.0), ("a", 4, 2.0), ("b", 1, 4.0))
    rows = [{"unit": u, "seed": s, "x": x, "n": "A"} for u, s, x in runs]
    rows += [{"unit": u, "seed": s, "x": 10 * x, "n": "B"} for u, s, x in sorted(runs)]
    assert findings.by_unit(rows, "x", n="A").tolist() == [2.5, 2.0]
    assert findings.by_unit(rows, "x", n="B").tolist() == [25.0, 20.0]
    for other in (rows[1:], [*rows, rows[0]]):  # a run of A is missing, or twice there
        with pytest.raises(ValueError, match=r"expected one row per unit and seed, .* with n 'A', got"):
            findings.by_unit(other, "x", n="A")
    with pytest.raises(ValueError, match=r"with n 'C', got \[\]"):
        findings.by_unit(rows, "x", n="C")


@pytest.mark.parametrize(
    "options, words",
    [
        (["--report", "--tasks", "match"], "--report takes all stored results, and no --tasks"),
        (["--all", "accuracy"], "or --all, --report or --against"),
        (["--report", "--against", "a"], "or --all, --report or --against"),
        (["--against", "a", "--tasks", "match"], "--against takes all stored results, and no --tasks"),
        (["lags", "--tasks", "psdigits"], "'lags' belongs to the task 'match' alone"),
        (["slow", "--tasks", "match"], "'slow' belongs to the task 'psdigits' alone"),
    ],
)
def test_commands_that_do_not_fit(options, words, tmp_path, capsys):
    assert cli.main(["findings", *options, "--folder", str(tmp_path / "a"), "--page", str(tmp_path / "b")]) == 2
    assert words in capsys.readouterr().err
    assert not any((tmp_path / "a").rglob("*.json"))


MARK, END = "<!-- findings: {} -->\n", "<!-- end of findings -->\n"


@pytest.mark.parametrize(
    "text",
    [
        MARK.format("lags") + "| old |\n" + "prose\n" + MARK.format("lags") + END,  # an end is missing
        MARK.format("lags") + END + "prose\n" + END,
        MARK.format("lags").replace("\n", "\r\n") + END,
        MARK.format("lags-of-match") + END,
        MARK.format("lags").replace("-->", "->") + END,
    ],
)
def test_marks_that_are_off_are_told(text):
    with pytest.raises(ValueError, match=r"marks `<!-- .* each takes a line"):
        tables.fill(text, RESULTS)


def test_marks_name_a_task_where_they_need_one():
    for name in ("accuracy", "lags match", "full match", "accuracy match psdigits"):
        with pytest.raises(ValueError, match="in a mark"):
            tables.fill(MARK.format(name) + END, RESULTS)
    with pytest.raises(ValueError, match="task must be one of"):
        tables.fill(MARK.format("accuracy digits") + END, RESULTS)


# ---- measures and claims, on made-up rows

FLAT = np.array([0.0, 0.1, -0.1])  # three units, so little apart that every verdict is decided


def of_units(**columns):
    return [
        {
            "unit": str(unit),
            "seed": unit,
            **{k: v[unit] if isinstance(v, np.ndarray) else v for k, v in columns.items()},
        }
        for unit in range(3)
    ]


@pytest.fixture
def made(monkeypatch):
    """Rows of each experiment in place of stored ones."""
    rows = {"accuracy": [], "gradients": [], "robustness": []}
    monkeypatch.setattr(measures, "read", lambda folder, task, name: rows[name])
    monkeypatch.setattr(measures, "rival", lambda folder, task: "ALIF RSNN")
    return rows


def test_gradients_that_fall_by_so_many_decades(made):
    """A straight line on the log axis: its slope, and the share of a geometric series."""
    lags = np.arange(40)
    for network, slope in (("SRC", -0.02), ("ALIF RSNN", -0.1)):
        curve = {f"lag {d}": 10 ** (slope * d) for d in lags}
        made["gradients"] += of_units(network=network, **curve)
        assert measures.decades_per_step(None, "match", network) == pytest.approx([slope] * 3)
        sizes = 10 ** (slope * lags)
        share = np.log10(sizes[21:].sum() / sizes.sum())  # L of the task is 20
        assert measures.log_far_share(None, "match", network) == pytest.approx([share] * 3)
    curve = {f"lag {d}": np.array([1.0, 1.0, np.nan]) for d in lags}  # in the last unit no gradient arrives
    made["gradients"] += of_units(network="ASRC", **curve)
    assert np.isnan(measures.log_far_share(None, "match", "ASRC")).tolist() == [False, False, True]
    assert np.isnan(measures.decades_per_step(None, "match", "ASRC")).tolist() == [False, False, True]
    assert verdict(made, "1").difference.mean > 1
    made["gradients"] = [
        {**row, "network": "SRC"} if row["network"] == "ASRC" else row for row in made["gradients"][3:]
    ]
    untested = verdict(made, "1")
    assert untested.difference is None and untested.p == 1 and untested.verdict == "not tested"


def test_claim_1_for_other_lags(made, monkeypatch):
    """Where the far lags begin decides: a comb that has its only far tooth at lag 12 is behind beyond it."""
    monkeypatch.setattr(tables, "stored", lambda results: ["match"])
    monkeypatch.setattr(tables, "read", lambda *_: made["gradients"])
    for network, extra in (("SRC", 12), ("ALIF RSNN", 30)):
        curve = {f"lag {d}": 10.0 ** (-d) + (0.5 if d == extra else 0) for d in range(40)}
        made["gradients"] += of_units(network=network, **curve)
    head, _, row, *links = tables.beyond(None).splitlines()
    assert links == ["", "Rows: [delayed match](results/match-gradients.csv)"]
    values = dict(zip(head.split(" | ")[1:], row.split(" | ")[1:]))
    assert list(values) == ["5", "10", "15", "20", "25", "30", "35", "decades per step |"]
    slopes = [measures.decades_per_step(None, "match", network)[0] for network in ("SRC", "ALIF RSNN")]
    assert values["decades per step |"] == f"{slopes[0] - slopes[1]:+.3f} ± 0.000 |"
    share = {n: sum(10.0 ** (-d) + 0.5 * (d == n) for d in range(21, 40)) for n in (12, 30)}
    assert values["20"] == measures.signed(findings.mean_interval([np.log10(share[12] / share[30])] * 3), 2)
    assert float(values["10"].split()[0]) == 0 and float(values["15"].split()[0]) < -10


def test_shares_beyond(rng):
    """By their definition, of several curves at once; what lies beyond no lag but the last is the last."""
    found = rng.random((3, 2, 7))
    shares = measures.shares_beyond(found)
    assert shares.shape == (3, 2, 6)
    for far in range(6):
        expected = [[sum(curve[far + 1 :]) / sum(curve) for curve in pair] for pair in found]
        np.testing.assert_allclose(shares[..., far], expected, rtol=1e-12)


def noisy(network, clean, under):
    return [
        row
        for noise, levels in findings.LEVELS.items()
        for level in levels
        for row in of_units(network=network, noise=noise, level=level, accuracy=clean if level == 0 else under)
    ]


def test_what_is_kept():
    """Twice as accurate with noise and without is no robustness."""
    rows = noisy("ASRC", 0.8, 0.4)
    assert measures.area(rows, "ASRC", "dropped") == pytest.approx([40 + 0.1 * 20] * 3)  # 80 to 40 over a tenth
    assert measures.kept(rows, "ASRC", "dropped") == pytest.approx([100 * 42 / 80] * 3)
    twice = noisy("SRC", 0.4, 0.2)
    assert measures.kept(twice, "SRC", "dropped") == pytest.approx(measures.kept(rows, "ASRC", "dropped"))


def test_areas():
    """The mean of a straight line is its middle, whatever the spacing of the levels."""
    rows = [
        {"network": "a", "unit": str(seed), "seed": seed, "noise": "gaussian", "level": level}
        | {"accuracy": 0.9 - level * (1 + seed)}
        for seed in (0, 1)
        for level in findings.LEVELS["gaussian"]
    ]
    assert measures.area(rows, "a", "gaussian") == pytest.approx([65.0, 40.0])


def verdict(made, number: str):
    """The test of the claim with this number on delayed match."""
    (claim,) = [claim for claim in findings.CLAIMS if claim.text.startswith(number)]
    return claims._test(None, claim, "match", True)


def test_claims_about_accuracy(made):
    for network, mean in (("SRC", 0.8), ("ALIF RSNN", 0.7), ("ASRC", 0.75), ("random spans", 0.75)):
        made["accuracy"] += of_units(network=network, test_accuracy=mean + FLAT / 100 * (1 + 0.1 * (network == "ASRC")))
    made["accuracy"] += of_units(network="transplanted spans", test_accuracy=0.76 + 0.1 * FLAT)
    better = verdict(made, "2")
    assert better.difference.mean == pytest.approx(10) and better.other == "ALIF RSNN" and better.p < 1e-6
    assert replace(better, corrected=0.04).verdict == "supported"
    assert replace(better, corrected=0.06).verdict == "undecided"
    assert replace(verdict(made, "3a"), corrected=0.001).verdict == "refuted"
    assert replace(verdict(made, "3b"), corrected=1.0).verdict == "undecided; no difference above 2"
    assert replace(verdict(made, "5"), corrected=1.0).verdict == "undecided"  # -1 ± 2.5
    made["accuracy"] = of_units(network="ASRC", test_accuracy=0.99 + FLAT / 100)
    made["accuracy"] += of_units(network="SRC", test_accuracy=0.995)
    assert replace(verdict(made, "3a"), corrected=1.0).verdict == "undecided; both solve the task"
    assert replace(verdict(made, "3a"), corrected=0.01).verdict == "refuted; no difference above 2"
    made["accuracy"][3:] = of_units(network="SRC", test_accuracy=0.975)
    assert not verdict(made, "3a").at_ceiling


def test_claims_about_robustness(made):
    made["accuracy"] += of_units(network="ALIF RSNN", test_accuracy=0.7 + FLAT / 10)
    made["accuracy"] += of_units(network="SRC", test_accuracy=0.8 + FLAT / 10)
    made["robustness"] += noisy("SRC", 0.8, 0.4) + noisy("ALIF RSNN", 0.7, 0.3 + FLAT / 10)
    assert verdict(made, "4a").difference.mean > 0
    made["accuracy"][:3] = of_units(network="ALIF RSNN", test_accuracy=0.5 + FLAT / 10)  # of two classes
    guessed = verdict(made, "4a")
    assert guessed.difference is None and guessed.p == 1 and guessed.verdict == "not tested"
    assert verdict(made, "2").difference.mean == pytest.approx(30)  # which is no matter to accuracy
    made["accuracy"][3:] = of_units(network="SRC", test_accuracy=0.5 + FLAT / 10)
    made["accuracy"][:3] = of_units(network="ALIF RSNN", test_accuracy=0.7 + FLAT / 10)
    assert verdict(made, "4a").difference is None


def test_verdicts_in_short(monkeypatch):
    """One row per claim, one column per task in the order of the tasks; decades have two digits, points one."""
    made = []
    for claim in findings.CLAIMS:
        for i, task in enumerate(findings.TASKS):
            interval = None if i == 1 else findings.mean_interval([0.25 * i - 0.3, 0.25 * i - 0.3])
            made.append(claims.Test(claim, task, claim.other, interval, 0.5, 0.5 if i == 2 else 0.01))
    monkeypatch.setattr(tables, "stored", lambda results: ["match"])
    monkeypatch.setattr(tables, "tests", lambda results, names: made)
    head, _, *rows = [line.strip("| \n").split(" | ") for line in tables.verdicts(None).splitlines()]
    assert head[0] == "claim" and len(head) == 1 + len(findings.TASKS) and len(rows) == len(findings.CLAIMS)
    assert rows[0][1:] == [
        "**refuted** -0.30 ± 0.00",
        "not tested",
        "undecided +0.20 ± 0.00",
        "**supported** +0.45 ± 0.00",
    ]
    assert rows[1][1] == "**refuted** -0.3 ± 0.0" and rows[1][0] == f"{findings.CLAIMS[1].text} (points)"
    assert head[1:] == [task.title.partition(",")[0] for task in findings.TASKS.values()]


def test_tuning_is_drawn_at_its_best(monkeypatch):
    """The thick line is the best of the learning rates at each span."""
    means = {"SRC": np.arange(12)[::-1] / 100}
    monkeypatch.setattr(figures, "validation_means", lambda *_: means)
    _, ax = plt.subplots()
    figures.tuned_over(None, "psdigits", "SRC", "span", ax)
    (thick,) = [line for line in ax.lines if line.get_linewidth() > 1]
    assert thick.get_xdata().tolist() == [4, 8, 16, 32]
    assert thick.get_ydata() == pytest.approx([11, 10, 9, 8])  # of 11 10 9 8, 7 6 5 4 and 3 2 1 0
    plt.close("all")


# ---- what is stored


def test_the_plan_lists_what_is_run():
    """Its numbers of units, values of λ and K, and L are those of the tasks."""
    plan = (PAGE / "PLAN.md").read_text(encoding="utf-8")
    n_claims, n_tasks = len(findings.CLAIMS), len(findings.TASKS)
    assert f"{n_claims} tests, {n_tasks} tasks, {n_claims * n_tasks}" in plan
    for name, task in findings.TASKS.items():
        (line,) = [line for line in plan.splitlines() if line.startswith(f"| `{name}`")]
        assert line.endswith(f"| {task.far} |")
        for values in (task.spans, task.max_spans):
            assert ", ".join(map(str, values)) in plan
    for words in ("0.001, 0.0025, 0.005, 0.01; gradients not clipped, clipped at 1, at 0.1", "ρ 0.9, 0.98; κ 0.1, 0.5"):
        assert words in plan


def test_the_page_agrees_with_what_is_stored():
    """`minisnn findings --report` changes none of its tables, and it shows every figure that is drawn."""
    text = (PAGE / "README.md").read_text(encoding="utf-8")
    assert tables.fill(text, RESULTS) == text, "run `minisnn findings --report`: the page is out of date"
    shown = set(re.findall(r"\]\(figures/([\w.-]+\.png)\)", text))
    assert shown == {path.name for path in (PAGE / "figures").iterdir()}
    marked = re.findall("<!-- findings: (.*) -->", text)
    for name in findings.stored(RESULTS):
        assert {f"{table} {name}" for table in ("tuning", "accuracy", "gradients", "spans", "robustness")} <= set(
            marked
        )


def test_numbers_with_intervals_in_the_text_stand_in_a_table():
    """So that many sentences that are not renewed with the results are noticed; not all, as any table will do."""
    text = (PAGE / "README.md").read_text(encoding="utf-8")
    in_tables = "\n".join(re.findall(r"^\|.*$", text, re.MULTILINE))
    prose = " ".join(re.sub(r"^\|.*$", "", text, flags=re.MULTILINE).split())
    quoted = re.findall(r"[+-]\d+\.\d+ ± \d+\.\d+", prose)
    assert len(quoted) >= 4
    assert [number for number in quoted if number not in in_tables] == []
    assert abs(52 * tasks.SLOW_EPOCHS - 200 * 235) < 52 and f"{52 * tasks.SLOW_EPOCHS:,}" in text


def test_what_the_claims_compare_is_stored():
    """`claims.csv` is that of the stored results, and the tests are those of its differences."""
    with open(RESULTS / claims.PAIRS, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = findings.stored(RESULTS)
    expected = claims.pairs(RESULTS, names)
    assert [list(row) for row in rows] == [list(row) for row in expected]
    for row, other in zip(rows, expected, strict=True):
        for key, value in other.items():
            assert row[key] == value if isinstance(value, str) else float(row[key]) == pytest.approx(value, abs=2e-6)
        assert float(row["difference"]) == pytest.approx(float(row["of network"]) - float(row["of other"]), abs=2e-6)
    for test in findings.tests(RESULTS, names):
        number = test.claim.text.split()[0]
        of_test = [row for row in rows if (row["claim"], row["task"]) == (number, test.task)]
        assert [row["unit"] for row in of_test] == list(findings.TASKS[test.task].units)
        found = stats.ttest_1samp([float(row["difference"]) for row in of_test], 0.0)
        assert found.pvalue == pytest.approx(test.p, rel=1e-3) and {row["other"] for row in of_test} == {test.other}
    with open(RESULTS / "psdigits-accuracy.csv", newline="", encoding="utf-8") as file:
        accuracy = {(row["network"], row["unit"]): 100 * float(row["test_accuracy"]) for row in csv.DictReader(file)}
    for row in rows:
        if (row["claim"], row["task"]) == ("3a", "psdigits"):
            assert float(row["of network"]) == pytest.approx(accuracy["ASRC", row["unit"]], abs=2e-6)


@pytest.mark.parametrize("name", findings.TASKS)
def test_stored_results_are_whole(name):
    if name not in findings.stored(RESULTS):
        pytest.skip("not run yet")
    task, best = findings.TASKS[name], findings.chosen(RESULTS, name)
    rows = findings.read(RESULTS, name, "accuracy")
    runs = {(unit, of_run["seed"]) for unit, of_unit in task.units.items() for of_run in of_unit}
    for network in (*tasks.networks(best), "transplanted spans"):
        assert {(row["unit"], row["seed"]) for row in rows if row["network"] == network} == runs
    for experiment in ("gradients", "robustness"):
        measured = findings.read(RESULTS, name, experiment)
        for network in findings.MAIN:
            assert {(row["unit"], row["seed"]) for row in measured if row["network"] == network} == runs, experiment
    if (RESULTS / f"{name}-ties.csv").exists():
        ties, tied = findings.read(RESULTS, name, "ties"), results.tied(RESULTS, name)
        for family in ("SRC", "ASRC"):
            words = dict.fromkeys(row["setting"] for row in ties if row["network"] == family)
            assert list(words) == [experiments.in_words(settings) for settings in tied[family]]
            first = findings.by_unit(ties, "test_accuracy", network=family, setting=next(iter(words)))
            assert (first == findings.by_unit(rows, "test_accuracy", network=family)).all()
    record = json.loads((RESULTS / f"{name}.json").read_text())
    now = json.loads(json.dumps(experiments.configuration(task, best)))
    assert {key: record[key] for key in now} == now
    assert record["seconds_of_training"] > 0 and record["processor"]
    for path in RESULTS.glob(f"{name}*"):
        assert path.stat().st_size < 500_000, path.name


def test_figures_take_any_axes():
    """They draw on the axes they are given, and on no other."""
    (name, *_) = findings.stored(RESULTS)
    rows = findings.read(RESULTS, name, "accuracy")
    before = json.dumps(rows)
    _, axes = plt.subplots(1, 2)
    for paint in (
        lambda ax: figures.accuracies(rows, ax, ["RSNN", "SRC"]),
        lambda ax: figures.tuned_over(RESULTS, name, "SRC", "span", ax),
        lambda ax: figures.chosen_spans(rows, "ASRC", ax),
        lambda ax: figures.deciding(findings.read(RESULTS, name, "spans"), ax),
        lambda ax: figures.under_noise(findings.read(RESULTS, name, "robustness"), "weights", ["RSNN"], ax),
    ):
        axes[0].clear()
        assert paint(axes[0]) is axes[0]
        assert axes[0].get_xlabel() and axes[0].has_data() and not axes[1].has_data()
    assert json.dumps(rows) == before
    plt.close("all")


def test_units_keep_their_runs_paired():
    """Networks of one seed start equal and see equal data."""
    settings = ({"model": "rsnn"}, {"model": "src", "span": 15}, {"model": "mixture", "max_span": 40})
    chosen = [recipes.recipe("match-src", **of_network, seed=3) for of_network in settings]
    nets = [recipes.make_network(recipe) for recipe in chosen]
    for net in nets[1:]:
        assert (net.params.flat == nets[0].params.flat).all()
    first, *others = [recipes.make_data(recipe).train.x for recipe in chosen]
    assert all((x == first).all() for x in others)
