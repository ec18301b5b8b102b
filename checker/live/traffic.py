"""The record of a lab's traffic, counted in slices of time, as a page draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.live.service import Service


def record_of(service: Service, number: str) -> dict[str, Any]:
    """Return a lab's traffic as slices of time."""
    raise NotImplementedError
