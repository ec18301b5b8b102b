"""Set up everything: the engine, the images and the course site. Then start your next lab and check it once.

The command ends by itself. The site keeps running in the background until `lab down`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse

    from checker.cli.context import Context
    from checker.course.catalogue import Lab
    from checker.live.server import Site
    from checker.results import Report

SUMMARY = "set everything up and start your next lab"
EXAMPLE = "./lab up"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments of its own."""
    parser.add_argument("--no-site", action="store_true", help="do not serve the course site")


def run(args: argparse.Namespace) -> int:
    """Set up, start, check, and say what to do next."""
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.provision.ensure import ensure_engine
    from checker.scene.locks import locked
    from checker.session.operations import start

    context = Context(args)
    wake(context.places)
    with locked(context.places.state / "locks" / "up.lock", "lab up"):
        ensure_engine(
            context.places.state, no_install=args.no_install, confirm=context.agrees, progress=context.say
        )
        lab = _current(context)
        if context.scene(lab).is_running():
            context.say(f"lab {lab.number} is running")
        else:
            for note in start(context, lab).notes:
                context.say(f"note: {note}")
        report = _judge(context, lab)
        site = None if args.no_site else _site(context)
    _show(context, lab, report, site)
    return 0


def _current(context: Context) -> Lab:
    """Return the first lab that has not passed yet, or the very first if all have passed."""
    labs = list(context.catalogue)
    return next((lab for lab in labs if not context.progress.standing(lab.slug).passed_at), labs[0])


def _site(context: Context) -> Site | None:
    from checker.errors import LabError
    from checker.live import server

    context.say("serving the course site")
    try:
        return server.start(context.places)
    except LabError as error:
        # The labs work without the site, and the last lines say how to open the lesson then.
        context.say(f"note: {error.what} {error.remedy}")
        return None


def _judge(context: Context, lab: Lab) -> Report:
    from checker.session.judging import check, keep_attempt

    context.say(f"checking lab {lab.number} once")
    with context.trying_shown():
        report = check(context, lab, keep=False)
    # A learner who has not started yet has not failed.
    if report.passed:
        keep_attempt(context, report)
    return report


def _show(context: Context, lab: Lab, report: Report, site: Site | None) -> None:
    from checker.render.report import report_lines
    from checker.render.style import style_of
    from checker.results import Kind, Status

    lesson = site.lesson(lab) if site else ""
    if context.args.json:
        record = {"lab": lab.slug, "lesson": lesson or None, "report": report}
        print_json(record)
        return
    style = style_of()
    print("\n".join(report_lines(report, style)))
    number = int(lab.number)
    print()
    if report.passed:
        print("You have done this lab: every check passes.")
    else:
        begun = any(check.kind is Kind.GOAL for check in report.having(Status.PASSED))
        print(
            "Continue where you stopped."
            if begun
            else "The checks fail because nothing is done yet. Now it is your turn."
        )
    rows = [
        (f"./lab open {number}", "the lesson in your browser, with live checks and a terminal"),
        *([(lesson, "the same, to read")] if lesson else []),
        (f"./lab shell {number}", "a shell with every tool"),
        (f"./lab check {number}", "check again, or after every change: " + f"./lab watch {number}"),
        (f"./lab hint {number}", "when you are stuck"),
        ("./lab down", "stops the site; --all stops the labs too"),
    ]
    width = max(len(words) for words, _ in rows)
    for words, what in rows:
        print(f"  {style.paint(f'{words:<{width}}', 'cyan')}  {what}")
