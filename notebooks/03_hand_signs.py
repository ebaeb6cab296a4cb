# %% [markdown]
# # Hand signs in raw TensorFlow and in Keras
#
# Six hand signs, 0 to 5, are told apart by a net of three layers. First as the courses S0 and S3
# build it: variables in a dictionary, examples in columns, a loop of one's own. Then as Keras has
# it: examples in rows, and `fit`. Where the two layouts meet, mistakes are made that nothing
# complains about; four of them are measured here.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import highlevel
import lockstep
import lowlevel
from lockstep.show import picture, side_by_side
from lockstep.traps import trap
from lowlevel.ladder import tf2_functions, tf2_graph_functions
from shared import History, ModelSpec, TrainSpec, evaluation, plots
from shared.data.synthetic import make_signs

tf.get_logger().setLevel("ERROR")  # no warnings of graphs that are traced anew

# %% [markdown]
# ## The data
#
# The course's photographs do not ship, so the signs are drawn here: 60 of each class to train
# with and 20 to test. They are stand-ins, and results on them say nothing about photographs. With
# the files of the course, `load_signs(folder)` gives the same kind of object: pictures of 64 × 64
# × 3 as bytes, labels as int64.

# %%
signs = make_signs(train=60)
assert signs.x_train.shape == (360, 64, 64, 3)
assert signs.x_train.dtype == np.uint8
assert signs.x_test.shape == (120, 64, 64, 3)
picture(
    plots.examples(signs, rows=5, columns=5),
    "25 drawn hands, each under the number that it shows",
    dpi=72,
)

# %% [markdown]
# ## `tf.data`
#
# A dataset of TensorFlow is a pipeline: it has no elements to index, but it can be walked
# through, and `element_spec` says what comes out. To change each element, `map` a function over
# it.

# %%
pictures, labels = (
    tf.data.Dataset.from_tensor_slices(part) for part in (signs.x_train, signs.y_train)
)
assert pictures.element_spec == tf.TensorSpec((64, 64, 3), tf.uint8)
assert labels.element_spec == tf.TensorSpec((), tf.int64)
assert {int(label) for label in labels} == {0, 1, 2, 3, 4, 5}

rows = pictures.map(tf2_functions.normalize)
first = next(iter(rows)).numpy()
assert rows.element_spec == tf.TensorSpec((12288,), tf.float32)
assert (first == signs.x_train[0].reshape(-1).astype("float32") / np.float32(255)).all()

# %% [markdown]
# S0 divides by 255 and makes vectors; S3 divides by 256 and makes columns. White is 1 in the one
# and 0.99609375 in the other: a net that was trained on one scale should not be asked on the
# other.

# %%
white = np.full((1, 1, 3), 255, np.uint8)
assert tf2_functions.normalize(white).numpy().tolist() == [1, 1, 1]
assert tf2_graph_functions.normalize(white).numpy().tolist() == [[0.99609375]] * 3
side_by_side(tf2_functions.normalize, tf2_graph_functions.normalize)

# %% [markdown]
# ## Parameters
#
# Six variables, drawn Glorot-normal: narrower the more numbers a unit adds up. Keras draws the
# same numbers from the same seed.

# %%
parameters = tf2_functions.initialize_parameters()
for name, value in parameters.items():
    print(name, tuple(value.shape), f"deviation {value.numpy().std():.4f}")
shapes = {
    "W1": (25, 12288),
    "b1": (25, 1),
    "W2": (12, 25),
    "b2": (12, 1),
    "W3": (6, 12),
    "b3": (6, 1),
}
assert {name: tuple(value.shape) for name, value in parameters.items()} == shapes
assert (
    parameters["W1"].numpy() == keras.initializers.GlorotNormal(seed=1)((25, 12288)).numpy()
).all()
assert abs(parameters["W1"].numpy().std() / np.sqrt(2 / (12288 + 25)) - 1) < 0.01

# %% [markdown]
# ## Columns and rows
#
# The course computes W X with an example in each column. The wings, and Keras, compute x W with
# an example in each row. It is the same net with its kernels transposed.

