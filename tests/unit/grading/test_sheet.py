"""Sheets as learners leave them: whole, broken, with lines gone, and with other kinds of values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from checker.grading.sheet import Sheet, read
from checker.grading.verdicts import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.results import Failure


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., Sheet]:
    """Return what reads a sheet with this text."""

    def make(text: str | bytes | None) -> Sheet:
        file = tmp_path / "figures.toml"
        if text is not None:
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(
            file, 4, rule="a number stands alone.", like="`memory_mib = 34.5`", hint="Units are in the name."
        )

    return make


def told(action: Callable[[], object]) -> Failure:
    """Return what a learner reads of a check that fails."""
    with pytest.raises(CheckFailed) as caught:
        action()
    return caught.value.failure


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("34.5", 34.5),
        ("34", 34.0),
        ("0", 0.0),
        ("1_000", 1000.0),
        ('"34.5"', 34.5),
        ("' 34,5 '", 34.5),
        ("-1", -1.0),
    ],
)
def test_a_number_is_read_however_it_is_written(
    sheet: Callable[..., Sheet], written: str, value: float
) -> None:
    assert sheet(f"[vm]\nmemory_mib = {written} # MiB\n").number("vm", "memory_mib") == value


@pytest.mark.parametrize(
    "written", ['"34.5 MiB"', '""', "true", "nan", "inf", '"inf"', "[34.5]", "2026-11-25"]
)
def test_what_is_no_number_is_told_with_what_stands_there(sheet: Callable[..., Sheet], written: str) -> None:
    failure = told(lambda: sheet(f"[vm]\nmemory_mib = {written}\n").number("vm", "memory_mib"))
    assert failure.rationale == "`memory_mib` under `[vm]` in figures.toml is not a number."
    assert failure.seen.startswith("memory_mib = ")
    assert (failure.expected, failure.source) == ("only a number, such as 12.5", "cat figures.toml")
    assert failure.hint


def test_a_text_is_read_without_the_space_around_it(sheet: Callable[..., Sheet]) -> None:
    made = sheet("\ufeff[ledger]\r\nbox = ' vm '\r\nsaid = \"\"\r\n")
    assert (made.text("ledger", "box"), made.text("ledger", "said")) == ("vm", "")


@pytest.mark.parametrize("written", ["5", "true", "['vm']"])
def test_what_is_no_text_is_told_with_what_stands_there(sheet: Callable[..., Sheet], written: str) -> None:
    failure = told(lambda: sheet(f"[ledger]\nbox = {written}\n").text("ledger", "box"))
    assert failure.rationale == "`box` under `[ledger]` in figures.toml is not a text."
    assert failure.seen == f"box = {written.replace('true', 'True')}"
    assert "quotes" in failure.expected


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "no table"),
        ("memory_mib = 3\n", "no table"),
        ("vm = 3\n[shelf]\n", "the tables [shelf]"),
        ("[container]\n[shelf]\n", "the tables [container], [shelf]"),
        ("[vm]\n", "under [vm]: nothing"),
        ("[vm]\ndisk_mb = 1\nmemory = 2\n", "under [vm]: disk_mb, memory"),
    ],
)
def test_a_line_that_is_gone_is_told_with_what_is_there(
    sheet: Callable[..., Sheet], text: str, seen: str
) -> None:
    for read_it in (sheet(text).number, sheet(text).text):
        failure = told(lambda read_it=read_it: read_it("vm", "memory_mib"))  # type: ignore[misc]
        assert failure.rationale == "figures.toml has no `memory_mib` under `[vm]`."
        assert failure.seen == seen
        assert "`memory_mib = …`" in failure.expected
        assert "lab reset 4" in failure.hint


def test_a_broken_file_is_told_with_its_line_and_the_rule(sheet: Callable[..., Sheet]) -> None:
    failure = told(lambda: sheet("[vm]\nmemory_mib = 34.5 MiB\n"))
    assert failure.rationale == "figures.toml is not valid TOML: a number stands alone."
    assert "line 2" in failure.seen
    assert failure.expected == "`memory_mib = 34.5`"
    assert failure.hint == "The message names the line. Units are in the name."


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ("memory_mib = “34.5”", "typographic quote", "Type the line again"),
        ("memory_mib = 34.5\u00a0", "write it with the space bar", "Type the line again"),
        ("said = 'it is Debian's'", "contains ', which is also the quote around it", 'Put a " before'),
        ('said = "not "found""', 'contains ", which is also the quote around it', "Put a ' before"),
        ("said = 'it is' not", "a number stands alone.", "Units are in the name."),
        ("# “remark”\nmemory_mib = 34.5 MiB # as it's “shown”", "a number stands alone.", "Units"),
        ("memory_mib = 34,5", "a number has no comma", "Type the number"),
        ("memory_mib = 1,234.5 # MiB", "a number has no comma", "Type the number"),
        ("memory_mib = 34,5 MiB", "a number stands alone.", "Units are in the name."),
        ("memory_mib = .6", "a number begins with a digit", "Type the number"),
        ("memory_mib = 12.", "has a digit behind it", "Type the number"),
        ("memory_mib = 00.512 # s", "does not begin with 0", "Type the number"),
        ("memory_mib = 0m0.512s", "a number stands alone.", "Units are in the name."),
        ("[vm]", "says the same thing twice", "remove the other"),
        ("disk_mb = 1\ndisk_mb = 2", "says the same thing twice", "remove the other"),
    ],
)
def test_a_broken_line_is_shown_with_what_is_wrong_with_it(
    sheet: Callable[..., Sheet], line: str, words: str, hint: str
) -> None:
    failure = told(lambda: sheet(f"[vm]\r\n{line}\r\n"))
    assert words in failure.rationale
    assert hint in failure.hint
    assert failure.evidence == line.rpartition("\n")[2].strip()


def test_a_file_in_the_form_that_windows_calls_unicode_is_read(sheet: Callable[..., Sheet]) -> None:
    assert sheet("[vm]\r\nmemory_mib = 34.5\r\n".encode("utf-16")).number("vm", "memory_mib") == 34.5


def test_a_file_that_is_gone_is_told_with_what_is_in_the_folder(
    sheet: Callable[..., Sheet], tmp_path: Path
) -> None:
    assert told(lambda: sheet(None)).seen == "an empty folder"
    (tmp_path / "figures.tml").touch()
    failure = told(lambda: sheet(None))
    assert (failure.seen, failure.source) == ("figures.tml", "ls")
    assert "lab reset 4" in failure.hint


def as_a_folder(path: Path) -> None:
    path.mkdir()


def as_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_a_file_of_2_gb(path: Path) -> None:
    path.touch()
    os.truncate(path, 2_000_000_000)


def as_a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("occupy", "said"),
    [
        (as_a_folder, "a folder, a pipe or a device"),
        (as_a_pipe, "a folder, a pipe or a device"),
        (as_a_file_of_2_gb, "has 2000000000 bytes"),
        (as_a_link_to_itself, "symbolic links"),
    ],
)
def test_what_is_no_sheet_is_told_and_not_read(
    sheet: Callable[..., Sheet], tmp_path: Path, occupy: Callable[[Path], None], said: str
) -> None:
    occupy(tmp_path / "figures.toml")
    failure = told(lambda: sheet(None))
    assert failure.rationale == "figures.toml cannot be read."
    assert said in failure.seen


def test_a_file_that_is_no_text_is_told(sheet: Callable[..., Sheet]) -> None:
    assert told(lambda: sheet(b"[\xe4]")).rationale == "figures.toml cannot be read."


def test_what_stands_there_is_shown(sheet: Callable[..., Sheet]) -> None:
    made = sheet("[vm]\nmemory_mib = 34.5\n")
    assert made.shown("vm", "memory_mib") == "memory_mib = 34.5"
    assert made.shown("vm", "disk_mb") == "no disk_mb under [vm]"
    assert made.shown("shelf", "vms") == "no [shelf]"
