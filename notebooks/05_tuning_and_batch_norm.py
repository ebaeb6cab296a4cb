# %% [markdown]
# # Tuning, and batch normalisation
#
# A training has numbers that no gradient finds: learning rate, momentum, layers, units. This
# lesson draws them on the right scale, searches coarse and then fine, watches a single net, and
# then looks at batch normalisation, which makes a net less touchy about all of them. Source: S1.

# %%
from dataclasses import replace

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.preprocessing import OneHotEncoder

import highlevel
import lockstep
import lowlevel
from lockstep import IntUniform, LogUniform, OneMinusLogUniform, Space
from lockstep.show import picture, side_by_side
from shared import (
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    InverseTimeDecaySpec,
    L1L2Spec,
    ModelSpec,
    TrainSpec,
    load_digits,
)

tf.get_logger().setLevel("ERROR")  # no warnings of graphs that are traced anew
digits = load_digits()

# %% [markdown]
# ## The numbers by name
#
# What S1 calls α, β, β₁, β₂, ε, learning-rate decay, minibatch size, layers and hidden units.
# Roughly in the order in which they matter: first the learning rate; then momentum, units and
# minibatch size; then layers and decay; Adam's three hardly ever.

# %%
train = TrainSpec(
    optimizer="adam",
    learning_rate=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    batch_size=32,
    epochs=3,
)
decay = InverseTimeDecaySpec(initial_learning_rate=0.1, decay_steps=157, decay_rate=1.0)
momentum = TrainSpec(optimizer="sgd", learning_rate=decay, momentum=0.9)
model = ModelSpec.mlp(400, 25, 15, 10)  # three layers; 25 and 15 hidden units
print(train.to_json().replace(", ", ",\n "))
assert TrainSpec.from_json(train.to_json()) == train
assert TrainSpec.from_json(momentum.to_json()) == momentum

# %% [markdown]
# ## Random instead of a grid
#
# 25 trainings. A grid tries five values of each of two numbers; random draws try 25 of each. If
# only one of the two matters, and one does not know which, the grid has made the same five
# trainings five times.

# %%
generator = np.random.RandomState(0)
grid = np.array([(a, b) for a in np.linspace(0.1, 0.9, 5) for b in np.linspace(0.1, 0.9, 5)])
drawn = generator.uniform(size=(25, 2))
assert len(set(grid[:, 0])) == 5
assert len(set(drawn[:, 0])) == 25

figure = Figure(figsize=(6, 3), layout="constrained")
for panel, points, title in zip(
    figure.subplots(1, 2),
    (grid, drawn),
    ("a grid: 5 learning rates", "random: 25 learning rates"),
    strict=True,
):
    panel.scatter(points[:, 0], points[:, 1])
    panel.plot(points[:, 0], np.zeros(25), "|", color="C1", markersize=16)
    panel.set(
        title=title,
        xlabel="learning rate",
        ylabel="epsilon",
        xticks=[],
        yticks=[],
        xlim=(0, 1),
        ylim=(-0.05, 1),
    )
picture(figure, "25 points on a grid have 5 learning rates, 25 random points have 25")

# %% [markdown]
# ## On which scale
#
# Between 0.0001 and 1, drawn evenly, nine learning rates in ten lie above 0.1. Drawn evenly on
# the logarithmic scale, each of the four decades gets a quarter.

# %%
even = generator.uniform(1e-4, 1, 4000)
logarithmic = np.array([LogUniform(1e-4, 1).rvs(generator) for _ in range(4000)])
decades = [1e-4, 1e-3, 1e-2, 1e-1, 1]
for name, rates in (("even", even), ("logarithmic", logarithmic)):
    print(f"{name:<12}", np.histogram(rates, decades)[0] / 4000)
assert (even > 0.1).mean() > 0.88
assert np.abs(np.histogram(logarithmic, decades)[0] / 4000 - 0.25).max() < 0.03

