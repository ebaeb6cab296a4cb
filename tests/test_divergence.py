"""Counting in ULP against a count that is too slow to be wrong; first differences; streams; a verdict on nothing."""

import math
import struct
import threading

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.divergence import Divergence, Names, Tally, distances, gap, same_bits, tensors, ulp_text
from lockstep.floor import Floor
from lockstep.streams import together
from lockstep.verdict import judge
from shared.records import STEP_STAGES, EpochRecord, History, State, StepRecord

FLOATS = [np.float16, np.float32, np.float64]


def place(value, dtype):
    """Where a number stands among all numbers of its type, counted from +0.0 as 0; -0.0 is -1. Worked out from single bits."""
    code = {np.float16: "<e", np.float32: "<f", np.float64: "<d"}[dtype]
    bits = int.from_bytes(struct.pack(code, float(value)), "little")
    sign = 1 << (8 * struct.calcsize(code) - 1)
    return -1 - (bits - sign) if bits & sign else bits


def ulps(left, right, dtype):
    return gap(np.array([left], dtype), np.array([right], dtype))[1]


# ---------------------------------------------------------------------------------------------------------------- counting


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("start", [1.0, -1.0, 0.1, 1e-4, -6e4, 2.0, math.nextafter(2.0, 0.0), 1.0009765625])
@pytest.mark.parametrize("towards", [math.inf, -math.inf])
def test_each_step_of_nextafter_is_one_ulp(dtype, start, towards):
    start = at = dtype(start)
    for count in range(1, 50):
        at = np.nextafter(at, dtype(towards))
        assert ulps(start, at, dtype) == count
        assert ulps(at, start, dtype) == count


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_walk_through_zero_counts_both_zeros(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    walk = [-2 * tiny, -tiny, dtype(-0.0), dtype(0.0), tiny, 2 * tiny]
    for one, left in enumerate(walk):
        for other, right in enumerate(walk):
            assert ulps(left, right, dtype) == abs(one - other)
    assert gap(np.array([0.0], dtype), np.array([-0.0], dtype)) == (0.0, 1)


def floats(dtype):
    width = 8 * np.dtype(dtype).itemsize
    return st.floats(width=width, allow_nan=False)


@pytest.mark.parametrize("dtype", FLOATS)
def test_count_agrees_with_the_slow_one(dtype):
    @given(floats(dtype), floats(dtype))
    @example(math.inf, -math.inf)
    @example(math.inf, float(np.finfo(dtype).max))
    @example(-0.0, 0.0)
    @example(float(np.finfo(dtype).max), float(np.finfo(dtype).min))
    @example(float(np.finfo(dtype).smallest_subnormal), float(-np.finfo(dtype).smallest_subnormal))
    def agrees(left, right):
        assert ulps(left, right, dtype) == abs(place(left, dtype) - place(right, dtype))
        assert ulps(left, right, dtype) == ulps(right, left, dtype)
        assert (ulps(left, right, dtype) == 0) == (struct.pack("<d", left) == struct.pack("<d", right))

    agrees()


@pytest.mark.parametrize("dtype", FLOATS)
def test_of_arrays_the_largest_counts(dtype):
    pairs = st.lists(st.tuples(floats(dtype), floats(dtype)), min_size=1, max_size=8)

    @given(pairs)
    @example([(0.0, 1.0), (float(np.finfo(dtype).max), float(np.finfo(dtype).min)), (1.0, 1.0)])
    @example([(math.inf, math.inf), (1.0, 1.0)])
    def agrees(pairs):
        left, right = (np.array(side, dtype) for side in zip(*pairs, strict=True))
        absolute, count = gap(left, right)
        assert count == max(abs(place(a, dtype) - place(b, dtype)) for a, b in pairs)
        assert absolute == max(0.0 if a == b else abs(a - b) for a, b in pairs)
        assert gap(left[::-1], right[::-1]) == (absolute, count)
        assert gap(left.reshape(1, -1, 1), right.reshape(1, -1, 1)) == (absolute, count)
        assert gap(np.repeat(left, 2)[::2], np.repeat(right, 2)[::2]) == (absolute, count)

    agrees()


def test_wide_differences_in_float64_are_counted_exactly():
    # Here int64 would overflow, and float64 would round one away.
    low, high = np.finfo(np.float64).min, np.finfo(np.float64).max
    assert ulps(low, high, np.float64) == 2 * 0x7FEFFFFFFFFFFFFF + 1
    assert ulps(np.nextafter(low, 0), high, np.float64) == 2 * 0x7FEFFFFFFFFFFFFF
    left, right = np.array([np.nextafter(low, 0), low]), np.array([high, high])
    assert gap(left, right)[1] == 2 * 0x7FEFFFFFFFFFFFFF + 1


# ------------------------------------------------------------------------------------------------- NaN, infinity, and shapes


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_equals_nothing_itself_included(dtype):
    nan, same = np.array([1, math.nan], dtype), np.array([1, math.nan], dtype)
    for left, right in ((nan, same), (nan, nan), (nan, np.array([1, 2], dtype)), (np.array([1, 2], dtype), nan)):
        assert gap(left, right) == (math.inf, math.inf)
        assert not same_bits(left, right)


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinity_equals_infinity_of_its_sign(dtype):
    left = np.array([math.inf, -math.inf, 1], dtype)
    assert gap(left, left.copy()) == (0.0, 0)
    assert gap(left, np.array([math.inf, -math.inf, 1 + np.finfo(dtype).eps], dtype)) == (float(np.finfo(dtype).eps), 1)
    assert gap(left, -left)[0] == math.inf
    assert gap(np.array([math.inf], dtype), np.array([np.finfo(dtype).max], dtype)) == (math.inf, 1)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.zeros(3), np.zeros(4)),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(1), np.zeros(())),
        (np.zeros((0, 3)), np.zeros((0, 4))),
        (np.zeros(3, np.float32), np.zeros(3, np.float64)),
        (np.zeros(3, np.int32), np.zeros(3, np.int64)),
        (np.zeros(3, np.int32), np.zeros(3, np.float32)),
        (np.zeros(3, ">f4"), np.zeros(3, "<f4")),
    ],
    ids=str,
)
def test_another_shape_or_dtype_is_infinitely_far(left, right):
    assert gap(left, right) == (math.inf, math.inf)
    assert not same_bits(left, right)


