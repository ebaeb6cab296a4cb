"""The batch plan: every example once an epoch, the same for the same seed, and nobody else's generator is touched."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import BatchPlan, InputError
from shared.batches import plan_of

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**31 - 1)


def refused(make, *words):
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert "Received: " in message
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message, message


@given(sizes, st.integers(1, 70), seeds, st.integers(0, 10**6), st.booleans())
def test_every_example_stands_once_in_every_epoch(examples, batch_size, seed, epoch, shuffle):
    plan = BatchPlan(examples, batch_size, seed, shuffle)
    batches = list(plan.batches(epoch))
    assert sorted(np.concatenate(batches).tolist()) == list(range(examples))
    assert len(batches) == plan.steps
    assert all(batch.dtype == np.int64 for batch in batches)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (plan.steps - 1)
    assert len(batches[-1]) == (examples % batch_size or batch_size)
    assert np.array_equal(np.concatenate(batches), plan.order(epoch))


def test_last_batch_is_the_rest():
    assert [len(batch) for batch in BatchPlan(5000, 32).batches(0)] == [32] * 156 + [8]
    assert BatchPlan(5000, 32).steps == 157
    assert [len(batch) for batch in BatchPlan(64, 32).batches(0)] == [32, 32]
    assert [len(batch) for batch in BatchPlan(3, 32).batches(0)] == [3]


def test_three_epochs_are_a_prefix_of_three_hundred():
    long = BatchPlan(45, 7, seed=11)
    orders = [long.order(epoch) for epoch in range(300)]
    short = BatchPlan(45, 7, seed=11)
    # drawn alone and backwards, each is still the same
    for epoch in (2, 1, 0, 299, 150):
        assert np.array_equal(short.order(epoch), orders[epoch])
    assert len({order.tobytes() for order in orders}) == 300


def test_seed_and_epoch_make_the_order():
    assert np.array_equal(BatchPlan(100, 8, seed=5).order(3), BatchPlan(100, 32, seed=5).order(3))
    assert not np.array_equal(BatchPlan(100, 8, seed=5).order(3), BatchPlan(100, 8, seed=6).order(3))
    assert not np.array_equal(BatchPlan(100, 8, seed=5).order(3), BatchPlan(100, 8, seed=3).order(5))
    assert np.array_equal(BatchPlan(100, 8, seed=np.int64(5)).order(np.int64(3)), BatchPlan(100, 8, seed=5).order(3))


def test_order_is_the_permutation_that_is_documented():
    expected = np.random.Generator(np.random.PCG64([1234, 2])).permutation(20)
    assert np.array_equal(BatchPlan(20, 8, seed=1234).order(2), expected)
    # The bits themselves, so that another NumPy that drew differently would be seen.
    assert BatchPlan(8, 4, seed=1234).order(0).tolist() == [5, 6, 7, 0, 4, 1, 3, 2]
    assert BatchPlan(8, 4, seed=1234).order(1).tolist() == [1, 4, 0, 2, 5, 7, 6, 3]


def test_without_shuffling_rows_keep_their_order():
    plan = BatchPlan(10, 4, seed=5, shuffle=False)
    assert [batch.tolist() for batch in plan.batches(7)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_global_generators_are_neither_read_nor_changed():
    np.random.seed(1)
    random.seed(1)
    before = [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()], random.getstate()
    drawn = list(BatchPlan(50, 8, seed=3).batches(4))
    after = [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()], random.getstate()
    assert before == after
    np.random.seed(2)
    random.seed(2)
    for one, other in zip(drawn, BatchPlan(50, 8, seed=3).batches(4), strict=True):
        assert np.array_equal(one, other)


# ------------------------------------------------------------------------------------------------------- explicit orders


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, list])
def test_explicit_orders_are_followed(kind):
    given_orders = [[2, 0, 1, 3], [3, 2, 1, 0]]
    orders = given_orders if kind is list else np.array(given_orders, kind)
    plan = BatchPlan(4, 3, seed=9, orders=orders)
    assert [batch.tolist() for batch in plan.batches(0)] == [[2, 0, 1], [3]]
    assert [batch.tolist() for batch in plan.batches(1)] == [[3, 2, 1], [0]]
    assert plan.order(0).dtype == np.int64


def test_explicit_orders_cannot_be_changed_from_outside():
    orders = np.array([[2, 0, 1]])
    plan = BatchPlan(3, 3, orders=orders)
    orders[0, 0] = 77
    plan.order(0)[0] = 88
    next(plan.batches(0))[0] = 99
    with pytest.raises(ValueError, match="read-only"):
        plan.orders[0, 0] = 66
    assert plan.order(0).tolist() == [2, 0, 1]


def test_explicit_orders_end():
    plan = BatchPlan(3, 3, orders=np.array([[2, 0, 1]]))
    refused(lambda: plan.order(1), "1 orders", "epoch 2")
    refused(lambda: list(plan.batches(1)), "epoch 2")


@pytest.mark.parametrize(
    "orders",
    [
        [0, 1, 2],
        [[0, 1]],
        [[0, 1, 2, 3]],
        [[0, 1, 3]],
        [[0, 1, -1]],
        [[0.0, 1.0, 2.0]],
        [["a", "b", "c"]],
        [[True, False, True]],
        [[0, 1, 2], [0, 1]],
        [[[0, 1, 2]]],
        np.zeros((0, 3), int),
        np.array([[0, 1, 2**64 - 1]], np.uint64),
        "abc",
        {},
        [[None, 1, 2]],
        3,
    ],
    ids=lambda orders: str(orders)[:30],
)
def test_orders_that_do_not_fit_are_refused(orders):
    refused(lambda: BatchPlan(3, 2, orders=orders), "integer array (epochs, 3)")
    refused(lambda: plan_of(orders, 3, 2, 0, True), "integer array (epochs, 3)")


# -------------------------------------------------------------------------------------------------------- wrong counts


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True, float("nan"), np.float64(3), [3]], ids=repr)
def test_counts_must_be_whole_numbers_of_at_least_one(value):
    refused(lambda: BatchPlan(value, 2), "BatchPlan.examples")
    refused(lambda: BatchPlan(2, value), "BatchPlan.batch_size")


@pytest.mark.parametrize("value", [-1, 2.0, "3", None, True], ids=repr)
def test_seed_must_be_a_whole_number_of_at_least_zero(value):
    refused(lambda: BatchPlan(2, 2, value), "BatchPlan.seed")


def test_epochs_count_from_zero():
    refused(lambda: BatchPlan(3, 2).order(-1), "epoch=-1")
    refused(lambda: BatchPlan(3, 2, orders=[[0, 1, 2]]).order(-1), "epoch=-1")


# --------------------------------------------------------------------------------------------------- the plan fit follows


def test_without_a_plan_the_spec_draws_one():
    for shuffle in (True, False):
        plan = plan_of(None, 20, 6, 4, shuffle)
        assert np.array_equal(plan.order(2), BatchPlan(20, 6, 4, shuffle).order(2))


def test_an_array_becomes_a_plan():
    plan = plan_of(np.array([[2, 0, 1]]), 3, 2, 0, True)
    assert [batch.tolist() for batch in plan.batches(0)] == [[2, 0], [1]]


def test_a_plan_that_fits_is_taken_as_it_is():
    plan = BatchPlan(20, 6, seed=8)
    assert plan_of(plan, 20, 6, 0, False) is plan


@pytest.mark.parametrize("plan", [BatchPlan(19, 6), BatchPlan(20, 5)], ids=str)
def test_a_plan_for_other_data_is_refused(plan):
    refused(lambda: plan_of(plan, 20, 6, 0, True), "20 rows in batches of 6", f"{plan.examples} rows")
