"""Surrogates: each derivative belongs to its primitive, with documented peak, width and area, and its kernel twin."""

import copy
import dataclasses
import inspect
import math
import pickle

import numpy as np
import pytest

import minisnn as ms
from minisnn._internal import storage
from minisnn.core import batch, kernels
from minisnn.core.surrogate import BUILT_IN

SCALES = [(1.0, 1.0), (0.7, 0.3), (2.5, 1.8)]

# What the docstrings promise, by hand: σ′(width) / peak, area / (peak · width), and kinks / width.
AT_WIDTH = {
    "Triangle": 0.0,
    "Rectangle": 0.0,
    "Exponential": math.exp(-1.0),
    "Sigmoid": 4.0 * math.e / (1.0 + math.e) ** 2,
    "Gaussian": math.exp(-0.5),
    "ATan": 0.5,
    "FastSigmoid": 0.25,
}
AREA = {
    "Triangle": 1.0,
    "Rectangle": 2.0,
    "Exponential": 2.0,
    "Sigmoid": 4.0,
    "Gaussian": math.sqrt(2.0 * math.pi),
    "ATan": math.pi,
    "FastSigmoid": 2.0,
}
KINKS = {
    "Triangle": (-1.0, 0.0, 1.0),
    "Rectangle": (-1.0, 1.0),
    "Exponential": (0.0,),
    "Sigmoid": (),
    "Gaussian": (),
    "ATan": (),
    "FastSigmoid": (0.0,),
}
HEAVY_TAILS = ("ATan", "FastSigmoid")


def cases():
    return [
        pytest.param(kind(peak, width), id=f"{kind.__name__}-{peak}-{width}")
        for kind in BUILT_IN
        for peak, width in SCALES
    ]


def name_of(surrogate) -> str:
    return type(surrogate).__name__


def away_from_kinks(u, width) -> np.ndarray:
    """The values of u that are not near 0 or ±width, where some derivatives have a kink or a jump."""
    near = np.abs(np.abs(u)[:, np.newaxis] - np.array([0.0, width])) < 1e-3
    return u[~near.any(axis=1)]


def test_all_seven_are_here():
    assert {kind.__name__ for kind in BUILT_IN} == set(AREA) == set(AT_WIDTH)
    assert len(BUILT_IN) == 7


@pytest.mark.parametrize("surrogate", cases())
def test_derivative_is_that_of_the_primitive(surrogate):
    u = away_from_kinks(np.linspace(-6.0, 6.0, 1201) * surrogate.width, surrogate.width)
    h = 1e-5 * surrogate.width
    differences = (surrogate.primitive(u + h) - surrogate.primitive(u - h)) / (2 * h)
    assert np.abs(surrogate.derivative(u) - differences).max() < 1e-8 * surrogate.peak


@pytest.mark.parametrize("surrogate", cases())
def test_peak_width_and_symmetry(surrogate):
    u = np.linspace(-8.0, 8.0, 1601) * surrogate.width
    slope = surrogate.derivative(u)
    assert surrogate.derivative(np.zeros(1))[0] == surrogate.peak
    assert slope.max() == surrogate.peak
    assert slope.min() >= 0.0
    at_width = surrogate.derivative(np.array([surrogate.width]))[0]
    assert at_width == pytest.approx(AT_WIDTH[name_of(surrogate)] * surrogate.peak, rel=1e-14)
    np.testing.assert_array_equal(surrogate.derivative(-u), slope)
    falls = np.diff(surrogate.derivative(np.linspace(0.0, 8.0, 1601) * surrogate.width))
    assert (falls <= 0.0).all()
    assert (falls < 0.0).any()
    # σ(u) - σ(0) is odd.
    middle = surrogate.primitive(np.zeros(1))[0]
    sums = surrogate.primitive(u) + surrogate.primitive(-u)
    np.testing.assert_allclose(sums, 2 * middle, rtol=1e-13)


