"""Whether an answer has the learner's own value, and whose value it has instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.verdicts import fail

if TYPE_CHECKING:
    from checker.course.catalogue import Lab


REASON = f"{__name__.rpartition('.')[2]}:"
"""How the reason begins of every failure that this module gives."""


def require_value(
    lab: Lab, name: str, found: str, *, says: str, source: str, known_only: bool = False
) -> None:
    """Fail if the learner has a value of their own and the answer has another; outside of such a class, any is right.

    Args:
        lab: the lab.
        name: the value, as lab.toml names it.
        found: what the answer has.
        says: the beginning of a sentence that `found` completes, such as "`parcel` answers with".
        source: the command or address that shows it.
        known_only: whether to fail only if it is the lesson's value or another learner's; otherwise the check has more
            to say of what is found.
    """
    wanted = lab.values[name]
    if not lab.seed or found == wanted:
        return
    if known_only and not any(found in (each.lesson, *each.choices) for each in lab.toml.values.values()):
        return
    title = lab.toml.values[name].title
    if lab.toml.values[name].fault:
        fail(
            f"{says} `{found}`. In this class, the lab picks which one, and for you it is another.",
            expected=f"{title}: {wanted}",
            seen=found,
            source=source,
            hint=f"Leave the name out: `lab lose {int(lab.number)}`.",
        )
    fail(
        f"{says} `{found}`. {_whose(lab, name, found)}",
        expected=f"{title}: {wanted}",
        seen=found,
        source=source,
        hint=f"In this class, every learner has values of their own. `lab values {int(lab.number)}` lists yours.",
    )


def _whose(lab: Lab, name: str, found: str) -> str:
    """Say whose value it is, in one or two sentences."""
    for other, own in lab.values.items():
        if found == own and other != name:
            return f"That is your value for something else: {lab.toml.values[other].title}."
    for value in lab.toml.values.values():
        if found == value.lesson:
            return "That is the lesson's value, not yours."
        if found in value.choices:
            return "That is not your value: it is given to other learners of the class."
    return "That is not your value."
