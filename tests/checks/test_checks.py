"""The gradient checks, and that they fail when they should."""

from functools import partial
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn import checks
from minisnn.checks import oracle, rungs
from minisnn.core import reference

structure = import_module("minisnn.checks.structure")  # the package has a function of this name

BLOCKS = {
    "readout.w",
    "readout.bias",
    *(f"layers.{i}.{n}" for i in (0, 1) for n in ("w_in", "bias", "w_rec", "span_logits")),
}


def test_gradcheck_has_a_row_for_every_block_and_rung(rng):
    net = random_network(rng, recurrence=ms.ASRC(4), surrogate=ms.Sigmoid(0.9, 0.3))
    report = ms.gradcheck(net, *random_batch(rng, net, B=3, T=7))
    assert report.ok
    for rung in ("2 smooth", "4 frozen", "6 spec"):
        assert BLOCKS <= {row.block for row in report.rows if row.rung == rung}
    assert {row.rung for row in report.rows} == set(checks.LADDER) - {"3 replay"}
    detached = random_network(rng, neuron=ms.LIF(detach_reset=True))
    report = ms.gradcheck(detached, *random_batch(rng, detached, B=2, T=7))
    assert {row.rung for row in report.rows} == set(checks.LADDER) - {"2 smooth"}
    assert str(report).count("\n") == len(report.rows)


def test_check_all_with_other_options():
    report = checks.check_all(3, (2, 3, 6, 4, 3), ["asrc-5-shared"], ["plif"], ["hard-detached"], ["triangle", "atan"])
    assert any(row.block == "span_logits" for row in report.rows)
    assert max(row.max_rel for row in report.rows if row.rung in ("2 smooth", "3 replay")) < 1e-6
    assert max(row.max_rel for row in report.rows if row.rung in ("4 frozen", "5 tangent", "6 spec")) < 1e-12
    single = checks.check_all(recurrence=["src-3"], dtype="float32")
    assert {row.rung for row in single.rows} == {"6 float32"}
    with pytest.raises(ValueError, match=r"recurrence must be one of .*'src-3'"):
        checks.check_all(recurrence=["src-4"])
    with pytest.raises(TypeError, match=r"neuron must be a list of names, got 'lif'; did you mean \['lif'\]\?"):
        checks.check_all(neuron="lif")
    with pytest.raises(TypeError, match="rungs must be a list of names"):
        checks.check_all(rungs="2 smooth")
    with pytest.raises(ValueError, match="none of the rungs 2 smooth checks float32"):
        checks.check_all(dtype="float32", rungs=["2 smooth"])


def test_check_all_shows_each_rung_and_stops_at_a_wrong_one(monkeypatch):
    options = {"recurrence": ["src-3"], "neuron": ["lif"], "reset": ["hard"], "gradient": ["whole"]}
    lines = []
    report = checks.check_all(
        **options, surrogate=["triangle", "rectangle", "exponential", "fastsigmoid"], show=lines.append
    )
    assert [line.split("  ")[0] for line in "\n".join(lines).split("\n")[1:]] == list(checks.LADDER)
    assert all(line.endswith("ok") for line in lines)
    assert report.summary().count("\n") == len(checks.LADDER)
    off = checks.compare("4 frozen", "layers.0.w_in", [[1.0, 2.0]], [[1.0, 2.002]], 1e-12)
    monkeypatch.setitem(checks.LADDER, "4 frozen", lambda net, batch: [off])
    lines.clear()
    with pytest.raises(
        checks.GradientError, match=r"WRONG at \[0, 1\]: got 2, expected 2.002; src-3, lif, hard, gaussian"
    ):
        checks.check_all(**options, surrogate=["gaussian"], show=lines.append)
    assert lines[-1].endswith("1 WRONG")
    assert len(lines) == list(checks.LADDER).index("4 frozen") + 1


