"""`tf.clip_by_global_norm` is taken to leave gradients below the limit as they are.

It multiplies all of them by limit * min(1 / norm, 1 / limit). Below the limit that is limit * (1 / limit), which in float32 is
not 1 for every limit: a loop that clips by a comparison then differs from Keras, which clips with this function, though nothing
was to be clipped.

Instead: write the same product on both sides; or choose a limit for which it is 1, as it is for 1 and 5.

Seen: the stage of clipped gradients differs in the last bit, at every step.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(gradients: list[tf.Tensor], limit: float) -> list[tf.Tensor]:
    """The gradients, clipped."""
    clipped, _ = tf.clip_by_global_norm(gradients, limit)
    return clipped


def right(gradients: list[tf.Tensor], limit: float) -> list[tf.Tensor]:
    """The gradients, clipped."""
    norm = tf.linalg.global_norm(gradients)
    return [gradient * limit / norm for gradient in gradients] if norm > limit else gradients


def measure() -> Effect:
    """Which of the limits 1 to 100 change a gradient of 0.001."""
    small, numbers, shown = [tf.constant([0.001])], {}, ""
    for name, half in (("wrong", wrong), ("right", right)):
        limits = [limit for limit in range(1, 101) if half(small, float(limit))[0][0] != small[0][0]]
        numbers[f"{name} limits"] = len(limits)
        shown = shown or ", ".join(str(limit) for limit in limits)
    return Effect(f"of the limits 1 to 100, {len(shown.split())} change a gradient of 0.001: {shown}; not 0", numbers)


TRAP = Trap(
    name="clip-touches-small",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