def test_arrays_in_the_other_byte_order_are_counted_by_value():
    left, right = np.array([1.0, 2.0], ">f4"), np.array([1.0, np.nextafter(np.float32(2), np.float32(3))], ">f4")
    assert gap(left, right)[1] == 1


def test_integers_differ_by_their_distance():
    assert gap(np.array([1, 5]), np.array([1, 9])) == (4.0, 4.0)
    assert gap(np.array(7, np.int64), np.array(7, np.int64)) == (0.0, 0)
    assert gap(np.array([0], np.uint8), np.array([255], np.uint8)) == (255.0, 255.0)
    assert gap(np.array([True]), np.array([False])) == (1.0, 1.0)
    assert gap(np.array([2**63 - 1]), np.array([2**63 - 2]))[1] != 0
    assert gap(np.zeros((0, 3)), np.zeros((0, 3))) == (0.0, 0)


def test_ulp_reads_well():
    assert ulp_text(1234567) == "1,234,567 ULP"
    assert "NaN" in ulp_text(math.inf)


# ------------------------------------------------------------------------------------------------------------------- Tally

WEIGHTS, SLOTS = ("L1/kernel", "L1/bias"), ("iteration", "learning_rate")
NAMES = Names(WEIGHTS, WEIGHTS, SLOTS)


def step(number=1, epoch=1, **changes):
    values = {
        "inputs": np.ones((2, 4), np.float32),
        "targets": np.array([0.0, 1.0], np.float32),
        "logits": np.ones((2, 3), np.float32),
        "example_losses": np.ones(2, np.float32),
        "loss": np.float32(1),
        "gradients": [np.ones((4, 3), np.float32), np.ones(3, np.float32)],
        "slots": [np.int64(number), np.float32(0.1)],
        "weights": [np.ones((4, 3), np.float32), np.ones(3, np.float32)],
        "running": np.array([1.0, 0.5], np.float32),
    }
    return StepRecord(epoch=epoch, step=number, **{**values, **changes})


