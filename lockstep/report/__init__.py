"""What a comparison found: as an object, as text, as JSON (``docs/report-schema.md``) and as one HTML page."""

from lockstep.report.report import Answers, Outcome, Pair, Report

__all__ = ["Answers", "Outcome", "Pair", "Report"]
