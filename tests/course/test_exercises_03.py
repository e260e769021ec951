"""The exercises of tutorial 03: right answers pass, typical wrong ones get the hint that belongs to them."""

import inspect
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import minisnn as ms
from minisnn import checks
from minisnn.course import exercises
from minisnn.course.backward import lif_backward
from minisnn.course.exercises import _03

MUTANTS = Path(__file__).parents[1] / "checks" / "MUTANTS.md"
NOTEBOOK = Path(__file__).parents[2] / "tutorials" / "03_check_your_gradients.ipynb"


def says(name: str, answer, words: str) -> bool:
    """Whether the answer is wrong, and the verdict has these words."""
    verdict = exercises.check(name, answer)
    assert not verdict
    assert re.search(words, verdict.text), verdict.text
    return True


def right(name: str, answer) -> bool:
    verdict = exercises.check(name, answer)
    assert verdict, verdict.text
    return True


def plant(*changes):
    """lif_backward with some of its text replaced."""
    source = inspect.getsource(lif_backward)
    for old, new in zip(changes[::2], changes[1::2]):
        assert source.count(old) == 1
        source = source.replace(old, new)
    namespace = {"np": np}
    exec(source, namespace)
    return namespace["lif_backward"]


def cells() -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]]


@pytest.mark.parametrize("name", _03.EXERCISES)
def test_no_answer_yet_and_hints(name):
    assert "no answer yet" in exercises.check(name, ...).text
    assert len(_03.EXERCISES[name].hints) == 2
    for nonsense in ("?", 3j, [], object(), float("nan"), lambda: 0, lambda *a: None, lambda *a: "?"):
        assert not exercises.check(name, nonsense)


def test_best_step():
    for answer in (0.005, 2e-3, "0.01", np.finfo(np.float32).eps ** (1 / 3)):
        assert right("03.1", answer)
    assert says("03.1", 6e-6, "best step in float64")
    assert says("03.1", np.sqrt(np.finfo(np.float32).eps), "one-sided")
    assert says("03.1", np.finfo(np.float32).eps, "eps itself")
    assert says("03.1", 0.1, "too large: truncation")
    assert says("03.1", 1e-12, "too small: rounding")
    assert says("03.1", -1e-3, "above 0")
    assert says("03.1", [1, 2], "one number")


def steps(h=1e-30, divide=True, all_at_once=False, in_place=False, part="imag"):
    """A complex-step gradient with this slip."""

    def complex_gradient(f, w):
        result = np.zeros(w.shape)
        for i in np.ndindex(w.shape):
            shifted = w.astype(complex)
            shifted[... if all_at_once else i] += 1j * h
            result[i] = getattr(f(shifted), part) / (h if divide else 1)
            if in_place:
                w[i] += 1.0
        return result

    return complex_gradient


def central(f, w, h=1e-5):
    result = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[i] += h
        down[i] -= h
        result[i] = (f(up) - f(down)) / (2 * h)
    return result


def test_table_of_planted_errors():
    """The notebook says how many errors each rung catches; tests/MUTANTS.md lists them."""
    listed = re.findall(r"^\| \d+ \|.* \| (.+?)(?::.*)? \|$", MUTANTS.read_text(encoding="utf-8"), re.MULTILINE)
    (text,) = (cell for cell in cells() if "| caught first by |" in cell)
    told = {rung: int(n) for rung, n in re.findall(r"^\| ([\w ]+) \| (\d+) \|$", text, re.MULTILINE)}
    assert told == Counter(listed) and f"All {len(listed)} are caught" in text


def real_steps(f, w):
    result = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        shifted = w.copy()
        shifted[i] += 1e-30
        result[i] = np.imag(f(shifted)) / 1e-30
    return result


def test_complex_gradient():
    assert right("03.2", steps())
    assert right("03.2", steps(h=1e-100))
    assert says("03.2", central, "is there a subtraction")
    assert says("03.2", steps(h=1e-3), "h not tiny")
    assert says("03.2", steps(divide=False), "divide by h")
    assert says("03.2", real_steps, "nothing moved")
    assert says("03.2", steps(all_at_once=True), "one entry at a time")
    assert says("03.2", steps(in_place=True), "move a copy")
    assert says("03.2", lambda f, w: steps()(f, w) + 0j, "imaginary part")
    assert says("03.2", lambda f, w: steps()(f, w).ravel()[:1], "shape")
    assert says("03.2", steps(part="real"), "Im f")
    assert says("03.2", lambda f: 0, "raised TypeError")
    assert says("03.2", 1.0, "is a function")


def relative_error(got, expected, floor):
    return np.max(np.abs(got - expected)) / max(np.max(np.abs(expected)), floor)


