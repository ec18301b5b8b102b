"""Plays a round: brings the lab to where it begins, hits, types the next command, and compares."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING

from checker.grading.author import wait_until
from checker.progress import Progress
from tests.fire.ground import LONGEST_SECONDS, end_marked, kill
from tests.fire.plan import SOLVED, STARTED, STOPPED, Round

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.fire.disk import Disk
    from tests.fire.engine import LocalEngine
    from tests.fire.ground import Ground

_UNEXPECTED = ("Traceback (most recent call last)", "did not expect this error")
_SETTLE_SECONDS = 10.0


class Player:
    """Plays rounds, one after another.

    Args:
        ground: the folders and the engine.
        disk: the disk that can be filled, if any.
        local: the engine that can be killed, if any.
    """

    def __init__(self, ground: Ground, disk: Disk | None, local: LocalEngine | None) -> None:
        self._ground = ground
        self._disk = disk
        self._local = local
        self._usual: dict[tuple[str, ...], float] = {}
        self._verdicts: dict[tuple[str, str], dict[str, str]] = {}
        self._stands: dict[str, str] = {}
        self._before: dict[str, set[str]] = {}
        self._faults: list[str] = []
        self.heard: list[dict[str, object]] = []
        """What was typed in the last round, how long it took, and what was said."""

    def play(self, each: Round) -> list[str]:
        """Play one round, and return what was wrong."""
        self._faults, self.heard = [], []
        if each.lab.number not in self._before:
            self._bring(each.lab, STOPPED)
            self._before[each.lab.number] = self._ground.on_the_engine(each.lab)
        self._bring(each.lab, each.base)
        if each.edited and each.base != STOPPED:
            self._ground.edit(each.lab, each.number)
        usual = self._measured(each)
        if self._faults:  # without a ground, no round
            self._stands[each.lab.number] = "unknown"
            return self._faults
        had = self._ground.contents(each.lab)
        given = self._ground.contents(each.lab, aside=False) if not each.edited else set()
        self._hit(each, usual * each.share)
        self._stands[each.lab.number] = "unknown"
        self._follow(each)
        if lost := had - given - self._ground.contents(each.lab):
            self._fault(f"lost of the work folder: {sorted(lost)}")
        if each.then != "stop" and (lost := given - self._ground.contents(each.lab)):
            self._fault(f"lost of the files as given: {sorted(lost)}")
        self._look_at_record()
        self._compare(each.lab, stop=each.then != "stop")
        return self._faults

    def close(self) -> None:
        """Stop the labs."""
        end_marked()
        for number in self._stands:
            self._lab("stop", number)

    def _fault(self, text: str) -> None:
        self._faults.append(text)

    # -- commands ------------------------------------------------------------------------------------------

    def _lab(self, *words: str, allowed: tuple[int, ...] = (0,)) -> str:
        process = self._ground.spawn(*words)
        return self._ended(process, words, time.monotonic(), allowed)

    def _ended(
        self, process: subprocess.Popen[str], words: tuple[str, ...], begin: float, allowed: tuple[int, ...]
    ) -> str:
        try:
            said, _ = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            kill(process, alone=False)
            self._fault(f"`lab {' '.join(words)}` did not end")
            return ""
        self._hear(words, begin, process.returncode, said)
        line = " / ".join(said.split("\n"))[-500:]
        if process.returncode not in allowed:
            self._fault(f"`lab {' '.join(words)}` ended with {process.returncode}: {line}")
        if any(each in said for each in _UNEXPECTED):
            self._fault(f"`lab {' '.join(words)}` did not expect this: {line}")
        return said

    def _hear(self, words: tuple[str, ...], begin: float, code: int, said: str) -> None:
        seconds = round(time.monotonic() - begin, 3)
        self.heard.append({"typed": " ".join(words), "seconds": seconds, "code": code, "said": said[-2000:]})

    def _words(self, each: Round, verb: str) -> tuple[str, ...]:
        extra = {"solve": ["--yes"], "reset": ["--yes"], "verify": ["--only", each.answer]}
        return (verb, str(int(each.lab.number)), *extra.get(verb, []))

    # -- the round's parts ---------------------------------------------------------------------------------

    def _bring(self, lab: Lab, base: str) -> None:
        """Bring a lab to where a round begins, undisturbed."""
        number = str(int(lab.number))
        stands = self._stands.get(lab.number, "unknown")
        if stands == base:
            return
        self._stands[lab.number] = base
        if base == STOPPED:
            self._lab("stop", number)
        elif base == SOLVED:
            self._lab("solve", number, "--yes")
        elif stands in {STOPPED, "unknown"}:
            self._lab("reset", number, "--yes") if stands == "unknown" else self._lab("start", number)
        else:
            self._lab("reset", number, "--yes")
        if base in {STARTED, SOLVED} and (lab.number, base) not in self._verdicts:
            self._verdicts[lab.number, base] = self._verdict(lab)

    def _verdict(self, lab: Lab) -> dict[str, str]:
        """Return how each check ends; a lab that could not be judged is a fault."""
        said = self._lab("check", str(int(lab.number)), "--json", allowed=(0, 1))
        line = next((line for line in said.splitlines() if line.startswith("{")), "")
        if not line:
            return {}
        return {check["id"]: check["status"] for check in json.loads(line)["checks"]}

    def _measured(self, each: Round) -> float:
        """Return what the verb takes undisturbed, in seconds, measured once from the same base."""
        words = self._words(each, each.verb)
        if (each.base, *words) not in self._usual:
            begin = time.monotonic()
            self._lab(*words, allowed=(0, 1) if each.verb == "check" else (0,))
            self._usual[each.base, *words] = time.monotonic() - begin
            if each.verb not in {"check", "verify"}:
                self._stands[each.lab.number] = "unknown"
            self._bring(each.lab, each.base)
            if each.edited and each.base != STOPPED:
                self._ground.edit(each.lab, each.number)
        return self._usual[each.base, *words]

    def _hit(self, each: Round, seconds: float) -> None:
        words = self._words(each, each.verb)
        begin = time.monotonic()
        process = self._ground.spawn(*words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        if each.kind == "lab":
            kill(process, alone=each.alone)
            said, _ = _rest(process)
            self._hear((*words, f"(hit after {seconds:.3f} s)"), begin, process.returncode, said)
            return
        if each.kind == "disk" and self._disk:
            self._disk.fill()
        elif self._local:
            self._local.kill()
        self._ended(process, words, begin, (0, 1, 3))
        if each.kind == "disk" and self._disk:
            self._lab("check", words[1], allowed=(0, 1, 3))
            self._disk.free()
        elif self._local:
            self._lab("check", words[1], allowed=(3,))
            self._local.start()

    def _follow(self, each: Round) -> None:
        words = self._words(each, each.then)
        # `check` and `verify` judge; what they say is compared below. Most engines that were killed do not start the
        # containers again: then nothing can be judged until the next `lab start`.
        judged = (0, 1, 3) if each.kind == "engine" else (0, 1)
        self._lab(*words, allowed=judged if each.then == "check" else (0,))
        if each.then == "check":
            if each.kind == "engine":
                return
            self._same_verdict(each, each.base)
        elif each.then == "solve":
            self._same_verdict(each, SOLVED)
        elif each.then == "reset" or (each.then == "start" and each.verb in {"start", "verify"}):
            if each.base != STARTED or each.then == "reset" or each.kind != "engine":
                self._same_verdict(each, STARTED)
        elif each.then == "start":
            self._verdict(each.lab)

    def _same_verdict(self, each: Round, base: str) -> None:
        said = self._verdict(each.lab)
        usual = self._verdicts.setdefault((each.lab.number, base), said)
        if said != usual:
            changed = {
                name: (usual.get(name), status) for name, status in said.items() if status != usual.get(name)
            }
            self._fault(f"the verdict is another than undisturbed: {changed}")

    def _look_at_record(self) -> None:
        file = self._ground.state / "progress.sqlite3"
        told: list[str] = []
        try:
            Progress(file, told.append).close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the record was to be readable
            self._fault(f"the record cannot be read: {error}")
        if told:
            self._fault(f"the record was not whole: {told}")
        with contextlib.closing(sqlite3.connect(file)) as db:
            db.execute("SELECT count(*) FROM attempt").fetchone()

    def _compare(self, lab: Lab, *, stop: bool) -> None:
        """Stop the lab, unless that was done just now, and compare what there is with what there was."""
        if stop:
            self._lab("stop", str(int(lab.number)))
        self._stands[lab.number] = STOPPED
        wait_until(lambda: not self._left(lab), _SETTLE_SECONDS)
        left = self._left(lab)
        for each in left:
            self._fault(f"left after `lab stop`: {each}")
        if left:
            end_marked()
            self._lab("stop", str(int(lab.number)))
            self._before[lab.number] = self._ground.on_the_engine(lab)

    def _left(self, lab: Lab) -> list[str]:
        now, before = self._ground.on_the_engine(lab), self._before[lab.number]
        changed = [f"{each} is new" for each in sorted(now - before)]
        changed += [f"{each} is gone" for each in sorted(before - now)]
        changed += [f"process {each}" for each in self._ground.processes()]
        changed += sorted(self._ground.files())
        if self._local:
            known = {str(item["Id"]) for item in self._ground.engine.list_all("containers")}
            changed += [f"shim of {each}" for each in self._local.orphans(known)]
        return changed


def _rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a killed process said; what it started may hold its output open."""
    try:
        said, _ = process.communicate(timeout=0.2)
    except subprocess.TimeoutExpired as error:
        text = error.stdout or b""
        return (text.decode(errors="replace") if isinstance(text, bytes) else text), ""
    return said, ""
