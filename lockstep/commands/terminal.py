"""What the commands share: data by name, output files checked beforehand, and TensorFlow imported without its notes."""

import argparse
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

STOPPED = "lockstep: stopped"


def data_of(given: argparse.Namespace, *, draw: bool = True) -> Any:
    """The data set that ``given.data`` names, with ``given.test`` as its test set; with ``--stream`` its rows stay in the file.

    Where the user's cache has no hand signs or cats yet, ``draw`` makes synthetic ones there and says so.

    Raises:
        InputError: no such data, or data that cannot be used.
    """
    from shared.data import load_digits, load_file, stream_file
    from shared.data.course import data_folder, load_course
    from shared.data.layout import STEMS, paths_of, write_layout
    from shared.data.synthetic import MAKERS
    from shared.errors import InputError

    name, stream = given.data, getattr(given, "stream", False)
    if name != "digits" and name not in STEMS:
        return (stream_file if stream else load_file)(name, test=given.test)
    if stream:
        raise InputError(f"--stream reads the rows of a FILE.h5 as they are needed. Received: {name}. Leave --stream out.")
    if given.test is not None:
        raise InputError(f"The {name} have a test set. Received: --test. Leave it out, or name a FILE.h5.")
    if name == "digits":
        return load_digits()
    folder = data_folder()
    if draw and not any(os.path.lexists(path) for path in paths_of(name, folder)):
        write_layout(MAKERS[name](), folder)
        print(f"lockstep: there were no {name} yet: drew a synthetic set into {str(folder)!r}", file=sys.stderr)
    return load_course(name)


# What Keras imports where it is installed: for its estimators, its galleries, data frames and notebooks, which no command uses.
KERAS_EXTRAS = ("IPython", "matplotlib", "pandas", "sklearn")


@contextmanager
def lean_import() -> Iterator[None]:
    """``quiet_import`` for a command that runs nobody's own code: Keras is loaded as if none of KERAS_EXTRAS were installed.

    They can be imported afterwards as usual.
    """
    from shared.keras_later import absent

    with quiet_import(), absent(*KERAS_EXTRAS):
        yield


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep back what TensorFlow writes to standard error while it is imported, unless the import fails.

    TensorFlow 2.21 writes some lines before it reads TF_CPP_MIN_LOG_LEVEL, so the stream itself is turned aside.
    Ctrl-C ends the process at once: inside the import KeyboardInterrupt would come out as some other error.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # this process is ours
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)

    def stop(*_: object) -> NoReturn:
        os.write(kept, f"{STOPPED}\n".encode())
        os._exit(130)

    usual = signal.default_int_handler  # where Ctrl-C is ignored or somebody else's matter, it stays so
    ours = signal.getsignal(signal.SIGINT) is usual and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, stop)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            if ours:
                signal.signal(signal.SIGINT, usual)
            os.close(kept)


def check_outputs(given: argparse.Namespace) -> None:
    """Refuse now what could not be written after the training.

    Raises:
        InputError: another ending than that of the option, or a path that cannot be written to.
    """
    from shared.errors import InputError
    from shared.files import check_writable

    for option, suffix in (("--html", ".html"), ("--json", ".json"), ("--picture", ".png")):
        path = getattr(given, option.removeprefix("--"), None)
        if path is None or (path == "-" and option == "--json"):
            continue
        if Path(path).suffix.lower() != suffix:
            raise InputError(f"{option} names a {suffix} file. Received: {path!r}. Use report{suffix}.")
        check_writable(path)
