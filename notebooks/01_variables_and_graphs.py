# %% [markdown]
# # Variables and constants, graphs and eager code
#
# A training changes numbers. This lesson is about where such numbers live, how TensorFlow watches
# them, and what it means that code "runs as a graph". At the end stands one layer, written in raw
# TensorFlow and in Keras.
#
# Every claim is followed by an `assert`, so a lesson that runs to its end has kept its word. Code
# of the project is shown as it stands in its files; nothing is copied.

# %%
import keras
import numpy as np
import tensorflow as tf

import highlevel
import lowlevel
from lockstep.show import side_by_side
from lowlevel.ladder import tf1_session, tf2_functions
from shared import ModelSpec, TrainSpec

# %% [markdown]
# ## A constant stays, a variable changes
#
# A tensor is a value, as 3 is a value. What is done with it gives another tensor; the first is as
# it was.

# %%
constant = tf.constant([1.0, 2.0, 3.0])
larger = constant + 1
assert constant.numpy().tolist() == [1, 2, 3]
assert larger.numpy().tolist() == [2, 3, 4]
assert not hasattr(constant, "assign")

# %% [markdown]
# A variable is a place that holds a value. Whoever has the place sees what was last put there.

# %%
variable = tf.Variable([1.0, 2.0, 3.0])
same_place = variable
variable.assign_add([1.0, 1.0, 1.0])
assert same_place.numpy().tolist() == [2, 3, 4]

# %% [markdown]
# Shape and dtype are fixed when the variable is made. Another shape is refused, so a kernel
# cannot grow by accident.

# %%
try:
    variable.assign([1.0, 2.0])
except ValueError as error:
    refused = str(error)
print(refused)
assert variable.shape == (3,)
assert variable.dtype == tf.float32

# %% [markdown]
# Keras has variables of its own. On TensorFlow each is a `tf.Variable` in a wrapper, which is why
# the two wings of this project can hold the same bits.

# %%
kernel = keras.Variable([1.0, 2.0, 3.0])
assert isinstance(kernel.value, tf.Variable)
kernel.assign(variable)
assert (kernel.numpy() == variable.numpy()).all()

# %% [markdown]
# ## The tape watches variables
#
# `tf.GradientTape` notes what is computed and can go back over its notes. A variable is watched
# without asking: it is what training changes. A constant is not, unless one asks.

# %%
w, x = tf.Variable(3.0), tf.constant(2.0)
with tf.GradientTape() as tape:
    y = w * w * x
by_w, by_x = tape.gradient(y, [w, x])
assert float(by_w) == 2 * 3 * 2  # d(w² x)/dw = 2 w x
assert by_x is None

with tf.GradientTape() as tape:
    tape.watch(x)
    y = w * w * x
assert float(tape.gradient(y, x)) == 9  # w²

# %% [markdown]
# ## First, a graph; then, a session
#
# `Y = WX + b`, as it was written for TensorFlow 1 and as it is written now. On the left nothing
# is computed until a session runs what was laid out; on the right every line has its value at
# once. Both draw X, W and b from seed 1, in this order.

# %%
side_by_side(tf1_session.linear_function, tf2_functions.linear_function)

# %%
in_session, eager = tf1_session.linear_function(), tf2_functions.linear_function()
print(eager.numpy())
assert np.allclose(
    eager, [[-2.15657382], [2.95891446], [-1.08926781], [-0.84538042]], rtol=0, atol=5e-9
)
assert (in_session == eager.numpy()).all()  # the same bits
assert isinstance(in_session, np.ndarray)
assert tf.is_tensor(eager)

# %% [markdown]
# Two more functions of the courses. The sigmoid casts to float32, so whole numbers are welcome;
# 12 is not yet quite 1. A one-hot vector has a 1 where the label says, and nowhere else.

# %%
assert abs(float(tf2_functions.sigmoid(-1)) - 0.26894143) < 1e-7
assert float(tf2_functions.sigmoid(0)) == 0.5
assert abs(float(tf2_functions.sigmoid(12)) - 0.9999939) < 1e-7
assert tf2_functions.sigmoid([-1e4, 1e4]).numpy().tolist() == [0, 1]  # and nothing overflows
assert tf2_functions.one_hot_matrix(2).numpy().tolist() == [0, 0, 1, 0, 0, 0]

# %% [markdown]
# ## `tf.function`: a graph again, without the session
#
# `tf.function` runs the Python of a function once, notes which operations it calls, and from then
# on runs the notes. That is called tracing. It is done once for each signature: for each
# combination of shapes and dtypes of the tensors.

# %%
traced = tf.function(tf2_functions.sigmoid)
for z in (0.0, 1.0, -5.0):
    traced(tf.constant(z))
assert traced.experimental_get_tracing_count() == 1  # three scalars of float32, one trace
traced(tf.constant([0.0, 1.0]))
assert traced.experimental_get_tracing_count() == 2  # a vector is another signature

# %% [markdown]
# Plain Python numbers are part of the signature, value by value. Each new one is a new trace,
# which is slow and easily overlooked.

# %%
traced(0.0)
traced(1.0)
assert traced.experimental_get_tracing_count() == 4

# %% [markdown]
# ## What a graph forgets
#
# A Python number that a function reads while it is traced is read once and never again. A
# variable is read whenever the graph runs. Optimisers written by hand fall into this: Adam's step
# counter, kept as a Python number, stays 1 for ever. (The catalogue has it as
# `adam-frozen-counter`.)


# %%
class Counter:
    python = 0
    variable = tf.Variable(0)


@tf.function
def count():
    Counter.python += 1
    Counter.variable.assign_add(1)
    return Counter.python, Counter.variable


for _ in range(5):
    frozen, counted = count()
assert int(frozen) == 1
assert int(counted) == 5

# %% [markdown]
# ## One layer in two dialects
#
# Here are the two things together: variables that are made once, and a function that computes
# with them. In raw TensorFlow the layer holds its `tf.Variable`s and says what it does; in Keras
# one says what the layer is.

# %%
side_by_side(lowlevel.layers.Dense, highlevel.layers.Dense)

# %% [markdown]
# The same step can run from Python operation by operation (`eager`), as a graph a step (`graph`),
# or with a whole epoch as one graph (`epoch`). Graphs are free to reorder and to fuse operations,
# so equal bits are no matter of course. Here they are equal, and equal to Keras's `fit`.

# %%
generator = np.random.default_rng(0)
rows, labels = generator.normal(size=(90, 12)).astype("float32"), generator.integers(0, 5, 90)
model, train = ModelSpec.mlp(12, 7, 5), TrainSpec(epochs=2, batch_size=32, seed=1)
trainers = {
    form: lowlevel.Trainer(model, train, execution=form) for form in ("eager", "graph", "epoch")
}
trainers["keras"] = highlevel.Trainer(model, train)
for form, trainer in trainers.items():
    print(f"{form:<6}", *trainer.fit((rows, labels)).loss)
for trainer in trainers.values():
    assert all(
        (a == b).all() for a, b in zip(trainer.weights(), trainers["keras"].weights(), strict=True)
    )

# %% [markdown]
# ## What to take along
#
# - State lives in variables. Everything else is a value.
# - The tape follows variables by itself.
# - A graph is made by running Python once. What Python alone knew at that moment is frozen into it.
# - Raw TensorFlow and Keras hold the same variables and call the same operations; the dialect differs, the bits need not.
