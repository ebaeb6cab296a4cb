"""The audit on the loops of ``benchmarks/unseen_loops``, which were written before it saw any of them.

``python benchmarks/unseen.py [NAME ...]`` prints a line for each loop, whether its first cause is the one expected, and the
score. A loop that holds two mistakes counts where both are among the first three causes.
"""

import os
import runpy
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import lockstep
from lockstep.commands.audit import NEEDED, RUN_OPTIONS, STEP_OPTIONS

# Why a first cause is not the expected one, where that is known.
REASONS = {
    "adagrad_from_zero": "the contract has no code for it, so `unknown` was expected; the audit has one of its own",
    "beta_two": "the contract has no code for it, so `unknown` was expected; the audit has one of its own",
    "worker_weights": "the trap has weights one step late and those of the first step; fetched every fourth step is neither",
}
FOLDER = Path(__file__).resolve().parent / "unseen_loops"


def main(*names: str) -> int:
    """Print the table; the exit status is 0."""
    paths = [path for path in sorted(FOLDER.glob("*.py")) if not names or path.stem in names]
    hits = 0
    for path in paths:
        defined = runpy.run_path(str(path), run_name="__lockstep__")
        expected = defined["EXPECTED"]
        looped = "run" in defined and "step" not in defined
        first = (defined["run"],) if looped else (defined["step"], defined["variables"])
        options = {name: defined[name] for name in (RUN_OPTIONS if looped else STEP_OPTIONS) if name in defined}
        began = time.perf_counter()
        audit = lockstep.audit_run if looped else lockstep.audit
        finding = audit(*first, *(defined[name] for name in NEEDED), **options)
        seconds = time.perf_counter() - began
        codes = [cause.code for cause in finding.causes]
        if not expected:
            hit = finding.meets("round-off")
        elif defined.get("BOTH"):
            hit = set(expected) <= set(codes[:3])
        else:
            hit = bool(codes) and codes[0] in expected
        hits += hit
        named = ", ".join(codes[:3]) or "-"
        print(f"{'hit ' if hit else 'MISS'} {path.stem:<28} {finding.verdict:<10} {named:<60} {seconds:5.1f} s")
        if not hit:
            print(f"     expected {', '.join(expected) or 'no cause'}; {REASONS.get(path.stem, finding.why)}")
            if names:
                print(finding)
        sys.stdout.flush()
    print(f"{hits} of {len(paths)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
