"""Adam's moments are not corrected for their start at 0.

`m / (sqrt(v) + epsilon)` without the corrections takes first steps 3.2 times as long as it should, since v is still smaller
than m squared; BERT's Adam does so on purpose. With only m corrected they are 32 times too long, with only v corrected 10
times too short.

Instead: divide m by `1 - beta_1**t` and v by `1 - beta_2**t`.

Seen: the weights differ after the first step, and later by less and less.
"""

import math

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, is_adam
from lowlevel.optimizers import Adam

right = Adam.constants


def wrong(self: Adam, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
    """What the rule is told; at step infinity nothing is left to be corrected."""
    return right(self, rate, dtype) | {"t": tf.constant(math.inf, dtype)}


def only_m(self: Adam, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
    """What the rule is told; the rate takes the correction of v away again."""
    given = right(self, rate, dtype)
    spread = tf.sqrt(1 - tf.pow(tf.cast(self.train.beta_2, dtype), given["t"]))
    return given | {"learning_rate": given["learning_rate"] / spread}


def only_v(self: Adam, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
    """What the rule is told; the rate takes the correction of m away again."""
    given = right(self, rate, dtype)
    return given | {"learning_rate": given["learning_rate"] * (1 - tf.pow(tf.cast(self.train.beta_1, dtype), given["t"]))}


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.constants": wrong}, "neither m nor v is corrected")
        yield Variant({"optimizer.constants": only_m}, "only m is corrected")
        yield Variant({"optimizer.constants": only_v}, "only v is corrected")


TRAP = Trap(
    name="adam-no-bias-correction",
    text=__doc__,
    source="BERT, loops",
    kind="loop",
    cause="adam-no-bias-correction",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
