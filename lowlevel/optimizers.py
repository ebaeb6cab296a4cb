"""Twin: highlevel/optimizers.py. Update rules as pure functions of their equation, each in a thin holder of its slots.

Symbols: w weight, g gradient, m and v slots, t step counted from 1, lr learning rate. The order of the operations is Keras's,
since another order rounds differently. In a float64 net ``tf.cast`` of a Python number goes through float32, while a number that
is written beside a tensor does not: which constant goes which way is Keras's choice too.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import tensorflow as tf

from lowlevel import clipping, schedules
from lowlevel.loss_scaling import LossScaleOptimizer
from shared.settings import check_fused
from shared.spec import ScheduleSpec, TrainSpec

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Lion", "Nadam", "Optimizer", "RMSprop", "get"]


class Optimizer(ABC):
    """Holds the state, and does what all optimisers do around their rule: accumulate, clip, decay, average.

    Keras: ``keras.optimizers.Optimizer``. A step goes: gather gradients until there are enough of them; clip; shrink the weights
    (decay); run the rule on each weight; move the averages of the weights.
    """

    def __init__(self, train: TrainSpec) -> None:
        self.train = train
        self.clip = clipping.get(train)
        self.iteration = tf.Variable(0, dtype=tf.int64, name="iteration")
        rate = train.learning_rate
        self.learning_rate: Any = (
            schedules.get(rate) if isinstance(rate, ScheduleSpec) else tf.Variable(rate, dtype=tf.float32, name="learning_rate")
        )
        self.slots: dict[tuple[int, str], tf.Variable] = {}  # by number of the weight and name of the slot

    def build(self, weights: list[tf.Variable]) -> None:
        """Make the slots of the weights, in Keras's order: group by group, and within a group weight by weight."""
        average = [("average",)] if self.train.use_ema else []
        accumulator = [("gradient_accumulator",)] if self.train.gradient_accumulation_steps else []
        self.slots = {
            (at, slot): tf.Variable(self.start(slot, weight), name=f"{weight.name[:-2]}/{slot}")
            for group in (*average, *accumulator, *self.train.slot_groups)
            for at, weight in enumerate(weights)
            for slot in group
        }

    def start(self, slot: str, weight: tf.Variable) -> tf.Tensor:
        """The first value of a slot; of the weight's shape and dtype."""
        return tf.zeros_like(weight)

    @property
    def variables(self) -> list[tf.Variable]:
        """All state in Keras's order: iteration int64 (), learning_rate float32 () unless a schedule gives it, the slots."""
        rate = [self.learning_rate] if isinstance(self.learning_rate, tf.Variable) else []
        return [self.iteration, *rate, *self.slots.values()]

    @property
    def updates(self) -> tf.Tensor:
        """How often the rule has run: at each step, or once for all steps whose gradients it gathers. Keras: ``iterations``."""
        return self.iteration // (self.train.gradient_accumulation_steps or 1)

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss of which the gradients are to be taken: this one. See ``LossScaleOptimizer``."""
        return loss

    def apply(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """One step: weights, slots and counter take their next values. Keras: ``Optimizer.apply``."""
        # As with the layers: a compiled product of three factors is rounded in another order, so eager code has it compiled too.
        step = self.graph if tf.executing_eagerly() else self.step
        step(gradients, weights)

    @cached_property
    def graph(self) -> Callable[[list[tf.Tensor], list[tf.Variable]], tf.Tensor]:
        """``step``, compiled."""
        return tf.function(self.step, autograph=False)

    def step(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> tf.Tensor:
        """What ``apply`` does, operation by operation; returns the counter."""
        steps = self.train.gradient_accumulation_steps
        if steps is None:
            self.update(gradients, weights)
        else:
            enough = tf.equal((self.iteration + 1) % steps, 0)
            tf.cond(enough, lambda: self._update_with_gathered(gradients, weights), lambda: self._gather(gradients))
        if self.train.use_ema:
            self._average(weights)
        self.iteration.assign_add(1)
        return tf.identity(self.iteration)  # a graph that returns nothing is optimised, and so rounded, in another way

    def update(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """Clip, decay, and give every weight and its slots the values of the rule."""
        gradients = self.clip(gradients)
        if self.train.weight_decay is not None:
            for weight in weights:
                rate = tf.cast(self.rate(), weight.dtype)
                weight.assign_sub(weight * tf.cast(self.train.weight_decay, weight.dtype) * rate)
        rate = self.rate()  # read once: a product that only one other uses would be multiplied in another order
        for at, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            slots = [self.slots[at, slot] for slot in self.train.slots]
            self.follow(weight, gradient, slots, self.constants(rate, weight.dtype))

    def follow(self, weight: tf.Variable, gradient: tf.Tensor, slots: list[tf.Variable], constants: dict[str, tf.Tensor]) -> None:
        """Give a weight and its slots the values of the rule."""
        for variable, value in zip((weight, *slots), self.rule(weight, gradient, *slots, **constants), strict=True):
            variable.assign(value)

    def rate(self) -> tf.Tensor:
        """The learning rate of this step, float32 (). A schedule counts all steps, also those that only gather gradients."""
        rate = self.learning_rate
        return rate(self.iteration) if callable(rate) else tf.identity(rate)

    def constants(self, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
        """What the rule is told beside weight, gradient and slots: scalars of the weight's dtype. t counts updates."""
        return {"t": tf.cast(self.updates + 1, dtype), "learning_rate": tf.cast(rate, dtype)}

    @abstractmethod
    def rule(self, w, g, *slots, t, learning_rate) -> tuple[tf.Tensor, ...]:
        """New weight and new slots; all of w's shape and dtype. t and learning_rate are scalars of w's dtype."""

    def finalize(self, weights: list[tf.Variable]) -> None:
        """Replace the weights by their averages, if such are kept. Keras: ``finalize_variable_values``, at the end of ``fit``."""
        if self.train.use_ema:
            for at, weight in enumerate(weights):
                weight.assign(self.slots[at, "average"])

    def _gather(self, gradients: list[tf.Tensor]) -> None:
        for at, gradient in enumerate(gradients):
            gathered = self.slots[at, "gradient_accumulator"]
            gathered.assign(gathered + gradient)

    def _update_with_gathered(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        gathered = [self.slots[at, "gradient_accumulator"] for at in range(len(weights))]
        steps = self.train.gradient_accumulation_steps
        self.update([(g + sum_) / steps for g, sum_ in zip(gradients, gathered, strict=True)], weights)
        for sum_ in gathered:
            sum_.assign(tf.zeros_like(sum_))

    def _average(self, weights: list[tf.Variable]) -> None:
        """``a' = mu a + (1 - mu) w``, and ``a' = w`` until the rule has run once; now and then also ``w = a'``."""
        for at, weight in enumerate(weights):
            average = self.slots[at, "average"]
            mu = tf.cast(tf.not_equal(self.updates, 0), weight.dtype) * self.train.ema_momentum
            average.assign(mu * average + (1 - mu) * weight)
        every = self.train.ema_overwrite_frequency
        if every is not None:
            tf.cond(tf.equal((self.updates + 1) % every, 0), lambda: self.finalize(weights), lambda: None)


class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's look-ahead where asked for. Keras: ``keras.optimizers.SGD``.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning (2013).
    """

    def rule(self, w, g, *slots, t, learning_rate):
        """``w - lr g``; with momentum ``m' = mu m - lr g``, then ``w + m'``, or ``w + mu m' - lr g`` (Nesterov)."""
        if not slots:
            return (w - g * learning_rate,)
        mu = tf.cast(self.train.momentum, w.dtype)
        m = slots[0] * mu - g * learning_rate
        return (w + (m * mu - g * learning_rate) if self.train.nesterov else w + m), m


class Adam(Optimizer):
    """Adam with bias correction folded into the learning rate. Keras: ``keras.optimizers.Adam``.

    Source: Kingma and Ba, Adam (2015), the efficient form at the end of section 2, where epsilon stands outside the root.
    """

    def rule(self, w, g, *slots, t, learning_rate):
        """``m' = m + (1-b1)(g - m)``, ``v' = v + (1-b2)(g^2 - v)``, ``w - alpha m' / (sqrt(v') + epsilon)``.

        alpha is ``lr sqrt(1 - b2^t) / (1 - b1^t)``.
        """
        m, v = slots
        beta_1, beta_2 = self.train.beta_1, self.train.beta_2
        power_1 = tf.pow(tf.cast(beta_1, w.dtype), t)
        power_2 = tf.pow(tf.cast(beta_2, w.dtype), t)
        alpha = learning_rate * tf.sqrt(1 - power_2) / (1 - power_1)
        m = m + (g - m) * (1 - beta_1)
        v = v + (tf.square(g) - v) * (1 - beta_2)
        return w - (m * alpha) / (tf.sqrt(v) + self.train.epsilon), m, v


class _FusedAdam(Adam):
    """Adam by TensorFlow's own kernel, one pass over the numbers where the formula takes ten. Not the bits of Keras.

    The kernel takes ``1 - b1`` and ``1 - b2`` of float32 numbers, where Keras rounds them from float64: see ``docs/speed.md``.
    Keras: none; ``tf.compat.v1.train.AdamOptimizer`` calls the same kernel.
    """

    def follow(self, weight: tf.Variable, gradient: tf.Tensor, slots: list[tf.Variable], constants: dict[str, tf.Tensor]) -> None:
        """As ``Optimizer.follow``, in one operation."""
        t, learning_rate = constants["t"], constants["learning_rate"]
        beta_1, beta_2 = (tf.cast(beta, weight.dtype) for beta in (self.train.beta_1, self.train.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=tf.pow(beta_1, t),
            beta2_power=tf.pow(beta_2, t),
            lr=learning_rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.train.epsilon, weight.dtype),
            grad=gradient,
        )


class AdamW(Adam):
    """Adam after ``w - lr decay w``: the decay never enters m and v. Keras: ``keras.optimizers.AdamW``.

    The decay is the holder's, and any optimiser can have it; here it is never left out.
    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019).
    """


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square; epsilon stands inside the root. Keras: ``keras.optimizers.RMSprop``.

    Source: Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning (2012); centred and with momentum: Graves,
    Generating sequences with recurrent neural networks (2013), equations 38 to 41.
    """

    def rule(self, w, g, *slots, t, learning_rate):
        """``v' = rho v + (1-rho) g^2``, ``s = lr g / sqrt(v' + epsilon)``, ``w - s``.

        Centred, ``v' - a'^2`` stands under the root for ``v'``, where ``a' = rho a + (1-rho) g``. With momentum ``m' = mu m + s``
        and ``w - m'``.
        """
        new = dict(zip(self.train.slots, slots, strict=True))
        rho = self.train.rho
        spread = new["velocity"] = rho * new["velocity"] + (1 - rho) * tf.square(g)
        if self.train.centered:
            new["average_gradient"] = rho * new["average_gradient"] + (1 - rho) * g
            spread = spread - tf.square(new["average_gradient"])
        step = (learning_rate * g) / tf.sqrt(spread + self.train.epsilon)
        if self.train.momentum > 0:
            step = new["momentum"] = self.train.momentum * new["momentum"] + step
        return w - step, *new.values()


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all squares so far. Keras: ``keras.optimizers.Adagrad``.

    Source: Duchi, Hazan and Singer, Adaptive subgradient methods (2011).
    """

    def start(self, slot: str, weight: tf.Variable) -> tf.Tensor:
        """The accumulator begins at ``initial_accumulator_value``, so that the first steps are not too long."""
        if slot != "accumulator":
            return super().start(slot, weight)
        return tf.fill(weight.shape, tf.cast(self.train.initial_accumulator_value, weight.dtype))

    def rule(self, w, g, *slots, t, learning_rate):
        """``v' = v + g^2``, ``w - lr g / sqrt(v' + epsilon)``."""
        v = slots[0] + tf.square(g)
        return w - (learning_rate * g) / tf.sqrt(v + self.train.epsilon), v


