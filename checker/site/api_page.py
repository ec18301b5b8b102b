"""The reference page about what a check can import, generated from docstrings."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

from checker.engine import clock
from checker.grading import (
    archives,
    author,
    door,
    forms,
    history,
    http,
    programs,
    reaching,
    rights,
    running,
    starting,
    verdicts,
    wanted,
)
from checker.site.markdown import first_line, front, table
from checker.timeline import model
from checker.timeline.record import Failure, Request
from checker.timeline.traffic import Traffic


def _doc(item: object) -> str:
    """Return a docstring as Markdown: its text, then its `Args:` and `Raises:` as a list."""
    text = inspect.getdoc(item) or ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() in {"Args:", "Raises:", "Returns:"}:
            lines += ["", f"*{line.strip().rstrip(':')}*", ""] if line.strip() != "Args:" else [""]
        elif match := re.match(r"    (\w+): (.*)", line):
            lines.append(f"- `{match[1]}`: {match[2]}")
        elif line.startswith("        "):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _signature(name: str, function: Any, *, typed: bool = False) -> str:
    """Return the signature of a function: names, defaults and, if wanted, types."""
    words = []
    starred = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        word = f"{_STARS.get(parameter.kind, '')}{parameter.name}"
        starred = starred or parameter.kind is inspect.Parameter.VAR_POSITIONAL
        if typed:
            word += f": {parameter.annotation}"
        if parameter.default is not inspect.Parameter.empty:
            word += f" = {parameter.default!r}" if typed else f"={parameter.default!r}"
        words.append(word)
    return f"{name}({', '.join(words)})"


def _class(title: str, intro: str, *classes: type) -> str:
    """Write a class's public attributes and methods as a table."""
    rows: dict[str, tuple[str, str]] = {}
    for owner in classes:
        for name, item in vars(owner).items():
            if name.startswith("_") or name in {"close", "send"} or name in rows:
                continue
            if isinstance(item, property):
                rows[name] = (f"`.{name}`", first_line(item.fget))
            elif isinstance(item, functools.cached_property):
                rows[name] = (f"`.{name}`", first_line(item.func))
            elif inspect.isfunction(item):
                rows[name] = (f"`.{_signature(name, item)}`", first_line(item))
    return f"\n## {title}\n\n{intro}\n\n" + table(("Name", "What it gives"), rows.values())


def check_api_page() -> str:
    """Write the page about what a check can import."""
    text = front("Check API", "The functions, fixtures and records for checks, generated from the code.")
    text += (
        "\n```python\nfrom checker.grading.author import Lab, Outside, fail, guard, needs, require, timeout\n```\n\n"
        "[Write a check](../howto/write-a-check.md) shows how to use these.\n"
        "This page describes what most checks need. Checks of cluster labs also import from `checker.cluster`, "
        "and some import from other packages of `checker`; look at the existing labs.\n"
    )
    return text + _verdicts() + _marks() + _fixtures() + _handles() + _timeline()


def _verdicts() -> str:
    text = "\n## Verdicts\n"
    for verdict in (verdicts.require, verdicts.fail, verdicts.could_not_run, verdicts.not_judged):
        text += f"\n### {verdict.__name__}\n\n```python\n{_signature(verdict.__name__, verdict, typed=True)}\n```\n\n{_doc(verdict)}\n"
    return text + _class("Reasons", _doc(verdicts.Reasons), verdicts.Reasons)


def _marks() -> str:
    marks = [
        (verdicts.needs, '@needs("other-check")'),
        (verdicts.guard, "@guard"),
        (verdicts.timeout, "@timeout(20)"),
    ]
    text = "\n## Marks\n\n" + table(
        ("Mark", "Meaning"), [(f"`{shown}`", first_line(mark)) for mark, shown in marks]
    )
    text += f"\nA check may take {verdicts.CHECK_SECONDS:g} seconds, unless `@timeout` says otherwise.\n"
    waiting = _signature("wait_until", author.wait_until, typed=True)
    return text + f"\n## Waiting\n\n```python\n{waiting}\n```\n\n{_doc(author.wait_until)}\n"


def _fixtures() -> str:
    return "\n## Fixtures\n\n" + table(
        ("Fixture", "Type", "What it gives"),
        [
            ("`lab`", "[Lab](#lab)", "the lab being judged, its containers and images"),
            ("`outside`", "[Outside](#outside-and-prober)", "requests from the learner's machine"),
            ("`prober`", "[Prober](#outside-and-prober)", "requests from inside the lab's network"),
            (
                "`timeline`",
                "[Traffic](#traffic)",
                "the record of the lab's traffic, and a place to leave marks",
            ),
            ("`engine`", "Engine", "the engine's API, for everything that the other fixtures do not offer"),
            (
                "`docker`",
                "docker.DockerClient",
                (
                    "the same engine through the [Docker SDK for Python](https://docker-py.readthedocs.io/); imported when a "
                    "check asks for it, and not installed without `pip install 'drydock-course[notebook]'`"
                ),
            ),
        ],
    )


