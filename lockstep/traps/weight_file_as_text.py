"""The groups of a `.weights.h5` file are taken in the order in which h5py lists them, or by the names of the layers.

Keras names the groups by class and number, `dense`, `dense_1`, ..., whatever the layers are called, and HDF5 lists them as
text: `dense_10` comes before `dense_2`. With more than ten layers of one class, weights that are read in that order land in
the wrong layers, without a word where the shapes agree.

Instead: sort by class and number.

Seen: the stage "weights in", from the third layer on.
"""

import tempfile
from pathlib import Path

import h5py
import keras

from lockstep.traps import Effect, Trap


def wrong(file: h5py.File) -> list[str]:
    """The groups of the layers, in order."""
    return list(file["layers"])


def right(file: h5py.File) -> list[str]:
    """The groups of the layers, in order."""
    return sorted(file["layers"], key=lambda name: int(name.partition("_")[2] or 0))  # one class only: dense


def measure() -> Effect:
    """Twelve layers of one unit whose kernels are 0 to 11: in which order they are read, and what the groups are called."""
    layers = [keras.layers.Dense(1, kernel_initializer="zeros", name=f"L{at}") for at in range(12)]
    model = keras.Sequential([keras.Input((1,), name="input"), *layers], name="net")
    for at, layer in enumerate(layers):
        layer.kernel.assign([[float(at)]])
    numbers, read = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.weights.h5")
        model.save_weights(path)
        with h5py.File(path) as file:
            for name, half in (("wrong", wrong), ("right", right)):
                read[name] = [int(file[f"layers/{group}/vars/0"][0, 0]) for group in half(file)]
                numbers[f"{name} in place"] = sum(at == kernel for at, kernel in enumerate(read[name]))
            numbers["named as layers"] = sum(group in {layer.name for layer in layers} for group in file["layers"])
    order = ", ".join(str(kernel) for kernel in read["wrong"])
    return Effect(
        f"12 layers are read in the order {order}: {numbers['wrong in place']} in place, not {numbers['right in place']}; "
        f"{numbers['named as layers']} groups have the name of a layer",
        numbers,
    )


TRAP = Trap(
    name="weight-file-as-text",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#8134",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
