"""Prove a lab: it fails as shipped, passes every right answer, and names every wrong one for its reason.

With --answers, run answers from a folder of your own and report how each ends. An answer is a folder with
files/ (laid over the work folder), run.sh (run in the toolbox), or both, and an answer.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import complete_labs

if TYPE_CHECKING:
    import argparse

    from checker.authoring.prove import Proof
    from checker.cli.context import Context
    from checker.course.catalogue import Answer, Lab

SUMMARY = "prove a lab's checks, or run a collection of answers"
EXAMPLE = "lab verify 3 --answers ~/class/answers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the labs, the answers, and how often."""
    argument = parser.add_argument(
        "labs", metavar="LAB", nargs="*", help="labs to prove; all when none is named"
    )
    argument.completer = complete_labs  # type: ignore[attr-defined]
    parser.add_argument(
        "--answers", metavar="DIR", help="run the answers in this folder instead of the lab's own"
    )
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="of the lab's own, only those with this in their name"
    )
    parser.add_argument(
        "--repeat", metavar="N", type=int, default=1, help="run each N times, to find flaky ones"
    )
    parser.add_argument("--full", action="store_true", help="print each reason in full")


def run(args: argparse.Namespace) -> int:
    """Prove and report."""
    from pathlib import Path

    import msgspec

    from checker.authoring.prove import collect
    from checker.cli.context import Context
    from checker.errors import MisuseError
    from checker.images.program import MissingProgramError
    from checker.render.proofs import total_lines
    from checker.render.style import style_of

    context = Context(args)
    if args.repeat < 1:
        raise MisuseError("--repeat takes a number from 1.")
    if args.answers and len(args.labs) != 1:
        raise MisuseError("--answers goes with one lab.", remedy="For instance: lab verify 3 --answers DIR")
    labs = [context.catalogue.find(name) for name in args.labs] or list(context.catalogue)
    answers = collect(Path(args.answers)) if args.answers else []
    proofs = {}
    for lab in labs:
        try:
            proofs[lab.slug] = _prove(context, lab, answers)
        except MissingProgramError as error:
            if args.labs:
                raise
            context.say(f"lab {lab.number} is left out. {error.what}")
    if args.json:
        print(msgspec.json.encode(proofs).decode())
    else:
        print("\n".join(total_lines(proofs, style_of())))
    found = [proof for several in proofs.values() for proof in several]
    if not found:
        raise MisuseError(f"Nothing has `{args.only}` in its name.", remedy="Leave --only out to run all.")
    return 0 if all(proof.as_expected for proof in found) else 1


def _prove(context: Context, lab: Lab, answers: list[Answer]) -> list[Proof]:
    import contextlib
    import functools

    from checker.authoring.prove import Prover, scratch_scene
    from checker.render.proofs import proof_lines
    from checker.render.style import style_of
    from checker.session.preparing import ensure_images

    args, style = context.args, style_of()
    scene = context.scene(lab)
    if scene.services():
        context.confirm(f"Lab {lab.number} is running; proving it stops it and removes its containers.")
    ensure_images(context, lab.with_ways(lab.toml.usual))
    prover = Prover(scratch_scene(scene), context.say, functools.partial(ensure_images, context))
    if not args.json:
        print(style.paint(f"Lab {lab.number} · {lab.toml.title}", "bold"))
    found = []
    with scene.lock("verify"), contextlib.closing(prover):
        for _ in range(args.repeat):
            for proof in (prover.answer(answer) for answer in answers) if answers else prover.all(args.only):
                found.append(proof)
                if not args.json:
                    print("\n".join(proof_lines(proof, style, full=args.full)), flush=True)
    return found
