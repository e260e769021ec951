"""The exercises: how answers are checked, the running example, the student's backward pass."""

import re
from fractions import Fraction

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.checks import GradientError
from minisnn.checks.report import NOT_RETURNED
from minisnn.core import reference
from minisnn.course import backward, example, exercises
from minisnn.course.exercises.exercise import Exercise, array, attempt, choice, number

FOREIGN = [
    "nonsense", "", b"1", object(), {}, [], [[1], [2, 3]], 1 + 2j, np.complex128(1), np.array([1j, 2j]),
    np.array([3.25]), np.zeros((0, 3)), np.array(["a"]), float("nan"), float("inf"), 10**400,
    lambda *arguments: 1 / 0, lambda: None, ms,
]  # fmt: skip


# Checks


def test_number():
    check = number(2.5, 1e-3, {3.5: "You counted from 1."})
    for right in (2.5, 2.5005, np.float32(2.5), np.array(2.5), Fraction(5, 2), "2.5"):
        assert check(right) is None
    assert check(3.5) == "You counted from 1."
    assert "too high" in check(4) and "too low" in check(-4)
    assert "nan" in check(float("nan")) and "inf" in check(float("inf"))
    for answer in ("two", [2.5], np.array([2.5]), 2.5 + 0j, {}, 10**400):
        assert check(answer).startswith("the answer is one number, got ")


def test_array():
    expected = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    check = array(expected, 1e-3, {"It is transposed.": expected.T, "You forgot β.": 2 * expected})
    for right in (expected, expected.tolist(), expected + 5e-4, expected.astype(int)):
        assert check(right) is None
    assert check(expected.T) == "It is transposed."  # of another shape than expected
    assert check(2 * expected) == "You forgot β."
    assert check(expected[0]) == "the answer has shape (2, 3), got (3,)."
    assert check(1.0) == "the answer has shape (2, 3), got ()."
    wrong = expected.copy()
    wrong[0, 2], wrong[1, 1] = 7.0, np.nan
    assert check(wrong) == "2 of 6 entries are wrong; the first is (0, 2), where you have 7."
    sharp = array(expected / 7)
    assert sharp(np.round(expected / 7, 4)).startswith("all entries are right to within 0.001, but rounded")
    assert sharp(np.round(expected / 7, 2)).endswith("where you have 0.14.") and sharp(expected / 7) is None
    for answer in ("text", [[1], [2, 3]], expected + 1j, expected + 0j):
        assert check(answer).startswith("the answer is an array of real numbers, got ")


def test_choice():
    check = choice("b", {"a": "Not a, for it is 0.", "c": "Not c."})
    for right in ("b", "B", " b\n"):
        assert check(right) is None
    assert check("a") == check("A") == "Not a, for it is 0."
    assert check("d") == check(1) == check(["b"]) == "the answer is one of a, b, c."


def test_attempt():
    check = attempt(lambda function: None if function(2) == 4 else "Not the square.")
    assert check(lambda x: x * x) is None
    assert check(lambda x: 3 * x) == "Not the square."
    assert check(lambda: 4).startswith("your function raised TypeError: ")
    assert check(4) == "the answer is a function, got int."

    def dividing(x):
        none = 0
        return x / none

    expected = "your function raised ZeroDivisionError: division by zero, at `return x / none`"
    assert check(dividing) == expected


def test_attempt_tells_whose_exception_it_is():
    """One raised by the check, of what was returned, is not said to be the function's."""
    check = attempt(lambda function: None if float(function(2)) == 4 else "Not the square.")
    assert check(lambda x: [x, x]).startswith("what your function returns can't be used here (TypeError: ")


def test_a_forgotten_path():
    """A function that returned something before is not unwritten."""
    check = attempt(lambda function: None if [function(x) for x in (1, -1)] == [1, 1] else "Not the size.")
    assert check(lambda x: None) == "your function returns nothing yet."
    assert check(lambda x: x if x > 0 else None).endswith("does every path end in a return?")


@pytest.mark.parametrize("answer", FOREIGN, ids=lambda answer: type(answer).__name__)
def test_checks_never_raise(answer):
    squares = attempt(lambda function: None if function(2) == 4 else "Not the square.")
    for check in (number(1.5), array(np.ones((2, 3))), array(1.5), choice("b", {"a": "Not a."}), squares):
        assert isinstance(check(answer), str)