def end(epoch=1, **changes):
    values = {"loss": np.float32(1), "accuracy": np.float32(0.5)}
    tests = {"val_loss": np.float32(1), "val_accuracy": np.float32(0.5), "predictions": np.ones((2, 3), np.float32)}
    return EpochRecord(epoch=epoch, **{**values, **tests, **changes})


def other(value):
    """The value moved by one ULP."""
    if isinstance(value, list):
        return [value[0], np.nextafter(value[1], np.float32(9))]
    return np.nextafter(value, np.float32(9))


STAGE_OF = {
    "inputs": ("batch", "x"),
    "targets": ("batch", "targets"),
    "logits": ("logits", "logits"),
    "example_losses": ("example losses", "losses"),
    "loss": ("loss", "loss"),
    "gradients": ("gradients", "L1/bias"),
    "slots": ("slots", "learning_rate"),
    "weights": ("weights out", "L1/bias"),
    "running": ("running metric", "loss"),
}


@pytest.mark.parametrize("field", list(STAGE_OF))
def test_each_stage_of_a_step_is_seen(field):
    tally = Tally(NAMES)
    tally.see(step(1), step(1))
    assert tally.first is None
    tally.see(step(2, **{field: other(getattr(step(2), field))}), step(2))
    stage, tensor = STAGE_OF[field]
    assert (tally.first.epoch, tally.first.step, tally.first.stage, tally.first.tensor) == (1, 2, stage, tensor)
    assert tally.first.max_ulp == 1
    assert stage in STEP_STAGES
    assert tally.around[0].step == 1
    assert tally.around[1].step == 2


def test_the_first_difference_follows_the_order_of_the_stages():
    fields = list(STAGE_OF)
    for at, earliest in enumerate(fields):
        tally = Tally(NAMES)
        tally.see(step(1, **{field: other(getattr(step(1), field)) for field in fields[at:]}), step(1))
        assert tally.first.stage == STAGE_OF[earliest][0]


def test_the_first_difference_stays_the_first():
    tally = Tally(NAMES)
    tally.see(step(1, running=other(step(1).running)), step(1))
    tally.see(step(2, targets=np.array([5, 6], np.float32)), step(2))
    assert (tally.first.step, tally.first.stage) == (1, "running metric")
    assert tally.max_abs == 5.0


@pytest.mark.parametrize(
    ("field", "stage"),
    [
        ("loss", "epoch loss"),
        ("accuracy", "metrics"),
        ("val_loss", "evaluation"),
        ("val_accuracy", "evaluation"),
        ("predictions", "prediction"),
    ],
)
def test_each_stage_of_an_epoch_is_seen(field, stage):
    tally = Tally(NAMES)
    tally.see(step(1), step(1))
    tally.see(end(**{field: other(getattr(end(), field))}), end())
    assert (tally.first.epoch, tally.first.step, tally.first.stage) == (1, 1, stage)


def test_the_state_before_the_first_step_is_seen():
    kernel, bias = step().weights
    tally = Tally(NAMES)
    tally.see_start(State(weights=[kernel, other(bias)], slots=step().slots), step().state)
    assert tally.first == Divergence(1, 1, "weights in", "L1/bias", tally.first.max_abs, 1)


def test_sides_out_of_step_are_an_error():
    with pytest.raises(RuntimeError, match="out of step"):
        Tally(NAMES).see(step(), end())


@pytest.mark.parametrize("change", [{"predictions": None}, {"predictions": None, "val_loss": None, "val_accuracy": None}])
def test_a_side_that_validates_where_the_other_does_not_never_passes(change):
    for left, right in ((end(**change), end()), (end(), end(**change))):
        tally = Tally(NAMES)
        tally.see(step(), step())
        with pytest.raises(ValueError, match="zip"):
            tally.see(left, right)


def test_records_of_other_steps_never_pass():
    tally = Tally(NAMES)
    tally.see(step(1), step(2))
    assert tally.first is not None


def test_nan_on_both_sides_is_a_difference():
    tally = Tally(NAMES)
    tally.see(step(loss=np.float32(math.nan)), step(loss=np.float32(math.nan)))
    assert tally.first.stage == "loss"
    assert tally.max_ulp == math.inf
    assert judge(tally, None, "left", (History(loss=[1.0]), History(loss=[1.0])), (1, 0)).verdict == "different"


