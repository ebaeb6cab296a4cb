"""The same training by other means. Each file has ``make(job, x, y, …)``, which gives a ``fit`` of a number of epochs.

All do the same work: an epoch is a new order of the rows, every batch a forward pass, the mean softmax cross-entropy, its
gradient and Adam's update, and the epoch's mean loss and accuracy are added up on the way. ``by_numpy``, ``by_numba`` and
``by_jax`` follow Keras's Adam to the letter; PyTorch and scikit-learn have their own, and scikit-learn computes no accuracy.
"""
