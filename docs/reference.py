"""``python docs/reference.py`` writes the pages of ``docs/api``: every public name, as the source defines and describes it.

The source is read, not imported: signatures stand as they were written, and the pages do not depend on what is installed.
"""

import ast
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WINGS = ("lowlevel", "highlevel")


def files(folder: str, but: str = "") -> list[str]:
    """The modules of a folder by name."""
    names = sorted(path.stem for path in ROOT.joinpath(*folder.split(".")).glob("[a-z]*.py"))
    return [f"{folder}.{name}" for name in names if name != but]


PAGES = {
    "lockstep": ["lockstep", "lockstep.pytest_plugin", "lockstep.show", "lockstep.traps"],
    **{wing: [wing, *files(wing, "watch")] for wing in WINGS},
    "ladder": files("lowlevel.ladder"),
    "shared": ["shared", *(f"shared.{name}" for name in ("evaluation", "plots", "records", "estimators", "protocols"))],
}
MOST_LINES = 12  # of a table that is shown whole

Known = dict[tuple[str, str], tuple[str, str]]  # (module, name) of a definition → page, and the name that it has there
Node = Any  # of a syntax tree; which kinds there are is asked of each


@dataclass(frozen=True)
class Module:
    """A file of ours, read: its tree, its lines, what it defines and what it imports by name."""

    name: str
    tree: ast.Module
    lines: list[str]
    defined: dict[str, Node]
    imported: dict[str, tuple[str, str]]

    @property
    def public(self) -> list[str]:
        """What ``__all__`` lists, or else what is defined without an underscore."""
        if "__all__" in self.defined:
            return ast.literal_eval(self.defined["__all__"].value)
        kinds = (ast.FunctionDef, ast.ClassDef)
        return [name for name, node in self.defined.items() if isinstance(node, kinds) and not name.startswith("_")]

    def text(self, node: Node, last: int | None = None) -> str:
        """The lines of a node as they are written, decorators and comments included, up to line ``last``."""
        first = min(one.lineno for one in (node, *getattr(node, "decorator_list", [])))
        return textwrap.dedent("\n".join(self.lines[first - 1 : node.end_lineno if last is None else last])).rstrip()


