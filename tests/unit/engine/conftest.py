"""The machine that these tests run on: any system."""

from tests.unit.machines import machine

__all__ = ["machine"]
