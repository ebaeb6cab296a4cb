"""Two trainings are called equal since their loss curves agree within 1e-3.

Keras's own numerical test compares the history of one epoch with that of another Keras, within 1e-3, where the loss is the
mean squared error of ten probabilities: below 0.1 from the start. An Adam with another epsilon, 1e-8 in the place of 1e-7,
passes. Its weights are off by 3e-2, a hundred times as much.

Instead: compare weights and slots, after single steps, in ULPs, or within a floor that was measured; and with a loss whose
size is known.

Seen: the weights of the first steps; the curves only much later.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._nets import distance, net
from shared import load_digits

Side = tuple[list[float], list[np.ndarray]]  # loss and validation loss, and weights


def wrong(left: Side, right: Side) -> bool:
    """Whether two trainings are equal."""
    return np.allclose(left[0], right[0], atol=1e-3)


def right(left: Side, right: Side) -> bool:
    """Whether two trainings are equal."""
    return distance(left[1], right[1]) == 0


def trained(epsilon: float) -> Side:
    """One epoch of all digits, the last tenth held back."""
    given = load_digits()
    order = np.random.default_rng(0).permutation(len(given.x_train))
    x, y = given.x_train[order], np.eye(10)[given.y_train[order, 0]]
    loss = keras.losses.MeanSquaredError(name="loss")
    model = net(keras.optimizers.Adam(epsilon=epsilon, name="adam"), loss=lambda y, z: loss(y, keras.ops.softmax(z)))
    history = model.fit(x, y, validation_split=0.1, shuffle=False, verbose=0).history
    return history["loss"] + history["val_loss"], model.get_weights()


def measure() -> Effect:
    """What the two comparisons say of an Adam with another epsilon, and of the same Adam."""
    this, same, other = trained(1e-7), trained(1e-7), trained(1e-8)
    numbers = {"losses": distance([np.array(this[0])], [np.array(other[0])]), "weights": distance(this[1], other[1])}
    for name, equal in (("wrong", wrong), ("right", right)):
        numbers |= {f"{name} passes other": equal(this, other), f"{name} passes same": equal(this, same)}
    return Effect(
        "another epsilon: losses differ by {losses:.1e} and weights by {weights:.1e}; it passes: {wrong passes other}, not "
        "{right passes other}; the same Adam passes: {right passes same}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="tolerance-too-wide",
    text=__doc__,
    source="Keras's tests",
    met="Keras, numerical_test.py",
    kind="test",
    wrong=wrong,
    right=right,
    measure=measure,
)
