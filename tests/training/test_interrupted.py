"""What is left of a run that was stopped, by its callback, by Ctrl-C or by a warning; and what a checkpoint refuses."""

import json
import math
import sys

import numpy as np
import pytest
from small import STILL, Interruption, fit, network, problem, rows_but_seconds, spy

import minisnn as ms
from minisnn._internal import storage
from minisnn.datasets import Dataset, Split
from minisnn.network import Evaluation
from minisnn.training import checkpoint as checkpoints
from minisnn.training.fit import temperature_at


def states_of_a_whole_run(**options):
    """An undisturbed run: its network, its history, and (parameters, temperature) after each epoch."""
    net, states = network(), []

    def keep(net, history):
        states.append((net.params.flat.copy(), net.temperature))

    history = fit(net, callback=keep, **options)
    return net, history, states


# A callback's stop


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_stop_is_kept(tmp_path, monkeypatch, stop):
    """Resumed, the run is over: the same rows, the best network, nothing trained, no callback called."""
    path, options = tmp_path / "run.npz", {"epochs": 5}
    net = network()
    history = fit(net, checkpoint=path, callback=lambda net, history: len(history) == stop, **options)
    seen, again = spy(monkeypatch), network()

    def never(net, history):
        raise AssertionError("the run is over")

    assert fit(again, checkpoint=path, resume=True, callback=never, **options) == history
    assert len(history) == stop and not seen
    np.testing.assert_array_equal(again.params.flat, net.params.flat)
    assert again.temperature == net.temperature


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interruption])
def test_a_callback_that_did_not_return_is_called_again(tmp_path, error):
    """So that its stop counts; one that has returned is not."""
    path, calls = tmp_path / "run.npz", []

    def stop(net, history):
        calls.append((len(history), net.temperature, net.params.flat.tobytes()))
        if len(calls) == 2:
            raise error
        return len(history) == 2

    with pytest.raises(error):
        fit(network(), epochs=5, checkpoint=path, callback=stop)
    assert len(fit(network(), epochs=5, checkpoint=path, resume=True, callback=stop)) == 2
    assert [call[0] for call in calls] == [1, 2, 2] and calls[1] == calls[2]


def test_after_an_error_the_best_network_is_left():
    """Of a callback, or of a batch that is off; with the history so far, as after Ctrl-C."""
    data, whole = problem(), network()
    best = fit(whole, epochs=4, callback=lambda net, history: len(history) == 3).best_epoch

    def fail(net, history):
        if len(history) == 3:
            raise Interruption

    def spoil(epoch):
        return [Split(data.train.x, data.train.y)] if epoch < 3 else [Split(data.train.x, data.train.y + 99)]

    net = network()
    with pytest.raises(Interruption) as caught:
        fit(net, epochs=4, callback=fail)
    assert len(caught.value.history) == 3 and caught.value.history.best_epoch == best
    np.testing.assert_array_equal(net.params.flat, whole.params.flat)
    assert net.temperature == whole.temperature
    net = network()
    with pytest.raises(ValueError, match="y must lie in") as caught:
        fit(net, Dataset(spoil, data.validation, data.test, 2, {}), epochs=4)
    assert len(caught.value.history) == 3
    accuracy = caught.value.history["validation_accuracy_hard"][caught.value.history.best_epoch]
    assert net.evaluate(data.validation).accuracy == accuracy


# Ctrl-C


def at_call(number: int, original, before=None):
    """A function that does what `original` does, but for one call, which does `before` and raises KeyboardInterrupt."""
    calls = []

    def function(*arguments, **options):
        calls.append(1)
        if len(calls) == number:
            if before is not None:
                before(*arguments)
            raise KeyboardInterrupt
        return original(*arguments, **options)

    return function


def half_an_update(optimizer, params, grads, state, lr_factor=1.0):
    """What an interruption can leave of an update: some arrays are new, others old."""
    state["m"] += grads.flat
    params.flat[::2] += 1.0


def half_a_file(file, **arrays):
    file.write(b"PK half of a file")


