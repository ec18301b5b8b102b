"""What the label service answers, worked out from Ada's own files and not from anybody's running copy."""

from __future__ import annotations

import csv
import hashlib
import hmac
import importlib
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from checker.grading.author import Reasons

if TYPE_CHECKING:
    from collections.abc import Callable

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

IMAGE = "labels:1.0"
"""The image that the task asks for."""

BASE = "drydock/python:1.0"
"""The runtime that the lab gives to build on."""

PORT = 8080
"""Where the service listens inside its container, and where the second machine publishes it."""

FOLDER = Path(__file__).resolve().parent.parent / "start" / "labels"
"""Ada's folder as the learner got it."""

WHEEL = FOLDER / "vendor" / "parcelcode-1.2.0-py3-none-any.whl"
"""The library that the service needs."""

ADAS_ENVIRONMENT = (FOLDER / ".venv" / "pyvenv.cfg").read_bytes()
"""The settings of Ada's virtual environment, by which it is known under any name."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One line of parcels.csv."""

    number: str
    name: str
    street: str
    town: str
    postage: str

    @property
    def money(self) -> str:
        """The postage as a German reader writes it, such as `1.234,50 €`."""
        whole, _, cents = f"{float(self.postage):,.2f}".partition(".")
        return f"{whole.replace(',', '.')},{cents} €"


@cache
def parcels() -> dict[str, Parcel]:
    """Return Ada's parcels by their number."""
    with (FOLDER / "parcels.csv").open(encoding="utf-8") as file:
        return {row["number"]: Parcel(**row) for row in csv.DictReader(file)}


@cache
def adas_key() -> str:
    """Return the key in Ada's `.env`."""
    return (FOLDER / ".env").read_text(encoding="utf-8").strip().partition("=")[2]


@cache
def _bars() -> Callable[[str], str]:
    sys.path.insert(0, str(WHEEL))
    try:
        found: Callable[[str], str] = importlib.import_module("parcelcode").bars
    finally:
        sys.path.remove(str(WHEEL))
        sys.modules.pop("parcelcode", None)
    return found


def seal(number: str, key: str) -> str:
    """Return the seal that this key makes for a parcel number."""
    return hmac.new(key.encode(), number.encode(), hashlib.sha256).hexdigest()[:12]


def label(number: str, key: str) -> list[str]:
    """Return the lines of the label that Ada's machine would print for a parcel with this key."""
    parcel = parcels()[number]
    return [
        f"PARCEL {number}",
        parcel.name,
        parcel.street,
        parcel.town,
        f"Postage {parcel.money}",
        _bars()(number),
        f"Seal {seal(number, key)}",
    ]
