"""``lockstep export``: write a saved net in another format, and say how far its logits are from the net's own."""

import argparse
from typing import Any

from lockstep.commands.terminal import quiet_import


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    export = commands.add_parser(
        "export",
        help="write a saved net in another format",
        description="Write a saved net as ONNX, LiteRT, safetensors or SavedModel, run what was written, and say how far its "
        "logits are from the net's own. A name that ends in .keras or .weights.h5 asks for a file from which training goes on.",
    )
    export.add_argument("net", metavar="NET.weights.h5", help="the net; a .keras or .safetensors file too")
    export.add_argument(
        "--to",
        required=True,
        metavar="FILE.onnx|.tflite|.safetensors|.keras|DIR",
        help="what to write; a name without an ending is the new folder of a SavedModel",
    )
    export.add_argument(
        "--wing", default="low", choices=("low", "high"), metavar="low|high", help="raw TensorFlow, or Keras (default: low)"
    )
    export.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0."""
    from shared.formats.targets import target_of
    from shared.weights import check_path, specs_in

    model, _ = specs_in(given.net)
    saved = given.to.endswith((".weights.h5", ".keras"))
    check_path(given.to) if saved else target_of(given.to, model)
    with quiet_import():
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    import numpy as np

    import highlevel
    import lowlevel
    from lockstep.divergence import ulp_text
    from lockstep.interchange import RUNTIMES, difference, rows_for

    wing: Any = lowlevel if given.wing == "low" else highlevel
    trainer = wing.load_model(given.net)
    print(f"net:     {model}, {model.parameters:,} parameters, {model.dtype}, read from {given.net!r}")
    if saved:
        trainer.save(given.to)
        print(f"written: {given.to}")
        return 0
    target = target_of(given.to, model)
    trainer.export(given.to)
    print(f"written: {given.to} ({target})")
    x = rows_for(model)
    with quiet_import():  # LiteRT writes there how it runs
        most, ulp = difference(given.to, trainer, x)
    print(f"checked: run by {RUNTIMES[target][0]} on {len(x)} drawn rows; logits up to {np.abs(trainer.predict(x)).max():.3g},")
    print(f"         largest difference from the net's own {most:.2g} ({ulp_text(ulp)})")
    return 0
