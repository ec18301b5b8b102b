"""Test a lab: it must fail as shipped, pass with every right answer, and fail with every wrong one for its stated reason.

With --answers, run the answers in your own folder and report the verdict on each. An answer is a folder with
files/ (copied into the work folder), run.sh (run in the toolbox), or both; it may have an answer.toml.

With --explain, run nothing, and print what each answer changes in the answer that it is based on.

With --json, print a record for each answer as soon as it ends, one a line, and a last record with the totals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import complete, complete_labs, print_json

if TYPE_CHECKING:
    import argparse

    from checker.authoring.prove import Proof
    from checker.authoring.selection import Part
    from checker.cli.context import Context
    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from checker.errors import LabError

SUMMARY = "test a lab's checks, or run a collection of answers"
EXAMPLE = "lab verify 3 --answers ~/class/answers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the labs, the answers, and how often."""
    argument = parser.add_argument(
        "labs", metavar="LAB", nargs="*", help="labs to test; all of them if you name none"
    )
    complete(argument, complete_labs)
    parser.add_argument(
        "--answers", metavar="DIR", help="run the answers in this folder instead of the lab's own"
    )
    parser.add_argument(
        "--only",
        metavar="TEXT",
        default="",
        help="run only those of the lab's own answers that have this in their name",
    )
    parser.add_argument(
        "--explain",
        metavar="NAME",
        nargs="?",
        const="",
        help="print what differs in each answer from the one that it is based on, or only in those that have NAME in their name",
    )
    parser.add_argument(
        "--repeat", metavar="N", type=int, default=1, help="run each answer N times, to find flaky checks"
    )
    parser.add_argument(
        "--shard", metavar="K/N", default="", help="run only part K of N equal parts of the lab's own answers"
    )
    parser.add_argument(
        "--continue",
        dest="proceed",
        action="store_true",
        help="leave out the answers that ended as expected before, if nothing of the course has changed since",
    )
    parser.add_argument(
        "--values",
        metavar="SEED",
        default="",
        help="run the answers with the values of a learner of a class; any text is a seed",
    )
    parser.add_argument("--full", action="store_true", help="print each reason in full")


def run(args: argparse.Namespace) -> int:
    """Test and report."""
    from pathlib import Path

    from checker.authoring.selection import WHOLE, collect, part_from
    from checker.cli.context import Context, ProgressPrinter
    from checker.errors import MisuseError

    context = Context(args)
    # Each proof can take minutes, so progress is shown even to readers of --json.
    context.say = ProgressPrinter()
    _require_sensible(args)
    part = part_from(args.shard) if args.shard else WHOLE
    labs = [context.catalogue.find(name) for name in args.labs] or list(context.catalogue)
    # Not those that this machine may have in a class.
    labs = [lab.with_seed(args.values if lab.toml.values else "") for lab in labs]
    if args.values and not any(lab.seed for lab in labs):
        raise MisuseError("None of these labs has values that differ from learner to learner.")
    answers = collect(Path(args.answers), labs[0]) if args.answers else []
    if args.explain is not None:
        return _explain(context, labs, answers)
    proofs: dict[str, list[Proof]] = {lab.slug: [] for lab in labs}
    try:
        failed = _prove_all(context, labs, answers, part, proofs)
    except KeyboardInterrupt:
        _tell_total(context, proofs, interrupted=True)
        raise
    return _end(context, proofs, failed)


