"""Measures a lab on a real engine: seconds until it is ready, memory at rest, disk of its images, seconds of a check."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import statistics
import time
from typing import TYPE_CHECKING, Any

from checker import whole
from checker.authoring.facts import write_facts
from checker.authoring.rewrite import with_measured
from checker.course.catalogue import Catalogue
from checker.course.model import Measured
from checker.engine.capacity import container_memory
from checker.errors import LabError
from checker.grading.run import grade
from checker.images.catalogue import Images
from checker.images.supply import ensure, lacking
from checker.scene.ownership import owned_containers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.results import Report
    from checker.scene.scene import Scene

MB = 10**6
STARTS = 3
CHECKS = 5

FORGET_SECONDS = 65.0
"""How long to wait after nodes' disks were removed, before a start is measured.

Linux's ext4 does not reuse inodes freed in the last minute and has to scan past them (`recently_deleted` in
fs/ext4/ialloc.c). A start of five nodes right after their removal took 15 s, and 8 s a minute later. Learners do not start
a lab right after they removed it."""

REST_SECONDS = 20.0
"""How long to wait until the memory of a solved scene no longer changes."""

REST_SHARE = 0.02
"""A scene is at rest if two measurements, a second apart, differ by less than this share."""


def measure(scene: Scene, tell: Callable[[str], None]) -> Measured:
    """Start, solve, measure, check and remove a lab.

    Args:
        scene: its scene, with a work folder that can be thrown away; its images must be present.
        tell: called with a line for each thing that is being done.

    Raises:
        LabError: it does not start, or its solution does not pass.
    """
    lab, engine = scene.lab, scene.engine
    try:
        start_s = statistics.median(_timed_start(scene, tell) for _ in range(STARTS))
        report = _passing(scene, lab.solution, tell)
        tell("waiting until it is at rest, and measuring its memory")
        memory = at_rest(engine, lab)
        tell(f"checking {CHECKS} times")
        check_s = statistics.median(_timed_check(scene) for _ in range(CHECKS))
        known = lab.toml.measured.ways if lab.toml.measured else {}
        here = _ways_here(scene)
        ways = known | {name: _memory_of_way(scene, name, tell) for name in here}
        recorded = _of_all_ways(scene, report, set(here), tell) if here else {}
    finally:
        scene.stop()
        shutil.rmtree(scene.work, ignore_errors=True)
    records = image_records(scene.places, lab, engine)
    info = engine.get("/info")
    return Measured(
        memory_mb=round(memory / MB, 1),
        disk_mb=round(disk_of(engine, records) / MB, 1),
        start_s=round(start_s, 2),
        check_s=round(check_s, 3),
        engine=str(info["ServerVersion"]),
        system=f"{info['OperatingSystem']}, {info['Architecture']}, {info['NCPU']} CPUs",
        date=dt.datetime.now().astimezone().date().isoformat(),
        images={
            name: f"{record['Id'].removeprefix('sha256:')[:12]}, {record['Size'] / MB:.0f} MB"
            for name, record in records.items()
        },
        ways=ways,
        recorded=recorded,
    )


def record(places: Places, lab: Lab, measured: Measured) -> list[Path]:
    """Write a measurement into lab.toml and the lesson's facts, and return both files.

    Raises:
        LabError: one of them cannot be written, or lab.toml cannot be changed safely.
    """
    file = lab.folder / "lab.toml"
    try:
        # As bytes, so that the file keeps its own line ends.
        whole.write(file, with_measured(file.read_bytes().decode(), measured))
    except OSError as error:
        raise LabError(
            f"{file} cannot be written: {error.strerror or error}.", remedy="Allow writing there."
        ) from error
    return [file, write_facts(places, Catalogue(places).read(lab.folder))]


def _timed_start(scene: Scene, tell: Callable[[str], None]) -> float:
    removed = scene.stop()
    shutil.rmtree(scene.work, ignore_errors=True)
    if any(name.startswith("volume ") for name in removed):
        tell(f"waiting {FORGET_SECONDS:g} s, until the file system has finished with what was removed")
        time.sleep(FORGET_SECONDS)
    tell("starting")
    begin = time.perf_counter()
    scene.start(lambda _: None)
    return time.perf_counter() - begin


def _ways_here(scene: Scene) -> list[str]:
    """Return the ways of the lab that this machine can run; the others keep their figures."""
    ways, engine = scene.lab.toml.ways, scene.engine
    return [
        name for name in ways if not lacking(scene.lab.with_ways([name]).images, scene.places, lambda: engine)
    ]


def _memory_of_way(scene: Scene, name: str, tell: Callable[[str], None]) -> float:
    """Return the memory of the scene with only one of the lab's ways and nothing from a learner, in MB."""
    tell(f"starting only {scene.lab.toml.ways[name].title}")
    other = _started_with(scene, [name], tell)
    return round(at_rest(scene.engine, other.lab) / MB, 1)


