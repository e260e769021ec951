"""What users see of the package before any number: how things print, what signatures say, which word was meant."""

import copy
import dataclasses
import inspect
import pickle
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import random_batch, random_network
from test_docstrings import PUBLIC

import minisnn as ms
from minisnn._internal.display import html_table
from minisnn._internal.names import ALIASES, meant
from minisnn.core.neuron import RESETS

# In a console


def things(rng) -> dict:
    """One of each kind, with more numbers in it than a console can show."""
    net = random_network(rng, (3, 20, 12, 2), recurrence=ms.ASRC(11), neuron=ms.PLIF(0.5))
    x, y = random_batch(rng, net, B=13, T=17)
    split = ms.datasets.Split(x, y, np.full(13, 9))
    tape = net.record(x)
    rows = [{"epoch": i, "train_loss": 0.1, "validation_accuracy_hard": 0.625} for i in range(300)]
    return {
        "Split": split,
        "Dataset": ms.datasets.Dataset(split, split, split, 2, {"name": "mine", "order": list(range(999))}),
        "Dataset of batches": ms.datasets.Dataset([(x, y)] * 99, split, split, 2),
        "Tape": tape,
        "Adjoint": net.adjoint(tape, tape.layers[-1].v),
        "Evaluation": net.evaluate(split),
        "GradientFlow": ms.gradient_flow(net, x),
        "Robustness": ms.robustness(net, split, "threshold", np.linspace(0, 1, 9)),
        "Params": net.params,
        "History": ms.History(rows, best_epoch=7),
        "History without epochs": ms.History(),
        "History of other rows": ms.History([{"train_loss": 1.0}], best_epoch=0),
        "History whose rows are lost": ms.History([], best_epoch=3),
        "Network": random_network(rng, (3, 5, 2)),
        "Report": ms.checks.Report((ms.checks.compare("a", "b", [1.0], [1.0], 0.0),) * 500),
        "CheckedBatch": ms.checks.make_batch(net, x, y),
    }


SAID = {  # beside the name of the class
    "Split": ["13 sequences", "17 steps", "3 inputs", "float64", "lengths"],
    "Dataset": ["mine", "train 13", "2 classes", "3)"],
    "Dataset of batches": ["train list", "validation 13"],
    "Tape": ["13 sequences", "17 steps", "3 inputs", "20, 12", "2 classes", "float64"],
    "Adjoint": ["13 sequences", "17 steps", "20, 12"],
    "Evaluation": ["loss=", "accuracy=", "firing_rates="],
    "GradientFlow": ["2 layers", "13 sequences", "17 steps", "at=16"],
    "Robustness": ["threshold", "1 seed", "9 in all"],
    "Params": ["layers.0.w_in (3, 20)", "readout.bias (2,)", "12 in all"],
    "History": ["300 epochs", "best_epoch=7", "62.5%"],
    "History without epochs": ["0 epochs"],
    "History of other rows": ["1 epoch", "best_epoch=0"],
    "History whose rows are lost": ["0 epochs"],
    "Network": ["[3, 5, 2]", "Recurrent()", "LIF()", "Triangle()", "seed=0", "float64"],
    "Report": ["500 rows", "ok"],
    "CheckedBatch": ["13 sequences", "'soft'"],
}


def test_each_prints_as_one_line(rng):
    """Whatever it holds: what it is, and how large."""
    found = things(rng)
    assert set(found) == set(SAID)
    for name, thing in found.items():
        line = repr(thing)
        assert "\n" not in line and len(line) <= 120, line
        assert line.startswith(type(thing).__name__ + "(") and line.endswith(")"), line
        assert all(word in line for word in SAID[name]), (line, SAID[name])


def test_a_report_says_what_is_wrong():
    wrong = ms.checks.compare("a", "b", [1.0], [2.0], 1e-6)
    assert repr(ms.checks.Report((wrong,))) == "Report(1 row: 1 WRONG)"


