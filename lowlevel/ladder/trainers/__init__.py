"""The rungs as sides of a comparison: each gets the methods of ``shared.protocols.Trainer``. One file for a rung, named like it.

Here stand the constants too: TensorFlow sends learning rate, momentum and the powers of Adam's betas through float32, in float64
nets as well. The rungs are given the numbers that come out of that, so that their formulas can stay those of the books.
May import and may not import: as ``lowlevel.ladder``.
"""

from lowlevel.ladder.trainers.base import Trainer
from lowlevel.ladder.trainers.numpy_by_hand import NumpyTrainer
from lowlevel.ladder.trainers.tf1_session import TF1Trainer
from lowlevel.ladder.trainers.tf2_functions import TF2GraphTrainer, TF2Trainer

__all__ = ["NumpyTrainer", "TF1Trainer", "TF2GraphTrainer", "TF2Trainer", "Trainer", "get"]


def get(rung: str) -> type[Trainer]:
    """The trainer of the rung of that name."""
    return {kind.rung: kind for kind in (NumpyTrainer, TF1Trainer, TF2Trainer, TF2GraphTrainer)}[rung]
