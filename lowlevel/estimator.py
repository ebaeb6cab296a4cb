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

    >>> x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["even", "odd", "odd", "even"]
    >>> net = LowLevelClassifier(hidden_layer_sizes=(16,), learning_rate=0.05, random_state=0).fit(x, y)
    >>> net.predict(x).tolist()
    ['even', 'odd', 'odd', 'even']
    """

    trainers = _TRAINERS


class LowLevelRegressor(Regressor):
    """A regressor trained by variables, ``tf.function`` and the gradient tape.

    Keras: as ``HighLevelRegressor``, to the bit; scikit-learn: ``MLPRegressor``.
    Parameters and attributes: ``shared.estimators.Regressor``.
    """

    trainers = _TRAINERS
