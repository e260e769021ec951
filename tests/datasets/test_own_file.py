"""A user's own npz file: what it may hold, and the words for what is often wrong with it."""

import hashlib
import json

import numpy as np
import pytest

from minisnn.datasets import from_arrays, from_file, pad

SPLITS = ("train", "validation", "test")
NAMES = np.array(["left", "right", "up"])


@pytest.fixture
def own(rng):
    """x (90, 7, 2), names (90,), lengths (90,)."""
    lengths = rng.integers(2, 8, 90)
    lengths[4] = 7
    return rng.standard_normal((90, 7, 2)), NAMES[rng.permutation(np.arange(90) % 3)], lengths


@pytest.fixture
def split(own):
    """The arrays of a file that is split: 50, 22 and 18 sequences of up to 7, 6 and 5 steps."""
    x, y, lengths = own
    parts = {"train": (slice(0, 50), 7), "validation": (slice(50, 72), 6), "test": (slice(72, 90), 5)}
    arrays = {f"x_{name}": x[rows, :n_steps] for name, (rows, n_steps) in parts.items()}
    arrays |= {f"y_{name}": y[rows] for name, (rows, _) in parts.items()}
    return arrays | {
        f"lengths_{name}": np.minimum(lengths[rows], n_steps)
        for name, (rows, n_steps) in parts.items()
        if name != "test"
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "own.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("with_lengths", [False, True])
def test_what_is_not_split_is_split_as_arrays_are(own, path, save, with_lengths):
    x, y, lengths = own
    arrays = {"x": x, "y": y} | ({"lengths": lengths} if with_lengths else {})
    save(path, **arrays, notes="other arrays are ignored")
    got, expected = (
        from_file(path, fractions=(0.2, 0.1), seed=3),
        from_arrays(**arrays, fractions=(0.2, 0.1), seed=3),
    )
    for name in SPLITS:
        for array in ("x", "y", "lengths"):
            np.testing.assert_array_equal(getattr(getattr(got, name), array), getattr(getattr(expected, name), array))
    assert got.classes.tolist() == NAMES.tolist()
    assert json.loads(json.dumps(got.record)) == {
        **{"name": "file", "path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        **{"split": False, "fractions": [0.2, 0.1], "seed": 3},
    }


def test_what_is_split_stays_so(split, path):
    """Each split with its own number of steps, with lengths or without; labels are numbered over all of them."""
    np.savez(path, **split)
    data = from_file(str(path), seed=5)
    for name in SPLITS:
        part = getattr(data, name)
        np.testing.assert_array_equal(part.x, split[f"x_{name}"])
        assert data.classes[part.y].tolist() == split[f"y_{name}"].tolist()
        if name == "test":
            assert part.lengths is None
        else:
            np.testing.assert_array_equal(part.lengths, split[f"lengths_{name}"])
    assert (data.n_in, data.n_classes, data.classes.tolist()) == (2, 3, NAMES.tolist())
    assert data.record["split"] and "seed" not in data.record


def test_a_class_that_one_split_lacks_keeps_its_number(split, path):
    """In a test split without the class "right", "up" is still number 2."""
    split["y_test"] = np.where(split["y_test"] == "right", "up", split["y_test"])
    np.savez(path, **split)
    assert set(from_file(path).test.y) == {0, 2}


def test_integers_are_their_own_numbers(split, path, capsys):
    for name in SPLITS:
        split[f"y_{name}"] = np.searchsorted(NAMES, split[f"y_{name}"])
    np.savez(path, **split)
    data = from_file(path)
    assert data.classes.tolist() == [0, 1, 2] and capsys.readouterr().err == ""
    np.testing.assert_array_equal(data.validation.y, split["y_validation"])


def test_integers_of_several_widths(split, path):
    """uint64 beside int64 would be floats."""
    dtypes = {"train": np.uint64, "validation": np.int64, "test": np.uint8}
    labels = {f"y_{name}": np.searchsorted(NAMES, split[f"y_{name}"]).astype(dtypes[name]) for name in SPLITS}
    np.savez(path, **{**split, **labels})
    np.testing.assert_array_equal(from_file(path).train.y, labels["y_train"])
    np.savez(path, **{**split, **labels, "y_train": labels["y_train"] + np.uint64(2**63)})
    with pytest.raises(ValueError, match="labels must be at most 9223372036854775807"):
        from_file(path)
    np.savez(path, **{**split, **labels, "y_test": labels["y_test"][:, np.newaxis]})
    with pytest.raises(ValueError, match=r"y_test must have one label per sequence, shape \(B,\), got shape"):
        from_file(path)


def test_what_follows_a_sequence_does_not_matter(split, path):
    x = split["x_train"]
    x[np.arange(7) >= split["lengths_train"][:, np.newaxis]] = np.nan
    np.savez(path, **split)
    assert np.isfinite(from_file(path).train.x).all()


def without(*names):
    return lambda arrays: {name: array for name, array in arrays.items() if name not in names}


def changed(**arrays):
    """With other arrays; a function makes one of that which was there."""
    return lambda old: old | {name: new(old[name]) if callable(new) else new for name, new in arrays.items()}


RAGGED = np.empty(90, object)
RAGGED[:] = [np.ones((1 + b % 3, 2)) for b in range(90)]

WRONG = [
    (without("x"), ValueError, "lacks x; it holds y, lengths, expected x and y, perhaps lengths; or these as x_train"),
    (without("x", "y", "lengths"), ValueError, "lacks x, y; it holds nothing"),
    (lambda old: {"data": old["x"], "labels": old["y"]}, ValueError, "lacks x, y; it holds data, labels, expected"),
    (lambda old: {"X": old["x"], "y": old["y"]}, ValueError, "holds 'X'; did you mean 'x'"),
    (lambda old: without("lengths")(old) | {"length": [1] * 90}, ValueError, "holds 'length'; did you mean 'lengths'"),
    (
        lambda old: without("lengths")(old) | {"seq_len": [1] * 90},
        ValueError,
        "holds 'seq_len'; did you mean 'lengths'",
    ),
    (changed(x_val=[1], y_val=[1]), ValueError, "holds 'x_val'; did you mean 'x_validation'"),
    (changed(xval=[1]), ValueError, "holds 'xval'; did you mean 'x_validation'"),
    (changed(x_test=[1]), ValueError, "holds x, y, lengths beside x_test; expected"),
    (changed(x=RAGGED), TypeError, r"x holds Python objects.* different length.* minisnn.datasets.pad\(sequences\)"),
    (changed(y=lambda y: y.astype(object)), TypeError, r"y holds Python objects.* write texts, y.astype\(str\)"),
    (changed(x=lambda x: x[:, :, 0]), ValueError, r"x must have the axes \(B, T, n_in\)"),
    (
        changed(x=lambda x: x[:80], lengths=lambda n: n[:80]),
        ValueError,
        r"y must have one label per sequence, shape \(80,\), got shape \(90,\)",
    ),
    (changed(x=lambda x: x * np.inf), ValueError, r"x holds \d+ values that are NaN or infinite"),
    (changed(x=lambda x: x.astype(str)), TypeError, "x must hold real numbers"),
    (changed(y=lambda y: np.arange(90) / 2), TypeError, "there is no regression here"),
    (
        changed(lengths=lambda n: n + 1),
        ValueError,
        r"lengths must lie in 1 .. 7, the steps of x, got lengths\[\d+\] = 8",
    ),
    (changed(y=["a"] * 90), ValueError, "y holds label 'a' only"),
]

WRONG_SPLITS = [
    (
        without("x_validation", "y_validation", "lengths_validation"),
        *(ValueError, "lacks x_validation, y_validation; .* choose the best epoch: cut them from those of training"),
    ),
    (
        without("y_test"),
        ValueError,
        "lacks y_test; it holds x_train, x_validation, x_test, y_train, .* expected x and y",
    ),
    (without("x_test", "y_test"), ValueError, r"lacks x_test, y_test; [^;]*; or these as x_train, [^;]*$"),
    (
        lambda old: without("x_validation")(old) | {"x_dev": [1]},
        ValueError,
        "holds 'x_dev'; did you mean 'x_validation'",
    ),
    (lambda old: without("lengths_test")(old) | {"len_test": [1]}, ValueError, "mean 'lengths_test'"),
    (changed(x_test=lambda x: x[:, :, :1]), ValueError, "differ in .*inputs.*'train': 2, 'validation': 2, 'test': 1"),
    (changed(x_test=lambda x: x[:0]), ValueError, "test: x has no sequences"),
    (changed(lengths_validation=lambda n: n * 0), ValueError, "validation: lengths must lie in 1 .. 6"),
    (changed(y_test=lambda y: y[1:]), ValueError, r"y must have one label per sequence, shape \(90,\), got shape \(89"),
    (changed(lengths_train=lambda n: n[1:]), ValueError, "train: lengths must have one number per sequence"),
    (changed(y_train=lambda y: y[1:], y_test=lambda y: np.tile(y, 2)[:19]), ValueError, "y must have one entry per"),
    (
        changed(y_test=lambda y: np.arange(18) % 3),
        TypeError,
        "labels are of several kinds: <U5 in train, .* int64 in te",
    ),
    (changed(y_test=lambda y: np.array(["down"] * 18)), ValueError, "no sequence of training has the label 'down'"),
]


def check_wrong(arrays, path, change, error, words):
    np.savez(path, **change(arrays))
    with pytest.raises(error, match=words) as caught:
        from_file(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("change, error, words", WRONG)
def test_errors(own, path, change, error, words):
    check_wrong(dict(zip(("x", "y", "lengths"), own)), path, change, error, words)


@pytest.mark.parametrize("change, error, words", WRONG_SPLITS)
def test_errors_in_splits(split, path, change, error, words):
    check_wrong(split, path, change, error, words)


@pytest.mark.parametrize(
    "content, words",
    [
        (lambda whole: whole[:-99], "is not a whole npz file; is it truncated"),
        (lambda whole: whole[: len(whole) // 2], "is not a whole npz file; is it truncated"),
        (lambda whole: whole.replace(b"\x93NUMPY", b"\x93NUMPX"), "is not a whole npz file"),
        (lambda whole: b"", "is not a whole npz file"),
        (lambda whole: b"a,b\n1,2\n", "is not a whole npz file"),
    ],
)
def test_damaged_files(own, path, content, words):
    np.savez(path, **dict(zip(("x", "y"), own)))
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(ValueError, match=words) as caught:
        from_file(path)
    assert str(caught.value).startswith(str(path)) and "pickle" not in str(caught.value)


def test_other_arrays_are_ignored(own, path):
    """Even if a name is like one that is there already, or its end is that of a split."""
    more = ("ids", "ids_train", "n_train", "t_test", "z_validation", "x_mean", "y_names", "steps")
    np.savez(path, **dict(zip(("x", "y", "lengths"), own)), **{name: [1] for name in (*more, "length")})
    data = from_file(path)
    splits = {f"{kind}_{name}": getattr(getattr(data, name), kind) for name in SPLITS for kind in ("x", "y", "lengths")}
    np.savez(path, **splits, **{name: [1] for name in (*more, "x_valid", "len_test")})
    assert (from_file(path).test.x == data.test.x).all()


def test_a_single_array(own, path):
    with open(path, "wb") as file:
        np.save(file, own[0])
    with pytest.raises(ValueError, match=r"own.npz holds a single array.*np.savez\('own', x=x, y=y\)"):
        from_file(path)


def test_no_file(tmp_path, own):
    with pytest.raises(FileNotFoundError, match=r"^no file .*none\.npz$"):
        from_file(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"^no file .*~no-such-user.own\.npz$"):  # who has no home folder
        from_file("~no-such-user/own.npz")
    with pytest.raises(TypeError, match=r"path must be that of an npz file, got ndarray; of arrays, use from_arrays"):
        from_file(own[0])


@pytest.mark.parametrize(
    "options, words", [({"fractions": (0.5, 0.5)}, "fractions must leave"), ({"seed": -1}, "seed")]
)
def test_errors_in_options(own, path, options, words):
    """They are not those of the file."""
    np.savez(path, **dict(zip(("x", "y"), own)))
    with pytest.raises(ValueError, match=f"^{words}"):
        from_file(path, **options)


def test_from_a_list_to_a_file(rng, path):
    """As the documents say it: `pad`, then `savez`."""
    sequences = [rng.standard_normal((n, 3)) for n in rng.integers(1, 9, 60)]
    labels = ["yes", "no"] * 30
    x, lengths = pad(sequences)
    np.savez(path, x=x, y=labels, lengths=lengths)
    got, expected = from_file(path), from_arrays(sequences, labels)
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(got, name).x, getattr(expected, name).x)
        np.testing.assert_array_equal(getattr(got, name).y, getattr(expected, name).y)