# %% [markdown]
# Momentum β needs the same care close to 1, for it averages over 1/(1 − β) steps. From 0.9 to
# 0.9005 that is next to nothing; from 0.999 to 0.9995 it doubles. So 1 − β is drawn on the
# logarithmic scale.

# %%
average = [round(1 / (1 - beta), 2) for beta in (0.9, 0.9005, 0.999, 0.9995)]
print(average)
assert average == [10, 10.05, 1000, 2000]
betas = np.array([OneMinusLogUniform(1e-3, 1e-1).rvs(generator) for _ in range(2000)])
assert betas.min() >= 0.9
assert betas.max() <= 0.999
assert abs((betas > 0.99).mean() - 0.5) < 0.05

# %% [markdown]
# ## Coarse, then fine (and many at a time: caviar)
#
# Six draws on 500 digits; then six more in the smallest box around the best of them. The score is
# the accuracy on a fifth of the rows, held out. Either wing may train: same draws, same curves,
# same winner. With `workers=2` they would be trained two at a time, and the figures would be the
# same.

# %%
space = Space(
    learning_rate=LogUniform(1e-4, 1),
    optimizer=["adam", "sgd"],
    momentum=OneMinusLogUniform(1e-3, 1e-1),
    units=IntUniform(5, 50),
    layers=IntUniform(1, 2),
)
some = (digits.x_train[::10], digits.y_train[::10])
found = lockstep.search(space, some, points=6, fine=True, epochs=3, seed=1)
print(found)
coarse, fine = (dict(stage.settings)["learning_rate"] for stage in found.spaces)
assert coarse.low <= fine.low < fine.high <= coarse.high
assert found.best.score >= max(point.score for point in found.points)

# %%
in_keras = lockstep.search(space, some, points=2, epochs=3, seed=1, wing="high")
for ours, keras in zip(found.points, in_keras.points, strict=False):
    assert ours.settings == keras.settings
    assert ours.history.history == keras.history.history  # every number of every curve

# %% [markdown]
# ## One net, watched (panda)
#
# Where there is only time for one training, look at it now and then. Here the rate starts too
# high and is halved whenever the held-out loss rose; weights, momentum and the order of the
# examples carry on.

# %%
start = TrainSpec(
    optimizer="sgd", learning_rate=0.15, momentum=0.9, batch_size=32, epochs=2, seed=1
)
watched = lockstep.panda(model, start, some, stages=8)
rates = [stage.train.learning_rate for stage in watched.stages]
print(rates)
assert rates == sorted(rates, reverse=True)
assert rates[-1] < rates[0]
picture(
    watched.picture(), "training and held-out loss; dotted lines where the learning rate was halved"
)

# %% [markdown]
# ## Batch normalisation
#
# Between `x @ kernel` and the activation, each column is brought to mean 0 and variance 1 over
# the batch, then scaled by γ and moved by β, which are learned:
#
# $$\tilde z = \gamma\,\frac{z - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$
#
# The layer before needs no bias: the mean takes it away again, and β stands in its place.

# %%
side_by_side(lowlevel.layers.BatchNormalization.__call__, highlevel.layers.BatchNormalization)

# %%
layers = (
    DenseSpec(units=6, use_bias=False, name="L1"),
    BatchNormalizationSpec(name="B1"),
    ActivationSpec(activation="relu", name="A1"),
    DenseSpec(units=10, name="L2"),
)
normalised = ModelSpec(inputs=400, layers=layers, dtype="float64")
low = lowlevel.Trainer(normalised, TrainSpec(optimizer="sgd", learning_rate=0.1, batch_size=32))
x, y = digits.x_train[::157][:32], digits.y_train[::157][:32, 0]
kernel, gamma, beta, moving_mean, moving_variance, kernel_2, bias_2 = low.weights()
step = low.train_on_batch(x, y)

z = x @ kernel
mean, variance = z.mean(axis=0), z.var(axis=0)  # divided by m, not by m - 1
by_formula = np.maximum(gamma * (z - mean) / np.sqrt(variance + 1e-3) + beta, 0) @ kernel_2 + bias_2
print(f"largest difference from the formula: {np.abs(step.logits - by_formula).max():.0e}")
assert np.abs(step.logits - by_formula).max() < 1e-12

