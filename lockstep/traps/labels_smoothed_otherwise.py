"""Labels are smoothed in another way than in the model's loss, or not at all.

Keras moves a share s of each label to all classes, the right one included: 1 becomes 1 - s + s / K and 0 becomes s / K. Papers
and other libraries give s to the K - 1 other classes only, s / (K - 1) each. And a loop with labels as numbers, whose loss has no
place for smoothing, often leaves it out.

Instead: `labels * (1 - s) + s / K` for one-hot labels, and `labels * (1 - s) + s / 2` for binary ones.

Seen: example losses differ, most for examples that the net is sure of. The form with K - 1 is Keras's with s K / (K - 1).
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import categorical, columns, otherwise, setting
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows

USUAL = (0.1, 0.2)


def wrong(targets: tf.Tensor, smoothing: float) -> tf.Tensor:
    """The share goes to the other classes only; one-hot (batch, classes) -> the same shape."""
    return targets * (1 - smoothing) + (1 - targets) * smoothing / (targets.shape[-1] - 1)


def right(targets: tf.Tensor, smoothing: float) -> tf.Tensor:
    """The share goes to all classes; one-hot (batch, classes) -> the same shape."""
    return targets * (1 - smoothing) + smoothing / targets.shape[-1]


def measure() -> Effect:
    """A label of ten classes by both halves, and digits after 44 steps with s = 0.1 and without any."""
    model = classifier(loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, name="loss"))
    x, labels = rows()
    numbers = compared(model, {"objective": otherwise(model.loss, label_smoothing=0.0)}, x, tf.one_hot(labels, 10).numpy())
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} one"], numbers[f"{name} zero"] = (float(value) for value in half(tf.one_hot([0], 10), 0.1)[0, :2])
    return Effect(
        "s = 0.1 of ten classes: 1 becomes {wrong one:.2f}, not {right one:.2f}, and 0 {wrong zero:.4f}, not {right zero:.4f}; "
        "330 digits after 44 steps without: smoothed loss {wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the loss is one of classes or binary: none, 0.1 and 0.2, or what the model has, in both forms."""
    classes, own = columns(replay), setting(replay, "label_smoothing")
    if categorical(replay):
        shares = [(s, f"smoothing {s}") for s in dict.fromkeys((0.0, *USUAL))]
        shares += [(s * classes / (classes - 1), f"{s} given to the other classes only") for s in {*USUAL, own or 0.1}]
    else:
        shares = [(s, f"smoothing {s}") for s in (0.0, *USUAL)] if own is not None else []
    seen = {own or 0.0}
    for share, detail in shares:
        if share < 1 and share not in seen:
            seen.add(share)
            yield Variant(_parts(replay, share), f"{detail}, not {own:g}" if own else detail)


def _parts(replay, share):
    if setting(replay, "label_smoothing") is not None:
        return {"objective": otherwise(replay.objective, label_smoothing=share)}
    kept = {name: setting(replay, name) for name in ("from_logits", "reduction")}
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=share, name="smoothed", **kept)
    return {"objective": smoothed, "targets": lambda self, y: tf.one_hot(tf.cast(tf.reshape(y, [-1]), tf.int32), columns(self))}


TRAP = Trap(
    name="labels-smoothed-otherwise",
    text=__doc__,
    source="Keras, label_smoothing",
    kind="loop",
    cause="label-smoothing",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
