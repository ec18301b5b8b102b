"""Kill `lab` at random moments, and see that nothing is lost and nothing is left: `./lab test fire -- --rounds 100`.

Each round is drawn from the seed and its own number, so `--seed 7 --only 42` plays round 42 of seed 7 again.
Let nobody else use these labs on the engine meanwhile, or start containers on it that belong to no lab.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.api import connect
from checker.errors import LabError
from tests.fire.disk import Disk
from tests.fire.engine import LocalEngine
from tests.fire.ground import Ground
from tests.fire.plan import KINDS, Round, draw
from tests.fire.rounds import Player

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab test fire --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how many rounds (20)")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="what the rounds are drawn from; a new one each run"
    )
    parser.add_argument("--labs", default="1,6", metavar="N,N", help="the labs, by number (1,6)")
    parser.add_argument(
        "--kinds",
        default="lab",
        metavar="KIND,…",
        help="what happens: lab (it is killed), disk (it fills up; needs root), engine (it is killed and started"
        " again, with everything on it; needs root and an engine on this machine)",
    )
    parser.add_argument("--only", type=int, metavar="ROUND", help="play this round alone")
    parser.add_argument("--log", metavar="FILE", help="write what happened here, a round a line")
    args = parser.parse_args(words)
    if unknown := sorted(set(args.kinds.split(",")) - set(KINDS)):
        parser.error(f"there is no kind `{unknown[0]}`; kinds: {', '.join(KINDS)}")
    return args


def main(words: Sequence[str] | None = None) -> int:
    """Play the rounds, and return 1 if one of them found something."""
    args = _parse(words)
    # An end from outside must leave the machine as it was, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = secrets.randbelow(1_000_000) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    labs = [Catalogue(find()).find(name) for name in args.labs.split(",")]
    numbers = [args.only] if args.only is not None else range(args.rounds)
    plan = [draw(seed, number, labs, tuple(args.kinds.split(","))) for number in numbers]
    found: list[str] = []
    counted: Counter[str] = Counter()
    with _ground(need_disk="disk" in args.kinds) as (ground, disk):
        local = LocalEngine.behind(connect().endpoint) if "engine" in args.kinds else None
        player = Player(ground, disk, local)
        try:
            for each in plan:
                faults = player.play(each)
                counted[f"lab {each.lab.number} {each.kind} {each.verb}"] += 1
                _note(args.log, each, player.heard, faults)
                for fault in faults:
                    found.append(f"round {each.number}: {each.told}: {fault}")
                    print(found[-1], flush=True)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
        finally:
            player.close()
    for name, count in sorted(counted.items()):
        print(f"{count:5} {name}")
    print(f"{counted.total()} rounds, {len(found)} findings, seed {seed}")
    return 1 if found or not counted else 0


@contextlib.contextmanager
def _ground(*, need_disk: bool) -> Iterator[tuple[Ground, Disk | None]]:
    with tempfile.TemporaryDirectory(prefix="drydock-fire-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if not need_disk:
            yield Ground(folder, folder), None
            return
        with Disk(folder) as disk:
            yield Ground(disk.folder, folder), disk


def _note(file: str | None, played: Round, heard: list[dict[str, object]], faults: list[str]) -> None:
    if file:
        record = {"round": played.number, "plan": played.told, "heard": heard, "faults": faults}
        with Path(file).open("a", encoding="utf-8") as log:
            print(json.dumps(record), file=log)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"{error.what} {error.remedy}", file=sys.stderr)
        sys.exit(int(error.code))
    except OSError as error:
        print(f"{os.strerror(error.errno or 0)}: {error.filename}", file=sys.stderr)
        sys.exit(3)