# %%
side_by_side(tf2_functions.forward_propagation, lowlevel.network.Network.__call__)

# %%
model = ModelSpec.mlp(12288, 25, 12, 6)
low = lowlevel.Trainer(model, TrainSpec())
values = [value.numpy() for value in parameters.values()]
low.load([value.T if value.shape[1] > 1 else value[:, 0] for value in values])

few = np.stack([next(iter(rows.skip(at))).numpy() for at in (0, 100, 200, 300)])
in_columns = tf2_functions.forward_propagation(few.T, parameters).numpy()
in_rows = low.predict(few)
assert in_columns.shape == (6, 4)
assert in_rows.shape == (4, 6)
assert np.allclose(in_columns.T, in_rows, rtol=0, atol=2e-6)
assert (in_rows < 0).any()  # logits: no ReLU and no softmax at the end

# %% [markdown]
# ## The loss: a sum, divided at the very end
#
# Five examples with losses 0, 1, 2, 3, 4 come in batches of 4 and of 1. Their mean is 2. Who
# takes the mean of each batch and then the mean of those gets 2.75, since the last example counts
# four times as much. So a batch gives its *sum*, and the division by m comes at the end of the
# epoch.

# %%
losses = [np.array([0.0, 1.0, 2.0, 3.0]), np.array([4.0])]
assert sum(batch.sum() for batch in losses) / 5 == 2
assert np.mean([batch.mean() for batch in losses]) == 2.75
side_by_side(tf2_functions.compute_total_loss, lowlevel.losses.mean_over_batch)

# %% [markdown]
# Four ways in which the notes, or loops that follow them, go wrong. Each is a trap of the
# catalogue, with a wrong and a right half; what stands below was measured by running both.

# %%
for name in (
    "mean-divided-by-m",
    "classes-as-rows",
    "binary-for-six-classes",
    "cost-divided-by-batch-size",
):
    shown = trap(name)
    print(f"{shown.title}\n    {shown.measure().text}\n")

# %% [markdown]
# The second one deserves a look. Logits of shape (classes, examples) go to a loss that reads rows
# as examples. Softmax then runs over the *examples*: a batch of one has loss 0 whatever the net
# says.

# %%
side_by_side(trap("classes-as-rows").wrong, trap("classes-as-rows").right)

# %%
one_sign, its_label = in_columns[:, :1], np.eye(6)[:, signs.y_train[0]][:, None]
wrong = tf.nn.softmax_cross_entropy_with_logits(its_label, one_sign)
right = tf2_functions.compute_total_loss(one_sign, its_label)
assert float(tf.reduce_sum(wrong)) == 0
assert float(right) > 0.5

# %% [markdown]
# And S3's binary cross-entropy, which asks six yes-or-no questions where there is one question
# with six answers. It gives what the notes print; it is the wrong loss all the same.

# %%
cost = tf2_graph_functions.compute_cost(
    np.array([[0.6, 0.4], [0.4, 0.6], [0.4, 0.6]]), np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
)
assert abs(float(cost) - 0.8419182681095858) < 1e-15

# %% [markdown]
# ## Training, written out
#
# The loop of S0: walk through the minibatches, forward, loss, tape, Adam; every ten epochs write
# down cost and accuracies. (The course asks for 1,500 epochs; 21 do for a look.)

# %%
one_hot = {}
for part, labels in (("train", signs.y_train), ("test", signs.y_test)):
    one_hot[part] = tf.data.Dataset.from_tensor_slices(labels).map(tf2_functions.one_hot_matrix)
test_rows = tf.data.Dataset.from_tensor_slices(signs.x_test).map(tf2_functions.normalize)
shuffled = [
    data.shuffle(360, seed=1, reshuffle_each_iteration=False)
    for data in (rows.cache(), one_hot["train"])
]
trained, costs, train_acc, test_acc = tf2_functions.model(
    *shuffled, test_rows.cache(), one_hot["test"], learning_rate=0.001, num_epochs=21
)
assert len(costs) == len(train_acc) == len(test_acc) == 3
assert costs == sorted(costs, reverse=True)
assert train_acc[-1] > train_acc[0]

