"""The ladder: the same small net as the courses build it, rung by rung, each readable on its own.

``numpy_by_hand.py`` (S2) forward and backward by hand, ``numpy_training.py`` the same with softmax, minibatches and the later
optimisers; ``tf1_session.py`` (S1) graph and session of TensorFlow 1; ``tf2_functions.py`` (S0) eager TensorFlow 2 with the tape;
``tf2_graph_functions.py`` (S3) the same under ``@tf.function``. They keep the courses' names and arguments, and their layout:
examples are columns, so ``Z = W X + b`` with W (units, inputs) and b (units, 1). ``trainers.py`` turns a rung into a side
of a comparison and knows about Keras's layout, which is the transpose.

May import: tensorflow, numpy, ``shared``, and of ``lowlevel`` what is public; the NumPy rungs do without tensorflow.
May not import: ``highlevel``, ``lockstep``, or keras by any door.
"""