NETWORKS = {
    "one for all layers": ([3, 8, 6, 2], {"recurrence": ms.SRC(4), "neuron": ms.PLIF(0.9)}),
    "one for each": ([3, 8, 6, 2], {"recurrence": [ms.SRC(4), ms.ASRC(9)], "readout_window": 5}),
    "shared span logits": ([3, 8, 6, 2], {"recurrence": ms.ASRC(7, shared=True)}),
    "a decay for each neuron": ([3, 60, 2], {"neuron": ms.LIF([0.5] * 60)}),
    "many layers": ([3, *range(4, 24), 2], {"recurrence": [ms.SRC(i) for i in range(1, 21)]}),
    "own surrogate": ([3, 8, 2], {"surrogate": ms.Custom("<cubic>", np.abs, np.square)}),
}


@pytest.mark.parametrize("sizes, options", NETWORKS.values(), ids=NETWORKS)
def test_a_network_prints_as_a_line_or_a_few(sizes, options):
    lines = repr(ms.Network(sizes, **options)).splitlines()
    assert len(lines) <= 3 and max(map(len, lines)) <= 120
    assert "decay" not in lines[0] or "0.5, 0.5" not in lines[0]
    assert repr(ms.Network(sizes, **options, seed=1)) != repr(ms.Network(sizes, **options))


def test_what_a_network_prints_can_be_typed_in():
    net = ms.Network([3, 8, 6, 2], recurrence=[ms.SRC(4), ms.ASRC(9)], neuron=ms.LIF(0.9), readout_window=5, seed=3)
    again = eval(repr(net), vars(ms))
    assert again.config() == net.config()
    assert repr(again) == repr(net)


class Cells(HTMLParser):
    """Reads a table back; anything but a table is an error."""

    def __init__(self, text: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "thead", "tbody", "tr", "th", "td") and not attrs
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.rows[-1][-1] += data


@pytest.mark.parametrize("sizes, options", NETWORKS.values(), ids=NETWORKS)
def test_the_table_of_a_network_counts_every_parameter(sizes, options):
    """Each once, with its shape; numbers add up to the total. The same cells as text and as HTML."""
    net = ms.Network(sizes, **options)
    head, *rows = Cells(net._repr_html_()).rows
    assert {len(row) for row in rows} == {len(head)}
    numbers = [int(row[-1].replace(",", "")) for row in rows if row[-1]]
    assert sum(numbers[:-1]) == numbers[-1] == net.params.flat.size
    shapes = " ".join(row[-2] for row in rows)
    assert shapes.count("(") == len(net.params.blocks)
    assert all(str(shape) in shapes for shape in net.params.shapes.values())
    assert [row[1] for row in rows[: len(sizes)]] == [str(n) for n in sizes]
    lines = net.summary().splitlines()
    assert len(lines) == 1 + len(rows)
    for line, row in zip(lines, [head, *rows]):
        assert line.split() == " ".join(row).split()


def test_the_table_of_a_history():
    """First, best and last epoch; what a row does not have is left out."""
    rows = [{"epoch": i, "train_loss": 1 / (1 + i), "validation_accuracy_hard": 0.5} for i in range(9)]
    head, *cells = Cells(ms.History(rows, best_epoch=6)._repr_html_()).rows
    assert head == ["", "epoch", "train loss", "validation accuracy hard"]
    assert [row[:2] for row in cells] == [["first", "0"], ["best", "6"], ["last", "8"]]
    np.testing.assert_allclose([float(row[2]) for row in cells], [1, 1 / 7, 1 / 9], rtol=1e-3)
    assert len(Cells(ms.History()._repr_html_()).rows) == 1
    assert len(Cells(ms.History(rows[:1])._repr_html_()).rows) == 3


def test_what_stands_in_a_table_is_no_markup():
    assert Cells(html_table(["<a>"], [["b & <c>"]])).rows == [["<a>"], ["b & <c>"]]


# Which word was meant

