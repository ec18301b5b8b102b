"""What `lab verify` prints about each answer, and about all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from checker.render.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.authoring.prove import Proof


def proof_lines(proof: Proof, style: Style, *, full: bool = False) -> list[str]:
    """Return the lines for one answer: its verdict, and why that is not the expected one."""
    mark = (
        style.paint(style.symbol("✔", "ok"), "green")
        if proof.as_expected
        else style.paint(style.symbol("✘", "x"), "red")
    )
    if not proof.expected and proof.as_expected:
        mark = style.symbol("·", "-")
    ending = proof.verdict if not proof.check else f"{proof.verdict}: {proof.check}"
    lines = [f"  {mark} {proof.answer:<34} {ending}  {style.paint(f'{proof.seconds:.1f} s', 'dim')}"]
    if proof.problem:
        for paragraph in proof.problem.splitlines():
            lines += style.wrap(printable(paragraph), "      ")
        return lines
    shown = full or proof.answer.startswith("answer/")
    if proof.reason and shown:
        lines += [style.paint(line, "dim") for line in style.wrap(printable(proof.reason), "      ")]
    if proof.script and shown:
        # The answer was not expected to fail, so its author may have mistyped something.
        lines += [
            style.paint(line, "yellow")
            for paragraph in proof.script.splitlines()
            for line in style.wrap(printable(paragraph), "      ")
        ]
    return lines


def totals(proofs: Mapping[str, Sequence[Proof]]) -> dict[str, int]:
    """Return how many answers ran, how many ended as expected, and how many had no expected verdict."""
    found = [proof for several in proofs.values() for proof in several]
    expected = [proof for proof in found if proof.expected]
    return {
        "proofs": len(found),
        "as_expected": sum(proof.as_expected for proof in expected),
        "not_as_expected": sum(not proof.as_expected for proof in found),
        "nothing_expected": len(found) - len(expected),
        "passed": sum(proof.verdict == "passed" for proof in found),
    }


def total_lines(proofs: Mapping[str, Sequence[Proof]], style: Style) -> list[str]:
    """Return the last lines: how many verdicts were as expected, and which answers are flaky."""
    found = [proof for several in proofs.values() for proof in several]
    expected = [proof for proof in found if proof.expected]
    free = [proof for proof in found if not proof.expected]
    right = sum(proof.as_expected for proof in expected)
    lines = [""]
    if expected or not free:
        colour = "green" if right == len(expected) else "red"
        lines.append(
            style.paint(
                f"{right} of {len(expected)} {'answer' if len(expected) == 1 else 'answers'} ended as expected.",
                colour,
                "bold",
            )
        )
    if free:
        verdicts = Counter(proof.verdict for proof in free)
        ended = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        lines.append(
            style.paint(
                f"{len(free)} {'answer' if len(free) == 1 else 'answers'} without an expected verdict: {ended}.",
                "bold",
            )
        )
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
