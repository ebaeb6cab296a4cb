"""``lockstep predict``: ask a net, in both wings, what one's own pictures show."""

import argparse
import json
import sys
from typing import Any

from lockstep.commands.nets import OPTIONS, specs, trainers
from lockstep.commands.terminal import check_outputs, lean_import

SCHEMA = 1  # of the JSON document, see docs/predict-schema.md


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    predict = commands.add_parser(
        "predict",
        help="say what pictures show",
        description="Ask a net, in both wings, what your own pictures show. Without --weights it is a net that is trained once, "
        "as lockstep train does by default (on the signs for 100 epochs at learning rate 0.001), and kept in the user's cache.",
    )
    predict.add_argument("pictures", nargs="+", metavar="PICTURE", help="a PNG, JPEG or other picture, of any size")
    source = predict.add_mutually_exclusive_group()
    source.add_argument("--weights", metavar="NET.weights.h5|NET.keras", help="the net, as lockstep train writes it")
    source.add_argument(
        "--data", default="digits", choices=tuple(OPTIONS), metavar="digits|signs", help="what to train on (default: digits)"
    )
    predict.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    predict.set_defaults(run=run, html=None, test=None)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0."""
    from shared.data.own import rows_of

    check_outputs(given)
    data, model, train, card = specs(given)
    rows = rows_of(given.pictures, card, model.inputs)

    with lean_import():
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    from lockstep.prediction import answers
    from lockstep.report.report import finite
    from shared.files import write_whole

    out = sys.stderr if given.json == "-" else sys.stdout
    low, high = trainers(given, data, model, train, card, out)
    found = answers(given.pictures, card.classes, rows, low, high)
    for answer, row in zip(found, rows, strict=True):
        print(answer, file=out)
        if card.handwriting and not row.any():
            print("  nothing stands out from the ground: to the net this picture is blank", file=out)
    print(f"The net must choose one of its {len(card.classes)} classes, also for a picture that shows none of them.", file=out)
    if given.json is not None:
        document = {
            "schema": SCHEMA,
            "data": card.name,
            "classes": list(card.classes),
            "model": json.loads(model.to_json()),
            "pictures": [answer.to_dict() for answer in found],
        }
        text = json.dumps(finite(document), indent=2, allow_nan=False) + "\n"
        if given.json == "-":
            sys.stdout.write(text)
        else:
            write_whole(given.json, text)
            print(f"written: {given.json}", file=out)
    return 0
