"""Every lab on every other engine that learners have: as shipped, with its solution, with one wrong answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.cases import names_of, note, outcome
from tests.engines.machine import MachineError
from tests.engines.record import Outcome

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.engines.conftest import Machines
    from tests.engines.kinds import Kind


@pytest.mark.engine
@pytest.mark.usefixtures("page")
def test_a_lab_works_or_says_why_it_cannot(kind: Kind, lab: Lab, machines: Machines) -> None:
    if (program := machines.lacking(lab)) and not kind.must_refuse(lab):
        pytest.skip(f"NOT TRIED: {program} is needed and is not here")
    wrong = []
    for case in names_of(lab):
        proofs: list[dict[str, Any]] = []
        # A machine that does other work as well fails now and then; what fails twice is told.
        while len(proofs) < 2 and (not proofs or outcome(kind, lab, proofs[-1])[0] is Outcome.FAILS):
            try:
                machine = machines.of(kind)
            except MachineError as error:
                pytest.fail(f"NOT TRIED: {error}")
            try:
                proofs.append(machine.case(lab.number, case))
            except MachineError as error:
                proofs.append({"as_expected": False, "problem": str(error)})
        entry = note(kind, lab, case, proofs, machines.facts)
        if entry.outcome is Outcome.FAILS:
            wrong.append(f"{case}: {proofs[-1].get('problem') or proofs[-1]}")
        if entry.outcome is Outcome.REFUSED:
            break
    if machine.alive and (left := machine.left()):
        wrong.append(f"left on its engine: {', '.join(left)}")
    assert not wrong, "\n".join(wrong)
