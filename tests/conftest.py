"""What all tests share: quiet TensorFlow, small random data."""

import gc
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import chromium
import pytest
from cases import small_data


@pytest.fixture(scope="session")
def data():
    """45 training rows of 12 columns, 20 test rows, 5 classes."""
    return small_data()


def pytest_collection_finish():
    """What was imported stays: the garbage collector need not look at a million objects again and again."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """Say in a line of its own where the pages could not be tested: a skipped test is easily overlooked."""
    if any(chromium.MISSING in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(f"page test not run: {chromium.MISSING} (looked for {', '.join(chromium.NAMES)})")


@pytest.fixture(scope="module")
def elsewhere():
    """Other processes, each for a few cases: XLA frees no program, and Linux gives a process 65,530 maps of memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=24) as pool:
        yield pool