CALLS = {
    "beta": (lambda: ms.LIF(beta=0.9), "LIF has no argument 'beta'; did you mean decay?"),
    "tau": (lambda: ms.PLIF(tau=2.0), "PLIF has no argument 'tau'; did you mean decay?"),
    "v_threshold": (lambda: ms.LIF(v_threshold=1.0), "did you mean threshold?"),
    "misspelled": (lambda: ms.LIF(treshold=1.0), "did you mean threshold?"),
    "learning_rate": (lambda: ms.AdamW(learning_rate=1e-3), "AdamW has no argument 'learning_rate'; did you mean lr?"),
    "of a function": (lambda: ms.Adam(learning_rate=1e-3), "Adam has no argument 'learning_rate'; did you mean lr?"),
    "moment": (lambda: ms.SGD(moment=0.9), "did you mean momentum?"),
    "alpha": (lambda: ms.ATan(alpha=2.0), "ATan has no argument 'alpha'; did you mean width?"),
    "spans": (lambda: ms.SRC(spans=3), "did you mean span?"),
    "max spans": (lambda: ms.ASRC(spans=3), "did you mean max_span?"),
    "spike_grad": (
        lambda: ms.Network([1, 4, 2], spike_grad=None),
        "did you mean surrogate?",
    ),
    "window": (lambda: ms.Network([1, 4, 2], window=5), "did you mean readout_window?"),
    "lag": (lambda: ms.SRC(lag=3), "did you mean span?"),
    "span": (lambda: ms.ASRC(span=3), "did you mean max_span?"),
    "kink": (lambda: ms.Custom("mine", np.abs, np.abs, kink=[0]), "did you mean kinks?"),
    "nothing like it": (lambda: ms.LIF(colour=3), "'colour'; it takes decay, threshold, reset, detach_reset"),
    "none at all": (lambda: ms.Recurrent(span=3), "'span'; it takes none"),
    "zero": (lambda: ms.LIF(reset="zero"), "got 'zero'; did you mean 'hard'?"),
    "subtract": (lambda: ms.LIF(reset="subtract"), "got 'subtract'; did you mean 'soft'?"),
    "asrc": (lambda: ms.Network([1, 4, 2], recurrence="asrc"), r"did you mean ASRC(max_span=...)?"),
    "src": (lambda: ms.Network([1, 4, 2], recurrence="src"), r"did you mean SRC(span=...)?"),
    "its class": (lambda: ms.Network([1, 4, 2], recurrence=ms.SRC), r"did you mean SRC(span=...)?"),
    "rsnn": (lambda: ms.Network([1, 4, 2], recurrence=["rsnn"]), "did you mean Recurrent()?"),
    "atan": (lambda: ms.Network([1, 4, 2], surrogate="atan"), "did you mean ATan()?"),
    "fast_sigmoid": (lambda: ms.Network([1, 4, 2], surrogate="fast_sigmoid"), "did you mean FastSigmoid()?"),
    "lif": (lambda: ms.Network([1, 4, 2], neuron="lif"), "did you mean LIF()?"),
    "Leaky": (lambda: ms.Network([1, 4, 2], neuron="Leaky"), "did you mean LIF()?"),
    "Soft": (lambda: ms.Network([1, 4, 2]).layers("Soft"), "did you mean 'soft'?"),
}


