"""Random combinations of layers, optimiser, schedule, penalty, clipping, batch size, loss and dtype: 0 ULP against ``fit``."""

import pytest
from cases import CLASSES, ROWS, Grown
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_optimizers import AROUND, RULES
from test_parity import data_for

import lockstep
from shared.spec import (
    ACTIVATIONS,
    DTYPES,
    INITIALIZERS,
    LOSSES,
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    L1L2Spec,
)

SIDES = {"plain": ("graph", "epoch", "keras"), "xla": ("graph-xla", "epoch-xla", "keras-xla")}
# Compiled as a loop, XLA may add up the running loss in another way (docs/parity.md): the figure, and nothing that trains.
BESIDE = {"epoch-xla": {("running metric", "loss"), ("epoch loss", "loss")}}
HOW_MANY = {"plain": 30, "xla": 10}  # different ones; a third more are drawn, since some come twice
PENALTIES = [None, None, L1L2Spec(l1=0.01), L1L2Spec(l2=0.02), L1L2Spec(l1=0.01, l2=0.02)]


@st.composite
def combinations(draw) -> Grown:
    """A net of one to three Dense layers with anything in between, and a training."""
    layers: list = []
    loss = draw(st.sampled_from(LOSSES))
    if draw(st.booleans()):
        layers.append(draw(st.sampled_from([DropoutSpec(rate=0.2, name="D0"), BatchNormalizationSpec(name="B0")])))
    for at in range(draw(st.integers(0, 2))):
        normalised, activation = draw(st.booleans()), draw(st.sampled_from(ACTIVATIONS))
        layers.append(
            DenseSpec(
                units=draw(st.integers(2, 9)),
                activation="linear" if normalised else activation,
                use_bias=not normalised,
                kernel_initializer=draw(st.sampled_from([name for name in INITIALIZERS if name != "zeros"])),
                kernel_regularizer=draw(st.sampled_from(PENALTIES)),
                name=f"L{at}",
            )
        )
        if normalised:
            layers += [BatchNormalizationSpec(name=f"B{at + 1}"), ActivationSpec(activation=activation, name=f"A{at}")]
        if draw(st.booleans()):
            layers.append(DropoutSpec(rate=0.3, name=f"D{at + 1}"))
    outputs = CLASSES if "categorical" in loss else 1
    layers.append(DenseSpec(units=outputs, kernel_regularizer=draw(st.sampled_from(PENALTIES)), name="last"))
    rule, around = draw(st.sampled_from(list(RULES))), draw(st.sampled_from(list(AROUND)))
    smoothing = draw(st.sampled_from([0.0, 0.1])) if loss in ("categorical_crossentropy", "binary_crossentropy") else 0.0
    train = RULES[rule] | AROUND[around] | {"loss": loss, "label_smoothing": smoothing, "epochs": 3}
    dtype = draw(st.sampled_from(DTYPES))
    # The gradient of one row, or of three, scaled by 2^15, may not fit into float16: infinity on both sides proves nothing.
    train["batch_size"] = draw(st.sampled_from([12, 64] if dtype == "mixed_float16" else [1, 7, 10, 64]))
    return Grown(f"{rule}-{around}", tuple(layers), train, dtype)


@pytest.mark.long
@pytest.mark.parametrize("arithmetic", SIDES)
def test_random_combinations_equal_fit(arithmetic):
    tried: set[str] = set()

    # Found once, a failing combination is written out whole: to shrink it would cost minutes.
    @settings(
        max_examples=HOW_MANY[arithmetic] * 4 // 3,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(combinations())
    def compare(case):
        drawn = f"{case.model.to_json()} {case.train.to_json()}"
        if drawn in tried:
            return
        report = lockstep.compare(case.model, case.train, data_for(case.train), sides=SIDES[arithmetic])
        assert report.pairs[0].steps == -(-ROWS // case.train.batch_size) * 3
        for pair in report.pairs:
            differing = {key for gaps in pair.gaps for key, gap in gaps.items() if gap.distance}
            assert pair.verdict in ("identical", "round-off"), f"{drawn} {report}"
            assert differing <= BESIDE.get(pair.left, set()), f"{drawn} {report}"
        tried.add(drawn)

    compare()
    print(f"{len(tried)} combinations, {arithmetic}")
    assert len(tried) >= HOW_MANY[arithmetic]