# %% [markdown]
# When the net is used there may be a single picture, and the variance of one is no variance. So
# training keeps moving averages, which take a hundredth of each batch, and these are used
# instead.

# %%
_, gamma, beta, moving_mean, moving_variance, _, _ = low.weights()
assert np.allclose(moving_mean, 0.01 * mean, rtol=0, atol=1e-15)  # they began at 0 and 1
assert np.allclose(moving_variance, 0.99 + 0.01 * variance, rtol=0, atol=1e-15)
alone, together = low.predict(x[:1])[0], low.predict(x)[0]
assert np.allclose(alone, together, rtol=0, atol=1e-12)  # the others in the batch do not matter now
assert np.abs(together - step.logits[0]).max() > 0.01  # and it is not what training saw

# %% [markdown]
# Both wings, every step: the moving averages are compared as well.

# %%
hidden = [
    spec
    for number, units in enumerate((25, 15), start=1)
    for spec in (
        DenseSpec(units=units, use_bias=False, name=f"L{number}"),
        BatchNormalizationSpec(name=f"B{number}"),
        ActivationSpec(activation="relu", name=f"A{number}"),
    )
]
with_norm = ModelSpec(inputs=400, layers=(*hidden, DenseSpec(units=10, name="L3")))
report = lockstep.compare(with_norm, TrainSpec(epochs=2, seed=1), some)
print(report)
assert report.verdict == "identical"

# %% [markdown]
# ## Against overfitting
#
# 300 digits, 60 of them with a wrong label: a net that learns them all by heart pays for it on
# the test set. L2 punishes large kernels; dropout hides random units from one another. Both
# narrow the gap between training and test accuracy.

# %%
labels = digits.y_train[:, 0]
chosen = np.concatenate([np.flatnonzero(labels == label)[:30] for label in range(10)])
noisy = labels[chosen]
noisy[::5] = (noisy[::5] + np.random.RandomState(0).randint(1, 10, 60)) % 10

punished = [replace(layer, kernel_regularizer=L1L2Spec(l2=0.01)) for layer in model.layers]
hiding = [
    punished[0],
    DropoutSpec(rate=0.3, name="D1"),
    punished[1],
    DropoutSpec(rate=0.3, name="D2"),
    punished[2],
]
gaps = {}
for name, net in (
    ("nothing", model),
    ("L2", replace(model, layers=punished)),
    ("L2 and dropout", replace(model, layers=hiding)),
):
    trainer = lowlevel.Trainer(net, TrainSpec(epochs=100, seed=1))
    trainer.fit((digits.x_train[chosen], noisy))
    seen, unseen = (
        trainer.evaluate(digits.x_train[chosen], noisy)[1],
        trainer.evaluate(digits.x_test, digits.y_test)[1],
    )
    gaps[name] = seen - unseen
    print(f"{name:<15} training {seen:.3f}  test {unseen:.3f}  gap {gaps[name]:.3f}")
assert gaps["L2 and dropout"] < gaps["L2"] < gaps["nothing"]

# %% [markdown]
# ## Columns that are categories
#
# Not every column is an amount. Numbers given to categories would say that one is twice another,
# so each category gets a column of its own. Three columns with 2, 3 and 4 categories become nine.
# The encoder is scikit-learn's.

# %%
categories = [
    ["female", "male"],
    ["Asia", "Europe", "US"],
    ["Chrome", "Firefox", "Internet Explorer", "Safari"],
]
encoder = OneHotEncoder(categories=categories, sparse_output=False)
encoder.fit([[names[0] for names in categories]])
encoded = encoder.transform([["male", "US", "Internet Explorer"], ["female", "Asia", "Chrome"]])
print(encoded)
assert encoded.shape == (2, 2 + 3 + 4)
assert encoded[0].tolist() == [0, 1, 0, 0, 1, 0, 0, 1, 0]
