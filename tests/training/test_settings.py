"""Data that does not fit is refused before training starts, with the name of its split."""

import numpy as np
import pytest
from small import fit, network, problem, rows_but_seconds, spy

import minisnn as ms
from minisnn.datasets import Dataset, Split

PARTS = ("train", "validation", "test")


def spoiled(part: str, spoil, n_classes=2) -> Dataset:
    """The small problem, with lengths, and a test split; `spoil(x, y, lengths)` gives other arrays for one split."""
    data = problem(lengths=True)
    splits = {"train": data.train, "validation": data.validation, "test": problem(seed=1, lengths=True).validation}
    split = splits[part]
    splits[part] = Split(*spoil(split.x.copy(), split.y.copy(), split.lengths.copy()))
    return Dataset(*splits.values(), n_classes)


def with_x(value, at=(7, 2, 1)):
    def spoil(x, y, lengths):
        x[at] = value
        return x, y, lengths

    return spoil


EVERYWHERE = [
    (lambda x, y, n: (x, y + 1, n), ValueError, r"y must lie in 0 \.\. 1.*labels start at 1\? Then write y - 1"),
    (lambda x, y, n: (x, y - 1, n), ValueError, r"y must lie in 0 \.\. 1, got y\[\d+\] = -1"),
    (lambda x, y, n: (x, y.astype(float), n), TypeError, r"y must hold integer.*float64.*y\.astype\(int\)"),
    (lambda x, y, n: (x, y, n + 9), ValueError, r"lengths must lie in 1 \.\. 9"),
    (lambda x, y, n: (x, y, 0 * n), ValueError, r"lengths must lie in 1 \.\. 9.* lengths\[0\] = 0"),
    (
        lambda x, y, n: (x[:, :, :2], y, n),
        ValueError,
        r"x must have 3 inputs on its last axis, got shape \(\d+, 9, 2\)",
    ),
    (lambda x, y, n: (x[:, :3].transpose(0, 2, 1)[:, :, :2], y, np.minimum(n, 3)), ValueError, "are the axes swapped"),
]
VALUES = [
    (with_x(np.nan), ValueError, r"x holds 1 values that are NaN or infinite, the first at index \(7, 2, 1\)"),
    (with_x(-np.inf), ValueError, r"NaN or infinite, the first at index \(7, 2, 1\)"),
    (with_x(1e200), ValueError, r"x holds 1 values beyond ±1\.34e\+154, the first at index \(7, 2, 1\): 1e\+200"),
    (lambda x, y, n: (x[:0], y[:0], n[:0]), ValueError, "x has no sequences"),
]


@pytest.mark.parametrize(
    "part, spoil, error, words",
    [(part, *row) for part in PARTS for row in EVERYWHERE] + [(part, *row) for part in PARTS[:2] for row in VALUES],
)
def test_data_is_checked_before_training(tmp_path, monkeypatch, part, spoil, error, words):
    seen, net = spy(monkeypatch), network()
    first = net.params.flat.copy()
    with pytest.raises(error, match=rf"data\.{part}: .*{words}"):
        fit(net, spoiled(part, spoil), checkpoint=tmp_path / "run.npz")
    assert not seen and not list(tmp_path.iterdir())
    np.testing.assert_array_equal(net.params.flat, first)


def test_of_test_data_the_values_are_not_read():
    """Nor need there be any."""
    expected = rows_but_seconds(fit(network(), problem(lengths=True)))
    for spoil in (with_x(np.nan), lambda x, y, n: (x[:0], y[:0], n[:0])):
        assert rows_but_seconds(fit(network(), spoiled("test", spoil))) == expected


@pytest.mark.parametrize("part", PARTS[:2])
@pytest.mark.parametrize("junk", [np.nan, np.inf, 1e300, 7.0])
def test_what_lies_after_the_end_of_a_sequence_does_not_matter(part, junk):
    def spoil(x, y, lengths):
        assert (lengths < 9).any()
        x[np.arange(9) >= lengths[:, np.newaxis]] = junk
        return x, y, lengths

    nets = network(), network()
    histories = [fit(net, data) for net, data in zip(nets, (problem(lengths=True), spoiled(part, spoil)))]
    assert rows_but_seconds(histories[0]) == rows_but_seconds(histories[1])
    np.testing.assert_array_equal(nets[0].params.flat, nets[1].params.flat)


def test_values_are_checked_in_the_dtype_of_the_network():
    data = spoiled("validation", with_x(1e20))
    fit(network(), data, epochs=1)
    with pytest.raises(ValueError, match=r"data\.validation: x holds 1 values beyond ±1\.84e\+19, .*float32"):
        fit(network(dtype="float32"), data)
    with pytest.raises(ValueError, match=r"temperatures must lie in 1\.18e-38 .* as float32 holds it, got 1e-40"):
        fit(network(dtype="float32"), temperatures=(1.0, 1e-40))


def test_large_arrays_are_checked_to_the_end():
    """Of more than a million values, which are looked at in parts; the last one counts."""
    x = np.zeros((1100, 200, 5), np.float16)
    y = np.arange(1100) % 2
    x[-1, -1, -1] = np.nan
    part = Split(x[:9], y[:9])
    net = ms.Network([5, 4, 2])
    with pytest.raises(ValueError, match=r"data\.train: x holds 1 values .* index \(1099, 199, 4\)"):
        fit(net, Dataset(Split(x, y), part, part, 2))


def test_data_that_is_no_dataset():
    data = problem()
    for arguments in ((data.train.x, data.train.y), (data.train,), (None,)):
        with pytest.raises(TypeError, match=r"data must be a Dataset, got .*datasets\.from_arrays\(x, y\) makes"):
            ms.fit(network(), *arguments)


# Batches


def fit_batches(*batches):
    data = problem()
    return fit(network(), Dataset(lambda epoch: iter(batches), data.validation, data.test, 2))


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda x, y: x, r"must be \(x, y\), \(x, y, lengths\) or a Split, got ndarray"),
        (lambda x, y: (x,), "or a Split, got 1 things"),
        (lambda x, y: [x, y, None, None], "or a Split, got 4 things"),
        (lambda x, y: {"x": x, "y": y}, "or a Split, got dict"),
        (lambda x, y: 3, "or a Split, got int"),
        (lambda x, y: (x.astype(str), y), "x must hold real numbers"),
    ],
)
def test_batches_that_are_no_pairs(make, words):
    x, y = problem().train.x[:4], problem().train.y[:4]
    with pytest.raises(TypeError, match=rf"batch 3 of epoch 1:? .*{words}"):
        fit_batches((x, y), (x, y), make(x, y))


def test_a_batch_of_other_sizes_is_named():
    x, y = problem().train.x[:4], problem().train.y[:4]
    with pytest.raises(ValueError, match=r"batch 2 of epoch 1: y must have one entry per sequence"):
        fit_batches((x, y), (x, y[:3]))


def test_a_function_that_returns_no_batches():
    data = problem()
    with pytest.raises(TypeError, match=r"data\.train, a function of the epoch, must return batches .*, got None"):
        fit(network(), Dataset(lambda epoch: None, data.validation, data.test, 2))


@pytest.mark.parametrize("gradient", [["hops"], "truncate", 20])
def test_what_a_gradient_leaves_out_is_a_dict(gradient):
    with pytest.raises(TypeError, match=r"gradient must be a dict, e\.g\. \{\"truncate\": 20\}, got"):
        fit(network(), gradient=gradient)
