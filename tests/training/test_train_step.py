"""One step of training: what `train_step` does is what one would do by hand."""

import math

import numpy as np
import pytest
from conftest import random_batch, random_network

import minisnn as ms
from minisnn.training import optim

DESCENT = ms.SGD(1.0, 1.0, 1.0, momentum=0.0)  # a step is the gradient itself
OPTIMIZERS = [ms.AdamW(0.01, weight_decay=0.1), ms.SGD(0.05, 0.2, 0.01, weight_decay=0.1)]


def problem(rng, dtype="float64"):
    """A network in which every gradient matters, and a batch with lengths and masks."""
    net = random_network(rng, recurrence=ms.ASRC(4), neuron=ms.PLIF(0.6, 0.5), readout_window=6, dtype=dtype)
    net.temperature = 0.5
    x, y = random_batch(rng, net)
    masks = [(rng.random((len(x), n)) < 0.7) / 0.7 for n in net.sizes[1:-1]]
    return net, ms.Batch(x, y, np.array([11, 3, 8, 11, 1, 7, 10]), masks)


def stepped(net, batch, optimizer=DESCENT, **options) -> np.ndarray:
    """The parameters after one step of a copy of the network."""
    net = net.astype(net.dtype)
    ms.train_step(net, batch, optimizer, optimizer.start(net.params), **options)
    return net.params.flat


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip_norm", [None, 1e-3, 1e6])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_is_forward_backward_update(rng, optimizer, clip_norm, dtype):
    """Three steps, bit for bit what gradient, clipping and update give one after the other."""
    net, batch = problem(rng, dtype)
    by_hand = net.astype(dtype)
    state, state_by_hand = (optimizer.start(n.params) for n in (net, by_hand))
    flat = net.params.flat
    for lr_factor in (1.0, 0.3, 0.7):
        loss, norm = ms.train_step(net, batch, optimizer, state, lr_factor, clip_norm)
        expected_loss, grads = by_hand.loss_and_grad(batch.x, batch.y, batch.lengths, "soft", batch.masks)
        expected_norm = math.sqrt(np.square(grads.flat, dtype=np.float64).sum())
        if clip_norm is not None:
            optim.clip(grads, clip_norm)
        optimizer.update(by_hand.params, grads, state_by_hand, lr_factor)
        assert (loss, norm) == (expected_loss, expected_norm)
        np.testing.assert_array_equal(net.params.flat, by_hand.params.flat)
        for name, array in state.items():
            np.testing.assert_array_equal(array, state_by_hand[name])
    assert net.params.flat is flat  # in place
    assert net.temperature == by_hand.temperature


def test_it_moves_every_parameter(rng):
    """Along the gradient of the soft spans: those of the span logits and of the decays are among it."""
    net, batch = problem(rng)
    _, grads = net.loss_and_grad(*batch[:3], masks=batch.masks)
    assert all(block.any() for _, block in grads.items())
    np.testing.assert_allclose(stepped(net, batch), net.params.flat - grads.flat, rtol=1e-14)


def test_what_the_gradient_leaves_out(rng):
    """As in `fit`: any of four names, and nothing else."""
    net, batch = problem(rng)
    _, grads = net.loss_and_grad(*batch[:3], masks=batch.masks, hops=False, truncate=3)
    moved = stepped(net, batch, gradient={"hops": False, "truncate": 3}) - net.params.flat
    np.testing.assert_allclose(moved, -grads.flat, rtol=1e-6, atol=1e-12)
    for gradient, error, words in (
        ({"trunc": 3}, ValueError, "gradient must be one of 'hops', 'truncate', .*, got 'trunc'"),
        ({"span_mode": "hard"}, ValueError, "got 'span_mode'"),
        ("hops", TypeError, "gradient must be a dict"),
    ):
        with pytest.raises(error, match=words):
            stepped(net, batch, gradient=gradient)


def test_clip_norm(rng):
    """A step of plain descent is as long as the gradient, clip_norm at most; the norm that returns is not clipped."""
    net, batch = problem(rng)
    _, grads = net.loss_and_grad(*batch[:3], masks=batch.masks)
    whole = math.sqrt(np.square(grads.flat).sum())
    for clip_norm, length in ((None, whole), (2 * whole, whole), (whole / 8, whole / 8)):
        moved = stepped(net, batch, clip_norm=clip_norm) - net.params.flat
        assert math.sqrt(np.square(moved).sum()) == pytest.approx(length, rel=1e-9)
        np.testing.assert_allclose(moved, -grads.flat * length / whole, rtol=1e-6, atol=1e-12)
        copy = net.astype("float64")
        _, norm = ms.train_step(copy, batch, DESCENT, DESCENT.start(copy.params), clip_norm=clip_norm)
        assert norm == pytest.approx(whole, rel=1e-12)