class Lion(Optimizer):
    """Steps of one length, ``lr``, in the direction of a sign. Keras: ``keras.optimizers.Lion``.

    Source: Chen et al., Symbolic discovery of optimization algorithms (2023).
    """

    def rule(self, w, g, *slots, t, learning_rate):
        """``w - lr sign(b1 m + (1-b1) g)``, then ``m' = b2 m + (1-b2) g``."""
        (m,) = slots
        beta_1, beta_2 = tf.cast(self.train.beta_1, w.dtype), tf.cast(self.train.beta_2, w.dtype)
        new_w = w - learning_rate * tf.sign(m * beta_1 + g * (1.0 - beta_1))
        return new_w, m * beta_2 + g * (1.0 - beta_2)


class Nadam(Optimizer):
    """Adam with Nesterov's look-ahead and a momentum that warms up. Keras: ``keras.optimizers.Nadam``.

    One variable more, the product of all momenta so far, is shared by the weights.
    Source: Dozat, Incorporating Nesterov momentum into Adam (2016), where the warm-up is 250 times slower: ``0.96^(t/250)``.
    """

    def build(self, weights: list[tf.Variable]) -> None:
        """Make the slots and the product, which is of the first weight's dtype."""
        super().build(weights)
        self.u_product = tf.Variable(1.0, dtype=weights[0].dtype, name="u_product")

    @property
    def variables(self) -> list[tf.Variable]:
        """All state in Keras's order, the product last."""
        return [*super().variables, self.u_product]

    def update(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """``product' = product u_t``, then the rule."""
        # Here 0.96 and beta_1 are taken as they are, and in the rule through float32: two different numbers in a float64 net.
        dtype = self.u_product.dtype
        power = tf.pow(tf.constant(0.96, dtype), tf.cast(self.updates + 1, dtype))
        self.u_product.assign(self.u_product * self.train.beta_1 * (1.0 - 0.5 * power))
        super().update(gradients, weights)

    def constants(self, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
        """The product ``u_1 ... u_t`` too."""
        return super().constants(rate, dtype) | {"product": tf.cast(self.u_product, dtype)}

    def rule(self, w, g, *slots, t, learning_rate, product):  # type: ignore[override]  # is told one scalar more
        """``w - lr m^ / (sqrt(v^) + epsilon)``, m' and v' as in Adam, ``v^ = v' / (1 - b2^t)`` and

        ``m^ = u_(t+1) m' / (1 - u_1 ... u_(t+1)) + (1 - u_t) g / (1 - u_1 ... u_t)``, ``u_t = b1 (1 - 0.96^t / 2)``.
        """
        m, v = slots
        beta_1, beta_2 = tf.cast(self.train.beta_1, w.dtype), tf.cast(self.train.beta_2, w.dtype)
        decay = tf.cast(0.96, w.dtype)
        u = beta_1 * (1.0 - 0.5 * tf.pow(decay, t))
        next_u = beta_1 * (1.0 - 0.5 * tf.pow(decay, t + 1))
        m = m + (g - m) * (1 - beta_1)
        v = v + (tf.square(g) - v) * (1 - beta_2)
        m_hat = (next_u * m) / (1 - product * next_u) + ((1 - u) * g) / (1 - product)
        v_hat = v / (1 - tf.pow(beta_2, t))
        return w - (m_hat * learning_rate) / (tf.sqrt(v_hat) + self.train.epsilon), m, v


def get(train: TrainSpec, dtype: str = "float32", fused: bool = False) -> Optimizer | LossScaleOptimizer:
    """The optimiser that a spec describes, not yet built; ``dtype`` is the net's, and mixed float16 needs its loss scaled.

    Raises:
        InputError: ``fused``, and another rule than Adam's.
    """
    if fused:
        check_fused(train)
    rules: dict[str, type[Optimizer]] = {
        "sgd": SGD,
        "adam": Adam,
        "adamw": AdamW,
        "rmsprop": RMSprop,
        "adagrad": Adagrad,
        "lion": Lion,
        "nadam": Nadam,
    }
    optimizer = _FusedAdam(train) if fused else rules[train.optimizer](train)
    return LossScaleOptimizer(optimizer) if dtype == "mixed_float16" else optimizer
