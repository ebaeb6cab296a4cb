"""`tf.Module` lists variables by the names of their attributes, so bias comes before kernel.

Keras lists variables as they were made, kernel first. Weights that go from one to the other by position end up in the wrong
place. Mostly the shapes differ and it is an error. Layers of equal shape change places without a word, where their names sort
otherwise than they follow each other: `head` comes before `inner`.

Instead: list the variables yourself, in the order that you mean (`lowlevel.network.Network.weights`).

Seen: the stage "weights in", where the shapes agree; where they do not, the weights are refused.
"""

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


class Layer(tf.Module):
    """A dense layer of ``size`` units on ``size`` inputs; made kernel first."""

    def __init__(self, size: int, seed: int) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal((size, size), [seed, 0]))
        self.bias = tf.Variable(tf.zeros(size))


class Net(tf.Module):
    """``inner``, then ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = Layer(3, seed=1), Layer(3, seed=2)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Logits; (batch, 3) -> (batch, 3)."""
        return tf.nn.relu(x @ self.inner.kernel + self.inner.bias) @ self.head.kernel + self.head.bias


def wrong(net: Net) -> list[tf.Variable]:
    """All variables, as the module lists them."""
    return list(net.trainable_variables)


def right(net: Net) -> list[tf.Variable]:
    """All variables in Keras's order: kernel, bias, layer by layer."""
    return [net.inner.kernel, net.inner.bias, net.head.kernel, net.head.bias]


def measure() -> Effect:
    """The order of the module, and what a net computes after its kernels were set by position from those of its own twin."""
    net, x = Net(), tf.constant([[1.0, -2.0, 0.5]])
    names = {id(net.inner.kernel): "inner.kernel", id(net.inner.bias): "inner.bias"}
    names |= {id(net.head.kernel): "head.kernel", id(net.head.bias): "head.bias"}
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        twin = Net()
        kernels = [variable for variable in half(twin) if variable.shape.rank == 2]
        for kernel, value in zip(kernels, (net.inner.kernel, net.head.kernel), strict=True):
            kernel.assign(value)
        numbers[f"{name} difference"] = float(np.abs(twin(x) - net(x)).max())
        numbers[f"{name} bias place"] = [names[id(variable)] for variable in half(net)].index("inner.bias")
    order = ", ".join(names[id(variable)] for variable in wrong(net))
    return Effect(
        f"the module lists {order}; kernels copied by position change the logits by {numbers['wrong difference']:.2f}, not "
        f"{numbers['right difference']:.0f}",
        numbers,
    )


TRAP = Trap(
    name="module-bias-first",
    text=__doc__,
    source="TensorFlow",
    met="strongio/keras-bert#5",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