def test_relative_error():
    assert right("03.3", relative_error)
    assert says("03.3", lambda got, expected, floor: ..., "returns nothing yet")
    wrong = {
        "that is what the floor is for": lambda g, e, f: np.max(np.abs(g - e)) / np.max(np.abs(e)),
        "one scale for all entries": lambda g, e, f: np.max(np.abs(g - e) / np.maximum(np.abs(e), f)),
        "not of what you got": lambda g, e, f: np.max(np.abs(g - e)) / max(np.max(np.abs(g)), f),
        "is not above 0": lambda g, e, f: np.max(g - e) / max(np.max(np.abs(e)), f),
        "values can be negative": lambda g, e, f: np.max(np.abs(g - e)) / max(np.max(e), f),
        "NaN is wrong": lambda g, e, f: np.nanmax(np.abs(g - e)) / max(np.max(np.abs(e)), f),
        "isn't added": lambda g, e, f: np.max(np.abs(g - e)) / (np.max(np.abs(e)) + f),
        "largest difference": lambda g, e, f: np.mean(np.abs(g - e)) / max(np.max(np.abs(e)), f),
    }
    for words, function in list(wrong.items())[:7]:
        assert says("03.3", function, words)
    assert not exercises.check("03.3", wrong["largest difference"])
    assert says("03.3", lambda g, e, f: max(abs(g - e)) / max(max(abs(e)), f), "NaN is wrong")  # Python's max
    assert says("03.3", lambda g, e, f: np.min(g - e) / max(np.max(np.abs(e)), f), "is not above 0")
    assert says("03.3", lambda g, e: 0.0, "raised TypeError")
    assert says("03.3", lambda g, e, f: np.linalg.norm(g - e) / max(np.linalg.norm(e), f), "sum of squares")
    assert says("03.3", lambda g, e, f: np.mean(np.abs(g - e)) / max(np.max(np.abs(e)), f), "not the mean")
    assert says("03.3", lambda g, e, f: np.abs(g - e), "can't be used here")


def test_name_the_bug():
    assert right("03.4", "c")
    assert right("03.4", " C ")
    assert says("03.4", "a", "nothing to drop")
    assert says("03.4", "b", "ε first")
    assert says("03.4", "d", "time axis")
    assert says("03.4", "e", "one of a, b, c, d")


def test_the_report_of_03_4_is_that_of_its_bug_alone():
    rng = np.random.default_rng(0)  # the network of the notebook
    net = ms.Network([3, 5, 4, 2], surrogate=ms.Sigmoid(), seed=0, dtype="float64")
    net.params.flat += 0.4 * rng.standard_normal(net.params.flat.size)
    x, y = rng.standard_normal((6, 9, 3)), rng.integers(0, 2, 6)
    slips = {
        "a": plant("(eps[t] - through_reset)", "eps[t]"),
        "b": plant("q[t] @ params.w_rec.T", "q[t] @ params.w_rec"),
        "c": plant("tape.slope[t] * (eps", "tape.slope[t - 1] * (eps"),
        "d": plant("np.outer(tape.x[t]", "np.outer(tape.x[t - 1]"),
    }
    first, wrong = {}, {}
    for letter, backward in slips.items():
        with pytest.raises(checks.GradientError) as caught:
            ms.gradcheck(net, x, y, backward=backward)
        wrong[letter] = [row for row in caught.value.report.wrong if row.block.startswith("layers.1.")]
        first[letter] = next((row.block, row.note) for row in wrong[letter] if row.first)
    assert first["a"] == ("layers.1.delta", "FIRST WRONG, walking back: step t = 7")
    assert first["b"] == ("layers.1.eps", "FIRST WRONG, walking back: step t = 7")
    assert first["c"] == ("layers.1.delta", "FIRST WRONG, walking back: step t = 8")
    assert first["d"] == ("layers.1.d_w_in", "FIRST WRONG: all that it sums over time is right")
    text = next(cell for cell in cells() if "Exercise 03.4" in cell)
    shown = [line.strip() for line in text.split("\n") if line.startswith("    layers.1.")]
    assert shown == [f"{row.block:<19} WRONG{'; ' + row.note if row.note else ''}" for row in wrong["c"]]


def test_fooling_the_weak_check():
    assert right("03.5", plant("eps[t] = e[t] +", "eps[t] = (e[t] if t == T - 1 else 0) +"))
    assert right("03.5", plant("reversed(range(T))", "reversed(range(max(0, T - 6), T))"))
    assert says("03.5", lif_backward, "gradcheck accepts it as well")
    assert says("03.5", plant("a * params.threshold", "a"), "gradcheck accepts it as well")
    assert says("03.5", plant("q[t] @ params.w_rec.T", "q[t] @ params.w_rec"), "rejects it already")
    nans = plant("eps[t] = e[t] +", "eps[t] = (e[t] if T == 6 else np.nan) +")
    assert says("03.5", nans, "wrong numbers in the right shape")
    assert says("03.5", lambda *a: None, "returns nothing yet")


def test_the_weak_check_of_the_notebook_is_the_one_that_is_graded():
    code = next(cell for cell in cells() if cell.startswith("def weak_check"))
    graded = inspect.getsource(_03.weak_check).replace("Triangle()", "ms.Triangle()")
    assert code.startswith(graded)
