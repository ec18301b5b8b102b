"""The prose lint: forms that we do not write, and where texts that people read still use one."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = Path(__file__).with_name("forms.toml")

_FENCE = re.compile(r"^\s*(?:>\s*)*(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


@dataclass(frozen=True)
class Form:
    """A form that we do not write.

    Args:
        said: the word or phrase, as forms.toml has it.
        better: what to write in its place.
    """

    said: str
    better: str

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """The form as a whole word or phrase, over line ends too."""
        words = [r"\d+(?:[.,]\d+)*" if word == "NUMBER" else re.escape(word) for word in self.said.split()]
        # A comma may follow anything; a word must not be the end of a longer one.
        before = "" if self.said.startswith(",") else r"(?<![\w-])"
        if self.said[0].isdigit():
            before += "(?<!Version )"  # a name, as in "Version 1 answers"
        return re.compile(before + r"\s+".join(words) + r"(?![\w-])", re.IGNORECASE)

    @functools.cached_property
    def longest(self) -> str:
        """Its longest word, which a text with the form must contain."""
        return max(self.said.removeprefix(",").replace("NUMBER", "").split(), key=len).casefold()


@dataclass(frozen=True)
class Passage:
    """A text that people read: a page without its code, or one string of a program.

    Args:
        text: the text.
        line: the line of the file that it begins on, from 1.
        source: the lines of the file that it stands on.
    """

    text: str
    line: int
    source: tuple[str, ...]

    def line_of(self, match: re.Match[str]) -> int:
        """Return the line of the file that a match begins on."""
        counted = self.text.count("\n", 0, match.start())
        first = match[0].split()[0]
        # In a string that is written in pieces, line ends of the text are not those of the file.
        if counted < len(self.source) and first in self.source[counted]:
            return self.line + counted
        return self.line + next((at for at, line in enumerate(self.source) if match[0] in line), 0)


@dataclass(frozen=True)
class Finding:
    """A form that was found."""

    file: str
    line: int
    seen: str
    better: str

    def __str__(self) -> str:
        return f'{self.file}:{self.line}: "{self.seen}". Better: {self.better}'


def forms() -> list[Form]:
    """Return every form of forms.toml."""
    document = tomllib.loads(FORMS.read_text("utf-8"))
    return [Form(said, entry["better"]) for entry in document["form"] for said in entry["say"]]


def passages(name: str, text: str) -> Iterator[Passage]:
    """Return what people read of a file.

    Args:
        name: the file's name, whose ending says how it is read.
        text: what is in it.

    Raises:
        ValueError: nobody has said how files of this kind are read.
    """
    if name.endswith(".md"):
        yield from _markdown(text)
    elif name.endswith(".toml"):
        yield from _toml(text)
    elif name.endswith(".py") or text.startswith("#!/usr/bin/env python"):
        yield from _python(text)
    else:
        raise ValueError(name)


def findings(file: str, text: str, among: list[Form]) -> list[Finding]:
    """Return the forms that a file uses, by line."""
    found = []
    for passage in passages(file, text):
        words = _without_code(passage.text)
        plain = words.casefold()
        for form in among:
            # Most passages have no form at all: looking for its longest word is much faster than the pattern.
            if form.longest in plain:
                found += [
                    Finding(file, passage.line_of(match), " ".join(match[0].split()), form.better)
                    for match in form.pattern.finditer(words)
                ]
    return sorted(found, key=lambda each: (each.line, each.seen))


def _without_code(text: str) -> str:
    """Blank what stands between backticks: it is quoted from a program, which is read by itself."""
    return _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _markdown(text: str) -> Iterator[Passage]:
    lines = text.splitlines()
    kept = []
    fence = ""
    for line in lines:
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            kept.append(line)
            continue
        kept.append("")
    yield Passage("\n".join(kept), 1, tuple(lines))


def _python(text: str) -> Iterator[Passage]:
    lines = text.splitlines()

    def read(node: ast.AST) -> Iterator[Passage]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield passage(node, node.value)
        elif isinstance(node, ast.JoinedStr):
            # What is put in is blank; the words around it are one text.
            yield passage(
                node,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values),
            )
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from read(part.value)
        else:
            for child in ast.iter_child_nodes(node):
                yield from read(child)

    def passage(node: ast.expr, words: str) -> Passage:
        return Passage(words, node.lineno, tuple(lines[node.lineno - 1 : node.end_lineno]))

    yield from read(ast.parse(text))


def _toml(text: str) -> Iterator[Passage]:
    lines = text.splitlines()

    def read(value: Any) -> Iterator[Passage]:
        if isinstance(value, str):
            first = value.strip().splitlines()[0] if value.strip() else value
            at = next((number for number, line in enumerate(lines) if first in line), 0)
            yield Passage(value.lstrip("\n"), at + 1, tuple(lines[at : at + value.count("\n") + 1]))
        elif isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from read(each)

    yield from read(tomllib.loads(text))
