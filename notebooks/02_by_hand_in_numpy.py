# %% [markdown]
# # A net by hand in NumPy
#
# Forward, cost, backward, update: four words, and all of training is said. This lesson writes
# them out without any framework, as the course S2 does, compares with what the course prints,
# finds two mistakes in it, and lets TensorFlow and Keras confirm the rest.
#
# Examples are columns here: X is (inputs, examples), W is (units, inputs), b is (units, 1). Keras
# keeps examples in rows, so its kernel is W transposed. Everything is float64.

# %%
import numpy as np
import tensorflow as tf

import lockstep
import lowlevel
from lockstep.show import picture, side_by_side
from lockstep.traps import trap
from lowlevel.ladder import numpy_by_hand as by_hand
from lowlevel.ladder import numpy_training as training
from shared import ModelSpec, TrainSpec, load_digits, plots
from shared.data.synthetic import make_cats

tf.get_logger().setLevel("ERROR")  # no warnings of graphs that are traced anew


def draws(seed, *shapes):
    """Arrays as the course draws them, one after the other."""
    generator = np.random.RandomState(seed)
    return [generator.randn(*shape) for shape in shapes]


def printed(values, expected):
    """Whether values are the printed ones, to all eight digits."""
    return np.abs(np.asarray(values) - expected).max() <= 5.1e-9


# %% [markdown]
# ## First weights
#
# Small random numbers, and zeros for the biases. Were the weights all zero, all units of a layer
# would learn the same.

# %%
parameters = by_hand.initialize_parameters(3, 2, 1)
for name, value in parameters.items():
    print(name, value.tolist())
assert printed(
    parameters["W1"],
    [[0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539]],
)
assert printed(parameters["W2"], [[0.01744812, -0.00761207]])
deep = by_hand.initialize_parameters_deep([5, 4, 3])
assert printed(deep["W2"][0], [-0.01185047, -0.0020565, 0.01486148, 0.00236716])
assert not deep["b1"].any()

# %% [markdown]
# ## Forward
#
# A layer is `Z = W A + b`, then an activation. What comes in is kept in a cache, since the way
# back needs it. On the right the same layer in raw TensorFlow; it keeps nothing, because the tape
# will.

# %%
side_by_side(by_hand.linear_forward, lowlevel.layers.Dense.__call__)

# %%
A, W, b = draws(1, (3, 2), (1, 3), (1, 1))
Z, cache = by_hand.linear_forward(A, W, b)
print(Z)
assert printed(Z, [[3.26295337, -1.23429987]])

A, W, b = draws(2, (3, 2), (1, 3), (1, 1))
assert printed(by_hand.linear_activation_forward(A, W, b, "sigmoid")[0], [[0.96890023, 0.11013289]])
assert printed(by_hand.linear_activation_forward(A, W, b, "relu")[0], [[3.43896131, 0.0]])

# %% [markdown]
# Layers one after the other make the net: ReLU in all but the last, where the sigmoid gives the
# probability of "cat".

# %%
X, *values = draws(6, (5, 4), (4, 5), (4, 1), (3, 4), (3, 1), (1, 3), (1, 1))
parameters = dict(zip(["W1", "b1", "W2", "b2", "W3", "b3"], values, strict=True))
AL, caches = by_hand.L_model_forward(X, parameters)
print(AL)
assert printed(AL, [[0.03921668, 0.70498921, 0.19734387, 0.04728177]])
assert len(caches) == 3

# %% [markdown]
# ## Cost
#
# The mean over the examples of $-y \log a - (1-y) \log(1-a)$. The course's code leaves out the
# division by m. Nothing breaks: the cost is only m times too large, and its size then says more
# about the amount of data than about the net.

# %%
Y = np.array([[0, 1, 0, 0]])
cost = by_hand.compute_cost(AL, Y)
twice_the_data = by_hand.compute_cost(np.tile(AL, 2), np.tile(Y, 2))
print(cost)
assert abs(cost - twice_the_data) < 1e-15
print(trap("cost-without-mean").measure().text)

# %% [markdown]
# ## Backward
#
# The chain rule, from the last layer to the first. Each layer gets the gradient of its output and
# hands on that of its input; on the way fall off dW and db.

# %%
side_by_side(by_hand.linear_backward, by_hand.backward)

# %%
dZ, *cache = draws(1, (1, 2), (3, 2), (1, 3), (1, 1))
dA_prev, dW, db = by_hand.linear_backward(dZ, tuple(cache))
assert printed(
    dA_prev, [[0.51822968, -0.19517421], [-0.40506361, 0.15255393], [2.37496825, -0.89445391]]
)
assert printed(dW, [[-0.10076895, 1.40685096, 1.64992505]])

# %% [markdown]
# The course prints db = 1.01258895. Its own code divides by m = 2 and gives half of that: the
# printed numbers are sums, from an older version of the code. Which is right? A derivative can be
# measured. Move one number a little, see how the cost changes.

# %%
print(db)
assert printed(2 * db, [[1.01258895]])


def measured(name, place, h=1e-6):
    """The slope of the cost along one number of one weight."""
    costs = []
    for step in (h, -h):
        moved = {key: value.copy() for key, value in parameters.items()}
        moved[name].flat[place] += step
        costs.append(by_hand.compute_cost(by_hand.L_model_forward(X, moved)[0], Y))
    return (costs[0] - costs[1]) / (2 * h)


