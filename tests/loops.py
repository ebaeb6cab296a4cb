"""Correct training loops as people write them, from the equations and without the wings: what an audit must not call wrong.

A net is a list of layers, each a tuple that begins with Keras's name for it. From one list come the reference, the forward pass
in TensorFlow and the forward and backward pass in NumPy; the update rules are written once, in the order of the textbooks, for
both libraries. ``Case.built`` puts together what ``lockstep.audit`` takes.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

COLUMNS, ROWS, BATCH = 12, 70, 16  # four full batches and one of 6 rows an epoch

NETS: dict[str, list[tuple]] = {
    "linear": [("Dense", 3, "linear")],
    "relu": [("Dense", 8, "relu"), ("Dense", 3, "linear")],
    "deep": [("Dense", 8, "relu"), ("Dense", 6, "tanh"), ("Dense", 3, "linear")],
    "tanh": [("Dense", 7, "tanh"), ("Dense", 3, "linear")],
    "sigmoid": [("Dense", 6, "sigmoid"), ("Dense", 3, "linear")],
    "softmax": [("Dense", 8, "relu"), ("Dense", 3, "softmax")],
    "two classes": [("Dense", 6, "relu"), ("Dense", 1, "linear")],
    "two classes, sigmoid": [("Dense", 6, "tanh"), ("Dense", 1, "sigmoid")],
    "labels": [("Dense", 6, "relu"), ("Dense", 4, "linear")],
    "labels, sigmoid": [("Dense", 6, "relu"), ("Dense", 4, "sigmoid")],
    "curve": [("Dense", 7, "tanh"), ("Dense", 1, "linear")],
    "curves": [("Dense", 7, "relu"), ("Dense", 2, "linear")],
    "normalised": [
        ("Dense", 8, "linear", {"use_bias": False}),
        ("BatchNormalization",),
        ("Activation", "relu"),
        ("Dense", 3, "linear"),
    ],
    "normalised, biases": [("Dense", 8, "linear"), ("BatchNormalization",), ("Activation", "tanh"), ("Dense", 3, "linear")],
    "normalised first": [("BatchNormalization",), ("Dense", 8, "relu"), ("BatchNormalization",), ("Dense", 3, "softmax")],
    "dropout": [("Dense", 10, "relu"), ("Dropout", 0.3), ("Dense", 3, "linear")],
    "normalised, dropout": [
        ("Dense", 10, "linear"),
        ("BatchNormalization",),
        ("Activation", "relu"),
        ("Dropout", 0.2),
        ("Dense", 3, "linear"),
    ],
    "l1": [("Dense", 8, "relu", {"l1": 0.003}), ("Dense", 3, "linear", {"l1": 0.001})],
    "l2": [("Dense", 8, "relu", {"l2": 0.01}), ("Dense", 3, "linear", {"l2": 0.02})],
    "l1 and l2": [("Dense", 8, "tanh", {"l1": 0.002, "l2": 0.01}), ("Dense", 3, "linear")],
    "branches": [("Concatenate", ("Dense", 5, "relu"), ("Dense", 5, "tanh")), ("Dense", 3, "linear")],
    "branches, curve": [("Concatenate", ("Dense", 5, "relu"), ("Dense", 5, "tanh")), ("Dense", 1, "linear")],
    "pictures": [("Conv2D", 4, 3), ("Activation", "relu"), ("Flatten",), ("Dense", 3, "linear")],
}


@dataclass(frozen=True)
class Case:
    """One loop.

    Attributes:
        name: of the case, once.
        net: of ``NETS``.
        loss: Keras's name.
        rule: of ``RULES``; its optimiser is Keras's ``OPTIMIZER_OF[rule]``.
        written: how; see ``WRITERS``.
        settings: of the optimiser, by Keras's names; ``learning_rate`` may be ``(class name, settings)`` of a schedule.
        smoothing: of the labels.
        dtype: of the model.
        everything: the variables follow ``model.weights``, else ``model.trainable_variables``.
        options: of the writer and of the reference.
        quick: not left to ``-m long``.
    """

    name: str
    net: str
    loss: str
    rule: str
    written: str
    settings: dict[str, Any]
    smoothing: float = 0.0
    dtype: str = "float32"
    everything: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    quick: bool = False

    @property
    def layers(self) -> list[tuple]:
        """Those of its net."""
        return NETS[self.net]

    @property
    def kinds(self) -> set[str]:
        """Names of its layers' classes."""
        return {layer[0] for layer in self.layers}

    @property
    def probabilities(self) -> bool:
        """Whether the net ends in softmax or sigmoid."""
        return self.layers[-1][2] in ("softmax", "sigmoid")

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random rows and labels."""
        generator = np.random.default_rng(sum(map(ord, self.name)))
        shape = (4, 4, 1) if "Conv2D" in self.kinds else (COLUMNS,)
        x, columns = generator.normal(size=(self.options.get("rows", ROWS), *shape)), self.layers[-1][1]
        flat = x.reshape(len(x), -1)
        score = flat @ generator.normal(size=(flat.shape[1], columns)) + generator.normal(size=(len(x), columns))
        if self.loss == "sparse_categorical_crossentropy":
            return x, score.argmax(1)
        if self.loss == "categorical_crossentropy":
            return x, np.eye(columns)[score.argmax(1)]
        return x, (score > 0).astype(float) if self.loss == "binary_crossentropy" else 0.3 * score

    def model(self, kind: Callable = keras.Model) -> keras.Model:
        """The compiled reference."""
        inputs = keras.Input((4, 4, 1) if "Conv2D" in self.kinds else (COLUMNS,), dtype=self.dtype)
        outputs = inputs
        for number, layer in enumerate(self.layers):
            outputs = _keras_layer(layer, number, self.dtype)(outputs)
        model = kind(inputs, outputs)
        logits = {} if self.loss == "mean_squared_error" else {"from_logits": not self.probabilities}
        smoothing = {"label_smoothing": self.smoothing} if self.smoothing else {}
        loss = getattr(keras.losses, "".join(part.capitalize() for part in self.loss.split("_")))(
            **logits, **smoothing, dtype=self.options.get("loss_dtype", self.dtype)
        )
        model.compile(self.optimizer(), loss, **self.options.get("compile", {}))
        return model

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Keras's, with the settings."""
        settings = dict(self.settings)
        if isinstance(settings["learning_rate"], tuple):
            name, schedule = settings["learning_rate"]
            settings["learning_rate"] = getattr(keras.optimizers.schedules, name)(**schedule)
        return getattr(keras.optimizers, OPTIMIZER_OF[self.rule])(**settings)

    def built(self) -> tuple[Callable, list, keras.Model, np.ndarray, np.ndarray, dict[str, Any]]:
        """step, variables, model, x, y, and options of the audit."""
        model = self.model()
        step, variables = WRITERS[self.written](self, model)
        options = {"batch_size": self.options.get("batch_size", BATCH), "shuffle": self.options.get("shuffle", False)}
        return step, variables, model, *self.data(), options | ({"transpose": True} if self.written == "columns" else {})


