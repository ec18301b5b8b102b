"""The reference pages tell what the code does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker import results
from checker.cli.parser import verbs
from checker.errors import ExitCode
from checker.site import reference

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference"


def test_the_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "reference")
    stale = [page.name for page in reference.write(tmp_path / "reference")]
    assert not stale, f"{', '.join(stale)}: regenerate with `python -m checker.site.reference`"


def test_every_verb_has_a_section_with_an_example() -> None:
    page = (REFERENCE / "cli.md").read_text("utf-8")
    for verb in verbs():
        section = page.partition(f"{{ #lab-{verb} }}")[2].partition("\n### ")[0]
        assert "```sh\n" in section, f"lab {verb} has no section with an example"


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_told(code: ExitCode) -> None:
    assert f"| {int(code)} | {code.name} |" in (REFERENCE / "exit-codes.md").read_text("utf-8")


def told(names: Iterable[str]) -> list[str]:
    page = (REFERENCE / "report.md").read_text("utf-8")
    return [name for name in names if f"| `{name}` |" not in page]


@pytest.mark.parametrize("struct", [results.Report, results.CheckResult, results.Failure])
def test_every_field_of_a_report_is_told(struct: type[msgspec.Struct]) -> None:
    assert not told(struct.__struct_fields__)


def test_every_status_is_told() -> None:
    assert not told(status.value for status in results.Status)


def test_every_variable_that_the_code_reads_is_told() -> None:
    # What a scene's Compose file and the toolbox are given is theirs; nobody sets it by hand.
    inside = {"SHELL", "SOCKET", "WORK_INSIDE", "USER", "GROUP", "HOME", "ENGINE", "DOCKER"}
    inside |= {"ELSEWHERE", "NAMESPACE", "ANY_PORT", "GIVEN", "HOLDER", "PROOF"}
    code = "".join(path.read_text("utf-8") for path in sorted((ROOT / "checker").rglob("*.py")))
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    read = set(re.findall(r"\"DRYDOCK_([A-Z_]+)\"", code)) | set(re.findall(r"\{DRYDOCK_([A-Z_]+)", compose))
    page = (REFERENCE / "environment.md").read_text("utf-8")
    assert "STATE" in read
    assert not [name for name in sorted(read - inside) if f"`DRYDOCK_{name}`" not in page]


def test_the_example_of_a_report_is_one() -> None:
    page = (REFERENCE / "report.md").read_text("utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]
    report = msgspec.json.decode(example, type=results.Report)
    assert report.exit_code is ExitCode.CHECK_FAILED