# check, hint, names


@pytest.fixture
def made(monkeypatch):
    """Two tutorials with three exercises."""
    tables = {
        "03": {
            "03.1": Exercise(number(4.0), "Two spikes of two.", ("Count them.", "There are 2 · 2.")),
            "03.2": Exercise(choice("a", {"b": "Not b."}), "So it is.", ("Guess.",)),
        },
        "05": {"05.1": Exercise(array([1, 2]), "Right.", ("Look.",))},
    }
    monkeypatch.setattr(exercises, "_tutorials", lambda: list(tables))
    monkeypatch.setattr(exercises, "_exercises", tables.__getitem__)


def test_check(made):
    right, wrong = exercises.check("03.1", 4), exercises.check("03.1", 5)
    assert right and right.right and repr(right) == "03.1: right. Two spikes of two."
    assert not wrong and not wrong.right and repr(wrong) == "03.1: not yet. 5 is too high."
    assert wrong.exercise == "03.1"
    for nothing in (None, ...):
        verdict = exercises.check("05.1", nothing)
        assert not verdict and repr(verdict) == '05.1: no answer yet. ms.exercises.hint("05.1") has a hint'
    assert exercises.check("05.1", np.array([1, 2]))


def test_check_never_raises(monkeypatch):
    """Even if the check of an exercise does."""
    raising = Exercise(lambda answer: answer.missing, "Right.", ("Try.",))
    monkeypatch.setattr(exercises, "_exercise", lambda name: raising)
    assert repr(exercises.check("03.1", 4)).startswith("03.1: not yet. The answer can't be read: AttributeError: ")


def test_hint(made):
    further = 'Count them. (hint 1 of 2; hint("03.1", 2) leads further)'
    assert exercises.hint("03.1") == exercises.hint("03.1", 1) == further
    assert exercises.hint("03.1", 2) == "There are 2 · 2. (hint 2 of 2)"
    assert exercises.hint("03.2") == "Guess. (hint 1 of 1)"
    for number_ in (0, 3, -1, 1.5, "1", None):
        with pytest.raises(ValueError, match=rf"exercise 03.1 has hints 1 .. 2, got {number_!r}"):
            exercises.hint("03.1", number_)


@pytest.mark.parametrize(
    "name, words",
    [
        ("03.9", "the exercises of this tutorial are 03.1, 03.2"),
        ("04.1", 'they are named like "02.1"'),
        ("²1", 'they are named like "02.1"'),
        ("", 'they are named like "02.1"'),
        (3.1, 'they are named like "02.1"'),
        (["03.1"], 'they are named like "02.1"'),
        (None, 'they are named like "02.1"'),
    ],
    ids=str,
)
def test_no_such_exercise(made, name, words):
    for ask in (lambda: exercises.check(name, 4), lambda: exercises.hint(name)):
        with pytest.raises(ValueError, match=f"there is no exercise {re.escape(repr(str(name)))}; {words}"):
            ask()


def test_names(made):
    assert exercises.names() == ["03.1", "03.2", "05.1"]


def test_all_are_named_in_order():
    """Of the tutorials that there are: NN.1, NN.2, and on."""
    names = exercises.names()
    assert names == sorted(names)
    for tutorial in {name[:2] for name in names}:
        of_this = [name for name in names if name[:2] == tutorial]
        assert of_this == [f"{tutorial}.{i}" for i in range(1, len(of_this) + 1)]


@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_is_whole(name):
    """It has hints and a sentence for the right answer."""
    hints = []
    with pytest.raises(ValueError, match="has hints"):
        for i in range(1, 10):
            hints.append(exercises.hint(name, i))
    exercise = exercises._exercise(name)
    for sentence in (exercise.right, *hints):
        assert isinstance(sentence, str) and len(sentence) > 10
    assert hints
    assert "no answer yet" in exercises.check(name, ...).text


@pytest.mark.slow
@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_never_raises(name):
    for answer in FOREIGN:
        verdict = exercises.check(name, answer)
        assert not verdict and len(verdict.text) > len("not yet. ")


# The running example


def fractions(values) -> np.ndarray:
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, float))


