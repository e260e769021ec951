"""The findings: statistics, experiments on small tasks, stored results, tables and figures."""

import json
import re
import shutil
import warnings
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

import minisnn as ms
from minisnn import cli
from minisnn.analysis.robustness import NOISES
from minisnn.experiments import findings, recipes
from minisnn.experiments import sweep as sweeps
from minisnn.experiments.findings import claims, experiments, figures, measures, results, tables, tasks

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


# ---- tasks


def test_every_network_of_every_task_can_be_made():
    for task in findings.TASKS.values():
        names = [network for network in task.networks]
        assert {task.baseline, task.skip, task.adaptive, task.mixture} <= set(names)
        assert set(task.main) <= set(names)
        made = {network: recipes.make_network(task.chosen(network, 1)) for network in names}
        of_equal_size = [n for n in names if n.startswith(("RSNN", "SRC", "uniform", "random"))]
        assert len({made[name].params.flat.size for name in of_equal_size}) == 1
        runs = [sweeps.run_name(settings, 0) for settings in task.networks.values()]
        assert len(set(runs)) == len(runs)


def test_controls_that_the_tasks_have():
    for name in ("psdigits", "match"):
        settings = list(findings.TASKS[name].networks.values())
        for control in (
            {"detach_reset": True},
            {"clip_norm": 1.0},
            {"model": "mixture"},
            {"model": "random"},
            {"shared_spans": True},
            {"model": "rsnn", "decay": 0.9},
            {"model": "rsnn", "decay": 0.95},
            {"model": "rsnn", "decay": 0.99},
        ):
            assert any(control.items() <= s.items() for s in settings), (name, control)
        assert findings.TASKS[name].seeds == 10
    assert findings.TASKS["psmnist14"].seeds == 3
    for task in map(findings.TASKS.get, ("psdigits", "match")):  # the RSNN at the recipe's lr, lower and higher ones
        of_rsnns = [replace(task.chosen(name, 0), lr=1.0) for name in (task.baseline, *findings.LRS)]
        assert of_rsnns == of_rsnns[:1] * 4
        assert {task.chosen(name, 0).lr for name in (task.baseline, *findings.LRS)} == {0.001, 0.002, 0.005, 0.01}


def test_networks_are_found_by_their_settings():
    """Those that differ from the RSNN in one setting, and none that differ in more."""
    task = findings.TASKS["match"]
    assert task.over("src", "span") == {n: f"SRC λ={n}" for n in (2, 5, 10, 15, 20, 30)}
    assert task.over("asrc", "max_span") == {n: f"ASRC K={n}" for n in (10, 20, 40)}
    assert task.over("rsnn", "decay") == {decay: f"RSNN, β={decay}" for decay in (0.9, 0.95, 0.99)}
    assert task.over("rsnn", "lr") == {lr: f"RSNN, lr {lr}" for lr in (0.001, 0.002, 0.01)}
    assert task.over("random", "max_span") == {40: "random spans up to 40"}
    assert findings.TASKS["psmnist14"].over("rsnn", "decay") == {}
    assert task.having("last_temperature") == ["ASRC K=40, cooled slowly"]
    assert task.having("decay") == [*task.over("rsnn", "decay").values(), "SRC λ=15, β=0.9", "SRC λ=15, β=0.95"]


def renamed(task: tasks.Task) -> tuple[tasks.Task, dict[str, str]]:
    """The task with networks whose names say nothing, and the new names by the old."""
    names = {name: f"network {i}" for i, name in enumerate(task.networks)}
    networks = {names[name]: settings for name, settings in task.networks.items()}
    roles = {role: names[getattr(task, role)] for role in ("baseline", "skip", "adaptive", "mixture")}
    return replace(task, networks=networks, **roles), names