@pytest.mark.parametrize("surrogate", cases())
def test_area(surrogate):
    area = AREA[name_of(surrogate)] * surrogate.peak * surrogate.width
    if name_of(surrogate) in HEAVY_TAILS:
        # About 1 / x of the area lies beyond x widths: no grid reaches that far, the limits of the primitive do.
        ends = surrogate.primitive(np.array([-1e12, 1e12]) * surrogate.width)
        assert ends[1] - ends[0] == pytest.approx(area, rel=1e-11)
        assert abs(ends[0]) < 1e-11 * area
        reach = 50.0
    else:
        reach = 45.0
    u = np.linspace(-reach, reach, 90_001) * surrogate.width  # the kinks 0 and ±width are among these points
    slope = surrogate.derivative(u)
    integral = ((slope[1:] + slope[:-1]) / 2 * np.diff(u)).sum()
    rise = surrogate.primitive(u[-1:])[0] - surrogate.primitive(u[:1])[0]
    # The trapezoidal rule is off by half a cell at each edge of the rectangle, and by O(step²) elsewhere.
    tolerance = 2e-3 if isinstance(surrogate, ms.Rectangle) else 1e-6
    assert integral == pytest.approx(rise, rel=tolerance)
    if name_of(surrogate) not in HEAVY_TAILS:
        assert rise == pytest.approx(area, rel=1e-13)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_defaults_rise_by_one_with_slope_one(kind):
    surrogate = kind()
    assert surrogate.peak == 1.0
    assert AREA[kind.__name__] * surrogate.peak * surrogate.width == pytest.approx(1.0, rel=1e-15)


@pytest.mark.parametrize("surrogate", cases())
def test_primitive_never_falls(surrogate):
    u = np.linspace(-40.0, 40.0, 8001) * surrogate.width
    rises = np.diff(surrogate.primitive(u))
    assert (rises >= -4 * np.finfo(np.float64).eps * surrogate.peak * surrogate.width).all()
    assert (rises[3900:4100] > 0.0).all()  # |u| < width
    assert surrogate.primitive(np.array([-1e9]))[0] == pytest.approx(0.0, abs=1e-8 * surrogate.peak)


@pytest.mark.parametrize("surrogate", cases())
def test_kinks_are_scaled_by_the_width(surrogate):
    assert surrogate.kinks == tuple(x * surrogate.width for x in KINKS[name_of(surrogate)])
    assert all(type(u) is float for u in surrogate.kinks)


@pytest.mark.parametrize("part", ["primitive", "derivative"])
@pytest.mark.parametrize("surrogate", cases())
def test_arrays_of_any_shape(surrogate, part):
    function = getattr(surrogate, part)
    u = np.linspace(-2.0, 2.0, 24) * surrogate.width
    flat = function(u)
    np.testing.assert_array_equal(function(u.reshape(2, 3, 4)), flat.reshape(2, 3, 4))
    assert function(u[:0].reshape(0, 3)).shape == (0, 3)
    for value, expected in zip(u, flat):
        for given in (np.array(value), value, float(value)):
            assert np.shape(function(given)) == ()
            assert function(given) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("surrogate", cases())
def test_derivative_of_float32_is_float32(surrogate):
    u = (np.linspace(-2.9, 2.9, 24) * surrogate.width).astype(np.float32)  # none near an edge
    slope = surrogate.derivative(u)
    # The rectangle's is two numbers to choose from, exact in either dtype.
    assert slope.dtype == (np.float64 if isinstance(surrogate, ms.Rectangle) else np.float32)
    np.testing.assert_allclose(slope, surrogate.derivative(u.astype(np.float64)), rtol=2e-6)


def test_rectangle_is_0_on_its_edges():
    for width in (0.3, 0.5, 1.0, 1.8):
        for dtype in ("float32", "float64"):
            edge = np.dtype(dtype).type(width)
            inside = np.nextafter(edge, np.dtype(dtype).type(0))
            u = np.array([-edge, -inside, inside, edge], dtype)
            np.testing.assert_array_equal(ms.Rectangle(2.0, width).derivative(u), [0.0, 2.0, 2.0, 0.0])
            slope = np.full((1, 4), np.nan, dtype)
            scalar = np.dtype(dtype).type
            code = BUILT_IN.index(ms.Rectangle)
            kernels.fill_slope(code, scalar(2.0), scalar(width), u[np.newaxis], np.zeros(4, dtype), slope)
            np.testing.assert_array_equal(slope[0], [0.0, 2.0, 2.0, 0.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("surrogate", cases())
def test_far_from_the_threshold_nothing_overflows(surrogate, dtype):
    """Warnings are errors in these tests, so an overflow would show."""
    u = np.array([-1e4, -1e3, 1e3, 1e4], dtype)
    slope = surrogate.derivative(u)
    assert np.isfinite(slope).all()
    assert (slope >= 0.0).all()
    assert (slope < 1e-4 * surrogate.peak).all()
    primitive = surrogate.primitive(u)
    assert np.isfinite(primitive).all()
    area = AREA[name_of(surrogate)] * surrogate.peak * surrogate.width
    np.testing.assert_allclose(primitive, [0.0, 0.0, area, area], atol=2e-3 * area)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-15)])
