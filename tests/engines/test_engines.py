"""Every lab on every other engine that learners have: as shipped, with its solution, with one wrong answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines.cases import names_of, note
from tests.engines.machine import MachineError
from tests.engines.record import Outcome

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.engines.conftest import Machines
    from tests.engines.kinds import Kind


@pytest.mark.engine
@pytest.mark.usefixtures("page")
def test_a_lab_works_or_says_why_it_cannot(kind: Kind, lab: Lab, machines: Machines) -> None:
    wrong = []
    for case in names_of(lab):
        try:
            machine = machines.of(kind)
        except MachineError as error:
            pytest.fail(f"NOT TRIED: {error}")
        try:
            (proof, *_) = machine.cases(lab.number, case)
        except MachineError as error:
            proof = {"as_expected": False, "problem": str(error)}
        entry = note(kind, lab, case, proof, machines.facts)
        if entry.outcome is Outcome.FAILS:
            wrong.append(f"{case}: {proof.get('problem') or proof}")
        if entry.outcome is Outcome.REFUSED:
            break
    if machine.alive and (left := machine.left()):
        wrong.append(f"left on its engine: {', '.join(left)}")
    assert not wrong, "\n".join(wrong)