def _keras_layer(layer: tuple, number: int, dtype: str) -> Callable:
    kind, *rest = layer
    draw = keras.initializers.GlorotUniform(seed=number + 1)
    if kind == "Concatenate":
        inner = [_keras_layer(one, 10 * (number + 1) + at, dtype) for at, one in enumerate(rest)]
        return lambda x: keras.layers.Concatenate(dtype=dtype)([one(x) for one in inner])
    if kind == "Dense":
        units, activation, extra = (*rest, {})[:3]
        kernel = keras.regularizers.L1L2(extra.get("l1", 0.0), extra.get("l2", 0.0)) if extra.keys() & {"l1", "l2"} else None
        return keras.layers.Dense(units, activation, extra.get("use_bias", True), draw, kernel_regularizer=kernel, dtype=dtype)
    if kind == "Conv2D":
        return keras.layers.Conv2D(*rest, kernel_initializer=draw, dtype=dtype)
    if kind == "Dropout":
        return keras.layers.Dropout(*rest, seed=number + 1, dtype=dtype)
    return getattr(keras.layers, kind)(*rest, dtype=dtype)


# ----------------------------------------------------------------------------- update rules, for arrays of both libraries

NUMPY = SimpleNamespace(
    sqrt=np.sqrt, sign=np.sign, sum=np.sum, clip=np.clip, cos=np.cos, where=np.where, minimum=np.minimum, number=float
)
TENSORFLOW = SimpleNamespace(
    sqrt=tf.sqrt,
    sign=tf.sign,
    sum=tf.reduce_sum,
    clip=tf.clip_by_value,
    cos=tf.cos,
    where=tf.where,
    minimum=tf.minimum,
    number=lambda value: value,
)


def sgd(xp, w, g, slots, t, lr, c):
    return w - lr * g, ()


