"""Sequences of different length in one array."""

import numpy as np
import pytest

import minisnn as ms
from minisnn.datasets import pad


@pytest.fixture
def sequences(rng):
    return [rng.standard_normal((n, 3)) for n in (4, 7, 1, 5, 2)]


def test_sequences_come_back_whole(sequences):
    x, lengths = pad(sequences)
    assert (x.shape, x.dtype) == ((5, 7, 3), np.float64)
    assert (lengths.tolist(), lengths.dtype) == ([4, 7, 1, 5, 2], np.int64)
    for row, n, sequence in zip(x, lengths, sequences):
        np.testing.assert_array_equal(row[:n], sequence)
        assert (row[n:] == 0).all()
    again, same = pad(x[b, :n] for b, n in enumerate(lengths))  # any iterable will do
    np.testing.assert_array_equal(again, x)
    np.testing.assert_array_equal(same, lengths)


@pytest.mark.parametrize(
    "dtypes, expected",
    [
        (["uint8", "uint8"], "uint8"),
        (["bool", "bool"], "bool"),
        (["float16", "float32"], "float32"),
        (["uint8", "int16"], "int16"),
        (["float32", "int64"], "float64"),
    ],
)
def test_dtype_holds_all_of_them(dtypes, expected):
    x, _ = pad([np.ones((n, 3), dtype) for n, dtype in zip((2, 4), dtypes)])
    assert x.dtype == expected
    assert x.sum() == 18


def test_sequences_stay_as_they_are(sequences):
    before = [sequence.copy() for sequence in sequences]
    x, _ = pad(sequences)
    x[...] = 9
    assert all((a == b).all() for a, b in zip(sequences, before))
    x, lengths = pad([[[1, 2], [3, 4]], [[5, 6]]])
    assert (x.tolist(), lengths.tolist()) == ([[[1, 2], [3, 4]], [[5, 6], [0, 0]]], [2, 1])


@pytest.mark.compiled
def test_a_network_hears_what_was_there_before(sequences):
    """The padded batch gives the logits of the sequences one by one."""
    net = ms.Network([3, 6, 4, 2], recurrence=ms.SRC(2), dtype="float64", seed=1)
    x, lengths = pad(sequences)
    alone = np.concatenate([net.logits(sequence[np.newaxis]) for sequence in sequences])
    np.testing.assert_allclose(net.logits(x, lengths), alone, rtol=1e-12)


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        ([], ValueError, "no sequences to pad"),
        ([np.ones((4, 3)), np.ones((0, 3))], ValueError, r"sequences\[1\] is empty: shape \(0, 3\)"),
        ([np.ones((4, 0))], ValueError, r"sequences\[0\] is empty: shape \(4, 0\)"),
        ([np.ones((4, 3)), np.ones((5, 2))], ValueError, r"sequences\[1\] has 2 inputs, sequences\[0\] has 3$"),
        ([np.ones((3, 4)), np.ones((3, 7))], ValueError, r"sequences\[1\] has 7 inputs.*are the axes swapped"),
        ([np.ones(4)], ValueError, r"got shape \(4,\); for one number per step, write sequence\[:, np.newaxis\]"),
        ([np.ones((4, 3, 1))], ValueError, r"sequences\[0\] must have the axes \(T_b, n_in\), got shape \(4, 3, 1\)"),
        ([np.ones((4, 3), complex)], TypeError, r"sequences\[0\] must hold real numbers"),
        ([np.ones((4, 3)), [["a", "b", "c"]]], TypeError, r"sequences\[1\] must hold real numbers"),
    ],
)
def test_errors(wrong, error, words):
    with pytest.raises(error, match=words):
        pad(wrong)
