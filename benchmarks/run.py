#!/usr/bin/env python3
"""Prints what Drydock costs on this machine, as one table from one run; it asserts nothing.

    python benchmarks/run.py                 all parts except the cold start
    python benchmarks/run.py check sizes     only these parts
    python benchmarks/run.py up --cold       also `./lab up` from nothing, in a copy of the checkout

It uses its own state and work folders, so your progress and files do not change. Running labs are left alone, and parts
that need those labs are left out. At the end, it stops the labs that it started.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PARTS = ("check", "commands", "imports", "start", "up", "scenes", "traffic", "sizes", "bundle", "memory")
ROUNDS = 7


def main() -> int:
    """Measure the parts that were named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds that count, {ROUNDS} by default")
    parser.add_argument(
        "--cold", action="store_true", help="also measure `./lab up` from nothing (takes minutes, downloads)"
    )
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    if args.rounds < 1:
        parser.error("--rounds takes a number from 1")
    if Path(sys.prefix) != PYTHON.parent.parent:
        return _in_environment()
    # In the checkout, since an engine in a virtual machine may not see the system's folder for temporary files.
    state = ROOT / ".lab"
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=state, ignore_cleanup_errors=True) as scratch:
        os.environ["DRYDOCK_STATE"] = str(Path(scratch, "state"))
        os.environ["DRYDOCK_WORK"] = str(Path(scratch, "work"))
        os.environ["DRYDOCK_COURSE"] = str(ROOT)
        sys.path.insert(0, str(ROOT))
        from parts import Bench  # noqa: PLC0415 - needs the environment that was just found

        return Bench(ROOT, PYTHON, Path(scratch), args.rounds).run(args.parts or PARTS, cold=args.cold)


def _in_environment() -> int:
    """Go on in the course's own environment, which also holds the testinfra that is compared with."""
    if not PYTHON.is_file():
        subprocess.run([sys.executable, str(ROOT / "lab"), "version"], check=True, timeout=1800)
    return subprocess.call([str(PYTHON), *sys.argv])


if __name__ == "__main__":
    sys.exit(main())
