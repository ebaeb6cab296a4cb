"""The data that nets are trained on: the shipped digits, files of the course's layout, and a guarded HDF5 reader.

Nothing in this folder may import tensorflow, keras, `lowlevel`, `highlevel` or `lockstep`: both wings are fed
from here, so it has to stand on NumPy and h5py alone.
"""

from shared.data.dataset import Dataset, as_labels, as_rows
from shared.data.digits import load_digits
from shared.data.files import load_file
from shared.data.hdf5 import GuardedFile, guarded

__all__ = ["Dataset", "GuardedFile", "as_labels", "as_rows", "guarded", "load_digits", "load_file"]
