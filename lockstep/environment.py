"""The settings on which the bits of a training depend, as they are in this process."""

import os
import platform
import sys
from importlib import metadata
from typing import Any

FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy", "h5py", "keras-lockstep"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def cpu_features() -> list[str]:
    """Vector instructions of this processor, of those that change how TensorFlow rounds."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split() for line in file if line.startswith(("flags", "Features"))), [])
    except OSError:
        return []
    return [feature for feature in FEATURES if feature in flags]


def environment() -> dict[str, Any]:
    """Versions, threads, oneDNN, determinism, XLA flags, devices and CPU features; plain values, ready for JSON."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import config

    return {
        "versions": versions(),
        "platform": f"{sys.platform} {platform.machine()}",
        "cores": os.cpu_count(),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),  # 0: one a core
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "determinism": bool(config.is_op_determinism_enabled()),
        "xla_flags": " ".join(os.environ.get(name, "") for name in ("TF_XLA_FLAGS", "XLA_FLAGS")).strip(),
        "floatx": keras.config.floatx(),
        "devices": [device.device_type for device in tf.config.list_logical_devices()],
        "cpu_features": cpu_features(),
    }