@pytest.mark.parametrize("surrogate", cases())
def test_kernel_fills_the_derivative(surrogate, dtype, tolerance):
    """In the dtype of the arrays, at potentials around, at and far from the threshold of each neuron."""
    rng = np.random.default_rng(4)
    scalar = np.dtype(dtype).type
    threshold = np.array([0.5, 1.0, 1.75], dtype)
    v = (threshold + surrogate.width * rng.uniform(-3.0, 3.0, (50, 3))).astype(dtype)
    v[0], v[1], v[2] = threshold, threshold + scalar(1e4), threshold - scalar(1e4)
    slope = np.full_like(v, np.nan)
    code = BUILT_IN.index(type(surrogate))
    kernels.fill_slope(code, scalar(surrogate.peak), scalar(surrogate.width), v, threshold, slope)
    expected = surrogate.derivative((v - threshold).astype(np.float64))
    assert np.abs(slope - expected).max() < tolerance * max(1.0, surrogate.peak) * 4
    assert np.isfinite(slope).all()
    assert slope.any()


def test_logistic_function_of_slope_alpha():
    """As the docstring of Sigmoid says: 1 / (1 + exp(-α u)) is Sigmoid(α / 4, 1 / α)."""
    u = np.linspace(-2.0, 2.0, 41)
    for alpha in (1.0, 4.0, 10.0):
        logistic = 1.0 / (1.0 + np.exp(-alpha * u))
        np.testing.assert_allclose(ms.Sigmoid(alpha / 4, 1 / alpha).primitive(u), logistic, rtol=1e-14)


@pytest.mark.parametrize("kind", BUILT_IN)
@pytest.mark.parametrize("name", ["peak", "width"])
def test_wrong_peak_and_width(kind, name):
    for value in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=name):
            kind(**{name: value})
    for value in ("1", None, True, 1j, [1.0]):
        with pytest.raises(TypeError, match=name):
            kind(**{name: value})


