# %% [markdown]
# # Find the first divergence
#
# "My loop trains, but not as `fit` does." Losses that differ after ten epochs say little: a
# mistake of one line and the rounding of one sum look much alike by then. This lesson looks where
# the two part *first*: at which step, in which tensor, by how many times more than rounding. Then
# a mistake can be named, and mended.

# %%
import keras
import numpy as np
import tensorflow as tf

import lockstep
from lockstep.show import picture, side_by_side
from lockstep.traps import trap
from shared import load_digits, plots

tf.get_logger().setLevel("ERROR")  # no warnings of graphs that are traced anew
digits = load_digits()
x, y = digits.x_train[::7][:650].astype("float32"), digits.y_train[::7, 0][:650]

# %% [markdown]
# ## The reference
#
# A compiled Keras model. Its own `fit` is what a loop is compared with, not an imitation of it.
# The first weights are drawn from fixed seeds, so each call of `compiled` makes the same model.


# %%
def compiled(optimizer):
    draw = keras.initializers.GlorotUniform
    hidden = keras.layers.Dense(25, "relu", kernel_initializer=draw(seed=1), name="hidden")
    model = keras.Sequential(
        [
            keras.Input((400,)),
            hidden,
            keras.layers.Dense(10, kernel_initializer=draw(seed=2), name="logits"),
        ]
    )
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def variables_of(model):
    return [tf.Variable(weight.value) for weight in model.trainable_variables]


def losses_of(variables, x, y):
    """Forward pass and the loss of each example."""
    logits = tf.nn.relu(x @ variables[0] + variables[1]) @ variables[2] + variables[3]
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)


# %% [markdown]
# ## A loop that is right
#
# A loop is a function `step(x, y)` that updates its variables and returns the loss. The audit
# calls it on batches, trains the model beside it, and measures how far rounding alone could have
# driven the two apart.

# %%
model = compiled(keras.optimizers.SGD(0.01))
variables = variables_of(model)


@tf.function
def right_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(losses_of(variables, x, y))
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.01 * gradient)
    return loss


finding = lockstep.audit(right_step, variables, model, x, y, batch_size=32, steps=20)
print(finding)
assert finding.verdict in ("identical", "round-off")
assert finding.causes == []

# %% [markdown]
# ## A sum in place of a mean
#
# One word is different: `reduce_sum`. The gradient is 32 times as large. With plain gradient
# descent that is a learning rate of 0.32 in place of 0.01. (In all but the last batch, which has
# ten rows: there it is 0.1. By such a batch, and by it alone, the two mistakes can be told apart;
# so the audit runs 21 steps here.)

# %%
side_by_side(trap("sum-differentiated").wrong, trap("sum-differentiated").right)


# %%
@tf.function
def summed_step(x, y):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses_of(variables, x, y))
    for variable, gradient in zip(variables, tape.gradient(total, variables), strict=True):
        variable.assign_sub(0.01 * gradient)
    return total


finding = lockstep.audit(summed_step, variables, model, x, y, batch_size=32, steps=21)
print(finding)
assert finding.verdict == "different"
assert finding.first.step == 1
assert finding.first.stage == "loss"
assert [cause.code for cause in finding.causes] == ["loss-sum-not-mean"]

# %% [markdown]
# Read it from the top. Step 1, stage loss: weights and batch were still equal, so what is wrong
# lies between them and the loss. Then the cause: of all known mistakes, planted one by one in the
# reference's own step, this one lands where the loop landed, to the last digits. And what to do
# instead:

# %%
for cause in finding.causes:
    print(f"{cause.code}: {cause.title}\n    instead: {cause.remedy}")

# %% [markdown]
# ## What Adam hides
#
# Adam divides a gradient by its own size. So a gradient that is 32 times too large makes almost
# the same step, and the loss curves of the right and the wrong loop lie on top of one another.
# Whoever compares curves sees nothing.


# %%
class Adam:
    """Adam as Keras has it. With ``frozen``, the counter is a Python number, which a graph reads once."""

    def __init__(self, variables, frozen):
        self.variables, self.frozen = variables, frozen
        self.t = 0.0 if frozen else tf.Variable(0.0)
        self.m, self.v = ([tf.Variable(tf.zeros_like(one)) for one in variables] for _ in range(2))

    def apply(self, gradients):
        if self.frozen:
            self.t += 1.0
        else:
            self.t.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        for w, g, m, v in zip(self.variables, gradients, self.m, self.v, strict=True):
            m.assign_add((g - m) * (1 - 0.9))
            v.assign_add((tf.square(g) - v) * (1 - 0.999))
            w.assign_sub(m * rate / (tf.sqrt(v) + 1e-7))


