"""The checks of labs as modules, whose folders have names that Python cannot import."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

LABS = Path(__file__).resolve().parents[3] / "labs"


@pytest.fixture(scope="session")
def checks() -> Callable[[str, str], ModuleType]:
    """Give a function that returns a module of a lab's checks: `checks("11-nomad", "trial")`."""

    def load(slug: str, module: str) -> ModuleType:
        package = f"checks_of_{slug.replace('-', '_')}"
        if package not in sys.modules:
            folder = LABS / slug / "checks"
            spec = importlib.util.spec_from_file_location(
                package, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
            assert spec is not None
            assert spec.loader is not None
            made = importlib.util.module_from_spec(spec)
            sys.modules[package] = made
            spec.loader.exec_module(made)
        return importlib.import_module(f"{package}.{module}")

    return load
