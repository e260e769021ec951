"""A user's own sequences: the split, the record, and the words for what is often wrong with them."""

import hashlib
import json

import numpy as np
import pytest

import minisnn as ms
from minisnn.datasets import from_arrays

SPLITS = ("train", "validation", "test")


@pytest.fixture
def own(rng):
    """x (90, 7, 2), each sequence with its number at [0, 0]; y (90,) in classes of 45, 30 and 15; lengths (90,)."""
    x = rng.standard_normal((90, 7, 2))
    x[:, 0, 0] = np.arange(90)
    return x, rng.permutation(np.repeat([0, 1, 2], [45, 30, 15])), rng.integers(1, 8, 90)


def numbers(split) -> np.ndarray:
    """Which sequences are in a split."""
    return split.x[:, 0, 0].astype(int)


@pytest.mark.parametrize("with_lengths", [False, True])
def test_each_sequence_is_in_one_split_with_its_label_and_length(own, with_lengths):
    x, y, lengths = own
    data = from_arrays(x, y, lengths if with_lengths else None, fractions=(0.2, 0.1), seed=3)
    assert [len(getattr(data, name)) for name in SPLITS] == [63, 18, 9]
    found = np.concatenate([numbers(getattr(data, name)) for name in SPLITS])
    np.testing.assert_array_equal(np.sort(found), np.arange(90))
    for name in SPLITS:
        split = getattr(data, name)
        np.testing.assert_array_equal(split.x, x[numbers(split)])
        np.testing.assert_array_equal(split.y, y[numbers(split)])
        assert split.y.dtype == np.int64
        if with_lengths:
            np.testing.assert_array_equal(split.lengths, lengths[numbers(split)])
        else:
            assert split.lengths is None
    assert (data.n_in, data.n_classes) == (2, 3)


def test_split_is_stratified_and_named_by_the_seed(own):
    x, y, _ = own
    data, again, other = (from_arrays(x, y, fractions=(0.2, 0.4), seed=seed) for seed in (0, 0, 1))
    for name, counts in zip(SPLITS, ([18, 12, 6], [9, 6, 3], [18, 12, 6])):
        assert np.bincount(getattr(data, name).y).tolist() == counts
        np.testing.assert_array_equal(getattr(data, name).x, getattr(again, name).x)
        assert not np.array_equal(numbers(getattr(data, name)), numbers(getattr(other, name)))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_dtype_is_kept(own, dtype):
    x, y, _ = own
    data = from_arrays((x > 0).astype(dtype), y)
    assert all(getattr(data, name).x.dtype == dtype for name in SPLITS)


def test_the_arrays_stay_as_they_are(own):
    before = [array.copy() for array in own]
    data = from_arrays(*own)
    for name in SPLITS:
        split = getattr(data, name)
        for array, copy, part in zip(own, before, (split.x, split.y, split.lengths)):
            np.testing.assert_array_equal(array, copy)
            assert array.flags.writeable
            assert not part.flags.writeable
            assert not np.shares_memory(array, part)


def test_lists_and_bool_labels(own):
    x, y, _ = own
    data = from_arrays(x.tolist(), (y > 0).tolist())
    assert data.n_classes == 2
    np.testing.assert_array_equal(data.test.x, from_arrays(x, (y > 0).astype(np.int8)).test.x)


def test_a_network_takes_the_data(own):
    """Sequences with lengths, of another dtype than the network's."""
    x, y, lengths = own
    data = from_arrays(x.astype(np.float32), y, lengths)
    split = data.train
    net = ms.Network([data.n_in, 5, data.n_classes], dtype="float64")
    loss, _ = net.loss_and_grad(split.x[:4], split.y[:4], split.lengths[:4])
    assert np.isfinite(loss)


def test_record_tells_data_apart(own):
    """Equal data have equal records, whatever the layout in memory; any change shows."""
    x, y, lengths = own
    record = from_arrays(x, y, lengths, fractions=[0.2, np.float64(0.1)], seed=np.int64(4)).record
    assert json.loads(json.dumps(record)) == record
    expected = {"name": "arrays", "n": 90, "fractions": [0.2, 0.1], "seed": 4, "n_classes": 3}
    assert {name: record[name] for name in expected} == expected

    def sha256(*arrays):
        return from_arrays(*arrays).record["sha256"]

    assert sha256(x, y, lengths) == record["sha256"]
    assert sha256(np.asfortranarray(x), y.astype(np.uint8), lengths.astype(np.int32)) == record["sha256"]
    changed = [a.copy() for a in own]
    changed[0][89, 6, 1] += 1e-9
    changed[1][[0, 1]] = (changed[1][[0, 1]] + 1) % 3
    changed[2][5] = changed[2][5] % 7 + 1
    others = [own[:i] + (changed[i],) + own[i + 1 :] for i in range(3)]
    others += [(x, y), (x.reshape(90, 2, 7), y), (x.astype(np.float32), y, lengths)]
    assert len({record["sha256"], *(sha256(*arrays) for arrays in others)}) == 7


