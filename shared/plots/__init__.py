"""Pictures of data, of training and of what nets answer.  Every function returns a matplotlib ``Figure``; ``save`` writes it.

Nothing here computes what a net does: activation functions, predictions and probabilities come from the caller.
"""

from shared.plots.figures import save
from shared.plots.grids import examples, grid, misclassified, predictions
from shared.plots.lines import HasLoss, activations, curves
from shared.plots.page import digits_page, main
from shared.plots.tables import bars, confusion

__all__ = [
    "HasLoss",
    "activations",
    "bars",
    "confusion",
    "curves",
    "digits_page",
    "examples",
    "grid",
    "main",
    "misclassified",
    "predictions",
    "save",
]