def momentum(xp, w, g, slots, t, lr, c):
    """As in Polyak's: the rate within the velocity."""
    v = c.momentum * slots[0] - lr * g
    return w + v, (v,)


def heavy_ball(xp, w, g, slots, t, lr, c):
    """The rate outside the velocity, the same at a constant rate."""
    v = c.momentum * slots[0] + g
    return w - lr * v, (v,)


def nesterov(xp, w, g, slots, t, lr, c):
    """As in Bengio's simplified form: from the old velocity and the new one."""
    v = c.momentum * slots[0] - lr * g
    return w - c.momentum * slots[0] + (1 + c.momentum) * v, (v,)


def nesterov_outside(xp, w, g, slots, t, lr, c):
    """The rate outside the velocity."""
    v = c.momentum * slots[0] + g
    return w - lr * (g + c.momentum * v), (v,)


def adam(xp, w, g, slots, t, lr, c):
    """With m^ and v^, and so with a corrected epsilon."""
    m = c.beta_1 * slots[0] + (1 - c.beta_1) * g
    v = c.beta_2 * slots[1] + (1 - c.beta_2) * g * g
    m_hat, v_hat = m / (1 - c.beta_1**t), v / (1 - c.beta_2**t)
    return w - lr * m_hat / (xp.sqrt(v_hat) + c.epsilon / (1 - c.beta_2**t) ** 0.5), (m, v)


def adam_short(xp, w, g, slots, t, lr, c):
    """The efficient form of the paper."""
    m = c.beta_1 * slots[0] + (1 - c.beta_1) * g
    v = c.beta_2 * slots[1] + (1 - c.beta_2) * g**2
    return w - lr * (1 - c.beta_2**t) ** 0.5 / (1 - c.beta_1**t) * m / (v**0.5 + c.epsilon), (m, v)


def rmsprop(xp, w, g, slots, t, lr, c):
    v = c.rho * slots[0] + (1 - c.rho) * g * g
    return w - lr / xp.sqrt(v + c.epsilon) * g, (v,)


def rmsprop_momentum(xp, w, g, slots, t, lr, c):
    v = c.rho * slots[0] + (1 - c.rho) * g * g
    m = c.momentum * slots[1] + lr * g / xp.sqrt(v + c.epsilon)
    return w - m, (v, m)


def rmsprop_centred(xp, w, g, slots, t, lr, c):
    v, mean = c.rho * slots[0] + (1 - c.rho) * g * g, c.rho * slots[1] + (1 - c.rho) * g
    return w - lr * g / xp.sqrt(v - mean * mean + c.epsilon), (v, mean)


def adagrad(xp, w, g, slots, t, lr, c):
    v = slots[0] + g * g
    return w - lr / xp.sqrt(v + c.epsilon) * g, (v,)


def lion(xp, w, g, slots, t, lr, c):
    w = w - lr * xp.sign(c.beta_1 * slots[0] + (1 - c.beta_1) * g)
    return w, (c.beta_2 * slots[0] + (1 - c.beta_2) * g,)


def nadam(xp, w, g, slots, t, lr, c):
    """Dozat's, the momenta's product kept beside each number."""
    now, later = c.beta_1 * (1 - 0.5 * 0.96**t), c.beta_1 * (1 - 0.5 * 0.96 ** (t + 1))
    product = slots[2] * now
    m = c.beta_1 * slots[0] + (1 - c.beta_1) * g
    v = c.beta_2 * slots[1] + (1 - c.beta_2) * g * g
    m_hat = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
    return w - lr * m_hat / (xp.sqrt(v / (1 - c.beta_2**t)) + c.epsilon), (m, v, product)


# name: (rule, Keras's optimiser, first values of the slots)
RULES: dict[str, tuple[Callable, str, tuple[float, ...]]] = {
    "sgd": (sgd, "SGD", ()),
    "momentum": (momentum, "SGD", (0.0,)),
    "heavy ball": (heavy_ball, "SGD", (0.0,)),
    "nesterov": (nesterov, "SGD", (0.0,)),
    "nesterov, rate outside": (nesterov_outside, "SGD", (0.0,)),
    "adam": (adam, "Adam", (0.0, 0.0)),
    "adam, short": (adam_short, "Adam", (0.0, 0.0)),
    "adamw": (adam, "AdamW", (0.0, 0.0)),
    "rmsprop": (rmsprop, "RMSprop", (0.0,)),
    "rmsprop, momentum": (rmsprop_momentum, "RMSprop", (0.0, 0.0)),
    "rmsprop, centred": (rmsprop_centred, "RMSprop", (0.0, 0.0)),
    "adagrad": (adagrad, "Adagrad", (0.1,)),
    "lion": (lion, "Lion", (0.0,)),
    "nadam": (nadam, "Nadam", (0.0, 0.0, 1.0)),
}
OPTIMIZER_OF = {name: optimizer for name, (_, optimizer, _) in RULES.items()}
DEFAULTS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "rho": 0.9, "weight_decay": None}
OWN = {"Lion": {"beta_2": 0.99}, "AdamW": {"weight_decay": 0.004}}


