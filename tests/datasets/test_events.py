"""Events as counts per step and channel, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnn.datasets import array_to_events, events_to_array


def counted(times, units, n_steps, max_time, n_units, channels) -> np.ndarray:
    """The definition, event by event: the step whose interval holds the time, the group that holds the unit."""
    edges = [t * max_time / n_steps for t in range(n_steps)]
    counts = np.zeros((n_steps, channels))
    for time, unit in zip(times, units):
        counts[max(t for t in range(n_steps) if edges[t] <= time), unit // (n_units // channels)] += 1
    return counts


@given(
    st.lists(st.tuples(st.integers(0, 699), st.integers(0, 11)), max_size=60),
    st.sampled_from([1, 5, 7]),
    st.sampled_from([1, 3, 4, 12]),
)
def test_against_the_definition(events, n_steps, channels):
    """Times are multiples of 1/64, and steps of 100/64 or 140/64 or 700/64, so edges are exact."""
    times, units = np.array(events, float).reshape(-1, 2).T
    max_time, times, units = 700 / 64, times / 64, units.astype(int)
    got = events_to_array(times, units, n_steps, max_time, 12, channels)
    assert got.dtype == np.float32
    assert got.sum() == len(events)
    np.testing.assert_array_equal(got, counted(times, units, n_steps, max_time, 12, channels))


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=9), st.floats(1e-3, 1e3))
def test_round_trip_from_counts(counts, max_time):
    """Counts to events to counts, for any end; events come in order of time, all of them inside."""
    times, units = array_to_events(counts, max_time)
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < max_time)).all()
    assert (times.dtype, units.dtype) == (np.float64, np.int64)
    again = events_to_array(times, units, len(counts), max_time, n_units=4, dtype="uint8")
    np.testing.assert_array_equal(again, counts)


def test_round_trip_from_events(rng):
    """Events to counts to events: each is still there, at most half a step away."""
    times, units = rng.random(200) * 1.4, rng.integers(0, 21, 200)
    times[:60] = times[60]  # many at once
    x = events_to_array(times, units, n_steps=40, max_time=1.4, n_units=21)
    back, units_back = array_to_events(x, max_time=1.4)
    order = np.lexsort((times, units))  # the same order: by unit, then time
    order_back = np.lexsort((back, units_back))
    np.testing.assert_array_equal(units[order], units_back[order_back])
    assert np.abs(times[order] - back[order_back]).max() <= 1.4 / 40 / 2 + 1e-12


def test_order_does_not_matter(rng):
    times, units = rng.random(50), rng.integers(0, 6, 50)
    shuffled = rng.permutation(50)
    sorted_, out_of_order = (events_to_array(times[i], units[i], 9, 1.0, 6) for i in (times.argsort(), shuffled))
    np.testing.assert_array_equal(sorted_, out_of_order)


def test_no_events():
    assert events_to_array([], [], n_steps=5, max_time=1.0, n_units=6, channels=3).tolist() == [[0.0] * 3] * 5
    times, units = array_to_events(np.zeros((5, 3)), max_time=1.0)
    assert (times.shape, units.shape) == ((0,), (0,))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("n_steps", range(1, 300, 7))
def test_the_last_number_before_the_end_is_in_the_last_step(kind, n_steps):
    """Also where its quotient rounds up to the end."""
    last = np.nextafter(np.array(1.4, kind), np.array(0, kind))
    x = events_to_array([last], [0], n_steps, float(np.array(1.4, kind)), 1)
    assert x[:, 0].tolist() == [0.0] * (n_steps - 1) + [1.0]


@pytest.mark.parametrize("n_steps", [7, 49, 1000])
def test_events_at_an_edge_lie_in_the_later_step(n_steps):
    """Also where 1 / n_steps is no number of a computer."""
    assert (events_to_array(np.arange(n_steps), np.zeros(n_steps, int), n_steps, n_steps, 1) == 1).all()


@pytest.mark.parametrize("n_steps, max_time", [(100, 1.0), (250, 1.4), (1000, 0.7), (7, 0.3), (49, 1e-3)])
def test_each_step_begins_where_it_is_said_to(n_steps, max_time):
    """At t · max_time / n_steps, as floating-point numbers compute it; just before that is the step before."""
    starts = np.array([t * max_time / n_steps for t in range(n_steps)])
    for times, first in ((starts, 0), (np.nextafter(starts[1:], 0.0), 1)):
        counts = events_to_array(times, np.zeros(len(times), int), n_steps, max_time, 1)[:, 0]
        np.testing.assert_array_equal(counts[: n_steps - first], 1)


@pytest.mark.parametrize("dtype, most", [("bool", 1), ("uint8", 255), ("int8", 127), ("float16", 2048)])
def test_counts_fit_into_their_dtype(dtype, most):
    x = events_to_array(np.zeros(most), np.full(most, 2), 3, 1.0, 4, dtype=dtype)
    assert (x.dtype, int(x[0, 2])) == (dtype, most)
    with pytest.raises(ValueError, match=f"step 0, channel 2 has {most + 1} events, more than {dtype} can hold"):
        events_to_array(np.zeros(most + 1), np.full(most + 1, 2), 3, 1.0, 4, dtype=dtype)


@pytest.mark.parametrize(
    "changed, error, words",
    [
        (
            {"times": [0.1, 1.4, 0.2]},
            ValueError,
            r"below max_time = 1.4, got times\[1\] = 1.4; raise max_time, or keep",
        ),
        ({"times": [1.5, 900, 2]}, ValueError, r"got times\[0\] = 1.5 and 2 more; are the times in another unit"),
        ({"times": [0.1, -0.2, -0.3]}, ValueError, r"times must be at least 0, got times\[1\] = -0.2 and 1 more; "),
        ({"times": [0.1, np.nan, 0.2]}, ValueError, r"times must be finite numbers, got times\[1\] = nan"),
        ({"times": [0.1, 0.2]}, ValueError, r"of the same length, got \(2,\) and \(3,\)"),
        ({"times": [[0.1, 0.2, 0.3]]}, ValueError, "must be two arrays"),
        ({"times": ["a", "b", "c"]}, TypeError, "times must hold real numbers"),
        ({"units": [0, 6, 2]}, ValueError, r"units must lie in 0 .. 5, got units\[1\] = 6$"),
        ({"units": [1, 6, 2]}, ValueError, r"got units\[1\] = 6; do they start at 1"),
        ({"units": [0, -1, 2]}, ValueError, r"units must lie in 0 .. 5, got units\[1\] = -1"),
        ({"units": [0.0, 1.0, 2.0]}, TypeError, "units must hold integers, got dtype float64"),
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
        ({"n_steps": 2.5}, TypeError, "n_steps must be an integer"),
        ({"max_time": 0}, ValueError, "max_time must be a finite number"),
        ({"max_time": np.inf}, ValueError, "max_time must be a finite number"),
        ({"n_units": 0}, ValueError, "n_units must be at least 1"),
        ({"channels": 4}, ValueError, "channels must divide the 6 units into equal groups, got 4; e.g. 3"),
        ({"channels": 0}, ValueError, "channels must be at least 1"),
        ({"dtype": "complex64"}, TypeError, "dtype must be one of real numbers"),
    ],
)
def test_errors_of_events(changed, error, words):
    good = {"times": [0.1, 0.3, 0.2], "units": [0, 5, 2], "n_steps": 7, "max_time": 1.4, "n_units": 6, "channels": 3}
    assert events_to_array(**good).sum() == 3
    with pytest.raises(error, match=words):
        events_to_array(**{**good, **changed})


@pytest.mark.parametrize(
    "counts, error, words",
    [
        ([[0, 1], [2, -1]], ValueError, r"whole numbers, at least 0, got counts\[1, 1\] = -1"),
        ([[0.0, 0.5]], ValueError, r"got counts\[0, 1\] = 0.5"),
        ([[0.0, np.inf]], ValueError, r"got counts\[0, 1\] = inf"),
        ([[np.nan, 0.0]], ValueError, r"got counts\[0, 0\] = nan"),
        ([0, 1], ValueError, r"must have the axes \(T, channels\), got shape \(2,\)"),
        (np.zeros((2, 3, 4)), ValueError, "turn the recordings of a batch into events one by one"),
        ([["a"]], TypeError, "counts must hold real numbers"),
        (np.zeros((0, 2)), ValueError, r"counts has no time steps: shape \(0, 2\)"),
    ],
)
def test_errors_of_counts(counts, error, words):
    with pytest.raises(error, match=words):
        array_to_events(counts, max_time=1.0)