def test_check_all_says_which_rungs_a_cut_gradient_leaves_out():
    """No rung passes with nothing checked and nothing said, nor stops the others."""
    kinds = {"recurrence": ["src-3"], "neuron": ["lif"], "reset": ["soft"], "surrogate": ["sigmoid"]}
    lines = []
    report = checks.check_all(**kinds, gradient=["no-hops", "truncated"], show=lines.append)
    need_it = {"2 smooth", "3 replay", "4 frozen"}
    for line in "\n".join(lines).split("\n")[1:]:
        assert line.endswith("a gradient that is cut is no derivative of a loss" if line[:8] in need_it else "  ok")
    assert {row.rung for row in report.rows} == set(checks.LADDER)
    assert {row.rung for row in report.rows if not row.compared} == need_it
    (row,) = checks.check_all(**kinds, gradient=["no-hops"], rungs=["4 frozen"]).rows
    assert not row.compared and "not checked" in row.verdict


def test_all_pairs_meet():
    lists = {"a": [1, 2, 3, 4], "b": "xyz", "c": [True, False], "d": [None]}
    chosen = checks.all_pairs(lists)
    assert len(chosen) < 24
    for first, second in (("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")):
        pairs = {(combination[first], combination[second]) for combination in chosen}
        assert len(pairs) == len(lists[first]) * len(lists[second])


CHOSEN = {
    "recurrence": ["src-3"],
    "neuron": ["lif", "alif", "plif"],
    "reset": ["hard", "soft"],
    "surrogate": ["sigmoid"],
    "gradient": ["truncated", "penalty"],
}


@pytest.mark.parametrize("lists", [{name: list(names) for name, names in checks.OPTIONS.items()}, CHOSEN])
def test_any_two_options_meet_in_a_network(lists):
    cases = checks._cases(lists)
    for first, second in combinations(lists, 2):
        pairs = {(case[first], case[second]) for case in cases}
        assert len(pairs) == len(lists[first]) * len(lists[second]), (first, second)


@pytest.mark.parametrize("recurrence", [ms.Recurrent(), ms.SRC(12), ms.ASRC(11)], ids=str)
def test_arrival_is_looked_at_where_something_arrives(monkeypatch, recurrence):
    """And returns: however long the span, zeros are not compared with zeros."""
    seen = []

    def compare(rung, name, got, expected, *tolerance):
        seen.append(np.any(expected))
        return checks.compare(rung, name, got, expected, *tolerance)

    monkeypatch.setattr(structure, "compare", compare)
    assert all(row.ok for row in structure.arrival(recurrence))
    assert seen == [True] * 2 * (recurrence.max_span if isinstance(recurrence, ms.ASRC) else 1)


def test_arrival_sees_a_step_too_early_or_too_late(monkeypatch):
    for span in (11, 13):

        def network(sizes, _, *args, span=span, **options):
            return ms.Network(sizes, ms.SRC(span), *args, **options)

        monkeypatch.setattr(structure, "Network", network)
        assert not any(row.ok for row in structure.arrival(ms.SRC(12)))


def test_rung_3_leaves_a_network_with_some_detached_resets_as_it_is(rng, monkeypatch):
    """A network that has none gets them, or there would be nothing to replay."""
    checked = []
    differences = rungs._differences

    def look(rung, net, batch):
        checked.append([neuron.detach_reset for neuron in net.neuron])
        return differences(rung, net, batch)

    monkeypatch.setattr(rungs, "_differences", look)
    for detached in ([True, False], [False, False]):
        net = random_network(rng, neuron=[ms.LIF(0.7, detach_reset=detach) for detach in detached])
        assert all(row.ok for row in rungs.replayed_resets(net, oracle.make_batch(net, *random_batch(rng, net, B=2))))
    assert checked == [[True, False], [True, True]]


