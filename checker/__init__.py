"""Drydock's command and checker: labs of real containers, judged by what they do."""

__version__ = "0.1.0"