def adam_loop(reduce, frozen=False):
    """A fresh loop with Adam: step, variables, and the model that it is compared with."""
    model = compiled("adam")
    variables = variables_of(model)
    adam = Adam(variables, frozen)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            losses = losses_of(variables, x, y)
            objective = reduce(losses)
        adam.apply(tape.gradient(objective, variables))
        return tf.reduce_mean(losses)

    return step, variables, model


curves = {}
for name, reduce in (("mean", tf.reduce_mean), ("sum", tf.reduce_sum)):
    step, _, _ = adam_loop(reduce)
    curves[name] = [
        float(np.mean([step(x[at : at + 32], y[at : at + 32]) for at in range(0, 640, 32)]))
        for _ in range(5)
    ]
apart = np.abs(np.subtract(curves["mean"], curves["sum"])).max()
print(f"largest distance of the two curves: {apart:.1e}")
assert apart < 0.01 < curves["mean"][0] - curves["mean"][-1]
picture(plots.curves(curves), "the loss curves of mean and sum under Adam coincide")

# %% [markdown]
# The audit does not stop at curves. The verdict is `alike`: the losses agree, the weights do not.
# And it names the same mistake, together with a second one: this loop minimises the sum and
# *reports* the mean, so that its loss alone gives nothing away.

# %%
finding = lockstep.audit(*adam_loop(tf.reduce_sum), x, y, batch_size=32, steps=20)
print(finding)
assert finding.verdict == "alike"
assert "loss-sum-not-mean" in [cause.code for cause in finding.causes]

finding = lockstep.audit(*adam_loop(tf.reduce_mean), x, y, batch_size=32, steps=20)
assert finding.verdict in ("identical", "round-off")

# %% [markdown]
# ## A counter that stands still
#
# The first lesson showed that a graph freezes Python numbers. Here is what that does to Adam. The
# wrong half is the catalogue's, beside the rule as it should be.

# %%
side_by_side(trap("adam-frozen-counter").wrong, trap("adam-frozen-counter").right)

# %%
finding = lockstep.audit(*adam_loop(tf.reduce_mean, frozen=True), x, y, batch_size=32, steps=20)
print(finding)
assert finding.first.step == 2  # in the first step a counter of 1 is right
assert finding.causes[0].code == "adam-frozen-counter"

# %% [markdown]
# ## The last, smaller batch
#
# Some mistakes lie in the loop around the step. For those the whole loop is audited: a generator
# that yields the loss and the weights after each step. This one goes through 650 rows in batches
# of 32 and forgets the ten that are left over.


# %%
def forgetful(weights, x, y):
    own = [tf.Variable(weight) for weight in weights]
    for _ in range(2):
        for at in range(0, len(x) - 31, 32):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(losses_of(own, x[at : at + 32], y[at : at + 32]))
            for variable, gradient in zip(own, tape.gradient(loss, own), strict=True):
                variable.assign_sub(0.01 * gradient)
            yield loss, own


finding = lockstep.audit_run(
    forgetful, compiled(keras.optimizers.SGD(0.01)), x, y, epochs=2, batch_size=32
)
print(finding)
assert finding.first.step == 21  # twenty full batches were right
assert finding.causes[0].code == "drop-remainder"

# %% [markdown]
# ## In a test suite
#
# Once right, it should stay right. `assert_lockstep` raises with the finding as its message; in
# pytest the fixture of that name does the same.

# %%
lockstep.assert_lockstep(*adam_loop(tf.reduce_mean), x, y, batch_size=32, steps=20)
try:
    lockstep.assert_lockstep(*adam_loop(tf.reduce_mean, frozen=True), x, y, batch_size=32, steps=20)
except AssertionError as error:
    message = str(error)
assert "adam-frozen-counter" in message

# %% [markdown]
# ## How to read a divergence
#
# - Which stage? Batch: the data. Loss, with equal weights: forward pass or loss. Weights out, with equal losses: gradient or
#   update.
# - Which step? The first: the rule itself. The second: something that should have moved, a counter or a slot. The last of an
#   epoch: the batches.
# - How far? Within ten times the floor it is rounding, and no mistake to be hunted.
#
# More in `docs/audit.md`; all mistakes that are known, each with its measured effect, in
# `docs/traps.md`.
