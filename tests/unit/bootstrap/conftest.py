"""A checkout for the bootstrap's tests: `lab` and small locks in a folder of its own, with a stand-in for pip."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.bootstrap import pip, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.bootstrap.say import Steps

LAB = Path(__file__).parents[3] / "lab"


def load(file: Path) -> Any:
    """Import `lab`, which has no suffix, from a checkout."""
    loader = importlib.machinery.SourceFileLoader("lab_under_test", str(file))
    spec = importlib.util.spec_from_loader("lab_under_test", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@dataclass
class Checkout:
    """A checkout, what was installed in it, and how to ask for more."""

    root: Path
    installed: list[str] = field(default_factory=list)
    fault: BaseException | None = None
    """What pip's stand-in raises next time."""

    @property
    def venv(self) -> Path:
        """The environment's usual place."""
        return self.root / ".venv"

    @property
    def lab(self) -> Any:
        """The module `lab` of this checkout, as a new process would see it."""
        return load(self.root / "lab")

    def prepare(self, *arguments: str) -> str | int:
        """Make the environment ready as `lab ARGUMENTS` would."""
        lab = self.lab
        layout = prepare.Layout(lab.ROOT, lab.venvs(), lab.python_of, lab.stamp_of, lab.glance)
        return prepare.prepare(layout, lab.locks_for(arguments), arguments)

    def is_ready(self, *locks: str) -> bool:
        """Whether `lab` would start the command at once."""
        lab = self.lab
        return any(lab.is_ready(venv, locks or ("run.txt",)) for venv in lab.venvs())

    def install(self, _pip: Sequence[str], lock: Path, _steps: Steps, *, inherit: int) -> None:
        """Install by noting it, unless the test has a fault in store."""
        assert inherit > 2
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.installed.append(lock.name)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Give a fresh checkout in a folder with spaces and letters of other tongues."""
    return make_checkout(tmp_path / "my cöurse ✓", monkeypatch)


def make_checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Lay out a checkout, and put a stand-in for pip."""
    (root / "requirements").mkdir(parents=True)
    shutil.copy(LAB, root / "lab")
    for name in ("run.txt", "notebook.txt", "class.txt", "test.txt", "mutants.txt"):
        (root / "requirements" / name).write_text(f"# {name}\n")
    made = Checkout(root)
    monkeypatch.delenv("DRYDOCK_STATE", raising=False)
    monkeypatch.setattr(pip, "find", lambda _python: ["pip"])
    monkeypatch.setattr(pip, "install", made.install)
    return made


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return what was written to stderr since the last time."""
    return lambda: capsys.readouterr().err
