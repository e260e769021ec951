"""Network: construction, first weights, what it refuses, tapes, and files."""

import json
import math
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn._internal import storage
from minisnn.core import batch as engine

CUBIC = ms.Custom("cubic", lambda u: u**3 / 3, lambda u: u**2)


# Construction


@pytest.mark.parametrize(
    "sizes, error, words",
    [
        ([3, 2], ValueError, "at least one hidden layer"),
        ([], ValueError, "at least one hidden layer"),
        (5, TypeError, r"sizes must be a list, e\.g\. \[1, 64, 10\], got 5"),
        (None, TypeError, "sizes must be a list"),
        ([3, 0, 2], ValueError, r"sizes\[1\] must be at least 1"),
        ([3, 5.0, 2], TypeError, r"sizes\[1\] must be an integer, got 5.0 \(float\)"),
        ([3, True, 2], TypeError, r"sizes\[1\]"),
        ("352", TypeError, r"sizes\[0\]"),
        ([3, 5, 1], ValueError, r"at least 2 classes, got sizes\[-1\] = 1"),
    ],
)
def test_wrong_sizes(sizes, error, words):
    with pytest.raises(error, match=words):
        ms.Network(sizes)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"recurrence": ms.Recurrent}, TypeError, r"recurrence must be .*did you mean Recurrent\(\)\?"),
        ({"recurrence": [ms.SRC(2), ms.Feedforward]}, TypeError, r"did you mean Feedforward\(\)\?"),
        (
            {"recurrence": "src"},
            TypeError,
            "recurrence must be Feedforward or Recurrent or SRC or ASRC or Mixture, got 'src'",
        ),
        ({"recurrence": 3}, TypeError, "recurrence must be"),
        ({"recurrence": 0}, TypeError, "recurrence must be"),
        (
            {"recurrence": [ms.SRC(2)]},
            ValueError,
            "recurrence has 1 entries, expected one for each of the 2 hidden layers",
        ),
        ({"recurrence": [ms.SRC(2)] * 3}, ValueError, "recurrence has 3 entries"),
        ({"recurrence": []}, ValueError, "recurrence has 0 entries"),
        ({"neuron": ms.LIF}, TypeError, r"neuron must be LIF or PLIF or ALIF.*did you mean LIF\(\)\?"),
        ({"neuron": [ms.LIF(), None]}, TypeError, "neuron must be LIF or PLIF or ALIF, got None"),
        ({"neuron": [ms.LIF()]}, ValueError, "neuron has 1 entries, expected one for each of the 2 hidden layers"),
        ({"neuron": []}, ValueError, "neuron has 0 entries"),
        (
            {"neuron": [ms.LIF(), ms.LIF((0.5,) * 5)]},
            ValueError,
            "decay of layer 1 has 5 values, the layer has 4 neurons",
        ),
        ({"neuron": ms.LIF(threshold=(1.0,) * 5)}, ValueError, "threshold of layer 1 has 5 values"),
        ({"neuron": ms.PLIF((0.5, 0.6), per_neuron=True)}, ValueError, "decay of layer 0 has 2 values, .* 5 neurons"),
        ({"recurrence": [ms.ASRC(4, True), ms.ASRC(6, True)]}, ValueError, r"one max_span, got \[4, 6\]"),
        ({"surrogate": ms.Triangle}, TypeError, r"did you mean Triangle\(\)\?"),
        ({"surrogate": "triangle"}, TypeError, "surrogate must be one of"),
        ({"surrogate": 0}, TypeError, "surrogate must be one of"),
        ({"readout_window": 0}, ValueError, "readout_window must be at least 1"),
        ({"readout_window": 2.5}, TypeError, "readout_window must be an integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 1.0}, TypeError, "seed must be an integer"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of 'float32', 'float64', got 'float16'"),
        ({"dtype": "int32"}, ValueError, "dtype must be one of"),
        ({"dtype": "double precision"}, ValueError, "dtype must be one of .*, got 'double precision'"),
        ({"dtype": None}, ValueError, "dtype must be one of 'float32', 'float64', got None"),
    ],
)
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        ms.Network([3, 5, 4, 2], **options)


def test_dtypes_by_other_names():
    for dtype, name in ((np.float64, "float64"), (np.dtype("f4"), "float32"), (float, "float64")):
        net = ms.Network([3, 5, 2], dtype=dtype)
        assert net.dtype == name
        assert net.params.flat.dtype == name


def test_masks_are_a_list():
    net = ms.Network([3, 5, 2])
    with pytest.raises(TypeError, match="masks must be a list with one array per hidden layer, got 3"):
        net.loss_and_grad(np.ones((1, 4, 3)), [0], masks=3)


def test_what_is_assigned_to_a_parameter_has_its_shape():
    """A row would otherwise fill all of W_rec without a word."""
    net = ms.Network([3, 5, 2])
    before = net.params.copy()
    for name, value, words in (
        (
            "layers.0.w_in",
            np.ones((5, 3)),
            r"layers\.0\.w_in must have the shape \(3, 5\), got \(5, 3\); is it transposed\?$",
        ),
        ("layers.0.w_rec", np.ones(5), r"layers\.0\.w_rec must have the shape \(5, 5\), got \(5,\)$"),
        ("layers.0.bias", np.ones((5, 1)), r"layers\.0\.bias must have the shape \(5,\), got \(5, 1\)$"),
    ):
        with pytest.raises(ValueError, match=words):
            net.params[name] = value
    assert (net.params.flat == before.flat).all()
    net.params["layers.0.w_in"], net.params["layers.0.bias"] = np.full((3, 5), 2.0), 3
    assert net.params.flat[:20].tolist() == [2.0] * 15 + [3.0] * 5


def test_lists_and_single_values_say_the_same():
    one = ms.Network([3, 5, 4, 2], recurrence=ms.SRC(3), neuron=ms.LIF(0.7))
    lists = ms.Network((3, 5, 4, 2), recurrence=[ms.SRC(3)] * 2, neuron=(ms.LIF(0.7), ms.LIF(0.7)))
    assert one.config() == lists.config()
    np.testing.assert_array_equal(one.params.flat, lists.params.flat)
    assert repr(one) == repr(lists)


# Parameters and their first values


def test_names_and_shapes():
    net = ms.Network(
        [3, 6, 5, 4, 2],
        recurrence=[ms.ASRC(7), ms.Feedforward(), ms.SRC(2)],
        neuron=[ms.PLIF(), ms.PLIF(per_neuron=True), ms.LIF()],
    )
    expected = {
        "layers.0.w_in": (3, 6),
        "layers.0.bias": (6,),
        "layers.0.w_rec": (6, 6),
        "layers.0.decay_logit": (1,),
        "layers.0.span_logits": (7,),
        "layers.1.w_in": (6, 5),
        "layers.1.bias": (5,),
        "layers.1.decay_logit": (5,),
        "layers.2.w_in": (5, 4),
        "layers.2.bias": (4,),
        "layers.2.w_rec": (4, 4),
        "readout.w": (4, 2),
        "readout.bias": (2,),
    }
    assert {name: block.shape for name, block in net.params.items()} == expected
    assert net.params.flat.size == sum(math.prod(shape) for shape in expected.values())
    assert "layers.1.w_rec" not in net.params
    shared = ms.Network([3, 5, 4, 2], recurrence=ms.ASRC(6, shared=True))
    assert [name for name in shared.params if "span" in name] == ["span_logits"]
    assert shared.params["span_logits"].shape == (6,)
    with pytest.raises(KeyError, match=r"layers.9.bias.*layers.0.w_in"):
        net.params["layers.9.bias"]


