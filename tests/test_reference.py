"""The pages of all public names are those that the source gives, and what Python itself finds there stands on them."""

import ast
import importlib
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "api"
PACKAGES = ("lockstep", "lowlevel", "highlevel", "shared")


@pytest.fixture(scope="module")
def reference():
    """``docs/reference.py`` as a module."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_current(reference):
    """After a change of a docstring or a signature: ``python docs/reference.py``."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    written = reference.pages()
    assert sorted(committed) == sorted(written)
    assert [name for name in written if committed[name] != written[name]] == []


def test_every_public_name_and_every_public_method_is_described(reference):
    """What ``dir`` finds on each class, wherever it is inherited from among ours, has a heading of its own."""
    known = reference.places()
    headings = {heading for path in FOLDER.iterdir() for heading in re.findall(r"^#+ (.+)", path.read_text("utf-8"), re.M)}
    seen = 0
    for package in PACKAGES:
        for name in importlib.import_module(package).__all__:
            where, own = reference.home(package, name)
            full = known[where.name, own][1]
            assert full in headings
            found = getattr(importlib.import_module(package), name)
            if not inspect.isclass(found):
                continue
            ours = [one for one in found.__mro__ if one.__module__.split(".")[0] in PACKAGES]
            under = {full.rpartition(".")[2], *(one.__name__ for one in ours)}
            for method in {key for one in ours for key, value in vars(one).items() if is_method(one, key, value)}:
                assert any(f"{owner}.{method}" in headings for owner in under), f"{full}.{method}"
                seen += 1
    assert seen > 100


def is_method(owner, name, value):
    """Whether a class defines this as a method; a function may also be the default of a field."""
    if name.startswith("_"):
        return False
    function = inspect.isfunction(value) and value.__qualname__ == f"{owner.__qualname__}.{name}"
    return function or isinstance(value, property | classmethod | staticmethod)


def test_all_links_lead_to_a_heading(reference):
    anchors = {}
    for path in FOLDER.iterdir():
        plain = [re.sub(r"[^\w-]", "", one.lower()) for one in re.findall(r"^#+ (.+)", path.read_text("utf-8"), re.M)]
        anchors[path.name] = {one + (f"-{plain[:at].count(one)}" if one in plain[:at] else "") for at, one in enumerate(plain)}
    links = [link for path in FOLDER.iterdir() for link in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", path.read_text("utf-8"))]
    assert len(links) > 300
    assert [link for link in links if link[1] not in anchors[link[0]]] == []
    assert not any("#@" in path.read_text("utf-8") for path in FOLDER.iterdir())
    assert "lowlevel-1" in anchors["lowlevel.md"]  # the page and the module: GitHub tells them apart by a number


def test_docstrings_become_lists_and_fences(reference):
    source = '''
        def f(a, *, b=1):
            """Do ``it``.

            Args:
                a, b: the first
                    and more.
                **others: ``as`` they come.

            Raises:
                InputError: never.
                whatever f raises.

            - a list, ``kept``.

            >>> f(1)
            `2`

            The end.
            """
            return 2
    '''
    expected = """
        Do `it`.

        *Args:*

        - `a`, `b`: the first
            and more.
        - `**others`: `as` they come.

        *Raises:*

        - `InputError`: never.
        - whatever f raises.

        - a list, `kept`.

        ```python
        >>> f(1)
        `2`
        ```

        The end.
    """
    (node,) = ast.parse(textwrap.dedent(source)).body
    assert reference.described(node) == textwrap.dedent(expected).strip()


def test_a_public_name_that_is_nowhere_defined_is_an_error(reference, monkeypatch):
    shared = reference.module("shared")
    monkeypatch.setattr(type(shared), "public", property(lambda module: ["nothing"]))
    with pytest.raises(AssertionError, match=r"lockstep\.nothing"):
        reference.places()
