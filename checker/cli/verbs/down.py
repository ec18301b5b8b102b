"""Stop what is still running: the course site, JupyterLab and, with --all, every lab. Your files stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse

    from checker.cli.context import Context

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
    notebooks = jupyter.stop(context.places)
    site = server.stop(context.places)
    labs = _stop_labs(context) if args.all or args.engine else {}
    engine = None
    if args.engine:
        from checker.provision.ensure import engine_stop

        engine = engine_stop(context.places.state)
    if args.json:
        record = {"jupyter": notebooks, "site": site, "labs": labs, "engine": bool(engine)}
        print_json(record)
        return 0
    said = ["JupyterLab is stopped."] if notebooks else []
    said.append("The course site is stopped." if site else "The course site was not running.")
    said += labs.values()
    if engine is not None:
        said.append(
            "The engine is stopped."
            if engine
            else "The engine was not started by `lab`, so it keeps running."
        )
    print("\n".join(said))
    return 0


def _stop_labs(context: Context) -> dict[str, str]:
    """Stop every lab, and return a sentence about each that ran; leave another person's labs alone."""
    from checker.scene.holder import HeldError

    said = {}
    for lab in context.catalogue:
        try:
            if context.scene(lab).stop():
                said[lab.slug] = f"Lab {lab.number} is stopped."
        except HeldError as error:
            said[lab.slug] = f"{error.what} It was left alone."
    return said