def test_a_surrogate_off_its_scale_is_caught_by_rungs_1_and_2(rng):
    """A derivative that is 1.001 times that of its primitive: what compares with the spec can't see it."""
    off = ms.Custom("off", np.tanh, lambda u: 1.001 / np.cosh(u) ** 2)
    net = random_network(rng, surrogate=off, recurrence=ms.ASRC(3))
    with pytest.raises(checks.GradientError, match=r"layers\.0\.w_in") as caught:
        ms.gradcheck(net, *random_batch(rng, net, B=2, T=6))
    assert {row.rung for row in caught.value.report.wrong} == {"1 surrogate", "2 smooth"}
    good = ms.Custom("tanh", np.tanh, lambda u: 1 / np.cosh(u) ** 2)
    net = random_network(rng, surrogate=good, recurrence=ms.ASRC(3))
    ms.gradcheck(net, *random_batch(rng, net, B=2, T=6))


@pytest.mark.parametrize("detach", [False, True])
def test_without_a_primitive_the_lowest_rungs_are_said_to_be_skipped(rng, detach):
    """The report shows that they were not climbed; the others have the rows that they have with a primitive."""
    pair = ms.Custom("tanh", np.tanh, lambda u: 1 / np.cosh(u) ** 2)
    alone = ms.Custom("tanh", derivative=pair.derivative)
    options = {"recurrence": ms.ASRC(3), "neuron": ms.LIF(detach_reset=detach)}
    reports = []
    for surrogate in (pair, alone):
        net = random_network(np.random.default_rng(3), surrogate=surrogate, **options)
        reports.append(ms.gradcheck(net, *random_batch(np.random.default_rng(4), net, B=2, T=6)))
    whole, part = reports
    low = {"1 surrogate", "3 replay" if detach else "2 smooth"}
    assert part.ok and {row.rung for row in part.rows if not row.compared} == low
    assert [row for row in part.rows if row.compared] == [row for row in whole.rows if row.rung not in low]
    assert all(row.compared for row in whole.rows)
    table, summary = str(part).splitlines(), part.summary().splitlines()
    for rung in low:
        for lines in (table, summary):
            (line,) = (line for line in lines if line.startswith(rung))
            assert line.endswith("not checked: this surrogate has no primitive") and "ok" not in line
    assert len(summary) == len(whole.summary().splitlines())
    assert "not checked" in repr(part) and "not checked" not in repr(whole)


def test_without_a_primitive_an_error_is_still_found(rng, monkeypatch):
    net = random_network(rng, surrogate=ms.Custom("tanh", derivative=lambda u: 1 / np.cosh(u) ** 2))
    x, y = random_batch(rng, net, B=2, T=6)
    assert ms.gradcheck(net, x, y, backward=right_backward).ok
    off = checks.compare("4 frozen", "layers.0.w_in", [1.0], [1.1], 1e-12)
    monkeypatch.setitem(checks.LADDER, "4 frozen", lambda net, batch: [off])
    with pytest.raises(checks.GradientError, match="WRONG at"):
        ms.gradcheck(net, x, y)
    with pytest.raises(ValueError, match="surrogate 'tanh' has no primitive"):
        checks.step_sweep(net, x, y)


def test_differences_of_the_hard_loss_are_no_reference(rng):
    """They are 0 nearly everywhere, where the surrogate gradient is not: the loss is a staircase."""
    net = random_network(rng, recurrence=ms.SRC(2))
    x, y = random_batch(rng, net)
    batch = oracle.make_batch(net, x, y)
    _, grads = net.loss_and_grad(x, y)
    drawn = oracle.draw_entries(grads, 10)["layers.0.w_in"]
    differences = oracle.central_differences(
        lambda params: oracle.spec_forward(net, params, batch)[0], net.params, "layers.0.w_in", drawn, 1e-9
    )
    assert not differences.any()
    assert np.abs([grads["layers.0.w_in"][index] for index in drawn]).min() > 0


