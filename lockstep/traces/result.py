"""What a check found: a report like that of a comparison, and what differs between the environment of the recording and now."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockstep.report import Report
from lockstep.traces.fingerprint import plain

SCHEMA = 1


@dataclass(frozen=True)
class Change:
    """A setting that is not what it was; None on the side that did not know it."""

    setting: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        recorded, now = (plain(json.dumps(value)) for value in (self.recorded, self.now))
        return f"{plain(self.setting)}: {recorded} when recorded, {now} now"


def changes(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """What differs between two environments, setting by setting."""
    before, after = _flat(recorded), _flat(now)
    settings = [*after, *(name for name in before if name not in after)]
    pairs = [Change(name, before.get(name), after.get(name)) for name in settings]
    return [pair for pair in pairs if pair.recorded != pair.now]


def _flat(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the versions among them, by name."""
    versions = environment.get("versions")
    return {name: value for name, value in environment.items() if name != "versions"} | (
        {f"version of {name}": value for name, value in versions.items()} if isinstance(versions, dict) else {}
    )


@dataclass(frozen=True, kw_only=True)
class Check(Report):
    """The result of ``lockstep.check``: each side as it trains now (left) against its recording (right)."""

    recorded_environment: Mapping[str, Any]

    @property
    def changes(self) -> list[Change]:
        """What differs between the environment of the recording and that of now."""
        return changes(self.recorded_environment, self.environment)

    @property
    def title(self) -> str:
        """What was compared, in a few words."""
        return f"{' and '.join(pair.left for pair in self.pairs)} against a golden trace"

    @property
    def notes(self) -> list[str]:
        """The changes of the environment, a line each."""
        found = [str(change) for change in self.changes]
        return [f"environment: {line}" for line in found] or ["environment: as it was when recorded"]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document as a dictionary; see ``docs/golden-traces.md``."""
        return super().to_dict() | {
            "schema": SCHEMA,
            "recorded_environment": dict(self.recorded_environment),
            "changes": [asdict(change) for change in self.changes],
        }