@pytest.mark.parametrize("name", findings.TASKS)
def test_names_of_networks_are_not_parsed(monkeypatch, name):
    """Claims come to the same verdicts, and figures show equally much, whatever the networks are called."""
    task, names = renamed(findings.TASKS[name])

    def read(results_folder, task_name, experiment):
        found = results.read(results_folder, task_name, experiment)
        if isinstance(found, dict):
            return {names[network]: curve for network, curve in found.items()}
        return [{**row, "network": names[row["network"]]} for row in found]

    def drawn(task, read):
        rows, spans = read(RESULTS, name, "accuracy"), read(RESULTS, name, "spans")
        shown = []
        for paint, n_panels in (
            (figures._gradients(read(RESULTS, name, "gradients"), task), 2),
            (figures._jacobians(read(RESULTS, name, "jacobians"), task), 3),
            (figures._spans(rows, spans, task), 4),
            (figures._robustness(read(RESULTS, name, "robustness"), task), 9),
        ):
            _, axes = plt.subplots(1, n_panels)
            paint(axes)
            shown += [[line.get_ydata() for line in ax.lines] for ax in axes]
        plt.close("all")
        return shown

    before = [measure(RESULTS, name, findings.TASKS[name])[1] for measure in claims.CLAIMS.values()]
    expected = drawn(findings.TASKS[name], results.read)
    for module in (claims, measures):
        monkeypatch.setattr(module, "read", read)
    assert [measure(RESULTS, name, task)[1] for measure in claims.CLAIMS.values()] == before
    np.testing.assert_equal(drawn(task, read), expected)


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


def patch(monkeypatch) -> None:
    """Leave one task, of five small networks that are trained for two epochs."""
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: InProcess())
    monkeypatch.setattr(experiments, "DRAWS", 2)
    monkeypatch.setattr(experiments, "N_NOISY", 50)
    monkeypatch.setattr(experiments, "N_BY_SPEC", 30)
    for noise, levels in tasks.LEVELS.items():
        monkeypatch.setitem(tasks.LEVELS, noise, tuple(sorted({levels[0], 0, levels[-1]})))
    small = {"lag": 6, "n_train": 40, "hidden": (9,), "epochs": 2, "batch_size": 10, "readout_window": None}
    networks = {
        "feedforward": {"model": "ff"},
        "RSNN": {"model": "rsnn"},
        "SRC λ=3": {"model": "src", "span": 3},
        "ASRC K=4": {"model": "asrc", "max_span": 4},
        "uniform mixture K=4": {"model": "mixture", "max_span": 4},
    }
    networks = {name: {**settings, **small} for name, settings in networks.items()}
    task = tasks.Task("match-src", 2, networks, "SRC λ=3", "ASRC K=4", "uniform mixture K=4")
    for module in (tasks, results, tables, figures, cli):
        monkeypatch.setattr(module, "TASKS", {"match": task})
    monkeypatch.setitem(measures.LAGS, "match", (1, 3, 5, 9))
    of_lags = {name: [value] for name, value in small.items() if name != "lag"}
    grids = [
        {"model": ["src"], "lag": [5, 6], "span": [3], **of_lags},
        {"model": ["ff", "asrc"], "lag": [5, 6], **of_lags},
    ]
    monkeypatch.setattr(experiments, "LAG_GRIDS", grids)
    monkeypatch.setattr(experiments, "LAG_SEEDS", 2)


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


@pytest.mark.compiled
def test_experiments(tmp_path, tiny, monkeypatch):
    """Each row agrees with the network that was saved; what has been measured is not measured again."""
    stored = tmp_path / "page" / "results"
    task = tasks.TASKS[tiny]
    rows = findings.read(stored, tiny, "accuracy")
    assert [(row["network"], row["seed"]) for row in rows] == [(n, s) for n in task.networks for s in range(2)]
    noisy = findings.read(stored, tiny, "robustness")
    flows = findings.read(stored, tiny, "gradients")
    for network in task.main:
        recipe = task.chosen(network, 1)
        run = tmp_path / "runs" / tiny / "runs" / sweeps.run_name(task.networks[network], 1)
        net, data = ms.Network.load(run / "best.npz"), recipes.make_data(recipe)
        accuracy = net.evaluate(data.test, span_mode="hard").accuracy
        (row,) = [row for row in rows if row["network"] == network and row["seed"] == 1]
        assert row["test_accuracy"] == accuracy
        at_0 = {r["noise"]: r["accuracy"] for r in noisy if (r["network"], r["seed"], r["level"]) == (network, 1, 0)}
        assert set(at_0) == set(NOISES)
        for noise, value in at_0.items():
            n = 30 if noise in ("deleted", "spurious") else 50
            few = ms.datasets.Split(data.test.x[:n], data.test.y[:n])
            assert value == pytest.approx(net.evaluate(few, span_mode="hard").accuracy, abs=1e-5)
        for when, model in (("before", recipes.make_network(recipe)), ("after", net)):
            curve = findings.curves(flows, network=network, when=when)[1]
            span_mode = "soft" if when == "before" else "hard"
            x, y = data.validation.x[:64], data.validation.y[:64]
            norms = ms.gradient_flow(model, x, y, span_mode=span_mode).norms[0][:, ::-1]
            alive = norms[norms[:, 0] > 0]
            assert curve == pytest.approx(np.median(alive / alive[:, :1], axis=0), rel=0.01)
    before = {path: path.read_bytes() for path in stored.iterdir()}
    for name in ("measure_gradients", "measure_jacobians", "measure_robustness"):
        monkeypatch.setattr(experiments, name, lambda *a: pytest.fail("measured twice"))
    again = run_all(tmp_path)
    assert {path: path.read_bytes() for path in again.iterdir() if path.name != "match.json"} == {
        path: content for path, content in before.items() if path.name != "match.json"
    }