def rate_of(rate: Any, k: Any, xp: SimpleNamespace) -> Any:
    """The learning rate of step ``k``, counted from 0."""
    if not isinstance(rate, tuple):
        return rate
    name, c = rate[0], SimpleNamespace(**rate[1])
    if name == "PiecewiseConstantDecay":
        (first, second), (one, two, three) = c.boundaries, c.values
        return xp.number(xp.where(k <= first, one, xp.where(k <= second, two, three)))
    k, start = float(k) if isinstance(k, int) else tf.cast(k, tf.float32), c.initial_learning_rate
    if name == "ExponentialDecay":
        return start * c.decay_rate ** (k / c.decay_steps)
    if name == "InverseTimeDecay":
        return start / (1 + c.decay_rate * k / c.decay_steps)
    part = xp.minimum(k, float(c.decay_steps)) / c.decay_steps
    if name == "CosineDecay":
        return xp.number(start * (c.alpha + (1 - c.alpha) * (1 + xp.cos(math.pi * part)) / 2))
    assert name == "PolynomialDecay"
    return xp.number(c.end_learning_rate + (start - c.end_learning_rate) * (1 - part) ** c.power)


def put(variable: Any, value: Any) -> None:
    """Update in place."""
    if isinstance(variable, tf.Variable):
        variable.assign(value)
    else:
        variable[...] = value


