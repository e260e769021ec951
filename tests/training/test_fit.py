"""Training: what fit does to a network, writes down, chooses, resumes and refuses."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
from small import STILL, Interruption, fit, network, problem, rows_but_seconds, spy

import minisnn as ms
from minisnn.datasets import Dataset, Split
from minisnn.network import Evaluation
from minisnn.training import fit as training


@pytest.mark.parametrize("recurrence", [ms.Feedforward(), ms.Recurrent(), ms.SRC(3), ms.ASRC(4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fit_learns(recurrence, dtype):
    data = problem(n_train=60)
    net = network(recurrence, dtype=dtype)
    before = net.evaluate(data.validation)
    history = fit(net, data, epochs=25)
    assert history.column("train_loss")[-1] < 0.6 * history.column("train_loss")[0]
    after = net.evaluate(data.validation)
    assert after.accuracy >= 0.8
    assert after.loss < before.loss
    assert net.params.flat.dtype == dtype


def test_columns():
    net = network([ms.ASRC(4), ms.SRC(2)])
    history = fit(net)
    assert len(history) == 3
    assert history.column("epoch") == [0, 1, 2]
    for row in history.rows:
        assert len(row["firing_rates"]) == 2
        assert all(0 < rate < 1 for rate in row["firing_rates"])
        assert row["span_weights"][1] is None
        assert len(row["span_weights"][0]) == 4
        assert sum(row["span_weights"][0]) == pytest.approx(1)
        assert row["seconds"] > 0
        assert row["gradient_norm"] > 0
        for kind in ("soft", "hard"):
            assert row[f"validation_loss_{kind}"] > 0
            assert row[f"validation_accuracy_{kind}"] * 20 == pytest.approx(
                round(row[f"validation_accuracy_{kind}"] * 20)
            )
    with pytest.raises(KeyError, match=r"accuracy.*validation_accuracy_hard"):
        history.column("accuracy")


def test_columns_of_the_last_epoch_are_those_of_the_network():
    """With the best epoch last, the network that comes back shows the last row."""
    net, data = network(), problem()
    history = fit(net, data, epochs=1)
    for span_mode in ("soft", "hard"):
        evaluation = net.evaluate(data.validation, span_mode)
        assert history.rows[-1][f"validation_loss_{span_mode}"] == evaluation.loss
        assert history.rows[-1][f"validation_accuracy_{span_mode}"] == evaluation.accuracy
    assert history.rows[-1]["firing_rates"] == list(evaluation.firing_rates)
    assert history.rows[-1]["span_weights"] == [p.tolist() for p in net.span_weights()]
    assert history.rows[-1]["validation_loss_soft"] != history.rows[-1]["validation_loss_hard"]


def test_soft_is_hard_without_asrc():
    for row in fit(network(ms.SRC(2)), epochs=2).rows:
        assert row["validation_loss_soft"] == row["validation_loss_hard"]
        assert row["validation_accuracy_soft"] == row["validation_accuracy_hard"]


def test_train_loss_is_the_mean_over_sequences():
    """Without learning, batches of 16, 16 and 5 must add up to the loss of all 37."""
    net, data = network(), problem()
    history = fit(net, data, optimizer=STILL, temperatures=(0.5, 0.5))
    net.temperature = 0.5
    loss, _ = net.loss_and_grad(data.train.x, data.train.y)
    for row in history.rows:
        assert row["train_loss"] == pytest.approx(loss, rel=1e-12)
    one_batch = fit(net, data, optimizer=STILL, temperatures=(0.5, 0.5), batch_size=100)
    _, grads = net.loss_and_grad(data.train.x, data.train.y)
    assert one_batch.rows[0]["gradient_norm"] == pytest.approx(math.sqrt(np.square(grads.flat).sum()), rel=1e-12)


def test_csv(tmp_path):
    history = fit(network([ms.ASRC(4), ms.SRC(2)]), epochs=2)
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == 2
    for got, row in zip(read, history.rows):
        for name in set(row) - {"firing_rates", "span_weights"}:
            assert float(got.pop(name)) == row[name]
        assert [float(got.pop(f"firing_rate_{i}")) for i in range(2)] == row["firing_rates"]
        weights = row["span_weights"][0]
        assert int(got.pop("span_0")) == 1 + weights.index(max(weights))
        assert got == {"span_1": ""}
    ms.History().to_csv(tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_text() == ""


@pytest.mark.parametrize("begun", [True, False])
def test_a_csv_file_follows_a_run(tmp_path, begun):
    """Row by row it becomes what `to_csv` writes at the end, also if it was empty, or not there, at first."""
    path = tmp_path / "run.csv"
    if begun:
        ms.History().to_csv(path)
    history = fit(network([ms.ASRC(4), ms.SRC(2)]), epochs=3, callback=lambda net, history: history.append_csv(path))
    history.to_csv(tmp_path / "whole.csv")
    assert path.read_text() == (tmp_path / "whole.csv").read_text()
    with pytest.raises(ValueError, match="no row to append"):
        ms.History().append_csv(path)


def test_json(tmp_path):
    history = fit(network([ms.ASRC(4), ms.SRC(2)]), epochs=2)
    history.to_json(tmp_path / "history.json")
    again = ms.History.from_json(tmp_path / "history.json")
    assert again == history
    assert json.loads((tmp_path / "history.json").read_text())["rows"] == history.rows
    for text in ("", "epoch,loss", "[1, 2]", '{"rows": []}', '{"best_epoch": 1}'):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=r"other.json is not the history of a run"):
            ms.History.from_json(tmp_path / "other.json")
    with pytest.raises(FileNotFoundError):
        ms.History.from_json(tmp_path / "none.json")


@pytest.mark.parametrize(
    "hard, best",
    [([0.3, 0.6, 0.6, 0.5], 1), ([0.0, 0.0, 0.0, 0.0], 0), ([0.1, 0.2, 0.3, 0.4], 3), ([0.9, 0.1, 0.1, 0.1], 0)],
)
def test_best_epoch_by_hard_validation_accuracy(monkeypatch, hard, best):
    """Of equal ones the first. Accuracies are scripted: loss and soft accuracy speak for other epochs."""
    evaluated, data = [], problem()

    def evaluate(self, split, span_mode="hard"):
        assert split is data.validation
        evaluated.append(span_mode)
        epoch = evaluated.count(span_mode) - 1
        accuracy = hard[epoch] if span_mode == "hard" else 1.0 - hard[epoch]
        return Evaluation(loss=accuracy, accuracy=accuracy, firing_rates=(0.2, 0.2))

    monkeypatch.setattr(ms.Network, "evaluate", evaluate)
    net, copies = network(), []
    history = fit(
        *(net, data),
        **{"epochs": 4, "callback": lambda net, history: copies.append((net.params.flat.copy(), net.temperature))},
    )
    assert history.best_epoch == best
    assert len({flat.tobytes() for flat, _ in copies}) == 4
    np.testing.assert_array_equal(net.params.flat, copies[best][0])
    assert net.temperature == copies[best][1] == history.column("temperature")[best]


def test_temperatures():
    """Geometric by fraction of training; by default as 0.96 an epoch for 200 epochs."""
    history = fit(network(), epochs=4, temperatures=(2.0, 0.125))
    np.testing.assert_allclose(history.column("temperature"), [2.0, 1.0, 0.5, 0.25], rtol=1e-12)
    default = [training.temperature_at(epoch / 200) for epoch in range(201)]
    np.testing.assert_allclose(default, 0.96 ** np.arange(201), rtol=0.02)
    assert default[0] == 1.0
    assert default[-1] == pytest.approx(2.8e-4, rel=1e-12)
    by_default = fit(network(), epochs=2).column("temperature")
    np.testing.assert_allclose(by_default, [1.0, math.sqrt(2.8e-4)], rtol=1e-12)


def test_schedule():
    """Called once an epoch with (epoch, epochs); its factor scales the rates: 0 learns nothing."""
    called = []

    def schedule(epoch, epochs):
        called.append((epoch, epochs))
        return 0.0 if epoch < 2 else 1.0

    net, flats = network(), []
    first = net.params.flat.copy()
    history = fit(net, epochs=3, schedule=schedule, callback=lambda net, _: flats.append(net.params.flat.copy()))
    assert called == [(0, 3), (1, 3), (2, 3)]
    assert history.column("lr_factor") == [0.0, 0.0, 1.0]
    np.testing.assert_array_equal(flats[1], first)
    assert (flats[2] != first).mean() > 0.9
    assert fit(network(), epochs=5).column("lr_factor") == [ms.one_cycle(epoch, 5) for epoch in range(5)]


def test_the_default_optimizer_is_adamw():
    nets = [network(), network()]
    fit(nets[0], optimizer=None)
    fit(nets[1], optimizer=ms.AdamW())
    np.testing.assert_array_equal(nets[0].params.flat, nets[1].params.flat)


def test_callback_stops():
    seen, net = [], network()

    def callback(got, history):
        assert got is net
        seen.append(len(history))
        return len(history) == 2

    history = fit(net, epochs=6, callback=callback)
    assert seen == [1, 2]
    assert len(history) == 2
    assert net.temperature == history.column("temperature")[history.best_epoch]


@pytest.mark.parametrize(
    "returned, stops", [(None, 0), (False, 0), (np.bool_(False), 0), (True, 1), (np.bool_(True), 1)]
)
def test_what_a_callback_may_return(returned, stops):
    assert len(fit(network(), epochs=3, callback=lambda net, history: returned)) == (1 if stops else 3)


@pytest.mark.parametrize("returned", [0.7, 1, "stop", np.zeros(2)])
def test_other_things_that_a_callback_returns(tmp_path, returned):
    """As the number of bytes that `write` returns; what was trained is in the checkpoint."""
    with pytest.raises(TypeError, match="callback must return True to stop training, False or None, got"):
        fit(network(), epochs=3, callback=lambda net, history: returned, checkpoint=tmp_path / "run.npz")
    assert len(fit(network(), epochs=3, checkpoint=tmp_path / "run.npz", resume=True)) == 3


def test_equal_seeds_give_equal_bits():
    results = []
    for net_seed, seed in ((0, 0), (0, 0), (1, 0), (0, 1)):
        net = network(seed=net_seed)
        results.append((rows_but_seconds(fit(net, seed=seed, dropout=0.2)), net.params.flat.tobytes()))
    assert results[0] == results[1]
    assert results[0] != results[2]
    assert results[0][1] != results[3][1]


def test_models_that_differ_in_recurrence_see_equal_data(monkeypatch):
    """The same batches and masks in the same order; every epoch is another order of all the data."""
    data = problem(lengths=True)
    runs = []
    for recurrence in (ms.Recurrent(), ms.ASRC(4), ms.Feedforward()):
        with monkeypatch.context() as patch:
            runs.append(spy(patch))
            fit(network(recurrence), data, epochs=2, dropout=0.3, seed=5)
    for other in runs[1:]:
        for (x, y, lengths, _, masks), (other_x, other_y, other_lengths, _, other_masks) in zip(
            runs[0], other, strict=True
        ):
            np.testing.assert_array_equal(x, other_x)
            np.testing.assert_array_equal(y, other_y)
            np.testing.assert_array_equal(lengths, other_lengths)
            for mask, other_mask in zip(masks, other_masks, strict=True):
                np.testing.assert_array_equal(mask, other_mask)
    assert [len(batch[1]) for batch in runs[0]] == [16, 16, 5] * 2
    assert {batch[3] for batch in runs[0]} == {"soft"}
    epochs = [np.concatenate([batch[0] for batch in part]) for part in (runs[0][:3], runs[0][3:])]
    for epoch, batches in zip(epochs, (runs[0][:3], runs[0][3:])):
        assert (epoch != data.train.x).any()
        rows = [x.tobytes() for x in epoch]
        where = [rows.index(x.tobytes()) for x in data.train.x]
        assert sorted(where) == list(range(37))
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in batches])[where], data.train.y)
        np.testing.assert_array_equal(np.concatenate([batch[2] for batch in batches])[where], data.train.lengths)
    assert (epochs[0] != epochs[1]).any()


def test_dropout_masks():
    """0 with probability `dropout`, otherwise 1 / (1 - dropout), so that the mean stays 1; within 4 standard errors."""
    net = network()
    assert training.dropout_masks(net, 5, 0.0, np.random.default_rng(0)) is None
    for dropout in (0.1, 0.5, 0.8):
        masks = training.dropout_masks(net, 2000, dropout, np.random.default_rng(0))
        assert [mask.shape for mask in masks] == [(2000, 8), (2000, 7)]
        for mask in masks:
            np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - dropout)], rtol=1e-15)
            for axis in (None, 0):
                share = (mask == 0).mean(axis=axis)
                n = mask.size if axis is None else len(mask)
                assert np.abs(share - dropout).max() < 4 * math.sqrt(dropout * (1 - dropout) / n)


def test_dropout_is_drawn_anew_for_every_batch(monkeypatch):
    seen = spy(monkeypatch)
    fit(network(), problem(n_train=32), epochs=2, dropout=0.5)
    masks = [batch[4] for batch in seen]
    assert [mask[0].shape for mask in masks] == [(16, 8)] * 4
    assert len({mask[0].tobytes() for mask in masks}) == 4
    assert (masks[0][0][:, :7] != masks[0][1]).any()
    seen.clear()
    fit(network(), epochs=1)
    assert [batch[4] for batch in seen] == [None] * 3


def test_clip_norm():
    """One step of plain gradient descent at lr 1 is as long as the clipped gradient; history shows the whole one."""
    options = {"optimizer": ms.SGD(1.0, 1.0, 1.0, momentum=0.0), "schedule": ms.constant, "epochs": 1, "batch_size": 37}
    for clip_norm in (1e-3, None, 1e6):
        net = network()
        first = net.params.flat.copy()
        norm = fit(net, clip_norm=clip_norm, **options).rows[0]["gradient_norm"]
        assert 1e-2 < norm < 1e3
        moved = math.sqrt(np.square(net.params.flat - first).sum())
        assert moved == pytest.approx(1e-3 if clip_norm == 1e-3 else norm, rel=1e-9)


# Checkpoints

RUNS = [
    {"recurrence": ms.ASRC(4), "optimizer": ms.AdamW(lr=0.02), "dropout": 0.2, "clip_norm": 0.5},
    {"recurrence": ms.ASRC(4, shared=True), "optimizer": ms.SGD(lr=0.05), "schedule": ms.cosine, "dtype": "float32"},
]


@pytest.mark.parametrize("options", RUNS)
@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resume_equals_the_uninterrupted_run(tmp_path, options, stop):
    """Parameters and rows, but for the seconds, bit for bit; interrupted after the epoch `stop`, or not at all (5)."""
    options = dict(options)
    make = {"recurrence": options.pop("recurrence"), "dtype": options.pop("dtype", "float64")}
    options |= {"epochs": 5, "seed": 2, "checkpoint": tmp_path / "run.npz"}
    straight = network(**make)
    expected = fit(straight, **{**options, "checkpoint": None})

    def interrupt(net, history):
        if len(history) == stop:
            raise Interruption

    with pytest.raises(Interruption):
        fit(network(**make), **options, callback=interrupt)
    resumed = network(**make)
    epochs = []
    history = fit(resumed, **options, resume=True, callback=lambda net, history: epochs.append(len(history)))
    assert epochs == list(range(stop, 6))  # again after that epoch, as the callback did not return
    assert rows_but_seconds(history) == rows_but_seconds(expected)
    assert history.best_epoch == expected.best_epoch
    assert resumed.temperature == straight.temperature
    np.testing.assert_array_equal(resumed.params.flat, straight.params.flat)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_resume_without_a_checkpoint_starts(tmp_path):
    nets = [network(), network()]
    fit(nets[0], checkpoint=tmp_path / "run.npz", resume=True)
    fit(nets[1])
    np.testing.assert_array_equal(nets[0].params.flat, nets[1].params.flat)
    assert (tmp_path / "run.npz").exists()


def test_a_run_that_does_not_resume_replaces_no_file(tmp_path):
    """Be it a checkpoint, a network or something else."""
    path, net = tmp_path / "run.npz", network()
    for write in (
        lambda: fit(network(), checkpoint=path),
        lambda: network().save(path),
        lambda: path.write_text("no checkpoint"),
    ):
        path.unlink(missing_ok=True)
        write()
        before, first = path.read_bytes(), net.params.flat.copy()
        with pytest.raises(FileExistsError, match=r"run\.npz exists: resume=True continues its run; .* another file"):
            fit(net, checkpoint=path)
        assert path.read_bytes() == before and (net.params.flat == first).all()


@pytest.mark.parametrize(
    "other, words",
    [
        ({"epochs": 4}, r"epochs: 3 in the checkpoint, now 4(.|\n)*To train for more epochs, start a new run"),
        ({"batch_size": 8}, "batch_size: 16 in the checkpoint, now 8"),
        ({"seed": 1}, "seed: 0 in the checkpoint, now 1"),
        ({"dropout": 0.25}, r"dropout: 0\.0 in the checkpoint, now 0\.25"),
        ({"clip_norm": 2.0}, r"clip_norm: None in the checkpoint, now 2\.0"),
        ({"temperatures": (1.0, 0.5)}, r"temperatures: .* now \[1\.0, 0\.5\]"),
        ({"optimizer": ms.AdamW(lr=0.03)}, r"optimizer\.lr: 0\.02 in the checkpoint, now 0\.03"),
        ({"optimizer": ms.SGD()}, r"optimizer\.kind: AdamW in the checkpoint, now SGD"),
        ({"schedule": ms.cosine}, r"lr_factors: \[1\.0, 0\.5.*now \[1\.0, 0\.75"),
        ({"data": problem(seed=1)}, r"data\.record\.seed: 0 in the checkpoint, now 1"),
        ({"data": problem(n_train=36)}, r"data\.train: \(37, 9, 3\) \w+ in the checkpoint, now \(36, 9, 3\) \w+"),
        ({"net": network(ms.ASRC(5))}, r"network\.recurrence: .*'max_span': 4.* now .*'max_span': 5"),
        ({"net": network(ms.ASRC(4), seed=3)}, r"network\.seed: 0 in the checkpoint, now 3"),
        ({"net": network(ms.ASRC(4), dtype="float32")}, r"network\.dtype: float64 in the checkpoint, now float32"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, other, words):
    path = tmp_path / "run.npz"
    fit(network(), checkpoint=path)
    before = path.read_bytes()
    other = dict(other)
    net, data = other.pop("net", None) or network(), other.pop("data", None)
    first = net.params.flat.copy()
    with pytest.raises(ValueError, match=words) as caught:
        fit(net, data, checkpoint=path, resume=True, **other)
    assert "run.npz belongs to another run" in str(caught.value)
    differences = [line.split(":")[0].strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert len({name.split(".")[0] for name in differences} - {"lr_factors"}) <= 1  # nothing else differs
    np.testing.assert_array_equal(net.params.flat, first)
    assert path.read_bytes() == before


def test_wrong_checkpoints(tmp_path):
    path = tmp_path / "run.npz"
    network().save(path)
    with pytest.raises(ValueError, match="'minisnn network', expected a 'minisnn checkpoint'"):
        fit(network(), checkpoint=path, resume=True)
    path.write_text("no checkpoint")
    with pytest.raises(ValueError, match="not a whole npz file"):
        fit(network(), checkpoint=path, resume=True)
    with pytest.raises(OSError, match="can't write"):
        fit(network(), checkpoint=path / "below" / "run.npz")


# What goes wrong


def test_a_loss_that_is_not_finite():
    """Says in which epoch and batch, from 1: here the first of epoch 2, which takes a step at an infinite rate."""
    message = r"epoch 2, batch 1: loss \d.*not finite.*lower lr.*clip_norm"
    with pytest.raises(FloatingPointError, match=message), np.errstate(all="ignore"):
        fit(network(), optimizer=ms.AdamW(lr=100.0), schedule=lambda epoch, epochs: 1e-4 if epoch == 0 else 1e308)
    net = network()
    net.params["readout.w"] = 1e308  # finite, but the logits are not
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1: loss nan"), np.errstate(all="ignore"):
        fit(net)
    net = network()
    net.params["readout.bias"] = np.nan
    with pytest.raises(ValueError, match=r"parameters are NaN or infinite: readout\.bias"):
        fit(net)


@pytest.mark.parametrize("bias, words", [(-50.0, "layer 1 is silent: 0.00%"), (50.0, "layer 1 is saturated: 100.00%")])
def test_warnings_about_rates(bias, words):
    """One warning, after the first of three epochs."""
    net = network(ms.SRC(2))
    net.params["layers.1.bias"] = bias
    with pytest.warns(RuntimeWarning) as caught:
        ms.fit(net, problem(), epochs=3, batch_size=16, optimizer=STILL, progress=False)
    assert len(caught) == 1
    assert words in str(caught[0].message)
    assert caught[0].filename == __file__  # it points at the caller of fit


def test_no_warning_about_healthy_rates():
    """Warnings are errors in these tests."""
    history = fit(network(ms.SRC(2)), optimizer=STILL)
    assert all(0.01 < rate < 0.8 for rates in history.column("firing_rates") for rate in rates)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"epochs": 2.0}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": "all"}, TypeError, "batch_size must be an integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"dropout": 1.0}, ValueError, r"dropout must be a finite number in \[0\.0, 1\.0\), got 1\.0"),
        ({"dropout": -0.1}, ValueError, "dropout must be"),
        ({"dropout": True}, TypeError, "dropout must be a number"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be"),
        ({"clip_norm": np.inf}, ValueError, "clip_norm must be"),
        ({"temperatures": (1.0, 0.0)}, ValueError, "temperatures.* must be"),
        ({"temperatures": (np.nan, 0.1)}, ValueError, "temperatures.* must be"),
        ({"temperatures": (1.0,)}, (TypeError, ValueError), "temperatures"),
        ({"temperatures": (1.0, 0.5, 0.1)}, (TypeError, ValueError), "temperatures"),
        ({"temperatures": 0.5}, (TypeError, ValueError), "temperatures"),
        ({"optimizer": "adam"}, TypeError, "optimizer"),
        ({"optimizer": ms.SGD}, TypeError, "optimizer"),
        ({"schedule": "cosine"}, TypeError, "schedule"),
        ({"resume": True}, ValueError, "resume=True needs checkpoint="),
    ],
)
def test_wrong_arguments(options, error, words):
    net = network()
    first = net.params.flat.copy()
    with pytest.raises(error, match=words):
        fit(net, **options)
    np.testing.assert_array_equal(net.params.flat, first)


def test_numbers_of_numpy_fit_into_checkpoints(tmp_path):
    """Arguments may come as NumPy scalars, out of np.linspace or a sweep."""
    options = {"epochs": np.int64(2), "batch_size": np.int32(16), "seed": np.int64(1), "dropout": np.float32(0.25)}
    options |= {"clip_norm": np.float32(2.0), "temperatures": (np.float32(1.0), np.float32(0.5))}
    history = fit(network(), optimizer=ms.AdamW(lr=np.float32(0.0625)), checkpoint=tmp_path / "run.npz", **options)
    again = fit(network(), optimizer=ms.AdamW(lr=0.0625), checkpoint=tmp_path / "run.npz", resume=True, **options)
    assert again == history


def test_data_that_does_not_fit():
    data = problem()
    with pytest.raises(ValueError, match="x must have 4 inputs"):
        fit(ms.Network([4, 5, 2]), data)
    with pytest.raises(ValueError, match=r"y must lie in 0 \.\. 1"):
        wrong = Split(data.train.x.copy(), data.train.y + 1)
        fit(network(), Dataset(wrong, data.validation, data.test, 2, {}))


# Data that is made on the fly


def made(epoch) -> list[tuple]:
    """Four batches of an epoch, of 9, 8, 7 and 6 sequences."""
    data = problem(seed=epoch, n_train=30)
    cuts = np.cumsum([0, 9, 8, 7, 6])
    return [(data.train.x[a:b], data.train.y[a:b]) for a, b in itertools.pairwise(cuts)]


def streamed(train) -> Dataset:
    data = problem()
    return Dataset(train, data.validation, data.test, 2, {"name": "made"})


def test_a_function_of_the_epoch(monkeypatch):
    """Its batches come as they are, in their order."""
    seen = spy(monkeypatch)
    history = fit(network(), streamed(lambda epoch: iter(made(epoch))), epochs=2)
    expected = [*made(0), *made(1)]
    assert len(seen) == 8
    for (x, y, *_), (expected_x, expected_y) in zip(seen, expected):
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(y, expected_y)
    assert len(history) == 2


def test_batches_may_have_lengths_or_be_splits(monkeypatch):
    seen = spy(monkeypatch)
    (x, y), lengths = made(0)[0], np.arange(1, 10)
    fit(network(), streamed([(x, y, lengths), Split(x, y, lengths), (x, y)]), epochs=1)
    assert [None if batch[2] is None else batch[2].tolist() for batch in seen] == [[*range(1, 10)]] * 2 + [None]


def test_a_list_of_batches_is_the_same_in_each_epoch(monkeypatch):
    seen = spy(monkeypatch)
    fit(network(), streamed(made(0)), epochs=2)
    np.testing.assert_array_equal(seen[1][0], seen[5][0])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("call", [2, 5, 11])
def test_resume_within_an_epoch_of_made_batches(tmp_path, monkeypatch, call, dropout):
    straight, calls, original = network(), [], ms.Network.loss_and_grad
    expected = fit(straight, streamed(made), dropout=dropout)

    def loss_and_grad(self, *arguments, **options):
        calls.append(1)
        if len(calls) == call:
            raise Interruption
        return original(self, *arguments, **options)

    options = {"checkpoint": tmp_path / "run.npz", "checkpoint_minutes": 0, "dropout": dropout}
    with monkeypatch.context() as patch, pytest.raises(Interruption):
        patch.setattr(ms.Network, "loss_and_grad", loss_and_grad)
        fit(network(), streamed(made), **options)
    resumed, calls = network(), []
    history = fit(resumed, streamed(made), **options, resume=True)
    assert rows_but_seconds(history) == rows_but_seconds(expected)
    np.testing.assert_array_equal(resumed.params.flat, straight.params.flat)


def test_checkpoints_within_an_epoch_come_by_the_clock(tmp_path, monkeypatch):
    """With a clock that goes on by a minute a look: one after every two batches, and at each epoch's end."""
    written, now = [], itertools.count(0, 60)
    monkeypatch.setattr("minisnn.training.fit.time.monotonic", lambda: next(now))
    monkeypatch.setattr(
        "minisnn.training.fit.save_checkpoint", lambda path, run, done: written.append(len(done.batches))
    )
    fit(network(), streamed(made), epochs=2, checkpoint=tmp_path / "run.npz", checkpoint_minutes=2)
    assert written == [2, 4, 0, 2, 4, 0]