@pytest.mark.compiled
def test_an_interrupted_experiment_keeps_what_it_measured(tmp_path, tiny, monkeypatch):
    measured = []
    monkeypatch.setattr(sweeps, "processes", lambda n_tasks: ThreadPoolExecutor(1))
    shutil.rmtree(tmp_path / "runs" / tiny / "gradients")

    def measure(recipe, run):
        if len(measured) == 3:
            raise KeyboardInterrupt
        measured.append(run)
        return [{"value": len(measured)}]

    monkeypatch.setattr(experiments, "measure_gradients", measure)
    with pytest.raises(KeyboardInterrupt):
        findings.run("gradients", tiny, tmp_path / "runs", tmp_path / "results", progress=False)
    assert not (tmp_path / "results" / "match-gradients.csv").exists()
    monkeypatch.setattr(experiments, "measure_gradients", lambda recipe, run: measured.append(run) or [{"value": 0}])
    findings.run("gradients", tiny, tmp_path / "runs", tmp_path / "results", progress=False)
    assert len(measured) == len(set(measured)) == 10


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
    monkeypatch.setattr(experiments, "DRAWS", 1)
    assert again() == 10 and again() == 0
    monkeypatch.setitem(tasks.LEVELS, "gaussian", (0, 0.25))
    assert again() == 10
    assert {row["level"] for row in findings.read(stored, tiny, "robustness") if row["noise"] == "gaussian"} == {
        0,
        0.25,
    }
    run = tmp_path / "runs" / tiny / "runs" / sweeps.run_name(tasks.TASKS[tiny].networks["RSNN"], 1)
    net = ms.Network.load(run / "best.npz")
    net.params.flat *= 1.1
    net.save(run / "best.npz")
    assert again() == 1 and measured == [run.name]


@pytest.mark.compiled
def test_runs_with_other_settings_are_reported(tmp_path, tiny, monkeypatch):
    task = tasks.TASKS[tiny]
    changed = replace(recipes.RECIPES["match-src"], lr=1.0)
    monkeypatch.setitem(recipes.RECIPES, "match-src", changed)
    with pytest.raises(ValueError, match=r"other settings \(lr 0\.005 there, now 1\.0\); name another folder"):
        experiments.accuracy(task, tmp_path / "runs" / tiny, progress=False)


@pytest.mark.compiled
def test_what_nothing_was_done_for_keeps_its_date(tmp_path, tiny):
    stored = tmp_path / "page" / "results"
    record = json.loads((stored / "match.json").read_text())
    (stored / "match.json").write_text(json.dumps({**record, "date": "2001-02-03"}))
    findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
    assert json.loads((stored / "match.json").read_text())["date"] == "2001-02-03"
    assert record["measured"]["robustness"]["draws"] == 2 and record["measured"]["gradients"] == {"sequences": 64}
    path = stored / "match-accuracy.csv"
    for text in ("{", json.dumps({**record, "date": "2001-02-03", "recipe": {}})):  # not a record, or not of this task
        (stored / "match.json").write_text(text)
        findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
        assert json.loads((stored / "match.json").read_text()) == record
    (stored / "match.json").write_text(json.dumps({**record, "date": "2001-02-03"}))
    path.write_text(path.read_text() + "\n")
    findings.run("accuracy", tiny, tmp_path / "runs", stored, progress=False)
    assert json.loads((stored / "match.json").read_text())["date"] == record["date"]


