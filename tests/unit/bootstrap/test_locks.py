"""The locks: installed into one environment, they agree; each names what its .in file asks for, with hashes."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "requirements"
LOCKS = ("run.txt", "notebook.txt", "class.txt", "test.txt", "mutants.txt")
PYTHONS = ("3.11.2", "3.12.3", "3.13.1", "3.14.0")
SYSTEMS = (("linux", "posix", "Linux"), ("darwin", "posix", "Darwin"), ("win32", "nt", "Windows"))


def required(text: str) -> Iterator[Requirement]:
    """Yield what a requirements file asks for, comments and hashes left out."""
    for line in text.splitlines():
        words = line.partition("#")[0].removesuffix("\\").strip()
        if words and not words.startswith("-"):
            yield Requirement(words)


def pins(lock: str) -> list[Requirement]:
    return list(required((FOLDER / lock).read_text("utf-8")))


def version_of(requirement: Requirement) -> str:
    (only,) = requirement.specifier
    assert only.operator == "=="
    return only.version


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS, ids=[name for name, _, _ in SYSTEMS])
def test_no_package_has_two_versions_in_one_environment(python: str, system: tuple[str, str, str]) -> None:
    platform, os_name, title = system
    environment = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": platform,
        "os_name": os_name,
        "platform_system": title,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    found: dict[str, dict[str, list[str]]] = {}
    for lock in LOCKS:
        for pin in pins(lock):
            if pin.marker is None or pin.marker.evaluate(environment):
                found.setdefault(canonicalize_name(pin.name), {}).setdefault(version_of(pin), []).append(lock)
    assert len(found) > 100
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_for_each_pin_and_all_that_its_in_file_names(lock: str) -> None:
    text = (FOLDER / lock).read_text("utf-8")
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
    assert not [block.split()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block]
    versions: dict[str, list[Version]] = {}
    for pin in pins(lock):
        versions.setdefault(canonicalize_name(pin.name), []).append(Version(version_of(pin)))
    for wanted in required((FOLDER / lock).with_suffix(".in").read_text("utf-8")):
        locked = versions[canonicalize_name(wanted.name)]
        assert all(version in wanted.specifier for version in locked), f"{wanted} is locked as {locked}"


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(LOCKS, 2)))
def test_no_package_is_asked_for_twice(first: str, second: str) -> None:
    asked = [
        {
            canonicalize_name(each.name)
            for each in required((FOLDER / lock).with_suffix(".in").read_text("utf-8"))
        }
        for lock in (first, second)
    ]
    assert not asked[0] & asked[1]


def test_the_packages_extra_for_notebooks_asks_for_what_the_lock_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {str(each) for each in required((FOLDER / "notebook.in").read_text("utf-8"))}
    assert set(project["optional-dependencies"]["notebook"]) == wanted
