"""Twin: highlevel/estimator.py. The net as scikit-learn's classifier and regressor.

All that is scikit-learn's stands in ``shared/estimators.py``; this wing gives the trainer, the first weights and the end.
"""

from lowlevel import callbacks, network
from lowlevel.trainer import Trainer
from shared.estimators import Classifier, Regressor
from shared.trainers import Trainers

__all__ = ["LowLevelClassifier", "LowLevelRegressor"]

_TRAINERS = Trainers(Trainer, network.build, callbacks.EarlyStopping)


class LowLevelClassifier(Classifier):
    """A classifier trained by variables, ``tf.function`` and the gradient tape.

    Keras: as ``HighLevelClassifier``, to the bit; scikit-learn: ``MLPClassifier``.
    Parameters and attributes: ``shared.estimators.Classifier``.
    """

    trainers = _TRAINERS


class LowLevelRegressor(Regressor):
    """A regressor trained by variables, ``tf.function`` and the gradient tape.

    Keras: as ``HighLevelRegressor``, to the bit; scikit-learn: ``MLPRegressor``.
    Parameters and attributes: ``shared.estimators.Regressor``.
    """

    trainers = _TRAINERS
