# %% [markdown]
# # The digit classifier, twice, and where softmax belongs
#
# One net, 400 → 25 → 15 → 10, learns to read 5,000 handwritten digits: once in raw TensorFlow,
# once in Keras. On the way: what an activation does, what softmax does, and why softmax stands
# outside of the net.

# %%
import numpy as np
import tensorflow as tf

import highlevel
import lockstep
import lowlevel
from lockstep.show import picture, side_by_side, sliders
from lowlevel.ladder.numpy_by_hand import my_softmax
from shared import ModelSpec, TrainSpec, evaluation, load_digits, plots

digits = load_digits()
assert digits.x_train.shape == (5000, 400)
assert digits.y_train.shape == (5000, 1)
assert (digits.y_train[0, 0], digits.y_train[-1, 0]) == (0, 9)
assert np.bincount(digits.y_train[:, 0]).tolist() == [500] * 10

# %% [markdown]
# ## A row is a picture
#
# Each row of 400 numbers is a picture of 20 × 20, unrolled column by column. So `row.reshape(20,
# 20)` alone would lie on its side; the transpose stands it up.

# %%
upright = digits.x_train[1015].reshape(20, 20).T
assert (digits.images(digits.x_train[1015:1016])[0] == upright).all()
picture(
    plots.examples(digits, rows=4, columns=10),
    "forty handwritten digits, four of each of the classes 0 to 9",
)

# %% [markdown]
# ## Activations
#
# Between the layers stands ReLU: below 0 nothing, above 0 the number itself. Without a bend of
# this kind, three layers would be no more than one. The sigmoid squeezes every number into 0 to
# 1; linear leaves it as it is. Both wings have the same three curves; where two lie on top of one
# another, the broader one shows from behind.

# %%
names = ("relu", "linear", "sigmoid")
wings = {"low-level": lowlevel.activations, "high-level": highlevel.activations}
drawn = plots.activations(
    {side: {name: wing.get(name) for name in names} for side, wing in wings.items()}
)
z = np.linspace(-5, 5, 101, dtype="float32")
for name in names:
    assert (
        np.asarray(lowlevel.activations.get(name)(z))
        == np.asarray(highlevel.activations.get(name)(z))
    ).all()
picture(drawn, "ReLU, linear and sigmoid from -5 to 5; the curves of both wings coincide")

# %% [markdown]
# A unit does not see its input z as it is, but w z + b. The weight w decides how steep the
# function is and which way it runs, the bias b where its bend lies: a ReLU begins at z = −b/w.
# The picture has w = 2 and b = −4, so it begins at 2. In a running notebook, sliders move both.


# %%
def draw_unit(w, b):
    functions = {
        name: lambda z, name=name: lowlevel.activations.get(name)(w * z + b) for name in names
    }
    title = f"activation({w:g} z {'-' if b < 0 else '+'} {abs(b):g})"
    return picture(
        plots.activations({"unit": functions}, title=title), f"{title}: ReLU, linear, sigmoid"
    )


assert lowlevel.activations.relu(2 * np.array([1.9, 2.0, 2.5]) - 4).numpy().tolist() == [0, 0, 1]
draw_unit(2, -4)

# %%
sliders(draw_unit, w=2.0, b=-4.0)

# %% [markdown]
# ## Softmax
#
# The last layer gives ten numbers of any size, the logits. Softmax turns them into probabilities:
# each becomes $e^{z}$, divided by the sum of all, so they lie between 0 and 1 and add up to 1.

# %%
side_by_side(my_softmax)

# %%
a = my_softmax(np.array([1.0, 2.0, 3.0, 4.0]))
print(np.round(a, 2))
assert np.round(a, 2).tolist() == [0.03, 0.09, 0.24, 0.64]
assert np.allclose(a, tf.nn.softmax([1.0, 2.0, 3.0, 4.0]), rtol=0, atol=1e-7)
assert abs(a.sum() - 1) < 1e-15

# %% [markdown]
# Why does the function take away the greatest logit first? A common factor cancels, so nothing
# changes, except that $e^{1000}$, which no float64 can hold, is never computed.

# %%
with np.errstate(over="ignore", invalid="ignore"):
    plain = np.exp([1000.0, 1001.0]) / np.exp([1000.0, 1001.0]).sum()
assert np.isnan(plain).all()
assert np.allclose(
    my_softmax(np.array([1000.0, 1001.0])), my_softmax(np.array([0.0, 1.0])), rtol=1e-15
)

# %% [markdown]
# The picture shows 1, 2, 3, 4 and what softmax makes of them: steps of 1 become factors of e. In
# a running notebook with ipywidgets, sliders below it move the four logits. Raise one and watch
# all the others sink; add the same to all four and nothing happens.


# %%
def draw_softmax(z0, z1, z2, z3):
    probabilities = my_softmax(np.array([z0, z1, z2, z3]))
    words = ", ".join(f"{p:.2f}" for p in probabilities)
    return picture(
        plots.bars({"softmax": probabilities}, ["z0", "z1", "z2", "z3"]), f"softmax gives {words}"
    )


assert np.allclose(my_softmax(np.array([1.0, 2, 3, 4]) + 7), a, rtol=1e-14)
draw_softmax(1, 2, 3, 4)