@pytest.mark.compiled
def test_jacobians_of_three_states(tmp_path, tiny):
    """Uniform: the mixture with equal weights. Hardened: the SRC with the last span."""
    rows = findings.read(tmp_path / "page" / "results", tiny, "jacobians")
    task = tasks.TASKS[tiny]
    run = tmp_path / "runs" / tiny / "runs" / sweeps.run_name(task.networks["ASRC K=4"], 0)
    net = ms.Network.load(run / "best.npz")
    x = recipes.make_data(task.chosen("ASRC K=4", 0)).validation.x[:8]
    lag = x.shape[1] - 1

    def same_weights(recurrence):
        twin = ms.Network(net.sizes, recurrence=recurrence, readout_window=net.readout_window)
        for name, block in twin.params.items():
            block[...] = net.params[name]
        return np.sqrt(np.square(ms.jacobian(twin, x, 0, lag)).sum(axis=(2, 3)).mean(axis=0) / 9)

    for state, recurrence in (("uniform", ms.Mixture(4)), ("hardened", ms.SRC(net.spans()[0]))):
        (measured,) = findings.curves([r for r in rows if r["seed"] == 0], state=state, kind="measured")
        assert measured == pytest.approx(same_weights(recurrence), rel=0.01)
    assert {row["state"] for row in rows if row["network"] == "RSNN"} == {""}
    bound = findings.curves(rows, network="RSNN", kind="bound")
    assert (bound >= 0.99 * findings.curves(rows, network="RSNN", kind="measured")).all()


@pytest.mark.compiled
def test_some_networks_alone(tmp_path, tiny):
    """What is stored of the others stays, in the order of the task; a network that is no longer of the task goes."""
    stored = tmp_path / "page" / "results"
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    for name in ("accuracy", "gradients", "jacobians", "robustness"):
        path = stored / f"{tiny}-{name}.csv"
        head, *lines = path.read_text().splitlines()
        stale = [re.sub("^ASRC K=4,", "a network that is gone,", line) for line in lines]
        path.write_text("\n".join([head, *stale]) + "\n")
    (stored / f"{tiny}-spans.json").write_text('{"a network that is gone": {}}\n')
    for name in ("accuracy", "gradients", "jacobians", "spans", "robustness"):
        findings.run(name, tiny, tmp_path / "runs", stored, networks=["ASRC K=4"], progress=False)
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before
    for folder in (stored, tmp_path / "empty"):
        with pytest.raises(ValueError, match=r"network must be one of 'feedforward', 'RSNN'.* got 'ASRC K=40'"):
            findings.run("spans", tiny, tmp_path / "runs", folder, networks=["ASRC K=40"], progress=False)
    findings.run("accuracy", tiny, tmp_path / "runs", tmp_path / "empty", networks=["RSNN"], progress=False)
    assert {row["network"] for row in findings.read(tmp_path / "empty", tiny, "accuracy")} == {"RSNN"}


@pytest.mark.parametrize("logits", [[0.0, 1.0, 3.0, 2.9], [0.5, -40.0, 1e-3]])
def test_half_way(logits):
    logits = np.array(logits)
    p = np.exp((logits - logits.max()) / experiments.half_way(logits))
    assert p.max() / p.sum() == pytest.approx(0.5)


@pytest.mark.compiled
def test_report(tmp_path, tiny, capsys):
    """From the command line: the page is filled from what is stored, twice alike; figures are figures."""
    stored = tmp_path / "page" / "results"
    marks = [
        f"<!-- findings: {name} match -->\nstale\n<!-- end of findings -->\n"
        for name in ("accuracy", "gradients", "spans", "robustness")
    ]
    document = tmp_path / "page" / "README.md"
    document.write_text("# Title\n<!-- findings: claims -->\n<!-- end of findings -->\ntext\n" + "".join(marks))
    assert cli.main(["findings", "--report", "--page", str(tmp_path / "page")]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == document
    assert len(printed) == 8 and all(path.read_bytes()[:4] == b"\x89PNG" for path in printed[1:])
    text = document.read_text()
    assert "stale" not in text and text.startswith("# Title\n<!-- findings: claims -->\n| claim | task |")
    assert tables.fill(text, stored) == text
    assert text.count("\n| RSNN |") == 2  # accuracy, gradients
    assert plt.get_fignums() == []


def test_what_is_not_there_is_told(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="minisnn findings accuracy --tasks match` makes it"):
        findings.read(tmp_path, "match", "accuracy")
    with pytest.raises(ValueError, match="table must be one of 'claims'"):
        tables.fill("<!-- findings: claim -->\n<!-- end of findings -->", tmp_path)
    assert cli.main(["findings"]) == 2
    assert "name experiments (accuracy, gradients, jacobians, spans, robustness, lags)" in capsys.readouterr().err
    assert cli.main(["findings", "accuracies"]) == 2
    assert "got 'accuracies'" in capsys.readouterr().err


@pytest.mark.compiled
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '{"rows": 3, "measured": {}}'])
def test_damaged_measurements_are_told(tmp_path, tiny, text):
    (path, *_) = sorted((tmp_path / "runs" / tiny / "gradients").iterdir())
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not what an experiment wrote .* delete it"):
        findings.run("gradients", tiny, tmp_path / "runs", tmp_path / "page" / "results", progress=False)


