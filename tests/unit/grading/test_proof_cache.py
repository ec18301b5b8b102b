"""Passes that were dear are kept while what they are about is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.grading import proof_cache
from checker.grading.proof_cache import Remembered, digest_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    """Give a folder of checks."""
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "test_it.py").write_text("one")
    return folder


def test_a_pass_is_recalled_with_its_text(tmp_path: Path, checks: Path) -> None:
    Remembered(tmp_path / "kept", checks).remember("lost", "sha256:1", text="12.5")
    again = Remembered(tmp_path / "kept", checks)
    assert again.recall("lost", "sha256:1") == "12.5"
    assert again.recall("lost", "sha256:2") is None
    assert again.recall("lost") is None


def test_words_do_not_run_into_each_other(tmp_path: Path, checks: Path) -> None:
    kept = Remembered(tmp_path / "kept", checks)
    kept.remember("ab", "c")
    assert kept.recall("a", "bc") is None


def test_a_changed_check_forgets_everything(tmp_path: Path, checks: Path) -> None:
    Remembered(tmp_path / "kept", checks).remember("lost")
    (checks / "test_it.py").write_text("two")
    assert Remembered(tmp_path / "kept", checks).recall("lost") is None


@pytest.mark.parametrize(
    ("module", "forgotten"),
    [
        ("cluster/outcomes.py", True),
        ("timeline/model.py", True),
        ("timeline/__init__.py", True),
        ("scene/faults.py", True),
        ("grading/checks_run.py", True),
        ("engine/shell.py", True),
        ("render/style.py", False),
    ],
)
def test_a_change_of_what_decides_forgets_everything_and_of_what_draws_nothing(
    tmp_path: Path, checks: Path, module: str, *, forgotten: bool
) -> None:
    code = tmp_path / "checker"
    texts = {
        "cluster/outcomes.py": "from checker.timeline.model import Timeline\n",
        "timeline/model.py": "from checker.timeline import (\n    events,\n)\n",
        "timeline/events.py": "def read():\n    importlib.import_module('checker.scene.faults')\n",
        "timeline/__init__.py": "",
        "scene/faults.py": "",
        "grading/checks_run.py": "import checker.engine.shell\n",
        "engine/shell.py": "",
        "render/style.py": "",
    }
    for name, text in texts.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(text)
    (checks / "test_it.py").write_text(
        "from checker.cluster import model, outcomes\nfrom checker import timeline\n"
    )
    Remembered(tmp_path / "kept", checks, code).remember("lost")
    assert Remembered(tmp_path / "kept", checks, code).recall("lost") == ""
    with (code / module).open("a") as file:
        file.write("# changed\n")
    assert (Remembered(tmp_path / "kept", checks, code).recall("lost") is None) is forgotten


def test_the_proofs_of_every_lab_hold_while_this_checker_is_the_same() -> None:
    for folder in sorted((proof_cache.CODE.parent / "labs").glob("*/checks")):
        names = {
            file.relative_to(proof_cache.CODE).as_posix()
            for file in proof_cache.imported(proof_cache.CODE, sorted(folder.glob("*.py")))
        }
        assert {"grading/author.py", "grading/verdicts.py", "engine/shell.py"} <= names, folder
        assert not {name for name in names if name.startswith(("cli/", "site/", "authoring/"))}, folder


def test_only_so_many_are_kept(tmp_path: Path, checks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_cache, "KEPT", 3)
    kept = Remembered(tmp_path / "kept", checks)
    for number in range(6):
        kept.remember(str(number))
    assert len(list((tmp_path / "kept").iterdir())) == 3


def test_where_nothing_can_be_written_it_is_proven_anew(tmp_path: Path, checks: Path) -> None:
    (tmp_path / "kept").write_text("a file, where the folder should be")
    kept = Remembered(tmp_path / "kept", checks)
    kept.remember("lost")
    assert kept.recall("lost") is None


def test_a_folder_is_another_when_a_name_a_permission_or_a_byte_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    seen = [digest_of(tmp_path)]
    (tmp_path / "a").write_text("y")
    seen.append(digest_of(tmp_path))
    (tmp_path / "a").chmod(0o700)
    seen.append(digest_of(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    seen.append(digest_of(tmp_path))
    assert len(set(seen)) == 4


def test_a_folder_that_a_service_writes_to_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "script").write_text("x")
    before = digest_of(tmp_path, [tmp_path / "store"])
    (tmp_path / "store" / "parcels").write_text("one")
    assert digest_of(tmp_path, [tmp_path / "store"]) == before
    assert digest_of(tmp_path) != before


def test_a_file_that_goes_while_a_folder_is_read_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tmp_path), "rglob", lambda *_: iter([tmp_path / "gone"]))
    assert digest_of(tmp_path)