def test_blocks_fill_the_flat_vector_once():
    net = ms.Network([3, 5, 4, 2], recurrence=ms.ASRC(6), neuron=ms.PLIF())
    seen = np.zeros(net.params.flat.size, int)
    for name in net.params:
        seen[net.params.block(name)] += 1
    assert (seen == 1).all()


def test_views_write_through(rng):
    net = random_network(rng)
    x, _ = random_batch(rng, net)
    before = net.logits(x)
    view = net.params["readout.bias"]
    view += 1.0
    np.testing.assert_allclose(net.logits(x), before + x.shape[1], rtol=1e-12)
    net.params["readout.bias"] = 0.25
    assert (view == 0.25).all()
    assert (net.params.flat[net.params.block("readout.bias")] == 0.25).all()
    with pytest.raises(ValueError, match=r"role must be one of .*, got 'span_logit'; did you mean 'span logit'"):
        net.params.names("span_logit")
    net.params.flat[...] = 0.5
    assert (net.params["layers.0.w_in"] == 0.5).all()
    copy = net.params.copy()
    copy["readout.w"] = 3.0
    assert (net.params["readout.w"] == 0.5).all()


def test_first_values():
    """Uniform in ±1/√n_in, W_rec orthogonal, span logits 0, decays as given."""
    net = ms.Network([2, 40, 30, 9], recurrence=ms.ASRC(5), neuron=ms.PLIF(0.8), dtype="float64", seed=3)
    for name, n_in in (("layers.0", 2), ("layers.1", 40), ("readout", 30)):
        bound = 1 / math.sqrt(n_in)
        for block in (net.params[f"{name}.w" if name == "readout" else f"{name}.w_in"], net.params[f"{name}.bias"]):
            assert np.abs(block).max() <= bound
            assert np.abs(block).max() > 0.6 * bound
            assert (block > 0).any()
            assert (block < 0).any()
            assert len(np.unique(block)) == block.size
    spread = net.params["layers.1.w_in"]  # 1200 numbers: their mean is 0 and their variance bound² / 3
    assert abs(spread.mean()) < 4 * math.sqrt(1 / 40 / 3 / 1200)
    assert spread.var() == pytest.approx(1 / 40 / 3, rel=0.15)
    for layer, n in ((0, 40), (1, 30)):
        w_rec = net.params[f"layers.{layer}.w_rec"]
        assert np.abs(w_rec @ w_rec.T - np.eye(n)).max() < 1e-12
        assert np.abs(w_rec.T @ w_rec - np.eye(n)).max() < 1e-12
        assert not net.params[f"layers.{layer}.span_logits"].any()
        decay = 1 / (1 + np.exp(-net.params[f"layers.{layer}.decay_logit"]))
        np.testing.assert_allclose(decay, 0.8, rtol=1e-14)
        np.testing.assert_allclose(net.layers()[layer].decay, np.full(n, 0.8), rtol=1e-14)


def test_first_values_are_equal_across_recurrences():
    nets = [
        ms.Network([3, 5, 4, 2], recurrence=r, seed=7)
        for r in (ms.Recurrent(), ms.SRC(3), ms.ASRC(4), ms.ASRC(4, shared=True), ms.Feedforward())
    ]
    for net in nets[1:]:
        common = [name for name in net.params if name in nets[0].params]
        assert "layers.1.w_in" in common
        for name in common:
            np.testing.assert_array_equal(net.params[name], nets[0].params[name])
    assert "layers.1.w_rec" in nets[3].params


def test_first_values_differ_across_seeds_and_blocks():
    nets = [ms.Network([3, 5, 4, 2], seed=seed) for seed in (0, 1, 0)]
    for name in nets[0].params:
        assert (nets[0].params[name] != nets[1].params[name]).all(), name
    np.testing.assert_array_equal(nets[0].params.flat, nets[2].params.flat)
    twins = ms.Network([4, 4, 4, 2])
    assert (twins.params["layers.0.w_in"] != twins.params["layers.1.w_in"]).all()
    assert (twins.params["layers.0.w_rec"] != twins.params["layers.1.w_rec"]).all()


