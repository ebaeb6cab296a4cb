"""What a network is and how it is trained, as plain frozen data.

One spec builds both wings, and neither wing reads anything else. Specs are compared with ``==``, written with
``to_json`` and read with ``from_json``; a wrong value is refused when the spec is made, in one line that says the rule,
what was received and the remedy.
"""

from shared.spec.layers import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYERS,
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    L1L2Spec,
    LayerSpec,
)
from shared.spec.model import DTYPES, ModelSpec
from shared.spec.rules import require
from shared.spec.schedules import (
    SCHEDULES,
    CosineDecaySpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    ScheduleSpec,
)
from shared.spec.train import LOSSES, OPTIMIZERS, TrainSpec, slot_names

__all__ = [
    "ACTIVATIONS",
    "DTYPES",
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "ActivationSpec",
    "BatchNormalizationSpec",
    "CosineDecaySpec",
    "DenseSpec",
    "DropoutSpec",
    "ExponentialDecaySpec",
    "InverseTimeDecaySpec",
    "L1L2Spec",
    "LayerSpec",
    "ModelSpec",
    "PiecewiseConstantDecaySpec",
    "PolynomialDecaySpec",
    "ScheduleSpec",
    "TrainSpec",
    "require",
    "slot_names",
]
