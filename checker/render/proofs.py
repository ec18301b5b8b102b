"""What `lab verify` says of each answer, and of all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from checker.render.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.authoring.prove import Proof


def proof_lines(proof: Proof, style: Style, *, full: bool = False) -> list[str]:
    """Return the lines for one answer: how it ended, and what is wrong with that."""
    mark = (
        style.paint(style.symbol("✔", "ok"), "green")
        if proof.as_expected
        else style.paint(style.symbol("✘", "x"), "red")
    )
    ending = proof.verdict if not proof.check else f"{proof.verdict}: {proof.check}"
    lines = [f"  {mark} {proof.answer:<34} {ending}  {style.paint(f'{proof.seconds:.1f} s', 'dim')}"]
    if proof.problem:
        lines += style.wrap(printable(proof.problem), "      ")
    elif proof.reason and (full or proof.answer.startswith("answer/")):
        lines += [style.paint(line, "dim") for line in style.wrap(printable(proof.reason), "      ")]
    return lines


def total_lines(proofs: Mapping[str, Sequence[Proof]], style: Style) -> list[str]:
    """Return the closing lines: how many were as expected, and which ended differently from run to run."""
    found = [proof for several in proofs.values() for proof in several]
    right = sum(proof.as_expected for proof in found)
    lines = [
        "",
        style.paint(
            f"{right} of {len(found)} ended as they must.", "green" if right == len(found) else "red", "bold"
        ),
    ]
    endings: dict[tuple[str, str], set[str]] = defaultdict(set)
    for lab, several in proofs.items():
        for proof in several:
            endings[lab, proof.answer].add(f"{proof.verdict} {proof.check}".strip())
    for (lab, answer), seen in endings.items():
        if len(seen) > 1:
            lines.append(
                style.paint(
                    f"Flaky: lab {lab[:2]}, {answer} ended as {' and as '.join(sorted(seen))}.", "yellow"
                )
            )
    return lines
