"""State that a loop carries from step to step, in the place of variables: what makes whole epochs of small nets fast.

In a loop of TensorFlow every read and every write of a ``tf.Variable`` is an operation, and others wait for it. A tensor that one
step hands to the next costs nothing. May import what ``lowlevel`` may; ``lowlevel.epochs`` uses it.
"""
