"""What is tried of each lab on another engine, and where the outcome is written."""

from __future__ import annotations

import datetime as dt
import fcntl
from typing import TYPE_CHECKING, Any

from checker.course.catalogue import Catalogue
from checker.course.places import find
from tests.engines import record
from tests.engines.kinds import KINDS
from tests.engines.machine import ROOT
from tests.engines.record import Entry, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.course.catalogue import Lab
    from tests.engines.kinds import Kind

OPTION = "--engine"
LAB_OPTION = "--labs"

RECORD = ROOT / "tests" / "engines" / "record.json"
PAGE = ROOT / "docs" / "reference" / "engines.md"


def text() -> str:
    """Return the page as the record has it."""
    labs = [(lab.number, lab.toml.title) for lab in Catalogue(find(ROOT))]
    return record.page(record.read(RECORD), [(kind.name, kind.title) for kind in KINDS], labs)


def names_of(lab: Lab) -> tuple[str, ...]:
    """Return the cases of a lab: as shipped, its solution, and the first of its wrong answers.

    A lab without wrong answers has no third case.
    """
    wrong = [answer.name for answer in lab.answers if answer.must_fail]
    return ("as shipped", "solution", *wrong[:1])


def outcome(kind: Kind, lab: Lab, proof: Mapping[str, Any]) -> tuple[Outcome, str]:
    """Return how a case went, and what was said of one that did not work.

    Args:
        kind: the engine.
        lab: the lab.
        proof: the record that `lab verify --json` printed of it.
    """
    said = record.sentence(str(proof.get("problem") or proof.get("reason") or ""))
    wanted = kind.must_refuse(lab)
    if wanted:
        refused = not proof["as_expected"] and wanted in said
        return (Outcome.REFUSED if refused else Outcome.FAILS), said
    return (Outcome.WORKS, "") if proof["as_expected"] else (Outcome.FAILS, said)


def note(
    kind: Kind, lab: Lab, case: str, proofs: Sequence[Mapping[str, Any]], facts: Mapping[str, str]
) -> Entry:
    """Write one case into the record and return it.

    Args:
        kind: the engine.
        lab: the lab.
        case: the case's name.
        proofs: what each of its tries ended with; there is a second when the first failed.
        facts: what the page tells of the machine.
    """
    proof = proofs[-1]
    how, said = outcome(kind, lab, proof)
    if how is Outcome.WORKS and len(proofs) > 1:
        said = outcome(kind, lab, proofs[0])[1]
    entry = Entry(
        engine=kind.name,
        lab=lab.number,
        case=case,
        outcome=how,
        sentence=said,
        tries=len(proofs),
        seconds=float(proof.get("seconds") or 0.0),
        date=dt.datetime.now(dt.UTC).date(),
        **facts,
    )
    # Two runs may try two engines at the same time.
    with RECORD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record.write(record.read(RECORD).having(entry), RECORD)
    return entry
