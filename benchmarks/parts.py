"""The parts of a benchmark run, each printed as it is measured."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from kernel import kernel
from machine import facts
from timing import BenchmarkError, Series, interleave, process

from checker.authoring.expectations import paragraph
from checker.course.catalogue import Catalogue
from checker.course.model import Part
from checker.course.places import find
from checker.engine.api import connect
from checker.engine.client import find_client
from checker.errors import LabError
from checker.grading.container import Shells, kept_in
from checker.grading.run import grade
from checker.images.catalogue import Images
from checker.images.supply import ensure, lacking
from checker.live import server
from checker.scene.ownership import owned_containers
from checker.scene.scene import Scene
from checker.scene.work import folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


START_ROUNDS = 3
"""Starting a lab takes a second or more, so it is measured fewer times."""

TRIES = 3
"""How often bare assertions may end what they look at before that counts as a failure."""

SETTLE_SECONDS = 30.0
"""How long a solved scene may take until its solution passes."""


class Bench:
    """One run.

    Args:
        root: the checkout.
        python: the Python of its environment.
        scratch: a folder that may be thrown away.
        rounds: how often each quick thing is measured.
    """

    def __init__(self, root: Path, python: Path, scratch: Path, rounds: int) -> None:
        self.root = root
        self.python = str(python)
        self.scratch = scratch
        self.rounds = rounds
        self.places = find()
        self.catalogue = Catalogue(self.places)
        # As a person runs it: by the machine's Python, which then becomes the environment's.
        self.base = str(getattr(sys, "_base_executable", sys.executable))
        self.lab = [self.base, str(root / "lab")]
        self.environment = dict(os.environ)

    def run(self, parts: Iterable[str], *, cold: bool) -> int:
        """Measure the parts and return the exit code: 1 when one of them could not be measured."""
        print("\n".join(facts(self.root)))
        failed = 0
        for part in parts:
            measure: Callable[[], None] = getattr(self, part)
            try:
                measure()
                if part == "up" and cold:
                    self.cold()
            except (BenchmarkError, LabError, subprocess.TimeoutExpired) as error:
                failed = 1
                print(f"\n{part}: not measured. {error}", flush=True)
        return failed

    # -- the parts -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Lab 03's assertions on its solution: documented testinfra, a whole `lab check`, warm runs, a notebook's cell."""
        with self.scene("3") as scene, kernel(self.root) as cells:
            scene.apply(scene.lab.solution)
            shells = Shells(scene.engine, kept_in(self.places))

            def warm() -> float:
                begin = time.perf_counter()
                report = grade(scene.lab, scene.engine, scene.work, shells=shells)
                seconds = time.perf_counter() - begin
                if not report.passed:
                    first = report.first_problem
                    raise BenchmarkError(
                        f"the solution of lab 03 does not pass: {paragraph(first) if first else ''}"
                    )
                return seconds

            # Until the neighbour has met its limit once; bare assertions do not wait for it as the checks do.
            settle(warm)
            command = [
                self.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
                str(self.root / "benchmarks/lab03_testinfra"),
            ]  # fmt: skip

            def testinfra() -> float:
                for _ in range(TRIES):
                    try:
                        return self.process(command)
                    except BenchmarkError:
                        # It starts commands in the neighbour while this has no memory left, and may end it by that.
                        if scene.engine.inspect("cruncher")["State"]["Running"]:
                            raise
                        scene.apply(scene.lab.solution)
                        settle(warm)
                return self.process(command)

            server.start(self.places)
            try:
                times = interleave(
                    {
                        "documented testinfra": testinfra,
                        # With this option, it does not ask the service.
                        "lab check 3": functools.partial(
                            self.process, [*self.lab, "check", "3", "--verbose"]
                        ),
                        "lab check 3, by the live page's service": functools.partial(
                            self.process, [*self.lab, "check", "3"]
                        ),
                        "python -c pass, twice": lambda: sum(
                            self.process([python, "-c", "pass"]) for python in (self.base, self.python)
                        ),
                        "warm, as in lab watch": warm,
                        "check(3) in a warm kernel": functools.partial(cells.check, 3),
                    },
                    self.rounds,
                )
            finally:
                server.stop(self.places)
                shells.close()
        base = times["documented testinfra"].median
        rows = [(name, str(series), f"{base / series.median:.1f} times") for name, series in times.items()]
        table("Lab 03 on its solution: the same assertions", ("", "median (range)", "faster"), rows)

    def commands(self) -> None:
        """The verbs that do little, whole processes."""
        times = interleave(
            {
                "lab list": functools.partial(self.process, [*self.lab, "list"]),
                "lab --help": functools.partial(self.process, [*self.lab, "--help"]),
                "python -c pass": functools.partial(self.process, [self.python, "-c", "pass"]),
            },
            self.rounds,
        )
        table(
            "Small commands, whole processes",
            ("", "median (range)"),
            [(name, str(each)) for name, each in times.items()],
        )

    def imports(self) -> None:
        """What a verdict imports, whole processes, and the Docker SDK on top of it."""
        verdict = "import checker.cli.verbs.check, checker.session.judging, checker.grading.run"
        times = interleave(
            {
                name: functools.partial(self.process, [self.python, "-P", "-c", code])
                for name, code in {
                    "python -c pass": "pass",
                    "what `lab check` imports": verdict,
                    "the same and the Docker SDK": f"{verdict}, docker",
                    "the Docker SDK by itself": "import docker",
                }.items()
            },
            self.rounds,
        )
        table(
            "Imports, whole processes",
            ("", "median (range)"),
            [(name, str(each)) for name, each in times.items()],
        )

    def start(self) -> None:
        """`lab start 1` with its images there, and `lab stop 1`."""
        with self.scene("1", start=False):
            starts, stops = Series(), Series()
            for _ in range(START_ROUNDS):
                starts.seconds.append(self.process([*self.lab, "start", "1"]))
                stops.seconds.append(self.process([*self.lab, "stop", "1"]))
        table(
            "A lab of one container, its images there, whole processes",
            ("", "median (range)"),
            [("lab start 1", str(starts)), ("lab stop 1", str(stops))],
        )

    def up(self) -> None:
        """`./lab up` when everything is there."""
        with self.scene("1", start=False):
            try:
                first = self.process([*self.lab, "up"])
                again = Series([self.process([*self.lab, "up"]) for _ in range(START_ROUNDS)])
            finally:
                self.process([*self.lab, "down"])
        rows = [
            ("first, with environment, engine and images there", f"{first:.3f} s"),
            ("repeated", str(again)),
        ]
        table("./lab up", ("", "median (range)"), rows)

    def cold(self) -> None:
        """`./lab up` in a fresh copy of the checkout: no environment, no site, no state."""
        copy = self.scratch / "copy"
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=self.root, capture_output=True, text=True, timeout=60, check=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (self.root / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, copy / name)
        mine = {"DRYDOCK_STATE", "DRYDOCK_WORK", "DRYDOCK_COURSE", "VIRTUAL_ENV"}
        environment = {key: value for key, value in os.environ.items() if key not in mine}
        present, total = self.images_present()
        command = [self.base, str(copy / "lab")]
        with self.scene("1", start=False):
            try:
                seconds = process([*command, "up"], copy, environment)
            finally:
                process([*command, "down"], copy, environment)
        said = f"no environment, no site; engine there, {present} of the course's {total} images there"
        table("./lab up in a fresh copy", ("", "once"), [(said, f"{seconds:.1f} s")])

    def sizes(self) -> None:
        """What each image takes, and all of them together."""
        from checker.authoring.measure import disk_of  # noqa: PLC0415

        engine = connect()
        records = {}
        for image in Images(self.places.root):
            if (record := engine.image(image.reference)) is not None:
                records[image.reference] = record
        rows = [(name, f"{record['Size'] / 1e6:.0f} MB") for name, record in records.items()]
        rows.append(("together, what they share counted once", f"{disk_of(engine, records) / 1e6:.0f} MB"))
        table("Images", ("", "size"), rows)

    def scenes(self) -> None:
        """Every lab's scene: until ready, at rest, judged, stopped; those that cannot run here are named."""
        import scenes  # noqa: PLC0415 - loads what the other parts do not need

        rows, left_out = scenes.measure(self, list(self.catalogue))
        if rows:
            table("Scenes, images there, whole processes", scenes.HEAD, rows)
        print("".join(f"\n  {line}" for line in left_out), flush=True)
        if measured := scenes.recorded(self, list(self.catalogue)):
            table("Measured by the checks as they judged", ("what", "lab", "measured"), measured)
        else:
            print("\nNo check of these labs recorded a measurement.", flush=True)

    def traffic(self) -> None:
        """What a lab's traffic takes of a processor, and how fast its record is read."""
        import traffic  # noqa: PLC0415 - loads what the other parts do not need

        sending, reading = traffic.measure()
        table("Traffic, 25 requests a second to Parcel", traffic.HEAD, sending)
        table("Reading its record of two hours", ("", "median (range)", ""), reading)

    def bundle(self) -> None:
        """The compressed files that take images to a place without a network."""
        labs = [lab for lab in self.catalogue if lab.toml.part is Part.ORCHESTRATION]
        there = [lab for lab in labs if not lacking(lab.images, self.places, connect)]
        needed = {image for lab in there for image in lab.images}
        cluster = sorted(
            {image.short for image in Images(self.places.root).resolve(needed)} if needed else ()
        )
        rows = []
        for what, names in (
            ("all images", []),
            (f"images of labs {', '.join(lab.number for lab in there)}", cluster),
        ):
            if what != "all images" and not names:
                continue
            file = self.scratch / "bundle.tar.gz"
            seconds = self.process([*self.lab, "images", "save", str(file), *names])
            rows.append((what, f"{file.stat().st_size / 1e6:.0f} MB", f"{seconds:.0f} s"))
            file.unlink()
        table("Bundles, compressed", ("", "size", "saved in"), rows)

    def memory(self) -> None:
        """What `lab measure` wrote down of each lab."""
        rows = []
        for lab in self.catalogue:
            found = lab.toml.measured
            rows.append(
                (lab.slug, f"{found.memory_mb:.0f} MB", f"{found.disk_mb:.0f} MB", found.date)
                if found
                else (lab.slug, "not measured", "", "")
            )
        table("Labs, solved and at rest, as their lab.toml says", ("", "memory", "images", "measured"), rows)

    # -- help ----------------------------------------------------------------------------------------------

    def process(self, command: Sequence[str]) -> float:
        """Time a command that must end well."""
        return process(command, self.root, self.environment)

    def images_present(self) -> tuple[int, int]:
        """Return how many of the course's images are there, and how many there are."""
        engine = connect()
        images = list(Images(self.places.root))
        return sum(engine.image(image.reference) is not None for image in images), len(images)

    def scene(self, name: str, *, start: bool = True) -> _Held:
        """Return a lab's scene for a block, on a work folder of our own, and stopped afterwards.

        Raises:
            BenchmarkError: the lab is somebody's at this moment.
        """
        lab = self.catalogue.find(name)
        engine = connect()
        if owned_containers(engine, lab):
            number = int(lab.number)
            raise BenchmarkError(f"Lab {lab.number} is in use; stop it first: lab stop {number}")
        ensure(lab.images, lambda line: print(line, file=sys.stderr))
        client = find_client(engine.endpoint, state=self.places.state)
        return _Held(Scene(lab, self.places, engine, client, folder_of(self.places, lab)), start=start)


class _Held:
    """A scene that is stopped when the block ends."""

    def __init__(self, scene: Scene, *, start: bool) -> None:
        self._scene = scene
        self._start = start

    def __enter__(self) -> Scene:
        if self._start:
            self._scene.start(lambda _: None)
        return self._scene

    def __exit__(self, *_: object) -> None:
        self._scene.stop()


def settle(grade_once: Callable[[], float]) -> None:
    """Grade until it passes, for a while: on a busy machine services take long to come up."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            grade_once()
        except BenchmarkError:
            if time.monotonic() > give_up:
                raise
        else:
            return


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a title, in columns."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows] if any(head) else rows:
        print("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    sys.stdout.flush()
