"""Network: hidden spiking layers and a readout. Methods check their input once and pass it on to `core/batch.py`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minisnn import files, summary
from minisnn._internal import storage, validate
from minisnn._internal.classes import checked as checked_classes
from minisnn._internal.names import suggesting
from minisnn._internal.types import ArrayLike, DTypeLike, Lengths, Masks, PathLike, PerLayer, SpanMode
from minisnn.compilation import prepare_halves, prepare_network
from minisnn.core import batch, parameters, readout
from minisnn.core import recurrence as recurrences
from minisnn.core import surrogate as surrogates
from minisnn.core.neuron import KINDS, LIF, Neuron
from minisnn.core.parameters import Params, Structure
from minisnn.core.reference import Cut, Layer, Penalty, Readout
from minisnn.core.tape import Adjoint, Evaluation, Tape, gather
from minisnn.initial import initial


@suggesting
class Network:
    """A recurrent spiking network: inputs, one or more hidden layers, and a readout that counts spikes.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, the neurons of each hidden layer, classes (>= 2), e.g. [1, 64, 10].
    recurrence : Feedforward, Recurrent, SRC, ASRC or Mixture, or a list of them
        One for all hidden layers, or one per layer. Default: Recurrent().
    neuron : LIF, PLIF or ALIF, or a list of them
        One for all hidden layers, or one per layer. Default: LIF().
    surrogate : Triangle, Rectangle, Exponential, Sigmoid, Gaussian, ATan, FastSigmoid or Custom
        What stands in for the derivative of the spike. Default: Triangle().
    readout_window : int, optional
        The readout sums spikes over the last `readout_window` >= 1 steps of each sequence; default: over all.
    seed : int
        Seed of the initial weights, at least 0. A parameter's values depend only on the seed, its name and shape, and
        the number of its layer's inputs; initial decays are those of `neuron`.
    dtype : {"float32", "float64"}
        Precision of parameters and computation.

    Attributes
    ----------
    params : Params
        `net.params["layers.0.w_rec"]` is a view: writing into it changes the network. `net.params = other.params`
        copies all values.
    temperature : float
        T° > 0 of the softmax over spans; `fit` lowers it.
    classes : array (classes,)
        Names of the classes, by their numbers: `net.classes[net.predict(x)]`. 0, 1, ... at first; `fit` takes those of
        the data, and you can set them.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, out of range, or does not fit the sizes.

    Examples
    --------
    >>> net = ms.Network([2, 8, 3], recurrence=ms.SRC(4), neuron=ms.LIF(decay=0.9), seed=0)
    >>> x = np.ones((5, 20, 2))  # 5 sequences of 20 steps and 2 inputs
    >>> net.logits(x).shape, net.predict(x).shape
    ((5, 3), (5,))
    >>> net.save("net.npz")
    >>> same = ms.Network.load("net.npz").astype("float64")
    >>> same.config()["dtype"], same.readout().w.shape, same.structure().temperature, len(same.summary().splitlines())
    ('float64', (8, 3), 1.0, 5)
    """

    # No others can be set: a slip such as net.threshold = 2 is an error.
    __slots__ = (
        *("_sizes", "_dtype", "_recurrence", "_neuron", "_surrogate", "_readout_window", "_seed"),
        *("_params", "_temperature", "_classes", "__weakref__"),
    )

    def __init__(
        self, sizes: Sequence[int], recurrence: PerLayer[recurrences.Recurrence] | None = None,
        neuron: PerLayer[Neuron] | None = None, surrogate: surrogates.Surrogate | None = None,
        readout_window: int | None = None, seed: int = 0, dtype: DTypeLike = "float32",
    ):  # fmt: skip
        self._sizes = validate.sizes(sizes)
        self._dtype = validate.dtype(dtype)
        recurrence = recurrences.Recurrent() if recurrence is None else recurrence
        self._recurrence, self._neuron = self._kinds(recurrence, LIF() if neuron is None else neuron)
        self.surrogate, self.readout_window = surrogates.Triangle() if surrogate is None else surrogate, readout_window
        self._seed = validate.integer(seed, "seed", 0)
        self._params = initial(self.sizes, self.recurrence, self.neuron, self.seed, self.dtype)
        self.temperature, self.classes = 1.0, None

    # Settings: some can be changed, and are checked then

    @property
    def sizes(self) -> list[int]:
        """Inputs, the neurons of each hidden layer, classes; for others make another network."""
        return list(self._sizes)

    @property
    def dtype(self) -> str:
        """Precision, "float32" or "float64"; `astype` returns a copy in the other one."""
        return self._dtype

    @property
    def seed(self) -> int:
        """Seed of the initial weights; for others make another network."""
        return self._seed

    @property
    def params(self) -> Params:
        """Weights, biases, span logits and decay logits. To assign those of another network copies their values."""
        return self._params

    @params.setter
    def params(self, value: Params) -> None:
        if not isinstance(value, Params) or value.blocks != self.params.blocks:
            got = value.shapes if isinstance(value, Params) else type(value).__name__
            raise ValueError(f"params must be those of a network of this kind, {self.params.shapes}, got {got}")
        self.params.flat[...] = value.astype(self.dtype).flat

    @property
    def recurrence(self) -> tuple[recurrences.Recurrence, ...]:
        """The recurrence of each hidden layer. Another one must have the same parameters, e.g. SRC for Recurrent."""
        return self._recurrence

    @recurrence.setter
    def recurrence(self, value: PerLayer[recurrences.Recurrence]) -> None:
        self._change(value, self.neuron)

    @property
    def neuron(self) -> tuple[Neuron, ...]:
        """The neurons of each hidden layer. Others must have the same parameters, e.g. ALIF for LIF."""
        return self._neuron

    @neuron.setter
    def neuron(self, value: PerLayer[Neuron]) -> None:
        self._change(self.recurrence, value)

    @property
    def surrogate(self) -> surrogates.Surrogate:
        """What stands in for the derivative of the spike."""
        return self._surrogate

    @surrogate.setter
    def surrogate(self, value: surrogates.Surrogate) -> None:
        value = surrogates.checked(value)
        if not isinstance(value, surrogates.Custom):
            validate.held((value.peak, value.width), "peak and width of the surrogate", self.dtype)
        self._surrogate = value

    @property
    def readout_window(self) -> int | None:
        """The readout sums spikes over so many last steps of each sequence; None: over all."""
        return self._readout_window

    @readout_window.setter
    def readout_window(self, value: int | None) -> None:
        self._readout_window = None if value is None else validate.integer(value, "readout_window", 1)

    @property
    def temperature(self) -> float:
        """T° > 0 of the span softmax, 1 at first; `fit` lowers it."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature = validate.temperature(value, "temperature", self.dtype)

    @property
    def classes(self) -> np.ndarray:
        """Names of the classes, (classes,), read-only: 0, 1, ..., until they are set, or `fit` gets data with names."""
        return self._classes

    @classes.setter
    def classes(self, value: Sequence | np.ndarray | None) -> None:
        self._classes = checked_classes(value, self.sizes[-1])

    __repr__, _repr_html_ = summary.as_line, summary.as_html

    def summary(self) -> str:
        """Return a table of the layers as text: neurons, kinds, and the shapes and sizes of their parameters."""
        return summary.as_text(self)

    # The network as numbers

    def structure(self, span_mode: SpanMode = "soft") -> Structure:
        """Return the settings that map parameters to layers: sizes, kinds, temperature, span mode.

        Parameters
        ----------
        span_mode
            As in `loss_and_grad`.
        """
        span_mode = validate.choice(span_mode, "span_mode", validate.SPAN_MODES)
        return Structure(self.sizes, self.recurrence, self.neuron, self.temperature, span_mode)

    def layers(self, span_mode: SpanMode = "soft") -> list[Layer]:
        """Return the hidden layers as numbers, for `minisnn.core.reference`: weights, taps, β, θ and reset of each.

        Parameters
        ----------
        span_mode
            As in `loss_and_grad`.

        Examples
        --------
        >>> [layer.delays.tolist() for layer in ms.Network([2, 8, 6, 3], recurrence=ms.SRC(4)).layers()]
        [[4], [4]]
        """
        return parameters.to_layers(self.params, self.structure(span_mode))

    def readout(self) -> Readout:
        """Return the readout as numbers, for `minisnn.core.reference`."""
        return Readout(self.params["readout.w"], self.params["readout.bias"], self.readout_window)

    def span_weights(self) -> list[np.ndarray | None]:
        """Return p of each layer, (K,), at the present temperature; None for layers without span logits.

        Examples
        --------
        >>> net = ms.Network([2, 8, 3], recurrence=ms.ASRC(4))
        >>> net.params["layers.0.span_logits"] = [0, 0, 1, 0]
        >>> net.temperature = 0.01
        >>> net.span_weights()[0].round(2).tolist()
        [0.0, 0.0, 1.0, 0.0]
        """
        names = [parameters.span_logits_name(i, r) for i, r in enumerate(self.recurrence)]
        return [recurrences.span_weights(self.params[name], self.temperature) if name else None for name in names]

    def spans(self) -> list[int | None]:
        """Return λ of each layer, of ASRC the arg-max span; None for feedforward layers and mixtures of several.

        Examples
        --------
        >>> ms.Network([2, 8, 8, 3], recurrence=[ms.SRC(4), ms.Feedforward()]).spans()
        [4, None]
        """
        return [int(layer.delays[0]) if layer.delays.size == 1 else None for layer in self.layers("hard")]

    def astype(self, dtype: DTypeLike) -> Network:
        """Return a copy with parameters and computation in another dtype.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            ValueError if it is another one, or can't hold a value.
        """
        other = copy.copy(self)
        other._dtype = validate.dtype(dtype)
        other._params = self.params.astype(other.dtype)
        other._kinds(self.recurrence, self.neuron)  # checked anew: what float64 holds may be too much for float32
        other.temperature, other.surrogate = self.temperature, self.surrogate
        return other

    # Forward and backward

    def loss_and_grad(
        self, x: ArrayLike, y: ArrayLike, lengths: Lengths = None, span_mode: SpanMode = "soft", masks: Masks = None, *,
        hops: bool = True, truncate: int | None = None, rate_penalty: float = 0.0, target_rate: float = 0.0,
        threads: int | None = None,
    ) -> tuple[float, Params]:  # fmt: skip
        """Compute the loss of a batch, equation (6), and its surrogate gradients, (7) to (14).

        Parameters
        ----------
        x : array (B, T, n_in)
            Input: real, finite numbers, up to 1.8e19 in float32 and 1.3e154 in float64, so that products stay finite.
        y : array (B,) of int
            Labels, 0 .. classes - 1.
        lengths : array (B,) of int, optional
            Steps of each sequence, 1 .. T; what x holds after them does not matter, NaN included. Default: T.
        span_mode : {"soft", "hard"}
            The ASRC mixture, or its arg-max span alone; then the gradient of the span logits is 0.
        masks : list of array (B, N), optional
            Dropout masks m, one per hidden layer: 0, or 1 / (1 - p) for a probability p. Default: no dropout.
        hops : bool
            False drops q W_recᵀ from (8): no error passes through W_rec. With one layer this is e-prop's gradient.
        truncate : int, optional
            Truncated BPTT: no error passes from one block of `truncate` >= 1 steps, counted from t = 0, to the block
            before. Default: errors pass everywhere.
        rate_penalty, target_rate : float
            μ >= 0 and ν* in [0, 1] of the firing-rate penalty (14), which is added to the loss; μ = 0: none.
        threads : int, optional
            At most this many, and never more than 16; the result has the same bits for any number. Default:
            NUMBA_NUM_THREADS, or one per core, and fewer for little work.

        Returns
        -------
        loss : float
        grads : Params
            The mean over the batch, and its gradients with respect to `params`.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, shape or range, or parameters are NaN or infinite.

        Examples
        --------
        >>> net = ms.Network([2, 8, 3], recurrence=ms.SRC(4))
        >>> loss, grads = net.loss_and_grad(np.ones((5, 20, 2)), [0, 1, 2, 0, 1])
        >>> grads["layers.0.w_rec"].shape
        (8, 8)
        """
        x, lengths, masks = self._check_batch(x, lengths, masks)
        y = validate.labels(y, len(x), self.sizes[-1])
        threads = None if threads is None else validate.integer(threads, "threads", 1)
        left_out = Cut(*validate.cut(hops, truncate)), Penalty(*validate.penalty(rate_penalty, target_rate, self.dtype))
        layers = self.layers(span_mode)
        loss, grads = batch.gradients(layers, self.readout(), self.surrogate, x, y, lengths, masks, threads, *left_out)
        return loss, parameters.from_layers(grads, layers, self.params, self.structure(span_mode))

    def logits(self, x: ArrayLike, lengths: Lengths = None, span_mode: SpanMode = "hard") -> np.ndarray:
        """Compute the logits of a batch, (B, classes), with hard spans by default, as in `evaluate`.

        Parameters
        ----------
        x, lengths, span_mode
            See `loss_and_grad`; raises the same errors.
        """
        return self._logits_and_rates(x, lengths, span_mode)[0]

    def predict(self, x: ArrayLike, lengths: Lengths = None) -> np.ndarray:
        """Predict the class of each sequence, (B,) of int: that of its largest logit, with hard spans.

        `net.classes[net.predict(x, lengths)]` are the names. Without `lengths`, padding is read as input.

        Parameters
        ----------
        x, lengths
            See `loss_and_grad`; raises the same errors.
        """
        return self.logits(x, lengths).argmax(axis=1)

    def evaluate(self, data: object, span_mode: SpanMode = "hard") -> Evaluation:
        """Compute loss, accuracy and the firing rate of each layer on labelled sequences.

        Parameters
        ----------
        data : Split, or any object with `x`, `y` and perhaps `lengths`
            See `loss_and_grad`; raises the same errors. If `classes` are texts, y may hold them; integers are always
            the numbers 0 .. classes - 1.
        span_mode : {"soft", "hard"}
            As in `loss_and_grad`; hard by default, as in the paper.

        Returns
        -------
        Evaluation
            `loss`, the mean; `accuracy`, in [0, 1]; `firing_rates` of each layer, spikes per neuron and step.

        Examples
        --------
        >>> 0 <= ms.Network([1, 8, 10]).evaluate(ms.datasets.digits().test).accuracy <= 1
        True
        """
        if not (hasattr(data, "x") and hasattr(data, "y")):
            slip = "; did you mean data.test?" if hasattr(data, "test") else ""
            raise TypeError(f"evaluate expects x and y in one object, e.g. data.test; got {type(data).__name__}{slip}")
        logits, rates = self._logits_and_rates(data.x, getattr(data, "lengths", None), span_mode)
        y = validate.labels(data.y, len(logits), self.sizes[-1], self.classes)
        return Evaluation(
            loss=float(readout.cross_entropy(logits, y).mean(dtype=np.float64)),
            accuracy=float((logits.argmax(axis=1) == y).mean()),
            firing_rates=rates,
        )

    def record(self, x: ArrayLike, lengths: Lengths = None, span_mode: SpanMode = "soft", masks: Masks = None) -> Tape:
        """Run the forward half of `loss_and_grad` and return its intermediate results, all in memory at once.

        Parameters
        ----------
        x, lengths, span_mode, masks
            See `loss_and_grad`; raises the same errors.

        Returns
        -------
        Tape
            `layers`, for each hidden layer a tape with current I, v, v_reset v⁺, s and z, (B, T, N); `counts` (B, N),
            `n_read` |R| (B,) and `logits` (B, classes) of the readout; and what was run: x, lengths, masks, params.

        Examples
        --------
        >>> ms.Network([2, 8, 3]).record(np.ones((5, 20, 2))).layers[0].v.shape
        (5, 20, 8)
        """
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
            surrogate=self.surrogate,
        )

    def adjoint(self, tape: Tape, e: ArrayLike, hops: bool = True, truncate: int | None = None) -> Adjoint:
        """Run the backward half for any e: equations (7) to (13), with the parameters that were recorded.

        Parameters
        ----------
        tape : Tape
            From `record`; of a network with parameters of the same shapes.
        e : array (B, T, N)
            ∂L/∂s of the last hidden layer, for any L; finite, within the bounds of x. Steps after the end of a sequence
            are ignored.
        hops, truncate
            As in `loss_and_grad`.

        Returns
        -------
        Adjoint
            `delta` δ and `q` of each hidden layer, (B, T, N); `dx` (B, T, n_in); `grads`, those of the hidden layers.

        Raises
        ------
        TypeError, ValueError
            If `tape` is not a Tape, or its parameters have other shapes; if e is not finite or has another shape.

        Examples
        --------
        >>> net = ms.Network([2, 8, 3])
        >>> adjoint = net.adjoint(net.record(np.ones((5, 20, 2))), e=np.ones((5, 20, 8)))
        >>> adjoint.delta[0].shape, adjoint.dx.shape
        ((5, 20, 8), (5, 20, 2))
        """
        if not isinstance(tape, Tape):
            raise TypeError(f"tape must come from record(), got {type(tape).__name__}")
        if tape.params.shapes != self.params.shapes:
            raise ValueError(f"tape belongs to another network: {tape.params.shapes} there, {self.params.shapes} here")
        shape = tape.layers[-1].s.shape
        e = validate.real(e, "e")
        if e.shape != shape:
            raise ValueError(f"e must have the shape of the last layer's spikes, (B, T, N) = {shape}, got {e.shape}")
        e = validate.finite(e, "e", str(tape.x.dtype), tape.lengths)
        layers, left_out = parameters.to_layers(tape.params, tape.structure), Cut(*validate.cut(hops, truncate))
        recorded = (tape.x, e, tape.lengths, tape.masks)
        deltas, dx, grads = batch.adjoint(layers, self.readout(), tape.surrogate, *recorded, left_out)
        grads = parameters.from_layers(grads, layers, tape.params, tape.structure)
        qs = [gather(delta, layer, left_out.truncate) for delta, layer in zip(deltas, layers)]
        return Adjoint(deltas, qs, dx, grads)

    # Files

    def config(self) -> dict:
        """Return everything except the parameters, as plain JSON."""
        return files.to_config(self)

    def save(self, path: PathLike) -> None:
        """Write configuration, parameters and temperature to an npz file, atomically.

        Parameters
        ----------
        path : str or Path
            OSError if it can't be written.
        """
        storage.save_npz(path, "network", {"config": self.config()}, dict(self.params.items()))

    @classmethod
    def load(cls, path: PathLike, surrogate: surrogates.Custom | None = None) -> Network:
        """Make a network from a file that `save` wrote: `net = Network.load(path)`.

        Parameters
        ----------
        path : str or Path
        surrogate : Custom, optional
            Needed again if the network was built with one, since files hold no code.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is corrupt, foreign or of a newer format, or needs a surrogate that was not passed.
        """
        if Path(path).is_dir():
            best = Path(path) / "best.npz"  # of a run
            slip = f"; did you mean {best}?" if best.is_file() else ""
            raise FileNotFoundError(f"no file {path}: it is a folder, expected what `save` wrote{slip}")
        header, arrays = storage.load_npz(path, "network")
        try:
            arguments, attributes = files.from_config(header["config"], surrogate)
            net = cls(**arguments)
            for name, value in attributes.items():
                setattr(net, name, value)
            files.fill(net.params, arrays)
        except (KeyError, TypeError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path} is not a whole network: {what}") from error
        return net

    # Internals

    def _kinds(self, recurrence, neuron) -> tuple[tuple, tuple]:
        """Check what the hidden layers are to be made of, and return one of each per layer."""
        hidden = self.sizes[1:-1]
        recurrence = validate.per_layer(recurrence, len(hidden), recurrences.KINDS, "recurrence")
        neuron = validate.per_layer(neuron, len(hidden), KINDS, "neuron")
        validate.neurons_fit(neuron, hidden, self.dtype)
        recurrences.check_shared(recurrence)
        return tuple(recurrence), tuple(neuron)

    def _change(self, recurrence, neuron) -> None:
        """Make the hidden layers of something else that has the same parameters."""
        recurrence, neuron = self._kinds(recurrence, neuron)
        if parameters.blocks(self.sizes, recurrence, neuron) != self.params.blocks:
            raise ValueError(f"{recurrence} with {neuron} needs other parameters than there are; make a new Network")
        self._recurrence, self._neuron = recurrence, neuron

    def _check_batch(self, x, lengths, masks):
        """Check the input of one batch and return it; compile the kernels if this is their first use."""
        if not np.isfinite(self.params.flat).all():
            names = [name for name, block in self.params.items() if not np.isfinite(block).all()]
            first = tuple(map(int, np.argwhere(~np.isfinite(self.params[names[0]]))[0]))
            raise ValueError(f"parameters are NaN or infinite: {', '.join(names)}, the first at index {first}")
        x = validate.sequences(x, self.sizes[0], self.dtype, lengths)
        lengths = validate.lengths(lengths, *x.shape[:2])
        masks = validate.masks(masks, len(x), self.sizes[1:-1], self.dtype)
        prepare_network(self)
        return x, lengths, masks

    def _logits_and_rates(self, x, lengths, span_mode):
        """Compute logits (B, classes) and the firing rate of each layer, without a tape."""
        x, lengths, _ = self._check_batch(x, lengths, None)
        logits, spikes = batch.logits(self.layers(span_mode), self.readout(), self.surrogate, x, lengths)
        return logits, tuple(float(n / (lengths.sum() * size)) for n, size in zip(spikes, self.sizes[1:-1]))


class _OfTheClassAlone(classmethod):
    """A class method that objects do not have: `net.load(path)` would make a network that nobody keeps."""

    def __get__(self, instance, owner=None):
        if instance is not None:
            raise AttributeError("load makes a new network: write net = Network.load(path)")
        return super().__get__(instance, owner)


Network.load = _OfTheClassAlone(Network.load.__func__)  # not as a decorator, which type checkers would not see through
