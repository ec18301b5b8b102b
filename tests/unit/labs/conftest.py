"""A lab's check modules, imported as a package, for what of them can be tried without an engine.

The labs' folders have names that Python cannot import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def module(lab: str, name: str) -> ModuleType:
    """Import one module of a lab's checks: the lab by its number, the module by its name."""
    package = f"checks_of_lab_{lab}"
    if package not in sys.modules:
        folder = next((ROOT / "labs").glob(f"{lab}-*")) / "checks"
        spec = importlib.util.spec_from_file_location(
            package, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[package] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[package])
    return importlib.import_module(f"{package}.{name}")


@pytest.fixture(scope="session")
def checks() -> Callable[[str, str], ModuleType]:
    """Give a function that returns a module of a lab's checks: `checks("11-nomad", "trial")`."""
    return lambda slug, name: module(slug[:2], name)