PLACES = {  # what is interrupted, and what its call has done by then
    "forward and backward": (ms.Network, "loss_and_grad", None),
    "update": (ms.AdamW, "update", half_an_update),
    "validation": (ms.Network, "evaluate", None),
    "checkpoint": (np, "savez", half_a_file),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("call", [1, 2, 4, 5])
def test_ctrl_c_anywhere(tmp_path, monkeypatch, place, call):
    """Best weights and their temperature, the rows so far; and the resumed run has the bits of an undisturbed one."""
    options = {"epochs": 5, "dropout": 0.2, "checkpoint": tmp_path / "run.npz"}
    straight, expected, states = states_of_a_whole_run(epochs=5, dropout=0.2)
    net, came = network(), network().params.flat.copy()
    owner, name, before = PLACES[place]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(owner, name, at_call(call, getattr(owner, name), before))
        fit(net, **options)
    history = caught.value.history
    assert rows_but_seconds(history) == rows_but_seconds(expected)[: len(history)]
    assert len(history) < 5 or place == "checkpoint"
    if len(history) == 0:
        np.testing.assert_array_equal(net.params.flat, came)
        assert net.temperature == 1.0
    else:
        accuracies = expected.column("validation_accuracy_hard")[: len(history)]
        best = accuracies.index(max(accuracies))
        assert history.best_epoch == best
        np.testing.assert_array_equal(net.params.flat, states[best][0])
        assert net.temperature == states[best][1]
    resumed = network()
    history = fit(resumed, resume=True, **options)
    assert rows_but_seconds(history) == rows_but_seconds(expected)
    np.testing.assert_array_equal(resumed.params.flat, straight.params.flat)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("call", [4, 6, 10, 11, 18])
def test_ctrl_c_while_the_state_is_copied(tmp_path, monkeypatch, call):
    """Two copies a save, three saves an epoch for its batches and one for its end: what was copied before is whole."""
    straight, expected, states = states_of_a_whole_run()
    net, options = network(), {"checkpoint": tmp_path / "run.npz"}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(ms.Params, "copy", at_call(call, ms.Params.copy))
        fit(net, **options)
    best = caught.value.history.best_epoch
    np.testing.assert_array_equal(net.params.flat, network().params.flat if best is None else states[best][0])
    resumed = network()
    assert rows_but_seconds(fit(resumed, resume=True, **options)) == rows_but_seconds(expected)
    np.testing.assert_array_equal(resumed.params.flat, straight.params.flat)


def test_ctrl_c_costs_one_batch(tmp_path, monkeypatch):
    """In the third batch of the second epoch: the two before it are in the checkpoint, though no time has passed."""
    options = {"checkpoint": tmp_path / "run.npz", "checkpoint_minutes": 1e6}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ms.Network, "loss_and_grad", at_call(6, ms.Network.loss_and_grad))
        fit(network(), **options)
    seen = spy(monkeypatch)
    fit(network(), resume=True, **options)
    assert len(seen) == 3 * 3 - 5


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupt(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    for path, words in (
        (tmp_path / "run.npz", "To go on, call fit again"),
        (None, "With checkpoint=, a run can go on"),
    ):
        net = network()
        with pytest.raises(KeyboardInterrupt) as caught:
            fit(net, epochs=4, checkpoint=path, callback=interrupt)
        (note,) = caught.value.__notes__
        best = caught.value.history.best_epoch
        assert f"stopped in epoch 3 of 4. The network is as it was after epoch {best + 1}, the best so far" in note
        assert words in note and "resume=True" in note and "sys.last_value.history" in note
        assert (tmp_path / "run.npz").exists()  # and none but this
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(ms.Network, "loss_and_grad", at_call(1, ms.Network.loss_and_grad))
        fit(network(), epochs=4, checkpoint=tmp_path / "none.npz")
    assert "stopped in epoch 1 of 4. The network is as it was before training" in caught.value.__notes__[0]
    assert not (tmp_path / "none.npz").exists()  # nothing was trained yet


def test_a_call_that_ends_the_program_is_an_interruption(tmp_path):
    """E.g. sys.exit in the handler of a signal."""
    with pytest.raises(SystemExit) as caught:
        fit(network(), checkpoint=tmp_path / "run.npz", callback=lambda net, history: sys.exit(3))
    assert caught.value.code == 3 and len(caught.value.history) == 1


# Warnings


def scripted_rates(monkeypatch, rates) -> None:
    """Let layer 0 fire at these rates, epoch by epoch, whatever the network does; the last goes on."""
    epochs = iter(rates)
    last = [0.2]

    def evaluate(self, split, span_mode="hard"):
        last[0] = next(epochs, last[0])
        return Evaluation(loss=1.0, accuracy=0.5, firing_rates=(last[0], 0.2))

    monkeypatch.setattr(ms.Network, "evaluate", evaluate)


def quick(epochs: int) -> ms.History:
    """Many epochs, each of one batch, without learning."""
    return ms.fit(network(ms.SRC(2)), problem(), epochs, 37, STILL, progress=False)


@pytest.mark.parametrize("epochs, judged", [(1, 1), (4, 1), (7, 2), (20, 3), (21, 4)])
@pytest.mark.parametrize("rate, what", [(0.0005, "silent"), (0.95, "saturated")])
def test_one_warning_after_15_percent_of_the_epochs(monkeypatch, epochs, judged, rate, what):
    assert judged == math.ceil(0.15 * epochs)
    scripted_rates(monkeypatch, [rate])
    with pytest.warns(RuntimeWarning) as caught:
        quick(epochs)
    assert [str(warning.message).split(":")[0] for warning in caught] == [
        f"after epoch {judged} of {epochs} layer 0 is {what}"
    ]


def test_no_warning_if_a_layer_awakes_in_time(monkeypatch):
    """Warnings are errors here."""
    scripted_rates(monkeypatch, [0.0, 0.0, 0.2])
    quick(20)
    scripted_rates(monkeypatch, [0.2, 0.2, 0.2, 0.0])  # later it's no matter of the start
    quick(20)


def test_with_warnings_as_errors_the_run_can_go_on(tmp_path):
    """The checkpoint comes first, and so does the callback; resumed, nothing is said again."""

    def silent():
        net = network(ms.SRC(2))
        net.params["layers.1.bias"] = -50.0
        return net

    options, called = {"checkpoint": tmp_path / "run.npz", "optimizer": STILL}, []
    with pytest.raises(RuntimeWarning, match="after epoch 1 of 3 layer 1 is silent"):
        fit(silent(), callback=lambda net, history: called.append(len(history)), **options)
    history = fit(silent(), resume=True, callback=lambda net, history: called.append(len(history)), **options)
    assert called == [1, 2, 3]
    assert history.column("epoch") == [0, 1, 2]


# What a checkpoint refuses, and what it tells


def handmade(part="", array="", rng=None) -> Dataset:
    """Three splits made by hand, without a record; one value of one of their arrays is another one."""
    rng = np.random.default_rng(3)
    arrays = {}
    for name, n in (("train", 23), ("validation", 10), ("test", 6)):
        arrays[name] = [rng.standard_normal((n, 9, 3)), rng.integers(0, 2, n), rng.integers(5, 9, n)]
    if array:
        x, y, lengths = arrays[part]
        match array:
            case "x":
                x[-1, 2, 1] += 1e-9
            case "y":
                y[-1] = 1 - y[-1]
            case "lengths":
                lengths[-1] += 1
    return Dataset(*(Split(*arrays[name]) for name in arrays), 2)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("array", ["x", "y", "lengths"])
def test_other_data_is_refused(tmp_path, part, array):
    """Also of data sets made by hand, which have no record."""
    path = tmp_path / "run.npz"
    net = network()
    history = fit(net, handmade(), checkpoint=path)
    assert fit(network(), handmade(), checkpoint=path, resume=True) == history
    with pytest.raises(ValueError, match=rf"another run:\n  data\.{part}: \(.*\) \w+ in the checkpoint, now .*$"):
        fit(network(), handmade(part, array), checkpoint=path, resume=True)


def test_equal_data_in_other_integers_is_the_same(tmp_path):
    data = handmade()
    train = Split(np.asfortranarray(data.train.x), data.train.y.astype(np.uint8), data.train.lengths.astype(np.int32))
    history = fit(network(), data, checkpoint=tmp_path / "run.npz")
    other = Dataset(train, data.validation, data.test, 2)
    assert fit(network(), other, checkpoint=tmp_path / "run.npz", resume=True) == history


RECORD = {"noise": 1, "train": "a"}


def test_of_batches_made_on_the_fly_validation_is_compared(tmp_path):
    """And the record, which is all that can tell how the batches are made."""
    path, data, other = tmp_path / "run.npz", handmade(), handmade("validation", "x")
    batches = [(data.train.x, data.train.y)]
    fit(network(), Dataset(lambda epoch: batches, data.validation, data.test, 2, RECORD), checkpoint=path)
    for validation, record, words in (
        (other.validation, RECORD, r"data\.validation: "),
        (data.validation, {**RECORD, "noise": 2}, r"data\.record\.noise: 1 in the checkpoint, now 2"),
        (data.validation, {**RECORD, "train": "b"}, r"data\.record\.train: a in the checkpoint, now b"),
    ):
        with pytest.raises(ValueError, match=words):
            dataset = Dataset(lambda epoch: batches, validation, data.test, 2, record)
            fit(network(), dataset, checkpoint=path, resume=True)


def with_record(record) -> Dataset:
    data = handmade()
    return Dataset(data.train, data.validation, data.test, 2, record)


def test_records_with_numbers_of_numpy(tmp_path):
    path = tmp_path / "run.npz"
    record = {"a": np.int64(3), "b": [np.float32(0.5), np.bool_(True)], "c": np.arange(3), "d": {"e": np.nan}}
    history = fit(network(), with_record(record), checkpoint=path)
    plain = {"a": 3, "b": [0.5, True], "c": [0, 1, 2], "d": {"e": float("nan")}}
    assert fit(network(), with_record(plain), checkpoint=path, resume=True) == history
    with pytest.raises(ValueError, match=r"data\.record\.a: 3 in the checkpoint, now 4"):
        fit(network(), with_record({**plain, "a": 4}), checkpoint=path, resume=True)


@pytest.mark.parametrize(
    "record, words",
    [
        ({"ok": 1, "filter": len}, r"record\['filter'\] is not: <built-in function len>"),
        ({"sizes": {1, 2}}, r"record\['sizes'\] is not: \{1, 2\} \(set\)"),
        ({"deep": [{"x": 1j}]}, r"record\['deep'\] is not: 1j \(complex\)"),
        ({("a", 1): 2}, r"record\[\('a', 1\)\] is not: keys must be"),
        (["a"], "the data's record must be a dict, got list"),
    ],
)
def test_records_that_are_no_json(tmp_path, monkeypatch, record, words):
    """Told at the start, if there is to be a checkpoint; without one the record does not matter."""
    seen = spy(monkeypatch)
    with pytest.raises(TypeError, match=words):
        fit(network(), with_record(record), checkpoint=tmp_path / "run.npz")
    assert not seen and not list(tmp_path.iterdir())
    assert len(fit(network(), with_record(record), epochs=1)) == 1


def rewrite(path, change) -> None:
    """Change header and arrays of a checkpoint and write them back."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop(storage.HEADER)))
    change(header, arrays)
    with open(path, "wb") as file:
        np.savez(file, **{storage.HEADER: np.array(json.dumps(header)), **arrays})


FIELDS = ("run", "versions", "best_temperature", "best_epoch", "rows", "batches", "stopped")


@pytest.mark.parametrize("field", [*FIELDS, "params", "best", "state.m", "state.v", "state.step"])
def test_checkpoints_without_a_field(tmp_path, field):
    path, net = tmp_path / "run.npz", network()
    fit(network(), checkpoint=path)
    rewrite(path, lambda header, arrays: (header if field in FIELDS else arrays).pop(field))
    first = net.params.flat.copy()
    with pytest.raises(
        ValueError, match=rf"run\.npz is not a whole checkpoint: it has no '{field}'; did another version"
    ):
        fit(net, checkpoint=path, resume=True)
    np.testing.assert_array_equal(net.params.flat, first)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda header, arrays: header.update(run=3), "is not a whole checkpoint"),
        (lambda header, arrays: header["run"].pop("seed"), "it has no 'seed'"),
        (lambda header, arrays: header.update(rows=None), "is not a whole checkpoint"),
        (lambda header, arrays: arrays.update({"state.m": np.ones(1)}), r"state\.m has the shape \(1,\)"),
    ],
)
def test_checkpoints_with_wrong_fields(tmp_path, change, words):
    path, net = tmp_path / "run.npz", network()
    fit(network(), checkpoint=path)
    rewrite(path, change)
    first = net.params.flat.copy()
    with pytest.raises(ValueError, match=words):
        fit(net, checkpoint=path, resume=True)
    np.testing.assert_array_equal(net.params.flat, first)


@pytest.mark.parametrize("library", ["minisnn", "numpy", "numba"])
def test_another_version_is_told_and_goes_on(tmp_path, monkeypatch, capsys, library):
    path = tmp_path / "run.npz"
    straight = network()
    expected = fit(straight)

    def interrupt(net, history):
        raise Interruption

    with monkeypatch.context() as patch, pytest.raises(Interruption):
        patch.setitem(checkpoints.VERSIONS, library, "0.0.1")
        fit(network(), checkpoint=path, callback=interrupt)
    capsys.readouterr()
    resumed = network()
    assert rows_but_seconds(fit(resumed, checkpoint=path, resume=True)) == rows_but_seconds(expected)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"minisnn: {path} was written with {library} 0.0.1, now {checkpoints.VERSIONS[library]}: ")
    np.testing.assert_array_equal(resumed.params.flat, straight.params.flat)
    fit(network(), checkpoint=path, resume=True)
    assert capsys.readouterr().err == ""  # the versions of now have written it since


def test_more_epochs_are_a_new_run(tmp_path):
    """The message says how; it works."""
    path, net, data = tmp_path / "run.npz", network(), problem()
    fit(net, checkpoint=path)
    with pytest.raises(
        ValueError, match=r"epochs: 3 in .* now 5(.|\n)*without resume=True.*schedule=minisnn\.constant"
    ):
        fit(network(), epochs=5, checkpoint=path, resume=True)
    temperature = net.temperature
    more = {"schedule": ms.constant, "temperatures": (net.temperature, net.temperature)}
    history = fit(net, epochs=2, checkpoint=tmp_path / "more.npz", **more)
    assert history.column("temperature") == [temperature] * 2
    assert net.evaluate(data.validation).accuracy == max(history.column("validation_accuracy_hard"))


# What diverges


@np.errstate(all="ignore")
def test_after_a_divergence_the_best_network_is_left():
    """With the history so far; the same as after fewer epochs."""
    options = {"optimizer": ms.SGD(lr=1e-3), "batch_size": 8}
    net, shorter = (network(dtype="float32") for _ in range(2))
    with pytest.raises(FloatingPointError, match=r"The network is as it was after epoch [12], the best") as caught:
        fit(net, epochs=4, schedule=lambda epoch, epochs: 1.0 if epoch < 2 else 1e300, **options)
    assert len(caught.value.history) == 2
    temperatures = (1.0, temperature_at(0.5, 1.0, 2.8e-4))
    fit(shorter, epochs=2, schedule=ms.constant, temperatures=temperatures, **options)
    np.testing.assert_array_equal(net.params.flat, shorter.params.flat)
    with pytest.raises(FloatingPointError, match="The network is as it was before training"):
        fit(network(dtype="float32"), schedule=lambda epoch, epochs: 1e300, **options)


def test_another_custom_surrogate_of_that_name_is_refused(tmp_path):
    def custom(width):
        return network(ms.SRC(2), surrogate=ms.Custom("mine", derivative=lambda u: 1 / (1 + (u / width) ** 2)))

    with pytest.raises(KeyboardInterrupt):
        fit(custom(1.0), checkpoint=tmp_path / "run.npz", callback=lambda net, history: interrupt())
    with pytest.raises(ValueError, match=r"network\.derivative: differs from the checkpoint"):
        fit(custom(0.5), checkpoint=tmp_path / "run.npz", resume=True)
    assert len(fit(custom(1.0), checkpoint=tmp_path / "run.npz", resume=True)) == 3


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"checkpoint": "."}, OSError, "checkpoint is the folder .*, expected the name of a file"),
        ({"callback": "stop"}, TypeError, "callback must be a function of .net, history., got 'stop'"),
        ({"optimizer": ms.AdamW(eps=1e-320)}, ValueError, "the numbers of AdamW.* must lie in"),
    ],
)
def test_what_is_wrong_is_said_before_training(tmp_path, monkeypatch, options, error, words):
    seen = spy(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        fit(network(), **options)
    assert seen == []
    with pytest.raises(TypeError, match="net must be a Network, got None"):
        fit(None)