def test_replaying_is_what_detaching_means(rng):
    """Without the replay, differences contradict detached gradients; with it, they agree (rung 3)."""
    net = random_network(rng, neuron=ms.LIF(0.8, detach_reset=True), surrogate=ms.Sigmoid())
    x, y = random_batch(rng, net, B=3)
    batch = oracle.make_batch(net, x, y)
    loss, grads = oracle.smooth_mode(net, batch)
    fires = [reference.smooth(net.surrogate)] * 2
    indices = oracle.draw_entries(grads, 20)["layers.0.w_in"]
    pick = tuple(np.array(indices).T)
    replayed = oracle.central_differences(loss, net.params, "layers.0.w_in", indices)[pick]
    free = oracle.central_differences(
        lambda params: oracle.spec_forward(net, params, batch, lambda i: fires)[0], net.params, "layers.0.w_in", indices
    )[pick]
    analytic = grads["layers.0.w_in"][pick]
    np.testing.assert_allclose(analytic, replayed, rtol=1e-5, atol=1e-9)
    assert np.abs(analytic - free).max() > 0.01 * np.abs(analytic).max()


def test_kinks_are_kept_away_from(rng):
    """A network whose potentials lie on a kink is moved; one with too many potentials is refused."""
    net = random_network(rng)
    net.params["layers.0.bias"] = 0
    x, y = random_batch(rng, net, B=2, T=6)
    batch = oracle.make_batch(net, 0 * x, y)  # v = 0 and u = -1: the edge of the triangle
    moved = rungs.away_from_kinks(net, batch)
    assert np.abs(moved.params.flat - net.params.flat).max() > 1e-4
    for run in oracle.smooth_tapes(moved, batch):
        for layer in run:
            for kink in (-1.0, 0.0, 1.0):
                assert np.abs(layer.v - 1.0 - kink).min() > 10 * oracle.DIFFERENCE_STEP
    with pytest.raises(ValueError, match="within ten steps"):
        rungs.away_from_kinks(net, batch, step=0.05)


def test_far_too_many_potentials_are_refused_soon(rng, monkeypatch):
    """Not after fifty runs of thousands of sequences: two tell."""
    net, runs, tapes = random_network(rng), [], oracle.smooth_tapes
    batch = oracle.make_batch(net, *random_batch(rng, net, B=70, T=60))
    monkeypatch.setattr(oracle, "smooth_tapes", lambda *a: runs.append(1) or tapes(*a))
    with pytest.raises(ValueError, match=r"some of the \d+ potentials .*check fewer sequences"):
        rungs.away_from_kinks(net, batch, step=0.01)
    assert len(runs) == 2


@pytest.mark.parametrize("T, size", [(40, 1e22), (150, 1e44)])
def test_gradients_that_explode_are_not_blamed(rng, T, size):
    """Complex steps follow the recorded run, where rounding can't blow up, and what they move is small."""
    neuron, sizes = ms.LIF(0.9, threshold=5.0), (3, 12, 9, 4)
    net = random_network(rng, sizes, 2, recurrence=ms.ASRC(3), neuron=neuron, surrogate=ms.Sigmoid(4.0))
    x, y = random_batch(rng, net, B=2, T=T)
    batch = oracle.make_batch(net, 3 * x, y)
    _, grads = net.loss_and_grad(batch.x, y)
    assert size < np.abs(grads.flat).max() < np.inf
    assert all(row.ok for row in rungs.frozen_complex_steps(net, batch))


@pytest.mark.parametrize("neuron", [ms.LIF(0.8), ms.ALIF(0.8)], ids=["lif", "alif"])
def test_the_frozen_network_is_that_of_the_spec(rng, neuron):
    """Complex steps along the recorded run are those through `reference.frozen`, where rounding stays small."""
    net = random_network(rng, recurrence=ms.ASRC(3), neuron=neuron)
    batch = oracle.make_batch(net, *random_batch(rng, net, B=1))
    layers, (tape,) = net.layers("soft"), oracle.spec_forward(net, net.params, batch)[2]
    fires = [
        reference.frozen(t, slope, reference.thresholds(layer, t.s))
        for t, slope, layer in zip(tape, oracle.slopes(net, layers, tape), layers)
    ]
    losses = [
        oracle.frozen_linearisation(net, batch),
        lambda params: oracle.spec_forward(net, params, batch, lambda i: fires)[0],
    ]
    for name, indices in oracle.draw_entries(net.params, 5).items():
        np.testing.assert_allclose(
            *(oracle.complex_step(loss, net.params, name, indices) for loss in losses), atol=1e-13
        )