@pytest.mark.parametrize("kind", BUILT_IN)
def test_surrogates_are_values(kind):
    assert kind(0.5, 0.25) == kind(0.5, 0.25)
    assert hash(kind(0.5, 0.25)) == hash(kind(0.5, 0.25))
    assert kind(0.5, 0.25) != kind(0.5, 0.5)
    assert kind(peak=0.5, width=0.25) == kind(0.5, 0.25)
    assert all(kind(0.5, 0.25) != other(0.5, 0.25) for other in BUILT_IN if other is not kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().peak = 2.0


@pytest.mark.parametrize("kind", BUILT_IN)
def test_surrogates_are_dataclasses_that_can_be_copied_and_stored(kind):
    surrogate = kind(0.5, 0.25)
    assert repr(surrogate) == f"{kind.__name__}(peak=0.5, width=0.25)"
    assert [field.name for field in dataclasses.fields(surrogate)] == ["peak", "width"]
    assert storage.to_json(surrogate) == {"kind": kind.__name__, "peak": 0.5, "width": 0.25}
    copies = (
        copy.deepcopy(surrogate),
        pickle.loads(pickle.dumps(surrogate)),
        dataclasses.replace(kind(0.5), width=0.25),
        storage.from_json(storage.to_json(surrogate), BUILT_IN, "surrogate"),
    )
    for same in copies:
        assert type(same) is kind
        assert same == surrogate
        assert same.kinks == surrogate.kinks


@pytest.mark.parametrize("kind", BUILT_IN)
def test_help_says_formula_and_area(kind):
    text = " ".join(inspect.getdoc(kind).split("\n\n")[0].split())
    assert "surrogate" in text and ": σ′(u) = peak" in text
    area = text.split("area ")[1].removesuffix("peak · width.").removesuffix(" · ") or "1"
    assert {"1": 1.0, "2": 2.0, "4": 4.0, "π": math.pi, "√(2π)": math.sqrt(2.0 * math.pi)}[area] == AREA[kind.__name__]


@pytest.mark.parametrize("kind", BUILT_IN)
def test_source_of_each_can_be_shown(kind):
    """Tutorial 01 prints that of the triangle."""
    assert f"class {kind.__name__}(" in inspect.getsource(kind)
    assert kind.__module__ == "minisnn.core.surrogate"
    assert str(inspect.signature(kind)) == f"(peak: float = 1.0, width: float = {kind().width}) -> None"


def test_subclass_of_a_built_in_is_your_own():
    """It keeps what it doesn't change, and the kernels don't take it for the built-in."""

    class Half(ms.Triangle):
        """Half as steep."""

        def derivative(self, u):
            return 0.5 * super().derivative(u)

    assert Half(2.0, 0.5).kinks == (-0.5, 0.0, 0.5)
    assert Half.__doc__ == "Half as steep."
    assert Half(2.0, 0.5).derivative(np.zeros(1))[0] == 1.0
    assert Half(2.0, 0.5) != ms.Triangle(2.0, 0.5)
    assert batch.slope_numbers(Half()) == (-1, 1.0, 1.0)


def test_wrong_custom_surrogates():
    for name in ("", None, 3):
        with pytest.raises(TypeError, match="name"):
            ms.Custom(name, np.tanh, np.cosh)
    with pytest.raises(TypeError, match="primitive must be a function"):
        ms.Custom("mine", 1.0, np.cosh)
    with pytest.raises(TypeError, match="derivative must be a function"):
        ms.Custom("mine", np.tanh, "cosh")
    with pytest.raises(TypeError, match=r"kinks must be a sequence of numbers, e\.g\. \(-1, 0, 1\), got 0\.5"):
        ms.Custom("mine", np.tanh, np.cosh, kinks=0.5)
    for wrong in (lambda: ms.Custom("mine"), lambda: ms.Custom("mine", np.cosh)):  # the derivative alone has a name
        with pytest.raises(TypeError, match=r"got None; did you mean Custom\('mine', derivative=\.\.\.\)\?"):
            wrong()


def test_custom_without_a_primitive_trains_as_with_one(rng):
    """Training calls the derivative alone: the same bits. Files and comparisons know no difference either."""
    pair = ms.Custom("tanh", np.tanh, lambda u: 1 / np.cosh(u) ** 2)
    alone = dataclasses.replace(pair, primitive=None)
    assert alone == ms.Custom("tanh", derivative=pair.derivative) and alone.primitive is None
    x, y = rng.standard_normal((4, 9, 3)) * 2, rng.integers(0, 2, 4)
    nets = [ms.Network([3, 6, 2], recurrence=ms.SRC(4), surrogate=s, dtype="float64") for s in (pair, alone)]
    (loss, grads), (other_loss, other_grads) = (net.loss_and_grad(x, y) for net in nets)
    assert loss == other_loss and grads["layers.0.w_in"].any()
    np.testing.assert_array_equal(grads.flat, other_grads.flat)
    assert nets[0].config() == nets[1].config()


def test_custom_copy_of_a_built_in_gives_its_gradients(rng):
    """The custom path and the built-in one compute the same."""
    triangle = ms.Triangle(0.9, 1.2)
    custom = ms.Custom("triangle", triangle.primitive, triangle.derivative)
    x, y = rng.standard_normal((4, 9, 3)) * 2, rng.integers(0, 2, 4)
    results = [
        ms.Network([3, 6, 5, 2], recurrence=ms.ASRC(4), surrogate=s, dtype="float64").loss_and_grad(x, y)
        for s in (triangle, custom)
    ]
    assert results[0][0] == results[1][0]
    np.testing.assert_allclose(results[0][1].flat, results[1][1].flat, rtol=1e-12, atol=1e-15)
    assert results[0][1]["layers.0.w_in"].any()