def test_float32_is_rounded_float64():
    options = {"recurrence": ms.ASRC(6), "neuron": ms.PLIF(0.3), "seed": 2}
    single, double = (ms.Network([3, 5, 4, 2], dtype=dtype, **options) for dtype in ("float32", "float64"))
    assert (single.params.flat.dtype, double.params.flat.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(single.params.flat, double.params.flat.astype(np.float32))
    np.testing.assert_array_equal(double.astype("float32").params.flat, single.params.flat)


def test_astype_is_a_copy(rng):
    net = random_network(rng, recurrence=ms.ASRC(4), neuron=ms.PLIF(0.4), readout_window=5)
    net.temperature = 0.3
    other = net.astype("float64")
    x, y = random_batch(rng, net)
    assert other.loss_and_grad(x, y)[0] == net.loss_and_grad(x, y)[0]
    other.params.flat[...] = 0
    assert net.params.flat.all()


# Input


@pytest.fixture
def small(rng):
    return random_network(rng, recurrence=ms.ASRC(4))


def calls(net, x, y=None, **options):
    """The methods that take a batch, each as a function without arguments."""
    y = np.zeros(len(x) if np.ndim(x) else 1, np.int64) if y is None else y
    return {
        "loss_and_grad": lambda: net.loss_and_grad(x, y, **options),
        "logits": lambda: net.logits(x, **options),
        "record": lambda: net.record(x, **options),
        "evaluate": lambda: net.evaluate(SimpleNamespace(x=x, y=y, **options)),
    }


GOOD = np.ones((7, 11, 3))


@pytest.mark.parametrize(
    "x, error, words",
    [
        (
            np.ones((7, 3, 11)),
            ValueError,
            r"3 inputs on its last axis, got shape \(7, 3, 11\); are the axes swapped\? Axis 1",
        ),
        (np.ones((3, 11, 7)), ValueError, "are the axes swapped[?] Axis 0 has size 3"),
        (np.ones((7, 11, 4)), ValueError, r"3 inputs on its last axis, got shape \(7, 11, 4\)$"),
        (np.ones((11, 3)), ValueError, r"\(B, T, n_in\).*got shape \(11, 3\); for a batch of one .*x\[np.newaxis\]"),
        (np.ones((7, 11)), ValueError, r"\(B, T, n_in\)"),
        (np.ones((1, 7, 11, 3)), ValueError, r"got shape \(1, 7, 11, 3\)"),
        (np.float64(1.0), ValueError, r"got shape \(\)"),
        (np.ones((0, 11, 3)), ValueError, "x has no sequences"),
        (np.ones((7, 0, 3)), ValueError, "x has no time steps"),
        (np.where(np.arange(3) == 1, np.nan, GOOD), ValueError, r"77 values that are NaN or infinite, .* \(0, 0, 1\)"),
        (np.where(np.arange(3) == 2, np.inf, GOOD), ValueError, r"NaN or infinite, the first at index \(0, 0, 2\)"),
        (-np.inf * GOOD, ValueError, "NaN or infinite"),
        (GOOD + 0j, TypeError, "x must hold real numbers .* got dtype complex128"),
        (GOOD.astype(object), TypeError, "got dtype object"),
        (GOOD.astype(str), TypeError, "got dtype <U"),
        (np.ma.masked_array(GOOD, GOOD > 2), TypeError, "masked array; fill it first"),
    ],
)
def test_wrong_x(small, x, error, words):
    for call in calls(small, x).values():
        with pytest.raises(error, match=words):
            call()


def test_x_without_an_input_axis(rng):
    net = random_network(rng, (1, 5, 2))
    with pytest.raises(ValueError, match=r"for one number per step, write x\[:, :, np.newaxis\]"):
        net.logits(np.ones((7, 11)))


LIMITS = {"float32": 1.8e19, "float64": 1.3e154}  # their squares are still finite
BIG = {"float32": (3e38, 1e39, 2e19), "float64": (1e155, 1e300)}


@pytest.mark.parametrize("dtype", LIMITS)
def test_numbers_too_large_for_products_are_refused(rng, dtype):
    """In x, e and masks, with the place of the first; in the dtype of the network, not in that of the array."""
    net = random_network(rng, dtype=dtype, recurrence=ms.SRC(2))
    tape, y = net.record(GOOD), np.zeros(7, int)

    for value in (*BIG[dtype], *(-value for value in BIG[dtype])):
        x, mask, e = GOOD.copy(), np.ones((7, 4)), np.ones((7, 11, 4))
        x[2, 9, 1] = x[6, 0, 0] = mask[3, 2] = e[5, 8, 3] = value
        masks = [np.ones((7, 5)), mask]
        words = rf"values beyond ±1\.\d+e\+\d+, the first at index {{}}: {re.escape(f'{value:.3g}')}; .*{dtype}"
        for call in calls(net, x, y).values():
            with pytest.raises(ValueError, match="x holds 2 " + words.format(r"\(2, 9, 1\)")):
                call()
        for name in ("loss_and_grad", "record"):
            with pytest.raises(ValueError, match=r"masks\[1\] holds 1 " + words.format(r"\(3, 2\)")):
                calls(net, GOOD, y, masks=masks)[name]()
        with pytest.raises(ValueError, match="e holds 1 " + words.format(r"\(5, 8, 3\)")):
            net.adjoint(tape, e)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_arrays_of_other_floats_are_checked_too(small, dtype, bad):
    """In a network of float64, whose largest number is infinite in the smaller ones."""
    x = GOOD.astype(dtype)
    small.logits(x * np.finfo(dtype).max if dtype == np.float16 else x)
    x[1, 2, 0] = bad
    with pytest.raises(ValueError, match=r"x holds 1 values that are NaN or infinite, the first at index \(1, 2, 0\)"):
        small.logits(x)


@pytest.mark.parametrize("dtype", LIMITS)
def test_numbers_up_to_the_limit_stay_finite(rng, dtype):
    """Potentials too: one that is infinite or NaN would not be seen in the spikes."""
    net = random_network(rng, dtype=dtype, recurrence=ms.SRC(2))
    x = LIMITS[dtype] * rng.choice([-1.0, 1.0], (7, 11, 3))
    tape = net.record(x)
    assert all(np.isfinite(layer.v).all() for layer in tape.layers)
    loss, grads = net.loss_and_grad(x, np.zeros(7, int))
    assert np.isfinite(loss) and np.isfinite(grads.flat).all()
    adjoint = net.adjoint(net.record(GOOD), np.full((7, 11, 4), LIMITS[dtype]))
    assert np.isfinite(adjoint.grads.flat).all() and np.isfinite(adjoint.dx).all()


@pytest.mark.parametrize("state", ["raise", "ignore"])
def test_checks_heed_no_error_state_of_numpy(small, state):
    with np.errstate(all=state):
        for bad in (np.nan, np.inf, 1e200):
            with pytest.raises(ValueError, match="x holds 231 values"):
                small.logits(bad * GOOD)
        with pytest.raises(ValueError, match="must fit into float32"):
            ms.Network([3, 5, 2]).params["readout.w"] = 1e300


@pytest.mark.parametrize("junk", [np.nan, -np.inf, 1e300, 7.0])
@pytest.mark.parametrize("dtype", LIMITS)
def test_what_lies_after_the_end_does_not_matter(rng, dtype, junk):
    """In x and in e: the same bits as with zeros, and the arrays handed in stay as they are."""
    net = random_network(rng, dtype=dtype, recurrence=ms.ASRC(4))
    x, y = random_batch(rng, net)
    lengths = np.array([11, 3, 8, 11, 1, 7, 10])
    after = np.arange(11) >= lengths[:, np.newaxis]
    e = rng.standard_normal((7, 11, 4))
    zeros, spoiled, spoiled_e = x.copy(), x.copy(), e.copy()
    zeros[after], spoiled[after], spoiled_e[after] = 0, junk, junk
    before = spoiled.copy()
    results = []
    for x, above in ((zeros, e), (spoiled, spoiled_e)):
        tape = net.record(x, lengths)
        loss, grads = net.loss_and_grad(x, y, lengths)
        adjoint = net.adjoint(tape, above)
        evaluation = net.evaluate(SimpleNamespace(x=x, y=y, lengths=lengths))
        results.append((loss, grads.flat, tape.layers[1].v, adjoint.dx, adjoint.grads.flat, net.logits(x, lengths)))
        assert np.isfinite(tape.x).all()
        assert np.isfinite(ms.checks.make_batch(net, x, y, lengths).x).all()
        results[-1] += (evaluation.loss,)
    for one, other in zip(*results):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(spoiled, before)
    spoiled[5, 6, 2] = np.nan  # its last step
    with pytest.raises(ValueError, match=r"x holds 1 values .* \(5, 6, 2\) \(lengths\[5\] = 7\)"):
        net.logits(spoiled, lengths)


def test_sequences_of_different_length_are_told_how_to_be_padded(small):
    ragged = [np.ones((11, 3)), np.ones((7, 3))]
    as_objects = np.empty(2, object)
    as_objects[:] = ragged
    for x, error in ((ragged, ValueError), (as_objects, TypeError)):
        for call in calls(small, x, np.zeros(2, int)).values():
            with pytest.raises(
                error, match=r"different length\? Pad them with zeros, and pass their lengths as lengths="
            ):
                call()


@pytest.mark.parametrize(
    "y, error, words",
    [
        ([0, 1, 2, 1, 0, 0, 1], ValueError, r"y must lie in 0 .. 1, got y\[2\] = 2$"),
        ([1, 2, 2, 1, 1, 2, 1], ValueError, r"got y\[1\] = 2; do the labels start at 1\?"),
        ([0, 1, -1, 1, 0, 0, 1], ValueError, r"got y\[2\] = -1"),
        (np.eye(2, dtype=int)[[0, 1, 0, 1, 0, 0, 1]], ValueError, r"shape \(7, 2\); .*one-hot.*y.argmax\(axis=1\)"),
        (np.eye(2)[[0, 1, 0, 1, 0, 0, 1]], TypeError, r"dtype float64; .*y.argmax\(axis=1\)"),
        (np.zeros(7), TypeError, "y must hold integer class labels, got dtype float64"),
        (np.zeros(6, int), ValueError, r"one label per sequence, shape \(7,\), got shape \(6,\)"),
        (0, ValueError, r"got shape \(\)"),
        (["0"] * 7, TypeError, r"dtype <U1; number the classes: names, y = np\.unique\(y, return_inverse=True\)"),
        (np.array(["a", "b"] * 3 + ["a"], object), TypeError, r"dtype object; number .*np\.unique"),
        ([None] * 7, TypeError, "dtype object"),
        (np.arange(7) % 2.0, TypeError, r"dtype float64; if these whole numbers are classes, write y\.astype\(int\)"),
        (np.linspace(0, 1, 7), TypeError, "dtype float64; there is no regression here.*digitize"),
        (np.linspace(0, 1, 14).reshape(7, 2), TypeError, "dtype float64; there is no regression here.*digitize"),
        (np.full(7, np.nan), TypeError, "there is no regression here"),
    ],
)
def test_wrong_y(small, y, error, words):
    for name in ("loss_and_grad", "evaluate"):
        with pytest.raises(error, match=words):
            calls(small, GOOD, y)[name]()


@pytest.mark.parametrize(
    "lengths, error, words",
    [
        ([1, 11, 0, 5, 5, 5, 5], ValueError, r"lengths must lie in 1 .. 11, the steps of x, got lengths\[2\] = 0"),
        ([1, 11, 12, 5, 5, 5, 5], ValueError, r"lengths\[2\] = 12"),
        ([-1] * 7, ValueError, r"lengths\[0\] = -1"),
        ([5.0] * 7, TypeError, "lengths must hold integers, got dtype float64"),
        ([True] * 7, TypeError, "dtype bool"),
        ([5] * 6, ValueError, r"shape \(7,\), got shape \(6,\)"),
        (5, ValueError, r"got shape \(\)"),
    ],
)
def test_wrong_lengths(small, lengths, error, words):
    for call in calls(small, GOOD, lengths=lengths).values():
        with pytest.raises(error, match=words):
            call()


@pytest.mark.parametrize(
    "masks, error, words",
    [
        ([np.ones((7, 5))], ValueError, "one array per hidden layer, expected 2, got 1"),
        (
            [np.ones((7, 5)), np.ones((7, 5))],
            ValueError,
            r"masks\[1\] must have the shape \(B, N\) = \(7, 4\), got \(7, 5\)",
        ),
        ([np.ones(5), np.ones((7, 4))], ValueError, r"masks\[0\] .* got \(5,\)"),
        ([np.ones((7, 5)), np.full((7, 4), np.nan)], ValueError, r"masks\[1\] holds 28 values that are NaN"),
        ([np.ones((7, 5)), np.ones((7, 4), complex)], TypeError, r"masks\[1\] must hold real numbers"),
    ],
)
def test_wrong_masks(small, masks, error, words):
    for name in ("loss_and_grad", "record"):
        with pytest.raises(error, match=words):
            calls(small, GOOD, masks=masks)[name]()


def test_wrong_span_mode_and_temperature(small):
    for name in ("loss_and_grad", "logits", "record"):
        with pytest.raises(ValueError, match="span_mode must be one of 'soft', 'hard', got 'argmax'"):
            calls(small, GOOD, span_mode="argmax")[name]()
    for temperature in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="temperature must be a finite number"):
            small.temperature = temperature
    assert small.temperature == 1.0