@cache
def module(name: str) -> Module:
    """The module of that dotted name; one without contents where it is not ours."""
    path = ROOT.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        return Module(name, ast.parse(""), [], {}, {})
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    defined: dict[str, Node] = {}
    imported: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {one.asname or one.name: (node.module, one.name) for one in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            (target, *_) = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined[ast.unparse(target)] = node
    return Module(name, tree, source.splitlines(), defined, imported)


def home(owner: str, name: str) -> tuple[Module, str] | None:
    """The module that defines what ``owner`` calls ``name``, and its name there; None where it is not ours."""
    while name not in module(owner).defined:
        if name not in module(owner).imported:
            return None
        owner, name = module(owner).imported[name]
    return module(owner), name


def places() -> Known:
    """Where every public name is described: under the first name by which it is exported."""
    found: Known = {}
    for page, owners in PAGES.items():
        for owner in owners:
            for name in module(owner).public:
                where = home(owner, name)
                assert where is not None, f"{owner}.{name}"
                found.setdefault((where[0].name, where[1]), (page, f"{owner}.{name}"))
    return found


# ------------------------------------------------------------------------------------------------------------ docstrings

SECTIONS = ("Args", "Attributes", "Raises", "Returns")


def described(node: Node) -> str:
    """The docstring in Markdown: lists for the sections, code between fences for the examples."""
    out: list[str] = []
    section = example = False
    for line in [*(ast.get_docstring(node) or "").splitlines(), ""]:
        if line.startswith(">>> ") and not example:
            out += ["", "```python"]
            example = True
        elif example and not line:
            out.append("```")
            example = False
        if not example:
            line = line.replace("``", "`")
        entry = re.match(r" {4}([\w*][\w*, ]*): (.*)", line) if section else None
        if line.removesuffix(":") in SECTIONS:
            section = True
            out += [f"*{line}*", ""]
        elif entry:
            names = ", ".join(f"`{name}`" for name in entry[1].split(", "))
            out.append(f"- {names}: {entry[2]}")
        elif section and re.match(r" {4}\S", line):
            out.append(f"- {line.strip()}")
        else:
            section = section and line.startswith(" ")
            out.append(line.removeprefix("    ") if section else line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


# --------------------------------------------------------------------------------------------------------------- entries


def entry(owner: str, name: str, known: Known) -> list[str]:
    """One public name: heading, how it is defined, what it says of itself, and its public methods."""
    found = home(owner, name)
    assert found is not None
    place, own = found
    node = place.defined[own]
    lines = [f"### {owner}.{name}", ""]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        code = place.text(node).splitlines()
        return [*lines, *block("\n".join(code if len(code) <= MOST_LINES else [code[0], "    ..."]))]
    if isinstance(node, ast.FunctionDef):
        return [*lines, *block(head(place, node)), described(node), ""]
    described_bases, hidden = bases(place, node, known)
    parts = [*hidden, (place, node)]
    made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    data = fields(parts)
    gap = [""] if data and made else []
    lines += block("\n".join([head(place, node), *data, *gap, *(textwrap.indent(head(place, one), "    ") for one in made)]))
    lines += ["\n\n".join(text for one in (node, *made) if (text := described(one))), ""]
    if described_bases:
        lines += [f"Also has what {' and '.join(described_bases)} has.", ""]
    methods: dict[str, tuple[Module, Node]] = {}
    for where, kind in parts:
        methods |= {one.name: (where, one) for one in kind.body if isinstance(one, ast.FunctionDef) and shown(one)}
    for method, (where, one) in methods.items():
        lines += [f"#### {name}.{method}", "", *block(head(where, one)), described(one), ""]
    return lines


def bases(place: Module, node: Node, known: Known) -> tuple[list[str], list[tuple[Module, Node]]]:
    """Links to the bases of a class that are described themselves, and the other bases of ours, the remotest first."""
    links: list[str] = []
    hidden: list[tuple[Module, Node]] = []
    for base in node.bases:
        origin = home(place.name, ast.unparse(base).split("[")[0])
        if origin is None:
            continue
        where, name = origin
        if (where.name, name) in known:
            page, full = known[where.name, name]
            links.append(link(f"`{full}`", page, full))
        else:
            further, remoter = bases(where, where.defined[name], known)
            links, hidden = links + further, [*remoter, (where, where.defined[name]), *hidden]
    return links, hidden


def shown(method: ast.FunctionDef) -> bool:
    """Whether a method is for everyone: no underscore, or a call that says something of itself."""
    return not method.name.startswith("_") or (method.name == "__call__" and ast.get_docstring(method) is not None)


def head(place: Module, node: Node) -> str:
    """What stands before the body of a function or a class."""
    return place.text(node, node.body[0].lineno - 1)


def fields(parts: list[tuple[Module, Node]]) -> list[str]:
    """The public fields of a class and of its bases, as they are written."""
    return [
        textwrap.indent(where.text(one), "    ")
        for where, kind in parts
        for one in kind.body
        if isinstance(one, ast.AnnAssign)
        if not ast.unparse(one.target).startswith("_") and not ast.unparse(one.annotation).startswith("ClassVar")
    ]


def block(code: str) -> list[str]:
    """Code between fences."""
    return ["```python", code, "```", ""]


# ----------------------------------------------------------------------------------------------------------------- pages

NOTE = "Written by `python docs/reference.py` from the docstrings; change those."


def link(text: str, page: str, name: str) -> str:
    """A link to what is described as ``name``; ``linked`` puts the anchor in."""
    return f"[{text}]({page}.md#@{name})"


def linked(pages: dict[str, str]) -> dict[str, str]:
    """The pages with GitHub's anchors: small letters, digits and hyphens, with a number where several headings have the same."""
    anchors = {}
    for page, text in pages.items():
        count: Counter[str] = Counter()
        for heading in re.findall(r"^#+ (.+)", text, re.MULTILINE):
            plain = re.sub(r"[^\w-]", "", heading.lower())
            anchors[page, heading] = plain + (f"-{count[plain]}" if count[plain] else "")
            count[plain] += 1

    def target(found: re.Match) -> str:
        return f"({found[1]}#{anchors[found[1], found[2]]})"

    return {page: re.sub(r"\((\w+\.md)#@([\w.]+)\)", target, text) for page, text in pages.items()}


def pages() -> dict[str, str]:
    """File name → text, of all pages and of the list of them."""
    known = places()
    written, listing = {}, ["# All public names", "", NOTE, ""]
    for page, owners in PAGES.items():
        lines = [f"# {page}", "", NOTE, ""]
        for owner in owners:
            mine = [full.removeprefix(f"{owner}.") for _, full in known.values() if full.rpartition(".")[0] == owner]
            if not mine:
                continue  # all of it is exported, and so described, elsewhere
            lines += [f"## {owner}", "", described(module(owner).tree), ""]
            for name in mine:
                lines += entry(owner, name, known)
            names = ", ".join(link(name, page, f"{owner}.{name}") for name in mine)
            listing.append(f"- {link(f'`{owner}`', page, owner)}: {names}")
        written[f"{page}.md"] = "\n".join(lines).rstrip() + "\n"
    return linked({"README.md": "\n".join(listing) + "\n", **written})


if __name__ == "__main__":
    folder = ROOT / "docs" / "api"
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