def test_differences_where_the_smooth_loss_is_rough(rng):
    """The step shrinks until two in a row agree; if none do, the row is left out, and neither blamed nor praised."""
    net = random_network(rng, (3, 12, 9, 4), 1, recurrence=ms.SRC(3), neuron=ms.LIF(0.9), surrogate=ms.Sigmoid(4.0))
    x, y = random_batch(rng, net, B=2, T=25)
    batch, name = oracle.make_batch(net, x, y), "layers.0.bias"
    loss, grads = oracle.smooth_mode(net, batch)
    drawn = oracle.draw_entries(grads, rungs.ENTRIES)[name]
    first = oracle.central_differences(loss, net.params, name, drawn)
    assert not checks.compare("2 smooth", name, grads[name], first, 1e-6, indices=drawn).ok
    assert checks.compare("2 smooth", name, grads[name], first, 1e-6, indices=[]).max_abs == 0  # nothing is compared
    found = rungs.smooth_differences(net, batch)
    assert all(row.ok and row.compared for row in found)
    wrong = rungs._by_differences("2 smooth", name, loss, net.params, 1.00001 * grads[name], drawn, 1e-5, 1e-15)
    assert wrong.compared and not wrong.ok
    x, y = random_batch(rng, net, B=2, T=150)
    rough = {row.block: row for row in rungs.smooth_differences(net, oracle.make_batch(net, x, y))}
    assert rough[name].ok and not rough[name].compared and "too rough" in rough[name].verdict
    assert rough["readout.w"].ok and rough["readout.w"].compared
    report, left_out = checks.Report(tuple(rough.values())), sum(not row.compared for row in rough.values())
    assert "too rough" in repr(report) and 0 < left_out < len(rough)
    assert report.summary().endswith(f"; {left_out} not compared")


def test_step_sweep_is_a_valley(rng):
    net = random_network(rng, surrogate=ms.Sigmoid(), recurrence=ms.ASRC(3))
    steps, errors = checks.step_sweep(net, *random_batch(rng, net, B=2, T=6))
    best = int(np.argmin(errors))
    assert 1e-7 < steps[best] < 1e-3
    assert errors[best] < 1e-7
    assert errors[0] > 1e3 * errors[best]
    assert errors[-1] > 1e3 * errors[best]


def right_backward(tape, e, params):
    """What a student could write: equations (7) to (12), one line each."""
    w_in, _, w_rec, delays, weights, decay, threshold, (a, h, detached), _, temperature = params
    T, N = e.shape
    q, eps, delta = np.zeros((3, T + 1, N))
    for t in range(T - 1, -1, -1):
        q[t] = sum((p * delta[t + k] for k, p in zip(delays, weights) if t + k < T), np.zeros(N))
        eps[t] = e[t] + q[t] @ w_rec.T
        c = decay * delta[t + 1]
        reset = (1 - detached) * (a * threshold + h * tape.v[t]) * c
        delta[t] = (1 - h * tape.s[t]) * c + tape.slope[t] * (eps[t] - reset)
    q, eps, delta = q[:T], eps[:T], delta[:T]
    m_delta = tape.mask * delta
    d_tap_weights = np.array([(tape.z[: T - k] * delta[k:]).sum() if k < T else 0.0 for k in delays])
    return {
        **{"q": q, "eps": eps, "delta": delta, "dx": m_delta @ w_in.T},
        **{"d_w_in": tape.x.T @ m_delta, "d_bias": m_delta.sum(axis=0), "d_w_rec": tape.s.T @ q},
        **{"d_decay": (tape.v_reset[:-1] * delta[1:]).sum(axis=0), "d_tap_weights": d_tap_weights},
        "d_span_logits": weights * (d_tap_weights - weights @ d_tap_weights) / temperature,
    }


