"""The part of the page about the house that shows which package may import which, written from the contract."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = "<!-- Written by `python -m checker.site.reference` from the contract in pyproject.toml. -->\n"
END = "<!-- The written part ends here. -->\n"

_EXCEPTION = re.compile(r'((?:^ *# .*\n)+) *"(checker[\w.]*) -> (checker[\w.]*)"', re.MULTILINE)


@dataclass(frozen=True)
class Exemption:
    """An import that goes up as an exception: from `importer` to `imported`, and why."""

    importer: str
    imported: str
    reason: str


@dataclass(frozen=True)
class Contract:
    """Which package may import which: `layers` from top to bottom, each of packages that do not import each other."""

    layers: tuple[tuple[str, ...], ...]
    exemptions: tuple[Exemption, ...]


def contract_of(text: str) -> Contract:
    """Return the contract about layers in the text of pyproject.toml.

    Raises:
        ValueError: an import is exempt without a comment that says why.
    """
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    found = next(each for each in contracts if each["id"] == "layers")
    explained = {
        f"{importer} -> {imported}": Exemption(importer, imported, " ".join(re.findall(r"# (.*)", comment)))
        for comment, importer, imported in _EXCEPTION.findall(text)
    }
    exempt = found.get("ignore_imports", [])
    if bare := [each for each in exempt if each not in explained]:
        raise ValueError(f"no comment above it says why {bare[0]} is exempt")
    layers = tuple(tuple(sorted(line.split(" | "))) for line in found["layers"])
    return Contract(layers, tuple(explained[each] for each in exempt))


def house_page(root: Path, page: str) -> str:
    """Return a page with the part between its two marks written from the contract and from what packages say of themselves.

    Args:
        root: the checkout.
        page: the text of the page.
    """
    contract = contract_of((root / "pyproject.toml").read_text("utf-8"))
    lines = [
        "",
        "A package may import the packages in the rows below its own. Packages in one row do not import each other.",
        "",
        "| Package | Owns |",
        "|---|---|",
    ]
    for layer in contract.layers:
        names = "<br>".join(f"`checker.{name}`" for name in layer)
        owns = "<br>".join(_owns(root / "checker", name) for name in layer)
        lines.append(f"| {names} | {owns} |")
    lines += ["", "One import goes up:" if len(contract.exemptions) == 1 else "These imports go up:", ""]
    lines += [f"- `{each.importer}` imports `{each.imported}`. {each.reason}" for each in contract.exemptions]
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}".removesuffix("\n"), *lines, "", f"{END}{after}"])


def _owns(code: Path, name: str) -> str:
    """Return the first line of what a package or module says of itself, without its full stop."""
    file = code / name / "__init__.py"
    text = (file if file.is_file() else code / f"{name}.py").read_text("utf-8")
    said = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].removesuffix(".")
    return said.replace("|", "\\|")
