"""Network: hidden spiking layers one above the other, a readout, and what one does with them.

The methods check their input once and hand it to `core/batch.py`. `record` and `adjoint` are the two halves of
`loss_and_grad`, with everything in between kept to look at.
"""

import copy

import numpy as np

from minisnn import files
from minisnn._internal import storage, validate
from minisnn.compilation import prepare, prepare_halves
from minisnn.core import batch, parameters, readout
from minisnn.core import recurrence as recurrences
from minisnn.core import surrogate as surrogates
from minisnn.core.neuron import LIF, PLIF
from minisnn.core.parameters import Params, Structure
from minisnn.core.recurrence import ASRC, Recurrent
from minisnn.core.reference import Layer, Readout
from minisnn.core.surrogate import Triangle
from minisnn.core.tape import Adjoint, Evaluation, Tape, gather
from minisnn.initial import initial


class Network:
    """A spiking network: `sizes` = [inputs, hidden layers ..., classes].

    Parameters
    ----------
    sizes : sequence of int
        At least three: inputs, one or more hidden layers, classes (>= 2).
    recurrence : Feedforward, Recurrent, SRC, ASRC or Mixture, or a list of them
        One for all hidden layers, or one per layer. Default: Recurrent().
    neuron : LIF or PLIF, or a list of them
        One for all hidden layers, or one per layer. Default: LIF().
    surrogate : Triangle, ... (`minisnn.core.surrogate`), or `Custom`
        Default: Triangle().
    readout_window : int, optional
        The readout sums spikes over the last `readout_window` steps of each sequence; None: over all.
    seed : int
        Of the initial weights. They depend on the seed, the name and the shape of a parameter only.
    dtype : {"float32", "float64"}
        Of parameters and computation.

    Attributes
    ----------
    params : Params
        `net.params["layers.0.w_rec"]` is a view: writing into it changes the network.
    temperature : float
        T° > 0 of the span softmax; `fit` lowers it.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, out of range, or does not fit the sizes.
    """

    def __init__(
        self,
        sizes,
        recurrence=None,
        neuron=None,
        surrogate=None,
        readout_window: int | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ):
        self.sizes = validate.sizes(sizes)
        hidden = self.sizes[1:-1]
        recurrence, neuron = (Recurrent() if recurrence is None else recurrence), (LIF() if neuron is None else neuron)
        self.recurrence = validate.per_layer(recurrence, len(hidden), recurrences.KINDS, "recurrence")
        self.neuron = validate.per_layer(neuron, len(hidden), (LIF, PLIF), "neuron")
        self.surrogate = Triangle() if surrogate is None else surrogate
        if not isinstance(self.surrogate, surrogates.Surrogate):
            raise TypeError(
                f"surrogate must be one of minisnn's or a Custom, got {surrogate!r}; is it Triangle() with brackets?"
            )
        self.readout_window = None if readout_window is None else validate.integer(readout_window, "readout_window", 1)
        self.seed = validate.integer(seed, "seed", 0)
        self.dtype = validate.choice(str(np.dtype(dtype)), "dtype", validate.DTYPES)
        validate.neurons_fit(self.neuron, hidden)
        shared = {r.max_span for r in self.recurrence if isinstance(r, ASRC) and r.shared}
        if len(shared) > 1:
            raise ValueError(f"layers that share span logits need one max_span, got {sorted(shared)}")
        self.params = initial(self.sizes, self.recurrence, self.neuron, self.seed, self.dtype)
        self.temperature = 1.0

    @property
    def temperature(self) -> float:
        """T° > 0 of the span softmax; `fit` lowers it."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature = validate.number(value, "temperature", 0.0, np.inf, open_ends=True)

    def __repr__(self) -> str:
        return (
            f"Network({list(self.sizes)}, recurrence={list(self.recurrence)}, neuron={list(self.neuron)}, "
            f"surrogate={self.surrogate}, readout_window={self.readout_window}, seed={self.seed}, dtype={self.dtype!r})"
        )

    # The network as numbers

    def structure(self, span_mode: str = "soft") -> Structure:
        """What turns parameters into numbers; ASRC as its mixture (soft) or its arg-max span alone (hard)."""
        span_mode = validate.choice(span_mode, "span_mode", validate.SPAN_MODES)
        return Structure(self.sizes, self.recurrence, self.neuron, self.temperature, span_mode)

    def layers(self, span_mode: str = "soft") -> list[Layer]:
        """The hidden layers as numbers, for `minisnn.core.reference`."""
        return parameters.to_layers(self.params, self.structure(span_mode))

    def readout(self) -> Readout:
        """The readout as numbers, for `minisnn.reference`."""
        return Readout(self.params["readout.w"], self.params["readout.bias"], self.readout_window)

    def span_weights(self) -> list[np.ndarray | None]:
        """p of each layer, (K,), at the present temperature; None for layers without span logits."""
        names = [parameters.span_logits_name(i, r) for i, r in enumerate(self.recurrence)]
        return [recurrences.span_weights(self.params[name], self.temperature) if name else None for name in names]

    def spans(self) -> list[int | None]:
        """λ of each layer: of an ASRC layer the arg-max span (of equal logits the shortest); None where there is no
        single one, in feedforward layers and mixtures."""
        return [int(layer.delays[0]) if layer.delays.size == 1 else None for layer in self.layers("hard")]

    def astype(self, dtype: str) -> "Network":
        """A copy with parameters and computation in another dtype."""
        other = copy.copy(self)
        other.dtype = validate.choice(str(np.dtype(dtype)), "dtype", validate.DTYPES)
        other.params = self.params.astype(other.dtype)
        return other

    # Forward and backward

    def loss_and_grad(
        self, x, y, lengths=None, span_mode: str = "soft", masks=None, *, threads: int | None = None
    ) -> tuple[float, Params]:
        """Loss (6) of a batch and its surrogate gradients (7) to (12), as (loss, grads).

        Parameters
        ----------
        x : array (B, T, n_in)
            Real and finite.
        y : array (B,) of int
            Labels in 0 .. classes - 1.
        lengths : array (B,) of int, optional
            Steps of each sequence, 1 .. T; what follows changes neither loss nor gradients.
        span_mode : {"soft", "hard"}
            The ASRC mixture, or its arg-max span alone (then the gradient of the span logits is 0).
        masks : list of array (B, N), optional
            Dropout masks m, one per layer.
        threads : int, optional
            At most so many; default: NUMBA_NUM_THREADS, or one per core. The result has the same bits for any number.

        Raises
        ------
        TypeError, ValueError
            If the input is of the wrong kind, shape or range.

        >>> import numpy as np, minisnn as ms
        >>> net = ms.Network([2, 8, 3], recurrence=ms.SRC(4))
        >>> loss, grads = net.loss_and_grad(np.ones((5, 20, 2)), [0, 1, 2, 0, 1])
        >>> grads["layers.0.w_rec"].shape
        (8, 8)
        """
        x, lengths, masks = self._check_batch(x, lengths, masks)
        y = validate.labels(y, len(x), self.sizes[-1])
        threads = None if threads is None else validate.integer(threads, "threads", 1)
        layers = self.layers(span_mode)
        loss, grads = batch.gradients(layers, self.readout(), self.surrogate, x, y, lengths, masks, threads)
        return loss, parameters.from_layers(grads, layers, self.params, self.structure(span_mode))

    def logits(self, x, lengths=None, span_mode: str = "hard") -> np.ndarray:
        """Logits of a batch, (B, classes), by hard spans as `evaluate`; arguments and errors as in `loss_and_grad`."""
        return self._logits_and_rates(x, lengths, span_mode)[0]

    def predict(self, x, lengths=None) -> np.ndarray:
        """The label of each sequence, (B,) of int: that of its largest logit, by hard spans as `evaluate`.

        >>> import numpy as np, minisnn as ms
        >>> ms.Network([2, 8, 3]).predict(np.ones((4, 20, 2))).shape
        (4,)
        """
        return self.logits(x, lengths).argmax(axis=1)

    def evaluate(self, data, span_mode: str = "hard") -> Evaluation:
        """Loss, accuracy and firing rates on anything with `x`, `y` and perhaps `lengths`, e.g. `data.test`; hard spans
        as the paper evaluates."""
        if not (hasattr(data, "x") and hasattr(data, "y")):
            slip = "; did you mean data.test?" if hasattr(data, "test") else ""
            raise TypeError(f"evaluate() wants x and y in one object, as data.test; got {type(data).__name__}{slip}")
        logits, rates = self._logits_and_rates(data.x, getattr(data, "lengths", None), span_mode)
        y = validate.labels(data.y, len(logits), self.sizes[-1])
        return Evaluation(
            loss=float(readout.cross_entropy(logits, y).mean(dtype=np.float64)),
            accuracy=float((logits.argmax(axis=1) == y).mean()),
            firing_rates=rates,
        )

    def record(self, x, lengths=None, span_mode: str = "soft", masks=None) -> Tape:
        """The forward half of `loss_and_grad`, its intermediates in memory for all of B; arguments as there."""
        x, lengths, masks = self._check_batch(x, lengths, masks)
        prepare_halves(self.dtype)
        layers = self.layers(span_mode)
        tapes, counts, logits = batch.record(layers, self.readout(), self.surrogate, x, lengths, masks)
        masks = [np.ones((len(x), n)) for n in self.sizes[1:-1]] if masks is None else masks
        return Tape(
            x=np.array(x, self.dtype),
            lengths=lengths,
            masks=[np.array(mask, self.dtype) for mask in masks],
            layers=tapes,
            counts=counts,
            n_read=lengths if self.readout_window is None else np.minimum(lengths, self.readout_window),
            logits=logits,
            params=self.params.copy(),
            structure=self.structure(span_mode),
        )

    def adjoint(self, tape: Tape, e) -> Adjoint:
        """The backward half, for any e: equations (7) to (12), with the parameters that the tape was recorded with.

        The forward pass is run again from the tape's input, since the tape keeps no event lists.

        Parameters
        ----------
        tape : Tape
            From this network's `record`.
        e : array (B, T, N)
            ∂L/∂s of the last hidden layer, for any L; what lies after the end of a sequence is ignored.

        Raises
        ------
        TypeError, ValueError
            If the tape is none, or of another network; if e is not finite or of another shape.
        """
        if not isinstance(tape, Tape):
            raise TypeError(f"tape must come from record(), got {type(tape).__name__}")
        if tape.params.shapes != self.params.shapes:
            raise ValueError(f"tape is of another network: it has {tape.params.shapes}, this one {self.params.shapes}")
        shape = tape.layers[-1].s.shape
        e = validate.real_array(e, "e")
        if e.shape != shape:
            raise ValueError(f"e must have the shape of the last layer's spikes, (B, T, N) = {shape}, got {e.shape}")
        layers = parameters.to_layers(tape.params, tape.structure)
        deltas, dx, grads = batch.adjoint(layers, self.readout(), self.surrogate, tape.x, e, tape.lengths, tape.masks)
        grads = parameters.from_layers(grads, layers, tape.params, tape.structure)
        return Adjoint(deltas, [gather(delta, layer) for delta, layer in zip(deltas, layers)], dx, grads)

    # Files

    def config(self) -> dict:
        """All but the parameters, as plain JSON."""
        return files.to_config(self)

    def save(self, path) -> None:
        """Write configuration, parameters and temperature as npz, whole or not at all; OSError if it can't."""
        storage.save_npz(path, "network", {"config": self.config()}, dict(self.params.items()))

    @classmethod
    def load(cls, path, surrogate=None) -> "Network":
        """Read a network from a file of `save`.

        Files hold no code: a network that was built with a Custom surrogate needs it again. FileNotFoundError if there
        is no such file; ValueError if it is corrupt, foreign or newer, or needs a surrogate that was not handed in.
        """
        header, arrays = storage.load_npz(path, "network")
        try:
            arguments, temperature = files.from_config(header["config"], surrogate)
            net = cls(**arguments)
            net.temperature = temperature
            files.fill(net.params, arrays)
        except (KeyError, TypeError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path} is not a whole network: {what}") from error
        return net

    # Inside

    def _check_batch(self, x, lengths, masks):
        """Checked input of one batch; compiles the kernels if this is their first use."""
        if not np.isfinite(self.params.flat).all():
            names = [name for name, block in self.params.items() if not np.isfinite(block).all()]
            raise ValueError(f"parameters are NaN or infinite: {', '.join(names)}")
        x = validate.sequences(x, self.sizes[0], self.dtype)
        lengths = validate.lengths(lengths, *x.shape[:2])
        masks = validate.masks(masks, len(x), self.sizes[1:-1])
        prepare(self.dtype)
        return x, lengths, masks

    def _logits_and_rates(self, x, lengths, span_mode):
        """Logits (B, classes) and the firing rate of each layer, without a tape."""
        x, lengths, _ = self._check_batch(x, lengths, None)
        logits, spikes = batch.logits(self.layers(span_mode), self.readout(), self.surrogate, x, lengths)
        return logits, tuple(float(n / (lengths.sum() * size)) for n, size in zip(spikes, self.sizes[1:-1]))
