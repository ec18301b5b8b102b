"""The packages of notebooks, imported when they are first needed, or the reason why they are not there."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from checker.errors import LabError


def importing(name: str) -> Any:
    """Return a package that only notebooks need.

    Args:
        name: such as `pandas`.

    Raises:
        LabError: it is not installed in the Python that runs this.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise LabError(
            f"The package {name} is not installed in {sys.executable}.",
            remedy="Open the notebook by `lab notebook`, or choose the kernel “Drydock”, which has it.",
        ) from error
