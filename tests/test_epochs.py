"""Whole epochs in one call end in the bits of a training a step at a time, whose steps ``test_parity.py`` compares with `fit`."""

import pytest
from cases import GROWN, LONG, QUICK, data_for

import lowlevel

XLA = {"plain": False, "xla": True}


def trained(case, execution: str, xla: bool) -> list[bytes]:
    """All that a training leaves: curves, weights, optimiser, seeds, running means."""
    trainer = lowlevel.Trainer(case.model, case.train, execution=execution, jit_compile=xla)
    history = trainer.fit(data_for(case.train), **getattr(case, "options", {}))
    state = trainer.state()
    assert len(history.loss) == case.train.epochs
    return [repr(history.history).encode()] + [a.tobytes() for a in (*state.weights, *state.slots, *state.seeds, *state.carried)]


def same(case, xla: bool) -> None:
    assert trained(case, "epoch", xla) == trained(case, "graph", xla)


@pytest.mark.parametrize("case", [*QUICK, *GROWN], ids=str)
def test_whole_epochs_equal_steps(case):
    same(case, xla=False)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if getattr(case, "xla", True) else pytest.mark.long) for case in [*QUICK, *GROWN]],
    ids=str,
)
def test_whole_epochs_equal_steps_under_xla(case):
    same(case, xla=True)


@pytest.mark.long
@pytest.mark.parametrize("arithmetic", XLA)
@pytest.mark.parametrize("case", LONG, ids=str)
def test_full_table(case, arithmetic, elsewhere):
    elsewhere.submit(same, case, XLA[arithmetic]).result(timeout=300)
