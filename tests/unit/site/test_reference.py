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
from checker.site import api_page, cli_page, house_page, reference

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference"


def test_the_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "reference")
    shutil.copytree(ROOT / "docs/design", tmp_path / "design")
    stale = [page.name for page in reference.write(tmp_path)]
    assert not stale, f"{', '.join(stale)}: regenerate with `python -m checker.site.reference`"


CONTRACT = """
[[tool.importlinter.contracts]]
id = "layers"
layers = ["cli", "site | doctor", "errors"]
ignore_imports = [
  # As a program it stands above.
  # It is run by hand.
  "checker.site.reference -> checker.cli.parser",
]
"""


def test_the_page_about_the_house_shows_the_contract(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONTRACT)
    for name in ("cli/__init__", "site/__init__", "doctor/__init__", "errors"):
        file = tmp_path / f"checker/{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'"""About {name.partition("/")[0]}.\n\nMore.\n"""\n')
    page = house_page.house_page(
        tmp_path, f"# Above\n{house_page.BEGIN}| an old row |\n{house_page.END}Below.\n"
    )
    assert page.startswith("# Above\n")
    assert page.endswith("Below.\n")
    assert "old" not in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `checker.cli` | About cli |",
        "| `checker.doctor`<br>`checker.site` | About doctor<br>About site |",
        "| `checker.errors` | About errors |",
    ]
    assert (
        "- `checker.site.reference` imports `checker.cli.parser`. As a program it stands above. It is run by hand.\n"
        in page
    )


def test_an_import_that_goes_up_needs_a_reason() -> None:
    with pytest.raises(
        ValueError, match=r"says why checker\.site\.reference -> checker\.cli\.parser is exempt"
    ):
        house_page.contract_of(re.sub(r" *# .*\n", "", CONTRACT))


def test_an_option_within_code_is_not_marked_as_code_again() -> None:
    said = cli_page._coded("Type `lab class plan 1 --learners 30`, or --json.")
    assert said == "Type `lab class plan 1 --learners 30`, or `--json`."


def test_a_function_on_a_page_is_called_as_its_signature_says() -> None:
    def listed(a: int, *words: str, seconds: float) -> None: ...
    def named(a: int, *, b: int = 1, **more: int) -> None: ...

    assert api_page._signature("run", listed) == "run(a, *words, seconds)"
    assert api_page._signature("run", named) == "run(a, *, b=1, **more)"


def test_every_argument_and_option_of_the_command_has_a_meaning() -> None:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    rows = re.findall(r"^\| `.*\|.*$", text, flags=re.MULTILINE)
    assert len(rows) > 50
    assert not [row for row in rows if re.search(r"\|\s*\|$", row)]


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
