"""A user's own sequences: the split, the record, and the words for what is often wrong with them."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

import minisnn as ms
from minisnn._internal import storage
from minisnn.datasets import Split, from_arrays, pad

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


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has no strings of any length")
def test_strings_of_any_length(own):
    x, y, _ = own
    names = np.array([f"class {label}" for label in y.tolist()], np.dtypes.StringDType())
    data, expected = from_arrays(x, names), from_arrays(x, names.tolist())
    assert data.classes.tolist() == expected.classes.tolist()
    np.testing.assert_array_equal(data.train.y, expected.train.y)


def swapped(x, y, lengths):
    return x.swapaxes(0, 1), y, lengths


def cut(x, lengths) -> list[np.ndarray]:
    """Sequences of their own lengths."""
    return [sequence[:n] for sequence, n in zip(x, lengths)]


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
        (lambda x, y, n: (cut(x, n), y, n), ValueError, "list of sequences of different length, .* leave lengths= out"),
        (lambda x, y, n: ([x[0], x[1, :5, :1]], [0, 1], None), ValueError, r"x\[1\] has 1 inputs, x\[0\] has 2"),
        (lambda x, y, n: ([x[0], x[1, :0]], [0, 1], None), ValueError, r"x\[1\] is empty: shape \(0, 2\)"),
        (lambda x, y, n: ([x[0, :, 0], x[1, :5, 0]], [0, 1], None), ValueError, r"write sequence\[:, np.newaxis\]"),
        (lambda x, y, n: ([x[0], 3], [0, 1], None), ValueError, r"x\[1\] must have the axes \(T_b, n_in\)"),
        (lambda x, y, n: (x, y.astype(float), n), TypeError, "y must hold integer class labels, got dtype float64"),
        (lambda x, y, n: (x, y.astype(bytes), n), TypeError, r"y must hold integer class labels, got dtype \|S"),
        (lambda x, y, n: (x, [None] * 90, n), TypeError, "y must hold integer class labels, got dtype object"),
        (lambda x, y, n: (x, None, n), TypeError, "y must hold integer class labels, got dtype object"),
        (lambda x, y, n: (x, [*y[:-1], "b"], n), TypeError, r"y mixes int and str: y\[0\] = .*, y\[89\] = 'b'; labels"),
        (lambda x, y, n: (x, [True, *y[1:]], n), TypeError, r"y mixes bool and int: y\[0\] = True, y\[1\]"),
        (lambda x, y, n: (x, ["a", None, *"b" * 88], n), TypeError, r"y mixes str and NoneType: .* y\[1\] = None"),
        (lambda x, y, n: (x, np.array(["a", 2.0] * 45, object), n), TypeError, "y mixes str and float"),
        (lambda x, y, n: (x, [[1, 0, 0]] * 90, n), ValueError, r"one-hot rows take y.argmax\(axis=1\)"),
        (lambda x, y, n: (x, y.astype(str)[:-1], n), ValueError, r"y must have one label .* got shape \(89,\)$"),
        (lambda x, y, n: (x, ["a"] * 90, n), ValueError, "y holds label 'a' only"),
        (lambda x, y, n: (x, np.arange(90) // 1.9, n), TypeError, r"y.astype\(int\)"),
        (
            lambda x, y, n: (x, 7 * (np.arange(90) // 1.9).astype(int), n),
            ValueError,
            "y has 47 different labels for 90",
        ),
        (lambda x, y, n: (x, [f"{i}.wav" for i in range(90)], n), ValueError, "are they names of sequences"),
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


def test_names_with_the_number_of_classes(own):
    with pytest.raises(TypeError, match=r"y holds names; n_classes= is for labels 0 .. n_classes - 1, so leave it out"):
        from_arrays(own[0], own[1].astype(str), n_classes=3)


# Sequences in a list


@pytest.mark.parametrize("kind", [list, tuple, "object"])
def test_a_list_of_sequences_is_padded(own, kind):
    """Equal to the padded array with lengths, to the record."""
    x, y, lengths = own
    sequences = cut(x, lengths)
    if kind == "object":
        boxes = np.empty(90, object)
        boxes[:] = sequences
    else:
        boxes = kind(sequences)
    got, expected = from_arrays(boxes, y, seed=2), from_arrays(pad(sequences)[0], y, lengths, seed=2)
    assert got.record == expected.record
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(got, name).x, getattr(expected, name).x)
        np.testing.assert_array_equal(getattr(got, name).lengths, getattr(expected, name).lengths)
        assert [len(sequence) for sequence in sequences] == lengths.tolist()  # as they were


def test_a_list_of_equal_length_is_an_array(own):
    """Padded by its owner, it may have lengths."""
    x, y, lengths = own
    assert from_arrays(list(x), y).record == from_arrays(x, y).record
    boxes = np.empty(90, object)
    boxes[:] = list(x)
    assert from_arrays(boxes, y).record == from_arrays(x, y).record
    assert from_arrays(list(x), y, lengths).record == from_arrays(x, y, lengths).record


# Labels by name

NAMES = {
    "str": ["no", "unknown", "yes"],
    "numpy str": np.array(["no", "unknown", "yes"]),
    "object": np.array(["no", "unknown", "yes"], object),
    "gaps": [3, 7, 90],
    "from 1": np.array([1, 2, 3], np.uint8),
    "negative": [-1, 0, 1],
    "large": [0, 10**12, 2 * 10**12],
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("as_list", [False, True])
def test_labels_of_any_kind(own, kind, as_list):
    """Their numbers lead back to them, in the order of the alphabet or of the integers; plain JSON keeps them."""
    x, y, _ = own
    labels = np.asarray(NAMES[kind])[y]
    data = from_arrays(x, labels.tolist() if as_list else labels)
    assert data.n_classes == 3
    assert data.classes.tolist() == list(NAMES[kind])
    assert not data.classes.flags.writeable
    for name in SPLITS:
        split = getattr(data, name)
        assert split.y.dtype == np.int64
        assert data.classes[split.y].tolist() == labels[numbers(split)].tolist()
    assert json.loads(json.dumps(data.record))["classes"] == list(NAMES[kind])
    np.testing.assert_array_equal(data.train.x, from_arrays(x, y).train.x)  # which split does not depend on names


def test_bools_are_names(own):
    x, y, _ = own
    data = from_arrays(x, y > 0)
    assert data.classes.tolist() == [False, True] and data.classes.dtype == bool
    np.testing.assert_array_equal(data.test.y, (y > 0)[numbers(data.test)])


def test_numbers_need_no_names(own):
    """0, 1, ... are their own; so are those of a class that may not occur."""
    x, y, _ = own
    assert from_arrays(x, y).classes.tolist() == [0, 1, 2] and from_arrays(x, y).record["classes"] is None
    assert from_arrays(x, y, n_classes=5).classes.tolist() == [0, 1, 2, 3, 4]
    assert from_arrays(x, y, n_classes=5).record["classes"] is None


def test_numbers_with_gaps_are_told(own, capsys):
    """It may be a slip; of names there is nothing to say."""
    x, y, _ = own
    from_arrays(x, y)
    from_arrays(x, np.array(["a", "b", "c"])[y])
    from_arrays(x, y > 0)
    assert capsys.readouterr().err == ""
    from_arrays(x, y + 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "minisnn: y has the labels 1, 2, 3, kept as data.classes and numbered 0 .. 2"
    from_arrays(x, 2 * y)
    (line,) = capsys.readouterr().err.splitlines()
    assert "labels 0, 2, 4, kept" in line and line.endswith("; if those between exist, pass n_classes=5")
    from_arrays(x, (255 * (y > 0)).astype(np.uint8))
    assert capsys.readouterr().err.endswith("; if those between exist, pass n_classes=256\n")
    from_arrays(x, 7 + np.arange(90) % 9, fractions=(0.2, 0.0))
    assert "labels 7, 8, 9, 10, 11, ..., kept" in capsys.readouterr().err


def test_sequences_with_other_inputs_are_named():
    with pytest.raises(ValueError, match=r"x\[1\] has 3 inputs, x\[0\] has 2"):
        from_arrays([np.ones((5, 2)), np.ones((5, 3))] * 10, [0, 1] * 10)


def test_a_record_is_not_needed():
    split = Split(np.ones((3, 5, 2)), np.array([0, 1, 1]))
    assert repr(ms.datasets.Dataset(split, split, split, 2, record=None)).startswith("Dataset(train 3, ")


@pytest.mark.compiled
def test_a_network_takes_the_names(own, tmp_path):
    """From the data it is fit to, to its file and back; copies have them too, and it predicts numbers."""
    x, y, _ = own
    net = ms.Network([2, 5, 3])
    assert net.classes.tolist() == [0, 1, 2]
    assert net.config()["classes"] is None
    data = from_arrays(x, np.array(NAMES["str"])[y])
    ms.fit(net, data, epochs=1, progress=False)
    net.save(tmp_path / "net.npz")
    for same in (net, ms.Network.load(tmp_path / "net.npz"), net.astype("float64")):
        assert same.classes.tolist() == NAMES["str"]
        predicted = same.predict(x)
        assert predicted.dtype.kind == "i"
        assert same.classes[predicted].tolist() == [NAMES["str"][i] for i in predicted]
        some = y > 0  # named, one class less than it was trained on
        by_number, by_name = (same.evaluate(Split(x[some], z[some])) for z in (y, np.array(NAMES["str"])[y]))
        assert by_name == by_number
        of_objects = SimpleNamespace(x=x[some], y=np.array(NAMES["str"])[y[some]].astype(object))  # as in pandas
        assert same.evaluate(of_objects) == by_number
        with pytest.raises(ValueError, match=r"y holds 'maybe', the network's classes are '"):
            same.evaluate(Split(x[:2], [NAMES["str"][0], "maybe"]))
    ms.fit(net, from_arrays(x, y), epochs=1, progress=False)  # plain numbers take no names away
    assert net.classes.tolist() == NAMES["str"]
    ms.fit(net, from_arrays(x, 5 * y), epochs=1, progress=False)
    net.save(tmp_path / "net.npz")
    same = ms.Network.load(tmp_path / "net.npz")
    assert same.classes.tolist() == [0, 5, 10]
    with pytest.raises(
        ValueError, match=r"0 \.\. 2, got .*; if these are .* names, write np\.searchsorted\(net\.classes, y\)$"
    ):
        same.evaluate(Split(x, 5 * y))
    assert same.evaluate(Split(x, np.searchsorted(same.classes, 5 * y))) == same.evaluate(Split(x, y))


@pytest.mark.compiled
def test_names_do_not_part_a_run_from_its_checkpoint(own, tmp_path):
    """A network that had them already, as in a notebook, goes on."""
    x, y, _ = own
    data, options = from_arrays(x, np.array(NAMES["str"])[y]), {"epochs": 2, "progress": False}
    net = ms.Network([2, 5, 3])
    stop = {"callback": lambda net, history: True, "checkpoint": tmp_path / "run.npz"}
    ms.fit(net, data, **options, **stop)
    for again in (net, ms.Network([2, 5, 3])):
        assert len(ms.fit(again, data, **options, **stop, resume=True)) == 1
        assert again.classes.tolist() == NAMES["str"]


WRONG_NAMES = [
    (["no", "yes"], ValueError, r"one name per class, shape \(3,\), got shape \(2,\)"),
    (["no", "yes", "no"], ValueError, "classes must differ, got 'no' more than once"),
    (["no", "yes", 2], TypeError, "classes mixes str and int"),
    ([0.5, 1.5, 2.5], TypeError, "classes must be names, integers or bools, got dtype float64"),
    (NAMES, TypeError, "classes must be names, integers or bools, got dtype object"),
]


@pytest.mark.parametrize("classes, error, words", WRONG_NAMES)
def test_errors_in_names(own, classes, error, words):
    """Of data made by hand, and of a network."""
    data = from_arrays(own[0], own[1])
    with pytest.raises(error, match=words):
        ms.datasets.Dataset(data.train, data.validation, data.test, 3, classes=classes)
    net = ms.Network([2, 5, 3])
    with pytest.raises(error, match=words):
        net.classes = classes
    assert net.classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", [list, np.array])
def test_names_by_hand(own, kind):
    """They are kept as a copy."""
    data, names = from_arrays(own[0], own[1]), kind(["left", "right", "up"])
    by_hand = ms.datasets.Dataset(data.train, data.validation, data.test, 3, classes=names)
    names[0] = "down"
    assert by_hand.classes.tolist() == ["left", "right", "up"]
    net = ms.Network([2, 5, 3])
    net.classes = by_hand.classes
    assert net.classes.tolist() == ["left", "right", "up"] and not net.classes.flags.writeable


def test_files_from_before_there_were_names(tmp_path):
    net, path = ms.Network([2, 5, 3]), tmp_path / "net.npz"
    config = net.config()
    del config["classes"]
    storage.save_npz(path, "network", {"config": config}, dict(net.params.items()))
    assert ms.Network.load(path).classes.tolist() == [0, 1, 2]


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
