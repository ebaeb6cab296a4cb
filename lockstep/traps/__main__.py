"""``python -m lockstep.traps > docs/traps.md`` writes the page of the catalogue."""

from collections.abc import Mapping

from lockstep.commands.terminal import quiet_import
from lockstep.traps import Effect, Trap, catalogue

BEGIN = """# The catalogue of mistakes

Each trap has a wrong half and a right half, and its effect is measured by running both. This page is written by
`python -m lockstep.traps > docs/traps.md` from `lockstep/traps/`; `lockstep traps` measures again and prints the same, and
`lockstep traps NAME` shows one. The figures are one machine's: TensorFlow 2.21.0, Keras 3.15.1, an AMD CPU with AVX-512, no
accelerator. "1.1, not 2" says that the wrong half gave 1.1 and the right one 2.

The kinds: *loop*, a part of a training loop deviates; *framework*, TensorFlow or Keras does what few expect; *notes*, a line
or a printed figure of the course notes is wrong; *test*, a test passes what it should not. Sources S0 to S4 are those of
[`sources.md`](sources.md). The cause is the code by which such a deviation is named, the stage the first at which
`lockstep.compare` shows it where the wrong half stands in one side. "Met" says who ran into it: a public thread, as
`owner/name#number` on GitHub, or the document that holds it.

`lockstep traps --json FILE` writes one object: `schema`, which is 1, and `traps`, a list of objects. Their keys are the
attributes of `lockstep.traps.Trap` (`name`, `title`, `source`, `met`, `kind`, `cause`, `replaces`, `stage`, `mistake`,
`remedy`, `seen`), the source text of the two halves as `wrong` and `right`, and `effect` with its `text` and its `numbers` by
name.

| trap | source | kind | cause | stage |
| --- | --- | --- | --- | --- |
"""


def page(effects: Mapping[str, Effect]) -> str:
    """The page in Markdown; ``effects`` by the names of the traps."""
    traps = catalogue()
    rows = [f"| {one.name} | {one.source} | {one.kind} | {_code(one.cause)} | {one.stage or ''} |\n" for one in traps]
    return BEGIN + "".join(rows) + "".join(_section(one, effects[one.name]) for one in traps)


def _section(one: Trap, effect: Effect) -> str:
    halves = "".join(f"\n{half}:\n\n```python\n{source}\n```\n" for half, source in one.halves.items())
    ends = (("Measured", effect.text), ("Instead", one.remedy), ("Seen", one.seen), ("Met", one.met))
    return f"\n## {one.name}\n\n**{one.title}** {one.mistake}\n{halves}" + "".join(
        f"\n**{mark}:** {text}\n" for mark, text in ends
    )


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    with quiet_import():
        traps = catalogue()
    print(page({one.name: one.measure() for one in traps}), end="")
