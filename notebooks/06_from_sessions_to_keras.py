# %% [markdown]
# # From TensorFlow 1 sessions to Keras
#
# The same training in four dialects, from the oldest to the newest: a graph and a session (S1),
# eager code with a tape (S0), graphs by `@tf.function` (S3), and Keras. Old code need not be
# thrown away to be understood: TensorFlow 2 still runs all of it.

# %%
import keras
import numpy as np
import tensorflow as tf

import highlevel
import lockstep
import lowlevel
from lockstep.show import picture, side_by_side
from lowlevel.ladder import tf1_session as tf1
from lowlevel.ladder import tf2_functions, tf2_graph_functions
from shared import History, ModelSpec, TrainSpec, plots
from shared.data.synthetic import make_signs

tf.get_logger().setLevel("ERROR")  # no warnings of graphs that are traced anew

# %% [markdown]
# ## Lay out, then run
#
# In TensorFlow 1 a line of code computes nothing. It adds a node to a graph and returns a handle
# to it. A session runs the graph, or as much of it as is asked for. 2 · 10 is 20 only then.

# %%
side_by_side(tf1.session, tf1.multiply)

# %%
with tf1.session() as sess:
    product = tf.multiply(tf.constant(2), tf.constant(10))
    print(product)
    assert not hasattr(product, "numpy")  # no value yet
    assert sess.run(product) == 20
assert tf1.multiply(2, 10) == 20
assert tf.executing_eagerly()  # graph and session are gone

# %% [markdown]
# A placeholder is a hole in the graph, to be filled when the session runs: the function's
# argument, as it were. A variable has its value only after its initialiser has run; to forget
# that was the commonest error of those years.

# %%
side_by_side(tf1.double, tf1.squared_error)

# %%
assert tf1.double(3) == 6
assert tf1.squared_error(36, 39) == 9

# %% [markdown]
# ## Finding a minimum
#
# $w^2 - 10w + 25$ is least at w = 5. From w = 0, at a rate of 0.01, one step leads to 0.1, and
# 1,001 steps to 4.99999. In TensorFlow 1 the optimiser adds nodes for gradient and update to the
# graph, and the session runs them.

# %%
side_by_side(tf1.minimize_quadratic)

# %%
path = tf1.minimize_quadratic()
print(*(f"{value:.5f}" for value in (path[0], path[1], path[1001])))
assert path[0] == 0
assert abs(path[1] - 0.1) < 1e-7
assert f"{path[1001]:.5f}" == "4.99999"
fed = tf1.minimize_quadratic(
    steps=1, coefficients=[1.0, -10.0, 25.0]
)  # the numbers come through a placeholder
assert fed == path[:2]

# %% [markdown]
# The same today: a variable, a tape, a subtraction. And with a Keras optimiser in place of the
# subtraction.

# %%
w, in_keras = tf.Variable(0.0), keras.Variable(0.0)
descent = keras.optimizers.SGD(0.01)
for _ in range(1001):
    for variable in (w, in_keras.value):
        with tf.GradientTape() as tape:
            cost = variable**2 - 10 * variable + 25
        slope = tape.gradient(cost, variable)
        if variable is w:
            w.assign_sub(0.01 * slope)
        else:
            descent.apply([slope], [in_keras])
print(float(w), float(in_keras))
assert float(w) == float(in_keras)
assert abs(float(w) - path[1001]) < 1e-6

# %% [markdown]
# ## The small functions
#
# What the course writes with sessions still gives what it printed.

# %%
assert np.allclose(
    tf1.linear_function()[:, 0],
    [-2.15657382, 2.95891446, -1.08926781, -0.84538042],
    rtol=0,
    atol=5e-9,
)
assert abs(tf1.sigmoid(-1) - 0.26894143) < 1e-7
assert np.allclose(
    tf1.cost([0.2, 0.4, 0.7, 0.9], [0, 0, 1, 1]),
    [0.79813886, 0.91301525, 0.40318605, 0.34115386],
    atol=1e-6,
)
assert tf1.one_hot_matrix([1, 2, 0], C=3).tolist() == [
    [0, 0, 1],
    [1, 0, 0],
    [0, 1, 0],
]  # a column for each label
assert tf1.ones([3]).tolist() == [1, 1, 1]

# %% [markdown]
# Minibatches are cut from a shuffled order. Every example comes once, the last batch may be
# smaller, and the same seed gives the same order.

# %%
X, Y = np.arange(10.0)[None], np.arange(10)[None]
batches = tf1.random_mini_batches(X, Y, mini_batch_size=4, seed=1)
assert [x.shape[1] for x, _ in batches] == [4, 4, 2]
assert sorted(np.concatenate([x[0] for x, _ in batches])) == list(range(10))
assert all((x == y).all() for x, y in batches)
again = tf1.random_mini_batches(X, Y, mini_batch_size=4, seed=1)
assert all((a == b).all() for (a, _), (b, _) in zip(batches, again, strict=True))