def student_network(rng, **options):
    net = random_network(rng, **{"recurrence": ms.ASRC(4), "neuron": ms.LIF(0.7), **options})
    net.temperature = 0.6
    return net, *random_batch(rng, net, B=3, T=9)


def test_a_right_backward_passes(rng):
    for reset in ("soft", "hard", "none"):
        net, x, y = student_network(rng, neuron=ms.PLIF(0.7, 0.9, reset, detach_reset=reset == "soft"))
        report = ms.gradcheck(net, x, y, lengths=[9, 4, 1], backward=right_backward)
        assert report.ok
        assert {row.block.split(".")[-1] for row in report.rows} == {
            *("q", "eps", "delta", "dx", "d_w_in", "d_bias", "d_w_rec", "d_decay", "d_tap_weights", "d_span_logits")
        }


def test_a_backward_with_cuts_is_compared_with_the_spec_that_has_them(rng):
    def backward(tape, e, params, **cut):
        layer, recorded = reference.Layer(*params[:-1]), reference.LayerTape(*tape[1:6])
        grads = reference.layer_backward(e, tape.x, recorded, tape.slope, layer, tape.mask, reference.Cut(**cut))
        return grads._asdict()

    net, x, y = student_network(rng, recurrence=ms.SRC(2))
    for cut, other in (({"truncate": 3}, {"truncate": 4}), ({"hops": False}, {})):
        batch = checks.make_batch(net, x, y, **cut)
        assert checks.check_backward(net, batch, partial(backward, **cut)).ok
        assert not checks.check_backward(net, batch, partial(backward, **other)).ok


def test_what_is_missing_is_reported_and_not_failed(rng):
    net, x, y = student_network(rng)
    report = ms.gradcheck(net, x, y, backward=lambda *a: {"delta": right_backward(*a)["delta"]})
    assert str(report).count("  not returned") == sum(row.note == "not returned" for row in report.rows) > 0
    notes = {row.block: row.note for row in report.rows}
    assert notes["layers.1.delta"] == ""
    assert notes["layers.0.d_w_rec"] == "not returned"


def wrong(report, note="FIRST WRONG"):
    """The rows marked as the first that is wrong, by layer."""
    return {row.block: row.note for row in report.wrong if note in row.note}


def test_a_wrong_backward_is_located(rng):
    """One slip each; the report names the quantity and the latest time step at which it is wrong."""
    net, x, y = student_network(rng)
    net.params["layers.1.w_rec"] = 0  # so that the slips below stay where they are made

    def grade(slip):
        def backward(tape, e, params):
            result = right_backward(tape, e, params)
            slip(result, tape, e, params)
            return result

        with pytest.raises(checks.GradientError) as caught:
            ms.gradcheck(net, x, y, backward=backward)
        return wrong(caught.value.report)

    def one_step_late(result, tape, e, params):
        result["q"] = np.roll(result["q"], 1, axis=0)

    def no_reset(result, tape, e, params):
        unreset = params._replace(reset=np.zeros(3))
        result.update({k: v for k, v in right_backward(tape, e, unreset).items() if k in ("delta", "dx", "d_w_in")})

    def at_step_5(result, tape, e, params):
        result["eps"] = result["eps"].copy()
        result["eps"][5, 0] *= 1.001
        result["delta"] = result["delta"].copy()
        result["delta"][:5] *= 1.01

    def no_temperature(result, tape, e, params):
        result["d_span_logits"] = result["d_span_logits"] * params.temperature

    found = grade(one_step_late)
    assert found["layers.1.q"].endswith("t = 8") or found["layers.0.q"].endswith("t = 8")
    assert all(block.split(".")[-1] == "delta" and "t = 7" in note for block, note in grade(no_reset).items())
    assert {block: note[-5:] for block, note in grade(at_step_5).items()} == dict.fromkeys(
        ("layers.0.eps", "layers.1.eps"), "t = 5"
    )
    assert set(grade(no_temperature)) <= {"layers.0.d_span_logits", "layers.1.d_span_logits"}


