"""Checkpoints: a training's whole state on disk, so that it can be broken off at any step and go on in the same bits.

Reading order: ``point.py`` says what a training's state is, ``sealed.py`` how a file holds it, ``folder.py`` which are kept,
``identity.py`` whose they are, ``keeper.py`` what happens during ``fit``. Nothing here knows a framework: a wing hands out its
state as arrays and takes it back, and so either wing goes on from the other's checkpoint.
"""

from shared.checkpoints.folder import Checkpoints
from shared.checkpoints.point import Point

__all__ = ["Checkpoints", "Point"]
