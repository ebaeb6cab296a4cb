"""What an audit found, as an object and as a page of text."""

import json
import textwrap
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lockstep.divergence import Divergence, ulp_text
from lockstep.verdict import VERDICTS
from shared.errors import InputError
from shared.files import write_whole

WIDTH = 110
SCHEMA = 1
NOTES = ("dropout-mask",)  # causes that are no fault


@dataclass(frozen=True)
class Cause:
    """A named reason.

    Attributes:
        code: stable, see ``docs/audit.md``.
        title: the mistake in a line.
        evidence: what was observed, what the reference has, what the replay with this deviation has; a line each.
        remedy: what to do instead.
        stage: the part of a step where it acts.
        together: the code of a second cause without which this one does not explain what was seen.
    """

    code: str
    title: str
    evidence: tuple[str, ...]
    remedy: str
    stage: str | None = None
    together: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of ``lockstep.audit``.

    Attributes:
        verdict: as of ``lockstep.compare``: ``identical``, ``round-off``, ``alike`` or ``different``.
        why: the verdict's reason.
        first: the first difference that rounding does not explain, or else the first bit that differs; None if none does.
        over: by how many times ``first`` exceeds the measured floor of rounding.
        max_abs, max_ulp: the largest differences of all steps, each side left to itself.
        steps: how many steps were compared.
        local: the steps that differ beyond rounding even when both sides take them from the loop's weights; what differs
            at other steps was only handed on.
        causes: the likeliest first.
        facts: what was measured about the difference, whatever its cause.
        notes: what the audit could not see or put back, and what a reader should know.
        error: the traceback of what the loop raised.
    """

    verdict: str
    why: str
    first: Divergence | None
    over: float = 0.0
    max_abs: float = 0.0
    max_ulp: float = 0.0
    steps: int = 0
    local: tuple[int, ...] = ()
    causes: list[Cause] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    def meets(self, require: str) -> bool:
        """Whether the verdict is ``require`` or a better one; a loop whose only difference is a note of its causes does.

        Raises:
            InputError: no such verdict.
        """
        if require not in VERDICTS:
            raise InputError(f"A verdict is one of {', '.join(VERDICTS)}. Received: {require!r}. Use 'round-off'.")
        only_notes = bool(self.causes) and all(cause.code in NOTES for cause in self.causes) and self.verdict == "alike"
        return VERDICTS.index(self.verdict) <= VERDICTS.index(require) or (only_notes and require != "identical")

    def to_json(self) -> str:
        """One document; its keys are the names of the attributes, and ``schema`` is 1. Numbers that are not finite are null."""
        document = {"schema": SCHEMA} | asdict(self)
        return json.dumps(_finite(document), indent=2, allow_nan=False) + "\n"

    def save(self, path: str | Path, title: str = "The loop") -> None:
        """Write one self-contained page (``.html``) or the JSON document (``.json``); whole, or not at all.

        ``title`` is what the page calls the loop.

        Raises:
            InputError: another suffix, or a path that cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".html":
            from lockstep.report.audit import page

            write_whole(path, page(self, title))
        elif suffix == ".json":
            write_whole(path, self.to_json())
        else:
            raise InputError(f"A finding is saved as .html or .json. Received: {str(path)!r}. Use audit.html.")

    def __str__(self) -> str:
        parts = [f"verdict: {self.verdict} ({self.why})"]
        if self.first is not None:
            one = self.first
            times = f", {self.over:,.3g} times the floor of rounding" if self.over else ""
            parts.append(
                f"first divergence: step {one.step} (epoch {one.epoch}), stage {one.stage!r}, tensor {one.tensor}: "
                f"largest difference {one.max_abs:.3g}, {ulp_text(one.max_ulp)}{times}"
            )
        if self.error is not None:
            parts.append(self.error)
        for number, cause in enumerate(self.causes, start=1):
            parts.append(_cause(number, cause))
        parts += [_wrapped("measured: ", fact) for fact in self.facts]
        parts += [_wrapped("note: ", note) for note in self.notes]
        return "\n".join(parts)


def _cause(number: int, cause: Cause) -> str:
    together = f", together with {cause.together}" if cause.together else ""
    lines = [f"cause {number}: {cause.code}{together}", _wrapped("    ", cause.title)]
    lines += [_wrapped("    evidence: ", line) for line in cause.evidence]
    return "\n".join([*lines, _wrapped("    instead: ", cause.remedy[:1].upper() + cause.remedy[1:])])


def _wrapped(begin: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin), break_long_words=False, break_on_hyphens=False
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
