"""The commands of ``lockstep``, a file each: ``add`` describes the arguments, ``run`` does the work and returns the status.

Nothing here imports NumPy, TensorFlow or a wing before ``run`` needs it, so that ``--help`` answers at once; and ``run``
reads and checks its input before it waits for TensorFlow.
"""
