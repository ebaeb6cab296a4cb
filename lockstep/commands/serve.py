"""``lockstep serve``: a page to draw a digit on, answered by both wings as it is drawn."""

import argparse
import sys
from typing import Any

from lockstep.commands.nets import specs, trainers
from lockstep.commands.terminal import lean_import

PORT = 8765
HEADING = """<h1>One digit, two nets</h1>
<p>The same net twice, in raw TensorFlow and in Keras. Nothing leaves this machine.</p>
"""
CONNECT = "'self'"  # all that the page may ask


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    serve = commands.add_parser(
        "serve",
        help="draw a digit on a page and see what both nets say",
        description="Serve, to this machine alone, a page to draw a digit on. Both nets' probabilities and hidden layers are "
        "computed in the page while you draw, and compared with what TensorFlow says of the same pixels. Without --weights it is "
        "the net of lockstep predict: trained on the digits once, and kept in the user's cache. Ctrl-C ends it.",
    )
    serve.add_argument("--weights", metavar="NET.weights.h5|NET.keras", help="the net, as lockstep train digits writes it")
    serve.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}; 0 is any free one")
    serve.set_defaults(run=run, data="digits", test=None)


def run(given: argparse.Namespace) -> int:
    """Serves until it is stopped."""
    data, model, train, card = specs(given)
    from lockstep.page.drawing import Drawing, row_of
    from lockstep.page.server import ANSWER, Server

    Drawing(model, card, {})  # refuses now what no digit can be drawn for
    with Server(given.port) as server:
        with lean_import():
            from lockstep.environment import environment, versions

            environment()  # loads TensorFlow and Keras
        import threading

        import numpy as np

        from lockstep.page.document import document, policy
        from lockstep.prediction import answers
        from lockstep.report.report import finite

        low, high = trainers(given, data, model, train, card, sys.stdout)
        drawing = Drawing(model, card, {("low", "low-level"): low.weights(), ("high", "Keras"): high.weights()})
        one_at_a_time = threading.Lock()

        def answer(frame: np.ndarray) -> dict[str, Any]:
            with one_at_a_time:
                return finite(answers(["drawing"], card.classes, row_of(frame, card), low, high)[0].to_dict())

        answer(np.zeros((28, 28), np.uint8))  # so that the first question need not wait for TensorFlow's graphs
        server.answer = answer
        server.page = document(
            "One digit, two nets",
            HEADING + drawing.html(),
            footer=f"<p>Lockstep {versions()['keras-lockstep']}. Ctrl-C in the terminal ends this page's server.</p>",
            script=drawing.script(),
            data=drawing.data(ANSWER),
            connect=CONNECT,
        ).encode()
        server.policy = policy(drawing.script(), CONNECT)
        print(f"page:  {server.url} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0
