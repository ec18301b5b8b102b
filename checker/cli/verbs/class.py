"""Plan, hold and grade a class. Learners join one.

Before the day: `lab class plan 1 2 3 --learners 30` says what a room needs, and `lab class bundle 1-3` writes one file that
prepares machines without a network.

On the day: `lab class serve` holds a class, and learners join it with `lab class join`.

Afterwards: `lab class verify DIR` runs again what learners handed in with `lab submit`, and `lab class export DIR` writes
the points for gradebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli import hubs, membership, rooms
from checker.cli.context import print_json
from checker.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from checker.classroom.pile import Pile
    from checker.classroom.result import Result
    from checker.classroom.whose_values import Whose
    from checker.cli.context import Context
    from checker.course.catalogue import Lab
    from checker.errors import LabError

    _Actions = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name

SUMMARY = "plan, hold and grade a class; learners join one"
EXAMPLE = "lab class verify ~/handed-in"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a parser for each thing that a teacher does."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for add in (_add_plan, _add_verify, _add_export, _add_bundle):
        add(actions)
    rooms.add_arguments(actions, _common)
    hubs.add_arguments(actions, _common)
    membership.add_arguments(actions, _common)


def _add_plan(actions: _Actions) -> None:
    """Take the labs, the room, and the files of its machines."""
    plan = actions.add_parser(
        "plan",
        help="what a room needs for some labs",
        description="Say what some labs need: memory, disk, time and downloads, as measured. With the files that "
        "`lab doctor --json` wrote on the room's machines, also say which machine needs repair.",
    )
    plan.add_argument("labs", metavar="LAB", nargs="+", help="the labs, such as `1 2 3` or `1-6`")
    plan.add_argument(
        "--learners", metavar="N", type=int, default=1, help="how many machines there are; 1 by default"
    )
    plan.add_argument(
        "--mbit",
        metavar="N",
        type=float,
        default=50.0,
        help="the speed of the room's connection in Mbit/s; 50 by default",
    )
    hubs.add_plan_arguments(plan)
    plan.add_argument(
        "--machines", metavar="DIR", help="a folder with a file of `lab doctor --json` for each machine"
    )
    _common(plan)


def _add_verify(actions: _Actions) -> None:
    """Take the folder with what was handed in, and the class."""
    verify = actions.add_parser(
        "verify",
        help="grade again what was handed in",
        description="Grade again what learners handed in: run it on this machine, each answer in a fresh lab, and compare "
        "the verdicts with what was claimed. An interrupted run continues.",
    )
    verify.add_argument("folder", metavar="DIR", help="the folder with the files that `lab submit` wrote")
    verify.add_argument("--lab", metavar="LAB", help="only what was handed in for this lab")
    _class_folder(verify)
    verify.add_argument(
        "--again", action="store_true", help="forget earlier results and run everything again"
    )
    _common(verify)


def _add_export(actions: _Actions) -> None:
    """Take the folder with what was handed in, and which gradebooks to write."""
    export = actions.add_parser(
        "export",
        help="write gradebooks",
        description="Write the grades of what was handed in: a table, files for Moodle and Canvas, JUnit, xAPI statements.",
    )
    export.add_argument("folder", metavar="DIR", help="the folder with the files that `lab submit` wrote")
    _class_folder(export)
    export.add_argument("--to", metavar="DIR", help="where to write; DIR/grades by default")
    export.add_argument(
        "--format",
        metavar="NAME,NAME",
        default="",
        help="which of table, moodle, canvas, junit, xapi; all by default",
    )
    export.add_argument(
        "--home",
        metavar="URL",
        default="urn:drydock:class",
        help="for xapi: the address of the system that the learners' ids belong to, such as your Moodle",
    )
    _common(export)


def _add_bundle(actions: _Actions) -> None:
    """Take the labs, the file, and the machines that it is for."""
    bundle = actions.add_parser(
        "bundle",
        help="one file with everything for machines without a network",
        description="Write the course, its Python packages, the images of some labs and the pages into one file. On a machine "
        "with Python and an engine, `python3 FILE` makes everything ready without a network, and `python3 FILE --verify` "
        "compares checksums. An interrupted run continues.",
    )
    bundle.add_argument("labs", metavar="LAB", nargs="+", help="the labs, such as `1 2 3` or `1-6`")
    bundle.add_argument(
        "--to", metavar="FILE", default="drydock-room.pyz", help="the file; drydock-room.pyz by default"
    )
    bundle.add_argument(
        "--platform",
        metavar="NAME,NAME",
        default="",
        help="which of linux-x86_64, linux-aarch64, macos-arm64, macos-x86_64, windows-amd64; this one by default",
    )
    bundle.add_argument(
        "--python",
        metavar="3.X,3.X",
        default="",
        help="the versions of Python in the room; this one by default",
    )
    bundle.add_argument("--no-images", action="store_true", help="leave the images out")
    bundle.add_argument("--no-pages", action="store_true", help="leave the built pages out")
    _common(bundle)


def _class_folder(parser: argparse.ArgumentParser) -> None:
    """Take the folder of the class whose learners have values of their own."""
    parser.add_argument(
        "--class",
        dest="class_folder",
        metavar="FOLDER",
        default="",
        help="the class that gave learners their values: the folder `.lab/class` of the machine that held it, or a copy; by default this machine's",
    )


def _whose(context: Context) -> Whose:
    from pathlib import Path

    from checker.classroom.register import FOLDER
    from checker.classroom.whose_values import whose

    named = context.args.class_folder
    return whose(Path(named).expanduser() if named else context.places.state / FOLDER, named=bool(named))


def _common(parser: argparse.ArgumentParser) -> None:
    """Let the options that every verb has follow the action too."""
    import argparse

    for flags in (("--yes", "-y"), ("--json",), ("--verbose",), ("--no-install",)):
        parser.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Do what is asked for."""
    from checker.cli.context import Context

    actions = {
        "plan": _plan,
        "bundle": _bundle,
        "verify": _verify,
        "export": _export,
        "serve": rooms.serve,
        "join": membership.join,
        "status": membership.status,
        "fetch": membership.fetch,
        "hand": membership.hand,
        "leave": membership.leave,
        "purge": rooms.purge,
        "deploy": hubs.deploy,
    }
    return actions[args.action](Context(args))


