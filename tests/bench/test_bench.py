"""What the benchmark claims about itself; no test is timed."""

import json
import re
import sys
from ast import literal_eval

import numpy as np
import pytest

from minisnn import plots
from minisnn.bench import bench, cases, measuring, peer, problems
from minisnn.core.recurrence import SRC


def test_multiply_adds():
    """Forward once and backward twice: W_in and W_rec of each layer."""
    assert problems.multiply_adds([2, 3, 5, 7]) == 3 * (2 * 3 + 3 * 3 + 3 * 5 + 5 * 5)


@pytest.mark.compiled
@pytest.mark.parametrize("model", problems.MODELS)
def test_the_sparse_problem_fires_as_it_says(model):
    net, x, y = bench.problem(model, 6, 300)
    assert x.shape == (6, 300, 1)
    assert 0.15 < (x != 0).mean() < 0.23
    assert y.shape == (6,)
    rates = [layer.s.mean() for layer in net.record(x[:4]).layers]
    np.testing.assert_allclose(rates, problems.RATES, atol=0.01)


@pytest.mark.compiled
@pytest.mark.parametrize("model", problems.COMPARED)
def test_the_dense_problem_fires_as_it_says(model):
    net, x, _ = bench.problem(model, 4, problems.N_STEPS, kind="dense")
    assert (x != 0).mean() > 0.999
    rates = [layer.s.mean() for layer in net.record(x).layers]
    assert 0.08 < min(rates) <= max(rates) < 0.18


@pytest.mark.compiled
def test_digits_fire_as_the_sparse_problem():
    net, x, y = problems.digits("RSNN")
    assert x.shape == (64, 64, 1)
    assert y.shape == (64,)
    np.testing.assert_allclose([layer.s.mean() for layer in net.record(x).layers], problems.RATES, atol=0.01)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", problems.KINDS)
def test_problems_with_rates_sizes_and_a_recurrence_of_ones_own(kind):
    net, x, _ = bench.problem(SRC(3), 5, 50, (1, 9, 7, 4), (0.3, 0.2), kind)
    assert list(net.recurrence) == [SRC(3), SRC(3)]
    # one of 4 · 50 · 7 neurons and steps is 0.0007
    np.testing.assert_allclose([layer.s.mean() for layer in net.record(x[:4]).layers], (0.3, 0.2), atol=0.02)


def test_an_unknown_kind_is_told():
    with pytest.raises(ValueError, match="kind"):
        bench.problem("RSNN", 1, 1, kind="thick")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process")
def test_memory_does_not_grow_with_the_batch(monkeypatch):
    """Some MB above a warm process and the data, for 1024 sequences a fifth more than for 64 at the most.

    Their spikes alone would take 1 GB; what does grow is the masks, (B, N).
    """
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")  # each has room for a sequence
    for model in problems.MODELS:
        small, large = cases.memory(model, (64, 1024))[model].values()
        assert 5e6 < small < 50e6
        assert abs(large - small) < 0.2 * small


def test_processor_and_versions():
    assert re.fullmatch(r"\S.*\S", measuring.processor())  # one line
    assert list(measuring.versions("numpy", "no-such-package")) == ["Python", "numpy"]


def test_in_turns():
    """All once to warm up, then round by round."""
    order = []
    seconds = measuring.in_turns({name: lambda name=name: order.append(name) for name in "ab"}, 3)
    assert order == list("abababab")
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process")
def test_peak_memory():
    assert 5e7 < measuring.peak_memory(lambda: np.ones(13_000_000)) < 1.5e8


def test_python_in_a_process_of_its_own():
    out = bench.python("import os, sys; print((sys.argv[1], os.environ['NAME']))", "x", NAME="y")
    assert literal_eval(out) == ("x", "y")


@pytest.mark.compiled
def test_cases_measure_what_the_report_shows():
    """On a problem of no size."""
    row = cases.measure({"a": bench.problem("RSNN", 3, 20, (1, 5, 4, 2), (0.3, 0.2))}, 2)["a"]
    assert {name: np.shape(value) for name, value in row.items()} == {
        "seconds": (2,), "evaluation": (2,), "rates": (2,), "zero_slopes": (2,), "multiply_adds": ()
    }  # fmt: skip
    assert row["multiply_adds"] == 3 * 20 * problems.multiply_adds((1, 5, 4, 2))
    assert bench.model_row("a", row, 1e9)


@pytest.mark.parametrize("full", [False, True], ids=["short", "full"])
@pytest.mark.parametrize("with_peers", [False, True], ids=["alone", "with-peers"])
def test_parts(full, with_peers):
    """More is more; the short form ends in time where a gradient takes a second, and cold compilation 20."""
    parts = bench.parts(3, full, with_peers)
    groups = {part.group for part in parts}
    assert {"start_up", "models", "by_threads", "optimizer", "memory"} <= groups
    assert ("growth" in groups, "peers" in groups) == (full, with_peers)
    estimate = sum(part.seconds + part.gradients for part in parts)
    assert (estimate < 180) == (not full and not with_peers)