def triangle(u):
    """σ′(u) = max(0, 1 - |u|), in fractions."""
    return np.maximum(1 - np.abs(u), Fraction(0))


TAPS = {
    "none": ((), ()),
    "one": ((1,), (1.0,)),
    "three": ((3,), (1.0,)),
    "mixed": ((1, 2, 3), (1 / 2, 1 / 4, 1 / 4)),
}
RESETS = [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]


@pytest.mark.parametrize("detached", [0.0, 1.0], ids=["attached", "detached"])
@pytest.mark.parametrize("reset", RESETS, ids=["soft", "hard", "none"])
@pytest.mark.parametrize("taps", TAPS)
def test_the_example_is_exact(taps, reset, detached):
    """Every number, forward and backward, is what fractions give: nothing is rounded, so paper and computer agree."""
    layer = example.layer(*TAPS[taps], (*reset, detached))
    run = reference.layer_forward(example.X, layer, example.MASK)
    slope = ms.Triangle().derivative(run.v - layer.threshold)
    grads = reference.layer_backward(example.E, example.X, run, slope, layer, example.MASK)

    x, e, mask = (fractions(values) for values in (example.X, example.E, example.MASK))
    exact = reference.Layer(*(fractions(values) for values in layer[:3]), layer.delays, *map(fractions, layer[4:8]))
    exact_run = reference.layer_forward(x, exact, mask)
    exact_slope = triangle(exact_run.v - exact.threshold)
    exact_grads = reference.layer_backward(e, x, exact_run, exact_slope, exact, mask)

    for got, expected in zip((*run, slope, *grads), (*exact_run, exact_slope, *exact_grads)):
        assert got.dtype == np.float64 and got.shape == expected.shape
        for value, fraction in zip(got.ravel().tolist(), expected.ravel().tolist()):
            assert isinstance(fraction, int | Fraction)
            assert value == fraction  # exact: Python compares a float with a fraction as it is


def test_the_example_is_as_it_says():
    layer = example.layer()
    assert (example.X.shape, example.W_IN.shape, example.W_REC.shape) == ((6, 2), (2, 3), (3, 3))
    assert (layer.decay == 0.5).all() and (layer.threshold == 1).all() and tuple(layer.reset) == (1, 0, 0)
    assert layer.delays.tolist() == [1] and layer.tap_weights.tolist() == [1.0]
    assert (layer.w_rec[1] > 0).all()  # neuron 1 excites itself and the other two
    assert layer.w_rec[0].tolist() == [-0.5, 0, 0]  # neuron 0 inhibits itself


def test_the_example_shows_something():
    """Neurons fire and are silent; the delay moves spikes; the gradient reaches back through W_rec and is not 0."""
    runs = {name: reference.layer_forward(example.X, example.layer(*taps), example.MASK) for name, taps in TAPS.items()}
    spikes = {name: run.s for name, run in runs.items()}
    assert 0 < spikes["one"].sum() < spikes["one"].size
    for a in spikes:
        assert all((spikes[a] != spikes[b]).any() for b in spikes if b != a), a
    for name in ("one", "three", "mixed"):
        layer = example.layer(*TAPS[name])
        slope = ms.Triangle().derivative(runs[name].v - layer.threshold)
        grads = reference.layer_backward(example.E, example.X, runs[name], slope, layer, example.MASK)
        assert all(values.any() for values in (grads.q, grads.d_w_in, grads.d_bias, grads.d_w_rec)), name


def test_example_layers_are_apart():
    """What is done to one layer's arrays is done neither to the next nor to the example."""
    before, changed = example.layer(), example.layer()
    for values in changed[:-1]:  # the last is None: it does not adapt
        values[...] = 7
    for values, expected in zip(example.layer(), before):
        assert np.array_equal(values, expected)
    assert np.array_equal(example.W_REC, before.w_rec) and np.array_equal(example.W_IN, before.w_in)


# The student's backward pass