def _handles() -> str:
    """Write the classes whose instances the fixtures give, and which their methods return."""
    text = _class("Lab", "`.number` is its two digits, `.work` the learner's work folder.", author.Lab)
    text += _class("Sheet", f"{first_line(author.Sheet)}\n`.file` is its name.", author.Sheet)
    text += _class("Script", f"{first_line(author.Script)}\n`.file` is its path.", author.Script)
    text += _class(
        "Run", f"{first_line(author.Run)}\n`.shown` is the command that does the same.", author.Run
    )
    text += _class(
        "Build",
        f"{first_line(author.Build)} `lab.build(…)` gives it.\n"
        "`.ok`, `.log`, `.image`, `.steps` and `.bases` describe it; each step has `.text`, `.cached` and `.output`.",
        author.Build,
    )
    text += _class("Container", first_line(author.Container), author.Container)
    text += _class("Inside", f"{first_line(author.Inside)} `lab.inside(…)` gives it.", author.Inside)
    text += _ladders() + _looks()
    text += _class(
        "Outside and Prober",
        "Both send requests in the same way: `outside` from the learner's machine to published ports, "
        "`prober` from a container on the lab's network.\nNeither raises an error, whatever the service does.",
        http.Client,
    )
    reply = "`.url`, `.status`, `.body`, `.headers`, `.ms` and `.error` describe the answer."
    return text + _class("Reply", f"{first_line(http.Reply)}\n{reply}", http.Reply)


def _ladders() -> str:
    text = (
        "\n## Wanted and Door\n\n"
        "`lab.require_container(wanted)` and `lab.require_reply(outside, container, door)` judge what most tasks begin with, "
        "and say what is in the way as what it is.\n"
    )
    for name, kind in (("Wanted", wanted.Wanted), ("Door", door.Door)):
        text += f"\n### {name}\n\n{_doc(kind)}\n"
    text += (
        '\nA lab may give a hint of its own for a reason: `hints={Reason.PAUSED: "…"}`.\n'
        "Without one, the hint is the general one.\n\n"
    )
    text += table(
        ("Reason", "Hint"), [(f"`Reason.{each.name}`", wanted.HINTS[each]) for each in wanted.Reason]
    )
    text += "\n"
    return text + table(
        ("Blocked", "Hint"), [(f"`Blocked.{each.name}`", door.HINTS[each]) for each in door.Blocked]
    )


def _looks() -> str:
    shown = (
        (programs.read_processes, "read_processes(container)"),
        (programs.runs, "runs(process, file)"),
        (forms.form_in, "form_in(content, secret)"),
        (archives.packed_files, "packed_files(content)"),
        (rights.extra_rights, "extra_rights(container)"),
        (rights.mounted_folders, "mounted_folders(container, folders)"),
        (reaching.insides, "insides(container, port)"),
        (reaching.listening, "listening(container)"),
        (history.past_events, "past_events(engine, name, since=…)"),
        (history.endings, "endings(events)"),
        (history.killed_by_kernel, "killed_by_kernel(container, events)"),
        (running.misplaced_option, "misplaced_option(error)"),
        (history.EventLog, "EventLog(engine, since, lab)"),
        (clock.moment, "moment(text)"),
        (starting.wait_for_service, "wait_for_service(container, answers)"),
        (running.last_lines, "last_lines(container, count)"),
    )
    return "\n## Closer looks\n\n" + table(
        ("Function", "What it gives"), [(f"`{call}`", first_line(function)) for function, call in shown]
    )


def _timeline() -> str:
    text = _class(
        "Traffic",
        "The record of requests of a lab with [traffic](timeline.md), while it grows.\n"
        "A moment is a mark, or seconds since 1970 by the sender's clock.",
        Traffic,
    )
    text += _class(
        "Timeline",
        f"{first_line(model.Timeline)}\n"
        "`.begin` and `.end` say which time it covers, `.requests`, `.marks` and `.gaps` are in order, "
        "`.to` is the address of the requests, `.first_good` is when the very first good answer was requested. "
        "`.downloads` are the requests that take seconds, in labs whose traffic has them; they are not in `.requests`.",
        model.Timeline,
    )
    text += _class(
        "Request",
        "One request: `.at`, `.ms`, `.status` (0 without an answer), `.failure` (None for a good answer), "
        "`.version`, `.instance`, `.connection` (`fresh` or `kept`), `.resent`.",
        Request,
    )
    text += "\n`Failure` is " + ", ".join(f"`{kind.name}` ({kind.words})" for kind in Failure) + ".\n"
    text += _class(
        "Rollout",
        "A change from one version to another: `.before`, `.after`, `.begin`, `.end`, `.first` (answer of the new), "
        "`.last` (answer of the old), `.completed`, `.withdrawn`, `.requests` from a little before to a little after, "
        "`.outage`, `.downloads` that were under way.",
        model.Rollout,
    )
    return text + (
        "\nAn outage has `.begin`, `.end`, `.seconds`, `.lost` and `.over`; "
        "a band has `.version`, `.begin`, `.end` and `.answers`; "
        "a mark `.at` and `.text`; a gap `.begin`, `.end`, `.seconds` and `.cause`.\n"
    )
