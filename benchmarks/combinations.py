"""Random combinations of layers, optimiser, schedule, penalty, clipping, batch size, loss and dtype against ``fit``.

``python benchmarks/combinations.py [plain|xla] [HOW_MANY]`` draws them (the same ones each time), compares the graph and epoch
forms with ``fit`` over three epochs, and prints a line for each: 0 ULP, or where the two part. Needs the extra ``test``.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the tables of cases

from cases import CLASSES, Grown
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
    train["batch_size"] = draw(st.sampled_from([1, 7, 10, 64]))
    dtype = draw(st.sampled_from(DTYPES))
    return Grown(f"{rule}-{around}", tuple(layers), train, dtype)


def main(arithmetic: str = "plain", how_many: str = "32") -> None:
    """Print a line for each combination, and how many of them are 0 ULP."""
    found: list[str] = []

    @settings(
        max_examples=int(how_many),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(combinations())
    def compare(case):
        report = lockstep.compare(case.model, case.train, data_for(case.train), sides=SIDES[arithmetic])
        found.append(report.verdict)
        where = "0 ULP" if report.max_ulp == 0 else f"{report.verdict}; {report.first}"
        print(
            f"{case.name}, {case.model}, {case.dtype}, {case.train.loss}, batches of {case.train.batch_size}: {where}", flush=True
        )

    compare()
    print(f"{found.count('identical')} of {len(found)} combinations are identical ({arithmetic})")


if __name__ == "__main__":
    main(*sys.argv[1:])