@pytest.mark.compiled
def test_bench_gathers_the_parts(monkeypatch, capsys):
    made_up = results()
    monkeypatch.setattr(bench, "blas_speed", lambda: 1e11)
    monkeypatch.setattr(bench, "seconds_of_a_gradient", lambda: 1.0)
    monkeypatch.setattr(bench, "parts", lambda *chosen: [
        bench.Part(group, lambda group=group: made_up[group], 30.0)
        for group in ("start_up", "models", "by_threads", "optimizer", "memory")
    ])  # fmt: skip
    found = bench.bench()
    lines = capsys.readouterr().err.splitlines()
    assert any("about 2 minutes" in line for line in lines)
    assert lines[-1] == "minisnn: part 5 of 5: measured memory"
    assert found["repeats"] == 3
    assert found["models"] == made_up["models"]
    assert found["threads"] >= 1
    assert json.loads(json.dumps(found)) == found
    assert measuring.processor() in bench.report({**found, "threads": 2})
    bench.bench(progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_peer_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cases, "find_spec", lambda name: None)
    (row,) = cases.peer("JAX", "RSNN", "dense", 1).values()
    assert row == {"peer": "JAX", "model": "RSNN", "kind": "dense", "error": "not installed"}


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["JAX", "PyTorch"])
@pytest.mark.parametrize("kind", problems.KINDS)
def test_peers_measure_the_same_problem(name, kind, monkeypatch):
    pytest.importorskip(cases.PACKAGES[name], reason="not installed: pip install minisnn[peers]")
    short = bench.problem("SRC λ=16", 5, 40, kind=kind)
    monkeypatch.setattr(peer, "problem", lambda *_, **__: short)
    row = peer.measure(name, "SRC λ=16", kind, 5, 2)
    assert row["loss"] == pytest.approx(row["minisnn_loss"], rel=1e-5)
    assert row["gradient_difference"] < 1e-3
    assert len(row["seconds"]) == len(row["minisnn_seconds"]) == 2
    assert row["kind"] == kind


def results(**more):
    """What a benchmark might have measured."""
    model = {
        "seconds": [0.5, 0.25, 1.0],
        "evaluation": [0.125],
        "rates": [0.2, 0.1, 0.05],
        "zero_slopes": [0.4, 0.2, 0.1],
        "multiply_adds": 4e10,
    }
    return {
        "processor": "Abacus 3000",
        "cores": 4,
        "threads": 2,
        "load": 0.25,
        "versions": {"minisnn": "1.0", "numpy": "2.3"},
        "repeats": 3,
        "full": False,
        "blas_multiply_adds_per_second": 1e11,
        "start_up": {"import": 0.1, "first_gradient_cold": 12.0, "first_gradient_warm": 0.2},
        "models": {"sparse": {"RSNN": model, "SRC λ=16": model}, "dense": {"RSNN": {**model, "seconds": [0.8]}}},
        "by_threads": {
            "SRC λ=16, B = 256, T = 784": {"1": [1.8, 9.0, 1.7], "2": [1.0]},
            "64 digits, T = 64": {"1": [0.012], "2": [0.006, 0.008, 0.007]},
        },
        "optimizer": {"AdamW": [0.001]},
        "memory": {"SRC λ=16": {"64": 20e6, "1024": None}},
        **more,
    }


def peer_results():
    row = {"peer": "JAX", "model": "RSNN", "sequences": 32, "memory": 1e9, "loss": 2.5, "minisnn_loss": 2.5}
    torch = {"peer": "PyTorch", "model": "SRC λ=16", "kind": "sparse"}
    return {
        "a": {**row, "kind": "sparse", "seconds": [2.4], "minisnn_seconds": [0.5]},
        "b": {**row, "kind": "dense", "seconds": [0.5], "minisnn_seconds": [1.15]},
        "c": {**torch, "error": "not installed"},
    }


def test_report():
    """Machine, medians, ratios: what was measured, and no word of what was not."""
    text = bench.report(results())
    assert "0.500 0.250 .. 1.000 0.400 1.25 0.125 20.0 10.0 5.0" in " ".join(text.split())
    for words in (
        "Abacus 3000; 4 cores, 2 threads in use; load before the start 0.2",
        "minisnn 1.0, numpy 2.3",
        "T = 784: 1 thread 1.8000 s; 2 threads 1.0000 s, 1.80 times as fast",
        "64 digits, T = 64, the mean of RSNN, SRC λ=16, ASRC K=41: 7.0 ms",
        "64: 20 MB, 1024: ?",
        *problems.KINDS.values(),
    ):
        assert words in text
    assert "JAX" not in text
    assert "grows" not in text


def test_report_of_growth_and_peers():
    growth = {"T": {"196": 1.0, "392": 2.0, "784": 4.0}, "N": {"32": 1.0, "64": 4.0}}
    text = bench.report(results(growth=growth, peers=peer_results()))
    assert "T 1.00, N 2.00" in text
    assert re.search(r"sparse +RSNN +1/4\.8 of the time of JAX \(B = 32: 0\.500 and 2\.400 s\)", text)
    assert re.search(r"dense +RSNN +2\.3 times the time of JAX", text)
    assert "PyTorch failed: not installed" in text


def stems(ax):
    """Where the stems of a panel end."""
    return [line.get_xdata()[1] for line in ax.lines[1:]]


def test_figure():
    """A stem for products and each peer, from 1 to its time beside minisnn's; growth, where it was measured."""
    import matplotlib.figure

    axes = matplotlib.figure.Figure().subplots(1, 2)
    assert plots.bench(results(peers=peer_results()), axes) is axes
    np.testing.assert_allclose(stems(axes[0]), [0.8, 0.8, 4.8])
    np.testing.assert_allclose(stems(axes[1]), [0.5, 0.5 / 1.15])

    axes = matplotlib.figure.Figure().subplots(1, 3)
    plots.bench(results(growth={"T": {"196": 1.0, "392": 2.0}, "N": {"32": 1.0, "64": 4.0}}), axes)
    assert len(axes[2].lines) == 3  # and one for proportional growth