def test_a_temperature_must_be_one_in_the_dtype_of_the_network(small):
    """1e-40 is denormal as float32, 1e-50 is 0, and 1e39 infinite."""
    for temperature in (1e-40, 1e-50, 1e39):
        with pytest.raises(ValueError, match=r"temperature must lie in .* as float32 holds it, got"):
            ms.Network([3, 5, 2]).temperature = temperature
        small.temperature = temperature
        with pytest.raises(ValueError, match=r"temperature must lie in .* as float32 holds it, got"):
            small.astype("float32")
    with pytest.raises(ValueError, match="as float64 holds it, got 5e-324"):
        small.temperature = 5e-324


def test_parameters_that_overflow_are_not_written(rng):
    """Neither by name nor in a cast; what was there stays. What is NaN already is refused when the network runs."""
    net = ms.Network([3, 5, 2])
    before = net.params.flat.copy()
    matrix = np.ones((5, 2))
    matrix[4, 1] = -1e39
    for value, place in ((matrix, r"\(4, 1\)"), (1e39, r"\(\)")):
        with pytest.raises(ValueError, match=rf"readout\.w must fit into float32, got -?1e\+39 at index {place}"):
            net.params["readout.w"] = value
    np.testing.assert_array_equal(net.params.flat, before)
    double = net.astype("float64")
    double.params["layers.0.bias"][3] = 1e39
    with pytest.raises(ValueError, match=r"layers\.0\.bias must fit into float32, got 1e\+39 at index \(3,\)"):
        double.astype("float32")
    net.params["readout.w"] = 2**70
    assert (net.params["readout.w"] == 2.0**70).all()


def test_parameters_that_are_not_finite(small):
    """Neurons with a potential of NaN never fire: without a word the numbers would look plausible."""
    small.params["layers.1.w_rec"][2, 3] = np.nan
    for call in calls(small, GOOD).values():
        with pytest.raises(ValueError, match=r"NaN or infinite: layers\.1\.w_rec, .* index \(2, 3\)$"):
            call()


def test_wrong_adjoints(small, rng):
    tape = small.record(GOOD)
    good = np.ones((7, 11, 4))
    for e in (np.ones((7, 11, 5)), np.ones((11, 7, 4)), np.ones((11, 4)), np.ones((0, 11, 4))):
        with pytest.raises(ValueError, match=r"e must have the shape .*\(B, T, N\) = \(7, 11, 4\), got"):
            small.adjoint(tape, e)
    for e in (good * np.nan, good / np.finfo(float).tiny * np.inf):
        with pytest.raises(ValueError, match="e holds 308 values that are NaN or infinite"):
            small.adjoint(tape, e)
    for e in (good + 0j, good.astype(str), good.astype(object)):
        with pytest.raises(TypeError, match="e must hold real numbers"):
            small.adjoint(tape, e)
    for sizes in ((3, 5, 6, 2), (3, 4, 2), (3, 5, 4, 3)):
        with pytest.raises(ValueError, match="tape belongs to another network"):
            small.adjoint(random_network(rng, sizes).record(GOOD), good)
    for other in (None, good):
        with pytest.raises(TypeError, match=r"tape must come from record\(\)"):
            small.adjoint(other, good)