@pytest.mark.parametrize("name", ["accuracy", "spans"])
@pytest.mark.parametrize("text", ["", "\x00\x01", "a,b\n1,2\n", "network,seed,test_accuracy\nRSNN,0\n", "[1]"])
def test_damaged_results_are_told(tmp_path, name, text):
    path = tmp_path / f"match-{name}.{'json' if name == 'spans' else 'csv'}"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged, .* --tasks match` makes it anew"):
        findings.read(tmp_path, "match", name)


def test_wrong_names_are_told(tmp_path):
    for call in (
        lambda: findings.read(tmp_path, "match", "acc"),
        lambda: findings.run("acc", "match", tmp_path, tmp_path),
    ):
        with pytest.raises(ValueError, match=r"experiment must be one of 'accuracy'.* got 'acc'"):
            call()
    with pytest.raises(ValueError, match=r"task must be one of 'psdigits'.* got 'digits'"):
        findings.run("accuracy", "digits", tmp_path, tmp_path)
    with pytest.raises(ValueError, match="'lags' belongs to the task 'match' alone"):
        findings.run("lags", "psdigits", tmp_path, tmp_path)
    rows = made_up([0.5, 0.6], [0.5, 0.6])
    for wrong in ({"network": "RNN"}, {"net": "RSNN"}):
        with pytest.raises(ValueError, match=r"expected one row per seed with net.* got rows of the seeds \[\]"):
            findings.by_seed(rows, "test_accuracy", **wrong)
    with pytest.raises(ValueError, match=r"seeds \[0, 0, 1, 1\]"):
        findings.by_seed(rows, "test_accuracy")


@pytest.mark.parametrize(
    "options, words",
    [
        (["--report", "--tasks", "match"], "--report takes no --tasks"),
        (["--all", "accuracy"], "or --all, or --report"),
        (["accuracy", "--networks", "RSNN"], "name it with --tasks"),
        (["accuracy", "--tasks", "match", "--networks", "RNN"], "there is no network 'RNN'; did you mean 'RSNN'?"),
        (["lags", "--tasks", "psdigits"], "'lags' belongs to the task 'match' alone"),
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
    for name in ("accuracy", "lags match", "accuracy match psdigits"):
        with pytest.raises(ValueError, match="in a mark"):
            tables.fill(MARK.format(name) + END, RESULTS)
    with pytest.raises(ValueError, match="task must be one of"):
        tables.fill(MARK.format("accuracy digits") + END, RESULTS)


# ---- tables


def made_up(ours, baseline):
    """Rows of two networks with these accuracies, seed by seed."""
    pairs = (("ASRC K=40", ours), ("RSNN", baseline))
    return [
        {"network": network, "seed": seed, "test_accuracy": value}
        for network, values in pairs
        for seed, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    "gain, verdict",
    [
        (20, "yes: more than 12"),
        (5, "better, by less than 12"),
        (-5, "lower"),
        (12.1, "better; whether by 12 is undecided"),
    ],
)
def test_verdicts(monkeypatch, gain, verdict):
    baseline = np.array([0.5, 0.6, 0.7])
    rows = made_up(baseline + (gain + np.array([-0.1, 0.0, 0.1])) / 100, baseline)
    monkeypatch.setattr(claims, "read", lambda *a: rows)
    measured, got = claims.CLAIMS["ASRC is over 12 % more accurate than the RSNN*"](None, "match", tasks.TASKS["match"])
    assert got == verdict
    assert f"{gain:+.1f} ± 0.2 points" in measured


TASK = tasks.TASKS["match"]
FLAT = np.array([0.0, 0.1, -0.1])  # three seeds, so little apart that every verdict is decided


def claim(monkeypatch, words, **experiments):
    """What is said of the only claim with these words on delayed match, from made-up rows of each experiment."""
    for module in (claims, measures):
        monkeypatch.setattr(module, "read", lambda results, task, name: experiments[name])
    (measure,) = (measure for name, measure in claims.CLAIMS.items() if words in name)
    return measure(None, "match", TASK)


def accuracies(**percent):
    """Rows of accuracy: a network's validation and test accuracy in per cent, over three seeds."""
    names = {"rsnn": "RSNN", "src": "SRC λ=15", "asrc": "ASRC K=40", "mixture": "uniform mixture K=40"}
    return [
        {
            "network": names.get(name, name),
            "seed": seed,
            "validation_accuracy": (validation + off) / 100,
            "test_accuracy": (test + off) / 100,
        }
        for name, (validation, test) in percent.items()
        for seed, off in enumerate(FLAT)
    ]


def decades(**slopes):
    """Rows of gradients over 40 lags: a network loses so many decades a step."""
    names = {"rsnn": "RSNN", "src": "SRC λ=15"}
    return [
        {
            "network": names[name],
            "seed": seed,
            "when": when,
            **{f"lag {d}": 10 ** (slope * d + off if when == "after" else 0) for d in range(40)},
        }
        for name, slope in slopes.items()
        for seed, off in enumerate(FLAT)
        for when in ("before", "after")
    ]


def test_claims_about_gradients(monkeypatch):
    rows = decades(rsnn=-0.1, src=-0.02)
    said, verdict = claim(monkeypatch, "Gradients vanish", gradients=rows)
    assert said.startswith("30 steps back the gradient is 10^(-3.0 ± 0.2)") and verdict == "yes: below 1 %"
    said, verdict = claim(monkeypatch, "SRC mends it", gradients=rows)
    assert verdict == "yes" and "10^(+2.4 ± 0.0)" in said and "over all lags 10^(+1.6 ± 0.0)" in said  # 0.08 · 30, · 20
    assert claim(monkeypatch, "SRC mends it", gradients=decades(rsnn=-0.02, src=-0.1))[1] == "no"
    assert claim(monkeypatch, "Gradients vanish", gradients=decades(rsnn=-0.02))[1] == "no: above 1 %"
    for row in rows:  # larger at the lag of the claim, smaller at the others
        if row["network"] == "SRC λ=15" and row["when"] == "after":
            row.update({f"lag {d}": row[f"lag {d}"] * (1e-6 if d != 30 else 1) for d in range(1, 40)})
    assert claim(monkeypatch, "SRC mends it", gradients=rows)[1] == "undecided"


def test_claims_about_accuracy(monkeypatch):
    rows = accuracies(rsnn=(60, 60), src=(70, 71), asrc=(80, 75), mixture=(80, 78))
    assert claim(monkeypatch, "SRC is more accurate", accuracy=rows) == (
        "SRC λ=15 minus RSNN: +11.0 ± 0.0 points",
        "yes",
    )
    assert claim(monkeypatch, "uniform mixture", accuracy=rows)[1] == "no: it is lower"
    rows += accuracies(**{f"SRC λ={n}": (90 if n == 5 else 10, 73 if n == 5 else 99) for n in (2, 5, 10, 20, 30)})
    said, verdict = claim(monkeypatch, "as accurate as the best SRC", accuracy=rows)
    assert said == "ASRC K=40 minus SRC λ=5: +2.0 ± 0.0 points (best λ of 6 on validation data)"  # not the best on test
    assert verdict == "it is higher"
    wide = [{**row, "test_accuracy": row["test_accuracy"] + 0.03 * (row["seed"] == 1)} for row in rows]
    same = [row if row["network"] != "SRC λ=5" else dict(row, test_accuracy=0.76) for row in wide]
    said, verdict = claim(monkeypatch, "as accurate as the best SRC", accuracy=same)
    assert "+0.0 ± 4.5" in said and verdict == "undecided; not off by over 4.5"  # of -1.0, +2.1 and -1.1
    others = accuracies(**dict.fromkeys(tasks.LRS, (50, 50)) | {"RSNN, lr 0.01": (70, 74)})
    said, verdict = claim(monkeypatch, "learning rate of its own", accuracy=rows + others)
    assert said == "ASRC K=40 minus RSNN, lr 0.01: +1.0 ± 0.0 points (best of 4 learning rates on validation data)"
    assert verdict == "yes"


def test_the_claim_about_the_choice(monkeypatch):
    """Over 10 and 20, which both have: |99 - 59| for SRC, |98 - 97| for ASRC."""
    rows = accuracies(**{"SRC λ=10": (0, 99), "SRC λ=20": (0, 59), "ASRC K=10": (0, 98), "ASRC K=20": (0, 97)})
    said, verdict = claim(monkeypatch, "depends less", accuracy=rows)
    assert said.startswith("range of accuracy over 10, 20: SRC 40.0, ASRC 1.0; difference +39.0 ± 0.0")
    assert verdict == "says little: two values"
    rows += accuracies(**{"SRC λ=40": (0, 60), "ASRC K=40": (0, 96)})
    task = replace(TASK, networks={**TASK.networks, "SRC λ=40": {**TASK.networks["SRC λ=20"], "span": 40}})
    said, verdict = claims.CLAIMS["ASRC depends less on K than SRC on λ"](None, "match", task)
    assert "over 10, 20, 40: SRC 40.0, ASRC 2.0; difference +38.0" in said and verdict == "yes"


def noisy(**levels):
    """Rows of robustness: accuracy in per cent at level 0 and at all others, over three seeds."""
    names = {"rsnn": "RSNN", "src": "SRC λ=15", "asrc": "ASRC K=40"}
    return [
        {
            "network": names[name],
            "seed": seed,
            "noise": noise,
            "level": level,
            "accuracy": (clean if level == 0 else under) / 100,
        }
        for name, (clean, under) in levels.items()
        for seed in range(3)
        for noise, all_levels in findings.LEVELS.items()
        for level in all_levels
    ]


def test_claims_about_robustness(monkeypatch):
    """Twice as accurate, with noise and without: 100 % more, and nothing of it robustness."""
    rows = noisy(rsnn=(40, 20), src=(80, 40), asrc=(80, 40))
    gain, own = findings.robust_gains(rows, "ASRC K=40", "RSNN")
    assert gain.mean == pytest.approx(100) and own.mean == pytest.approx(0, abs=1e-9)
    spread = [{**row, "accuracy": row["accuracy"] * (1 + 0.001 * (row["seed"] - 1))} for row in rows]
    of_rsnn = accuracies(rsnn=(40, 40))
    said, verdict = claim(monkeypatch, "35 % more robust", robustness=spread, accuracy=of_rsnn)
    assert (
        said.startswith("+100.0 ±")
        and "relative to each without noise +0.0" in said
        and verdict.startswith("lower") is False
    )
    assert claim(monkeypatch, "35 % more robust", robustness=spread, accuracy=accuracies(rsnn=(50, 50)))[1].startswith(
        "says nothing"
    )
    assert claim(monkeypatch, "robust to noise than SRC", robustness=spread)[1] == "undecided"


def test_a_head_start_is_no_robustness(monkeypatch):
    def verdict(src, asrc):
        rows = noisy(src=src, asrc=asrc)
        spread = [{**row, "accuracy": row["accuracy"] * (1 + 0.001 * (row["seed"] % 2))} for row in rows]
        return claim(monkeypatch, "robust to noise than SRC", robustness=spread)[1]

    assert verdict((40, 20), (80, 40)) == "undecided: the lead may be a head start"
    assert verdict((80, 20), (80, 40)) == "yes" and verdict((80, 40), (80, 20)) == "no: it is lower"
    assert verdict((40, 20), (20, 20)) == "undecided"  # keeps more, and is not ahead


def test_what_is_kept():
    rows = noisy(asrc=(80, 40))
    area = findings.area(rows, "ASRC K=40", "dropped")  # 80 to 40 over the first tenth of the range, then 40
    assert area == pytest.approx([40 + 0.1 * 20] * 3)
    assert findings.kept(rows, "ASRC K=40", "dropped") == pytest.approx([100 * 42 / 80] * 3)


def test_areas():
    """The mean of a straight line is its middle, whatever the spacing of the levels."""
    rows = [
        {"network": "a", "seed": seed, "noise": "gaussian", "level": level, "accuracy": 0.9 - level * (1 + seed)}
        for seed in (1, 0)
        for level in findings.LEVELS["gaussian"]
    ]
    assert findings.area(rows, "a", "gaussian") == pytest.approx([65.0, 40.0])


# ---- what is stored


def test_the_page_agrees_with_what_is_stored():
    """`minisnn findings --report` changes none of its tables, and it shows every figure that is drawn."""
    text = (PAGE / "README.md").read_text(encoding="utf-8")
    assert tables.fill(text, RESULTS) == text, "run `minisnn findings --report`: the page is out of date"
    assert text.count("<!-- findings:") == 2 + 4 * len(findings.TASKS)
    shown = set(re.findall(r"\]\(figures/([\w.-]+\.png)\)", text))
    assert shown == {path.name for path in (PAGE / "figures").iterdir()}


@pytest.mark.parametrize("name", findings.TASKS)
def test_stored_results_are_whole(name):
    task = findings.TASKS[name]
    pairs = {(network, seed) for network in task.networks for seed in range(task.seeds)}
    for experiment in ("accuracy", "gradients"):
        rows = findings.read(RESULTS, name, experiment)
        assert {(row["network"], row["seed"]) for row in rows} == pairs, experiment
    clean = {(row["network"], row["seed"]): row["test_accuracy"] for row in findings.read(RESULTS, name, "accuracy")}
    noisy = findings.read(RESULTS, name, "robustness")
    at_0 = [row for row in noisy if row["level"] == 0 and row["noise"] == "weights"]
    assert len(at_0) >= 4 * task.seeds
    few = 0.08 if name == "psmnist14" else 1e-4  # the first 1000 images of 10,000, which are harder than the others
    for row in at_0:
        assert abs(row["accuracy"] - clean[row["network"], row["seed"]]) < few
    record = json.loads((RESULTS / f"{name}.json").read_text())
    now = json.loads(json.dumps(experiments.configuration(task)))
    assert {key: record[key] for key in now} == now
    assert {"numpy", "numba", "python", "minisnn"} == set(record["versions"]) and record["seconds_of_training"] > 0
    for path in RESULTS.glob(f"{name}*"):
        assert path.stat().st_size < 300_000, path.name


@pytest.mark.parametrize("name", findings.TASKS)
@pytest.mark.parametrize("experiment", ["gradients", "jacobians", "robustness"])
def test_stored_networks_are_those_that_are_measured(monkeypatch, name, experiment):
    """Chosen by their settings: an experiment would store the same networks again."""
    monkeypatch.setattr(experiments, "_of_each_run", lambda task, folder, name, networks, *_: list(networks))
    stored = {row["network"] for row in findings.read(RESULTS, name, experiment)}
    assert set(findings.EXPERIMENTS[experiment](findings.TASKS[name], Path("nowhere"))) == stored


def test_figures_take_any_axes(rng):
    """They draw on the axes they are given, and on no other."""
    rows = findings.read(RESULTS, "psdigits", "accuracy")
    before = json.dumps(rows)
    _, axes = plt.subplots(1, 2)
    for paint in (
        lambda ax: figures.accuracies(rows, ax, ["RSNN", "SRC λ=8"]),
        lambda ax: figures.accuracy_over_span(rows, findings.TASKS["psdigits"], ax),
        lambda ax: figures.chosen_spans(rows, "ASRC K=16", ax),
        lambda ax: figures.cooling(findings.read(RESULTS, "psdigits", "spans")["ASRC K=16"], ax),
        lambda ax: figures.under_noise(findings.read(RESULTS, "psdigits", "robustness"), "weights", ["RSNN"], ax),
    ):
        axes[0].clear()
        assert paint(axes[0]) is axes[0]
        assert axes[0].get_xlabel() and axes[0].has_data() and not axes[1].has_data()
    assert json.dumps(rows) == before
    plt.close("all")


def test_measured_and_predicted_shows_both():
    rows = findings.read(RESULTS, "match", "jacobians")
    _, ax = plt.subplots()
    figures.measured_and_predicted(rows, {"RSNN": ("RSNN", "")}, ax)
    line, dots = ax.lines
    measured = np.exp(np.log(findings.curves(rows, network="RSNN", kind="measured")).mean(axis=0))
    assert line.get_ydata() == pytest.approx(measured)
    assert len(dots.get_ydata()) == (len(measured) + 1) // 2
    plt.close("all")


def test_a_task_keeps_its_seeds_paired():
    task = replace(findings.TASKS["match"], seeds=1)
    nets = [recipes.make_network(task.chosen(network, 0)) for network in ("RSNN", "SRC λ=15", "uniform mixture K=40")]
    for net in nets[1:]:
        assert (net.params.flat == nets[0].params.flat).all()