def _plan(context: Context) -> int:
    from pathlib import Path

    from checker.classroom.machines import machine_lines, machines
    from checker.classroom.plan import plan, plan_lines

    args = context.args
    room = plan(context.catalogue.several(args.labs), args.learners, args.mbit)
    found = machines(Path(args.machines).expanduser(), room) if args.machines else []
    cluster, said = hubs.planned(args, room)
    if args.json:
        print_json({"room": room, "machines": found, "cluster": cluster})
    else:
        print("\n".join([*plan_lines(room), *said, *(["", *machine_lines(found)] if found else [])]))
    return 0 if all(each.ready for each in found) else 3


def _bundle(context: Context) -> int:
    from pathlib import Path

    from checker.classroom.platforms import wanted
    from checker.classroom.room_bundle import carry

    args, file = context.args, Path(context.args.to).expanduser()
    labs = context.catalogue.several(args.labs)
    platforms, pythons = wanted(args.platform, args.python)
    contents = carry(
        context, labs, file, platforms, pythons, images=not args.no_images, pages=not args.no_pages
    )
    if args.json:
        print_json({"file": str(file), "contents": contents})
        return 0
    size = sum(part.size for part in contents.parts.values())
    print(f"{file}: {len(contents.parts)} parts, {size / 1e6:.0f} MB, for {', '.join(contents.platforms)}.")
    print(f"On each machine: python3 {file.name}")
    return 0


def _verify(context: Context) -> int:
    from pathlib import Path

    from checker.classroom.pile import sort
    from checker.classroom.regrade import Kept
    from checker.cli.context import ProgressPrinter

    args, folder = context.args, Path(context.args.folder).expanduser()
    pile = sort(folder, context.catalogue, _whose(context))
    wanted = {context.catalogue.find(args.lab).slug} if args.lab else set(pile.handed)
    labs = [lab for lab in context.catalogue if lab.slug in wanted and lab.slug in pile.handed]
    if labs:
        context.confirm(
            f"This runs the commands of {sum(len(pile.handed[lab.slug]) for lab in labs)} learners on your engine, "
            "where they can do everything that you can do there.",
        )
    if args.again:
        for lab in labs:
            Kept(folder, lab.slug).forget()
    # A submission can take minutes, so progress is shown even to readers of --json.
    context.say = ProgressPrinter()
    found: list[Result] = []

    def tell(result: Result) -> None:
        found.append(result)
        if args.json:
            print_json(result, flush=True)
        else:
            context.say(f"{result.lab[:2]} {result.learner}: {result.evidence}")

    failed = _grade(context, folder, labs, pile, tell)
    # One lab of several is a part of a larger run, which tells of the refused archives itself.
    refused = [] if args.lab else pile.refused
    _tell_results(context, found, refused)
    for error in failed:
        context.say(f"{error.what} {error.detail}")
    if refused or any(each.refuted for each in found):
        return int(ExitCode.CHECK_FAILED)
    if failed:
        return int(failed[0].code)
    return int(ExitCode.OK if all(each.final for each in found) else ExitCode.COULD_NOT_RUN)


def _grade(
    context: Context, folder: Path, labs: list[Lab], pile: Pile, tell: Callable[[Result], None]
) -> list[LabError]:
    from checker.classroom.judging import one_lab, several_labs

    if len(labs) > 1:
        return several_labs(context, folder, labs, tell, pile, context.args.class_folder)
    for lab in labs:
        for result in one_lab(context, folder, lab, pile):
            tell(result)
    return []


def _tell_results(context: Context, found: list[Result], refused: list[Result]) -> None:
    from checker.classroom.tables import result_lines
    from checker.render.style import style_of

    if context.args.json:
        for each in refused:
            print_json(each, flush=True)
        return
    ordered = sorted(found, key=lambda each: (each.lab, each.learner.casefold(), each.sha256))
    print("\n".join(result_lines(ordered, refused, style_of())))


def _export(context: Context) -> int:
    from pathlib import Path

    from checker.classroom.gradebooks import FORMATS, write_all
    from checker.classroom.grades import grades, read_rules
    from checker.classroom.regrade import standings
    from checker.classroom.tables import grade_lines
    from checker.errors import MisuseError
    from checker.render.style import style_of

    args, folder = context.args, Path(context.args.folder).expanduser()
    names = [name.strip() for name in args.format.split(",") if name.strip()] or list(FORMATS)
    if unknown := [name for name in names if name not in FORMATS]:
        raise MisuseError(f"There is no format `{unknown[0]}`.", remedy=f"Formats: {', '.join(FORMATS)}.")
    if ":" not in args.home:
        raise MisuseError(
            f"--home {args.home} is no address.", remedy="For instance: --home https://moodle.example.org"
        )
    results, refused = standings(folder, context.catalogue, _whose(context))
    found = grades(results, read_rules(folder, context.catalogue), context.catalogue)
    written = write_all(Path(args.to).expanduser() if args.to else folder / "grades", found, names, args.home)
    if args.json:
        print_json({"files": [str(file) for file in written], "grades": found, "refused": refused})
        return 0
    print("\n".join(grade_lines(found, refused, style_of())))
    for file in written:
        print(file)
    return 0