def test_equal_numbers_in_other_types_give_equal_results(small, rng):
    """bool, integers, float16, lists, Fortran order, strides, read-only: only the numbers matter."""
    binary = rng.integers(0, 2, (7, 11, 3))
    y = rng.integers(0, 2, 7)
    reference = binary.astype(np.float64)
    loss, grads = small.loss_and_grad(reference, y)
    assert grads["layers.0.w_in"].any()
    read_only = reference.copy()
    read_only.flags.writeable = False
    variants = [binary.astype(dtype) for dtype in (bool, np.int8, np.uint8, np.int64, np.float16, np.float32)]
    variants += [binary.tolist(), np.asfortranarray(reference), reference[::-1][::-1], read_only]
    variants.append(np.repeat(reference, 2, axis=1)[:, ::2])
    for x in variants:
        before = np.array(x)
        other_loss, other_grads = small.loss_and_grad(x, y)
        assert other_loss == loss
        np.testing.assert_array_equal(other_grads.flat, grads.flat)
        np.testing.assert_array_equal(small.logits(x), small.logits(reference))
        np.testing.assert_array_equal(np.array(x), before)
    for labels in (y.tolist(), y.astype(np.uint8), y.astype(bool)):
        assert small.loss_and_grad(reference, labels)[0] == loss


def test_all_faces_agree(rng):
    """logits, record, evaluate and loss_and_grad tell the same about a batch of which a slab has several sequences."""
    net = random_network(rng, recurrence=ms.ASRC(4), readout_window=4)
    x, y = random_batch(rng, net, B=2 * engine.SLABS + 3)
    lengths = rng.integers(1, 12, len(x))
    for span_mode in ("soft", "hard"):
        logits, tape = net.logits(x, lengths, span_mode), net.record(x, lengths, span_mode)
        np.testing.assert_array_equal(tape.logits, logits)
        evaluation = net.evaluate(SimpleNamespace(x=x, y=y, lengths=lengths), span_mode)
        assert evaluation.loss == pytest.approx(net.loss_and_grad(x, y, lengths, span_mode)[0], rel=1e-13)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert evaluation.loss == pytest.approx(-np.log(probabilities[np.arange(len(y)), y]).mean(), rel=1e-12)
        assert evaluation.accuracy == np.mean([row.argmax() == label for row, label in zip(logits, y)])
        rates = [layer.s.sum() / (lengths.sum() * layer.s.shape[2]) for layer in tape.layers]
        assert evaluation.firing_rates == pytest.approx(rates, rel=1e-13)
        assert min(rates) > 0


@pytest.mark.parametrize("shared", [False, True])
def test_one_rule_for_spans(rng, shared):
    """logits, predict and evaluate go by hard spans, all three; soft spans would give other labels here."""
    net = random_network(rng, (3, 8, 6, 3), recurrence=ms.ASRC(6, shared))
    for name in net.params.names("span logit"):
        net.params[name] = rng.standard_normal(6)
    x, y = random_batch(rng, net, B=60, T=25)
    lengths = rng.integers(5, 26, 60)
    net.params["readout.bias"] -= net.logits(x).mean(axis=0) / 25  # so that no class always wins
    assert net.temperature == 1
    predicted = net.predict(x, lengths)
    assert predicted.shape == (60,) and predicted.dtype.kind == "i" and set(predicted) == {0, 1, 2}
    np.testing.assert_array_equal(net.logits(x, lengths).argmax(axis=1), predicted)
    for labels in (predicted, y):
        accuracy = net.evaluate(SimpleNamespace(x=x, y=labels, lengths=lengths)).accuracy
        assert accuracy == (predicted == labels).mean()
    np.testing.assert_array_equal(net.logits(x, lengths, "hard").argmax(axis=1), predicted)
    assert (net.logits(x, lengths, "soft").argmax(axis=1) != predicted).any()
    assert (net.predict(x) != predicted).any()  # lengths are heeded


def test_adjoint_is_the_other_half_of_loss_and_grad(rng):
    """e = g W_outᵀ at the steps that are read gives the gradients of the hidden layers."""
    net = random_network(rng, recurrence=ms.ASRC(4), neuron=ms.PLIF(0.6), readout_window=4)
    x, y = random_batch(rng, net, B=engine.SLABS + 2)
    lengths = rng.integers(1, 12, len(x))
    _, grads = net.loss_and_grad(x, y, lengths)
    tape = net.record(x, lengths)
    softmax = np.exp(tape.logits) / np.exp(tape.logits).sum(axis=1, keepdims=True)
    g = (softmax - np.eye(2)[y]) / len(x)
    e = np.full(tape.layers[-1].s.shape, 99.0)  # what lies after the end of a sequence is ignored
    for row, g_row, length in zip(e, g, lengths):
        row[:length] = 0
        row[max(0, length - 4) : length] = net.params["readout.w"] @ g_row
    adjoint = net.adjoint(tape, e)
    for name in grads:
        if name.startswith("readout"):
            assert not adjoint.grads[name].any()
        else:
            assert grads[name].any(), name
            np.testing.assert_allclose(adjoint.grads[name], grads[name], rtol=1e-10, atol=1e-14)
    for array in (*adjoint.delta, *adjoint.q, adjoint.dx):
        assert array.any()
        for row, length in zip(array, lengths):
            assert not row[length:].any()


@pytest.mark.parametrize(
    "derivative, words",
    [
        (lambda u: np.ones(3), r"must keep the shape \(11, \d\), got \(3,\)"),
        (lambda u: u.sum(), "must keep the shape"),
        (lambda u: None, "must keep the shape"),
        (lambda u: np.full_like(u, np.nan), "must give finite real numbers"),
        (lambda u: np.where(u < u.max(), 1.0, np.inf), "finite real numbers"),
        (lambda u: u + 0j, "dtype complex128"),
        (lambda u: u.astype(str), "dtype <U"),
    ],
)
def test_wrong_custom_derivatives(rng, derivative, words):
    net = random_network(rng, surrogate=ms.Custom("mine", np.tanh, derivative))
    tape = net.record(GOOD)  # without derivatives
    with pytest.raises(ValueError, match=words) as caught:
        net.loss_and_grad(GOOD, np.zeros(7, int))
    assert "'mine'" in str(caught.value)
    with pytest.raises(ValueError, match=words):
        net.adjoint(tape, np.ones((7, 11, 4)))


def test_custom_derivative_cannot_change_the_run(rng):
    """A derivative that writes into its argument spoils nothing but its own copy."""

    def writes(u):
        slope = np.maximum(0, 1 - np.abs(u))
        u[...] = 99
        return slope

    careful = ms.Custom("mine", np.tanh, lambda u: np.maximum(0, 1 - np.abs(u)))
    results = []
    for surrogate in (careful, ms.Custom("mine", np.tanh, writes)):
        options = {"recurrence": ms.SRC(2), "neuron": ms.PLIF(0.6, 0.8, "hard")}  # with v in their gradients
        net = random_network(np.random.default_rng(3), surrogate=surrogate, **options)
        results.append(net.loss_and_grad(*random_batch(np.random.default_rng(4), net))[1].flat)
    np.testing.assert_array_equal(*results)
    assert results[0].any()


def test_a_tape_stays_valid_after_the_network_changed(rng):
    net = random_network(rng, recurrence=ms.ASRC(4), neuron=ms.PLIF(0.6))
    x, _ = random_batch(rng, net)
    e = rng.standard_normal((7, 11, 4))
    tape = net.record(x)
    before = net.adjoint(tape, e)
    v, logits = tape.layers[1].v.copy(), tape.logits.copy()
    net.params.flat += 0.3
    net.temperature = 0.1
    x += 1.0
    net.record(x)
    np.testing.assert_array_equal(tape.layers[1].v, v)
    np.testing.assert_array_equal(tape.logits, logits)
    after = net.adjoint(tape, e)
    np.testing.assert_array_equal(after.grads.flat, before.grads.flat)
    np.testing.assert_array_equal(after.dx, before.dx)
    assert before.grads["layers.0.span_logits"].any()
    assert (net.adjoint(net.record(x), e).dx != before.dx).any()