def test_checksums_go_to_the_end(rng):
    """Of thousands of sequences: that of all bytes at once, whatever the pieces in which they are read."""
    x, y = rng.standard_normal((2503, 2, 1)), np.arange(2503) % 2
    digest = hashlib.sha256()
    for name, array in (("x", x), ("y", y)):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    assert from_arrays(x, y).record["sha256"] == digest.hexdigest()


def test_classes(own):
    """A class that no sequence has is taken only from who says that it exists."""
    x, y, _ = own
    assert from_arrays(x, y, n_classes=5).n_classes == 5
    assert from_arrays(x, 2 * y, n_classes=5).n_classes == 5
    assert from_arrays(x, np.zeros(90, int), n_classes=2).n_classes == 2


def swapped(x, y, lengths):
    return x.swapaxes(0, 1), y, lengths


def with_nan(x, y, lengths):
    x[3, 0, 1] = np.nan  # every sequence has a first step
    return x, y, lengths


@pytest.mark.parametrize(
    "spoil, error, words",
    [
        (swapped, ValueError, "7 sequences of 90 steps, and y has 90 labels; are the axes swapped.*swapaxes"),
        (with_nan, ValueError, r"x holds 1 values that are NaN or infinite, the first at index \(3, 0, 1\)"),
        (lambda x, y, n: (np.ma.array(x), y, n), TypeError, "masked array"),
        (lambda x, y, n: (x.astype(complex), y, n), TypeError, "x must hold real numbers"),
        (lambda x, y, n: (x[:, :, 0], y, n), ValueError, r"write x\[:, :, np.newaxis\]"),
        (lambda x, y, n: (x[:0], y[:0], n[:0]), ValueError, "x has no sequences"),
        (lambda x, y, n: (x[:, :0], y, n), ValueError, "x has no time steps"),
        (lambda x, y, n: (x[:, :, :0], y, n), ValueError, "x has no inputs"),
        (lambda x, y, n: ([x[0], x[1, :5]], [0, 1], None), ValueError, "different length.* lengths="),
        (lambda x, y, n: (x, y.astype(float), n), TypeError, "y must hold integer class labels, got dtype float64"),
        (
            lambda x, y, n: (x, y.astype(str), n),
            TypeError,
            r"y must hold integer .* np\.unique\(y, return_inverse=True\)",
        ),
        (lambda x, y, n: (x, x[:, 0, 1], n), TypeError, "there is no regression here"),
        (lambda x, y, n: (x, np.eye(3)[y], n), TypeError, r"one-hot rows take y.argmax\(axis=1\)"),
        (lambda x, y, n: (x, np.eye(3, dtype=int)[y], n), ValueError, r"one-hot rows take y.argmax\(axis=1\)"),
        (lambda x, y, n: (x, y[:, np.newaxis], n), ValueError, r"shape \(90,\), got shape \(90, 1\)$"),
        (
            lambda x, y, n: (x, y[:-1], n),
            ValueError,
            r"y must have one label per sequence, .* got shape \(89,\)$",
        ),
        (lambda x, y, n: (x, 3, n), ValueError, r"y must have one label per sequence.* got shape \(\)"),
        (lambda x, y, n: (x, y + 1, n), ValueError, "no sequence has label 0; do the labels start at 1.* write y - 1"),
        (lambda x, y, n: (x, y + y // 2, n), ValueError, "goes up to 3, .* label 2; number .* pass n_classes=4"),
        (lambda x, y, n: (x, y * 10**12, n), ValueError, "no sequence has label 1; number the classes without gaps"),
        (lambda x, y, n: (x, y - 1, n), ValueError, "y must lie in 0 .. 1, got y.* = -1"),
        (lambda x, y, n: (x, 0 * y, n), ValueError, "y holds label 0 only, .* pass n_classes="),
        (lambda x, y, n: (x, y, n.astype(float)), TypeError, "lengths must hold integers"),
        (lambda x, y, n: (x, y, n[:-1]), ValueError, "lengths must have one number per sequence"),
        (lambda x, y, n: (x, y, n + 7), ValueError, "lengths must lie in 1 .. 7"),
    ],
)
def test_errors_in_arrays(own, spoil, error, words):
    with pytest.raises(error, match=words):
        from_arrays(*spoil(*own))


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"fractions": 0.2}, ValueError, "fractions must be two numbers, .* got 0.2"),
        ({"fractions": (0.2, 0.2, 0.6)}, ValueError, "fractions must be two numbers"),
        ({"fractions": (0.0, 0.2)}, ValueError, r"fractions\[0\] must be above 0, got 0: fit chooses its best epoch"),
        ({"fractions": (-0.1, 0.2)}, ValueError, r"fractions\[0\] must be .* in \[0.0, 1.0\], got -0.1"),
        ({"fractions": (0.2, np.nan)}, ValueError, r"fractions\[1\]"),
        ({"fractions": (0.2, "half")}, TypeError, r"fractions\[1\] must be a number"),
        ({"fractions": (0.5, 0.5)}, ValueError, r"leave something for training, got 0.5 \+ 0.5"),
        ({"fractions": (0.001, 0.1)}, ValueError, "the validation split would be empty: 0.001 of 90 sequences"),
        ({"fractions": (0.1, 0.001)}, ValueError, "the test split would be empty: 0.001 of 90 sequences"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 0.5}, TypeError, "seed must be an integer"),
        ({"n_classes": 1}, ValueError, "n_classes must be at least 2"),
        ({"n_classes": 2}, ValueError, r"y must lie in 0 .. 1, got y\[\d+\] = 2"),
        ({"n_classes": "3"}, TypeError, "n_classes must be an integer"),
    ],
)
def test_errors_in_options(own, options, error, words):
    x, y, _ = own
    with pytest.raises(error, match=words):
        from_arrays(x, y, **options)


