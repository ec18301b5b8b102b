"""The reference page about the command, generated from its parser."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from checker.site.markdown import front, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_EVERYWHERE = "everywhere"
"""The title of the option group that every verb has; the page lists it once."""


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to walk a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found: Mapping[str, argparse.ArgumentParser] = action.choices
            return found
    return {}


def _common(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    for group in parser._action_groups:  # noqa: SLF001
        if group.title == _EVERYWHERE:
            return list(group._group_actions)  # noqa: SLF001
    return []


def _word(action: argparse.Action) -> str:
    """Return an option or argument as the user types it, in code style."""
    value = ""
    if action.nargs != 0:
        choices = "|".join(map(str, action.choices)) if action.choices else ""
        name = action.metavar if isinstance(action.metavar, str) else choices or action.dest.upper()
        value = f"{name} …" if action.nargs in {"*", "+"} else name
    if not action.option_strings:
        return f"`{value}`"
    flags = ", ".join(f"`{flag}`" for flag in sorted(action.option_strings, key=len, reverse=True))
    return f"{flags} `{value}`" if value else flags


def _rows(prog: str, actions: Iterable[argparse.Action]) -> list[tuple[str, str]]:
    formatter = argparse.HelpFormatter(prog)
    return [
        (_word(action), sentence(_coded(formatter._expand_help(action))) if action.help else "")  # noqa: SLF001
        for action in actions
        if action.help != argparse.SUPPRESS
        and not isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))  # noqa: SLF001
    ]


def _coded(text: str) -> str:
    """Write options in a docstring as code; what is code already stays as it is."""
    parts = text.strip().split("`")
    parts[::2] = [re.sub(r"(?<![\w-])--[a-z][a-z-]*\b", r"`\g<0>`", part) for part in parts[::2]]
    return "`".join(parts)


def _verb(name: str, parser: argparse.ArgumentParser) -> str:
    common = _common(parser)
    own = [action for action in parser._actions if action not in common]  # noqa: SLF001
    example = (parser.epilog or "").partition("\n")[2]
    example = "\n".join(line.strip() for line in example.splitlines() if line.strip())
    text = f"### lab {name} {{ #lab-{name} }}\n\n{_coded(parser.description or '')}\n"
    if rows := _rows(parser.prog, own):
        text += "\n" + table(("Argument or option", "Meaning"), rows)
    text += f"\n```sh\n{example}\n```\n"
    for word, nested in _subparsers(parser).items():
        nested_rows = _rows(nested.prog, [item for item in nested._actions if item not in common])  # noqa: SLF001
        text += f"\n**`lab {name} {word}`**"
        text += f": {sentence(_coded(nested.description or ''))}\n" if nested.description else "\n"
        if nested_rows:
            text += "\n" + table(("Argument or option", "Meaning"), nested_rows)
    return text


def cli_page(parser: argparse.ArgumentParser, groups: Mapping[str, Sequence[str]]) -> str:
    """Write the page about the command.

    Args:
        parser: the command's own parser, of all verbs.
        groups: the verbs by the title of their group in the help.
    """
    verbs = _subparsers(parser)
    first = next(iter(verbs.values()))
    text = front("The lab command", "Every verb and option of lab, generated from the command's parser.")
    text += (
        "\n```text\nlab VERB [LAB] [options]\n```\n\n"
        "In the checkout, the command is `./lab`, or `py lab` on Windows.\n"
        "Name a lab by its number (`3`), its slug (`03-isolation`), or the beginning of its name (`iso`).\n"
        "Results go to standard output, and progress goes to standard error. "
        "The [exit code](exit-codes.md) says whether the command succeeded.\n\n"
        "Every verb has these options:\n\n"
    )
    text += table(("Option", "Meaning"), _rows("lab", _common(first)))
    for title, names in groups.items():
        text += f"\n## {sentence(title)}\n"
        text += "".join(f"\n{_verb(name, verbs[name])}" for name in names if name in verbs)
    return text