def test_tapes_keep_arrays_of_their_own(rng):
    """Lengths and masks that are changed after the recording don't reach the tape."""
    net = random_network(rng)
    x, _ = random_batch(rng, net)
    lengths, masks = np.full(7, 6), [np.ones((7, 5)), np.ones((7, 4))]
    e = rng.standard_normal((7, 11, 4))
    tape = net.record(x, lengths, masks=masks)
    before = net.adjoint(tape, e)
    lengths[:] = 11
    for mask in masks:
        mask[...] = 0
    np.testing.assert_array_equal(net.adjoint(tape, e).grads.flat, before.grads.flat)


# Files

SAVED = [
    {"recurrence": ms.Feedforward(), "neuron": ms.LIF(0.4, (0.8, 0.9, 1.0, 1.1, 1.2), "hard", True)},
    {"recurrence": ms.Recurrent(), "neuron": ms.PLIF(0.6, 0.9, "none")},
    {"recurrence": ms.SRC(3), "neuron": ms.PLIF((0.3, 0.4, 0.5, 0.6, 0.7), per_neuron=True), "dtype": "float32"},
    {"recurrence": ms.ASRC(4), "readout_window": 5, "seed": 9, "surrogate": ms.ATan(0.8, 0.2)},
    {"recurrence": ms.ASRC(4, shared=True), "surrogate": CUBIC, "dtype": "float32"},
]


@pytest.mark.parametrize("options", SAVED)
def test_save_and_load(rng, tmp_path, options):
    """The same bits: loss and gradients, soft and hard; and the same settings."""
    net = random_network(rng, (3, 5, 2), **options)
    net.temperature = 0.37
    surrogate = CUBIC if net.surrogate is CUBIC else None
    net.save(tmp_path / "net.npz")
    loaded = ms.Network.load(tmp_path / "net.npz", surrogate=surrogate)
    assert repr(loaded) == repr(net)
    assert loaded.temperature == 0.37
    assert (loaded.recurrence, loaded.neuron, loaded.surrogate) == (net.recurrence, net.neuron, net.surrogate)
    assert loaded.params.shapes == net.params.shapes
    assert loaded.params.flat.dtype == net.params.flat.dtype
    x, y = random_batch(rng, net)
    for span_mode in ("soft", "hard"):
        (loss, grads), (other_loss, other_grads) = (n.loss_and_grad(x, y, span_mode=span_mode) for n in (net, loaded))
        assert other_loss == loss
        np.testing.assert_array_equal(other_grads.flat, grads.flat)
    assert grads["layers.0.w_in"].any()


def test_mixed_layers_are_saved_in_order(rng, tmp_path):
    net = random_network(
        rng, recurrence=[ms.ASRC(6), ms.Feedforward()], neuron=[ms.LIF(0.9), ms.PLIF(0.2)], surrogate=ms.Gaussian()
    )
    net.save(tmp_path / "net.npz")
    loaded = ms.Network.load(tmp_path / "net.npz")
    assert (loaded.recurrence, loaded.neuron) == (net.recurrence, net.neuron)
    np.testing.assert_array_equal(loaded.params.flat, net.params.flat)


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    """Settings and temperature may come as NumPy scalars, out of np.linspace or a sweep."""
    net = ms.Network(
        np.array([3, 5, 2]),
        recurrence=ms.ASRC(np.int64(4)),
        neuron=ms.LIF(np.float32(0.25), np.float64(0.5)),
        surrogate=ms.Triangle(np.float32(0.5), np.float32(0.75)),
        readout_window=np.int32(4),
        seed=np.int64(6),
    )
    net.temperature = np.float32(0.5)
    net.save(tmp_path / "net.npz")
    loaded = ms.Network.load(tmp_path / "net.npz")
    assert loaded.config() == net.config()
    assert (loaded.surrogate.width, loaded.temperature, loaded.seed) == (0.75, 0.5, 6)


def test_loading_a_custom_surrogate(rng, tmp_path):
    path = tmp_path / "net.npz"
    random_network(rng, surrogate=CUBIC).save(path)
    for wrong in (None, ms.Triangle(), ms.Custom("quartic", np.tanh, np.tanh)):
        with pytest.raises(ValueError, match=r"surrogate=Custom\('cubic'"):
            ms.Network.load(path, surrogate=wrong)
    random_network(rng, surrogate=ms.Sigmoid()).save(path)
    with pytest.raises(ValueError, match="built-in surrogate Sigmoid"):
        ms.Network.load(path, surrogate=CUBIC)


