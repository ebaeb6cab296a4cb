# %% [markdown]
# # The digit classifier, twice, and where softmax belongs
#
# One net, 400 → 25 → 15 → 10, in raw TensorFlow and in Keras. This file is a lesson that can be run: cell by cell in an editor
# that knows percent scripts, or whole with `python notebooks/04_digits.py`. Every claim in it is asserted.

# %%
import numpy as np

import highlevel
import lockstep
import lowlevel
from shared import ModelSpec, TrainSpec, load_digits

digits = load_digits()
assert digits.x_train.shape == (5000, 400)
assert (digits.y_train[0, 0], digits.y_train[-1, 0]) == (0, 9)

# %% [markdown]
# The spec is plain data. Both wings build from it, and neither reads anything else. The last layer is linear: what comes out are
# logits, not probabilities.

# %%
model = ModelSpec.mlp(400, 25, 15, 10)
train = TrainSpec(optimizer="adam", learning_rate=1e-3, epochs=3, batch_size=32, seed=1234)
low, high = lowlevel.Trainer(model, train), highlevel.Trainer(model, train)
low.summary()
assert model.parameters == 10_025 + 390 + 160

# %% [markdown]
# Train both. On the left the loop is written out in `lowlevel/trainer.py`; on the right it is Keras's `fit`. The losses are
# not close: they are the same numbers.

# %%
low_history, high_history = low.fit(digits), high.fit(digits)
print(low_history.loss)
assert low_history.loss == high_history.loss
assert all((a == b).all() for a, b in zip(low.weights(), high.weights(), strict=True))

# %% [markdown]
# Softmax stands outside of the net. For the answer alone it is not needed, since it does not change which logit is the largest.

# %%
image_of_two = digits.x_train[1015:1016]
logits, probabilities = low.predict(image_of_two), low.predict_proba(image_of_two)
print(np.round(probabilities, 3))
assert abs(probabilities.sum() - 1) < 1e-6
assert logits.argmax() == probabilities.argmax() == digits.y_train[1015, 0] == 2
assert (high.predict(image_of_two) == logits).all()

# %% [markdown]
# Equal at the end could be luck. `lockstep.compare` looks at every step: the batch, the logits, the losses, the gradients, the
# optimiser's memory, the weights.

# %%
report = lockstep.compare(model, train, digits)
print(report)
assert report.verdict == "identical"
assert report.max_ulp == 0
