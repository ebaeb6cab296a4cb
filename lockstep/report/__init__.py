"""What a comparison found: as an object, as text, as JSON (``docs/report-schema.md``) and as one HTML page."""

from lockstep.report.report import Outcome, Pair, Report

__all__ = ["Outcome", "Pair", "Report"]
