"""Importing the notebook's API touches none of the large packages; they are imported when one is first needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from checker.errors import LabError
from checker.notebook import __all__ as names
from checker.notebook.needs import importing
from tests.conftest import ROOT

LARGE = ("pandas", "numpy", "matplotlib", "docker", "IPython", "pytest", "testinfra")


def test_importing_touches_no_large_package() -> None:
    code = (
        f"import sys, checker.notebook as api; [getattr(api, name) for name in {names!r}]; "
        f"print([name for name in {LARGE!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_a_package_that_is_missing_is_named_with_the_way_out() -> None:
    with pytest.raises(LabError, match="The package no_such_package is not installed in") as caught:
        importing("no_such_package")
    assert "lab notebook" in caught.value.remedy