# ----------------------------------------------------------------------------------------------------------------- verdict


def test_a_comparison_of_nothing_is_never_identical():
    histories = (History(loss=[1.0], accuracy=[1.0]), History(loss=[1.0], accuracy=[1.0]))
    empty = Tally(NAMES)
    assert judge(empty, None, "left", histories, (0, 0)).verdict == "different"
    start_only = Tally(NAMES)
    start_only.see_start(step().state, step().state)
    assert judge(start_only, None, "left", histories, (0, 0)).verdict == "different"
    epochs_only = Tally(NAMES)
    epochs_only.see(end(), end())
    assert judge(epochs_only, None, "left", histories, (0, 1)).verdict == "different"
    nothing = {name: np.zeros((0,), np.float32) for name in ("inputs", "targets", "logits", "example_losses", "loss", "running")}
    hollow = Tally(Names((), (), ()))
    hollow.see(
        step(**{**nothing, "running": [nothing["running"]] * 2}, gradients=[], slots=[], weights=[]),
        step(**{**nothing, "running": [nothing["running"]] * 2}, gradients=[], slots=[], weights=[]),
    )
    assert judge(hollow, None, "left", histories, (1, 0)).verdict == "different"


def test_equal_records_are_identical():
    tally = Tally(NAMES)
    tally.see(step(), step())
    judgement = judge(tally, None, "left", (History(), History()), (1, 0))
    assert judgement.verdict == "identical"
    assert tally.numbers == 8 + 2 + 6 + 2 + 1 + 15 + 2 + 15 + 2


def flat(record, value=0.0):
    """A floor of ``value`` for every tensor of a record."""
    return {(stage, tensor): value for stage, tensor, _ in tensors(record, NAMES)}


def judged(*sides, **given):
    return judgement_of(*sides, **given).verdict


def judgement_of(left, right, floor=1e-9, one_step=1e-9, ending=None):
    """What is said of one step (and perhaps the end of an epoch) whose curves agree, above floors of that height."""
    tally = Tally(NAMES)
    tally.see(left, right)
    perturbed = [flat(right, floor)]
    if ending is not None:
        tally.see(*ending)
        perturbed.append(flat(ending[1], floor))
    found = Floor(perturbed, [1], [flat(right, one_step)], {"left": [distances(left, right, NAMES)]})
    histories = (History(loss=[1.0], accuracy=[0.5]), History(loss=[1.0], accuracy=[0.5]))
    return judge(tally, found, "left", histories, (1, 0 if ending is None else 1))


def up(array, times=1):
    for _ in range(times):
        array = np.nextafter(array, np.float32(9))
    return array


def test_one_ulp_is_round_off_and_twenty_are_not():
    kernel, bias = np.ones((4, 3), np.float32), np.ones(3, np.float32)
    assert judged(step(weights=[up(kernel), bias]), step()) == "round-off"
    judgement = judgement_of(step(weights=[up(kernel, 20), bias]), step())
    assert judgement.verdict == "alike"
    assert "at step 1 the stage 'weights out'" in judgement.why