def test_labels_that_start_at_1_with_the_number_of_classes(own):
    with pytest.raises(ValueError, match="do the labels start at 1"):
        from_arrays(own[0], own[1] + 1, n_classes=3)


def test_a_class_with_too_few_sequences():
    """Two sequences of class 1 go to validation and test; none is left to learn from."""
    x, y = np.zeros((12, 7, 2)), np.repeat([0, 1], [10, 2])
    with pytest.raises(ValueError, match=r"class 1 has 2 sequences, .*\(0.45, 0.45\) none is left for training"):
        from_arrays(x, y, fractions=(0.45, 0.45))
    assert set(from_arrays(x, y, fractions=(0.1, 0.1)).train.y) == {0, 1}


@pytest.mark.parametrize("junk", [np.nan, np.inf])
def test_what_follows_a_sequence_does_not_matter(own, junk):
    x, y, lengths = own
    x[np.arange(7) >= lengths[:, np.newaxis]] = junk
    data = from_arrays(x, y, lengths)
    assert data.n_classes == 3
    with pytest.raises(ValueError, match="NaN or infinite"):
        from_arrays(x, y)
    net = ms.Network([2, 5, 3])
    assert np.isfinite(net.evaluate(data.validation).loss)


def test_without_test_data(own):
    """A fraction of 0: everything goes to the other two, and to evaluate the empty split is an error."""
    x, y, lengths = own
    data = from_arrays(x, y, lengths, fractions=(0.2, 0.0))
    assert [len(getattr(data, name)) for name in SPLITS] == [72, 18, 0]
    assert data.test.x.shape == (0, 7, 2)
    np.testing.assert_array_equal(np.sort(np.concatenate([numbers(data.train), numbers(data.validation)])), range(90))
    net = ms.Network([2, 5, 3])
    with pytest.raises(ValueError, match="x has no sequences"):
        net.evaluate(data.test)


def test_few_steps_of_many_inputs_are_told(own, capsys):
    """They may be (B, n_in, T)."""
    x, y, _ = own
    from_arrays(x, y)
    assert capsys.readouterr().err == ""
    from_arrays(x.swapaxes(1, 2), y)
    (line,) = capsys.readouterr().err.splitlines()
    assert "90 sequences of 2 steps with 7 inputs each" in line and "x.swapaxes(1, 2)" in line
    from_arrays(np.zeros((90, 100, 700), bool), y)  # e.g. the channels of a cochlea
    assert capsys.readouterr().err == ""
