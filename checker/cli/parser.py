"""The parser of `lab`: its verbs, their options and examples. Only the verb that runs is imported in full."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from typing import TYPE_CHECKING, NoReturn

from checker.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

GROUPS: dict[str, tuple[str, ...]] = {
    "set up and shut down": ("up", "down", "doctor"),
    "learn": (
        "list",
        "open",
        "notebook",
        "start",
        "values",
        "shell",
        "env",
        "check",
        "watch",
        "timeline",
        "lose",
        "hint",
        "solve",
        "goto",
        "reset",
        "stop",
        "submit",
    ),
    "teach": ("class",),
    "write labs": ("new", "verify", "measure", "images", "test"),
    "more": ("completion", "version"),
}
"""The verbs, as `lab --help` lists them."""

_OLD_NAMES = {
    "done": "check",
    "grade": "check",
    "ps": "list",
    "ls": "list",
    "restart": "reset",
    "solution": "solve",
    "run": "start",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong, suggests similar words, and says where to find help."""

    verb = ""
    """The verb it was built for; empty if it was built for all."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with the code for misuse."""
        about = f"{self.prog} {self.verb}".strip()
        print(f"lab: {message}\n  -> help: {about} --help", file=sys.stderr)
        raise SystemExit(int(ExitCode.MISUSE))


def verbs() -> tuple[str, ...]:
    """Return every verb, in the order of the help."""
    return tuple(verb for group in GROUPS.values() for verb in group)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"checker.cli.verbs.{verb}")


def _add_verb(subparsers: argparse._SubParsersAction[_Parser], verb: str) -> None:
    module = _module(verb)
    sub = subparsers.add_parser(
        verb,
        help=module.SUMMARY,
        description=(module.__doc__ or module.SUMMARY).strip(),
        epilog=f"example:\n  {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(sub)
    module.add_arguments(sub)
    sub.set_defaults(run=module.run)


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("everywhere")
    group.add_argument("--yes", "-y", action="store_true", help="answer yes to every question")
    group.add_argument(
        "--json", action="store_true", help="print JSON instead of text, if the verb has results"
    )
    group.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    group.add_argument("--no-install", action="store_true", help="never install anything on this machine")


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Build the parser for all verbs, or for only one, which is faster."""
    parser = _Parser(
        prog="lab",
        description="Drydock: a course on containers and orchestration, with labs of real containers.",
        epilog=None if only else _overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="lab VERB [LAB] [options]",
    )
    subparsers = parser.add_subparsers(
        dest="verb", metavar="VERB", parser_class=_Parser, help=argparse.SUPPRESS, prog="lab"
    )
    parser.verb = only or ""
    for verb in [only] if only else verbs():
        _add_verb(subparsers, verb)
    return parser


def _overview() -> str:
    lines = []
    for title, names in GROUPS.items():
        lines.append(f"{title}:")
        lines += [f"  {verb:<11} {_module(verb).SUMMARY}" for verb in names]
        lines.append("")
    lines.append(
        "A lab is named by its number (3), its slug (03-isolation), or the beginning of its name (iso)."
    )
    lines.append("Help on one verb, with an example: lab check --help")
    return "\n".join(lines)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; without a verb, show the help.

    Raises:
        SystemExit: help was asked for, or the command line is wrong (code 2).
    """
    if not words or words[0] in {"-h", "--help", "help"}:
        # `lab help check` is `lab check --help`.
        if len(words) > 1 and words[1] in verbs():
            return build_parser(words[1]).parse_args([words[1], "--help"])
        build_parser().print_help()
        raise SystemExit(int(ExitCode.OK))
    if words[0] in {"--version", "-V"}:
        return build_parser("version").parse_args(["version", *words[1:]])
    if words[0] not in verbs():
        near = _OLD_NAMES.get(words[0]) or next(
            iter(difflib.get_close_matches(words[0], verbs(), 1, cutoff=0.5)), ""
        )
        meant = f" Did you mean `lab {near}`?" if near else ""
        print(f"lab: there is no verb `{words[0]}`.{meant}\n  -> all verbs: lab --help", file=sys.stderr)
        raise SystemExit(int(ExitCode.MISUSE))
    # The words after `--` belong to another program; argparse would take them for our own arguments.
    ours, theirs = _split(list(words))
    parser = build_parser(words[0])
    args = parser.parse_args(ours)
    if theirs and not hasattr(args, "beyond"):
        parser.error(f"`lab {words[0]}` does not run another program, so it takes no words after `--`")
    if theirs:
        args.beyond = theirs
    return args


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]