def test_training_data_that_can_be_read_only_once():
    with pytest.raises(TypeError, match="train is an iterator, which gives its batches only once"):
        streamed(iter(made(0)))
    once = iter(made(0))
    with pytest.raises(ValueError, match=r"gave no batch in epoch 2; can it be iterated over only once\?"):
        fit(network(), streamed(lambda epoch: once))
    with pytest.raises(ValueError, match="gave no batch in epoch 1"):
        fit(network(), streamed([]))


def test_batches_that_do_not_fit():
    x, y = made(0)[0]
    with pytest.raises(ValueError, match="are the axes swapped"):
        fit(network(), streamed([(x.transpose(0, 2, 1), y)]))
    with pytest.raises(ValueError, match="y must have one entry per sequence"):
        fit(network(), streamed([(x, y[:-1])]))


def test_what_a_dataset_takes():
    data = problem()
    with pytest.raises(TypeError, match=r"validation must be a Split\(x, y\), got list"):
        Dataset(data.train, [data.validation], data.test, 2)
    with pytest.raises(TypeError, match=r"train must be a Split\(x, y\), batches or a function, got int"):
        Dataset(3, data.validation, data.test, 2)
    assert streamed(made).n_in == 3


def test_a_schedule_is_held_to_numbers():
    with pytest.raises(TypeError, match="the value of schedule must be a number"):
        fit(network(), schedule=lambda epoch, epochs: None)
    with pytest.raises(ValueError, match="the value of schedule must be a finite number"):
        fit(network(), schedule=lambda epoch, epochs: -1.0)


def test_two_functions_without_a_name_are_two_schedules(tmp_path):
    path = tmp_path / "run.npz"
    fit(network(), schedule=lambda epoch, epochs: 0.5, checkpoint=path)
    with pytest.raises(ValueError, match=r"lr_factors: \[0\.5, 0\.5, 0\.5\] in the checkpoint, now \[0\.25"):
        fit(network(), schedule=lambda epoch, epochs: 0.25, checkpoint=path, resume=True)
