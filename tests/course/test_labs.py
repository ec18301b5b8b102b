"""Every lab, through every answer: fails as shipped, passes when right, and names what is wrong for its reason."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from checker.authoring.prove import Prover, images_for, scratch_scene
from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.client import find_client
from checker.images.supply import ensure, lacking
from checker.scene.scene import Scene
from checker.scene.work import folder_of
from tests.conftest import ROOT
from tests.turns import (
    EVERY_ANSWER,
    SHARD,
    SHARDS,
    SLOW_SECONDS,
    is_due,
    shard_of_this_run,
    turns_of,
    why_not,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine


def tasks() -> Iterator[tuple[Lab, str, str]]:
    """Yield each lab with what is to be proven of it, and the sentence that says so."""
    for lab in Catalogue(find(ROOT)):
        begin = f"lab {lab.number}"
        yield lab, "as shipped", f"{begin} fails as it is shipped"
        for number in range(2, len(lab.toml.steps) + 1):
            yield lab, f"step/{number}", f"{begin} goes to where step {number} begins"
        for answer in lab.answers:
            what = f"fails {answer.toml.check}" if answer.must_fail else "passes"
            yield lab, answer.name, f"{begin} {what} with {answer.name}"


TASKS = list(tasks())


def test_there_are_labs_to_prove() -> None:
    # As many as there are at least: a lab or its answers that go missing are not to go unseen.
    assert len({lab.slug for lab, _, _ in TASKS}) >= 17
    assert len(TASKS) >= 500


def test_every_answer_has_its_turn_and_what_is_quick_is_proven_in_every_run() -> None:
    always = {(lab.slug, name) for lab, name, _ in TASKS if len(turns_of(lab, name)) == SHARDS}
    for lab, name, _ in TASKS:
        assert turns_of(lab, name), name
        assert turns_of(lab, name) <= set(range(SHARDS)), name
    assert {(lab.slug, name) for lab, name, _ in TASKS if name in {"as shipped", "solution"}} <= always
    quick = [lab for lab, _, _ in TASKS if lab.toml.measured and lab.toml.measured.start_s <= SLOW_SECONDS]
    assert quick
    assert {(lab.slug, answer.name) for lab in quick for answer in lab.answers} <= always


def test_no_shard_has_twice_as_much_to_do_as_another() -> None:
    sizes = [sum(shard in turns_of(lab, name) for lab, name, _ in TASKS) for shard in range(SHARDS)]
    assert max(sizes) < 2 * min(sizes)


def test_a_run_of_one_commit_is_always_of_the_same_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARD, raising=False)
    assert shard_of_this_run() == shard_of_this_run() in range(SHARDS)
    monkeypatch.setenv(SHARD, "1")
    assert shard_of_this_run() == 0
    monkeypatch.setenv(SHARD, str(SHARDS))
    assert shard_of_this_run() == SHARDS - 1


def test_all_answers_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARD, "1")
    monkeypatch.delenv(EVERY_ANSWER, raising=False)
    assert not all(is_due(lab, name) for lab, name, _ in TASKS)
    monkeypatch.setenv(EVERY_ANSWER, "1")
    assert all(is_due(lab, name) for lab, name, _ in TASKS)


def quiet(_: str) -> None:
    """Say nothing."""


def provide(lab: Lab) -> None:
    """Make the images of a lab's chosen ways present; most are, and those of a pair that is rarely chosen may not be."""
    ensure(lab.images)


class Provers:
    """Gives the prover of one lab at a time, and keeps it for the next proof of the same lab: its nodes are cleaned, not replaced.

    Args:
        engine: the engine.
        folder: makes a folder of that name for a lab's state and work.
    """

    def __init__(self, engine: Engine, folder: Callable[[str], Path]) -> None:
        self._engine = engine
        self._folder = folder
        self._lab = ""
        self._prover: Prover | None = None
        self._open = contextlib.ExitStack()

    def of(self, lab: Lab) -> Prover:
        """Return a lab's prover; the scene of another lab is removed first."""
        if self._prover is None or self._lab != lab.slug:
            self.close()
            self._prover, self._lab = self._make(lab), lab.slug
        return self._prover

    def _make(self, lab: Lab) -> Prover:
        folder = self._folder(lab.slug)
        patched = self._open.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("DRYDOCK_STATE", str(folder / "state"))
        patched.setenv("DRYDOCK_WORK", str(folder / "work"))
        places = find(ROOT)
        scene = Scene(lab, places, self._engine, find_client(self._engine.endpoint), folder_of(places, lab))
        self._open.enter_context(scene.lock("verify"))
        if scene.services():
            pytest.fail(
                f"lab {lab.number} is started on this engine; end it first: lab stop {int(lab.number)}"
            )
        return self._open.enter_context(contextlib.closing(Prover(scratch_scene(scene), quiet, provide)))

    def close(self) -> None:
        """Remove the scene that was kept."""
        self._lab, self._prover = "", None
        self._open.close()


@pytest.fixture(scope="module")
def provers(_connected: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provers]:
    """Give the labs' provers; the last scene is removed after the last test."""
    with contextlib.closing(Provers(_connected, tmp_path_factory.mktemp)) as kept:
        yield kept


@pytest.mark.parametrize(
    ("lab", "name"), [(lab, name) for lab, name, _ in TASKS], ids=[sentence for _, _, sentence in TASKS]
)
def test_it_ends_as_it_must(provers: Provers, engine: Engine, lab: Lab, name: str) -> None:
    if not is_due(lab, name):
        pytest.skip(why_not(lab, name))
    if what := lacking(images_for(lab, name), find(ROOT), lambda: engine):
        pytest.skip(f"{name} of lab {lab.number} needs {what}, which this machine does not have")
    proofs = [proof for proof in provers.of(lab).all(name) if proof.answer == name]
    assert len(proofs) == 1
    assert proofs[0].as_expected, f"{proofs[0].verdict} {proofs[0].check}: {proofs[0].problem}"