KINDS = {
    "recurrent": ms.Recurrent(),
    "src-1": ms.SRC(1),
    "src-3": ms.SRC(3),
    "src-11": ms.SRC(11),  # T
    "src-14": ms.SRC(14),
    "asrc-4": ms.ASRC(4),
    "asrc-13": ms.ASRC(13),
    "asrc-3-shared": ms.ASRC(3, shared=True),
    "mixture-5": ms.Mixture(5),
    "feedforward": ms.Feedforward(),
}
STAGES = {
    "lif_backward": ("recurrent", "src-1"),
    "lif_backward_src": ("recurrent", "src-1", "src-3", "src-11", "src-14"),
    "lif_backward_asrc": tuple(KINDS),
}
RETURNED = {"q", "eps", "delta", "dx", "d_w_in", "d_bias", "d_w_rec"}
pairs = pytest.mark.parametrize(
    "stage, kind", [(stage, kind) for stage, kinds in STAGES.items() for kind in kinds], ids=str
)


@pairs
@pytest.mark.parametrize("detach", [False, True], ids=["attached", "detached"])
@pytest.mark.parametrize("reset", ["soft", "hard", "none"])
def test_backward_is_right(rng, stage, kind, reset, detach):
    """For the networks it is for, of every reset, with dropout and sequences of different lengths."""
    neuron = ms.LIF(0.6, 0.8, reset=reset, detach_reset=detach)
    net = random_network(rng, recurrence=KINDS[kind], neuron=neuron)
    net.temperature = 0.7
    x, y = random_batch(rng, net, B=3)
    masks = [rng.integers(0, 2, (3, n)) * 2.0 for n in net.sizes[1:-1]]
    for masked in (None, masks):
        report = ms.gradcheck(net, x, y, np.array([11, 1, 8]), masked, backward=getattr(backward, stage))
        checked = {row.block.split(".")[-1] for row in report.rows if row.note != NOT_RETURNED}
        learned = {"d_span_logits"} if isinstance(KINDS[kind], ms.ASRC) else set()
        assert checked == RETURNED | learned | ({"d_tap_weights"} if stage == "lif_backward_asrc" else set())
        assert {row.block for row in report.rows} >= {f"layers.{i}.{name}" for i in (0, 1) for name in RETURNED}


@pytest.mark.parametrize("span_mode", ["soft", "hard"])
def test_backward_of_hardened_spans(rng, span_mode):
    """Evaluated at its arg-max, an ASRC is an SRC, and 05's function is right for it; of the mixture it is not."""
    net = random_network(rng, recurrence=ms.ASRC(4))
    x, y = random_batch(rng, net, B=3)
    ms.gradcheck(net, x, y, span_mode=span_mode, backward=backward.lif_backward_asrc)
    if span_mode == "hard":
        ms.gradcheck(net, x, y, span_mode=span_mode, backward=backward.lif_backward_src)
    else:
        with pytest.raises(GradientError):
            ms.gradcheck(net, x, y, span_mode=span_mode, backward=backward.lif_backward_src)


@pytest.mark.parametrize(
    "stage, kind", [("lif_backward", "src-3"), ("lif_backward", "asrc-4"), ("lif_backward_src", "asrc-4")]
)
def test_backward_of_another_network_is_wrong(rng, stage, kind):
    """What a tutorial improves, it needs to: the function before it fails, and first in q, in the last layer."""
    net = random_network(rng, recurrence=KINDS[kind])
    x, y = random_batch(rng, net, B=3)
    with pytest.raises(GradientError) as caught:
        ms.gradcheck(net, x, y, backward=getattr(backward, stage))
    report = caught.value.report
    (first,) = [row for row in report.rows if row.block.startswith("layers.1.") and row.first]
    assert first.block == "layers.1.q" and not first.ok


def test_each_stage_contains_the_one_before(rng):
    """On a network that all three are for they return the same to the last bit, and change nothing of what they get."""
    got = {stage: [] for stage in STAGES}

    def recording(stage):
        def run(tape, e, params):
            before = [array.copy() for array in (*tape, e, *params[:8])]
            grads = getattr(backward, stage)(tape, e, params)
            assert all(np.array_equal(a, b) for a, b in zip(before, (*tape, e, *params[:8])))
            got[stage].append(grads)
            return grads

        return run

    net = random_network(rng, recurrence=ms.Recurrent())
    x, y = random_batch(rng, net, B=3)
    for stage in STAGES:
        ms.gradcheck(net, x, y, backward=recording(stage))
    for first, second, third in zip(*got.values()):
        for name in RETURNED:
            assert np.array_equal(first[name], second[name]) and np.array_equal(first[name], third[name]), name
