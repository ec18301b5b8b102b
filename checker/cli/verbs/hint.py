"""Give the next hint for the first check that fails: an idea, then where to look, then nearly the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "give the next hint"
EXAMPLE = "lab hint 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)


def run(args: argparse.Namespace) -> int:
    """Grade, find the first problem, climb one rung."""
    from checker.cli.context import Context
    from checker.grading.run import grade
    from checker.render.style import style_of
    from checker.scene.work import folder_of

    context = Context(args)
    lab = context.lab()
    report = grade(
        lab,
        context.engine,
        folder_of(context.places, lab),
        tell=context.say,
        first=lambda: context.require_started(lab),
    )
    problem = report.first_problem
    if problem is None:
        print(f"All checks of lab {lab.number} pass; there is nothing left to hint at.")
        return 0
    ladder = lab.toml.hints.get(problem.id, ())
    style = style_of()
    if not ladder:
        text = problem.failure.hint if problem.failure else problem.reason
        rung, rungs = 1, 1
    else:
        rungs = len(ladder)
        rung = context.progress.climb(lab.slug, problem.id, rungs)
        text = ladder[rung - 1]
    if args.json:
        import msgspec

        print(
            msgspec.json.encode({"lab": lab.slug, "check": problem.id, "rung": rung, "hint": text}).decode()
        )
        return 0
    print(style.paint(f"About: {problem.title}", "bold"))
    print("\n".join(style.wrap(text, "  ")))
    if rung < rungs:
        print(style.paint(f"Still stuck? `lab hint {int(lab.number)}` says more.", "dim"))
    else:
        print(style.paint(f"`lab solve {int(lab.number)}` shows a whole answer.", "dim"))
    return 0