def rewrite(path, change):
    """Change header and arrays of a saved network and write them back."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop(storage.HEADER)))
    change(header, arrays)
    with open(path, "wb") as file:
        np.savez(file, **{storage.HEADER: np.array(json.dumps(header)), **arrays})


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda header, arrays: header.update(format_version=99), "format version 99, this minisnn reads 1; upgrade"),
        (
            lambda header, arrays: header.update(format="minisnn checkpoint"),
            "'minisnn checkpoint', expected a 'minisnn network'",
        ),
        (lambda header, arrays: header.update(format="other"), "holds a 'other'"),
        (lambda header, arrays: header.pop("format"), "not written by minisnn"),
        (lambda header, arrays: header.pop("config"), "not a whole network: it has no 'config'"),
        (lambda header, arrays: header["config"].pop("temperature"), "has no 'temperature'"),
        (lambda header, arrays: arrays.pop("readout.w"), "has no 'readout.w'"),
        (lambda header, arrays: arrays.update({"readout.w": np.ones((9, 9))}), r"readout.w has the shape \(9, 9\)"),
        (lambda header, arrays: arrays.update({"readout.w": np.full((4, 2), "a")}), "readout.w|to float"),
        (lambda header, arrays: header["config"]["recurrence"][0].update(kind="LSTM"), "unknown recurrence .*LSTM"),
        (lambda header, arrays: header["config"]["recurrence"][0].update(max_span=-1), "unknown recurrence"),
        (lambda header, arrays: header["config"]["neuron"][1].update(colour=3), "unknown neuron .*colour"),
        (lambda header, arrays: header["config"]["surrogate"].update(kind="Cosine"), "unknown surrogate .*Cosine"),
        (lambda header, arrays: header["config"].update(sizes=[3, 5]), "hidden layer"),
        (lambda header, arrays: header["config"].update(sizes="abc"), "sizes"),
        (lambda header, arrays: header.update(config=[1, 2]), "not a whole network"),
    ],
)
def test_wrong_contents(rng, tmp_path, change, words):
    path = tmp_path / "net.npz"
    random_network(rng, recurrence=ms.ASRC(3)).save(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=words):
        ms.Network.load(path)


def test_truncated_files(rng, tmp_path):
    path, cut = tmp_path / "net.npz", tmp_path / "cut.npz"
    random_network(rng).save(path)
    whole = path.read_bytes()
    for size in (0, 1, 10, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a whole npz file"):
            ms.Network.load(cut)


def test_a_changed_byte_is_noticed_or_harmless(rng, tmp_path):
    """Every third byte in turn: loading raises ValueError, or gives the network that was saved."""
    path = tmp_path / "net.npz"
    net = random_network(rng, (2, 3, 2))
    net.save(path)
    whole = path.read_bytes()
    noticed = 0
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            loaded = ms.Network.load(path)
        except ValueError:
            noticed += 1
        else:
            assert repr(loaded) == repr(net)
            np.testing.assert_array_equal(loaded.params.flat, net.params.flat)
    assert noticed > len(whole) // 3 // 2


def test_encrypted_and_oddly_compressed_files(rng, tmp_path):
    """Flags in the zip's directory that say so, though it isn't so."""
    path = tmp_path / "net.npz"
    random_network(rng).save(path)
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 8), (10, 12), (10, 14), (10, 99)):  # encrypted; deflate, bzip2, lzma, unknown
        path.write_bytes(whole[: directory + offset] + bytes([value]) + whole[directory + offset + 1 :])
        with pytest.raises(ValueError, match="not a whole npz file"):
            ms.Network.load(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, a=np.ones(3))
    with pytest.raises(ValueError, match="was not written by minisnn"):
        ms.Network.load(path)
    np.savez(path, **{storage.HEADER: np.array("no JSON")})
    with pytest.raises(ValueError, match="was not written by minisnn"):
        ms.Network.load(path)
    np.savez(path, **{storage.HEADER: np.array("[1, 2]")})
    with pytest.raises(ValueError, match="was not written by minisnn"):
        ms.Network.load(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="not a whole npz file"):
        ms.Network.load(path)
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="holds a single array"):
        ms.Network.load(path)
    path.write_text("epoch,loss\n0,2.3\n")
    with pytest.raises(ValueError, match="not a whole npz file"):
        ms.Network.load(path)


def test_missing_files(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path, tmp_path / "no" / "folder.npz"):
        with pytest.raises(FileNotFoundError, match="no file"):
            ms.Network.load(path)


def test_a_folder_is_no_file(tmp_path):
    """That of a run holds its best network."""
    with pytest.raises(FileNotFoundError, match=r"it is a folder, expected what `save` wrote$"):
        ms.Network.load(tmp_path)
    ms.Network([3, 5, 2]).save(tmp_path / "best.npz")
    with pytest.raises(FileNotFoundError, match=r"it is a folder, .*; did you mean .*best\.npz\?") as caught:
        ms.Network.load(str(tmp_path))
    assert str(tmp_path / "best.npz") in str(caught.value)


def test_unwritable_paths(rng, tmp_path):
    """Below a regular file, in a missing folder, and onto a folder: an OSError with the path, and nothing is left."""
    net = random_network(rng)
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "net.npz", tmp_path / "none" / "net.npz", tmp_path / "folder"):
        with pytest.raises(OSError, match="can't write") as caught:
            net.save(path)
        assert str(path) in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "text"
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("half way"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("exists", [False, True])
def test_saving_is_atomic(rng, tmp_path, monkeypatch, error, exists):
    """A write that fails half way leaves the old file as it was, or none, and no file beside it."""
    path = tmp_path / "net.npz"
    net = random_network(rng)
    if exists:
        net.save(path)
    before = path.read_bytes() if exists else None
    net.params.flat += 1.0

    def half(file, **arrays):
        file.write(b"PK half of a file")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(type(error)) as caught:
        net.save(path)
    if isinstance(error, OSError):
        assert "net.npz" in str(caught.value)
        assert "No space left" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == (["net.npz"] if exists else [])
    if exists:
        assert path.read_bytes() == before


def test_saving_over_an_existing_file(rng, tmp_path):
    path = tmp_path / "net.npz"
    net = random_network(rng)
    net.save(path)
    old = ms.Network.load(path).params.flat.copy()
    net.params.flat += 1.0
    net.save(str(path))  # a str will do
    np.testing.assert_array_equal(ms.Network.load(path).params.flat, net.params.flat)
    assert (old != net.params.flat).all()
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    other = tmp_path / "readable"
    other.write_text("")
    assert path.stat().st_mode == other.stat().st_mode  # not the 0600 of temporary files
    shutil.copy(path, tmp_path / "without_suffix")
    net.save(tmp_path / "without_suffix")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.npz", "readable", "without_suffix"]


def test_evaluate_wants_a_split():
    """A data set, or a tuple, is not x and y in one object."""
    net = ms.Network([1, 5, 10])
    with pytest.raises(TypeError, match=r"got Dataset; did you mean data\.test\?"):
        net.evaluate(ms.datasets.digits())
    with pytest.raises(TypeError, match=r"got tuple$"):
        net.evaluate((GOOD, np.zeros(7, int)))


def test_a_mixture_is_an_asrc_whose_logits_stay_equal(rng, tmp_path):
    """Bit for bit; but it has no logits, no single span, and nothing hardens."""
    net, asrc = (random_network(rng, recurrence=recurrence, scale=0.0) for recurrence in (ms.Mixture(4), ms.ASRC(4)))
    for name in net.params:
        net.params[name] += rng.standard_normal(net.params[name].shape) / 2
        asrc.params[name] = net.params[name]
    x, y = random_batch(rng, net)
    loss, grads = net.loss_and_grad(x, y)
    expected_loss, expected = asrc.loss_and_grad(x, y)
    assert loss == expected_loss == net.loss_and_grad(x, y, span_mode="hard")[0]
    assert set(asrc.params) - set(net.params) == {"layers.0.span_logits", "layers.1.span_logits"}
    for name in net.params:
        np.testing.assert_array_equal(grads[name], expected[name])
    assert net.spans() == [None, None] and net.span_weights() == [None, None]
    net.save(tmp_path / "net.npz")
    assert ms.Network.load(tmp_path / "net.npz").recurrence == (ms.Mixture(4),) * 2


@pytest.mark.compiled
def test_large_inputs_are_evaluated_in_parts(rng, monkeypatch):
    """With the same bits, and without a copy of all of it."""
    net = random_network(rng, recurrence=ms.SRC(2), dtype="float32")
    x, lengths = rng.standard_normal((23, 9, 3)).astype(np.float16), rng.integers(1, 10, 23)
    split = ms.datasets.Split(x, rng.integers(0, 2, 23), lengths)
    logits, evaluation = net.logits(x, lengths), net.evaluate(split)
    cast = []
    original = engine._packed
    monkeypatch.setattr(engine, "_packed", lambda *a, **k: cast.append(len(a[3])) or original(*a, **k))
    monkeypatch.setattr(engine, "PART", 5 * 9 * 3)
    np.testing.assert_array_equal(net.logits(x, lengths), logits)
    assert cast == [5, 5, 5, 5, 3]
    assert net.evaluate(split) == evaluation


# Settings that are changed, and copies


@pytest.mark.parametrize(
    "name, value, error, words",
    [
        ("readout_window", -3, ValueError, "readout_window must be at least 1, got -3"),
        ("readout_window", 2.5, TypeError, "readout_window must be an integer"),
        ("surrogate", "atan", TypeError, "surrogate must be one of"),
        ("surrogate", ms.Triangle(peak=1e39), ValueError, "peak and width of the surrogate must lie in .* float32"),
        ("neuron", [ms.LIF()], ValueError, "neuron has 1 entries, expected one for each of the 2"),
        ("neuron", ms.LIF(threshold=[1.0] * 4), ValueError, "threshold of layer 0 has 4 values"),
        ("neuron", ms.LIF(threshold=1e39), ValueError, "threshold of layer 0 must lie in .* float32"),
        ("neuron", ms.PLIF(), ValueError, "needs other parameters than there are; make a new Network"),
        ("recurrence", ms.ASRC(3), ValueError, "needs other parameters than there are"),
        ("recurrence", 3, TypeError, "recurrence must be"),
        ("params", ms.Network([2, 9, 4, 3]).params, ValueError, r"params must be those of .*'readout.w': \(4, 3\)"),
        ("params", ms.Network([2, 5, 4, 3], ms.Feedforward()).params, ValueError, "params must be those of a network"),
        ("params", {}, ValueError, "params must be those of .* got dict"),
    ],
)
def test_a_setting_that_is_changed_is_checked(name, value, error, words):
    """And is left as it was."""
    net = ms.Network([2, 5, 4, 3], recurrence=ms.SRC(2))
    before = getattr(net, name)
    with pytest.raises(error, match=words):
        setattr(net, name, value)
    assert getattr(net, name) == before


def test_settings_that_can_be_changed(rng):
    """The numbers are those of a network that was made so."""
    x, y = rng.standard_normal((4, 12, 2)), [0, 2, 1, 1]
    settings = {"recurrence": ms.SRC(3), "neuron": ms.ALIF(0.8), "surrogate": ms.Sigmoid(), "readout_window": 5}
    changed, made = ms.Network([2, 5, 4, 3]), ms.Network([2, 5, 4, 3], **settings)
    for name, value in settings.items():
        setattr(changed, name, value)
    assert changed.loss_and_grad(x, y)[0] == made.loss_and_grad(x, y)[0]
    assert changed.config() == made.config()
    for name in ("sizes", "dtype", "seed", "spans", "threshold", "recurence"):  # fixed; a method; none at all
        with pytest.raises(AttributeError):
            setattr(changed, name, 3)
    changed.sizes[1] = 9  # of a list of one's own
    assert changed.sizes == [2, 5, 4, 3]


def test_parameters_of_another_network_are_copied():
    """So the two can be trained apart; in the dtype of the network that gets them."""
    one, other = ms.Network([2, 5, 3], seed=1, dtype="float64"), ms.Network([2, 5, 3], ms.SRC(4))
    view = other.params["layers.0.w_in"]
    other.params = one.params
    np.testing.assert_array_equal(other.params.flat, one.params.flat.astype(np.float32))
    assert other.params.flat.dtype == np.float32
    one.params["layers.0.w_in"] = 7.0
    assert (other.params["layers.0.w_in"] != 7.0).all()
    other.params["layers.0.w_in"] = 3.0
    assert (one.params["layers.0.w_in"] == 7.0).all() and (view == 3.0).all()


def test_parameters_as_a_dict():
    params = ms.Network([2, 5, 3]).params
    views = dict(params)
    assert list(views) == list(params.shapes) == list(params.keys()) and len(params) == len(views)
    views["readout.bias"][0] = 4.0
    assert params["readout.bias"][0] == 4.0


def test_what_is_passed_for_an_array(rng):
    """Data in place of its arrays; and `load` of an object, which would be lost."""
    net, data = ms.Network([1, 5, 10]), ms.datasets.digits()
    for thing, words in ((data.test, "got a Split: pass its x, and its lengths"), (data, "did you mean data.train.x")):
        for call in (net.predict, net.record, lambda data: net.loss_and_grad(data, [0])):
            with pytest.raises(TypeError, match=words):
                call(thing)
    with pytest.raises(AttributeError, match=r"write net = Network\.load\(path\)"):
        net.load("net.npz")


def test_copies_and_tapes_keep_their_kinds(rng):
    """Whatever becomes of the network; and an adjoint is that of the tape, surrogate included."""
    net, x = ms.Network([2, 5, 3], dtype="float64"), rng.standard_normal((4, 12, 2))
    copy, tape, e = net.astype("float64"), net.record(x), rng.standard_normal((4, 12, 5))
    expected = net.adjoint(tape, e)
    with pytest.raises(TypeError):
        net.neuron[0] = ms.LIF(0.9)
    net.neuron, net.surrogate = ms.LIF(0.9), ms.ATan()
    assert copy.neuron == (ms.LIF(),) and copy.surrogate == ms.Triangle()
    np.testing.assert_array_equal(net.adjoint(tape, e).dx, expected.dx)
    np.testing.assert_array_equal(net.adjoint(tape, e).grads.flat, expected.grads.flat)


@pytest.mark.parametrize(
    "settings",
    [
        {"neuron": ms.LIF(threshold=1e39)},
        {"neuron": ms.LIF(threshold=1e-46)},
        {"neuron": ms.ALIF(adaptation_strength=1e39)},
        {"surrogate": ms.Triangle(peak=1e39)},
        {"surrogate": ms.Sigmoid(width=1e-46)},
    ],
)
def test_numbers_that_float32_cannot_hold_are_refused(settings):
    """When the network is made, and when it is made of one in float64, which holds them."""
    with pytest.raises(ValueError, match="as float32 holds it, got"):
        ms.Network([2, 4, 2], **settings)
    wide = ms.Network([2, 4, 2], dtype="float64", **settings)
    with pytest.raises(ValueError, match="as float32 holds it, got"):
        wide.astype("float32")
    net, x = ms.Network([2, 4, 2]), np.ones((3, 5, 2))
    with pytest.raises(ValueError, match=r"rate_penalty and target_rate must lie in .* float32"):
        net.loss_and_grad(x, [0, 1, 0], rate_penalty=1e39)
    net.surrogate = ms.Custom("huge", derivative=lambda u: np.full(u.shape, 1e39))
    with pytest.raises(ValueError, match="'huge' must give finite real numbers"):
        net.loss_and_grad(x, [0, 1, 0])


class Steep(ms.Triangle):
    pass


class Mine(ms.LIF):
    pass


def test_classes_of_ones_own_are_refused():
    """Nothing could read their file."""
    with pytest.raises(TypeError, match="for one of your own take Custom"):
        ms.Network([2, 4, 2], surrogate=Steep())
    with pytest.raises(TypeError, match="a class of your own can't be saved"):
        ms.Network([2, 4, 2], neuron=Mine())


def test_masked_labels_and_lengths_are_refused():
    """NumPy would take what is masked for what it is not."""
    net, x, y = ms.Network([2, 4, 2]), np.ones((3, 5, 2)), np.array([0, 1, 0])
    with pytest.raises(TypeError, match="y is a masked array"):
        net.loss_and_grad(x, np.ma.array(y, mask=[1, 0, 0]))
    with pytest.raises(TypeError, match="lengths is a masked array"):
        net.predict(x, np.ma.array([5, 4, 3], mask=[1, 0, 0]))
    with pytest.raises(TypeError, match="y is a masked array"):
        ms.datasets.from_arrays(np.ones((40, 5, 2)), np.ma.array([0, 1] * 20, mask=[1] * 40))
