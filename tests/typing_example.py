"""What a careful user writes: `mypy --strict` has nothing to say about it. It is read by test_face.py, never run."""

from pathlib import Path

import numpy as np

import minisnn as ms

data = ms.datasets.digits()
x: np.ndarray = data.train.x
n: int = len(data.train)
own = ms.datasets.from_arrays(np.zeros((8, 5, 2)), [0, 1] * 4)
net = ms.Network(
    [1, 16, 16, 10],
    recurrence=[ms.SRC(span=3), ms.ASRC(max_span=9)],
    neuron=ms.LIF(decay=[0.5] * 16, threshold=np.ones(16), reset="hard"),
    surrogate=ms.ATan(),
    dtype="float64",
)
adapting = ms.ALIF([0.5] * 16, reset="none", adaptation_decay=np.full(16, 0.9), adaptation_strength=(0.1,) * 16)
net_2 = ms.Network(
    (1, 4, 2), ms.Recurrent(), dtype=np.float32, surrogate=ms.Custom("box", derivative=np.abs, kinks=[0])
)
history = ms.fit(net, data, epochs=1, optimizer=ms.AdamW(lr=5e-3), checkpoint=Path("run.npz"))
first: float = history.column("train_loss")[0]
loss, grads = net.loss_and_grad(x, data.train.y, lengths=[3] * n, masks=[np.ones((n, 16))] * 2)
total: float = loss + float(np.abs(grads["readout.w"]).sum())
tape = net.record(x.tolist(), span_mode="hard")
rates: tuple[float, ...] = net.evaluate(data.test).firing_rates
labels: np.ndarray = net.predict(x)
print(net.summary(), net.adjoint(tape, np.ones(3)).dx, tape.layers[0].v.shape, labels, first, total, rates)
slope = ms.Triangle().derivative(np.zeros(3))
net.save("a.npz")
loaded = ms.Network.load(Path("a.npz")).astype("float32")
print(loaded.params["layers.0.bias"].shape, loaded.params.names("weight"))
report = ms.gradcheck(net, x[:2], data.train.y[:2])
print(report.ok, ms.checks.check_all(recurrence=["src-3"]).summary())
flow = ms.gradient_flow(net, x)
ax = ms.plots.gradient_flow(flow)
ms.plots.save("flow.png", ax)
ms.plots.learning_curves({"a": [history]}, ax=ax).set_title("a")
ms.plots.potentials(tape.layers[0].v[0], tape.layers[0].v_reset[0], 1.0)
rows = ms.sweep("psdigits-src", {"span": [1, 2]}, seeds=3, folder="runs/sweep")
ms.plots.sweep(rows, "span")
verdict = ms.exercises.check("03.1", 4)
print(bool(verdict), ms.robustness(net, data.test, "gaussian", (0, 0.1)).area, ms.hops(net, x, 0, 4)["leak"])
state = ms.SGD().start(net.params)
print(
    ms.train_step(net, ms.Batch(x, data.train.y), ms.SGD(), state), ms.stream(0, "noise", 3).random(3), ms.warmup(net)
)


def halve(net: ms.Network, history: ms.History) -> bool:
    return len(history) > 3


def use(data: ms.datasets.Dataset) -> int:
    return data.n_in


print(use(data), ms.Adam(), ms.one_cycle(0, 3), ms.jacobian(net, x, 0, 3).shape)
ms.fit(net, data, schedule=ms.cosine, callback=halve)