# %% [markdown]
# ## The signs net in a session
#
# Placeholders for X and Y, Xavier draws, three layers, softmax cross-entropy, Adam; then epochs
# of `sess.run`. The data are drawn hand signs, at a quarter of their resolution so that it takes
# seconds.

# %%
signs = make_signs(train=30, test=10)
columns, test_columns = (
    part[:, ::4, ::4].reshape(len(part), -1).T / np.float32(255)
    for part in (signs.x_train, signs.x_test)
)
one_hot, test_one_hot = (
    tf1.convert_to_one_hot(labels, 6) for labels in (signs.y_train, signs.y_test)
)
assert columns.shape == (768, 180)
assert one_hot.shape == (6, 180)
assert one_hot.sum(axis=0).tolist() == [1] * 180

history = History()
trained = tf1.model(
    columns,
    one_hot,
    test_columns,
    test_one_hot,
    learning_rate=0.003,
    num_epochs=60,
    print_cost=False,
    history=history,
)
print(f"train accuracy {history.accuracy[-1]:.3f}, test accuracy {history.val_accuracy[-1]:.3f}")
assert history.loss[-1] < history.loss[0]
assert history.accuracy[-1] > 1 / 6
assert abs((tf1.predict(columns, trained) == signs.y_train).mean() - history.accuracy[-1]) < 1e-6
picture(
    plots.curves({"session": history.loss}, quantity="cost"),
    "the cost of the net in a session falls over 60 epochs",
)

# %% [markdown]
# ## One forward pass, four times
#
# The trained weights go into the functions of all four dialects. In the low-level wing and in
# Keras examples are rows, so the kernels are turned.

# %%
side_by_side(tf1.forward_propagation, tf2_functions.forward_propagation)

# %%
as_rows = [value.T if value.shape[1] > 1 else value[:, 0] for value in trained.values()]
model = ModelSpec.mlp(768, 25, 12, 6)
low, high = lowlevel.Trainer(model, TrainSpec()), highlevel.Trainer(model, TrainSpec())
low.load(as_rows)
high.load(as_rows)
with tf1.session() as sess:
    in_session = sess.run(
        tf1.forward_propagation(
            tf.constant(test_columns), {k: tf.constant(v) for k, v in trained.items()}
        )
    )
logits = {
    "session": in_session.T,
    "eager": tf2_functions.forward_propagation(test_columns, trained).numpy().T,
    "graph": tf2_graph_functions.forward_propagation(test_columns, trained).numpy().T,
    "low-level wing": low.predict(test_columns.T),
    "Keras": high.predict(test_columns.T),
}
for name, values in logits.items():
    print(f"{name:<15} farthest from Keras: {np.abs(values - logits['Keras']).max():.1e}")
    assert np.abs(values - logits["Keras"]).max() < 1e-4
    assert (values.argmax(axis=1) == logits["Keras"].argmax(axis=1)).all()
assert (logits["low-level wing"] == logits["Keras"]).all()  # these two to the last bit

# %% [markdown]
# ## One training step, then and now
#
# On the left a session is told which nodes to run; the gradient and the update are in the graph.
# On the right the step is plain code, and Keras makes the loop around it.

# %%
side_by_side(tf1.model, lowlevel.Trainer._step)

# %% [markdown]
# Are they the same training? `lockstep.compare` runs all four and Keras on the same weights and
# batches, in float64, and measures the noise floor beside it.

# %%
small = ModelSpec.mlp(768, 25, 12, 6, dtype="float64")
some = (columns.T[::4], signs.y_train[::4])
report = lockstep.compare(
    small, TrainSpec(epochs=2, batch_size=16, seed=1), some, sides="tf1,tf2,tf2-graph,epoch,keras"
)
print(report)
assert report.verdict in ("identical", "round-off")
assert report.max_abs < 1e-11

# %% [markdown]
# ## What replaced what
#
# | TensorFlow 1 | TensorFlow 2 | Keras |
# | --- | --- | --- |
# | `tf.Session`, `sess.run` | a function call | `fit`, `predict` |
# | `tf.placeholder`, `feed_dict` | an argument | `keras.Input` |
# | `tf.get_variable`, `global_variables_initializer` | `tf.Variable` | a layer's weights |
# | `optimizer.minimize(cost)` | `GradientTape`, then the update | `compile(optimizer, loss)` |
# | the graph, always | `@tf.function`, where wanted | inside of `fit` |