def test_a_student_gets_clear_errors(rng):
    net, x, y = student_network(rng)
    with pytest.raises(TypeError, match=r"batch must come from minisnn\.checks\.make_batch\(net, x, y\), got Batch"):
        checks.check_backward(net, ms.Batch(x, y), lambda *a: {})
    with pytest.raises(TypeError, match="must return a dict"):
        ms.gradcheck(net, x, y, backward=lambda *a: None)
    with pytest.raises(ValueError, match="returned nothing to check"):
        ms.gradcheck(net, x, y, backward=lambda *a: {})
    with pytest.raises(ValueError, match="returned grad_v; known are q, eps"):
        ms.gradcheck(net, x, y, backward=lambda *a: {"grad_v": 0})
    with pytest.raises(checks.GradientError, match=r"shape \(9, 3\), expected"):
        ms.gradcheck(net, x, y, backward=lambda tape, e, params: {"delta": np.zeros((9, 3))})


def test_a_silent_layer_tests_nothing_and_that_is_said(rng):
    net, x, y = student_network(rng)
    net.params["layers.1.w_in"][...] = 0
    net.params["layers.1.bias"][...] = -0.5
    report = ms.gradcheck(net, x, y, backward=right_backward)
    silent = {row.block for row in report.rows if "tests nothing" in row.note}
    assert "layers.1.d_w_rec" in silent and not any(block.startswith("layers.0") for block in silent)


def test_gradients_below_float32_are_right(rng):
    """Where all potentials are far below θ, σ′ is so small that it is 0 in float32."""
    net = ms.Network([3, 4, 5, 2], ms.SRC(2), surrogate=ms.Sigmoid(4.0), seed=1, dtype="float64")
    net.params["layers.1.bias"][...] = -25.0
    x, y = rng.standard_normal((2, 7, 3)), np.array([1, 0])
    tape = net.record(x)
    grads = net.adjoint(tape, rng.standard_normal(tape.layers[-1].s.shape)).grads
    assert 0 < np.abs(grads.flat).max() < 1e-38
    ms.gradcheck(net, x, y)


def test_a_wrong_shape_is_told_even_where_all_else_is_right(rng):
    net, x, y = student_network(rng)

    def flat(tape, e, params):
        result = right_backward(tape, e, params)
        result["d_w_in"] = result["d_w_in"].ravel()
        return result

    with pytest.raises(checks.GradientError, match=r"shape \(\d+,\), expected \("):
        ms.gradcheck(net, x, y, backward=flat)


def test_report_calls_nan_wrong():
    row = checks.compare("x", "y", [1.0, np.nan], [1.0, 2.0], 1e-3)
    assert not row.ok
    assert row.index == (1,)
    assert not checks.compare("x", "y", [1.0], [np.nan], 1e-3).ok
    assert checks.compare("x", "y", [], [], 0.0).ok
    with pytest.raises(ValueError, match=r"y: shape \(2,\) can't be compared with the expected \(3,\)"):
        checks.compare("x", "y", [1.0, 2.0], [1.0, 2.0, 3.0], 0.0)


def test_hard_spans_of_equal_logits(rng):
    """As fresh networks have them: a difference would move the arg-max, and blame a right gradient, which is 0."""
    net = ms.Network([2, 5, 4, 2], ms.ASRC(4), seed=3, dtype="float64")
    report = ms.gradcheck(net, 2 * rng.standard_normal((2, 7, 2)), np.array([0, 1]), span_mode="hard")
    assert {row.rung for row in report.rows if "span_logits" in row.block} >= {"2 smooth", "4 frozen"}
