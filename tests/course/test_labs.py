"""Every lab, through every answer: fails as shipped, passes when right, and names what is wrong for its reason."""

from __future__ import annotations

import contextlib
import os
import subprocess
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

DEAR_SECONDS = 2.0
"""A lab that takes longer than this until it is ready has its answers proven in turn, a part of them at each commit: its
wrong answers in six turns, its alternatives in two. As it is shipped, its steps and its solution are proven each time."""

SHARDS = 6
ALTERNATIVES_IN = 2

EVERY_ANSWER = "DRYDOCK_TEST_EVERY_ANSWER"
"""Set to prove all of them in one run; `lab verify N` does so for one lab."""

SHARD = "DRYDOCK_TEST_SHARD"
"""Set to prove one part of them, from 1: `2` of six. Without it, the commit decides, so that a run of it is always the same."""


def shard_of_this_run() -> int:
    """Return which part of the wrong answers of slow labs this run proves, from 0."""
    if asked := os.environ.get(SHARD):
        return (int(asked) - 1) % SHARDS
    said = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return int(said.stdout.strip() or "0", 16) % SHARDS


def turns_of(lab: Lab, name: str) -> frozenset[int]:
    """Return in which shards an answer is proven."""
    measured = lab.toml.measured
    if measured is None or measured.start_s > DEAR_SECONDS:
        for turns, names in (
            (SHARDS, [answer.name for answer in lab.answers if answer.must_fail]),
            (ALTERNATIVES_IN, [each.name for each in lab.answers if each.name.startswith("alternative/")]),
        ):
            if name in names:
                return frozenset(range(names.index(name) % turns, SHARDS, turns))
    return frozenset(range(SHARDS))


def is_due(lab: Lab, name: str, shard: int) -> bool:
    """Return whether an answer is proven in a run of this shard."""
    return bool(os.environ.get(EVERY_ANSWER)) or shard in turns_of(lab, name)


def test_there_are_labs_to_prove() -> None:
    # As many as there are at least: a lab or its answers that go missing are not to go unseen.
    assert len({lab.slug for lab, _, _ in TASKS}) >= 16
    assert len(TASKS) >= 500


def test_every_answer_has_its_turn_and_what_is_quick_is_proven_in_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(EVERY_ANSWER, raising=False)
    for lab, name, _ in TASKS:
        due = [shard for shard in range(SHARDS) if is_due(lab, name, shard)]
        assert due == sorted(turns_of(lab, name)), name
        assert due, name
    always = {name for lab, name, _ in TASKS if len(turns_of(lab, name)) == SHARDS}
    assert {"as shipped", "solution", "step/2"} <= always
    assert not any(name.startswith("step/") for name in {name for _, name, _ in TASKS} - always)
    quick = [lab for lab, _, _ in TASKS if lab.toml.measured and lab.toml.measured.start_s <= DEAR_SECONDS]
    assert quick
    assert all(len(turns_of(lab, answer.name)) == SHARDS for lab in quick for answer in lab.answers)


def test_a_run_of_one_commit_is_always_of_the_same_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARD, raising=False)
    assert shard_of_this_run() == shard_of_this_run() in range(SHARDS)
    monkeypatch.setenv(SHARD, "1")
    assert shard_of_this_run() == 0
    monkeypatch.setenv(SHARD, str(SHARDS))
    assert shard_of_this_run() == SHARDS - 1


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
    if not is_due(lab, name, shard_of_this_run()):
        pytest.skip(
            f"lab {lab.number} is slow: {name} is in another shard ({SHARD}), or with {EVERY_ANSWER}=1"
        )
    if what := lacking(images_for(lab, name), find(ROOT), lambda: engine):
        pytest.skip(f"{name} of lab {lab.number} needs {what}, which this machine does not have")
    proofs = [proof for proof in provers.of(lab).all(name) if proof.answer == name]
    assert len(proofs) == 1
    assert proofs[0].as_expected, f"{proofs[0].verdict} {proofs[0].check}: {proofs[0].problem}"
