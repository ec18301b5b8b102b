"""Stop what is still running: the course site, JupyterLab and, with --all, every lab. Your files stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from checker.cli.context import Context
    from checker.course.catalogue import Lab

SUMMARY = "stop the site, JupyterLab and, with --all, every lab"
EXAMPLE = "lab down --all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to stop."""
    parser.add_argument("--all", action="store_true", help="also stop every lab")
    parser.add_argument(
        "--engine", action="store_true", help="also stop the engine, if `lab` started it; implies --all"
    )


def run(args: argparse.Namespace) -> int:
    """Stop JupyterLab, the site, the labs and the engine, in this order."""
    from checker.cli.context import Context
    from checker.jupyter import server as jupyter
    from checker.live import server

    context = Context(args)
    # First, because a running notebook cell may be using the labs.
    said = ["JupyterLab is stopped."] if jupyter.stop(context.places) else []
    said.append(
        "The course site is stopped." if server.stop(context.places) else "The course site was not running."
    )
    if args.all or args.engine:
        said += [line for lab in context.catalogue if (line := _stop(context, lab))]
    if args.engine:
        from checker.provision.ensure import engine_stop

        ended = engine_stop(context.places.state)
        said.append(
            "The engine is stopped." if ended else "The engine was not started by `lab`, so it keeps running."
        )
    print("\n".join(said))
    return 0


def _stop(context: Context, lab: Lab) -> str:
    """Stop a lab and return a sentence about it; leave another person's lab alone."""
    from checker.scene.holder import HeldError

    try:
        return f"Lab {lab.number} is stopped." if context.scene(lab).stop() else ""
    except HeldError as error:
        return f"{error.what} It was left alone."