class Update:
    """What is done with gradients: gather, clip, decay, the rule, average.

    ``counted`` keeps the number of steps in a variable, as a graph needs it; else it is a Python number.
    """

    def __init__(self, case: Case, weights: list, counted: bool) -> None:
        self.rule, name, first = RULES[case.rule]
        self.c = SimpleNamespace(**(DEFAULTS | OWN.get(name, {}) | case.settings))
        tensors = isinstance(weights[0], tf.Variable)
        self.xp = TENSORFLOW if tensors else NUMPY
        make = (lambda like, value: tf.Variable(tf.fill(like.shape, tf.cast(value, like.dtype)))) if tensors else np.full_like
        self.slots = [[make(weight, value) for value in first] for weight in weights]
        self.gathered = [make(weight, 0.0) for weight in weights]
        self.averages = [make(weight, 0.0) for weight in weights]
        self.k = tf.Variable(0, dtype=tf.int64) if counted else 0

    def __call__(self, weights: list, gradients: list) -> None:
        every = getattr(self.c, "gradient_accumulation_steps", None) or 1
        if every == 1:
            self.apply(weights, gradients, self.k + 1)
        else:
            for total, g in zip(self.gathered, gradients, strict=True):
                put(total, total + g)
            if (self.k + 1) % every == 0:
                self.apply(weights, [total / every for total in self.gathered], self.k // every + 1)
                for total in self.gathered:
                    put(total, 0.0 * total)
        if getattr(self.c, "use_ema", False):
            self.average(weights, self.k // every)
        if isinstance(self.k, tf.Variable):
            self.k.assign_add(1)
        else:
            self.k += 1

    def apply(self, weights: list, gradients: list, t: Any) -> None:
        lr = rate_of(self.c.learning_rate, self.k, NUMPY if isinstance(t, int) else self.xp)
        for w, g, slots in zip(weights, self.clipped(gradients), self.slots, strict=True):
            if not isinstance(t, int):
                t = tf.cast(t, w.dtype)
                lr = tf.cast(lr, w.dtype)
            start = w if not self.c.weight_decay else w * (1 - lr * self.c.weight_decay)
            new, values = self.rule(self.xp, start, g, slots, t, lr, self.c)
            put(w, new)
            for slot, value in zip(slots, values, strict=True):
                put(slot, value)

    def clipped(self, gradients: list) -> list:
        xp, c = self.xp, self.c
        if getattr(c, "clipvalue", None):
            return [xp.clip(g, -c.clipvalue, c.clipvalue) for g in gradients]
        if getattr(c, "clipnorm", None):
            return [g * xp.minimum(c.clipnorm / xp.sum(g * g) ** 0.5, 1.0) for g in gradients]
        if getattr(c, "global_clipnorm", None):
            norm = sum(xp.sum(g * g) for g in gradients) ** 0.5
            return [g * xp.minimum(c.global_clipnorm / norm, 1.0) for g in gradients]
        return gradients

    def average(self, weights: list, updates: Any) -> None:
        """Keras moves the averages at every step, and counts updates for it."""
        mu = self.c.ema_momentum
        for w, average in zip(weights, self.averages, strict=True):
            if updates == 0:
                put(average, w)
            else:
                put(average, mu * average + (1 - mu) * w)
            if (updates + 1) % self.c.ema_overwrite_frequency == 0:
                put(w, average)


# -------------------------------------------------------------------------------------------- the forward pass in TensorFlow

AFFINE: dict[str, Callable] = {
    "plain": lambda x, w, b: x @ w if b is None else x @ w + b,
    "einsum": lambda x, w, b: tf.einsum("ni,io->no", x, w) + (0 if b is None else b),
    "columns": lambda x, w, b: tf.transpose(w @ tf.transpose(x) + b[:, None]),  # kernels (out, in), examples side by side
    "ones": lambda x, w, b: tf.concat([x, tf.ones_like(x[:, :1])], 1) @ tf.concat([w, b[None]], 0),
    "products": lambda x, w, b: tf.reduce_sum(x[:, :, None] * w[None], 1) + b,
}
ACTIVATION: dict[str, Callable] = {
    "linear": lambda z: z,
    "relu": lambda z: tf.maximum(z, 0.0),
    "tanh": lambda z: tf.tanh(z),
    "sigmoid": lambda z: 1 / (1 + tf.exp(-z)),
    "softmax": lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(z), 1, keepdims=True),
}


class TensorNet:
    """Outputs and penalty of a list of layers, weights in Keras's order."""

    def __init__(self, layers: list[tuple], affine: str, seeds: list[np.ndarray]) -> None:
        self.layers, self.affine = layers, AFFINE[affine]
        self.seeds = [tf.Variable(seed, dtype=tf.int64) for seed in seeds]

    def __call__(self, x: tf.Tensor, weights: list[tf.Variable]) -> tuple[tf.Tensor, Any]:
        left, seeds, penalty = iter(weights), iter(self.seeds), 0.0
        for layer in self.layers:
            x, more = self._layer(layer, x, left, seeds)
            penalty += more
        return x, penalty

    def _layer(self, layer: tuple, x: tf.Tensor, left: Iterator, seeds: Iterator) -> tuple[tf.Tensor, Any]:
        kind, *rest = layer
        if kind == "Concatenate":
            return tf.concat([self._layer(one, x, left, seeds)[0] for one in rest], 1), 0.0
        if kind == "Dense":
            _, activation, extra = (*rest, {})[:3]
            w = next(left)
            b = next(left) if extra.get("use_bias", True) else None
            penalty = extra.get("l1", 0.0) * tf.reduce_sum(tf.abs(w)) + extra.get("l2", 0.0) * tf.reduce_sum(w * w)
            return ACTIVATION[activation](self.affine(x, w, b)), penalty if extra.keys() & {"l1", "l2"} else 0.0
        if kind == "Conv2D":
            w, b = next(left), next(left)
            patches = tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID")
            return patches @ tf.reshape(w, (-1, w.shape[-1])) + b, 0.0
        if kind == "Activation":
            return ACTIVATION[rest[0]](x), 0.0
        if kind == "Flatten":
            return tf.reshape(x, (tf.shape(x)[0], math.prod(x.shape[1:]))), 0.0
        if kind == "Dropout":
            seed = next(seeds)
            kept = tf.nn.experimental.stateless_dropout(tf.ones_like(x), rest[0], tf.cast(seed, tf.int32))
            seed.assign_add([0, 1])
            return x * kept, 0.0
        gamma, beta, moving_mean, moving_variance = (next(left) for _ in range(4))
        mean = tf.reduce_mean(x, 0)
        variance = tf.reduce_mean(tf.square(x - mean), 0)
        moving_mean.assign(0.99 * moving_mean + 0.01 * tf.stop_gradient(mean))
        moving_variance.assign(0.99 * moving_variance + 0.01 * tf.stop_gradient(variance))
        return gamma * (x - mean) / tf.sqrt(variance + 0.001) + beta, 0.0


def tensor_loss(case: Case, outputs: tf.Tensor, y: tf.Tensor, rows: Any) -> tf.Tensor:
    """Sums over the batch, divided by ``rows``."""
    columns, dtype = outputs.shape[-1], outputs.dtype
    if case.loss == "sparse_categorical_crossentropy":
        y = tf.one_hot(tf.cast(y, tf.int32), columns, dtype=dtype)
    y, rows = tf.cast(y, dtype), tf.cast(rows, dtype)
    if case.loss == "mean_squared_error":
        return tf.reduce_sum((outputs - y) ** 2) / (rows * columns)
    if case.loss == "binary_crossentropy":
        y = y * (1 - case.smoothing) + 0.5 * case.smoothing
        if case.probabilities:
            losses = -y * tf.math.log(outputs) - (1 - y) * tf.math.log(1 - outputs)
        else:
            losses = tf.nn.softplus(outputs) - y * outputs
        return tf.reduce_sum(losses) / (rows * columns)
    y = y * (1 - case.smoothing) + case.smoothing / columns
    logs = tf.math.log(outputs) if case.probabilities else outputs - tf.reduce_logsumexp(outputs, 1, keepdims=True)
    return -tf.reduce_sum(y * logs) / rows


# ------------------------------------------------------------------------------------- both passes in NumPy, nothing borrowed


class ArrayNet:
    """Loss and gradients by hand. Each layer gives its outputs and a function from their gradient to that of its inputs."""

    def __init__(self, case: Case, seeds: list[np.ndarray]) -> None:
        self.case, self.seeds = case, [np.array(seed) for seed in seeds]

    def __call__(self, x: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
        left, seeds, backs = iter(enumerate(weights)), iter(self.seeds), []
        self.gradients: dict[int, np.ndarray] = {}
        self.penalty = 0.0
        for layer in self.case.layers:
            x, back = self._layer(layer, x, left, seeds)
            backs.append(back)
        loss, d = self._loss(x, y.astype(x.dtype) if y.dtype.kind == "f" else y)
        for back in reversed(backs):
            d = back(d)
        return loss + self.penalty, [self.gradients[at] for at in sorted(self.gradients)]

    def _layer(self, layer: tuple, x: np.ndarray, left: Iterator, seeds: Iterator) -> tuple[np.ndarray, Callable]:
        kind, *rest = layer
        if kind == "Concatenate":
            parts = [self._layer(one, x, left, seeds) for one in rest]
            edges = np.cumsum([out.shape[1] for out, _ in parts])[:-1]
            halves = [back for _, back in parts]
            joined = np.concatenate([out for out, _ in parts], 1)
            return joined, lambda d: sum(back(part) for back, part in zip(halves, np.split(d, edges, 1), strict=True))
        if kind == "Dense":
            return self._dense(x, left, *(*rest, {})[:3])
        if kind == "Conv2D":
            (at, w), (at_b, b) = next(left), next(left)
            windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
            out = np.einsum("nhwcij,ijcf->nhwf", windows, w) + b

            def back_conv(d):
                # It is the first layer, so nothing goes further back.
                self.gradients |= {at: np.einsum("nhwcij,nhwf->ijcf", windows, d), at_b: d.sum((0, 1, 2))}

            return out, back_conv
        if kind == "Activation":
            return self._activation(rest[0], x)
        if kind == "Flatten":
            shape = x.shape
            return x.reshape(len(x), -1), lambda d: d.reshape(shape)
        if kind == "Dropout":
            seed = next(seeds)
            kept = tf.nn.experimental.stateless_dropout(tf.ones(x.shape), rest[0], seed.astype(np.int32)).numpy().astype(x.dtype)
            seed[1] += 1
            return x * kept, lambda d: d * kept
        return self._normalised(x, left)

    def _dense(self, x: np.ndarray, left: Iterator, units: int, activation: str, extra: dict) -> tuple[np.ndarray, Callable]:
        at, w = next(left)
        at_b, b = next(left) if extra.get("use_bias", True) else (None, np.zeros(units, x.dtype))
        a, back_activation = self._activation(activation, x.dot(w) + b)
        l1, l2 = extra.get("l1", 0.0), extra.get("l2", 0.0)
        self.penalty += l1 * np.abs(w).sum() + l2 * (w**2).sum()

        def back(d):
            d = back_activation(d)
            self.gradients[at] = x.T.dot(d) + l1 * np.sign(w) + 2 * l2 * w
            if at_b is not None:
                self.gradients[at_b] = d.sum(axis=0)
            return d.dot(w.T)

        return a, back

    def _activation(self, name: str, z: np.ndarray) -> tuple[np.ndarray, Callable]:
        if name == "relu":
            return np.maximum(z, 0), lambda d: d * (z > 0)
        if name == "tanh":
            a = np.tanh(z)
            return a, lambda d: d * (1 - a * a)
        if name == "sigmoid":
            a = 1 / (1 + np.exp(-z))
            return a, lambda d: d * a * (1 - a)
        if name == "softmax":
            a = np.exp(z - z.max(1, keepdims=True))
            a = a / a.sum(1, keepdims=True)
            return a, lambda d: a * (d - (d * a).sum(1, keepdims=True))
        return z, lambda d: d

    def _normalised(self, x: np.ndarray, left: Iterator) -> tuple[np.ndarray, Callable]:
        (at, gamma), (at_beta, beta), (_, moving_mean), (_, moving_variance) = (next(left) for _ in range(4))
        mean, variance = x.mean(0), x.var(0)
        moving_mean += 0.01 * (mean - moving_mean)
        moving_variance += 0.01 * (variance - moving_variance)
        root = (variance + 0.001) ** 0.5
        normal = (x - mean) / root

        def back(d):
            self.gradients |= {at: (d * normal).sum(0), at_beta: d.sum(0)}
            return gamma / root * (d - d.mean(0) - normal * (d * normal).mean(0))

        return gamma * normal + beta, back

    def _loss(self, out: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray]:
        """The mean loss and its gradient with respect to the outputs."""
        case, (rows, columns) = self.case, out.shape
        if case.loss == "mean_squared_error":
            return ((out - y) ** 2).mean(), 2 * (out - y) / out.size
        if case.loss == "binary_crossentropy":
            y = y * (1 - case.smoothing) + 0.5 * case.smoothing
            if case.probabilities:
                return -(y * np.log(out) + (1 - y) * np.log(1 - out)).mean(), (out - y) / (out * (1 - out)) / out.size
            losses = np.maximum(out, 0) - out * y + np.log1p(np.exp(-np.abs(out)))
            return losses.mean(), (1 / (1 + np.exp(-out)) - y) / out.size
        if y.ndim == 1:
            y = np.eye(columns, dtype=out.dtype)[y]
        y = y * (1 - case.smoothing) + case.smoothing / columns
        if case.probabilities:
            return -(y * np.log(out)).sum() / rows, -y / out / rows
        p, _ = self._activation("softmax", out)
        return -(y * np.log(p)).sum() / rows, (p - y) / rows


# ------------------------------------------------------------------------------------------------------ how a loop is written


def seeds_of(model: keras.Model) -> list[np.ndarray]:
    """Where the dropout layers' generators stand."""
    return [layer.seed_generator.state.numpy() for layer in model.layers if isinstance(layer, keras.layers.Dropout)]


def shown(case: Case, model: keras.Model, weights: list) -> list:
    """The variables that the audit is given, of those of ``model.weights``."""
    trained = {id(weight) for weight in model.trainable_variables}
    return [one for one, weight in zip(weights, model.weights, strict=True) if case.everything or id(weight) in trained]


def trained(model: keras.Model, weights: list) -> list:
    """Those that a gradient changes, of those of ``model.weights``."""
    names = {id(weight) for weight in model.trainable_variables}
    return [one for one, weight in zip(weights, model.weights, strict=True) if id(weight) in names]


def tensors(affine: str = "plain", parts: int = 1, **compiled: Any) -> Callable:
    """Raw TensorFlow: GradientTape and variables of one's own; ``compiled`` are the arguments of ``tf.function``, if any.

    ``parts``: the batch is taken in so many, gradients added up.
    """

    def write(case: Case, model: keras.Model) -> tuple[Callable, list]:
        turn = (lambda value: value.T) if affine == "columns" else (lambda value: value)
        weights = [tf.Variable(turn(np.zeros_like(weight.numpy())) + 0.5) for weight in model.weights]
        for variable, weight in zip(weights, model.weights, strict=True):
            if weight.path.split("/")[-1].startswith("moving"):
                variable.assign(weight.value)
        net, learned = TensorNet(case.layers, affine, seeds_of(model)), trained(model, weights)
        update = Update(case, learned, counted=bool(compiled))

        def gradients_of(x, y, rows, share):
            with tf.GradientTape() as tape:
                outputs, penalty = net(x, weights)
                loss = tensor_loss(case, outputs, y, rows) + penalty * share
            return loss, [tf.convert_to_tensor(g) for g in tape.gradient(loss, learned)]

        def step(x, y):
            rows, loss, sums = tf.shape(x)[0], 0.0, None
            for part in range(parts):
                one = slice(part, None, parts)  # every so many rows
                piece, gradients = gradients_of(x[one], y[one], rows, 1 / parts)
                loss += piece
                sums = gradients if sums is None else [a + b for a, b in zip(sums, gradients, strict=True)]
            update(learned, sums)
            return loss

        return tf.function(step, **compiled) if compiled else step, shown(case, model, weights)

    return write


def row_by_row(case: Case, model: keras.Model) -> tuple[Callable, list]:
    """The gradient of every example by itself, then their mean."""
    weights = [tf.Variable(weight.value) for weight in model.weights]
    net, update = TensorNet(case.layers, "plain", []), Update(case, weights, counted=True)

    @tf.function
    def step(x, y):
        def one(row):
            with tf.GradientTape() as tape:
                outputs, penalty = net(row[0][None], weights)
                loss = tensor_loss(case, outputs, row[1][None], 1) + penalty
            return loss, tape.gradient(loss, weights)

        losses, gradients = tf.vectorized_map(one, (x, y))
        update(weights, [tf.reduce_mean(g, 0) for g in gradients])
        return tf.reduce_mean(losses)

    return step, weights


def arrays(dtype: str) -> Callable:
    """NumPy, the way back by hand."""

    def write(case: Case, model: keras.Model) -> tuple[Callable, list]:
        weights = [weight.numpy().astype(dtype) for weight in model.weights]
        net, learned = ArrayNet(case, seeds_of(model)), trained(model, weights)
        update = Update(case, learned, counted=False)

        def step(x, y):
            loss, gradients = net(x.astype(dtype), y, weights)
            update(learned, gradients)
            return loss

        return step, shown(case, model, weights)

    return write


def twin_of(case: Case, model: keras.Model, kind: Callable = keras.Model) -> keras.Model:
    """A second model, its generators where those of the first are."""
    twin = case.model(kind)
    for mine, theirs in zip(twin.non_trainable_variables, model.non_trainable_variables, strict=True):
        mine.assign(theirs.value)
    return twin


def layers_and_tape(own_rule: bool = False, **compiled: Any) -> Callable:
    """Keras's layers and loss under GradientTape, with Keras's optimiser or with a rule of one's own."""

    def write(case: Case, model: keras.Model) -> tuple[Callable, list]:
        net = twin_of(case, model)
        learned = [weight.value for weight in net.trainable_variables]
        update, optimizer, loss_of = Update(case, learned, counted=bool(compiled)), case.optimizer(), net.loss
        optimizer.build(net.trainable_variables)

        def step(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(y, net(x, training=True))
                if net.losses:
                    loss += tf.add_n(net.losses)
            if own_rule:
                update(learned, tape.gradient(loss, learned))
            else:
                optimizer.apply_gradients(zip(tape.gradient(loss, learned), net.trainable_variables, strict=True))
            return loss

        variables = net.weights if case.everything else net.trainable_variables
        return tf.function(step, **compiled) if compiled else step, variables

    return write


class OwnStep(keras.Model):
    """A model with a ``train_step`` of its own."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def own_train_step(case: Case, model: keras.Model) -> tuple[Callable, list]:
    """A second model with a ``train_step`` of its own, one batch at a time."""
    net = twin_of(case, model, OwnStep)
    variables = net.weights if case.everything else net.trainable_variables
    return lambda x, y: net.train_on_batch(x, y, return_dict=True)["loss"], variables


WRITERS: dict[str, Callable] = {
    "eager": tensors(),
    "graph": tensors(autograph=True),
    "xla": tensors(jit_compile=True),
    "einsum": tensors("einsum", autograph=True),
    "columns": tensors("columns"),
    "ones": tensors("ones", autograph=True),
    "products": tensors("products"),
    "parts": tensors(parts=3),
    "rows": row_by_row,
    "numpy float32": arrays("float32"),
    "numpy float64": arrays("float64"),
    "tape": layers_and_tape(),
    "tape, graph": layers_and_tape(autograph=True),
    "tape, xla": layers_and_tape(jit_compile=True),
    "layers": layers_and_tape(own_rule=True),
    "layers, graph": layers_and_tape(own_rule=True, autograph=True),
    "train_step": own_train_step,
}
