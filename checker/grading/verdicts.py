"""How a check reports its verdict: `fail`, `require`, `could_not_run`; and the marks that order and limit checks."""

from __future__ import annotations

import string
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from checker.results import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECK_SECONDS = 10.0
"""How long one check may take unless `@timeout` says otherwise."""

MARKS = "__drydock__"
"""The attribute of a check function that has its marks."""

_F = TypeVar("_F", bound="Callable[..., object]")


class CheckFailed(AssertionError):  # noqa: N818 - a verdict, not an error
    """A check's verdict against the answer, with everything that the learner reads."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.rationale)
        self.failure = failure


class NotJudged(Exception):  # noqa: N818 - a verdict, not an error
    """Everything that a check can try in this place was right; the message says what this does not prove."""


class Waits(Exception):  # noqa: N818 - a verdict, not an error
    """Nobody asked for this verdict, and the check would disturb the lab from here on; the message says how."""


class CouldNotRun(Exception):  # noqa: N818 - a verdict, not an error
    """A check cannot judge the answer; this never counts against the learner."""


def fail(
    rationale: str, *, hint: str, expected: str = "", seen: str = "", source: str = "", evidence: str = ""
) -> NoReturn:
    """End the check: the answer is wrong.

    Args:
        rationale: what is wrong and why it matters, from what was observed.
        hint: where to look next; never the solution.
        expected: what a right answer shows.
        seen: what this answer showed.
        source: the command or address that shows it.
        evidence: the line that this command printed.
    """
    raise CheckFailed(
        Failure(
            rationale=rationale,
            hint=hint,
            expected=expected,
            seen=seen,
            source=source,
            evidence=evidence.rstrip("\n"),
            reason=_where(),
        )
    )


def _where() -> str:
    """Return the line of code that gave the verdict, in the check or in what it calls: a check has many ways to fail."""
    frame = sys._getframe()  # noqa: SLF001 - the cheapest way to a line number
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno}"


def require(
    condition: object,
    rationale: str,
    *,
    hint: str,
    expected: str = "",
    seen: str = "",
    source: str = "",
    evidence: str = "",
) -> None:
    """Call `fail` unless the condition is true."""
    if not condition:
        fail(rationale, hint=hint, expected=expected, seen=seen, source=source, evidence=evidence)


class _Texts(string.Formatter):
    """Fills in what stands for the names in braces."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """Write a list with "and" between its parts; of two words with `|` between them, the one for this number."""
        several = isinstance(value, list)
        if "|" in format_spec:
            one, more = format_spec.split("|")
            return one if (len(value) if several else value) == 1 else more
        return " and ".join(map(str, value)) if several else format(value, format_spec)


_TEXTS = _Texts()


class Reasons:
    """The reasons for which a lab's checks fail, in a file of their own: what learners read, apart from what is tested.

    Each is a table with a `rationale`, a `hint`, and mostly `expected` and `source`, as `fail` has them. A table inside
    another, such as `[ended.killed]`, is a reason too: it has the texts of the outer one, except for those of its own.

    A name in braces stands for what the check gives under this name, and `{copy.name}` for an attribute of it; a list is
    written with "and" between its parts. Of two words behind a colon, as in `{copies:runs|run}`, the first is for the
    number one and for a list of one, the second for others.

    Args:
        file: the TOML file.
    """

    def __init__(self, file: Path) -> None:
        self.texts = dict(_reasons("", tomllib.loads(file.read_text(encoding="utf-8")), {}))
        """The texts of each reason, by its name."""

    def fail(self, name: str, /, *, seen: str = "", evidence: str = "", **words: object) -> NoReturn:
        """End the check for the reason of this name.

        Args:
            name: the reason's name.
            seen: what this answer showed.
            evidence: the line that the source printed.
            words: what stands for the names in braces.
        """
        texts = {key: _TEXTS.vformat(text, (), words) for key, text in self.texts[name].items()}
        raise CheckFailed(Failure(**texts, seen=seen, evidence=evidence.rstrip("\n"), reason=name))

    def require(
        self, condition: object, name: str, /, *, seen: str = "", evidence: str = "", **words: object
    ) -> None:
        """Call `fail` unless the condition is true."""
        if not condition:
            self.fail(name, seen=seen, evidence=evidence, **words)


def _reasons(
    outer: str, table: dict[str, Any], given: dict[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the texts of each reason in a table; what has no hint is only what the tables in it share."""
    texts = given | {key: text for key, text in table.items() if isinstance(text, str)}
    if "hint" in texts:
        yield outer, texts
    for name, inner in table.items():
        if isinstance(inner, dict):
            yield from _reasons(f"{outer}.{name}".lstrip("."), inner, texts)


def could_not_run(reason: str) -> NoReturn:
    """End the check without a verdict: the machine or the course is at fault, not the answer."""
    raise CouldNotRun(reason)


def not_judged(reason: str) -> NoReturn:
    """End the check without a pass: everything that can be tried in this place was right; say what is not proven."""
    raise NotJudged(reason)


def _mark(function: _F, **marks: Any) -> _F:
    setattr(function, MARKS, {**getattr(function, MARKS, {}), **marks})
    return function


def needs(*checks: str) -> Callable[[_F], _F]:
    """Run this check only if the named checks have passed; otherwise it is reported as not run."""
    return lambda function: _mark(function, needs=checks)


def guard(function: _F) -> _F:
    """Mark a check that protects what the task does not change; it fails as "this must not be changed"."""
    return _mark(function, guard=True)


def timeout(seconds: float) -> Callable[[_F], _F]:
    """Give a check this many seconds instead of ten."""
    return lambda function: _mark(function, seconds=seconds)
