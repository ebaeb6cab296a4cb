"""The data that nets are trained on: the shipped digits, the course's hand signs and cats, any file of their layout, and
pictures; all HDF5 goes through one guarded reader.

Nothing in this folder may import tensorflow, keras, `lowlevel`, `highlevel` or `lockstep`: both wings are fed
from here, so it has to stand on NumPy and h5py alone.
"""

from shared.data.course import load_cats, load_signs
from shared.data.dataset import Dataset, as_labels, as_rows
from shared.data.digits import load_digits
from shared.data.files import load_file, stream_file
from shared.data.hdf5 import GuardedFile, guarded
from shared.data.pictures import read_picture
from shared.data.streamed import StreamedArray, StreamedRows

__all__ = [
    "Dataset",
    "GuardedFile",
    "StreamedArray",
    "StreamedRows",
    "as_labels",
    "as_rows",
    "guarded",
    "load_cats",
    "load_digits",
    "load_file",
    "load_signs",
    "read_picture",
    "stream_file",
]