def test_a_defect_in_a_small_tensor_does_not_hide_behind_a_large_one():
    """The kernel is a ULP off, as rounding may be; the bias, a million times smaller, was never updated."""
    kernel, bias = np.ones((4, 3), np.float32), np.full(3, 1e-6, np.float32)
    assert judged(step(weights=[up(kernel), bias]), step(weights=[kernel, bias])) == "round-off"
    assert judged(step(weights=[up(kernel), bias * 0]), step(weights=[kernel, bias])) == "alike"


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": up(np.ones((2, 4), np.float32))},
        {"targets": np.array([1.0, 1.0], np.float32)},
        {"slots": [np.int64(2), np.float32(0.1)]},
        {"running": np.array([99.0, 0.5], np.float32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_rounding_cannot_touch_is_no_round_off(changes):
    assert judged(step(**changes), step(), floor=1e-4, one_step=1e-4) == "alike"


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": np.float32(99)},
        {"accuracy": np.float32(0.1)},
        {"val_loss": np.float32(99)},
        {"val_accuracy": np.float32(0.1)},
        {"predictions": np.full((2, 3), 1000, np.float32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_wrong_end_of_an_epoch_is_no_round_off(changes):
    """All steps agree to a ULP; only what is said at the end of the epoch is wrong."""
    values = {"loss": np.float32(1), "accuracy": np.float32(0.5), "val_loss": np.float32(1), "val_accuracy": np.float32(0.5)}
    values["predictions"] = np.ones((2, 3), np.float32)
    ending = (EpochRecord(epoch=1, **values | changes), EpochRecord(epoch=1, **values))
    nudged = step(weights=[up(np.ones((4, 3), np.float32)), np.ones(3, np.float32)])
    assert judged(nudged, step(), ending=(ending[1], ending[1])) == "round-off"
    judgement = judgement_of(nudged, step(), ending=ending)
    assert judgement.verdict == "alike"
    assert "at the end of epoch 1 " in judgement.why


def test_a_blind_floor_proves_nothing():
    """Above 1e-3 the running floor leaves the word to single steps; a single step's own floor must be below it."""
    far = step(weights=[np.full((4, 3), 1.5, np.float32), np.ones(3, np.float32)])
    assert judged(far, step(), floor=1.0, one_step=1e-9) == "alike"
    for height in (math.inf, math.nan, 1.0):
        assert judged(far, step(), floor=1.0, one_step=height) == "alike"


def test_a_comparison_that_ends_early_is_different():
    tally = Tally(NAMES)
    tally.see(step(), step())
    assert judge(tally, None, "left", (History(), History()), (2, 0)).verdict == "different"


# ----------------------------------------------------------------------------------------------------------------- streams


def alive():
    return {thread for thread in threading.enumerate() if thread is not threading.main_thread()}


def counting(to, ended=None):
    def work(sink):
        try:
            for number in range(to):
                sink(number)
        finally:
            if ended is not None:
                ended.append(to)

    return work


def failing(error, after=0):
    def work(sink):
        counting(after)(sink)
        raise error

    return work


def test_records_come_moment_by_moment():
    before = alive()
    assert list(together([counting(100), counting(100), counting(100)])) == [(at, at, at) for at in range(100)]
    assert alive() <= before


class OurError(Exception):
    """Raised by a side."""


@pytest.mark.parametrize("after", [0, 1, 50])
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("error", [OurError("mine"), ValueError("mine"), ValueError("zip() argument"), KeyboardInterrupt("mine")])
def test_an_exception_in_one_side_surfaces(error, position, after):
    before, ended = alive(), []
    works = [counting(10**9, ended), failing(error, after)]
    with pytest.raises(type(error)) as caught:
        list(together(works if position else works[::-1]))
    assert caught.value is error
    assert ended == [10**9]
    assert alive() <= before


@pytest.mark.parametrize("lengths", [(5, 9), (9, 5), (0, 1), (5, 5, 6), (5, 6, 5), (6, 5, 5)])
def test_a_side_that_ends_early_is_an_error(lengths):
    before = alive()
    with pytest.raises(RuntimeError, match="ended before"):
        list(together([counting(length) for length in lengths]))
    assert alive() <= before


def test_closing_stops_the_threads():
    before, ended = alive(), []
    moments = together([counting(10**9, ended), counting(10**9, ended)])
    assert next(moments) == (0, 0)
    assert len(alive() - before) == 2
    moments.close()
    assert ended == [10**9, 10**9]
    assert alive() <= before


def test_an_exception_in_the_reader_stops_the_threads():
    before, ended = alive(), []

    def read():
        for _ in together([counting(10**9, ended), counting(10**9, ended)]):
            raise OurError

    with pytest.raises(OurError):
        read()
    assert ended == [10**9, 10**9]
    assert alive() <= before


def test_no_side_runs_far_ahead():
    seen = []

    def work(sink):
        for number in range(1000):
            seen.append(number)
            sink(number)

    moments = together([work, counting(1000)])
    for at, _ in enumerate(moments):
        assert len(seen) <= at + 8
    assert len(seen) == 1000
