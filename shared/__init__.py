"""The ground floor: specs, data, batch plans, records. Both wings stand on it.

May import: numpy, h5py, scikit-learn, the standard library. May not import: tensorflow, keras, ``lowlevel``, ``highlevel``
or ``lockstep``. It holds no forward, loss or update mathematics: a bug in a formula kept here would show in both wings alike
and no comparison could see it. ``tests/test_house.py`` reads the source and enforces this.
"""

from shared.batches import BatchPlan
from shared.checkpoints import Checkpoints
from shared.data import Dataset, load_cats, load_digits, load_file, load_signs, stream_file
from shared.errors import InputError
from shared.records import History
from shared.spec import (
    ActivationSpec,
    BatchNormalizationSpec,
    CosineDecaySpec,
    DenseSpec,
    DropoutSpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    L1L2Spec,
    ModelSpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    TrainSpec,
)

PROJECT = "keras-lockstep"  # by this mark each wing knows that the package named ``shared`` is ours

__all__ = [
    "ActivationSpec",
    "BatchNormalizationSpec",
    "BatchPlan",
    "Checkpoints",
    "CosineDecaySpec",
    "Dataset",
    "DenseSpec",
    "DropoutSpec",
    "ExponentialDecaySpec",
    "History",
    "InputError",
    "InverseTimeDecaySpec",
    "L1L2Spec",
    "ModelSpec",
    "PiecewiseConstantDecaySpec",
    "PolynomialDecaySpec",
    "TrainSpec",
    "load_cats",
    "load_digits",
    "load_file",
    "load_signs",
    "stream_file",
]
