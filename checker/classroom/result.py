"""The result of one archive: each check as it was claimed and as it ended here, and what stands behind it."""

from __future__ import annotations

import enum

import msgspec

from checker.results import Kind, Status


class Evidence(enum.StrEnum):
    """What stands behind a result."""

    CLAIMED = "claimed"
    """The learner's machine says so. Nothing of it was seen here."""
    REPLAYED = "replayed"
    """The files and commands were run here, and only part of what was claimed came out."""
    VERIFIED = "verified"
    """The files and commands were run here, and everything that was claimed came out."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check of one submission."""

    id: str
    title: str
    claimed: Status
    found: Status | None = None
    """How it ended here; None if it was not judged here."""
    kind: Kind = Kind.GOAL
    why: str = ""
    """What it said here, if it did not pass."""

    @property
    def counts(self) -> Status:
        """The status that points are given for: the one found here if it was judged here."""
        judged = {Status.PASSED, Status.FAILED, Status.VIOLATED, Status.NOT_RUN}
        return self.found if self.found in judged else self.claimed

    @property
    def refuted(self) -> bool:
        """Whether it was claimed to pass and did not pass here, although it was judged."""
        return self.claimed is Status.PASSED and self.counts is not Status.PASSED


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One archive, graded again or refused."""

    file: str
    sha256: str = ""
    learner: str = ""
    id: str = ""
    lab: str = ""
    course: str = ""
    made: str = ""
    evidence: Evidence = Evidence.CLAIMED
    checks: tuple[Judged, ...] = ()
    attempts: int = 0
    hints: int = 0
    solved: bool = False
    refused: str = ""
    """Why the archive was refused; then nothing else of it counts."""
    note: str = ""
    """What a teacher should know: a command that did not end, the same work under another name, why it was not run."""
    seconds: float = 0.0
    values: str = ""
    """What the values were drawn from that it was graded with; empty for the lesson's."""
    final: bool = True
    """Whether it stays as it is in the next run; not if the machine was the reason that it could not be judged."""

    @property
    def refuted(self) -> tuple[str, ...]:
        """The checks that were claimed to pass and did not pass here."""
        return tuple(check.id for check in self.checks if check.refuted)