def test_lr_factor_scales_the_step(rng):
    net, batch = problem(rng)
    whole, part = (stepped(net, batch, lr_factor=factor) - net.params.flat for factor in (1.0, 0.25))
    np.testing.assert_allclose(part, 0.25 * whole, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(stepped(net, batch), stepped(net, batch, lr_factor=1.0, clip_norm=None))


def test_lengths_are_passed_on(rng):
    """What follows the end of a sequence changes no bit; without lengths it would."""
    net, batch = problem(rng)
    noise = rng.standard_normal(batch.x.shape)
    other = np.where(np.arange(11)[:, np.newaxis] < batch.lengths[:, np.newaxis, np.newaxis], batch.x, noise)
    np.testing.assert_array_equal(stepped(net, batch), stepped(net, batch._replace(x=other)))
    assert (stepped(net, batch) != stepped(net, batch._replace(lengths=None))).any()


def test_masks_are_passed_on(rng):
    """Neurons whose input is cut off leave their input weights as they are; without masks all move."""
    net, batch = problem(rng)
    masks = [mask.copy() for mask in batch.masks]
    masks[0][:, 2] = 0
    for changed, still in ((batch._replace(masks=masks), True), (batch._replace(masks=None), False)):
        copy = net.astype("float64")
        ms.train_step(copy, changed, DESCENT, DESCENT.start(copy.params))
        moved = (copy.params["layers.0.w_in"] != net.params["layers.0.w_in"]).any(axis=0)
        assert moved.tolist() == [True, True, not still, True, True]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_state_is_what_a_step_remembers(rng, optimizer):
    """Two steps with one state are not two first steps, and a state that is handed in again goes on."""
    net, batch = problem(rng)
    ends = []
    for fresh in (False, True, False):
        copy = net.astype("float64")
        state = optimizer.start(copy.params)
        for _ in range(2):
            ms.train_step(copy, batch, optimizer, optimizer.start(copy.params) if fresh else state)
        ends.append(copy.params.flat)
    assert (ends[0] != ends[1]).mean() > 0.9
    np.testing.assert_array_equal(ends[0], ends[2])


def test_a_batch_may_be_x_and_y_alone(rng):
    net, batch = problem(rng)
    alone = ms.Batch(batch.x, batch.y)
    assert alone.lengths is None and alone.masks is None
    ones = [np.ones((7, n)) for n in net.sizes[1:-1]]
    np.testing.assert_array_equal(stepped(net, alone), stepped(net, alone._replace(lengths=np.full(7, 11), masks=ones)))


def test_it_checks_the_batch(rng):
    """As `loss_and_grad` does; then nothing has changed."""
    net, batch = problem(rng)
    before, state = net.params.flat.copy(), DESCENT.start(net.params)
    with pytest.raises(ValueError, match="y must lie in 0"):
        ms.train_step(net, batch._replace(y=batch.y + 2), DESCENT, state)
    np.testing.assert_array_equal(net.params.flat, before)
    assert not state["velocity"].any()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"clip_norm": -1.0}, "clip_norm must be a finite number"),
        ({"clip_norm": 0}, "clip_norm must be a finite number"),
        ({"clip_norm": math.nan}, "clip_norm must be"),
        ({"lr_factor": -1.0}, "lr_factor must be a finite number"),
    ],
)
def test_options_out_of_range(rng, options, words):
    """Nothing has moved."""
    net, batch = problem(rng)
    before = net.params.flat.copy()
    with pytest.raises(ValueError, match=words):
        ms.train_step(net, batch, DESCENT, DESCENT.start(net.params), **options)
    np.testing.assert_array_equal(net.params.flat, before)


def test_the_state_of_another_optimiser(rng):
    net, batch = problem(rng)
    adam, sgd = ms.AdamW(), ms.SGD()
    with pytest.raises(ValueError, match=r"from optimizer.start\(net.params\) and hold \['velocity'\], got \['"):
        ms.train_step(net, batch, sgd, adam.start(net.params))
    with pytest.raises(ValueError, match="got NoneType"):
        ms.train_step(net, batch, sgd, None)
    state = adam.start(ms.Network([1, 3, 2]).params)
    with pytest.raises(
        ValueError, match=rf"state\['m'\] is for 23 parameters, this network has {net.params.flat.size}"
    ):
        ms.train_step(net, batch, adam, state)
    assert state["step"] == 0


def test_other_things_than_a_batch_or_an_optimiser(rng):
    net, batch = problem(rng)
    with pytest.raises(TypeError, match=r"batch must be a minisnn\.Batch\(x, y\), got tuple"):
        ms.train_step(net, (batch.x, batch.y), DESCENT, DESCENT.start(net.params))
    with pytest.raises(TypeError, match=r"optimizer must be .*are the parentheses missing"):
        ms.train_step(net, batch, ms.SGD, {})
