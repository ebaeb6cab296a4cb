"""That Keras is loaded is taken to mean that the code uses it.

`import tensorflow` loads the whole of Keras 3. So a look at `sys.modules` finds Keras behind every TensorFlow program, and the
other way round proves nothing either: `tf.losses`, `tf.optimizers`, `tf.metrics` and `tf.initializers` are Keras under
another name, without the word in the source.

Instead: read the syntax tree for the names that lead to Keras, those four included (`tests/test_house.py`).

Seen: before anything is compared: a side that is said to do without Keras does not.
"""

import ast
import sys

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart

PLAIN = "import tensorflow as tf\nw = tf.Variable(1.0)"
HIDDEN = "import tensorflow as tf\nloss = tf.losses.MeanSquaredError()"
DOORS = {"keras", "losses", "optimizers", "metrics", "initializers"}


def wrong(source: str) -> int:
    """How many modules of Keras are loaded after the source ran; in a process of its own."""
    exec(source, {})
    return sum(name.split(".")[0] == "keras" for name in sys.modules)


def right(source: str) -> int:
    """How many names in the source lead to Keras."""
    named = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Attribute, ast.Import, ast.ImportFrom))]
    return sum(getattr(node, "attr", None) in DOORS or "keras" in ast.unparse(node) for node in named)


def measure() -> Effect:
    """A program without Keras by both halves, and one that uses it as `tf.losses` by the right half."""
    numbers = {"wrong plain": apart(wrong, PLAIN, TF_USE_LEGACY_KERAS="0")}
    numbers |= {"right plain": right(PLAIN), "right hidden": right(HIDDEN)}
    return Effect(
        "a program without Keras has {wrong plain} modules of it loaded and {right plain} names that lead to it; one with "
        "tf.losses has {right hidden}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="tensorflow-loads-keras",
    text=__doc__,
    source="TensorFlow",
    met="ufal/npfl114#93",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
