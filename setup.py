"""Put the course (labs, images, pages) into the package, so that an installed `lab` brings what it teaches.

Everything else about the package is in pyproject.toml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COURSE = ("labs", "images", "docs", "notebooks", "mkdocs.yml")
"""What checker.course.places looks for in checker/_course when there is no checkout around."""
GENERATED = shutil.ignore_patterns("__pycache__", "*.pyc", ".ipynb_checkpoints")


class BuildWithCourse(build_py):
    """Build the package, with the course inside unless the checkout itself is used (an editable install)."""

    def run(self) -> None:
        """Copy the course beside the modules."""
        super().run()
        if self.editable_mode:
            return
        root = Path(__file__).parent
        target = Path(self.build_lib, "checker", "_course")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in COURSE:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=GENERATED, symlinks=True)
            elif source.is_file():
                shutil.copy2(source, target / name)


setup(cmdclass={"build_py": BuildWithCourse})
