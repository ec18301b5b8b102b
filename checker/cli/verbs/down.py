"""End what was left running: the course site, JupyterLab and, with --all, every lab's scene. Your files stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from checker.cli.context import Context
    from checker.course.catalogue import Lab

SUMMARY = "end the site, JupyterLab and, with --all, every lab"
EXAMPLE = "lab down --all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how much to end."""
    parser.add_argument("--all", action="store_true", help="stop every lab as well")
    parser.add_argument(
        "--engine", action="store_true", help="end the engine too, if `lab` started it; implies --all"
    )


def run(args: argparse.Namespace) -> int:
    """Stop JupyterLab, the site, the scenes, the engine, in this order."""
    from checker.cli.context import Context
    from checker.jupyter import server as jupyter
    from checker.site import server

    context = Context(args)
    # First: what a notebook's cell is at would use the labs.
    said = ["JupyterLab is ended."] if jupyter.stop(context.places) else []
    said.append(
        "The course site is ended." if server.stop(context.places) else "The course site was not running."
    )
    if args.all or args.engine:
        said += [line for lab in context.catalogue if (line := _stop(context, lab))]
    if args.engine:
        from checker.engine.ensure import engine_stop

        ended = engine_stop(context.places.state)
        said.append("The engine is ended." if ended else "The engine was not started by `lab` and goes on.")
    print("\n".join(said))
    return 0


def _stop(context: Context, lab: Lab) -> str:
    """Stop a lab and return what there is to say; another person's lab is left alone."""
    from checker.scene.holder import HeldError

    try:
        return f"Lab {lab.number} is stopped." if context.scene(lab).stop() else ""
    except HeldError as error:
        return f"{error.what} It is left alone."