def _started_with(scene: Scene, ways: Collection[str], tell: Callable[[str], None]) -> Scene:
    """Start the scene again with some of the lab's ways, and return the scene with these."""
    lab = scene.lab.with_ways(ways)
    ensure(lab.images, tell, places=scene.places, engine=scene.engine, client=scene.client)
    scene.stop()
    shutil.rmtree(scene.work, ignore_errors=True)
    other = dataclasses.replace(scene, lab=lab)
    other.start(lambda _: None)
    return other


def _passing(scene: Scene, answer: Answer, tell: Callable[[str], None]) -> Report:
    """Apply an answer and return the verdict on it.

    Raises:
        LabError: it does not pass.
    """
    lab = scene.lab
    what = "the solution" if answer.kind == "solution" else answer.name
    tell(f"applying {what}")
    scene.apply(answer)
    report = grade(lab, scene.engine, scene.work)
    if not report.passed:
        first = report.first_problem
        raise LabError(
            f"{what[0].upper()}{what[1:]} of lab {lab.number} does not pass{f': check {first.id}' if first else ''}.",
            remedy=f"Verify the lab first: lab verify {int(lab.number)}",
        )
    return report


def _recorded(report: Report) -> dict[str, dict[str, str]]:
    """Return what the checks recorded in a run, by subject, as text."""
    found: dict[str, dict[str, str]] = {}
    for each in report.measurements:
        found.setdefault(each.subject, {})[each.name] = f"{each.value:.4g} {each.unit}".strip()
    return found


def _of_all_ways(
    scene: Scene, solved: Report, here: set[str], tell: Callable[[str], None]
) -> dict[str, dict[str, str]]:
    """Return what the checks record for each of a lab's ways; alternatives cover the ways that the solution does not use.

    Args:
        scene: the scene.
        solved: the verdict on the solution.
        here: the ways that this machine can run.
        tell: called with a line for each thing that is being done.

    Raises:
        LabError: one of these answers does not pass.
    """
    lab = scene.lab
    todo = here - set(lab.solution.toml.ways)
    found = _recorded(solved)
    for answer in lab.answers:
        takes = set(answer.toml.ways)
        if answer.kind != "alternative" or not takes & todo or not takes <= here:
            continue
        report = _passing(_started_with(scene, answer.toml.ways, tell), answer, tell)
        found = found | {name: each for name, each in _recorded(report).items() if name not in found}
        todo -= takes
    # Ways that this machine cannot run keep their figures.
    return (lab.toml.measured.recorded if lab.toml.measured else {}) | found


def _timed_check(scene: Scene) -> float:
    begin = time.perf_counter()
    grade(scene.lab, scene.engine, scene.work)
    return time.perf_counter() - begin


def at_rest(engine: Engine, lab: Lab) -> int:
    """Return the memory of a lab's containers once it no longer changes, or after a while the last value."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - rarely needed, like the rest of this verb

    give_up = time.monotonic() + REST_SECONDS
    with ThreadPoolExecutor(8) as pool:
        last = memory_of(engine, lab, pool)
        while time.monotonic() < give_up:
            time.sleep(1.0)
            now = memory_of(engine, lab, pool)
            if abs(now - last) <= REST_SHARE * max(now, last):
                return now
            last = now
    return last


def memory_of(engine: Engine, lab: Lab, pool: Executor) -> int:
    """Return the working-set memory, in bytes, of all running containers of a lab."""

    def ask(item: Mapping[str, Any]) -> int:
        return container_memory(engine, str(item["Id"]))

    running = [item for item in owned_containers(engine, lab) if item["State"] == "running"]
    return sum(pool.map(ask, running))


def image_records(places: Places, lab: Lab, engine: Engine) -> dict[str, dict[str, Any]]:
    """Return the engine's record of each image that a lab names.

    Raises:
        LabError: one is missing.
    """
    found = {}
    for image in Images(places.root).resolve(lab.images) if lab.images else ():
        record = engine.image(image.reference)
        if record is None:
            raise LabError(f"The image {image.reference} is missing.", remedy="Build it: lab images build")
        found[image.reference] = record
    return found


def disk_of(engine: Engine, records: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the disk space of several images together, in bytes; each shared layer counts once."""
    layers: dict[str, int] = {}
    for name, image in records.items():
        history = engine.get(f"/images/{name}/history")
        layers |= sizes_of_layers(image, [int(entry["Size"]) for entry in reversed(history)])
    return sum(layers.values())


def sizes_of_layers(image: Mapping[str, Any], history: list[int]) -> dict[str, int]:
    """Return the size of each of an image's layers, by digest.

    The engine lists sizes by build step, and digests by layer; steps without a size made no layer. If the two
    lists do not match (a layer without content), the size of the whole image counts for its last layer.
    """
    digests = [str(digest) for digest in image["RootFS"].get("Layers") or []]
    sizes = [size for size in history if size]
    if len(sizes) == len(digests):
        return dict(zip(digests, sizes, strict=True))
    return {digests[-1] if digests else str(image["Id"]): int(image["Size"])}