# %% [markdown]
# S3 has the same loop with its functions under `@tf.function`, and plain gradient descent in
# place of Adam. There the step is a graph: Python walks through the minibatches and does nothing
# else.

# %%
history = History()
tf2_graph_functions.model(
    *shuffled,
    test_rows.cache(),
    one_hot["test"],
    learning_rate=0.02,
    num_epochs=6,
    print_cost=False,
    history=history,
)
print(np.round(history.loss, 4))
assert history.loss == sorted(history.loss, reverse=True)

# %% [markdown]
# ## Training, in Keras
#
# The same net from a spec, built by both wings: raw TensorFlow in rows, and `keras.Sequential`
# with `compile` and `fit`. They get the same first weights and the same batches, and
# `lockstep.compare` looks at every one of the steps.

# %%
train = TrainSpec(optimizer="adam", learning_rate=1e-3, epochs=4, seed=1)
report = lockstep.compare(model, train, signs)
print(report)
assert report.verdict == "identical"

# %% [markdown]
# And the course's own functions as a side of the comparison: another layout, other operations,
# the same training up to rounding. In float64, on 45 of the signs, so that it stays short.

# %%
some = (signs.x_train[::8, ::4, ::4], signs.y_train[::8])
small = ModelSpec.mlp(16 * 16 * 3, 25, 12, 6, dtype="float64")
report = lockstep.compare(
    small, TrainSpec(epochs=2, batch_size=16, seed=1), some, sides="tf2,tf2-graph,keras"
)
print(report)
assert report.verdict in ("round-off", "identical")

# %% [markdown]
# ## What it learned
#
# After 60 epochs most of the training pictures are learned, fewer of the test pictures: 360
# drawings are not many for 308,000 weights. True class down, answer across, the same in both
# wings.

# %%
longer = replace(train, epochs=60)
low, high = lowlevel.Trainer(model, longer), highlevel.Trainer(model, longer)
curve = low.fit(signs)
print(
    f"right: {curve.accuracy[-1]:.1%} in training, {curve.val_accuracy[-1]:.1%} of the test pictures"
)
assert curve.accuracy[-1] > curve.val_accuracy[-1] > 1 / 3  # a guess would be right once in six
assert model.parameters == 307_225 + 312 + 78
high.load(low.weights())
found = {
    "low-level": low.predict(signs.x_test).argmax(axis=1),
    "high-level": high.predict(signs.x_test).argmax(axis=1),
}
assert (found["low-level"] == found["high-level"]).all()
counts = {side: evaluation.confusion(signs.y_test, classes, 6) for side, classes in found.items()}
assert sum(int(matrix.sum()) for matrix in counts.values()) == 240
picture(plots.confusion(counts, signs.classes), "two equal tables of what was taken for what")

# %% [markdown]
# ## One's own picture
#
# A picture of any size is cut square, resized to 64 × 64 and asked of both wings. A net has no
# answer but its six classes: shown a patch of sky, it names a sign all the same, with a
# probability.

# %%
surest = int(low.predict_proba(signs.x_test).max(axis=1).argmax())
with tempfile.TemporaryDirectory() as folder:
    weights, photo, sky = (
        Path(folder) / name for name in ("signs.weights.h5", "photo.jpg", "sky.png")
    )
    low.save(weights, signs)
    Image.fromarray(signs.x_test[surest]).resize((150, 150)).save(photo)
    Image.new("RGB", (90, 60), "skyblue").save(sky)
    answers = lockstep.predict([photo, sky], weights)
for what, answer in zip(("photo", "sky"), answers, strict=True):
    best = answer.order[0]
    print(f"{what}: {answer.classes[best]}, probability {answer.low[best]:.3f}")
    assert answer.identical  # both wings, the same bits
    assert abs(answer.low.sum() - 1) < 1e-6
    assert answer.low[best] > 1 / 6
assert answers[0].order[0] == found["low-level"][surest]