grads = by_hand.L_model_backward(AL, Y, caches)
exact = np.concatenate([grads[f"d{name}"].ravel() for name in parameters])
slopes = np.array(
    [measured(name, place) for name, value in parameters.items() for place in range(value.size)]
)
distance = np.linalg.norm(exact - slopes) / (np.linalg.norm(exact) + np.linalg.norm(slopes))
print(f"{len(slopes)} slopes, relative distance {distance:.0e}")
assert distance < 1e-7

# %% [markdown]
# So the code is right and the printed db is twice too large. The tape of TensorFlow, which knows
# nothing of ours, agrees to the last digits.

# %%
variables = {name: tf.Variable(value) for name, value in parameters.items()}
with tf.GradientTape() as tape:
    a = tf.constant(X)
    for layer in (1, 2, 3):
        z = variables[f"W{layer}"] @ a + variables[f"b{layer}"]
        a = tf.nn.relu(z)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=Y.astype(float), logits=z)
    tape_cost = tf.reduce_mean(losses)
by_tape = tape.gradient(tape_cost, variables)
farthest = max(np.abs(by_tape[name] - grads[f"d{name}"]).max() for name in variables)
print(f"largest difference from the tape: {farthest:.0e}")
assert farthest < 1e-14

# %% [markdown]
# The other mistake is a name. What the course prints as dA1 stands in its dictionary under `dA2`:
# each layer files what it hands on, the gradient of its input, under its own number.

# %%
shapes = ((1, 2), (4, 2), (3, 4), (3, 1), (3, 2), (3, 2), (1, 3), (1, 1), (1, 2))
a, A1, W1, b1, Z1, A2, W2, b2, Z2 = draws(3, *shapes)
two_layers = [((A1, W1, b1), Z1), ((A2, W2, b2), Z2)]
grads = by_hand.L_model_backward(a, np.array([[1, 0]]), two_layers)
assert printed(grads["dW1"][0], [0.41010002, 0.07807203, 0.13798444, 0.10502167])
assert printed(grads["dA2"][0], [0.12913162, -0.44014127])  # printed as dA1
assert grads["dA1"].shape == (4, 2)  # and this would be the gradient of the input

# %% [markdown]
# ## Update and train
#
# Gradient descent: `w - learning_rate * dw`. Then again; all examples at once, so an iteration is
# an epoch.

# %%
shapes = ((3, 4), (3, 1), (1, 3), (1, 1))
before = dict(zip(("W1", "b1", "W2", "b2"), draws(2, *shapes), strict=True))
slopes = dict(zip(("dW1", "db1", "dW2", "db2"), draws(3, *shapes), strict=True))
after = by_hand.update_parameters(before, slopes, 0.1)
assert printed(after["W1"][0], [-0.59562069, -0.09991781, -2.14584584, 1.82662008])
assert printed(after["b2"], [[-0.84610769]])

# %% [markdown]
# The data are drawn pictures, some of them of cats, in the layout of the course's file: 209
# pictures of 64 × 64 × 3. (They are stand-ins: results on them say nothing about photographs.)

# %%
cats = make_cats()
coarse = cats.x_train[:, ::4, ::4]  # every fourth pixel, so that it takes seconds
X, Y = coarse.reshape(209, -1).T / 255, cats.y_train.reshape(1, -1)
picture(plots.examples(cats, rows=2, columns=8), "sixteen drawn pictures, cats among them")

# %%
two, costs_two = by_hand.two_layer_model(X, Y, (768, 7, 1), num_iterations=401)
four, costs_four = by_hand.L_layer_model(X, Y, (768, 20, 7, 5, 1), num_iterations=401)
print(np.round(costs_two, 4), np.round(costs_four, 4))
assert costs_two == sorted(costs_two, reverse=True)
assert costs_four == sorted(costs_four, reverse=True)
picture(
    plots.curves({"two layers": costs_two, "four layers": costs_four}, quantity="cost", every=100),
    "both costs fall",
)

# %% [markdown]
# ## More than two classes
#
# With softmax in place of the sigmoid, the gradient of the loss by the logits is as short as can
# be: A − Y, what was said less what is true.

# %%
side_by_side(training.softmax_backward, training.softmax_cross_entropy)

# %%
logits, labels = draws(4, (6, 9))[0], np.arange(9) % 6
with tf.GradientTape() as tape:
    z = tf.Variable(logits.T)
    total = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))
difference = by_hand.my_softmax(logits) - np.eye(6)[labels].T
assert np.abs(training.softmax_backward(logits, labels) - difference).max() == 0
assert np.abs(tape.gradient(total, z).numpy().T - difference).max() < 1e-15

# %% [markdown]
# ## Adam by hand, and Keras as the judge
#
# The rule of Adam twice: by hand and in raw TensorFlow. In Keras one writes
# `keras.optimizers.Adam(0.001)`, and the same rule runs inside.

# %%
side_by_side(training.adam, lowlevel.optimizers.Adam)

# %% [markdown]
# Now the net by hand stands beside Keras on the digits, with the same first weights and the same
# batches. Their sums are added up in different orders, so bits may differ; what may not differ is
# more than rounding. The noise floor is measured, not guessed.

# %%
digits = load_digits()
some = (digits.x_train[::10], digits.y_train[::10])
model = ModelSpec.mlp(400, 25, 15, 10, dtype="float64")
report = lockstep.compare(
    model, TrainSpec(learning_rate=0.01, epochs=1, seed=1), some, sides="numpy,keras"
)
print(report)
assert report.verdict == "round-off"
assert report.max_abs < 1e-11