@pytest.mark.parametrize("call, words", CALLS.values(), ids=CALLS)
def test_did_you_mean(call, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert words in str(caught.value)
    assert isinstance(caught.value, ValueError) == ("got '" in words or "'soft'" in words)


def test_no_guess_where_nothing_is_near():
    for call in (lambda: ms.LIF(reset="banana"), lambda: ms.Network([1, 4, 2], neuron="banana")):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert "did you mean" not in str(caught.value)


def test_the_table_of_names_leads_to_what_exists():
    """Each name here is an argument, a kind or a value; other names are plain, and differ from ours."""
    arguments = {name for thing in PUBLIC.values() if callable(thing) for name in _parameters(thing)}
    assert set(ALIASES) <= arguments | set(ms.__all__) | set(RESETS)
    for here, elsewhere in ALIASES.items():
        for word in elsewhere.split():
            assert word == word.lower() and word.isalnum() and word != here.lower()
            assert meant(word, [here]) == here
            assert meant(word.upper(), [here, "else"]) == here


def _parameters(thing) -> list[str]:
    try:
        return list(inspect.signature(thing).parameters)
    except ValueError:
        return []


def test_decorated_classes_stay_plain_dataclasses():
    """Signature, positional arguments, equality and copies as without the decorator."""
    assert list(inspect.signature(ms.LIF).parameters) == ["decay", "threshold", "reset", "detach_reset"]
    neuron = ms.LIF(0.75, reset="hard")
    copies = copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron)), dataclasses.replace(ms.LIF(0.75), reset="hard")
    for same in copies:
        assert same == neuron and hash(same) == hash(neuron) and type(same) is ms.LIF
    with pytest.raises(dataclasses.FrozenInstanceError):
        neuron.decay = 0.5
    with pytest.raises(TypeError, match="multiple values for argument 'decay'"):
        ms.LIF(0.5, decay=0.5)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'span'"):
        ms.SRC()


# Types


@pytest.mark.parametrize("name", PUBLIC)
def test_signatures_say_the_types(name):
    """Of every parameter, and of what a function returns."""
    thing = PUBLIC[name]
    try:
        signature = inspect.signature(thing)
    except ValueError:  # exceptions have none
        return
    bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
    assert not bare
    assert inspect.isclass(thing) or signature.return_annotation is not signature.empty


def test_signatures_can_be_read():
    """NumPy's own name for whatever can be made an array would fill half a page of help()."""
    for name, thing in PUBLIC.items():
        if inspect.isfunction(thing):
            assert all(len(str(p)) < 200 for p in inspect.signature(thing).parameters.values()), name


WRONG = {
    'ms.Network("nonsense")': "arg-type",
    'ms.Network([1, 2, 2], recurrence="asrc")': "arg-type",
    'ms.Network([1, 2, 2], neuron="lif")': "arg-type",
    "ms.Network([1, 2, 2], surrogate=3)": "arg-type",
    'ms.LIF(reset="zero")': "arg-type",
    "ms.LIF(beta=0.5)": "call-arg",
    "ms.nonsense": "attr-defined",
    "ms.datasets.digits().train.nonsense": "attr-defined",
    "ms.fit(ms.Network([1, 2, 2]), 3)": "arg-type",
    'ms.Network([1, 2, 2]).layers(span_mode="sof")': "arg-type",
}


def mypy(path: Path, folder: Path) -> list[tuple[int, str]]:
    """What `mypy --strict` says of a file: lines with an error, and its kind."""
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert not run.stderr, run.stderr
    return [(int(n), kind) for n, kind in re.findall(r":(\d+): error: .*\[([\w-]+)\]$", run.stdout, re.MULTILINE)]


@pytest.mark.slow
def test_types_hold(tmp_path):
    """A script as users write it passes `mypy --strict`; each of the slips is found, in its line, and nothing else."""
    pytest.importorskip("mypy")
    script = Path(__file__).parent / "typing_example.py"
    assert mypy(script, tmp_path) == []
    slips = tmp_path / "slips.py"
    slips.write_text("import minisnn as ms\n" + "".join(f"{line}\n" for line in WRONG))
    assert mypy(slips, tmp_path) == list(enumerate(WRONG.values(), 2))


def test_editors_know_what_is_loaded_later():
    """The names of `_LATER` are imported for type checkers, from where they are loaded."""
    text = (Path(ms.__file__)).read_text()
    block = text.split("if TYPE_CHECKING:")[1].split("else:")[0]
    for name, module in ms._LATER.items():
        package = module.rpartition(".")[0]
        assert f"from {package} import {name}\n" in block or f"from {module} import {name}\n" in block, name
