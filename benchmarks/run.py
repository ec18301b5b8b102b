#!/usr/bin/env python3
"""Prints what Drydock costs on this machine: one run, one table, nothing asserted.

    python benchmarks/run.py                 all parts but the cold start
    python benchmarks/run.py check sizes     these parts
    python benchmarks/run.py up --cold       `./lab up` from nothing too, in a copy of the checkout

It works on a state and work folder of its own, so that nobody's progress or files are touched; labs that are
running are left alone, and the parts that would need them are left out. Labs are stopped again at the end.
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
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all otherwise")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds that count, {ROUNDS} unless told")
    parser.add_argument(
        "--cold", action="store_true", help="measure `./lab up` from nothing too (minutes, downloads)"
    )
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
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
