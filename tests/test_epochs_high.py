"""The high-level wing's whole-epoch form: the bits of a step at a time and of plain ``fit``, callbacks, and how often it calls.

The plain ``fit`` of these tests is written here, with Keras alone.
"""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import GROWN, QUICK, ROWS, Case, Grown, dense, small_data

import highlevel
import lowlevel
from shared import BatchPlan, ModelSpec, TrainSpec
from shared.batches import INFERENCE_BATCH

MODEL = ModelSpec.mlp(12, 8, 6, 5)
TRAIN = TrainSpec(epochs=3, batch_size=7, seed=5, learning_rate=0.01)
EVEN = 42  # rows that leave no partial batch of 7


def bits(trainer) -> list[bytes]:
    """All that the next step depends on: weights, slots, seeds, and the running means."""
    state = trainer.state()
    return [array.tobytes() for group in (state.weights, state.slots, state.seeds, state.carried) for array in group]


def given_for(case) -> tuple[Any, dict[str, Any]]:
    """Rows with targets that fit the loss, and the options of ``fit``: with a test set, cut anew for two batches of it."""
    x, y, x_test, y_test = small_data(ROWS)
    change = {"mean_squared_error": lambda y: y / 4, "binary_crossentropy": lambda y: y % 2}.get(case.train.loss, lambda y: y)
    options = case.options if isinstance(case, Grown) else {}
    return (x, change(y)), {"validation_data": (x_test, change(y_test)), **options}


def forms_agree(case, xla: bool) -> None:
    """Three epochs in one call each, and a step at a time: history and state have the same bits, and a second ``fit`` too."""
    data, options = given_for(case)
    train = replace(case.train, epochs=3)
    ends = []
    for execution in ("graph", "epoch"):
        trainer = highlevel.Trainer(case.model, train, execution=execution, jit_compile=xla)
        start = bits(trainer)
        histories = [trainer.fit(data, **options).history, trainer.fit(data, epochs=1, **options).history]
        ends.append((histories, bits(trainer), int(trainer.network.optimizer.variables[0])))
        assert bits(trainer) != start
        assert len(histories[0]["loss"]) == 3
        assert {"loss", "val_loss"} <= set(histories[0])
    assert ends[0] == ends[1]


SHORT = {"dropout", "everything-rmsprop", "accumulated", "float16", "weighed-classes", "binary"}
MEANT = [pytest.param(case, marks=() if str(case) in SHORT else pytest.mark.long) for case in (*QUICK, *GROWN)]


def test_the_short_cases_exist():
    assert {case.name for case in GROWN} >= SHORT


@pytest.mark.parametrize("case", MEANT, ids=str)
def test_one_call_an_epoch_equals_a_step_at_a_time(case):
    forms_agree(case, xla=False)


@pytest.mark.parametrize(
    "case", [pytest.param(one, marks=() if str(one) == "float16" else pytest.mark.long) for one in (*QUICK, *GROWN)], ids=str
)
def test_one_call_an_epoch_equals_a_step_at_a_time_under_xla(case, elsewhere):
    elsewhere.submit(forms_agree, case, True).result(timeout=300)
