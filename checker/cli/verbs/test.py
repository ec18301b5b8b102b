"""Install what the tests need, then run the project's tests, or the parts that you name.

Words after `--` go to pytest, for instance `lab test unit -- -k progress`. A test file named there runs alone.

The part `engines` runs only when you name it: it tries labs on other engines, each in a container on this one, and
writes what it found to docs/reference/engines.md. --engine and --labs choose a part of it; the rest of the page stays.

The part `hub` runs only when you name it: it puts a class on the course's own Kubernetes cluster, signs in as three learners,
and takes a seat and a node away. It needs kubectl on PATH.

The part `fire` runs only when you name it: it kills `lab`, fills the disk or kills the engine at random moments,
and looks whether anything is lost or left. Its options come after `--`: `lab test fire -- --help`

`lab test mutants` runs only when you name it: it puts small faults into the modules that decide, one at a time, and lists
those that no test notices. Its options come after `--`: `lab test mutants -- --sample 20 checker/scene/faults.py`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from checker.authoring.testing import Part
    from checker.cli.context import Context

SUMMARY = "run the project's tests"
EXAMPLE = "./lab test unit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the parts."""
    parser.add_argument(
        "parts",
        metavar="PART",
        nargs="*",
        help="the parts: unit, integration, course, docs, browser, engines, hub, fire, mutants; without a name, the first five",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME,NAME",
        default="",
        help="with engines: only these, of 28, 28c (containerd's image store), 28r (rootless), 29 and podman",
    )
    parser.add_argument("--labs", metavar="LAB,LAB", default="", help="with engines: only these labs")
    parser.set_defaults(beyond=[])


def run(args: argparse.Namespace) -> int:
    """Run each part and say whether it passed."""
    from checker.authoring.testing import ensure_browser, files_named, run_parts, together
    from checker.cli.context import Context
    from checker.errors import ExitCode

    context = Context(args)
    if args.parts == ["mutants"]:
        from checker.authoring.mutants import run_mutants

        return int(run_mutants(context.places.root, args.beyond, context.say))
    parts = _chosen(args, files_named(context.places, args.beyond))
    if args.engine or args.labs:
        args.beyond = [f"--engine={args.engine}", f"--labs={args.labs}", *args.beyond]
    ended: dict[str, ExitCode] = {}
    ready = False
    for group in together(parts):
        if any(part.engine for part in group) and not ready:
            _prepare(context, args, group)
            ready = True
        if any(part.by_lab or part.browser for part in group):
            _make_room(context)
        if any(part.browser for part in group):
            ensure_browser(context.say, no_install=args.no_install)
        name = " and ".join(part.name for part in group)
        ended[name] = run_parts(context.places, group, args.beyond, context.say)
    for name, code in ended.items():
        context.say(f"{name}: {'passed' if code is ExitCode.OK else 'FAILED'}")
    return int(max(ended.values()))


def _make_room(context: Context) -> None:
    """Stop the labs that run: their tests need their names and ports.

    Raises:
        HeldError: another checkout or person started one.
        MisuseError: there is a terminal, and the answer on it is no.
    """
    import sys

    from checker.errors import MisuseError
    from checker.session.operations import stop

    started = [lab for lab in context.catalogue if context.scene(lab).services()]
    if not started:
        return
    numbers = ", ".join(lab.number for lab in started)
    question = f"Lab {numbers} runs, and the tests need its names and ports. Stop it? Your files stay."
    if sys.stdin.isatty() and not context.agrees(question):
        raise MisuseError("The labs were not tested.", remedy="First stop what runs: ./lab down --all")
    for lab in started:
        stop(context, lab)
        context.say(
            f"lab {lab.number} was running; it is stopped, because the tests need its names and ports"
        )


def _chosen(args: argparse.Namespace, named: Mapping[str, Sequence[str]]) -> list[Part]:
    """Return the parts to run: those on the command line, or those in which test files are named, or the usual ones."""
    from checker.authoring.testing import PARTS
    from checker.errors import MisuseError

    known = {part.name: part for part in PARTS}
    if unknown := [name for name in args.parts if name not in known]:
        raise MisuseError(
            f"There is no part `{unknown[0]}`.", remedy=f"Parts: {', '.join(known)}; or mutants alone."
        )
    if (args.engine or args.labs) and args.parts != ["engines"]:
        raise MisuseError(
            "--engine and --labs work only with the part `engines`.",
            remedy="For instance: ./lab test engines --engine 29 --labs 1,2",
        )
    if other := sorted(set(named) - set(args.parts or known)):
        raise MisuseError(
            f"`{named[other[0]][0]}` is in none of the parts that are to run.",
            remedy=f"It is in tests/{other[0]}; parts: {', '.join(known)}.",
        )
    return [known[name] for name in args.parts or named] or [part for part in PARTS if part.usual]


def _prepare(context: Context, args: argparse.Namespace, parts: Sequence[Part]) -> None:
    """Start the engine and get the images of the labs that are tested; a program gets those of the labs it starts."""
    from checker.images.third_party import MissingProgramError
    from checker.provision.ensure import ensure_engine
    from checker.session.preparing import ensure_images

    ensure_engine(
        context.places.state, no_install=args.no_install, confirm=context.agrees, progress=context.say
    )
    named = [context.catalogue.find(name) for name in args.labs.split(",") if name.strip()]
    for lab in [] if all(part.program for part in parts) else named or context.catalogue:
        try:
            ensure_images(context, lab)
        except MissingProgramError as error:
            context.say(f"lab {lab.number} is not tested here. {error.what}")