# %%
sliders(draw_softmax, z0=1.0, z1=2.0, z2=3.0, z3=4.0)

# %% [markdown]
# ## One spec builds both nets
#
# The spec is plain data: two hidden layers with ReLU and a linear one at the end. Both wings
# build from it and read nothing else.

# %%
model = ModelSpec.mlp(400, 25, 15, 10)
train = TrainSpec(optimizer="adam", learning_rate=1e-3, epochs=5, batch_size=32, seed=1234)
low, high = lowlevel.Trainer(model, train), highlevel.Trainer(model, train)
low.summary()
assert model.parameters == 10_025 + 390 + 160
assert [w.shape for w in low.weights()] == [(400, 25), (25,), (25, 15), (15,), (15, 10), (10,)]
assert all(
    (a == b).all() for a, b in zip(low.weights(), high.weights(), strict=True)
)  # the first draws, too

# %% [markdown]
# On the left, training is written out: forward, loss, gradient, update. On the right it is what
# Keras is told, once, before its `fit` does the same.

# %%
side_by_side(lowlevel.Trainer._step, highlevel.Trainer.__init__)

# %% [markdown]
# ## Train both
#
# 5,000 rows in batches of 32 are 157 steps an epoch, the last one with 8 rows. The losses are not
# close: they are the same numbers, and so is every weight.

# %%
low_history, high_history = low.fit(digits), high.fit(digits)
for epoch, loss in enumerate(low_history.loss, start=1):
    print(f"epoch {epoch}: loss {loss:.6f}")
assert low_history.loss == high_history.loss
assert all((a == b).all() for a, b in zip(low.weights(), high.weights(), strict=True))
assert -(-5000 // 32) == 157

# %%
histories = {"low-level": low_history, "high-level": high_history}
picture(
    plots.curves(histories), "the loss falls over five epochs; the curves of both wings coincide"
)

# %% [markdown]
# ## Softmax on the outside
#
# For the answer alone softmax is not needed: the largest logit has the largest probability. It is
# put on where probabilities are asked for.

# %%
image_of_two = digits.x_train[1015:1016]
logits, probabilities = low.predict(image_of_two), low.predict_proba(image_of_two)
print(np.round(logits, 2))
print(np.round(probabilities, 3))
assert abs(probabilities.sum() - 1) < 1e-6
assert logits.argmax() == probabilities.argmax() == digits.y_train[1015, 0] == 2
assert (high.predict(image_of_two) == logits).all()
assert (high.predict_proba(image_of_two) == probabilities).all()

# %% [markdown]
# Why not make softmax the last layer? Because the loss needs the logarithm of a probability. From
# logits it is exact. From probabilities it is lost where the probability has become 0: the loss
# is infinite, or, as Keras clips it, far too small.

# %%
far, label = tf.constant([[0.0, 200.0]]), tf.constant([0])
from_logits = tf.nn.sparse_softmax_cross_entropy_with_logits(label, far)
by_probability = -tf.math.log(tf.nn.softmax(far)[:, 0])
assert float(from_logits[0]) == 200
assert np.isinf(by_probability[0])

# %% [markdown]
# The commonest mistake is to do both: softmax in the net *and* a loss that takes its input for
# logits. Nothing complains. Softmax of probabilities is nearly flat: even for an answer that is
# right beyond doubt, the loss of ten classes cannot go below $\ln(1 + 9/e) = 1.46$. If the loss
# of a classifier of ten classes stops there, look for a second softmax.

# %%
sure = tf.one_hot([3], 10)  # probabilities: class 3, without any doubt
twice = float(tf.nn.sparse_softmax_cross_entropy_with_logits([3], sure)[0])
print(f"{twice:.4f}")
assert abs(twice - np.log(1 + 9 / np.e)) < 1e-6

# %% [markdown]
# ## What it reads
#
# 64 of the digits, each under its label and the answer of either wing. Wrong ones are red.

# %%
answers = {
    "low-level": low.predict(digits.x_train).argmax(axis=1),
    "high-level": high.predict(digits.x_train).argmax(axis=1),
}
some = slice(None, None, 79)
few = {side: found[some] for side, found in answers.items()}
page = plots.predictions(
    digits.images(digits.x_train[some]), digits.y_train[some], few, digits.classes
)
picture(page, "64 digits with label and prediction, the same for both wings", dpi=60)

# %% [markdown]
# And the first of those that it gets wrong. You would not: the net has seen each digit five times
# and no more. After 40 epochs, which `lockstep compare digits` trains, few of the 5,000 are left.

# %%
wrong = [evaluation.misclassified(digits.y_train, found, 10).tolist() for found in answers.values()]
assert wrong[0] == wrong[1]
page = plots.misclassified(
    digits.images(digits.x_train), digits.y_train, answers, digits.classes, most=10
)
picture(page, "the first ten misclassified digits, the same for both wings", dpi=60)

# %% [markdown]
# ## Equal at every step
#
# Equal at the end could be luck. `lockstep.compare` looks at every step: the batch, the logits,
# the losses, the gradients, the optimiser's memory, the weights.

# %%
short = TrainSpec(optimizer="adam", learning_rate=1e-3, epochs=1, batch_size=32, seed=1234)
report = lockstep.compare(model, short, digits)
print(report)
assert report.verdict == "identical"
assert report.max_ulp == 0