def _require_sensible(args: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        MisuseError: it is so, and what to type instead.
    """
    from checker.errors import MisuseError

    if args.repeat < 1:
        raise MisuseError("--repeat takes a number of 1 or more.")
    if args.explain and not args.labs:
        raise MisuseError(
            "--explain follows the lab.", remedy=f"For instance: lab verify {args.explain} --explain"
        )
    if args.answers and len(args.labs) != 1:
        raise MisuseError(
            "--answers works with one lab at a time.", remedy="For instance: lab verify 3 --answers DIR"
        )
    if args.answers and (args.shard or args.proceed):
        raise MisuseError(
            "--shard and --continue work with a lab's own answers.", remedy="Leave them out with --answers."
        )
    if args.values and args.proceed:
        raise MisuseError(
            "--continue knows only what was proven with the lesson's values.",
            remedy="Leave it out with --values.",
        )


def _end(context: Context, proofs: dict[str, list[Proof]], failed: LabError | None) -> int:
    """Print the totals, and return the exit code."""
    from checker.errors import MisuseError

    args, found = context.args, [proof for several in proofs.values() for proof in several]
    if found or args.json or not args.proceed:
        _tell_total(context, proofs, interrupted=False)
    if failed is not None:
        return int(failed.code)
    if not found and args.proceed:
        context.say("nothing is left to prove")
    elif not found:
        raise MisuseError(f"No answer has `{args.only}` in its name.", remedy="Leave --only out to run all.")
    return 0 if all(proof.as_expected for proof in found) else 1


def _explain(context: Context, labs: list[Lab], answers: list[Answer]) -> int:
    """Print what differs in each answer; without an engine."""
    import msgspec

    from checker.errors import MisuseError
    from checker.render.difference import explained, explained_lines
    from checker.render.style import style_of

    args, style, wanted = context.args, style_of(), context.args.explain or context.args.only
    count = 0
    for lab in labs:
        steps = [lab.step_answer(number) for number in range(2, len(lab.toml.steps) + 1)]
        own = [*lab.bases, *filter(None, steps), *lab.answers]
        found = [explained(answer) for answer in answers or own if wanted in answer.name]
        count += len(found)
        if args.json:
            for said in found:
                print_json({"lab": lab.slug, **msgspec.to_builtins(said)})
        elif found:
            print(style.paint(f"Lab {lab.number} · {lab.toml.title}", "bold"))
            print("\n".join(line for said in found for line in explained_lines(said, style)))
    if not count:
        raise MisuseError(f"No answer has `{wanted}` in its name.", remedy="Leave the name out to see all.")
    return 0


def _prove_all(
    context: Context, labs: list[Lab], answers: list[Answer], part: Part, proofs: dict[str, list[Proof]]
) -> LabError | None:
    """Test labs one after another; if one of several cannot be tested, continue with the others and return the reason."""
    from checker.errors import LabError
    from checker.images.third_party import MissingProgramError

    failed = None
    for lab in labs:
        try:
            _prove(context, lab, answers, part, proofs[lab.slug])
        except MissingProgramError as error:
            if context.args.labs:
                raise
            context.say(f"lab {lab.number} is left out. {error.what}")
        except LabError as error:
            if len(labs) == 1:
                raise
            failed = error
            context.say(f"lab {lab.number} could not be tested. {error.what} {error.remedy}")
    return failed


def _tell_total(context: Context, proofs: dict[str, list[Proof]], *, interrupted: bool) -> None:
    from checker.render.proofs import total_lines, totals
    from checker.render.style import style_of

    if context.args.json:
        record = {**totals(proofs), "interrupted": interrupted}
        print_json(record, flush=True)
        return
    lines = total_lines(proofs, style_of())
    if interrupted:
        lines.append("This run was interrupted: the verdicts above are valid, the rest was not run.")
    print("\n".join(lines), flush=True)


def _prove(context: Context, lab: Lab, answers: list[Answer], part: Part, found: list[Proof]) -> None:
    """Run a lab's answers, add each verdict to the list, and print it as soon as it is known."""
    import contextlib
    import functools

    import msgspec

    from checker.authoring.ledger import ledger_of
    from checker.authoring.prove import Prover, scratch_scene
    from checker.render.proofs import proof_lines
    from checker.render.style import style_of
    from checker.scene.holder import left_by_proof, require_own
    from checker.session.preparing import ensure_images, require_engine

    args, style = context.args, style_of()
    scene = context.scene(lab)
    require_own(context.engine, lab, context.places)
    if scene.services() and not left_by_proof(context.engine, lab):
        context.confirm(f"Lab {lab.number} is running. Testing stops it and removes its containers.")
    require_engine(context, lab)
    ensure_images(context, lab.with_ways(lab.toml.usual))
    # What is remembered of a lab is what its answers do with the lesson's values.
    ledger = None if lab.seed else ledger_of(context.places, lab)
    prover = Prover(scratch_scene(scene), context.say, functools.partial(ensure_images, context), ledger)
    if not args.json:
        print(style.paint(f"Lab {lab.number} · {lab.toml.title}", "bold"), flush=True)
        if lab.seed:
            given = [f"{lab.values[name]} for {value.lesson}" for name, value in lab.toml.values.items()]
            print(f"With the values of {lab.seed}: {', '.join(given)}", flush=True)
    with scene.lock("verify"), contextlib.closing(prover):
        for _ in range(args.repeat):
            proofs = prover.each(answers) if answers else prover.all(args.only, part, proceed=args.proceed)
            for proof in proofs:
                found.append(proof)
                if args.json:
                    record = {"lab": lab.slug, **msgspec.to_builtins(proof)}
                    print_json(record, flush=True)
                else:
                    print("\n".join(proof_lines(proof, style, full=args.full)), flush=True)
