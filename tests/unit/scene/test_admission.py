"""A lab that does not fit is refused beforehand, in numbers, with what makes room; what fits is not held up."""

# The methods do what the engine's and the platform's do.
# ruff: noqa: D102, ARG002

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.course.model import Measured, Way
from checker.engine.api import Engine
from checker.engine.capacity import capacity
from checker.engine.endpoint import Endpoint
from checker.engine.platform import Platform, System
from checker.errors import LabError
from checker.scene.admission import require_room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.course.catalogue import Lab
    from tests.conftest import Course

MB = 10**6


@dataclass(frozen=True)
class FakePlatform(Platform):
    """A machine with so much memory and disk free, in MB."""

    available: int | None = 8000
    disk_free: int | None = 50_000
    contents: Mapping[str, str] = field(default_factory=dict)

    def read(self, path: Path) -> str | None:
        if path == Path("/proc/sys/kernel/osrelease"):
            return "6.12.0\n"
        return None if self.available is None else f"MemAvailable: {self.available * MB // 1024} kB\n"

    def disk(self, path: Path) -> tuple[int, int] | None:
        return None if self.disk_free is None else (100_000 * MB, self.disk_free * MB)


HERE = FakePlatform(system=System.LINUX)
MAC = FakePlatform(system=System.MACOS)


class FakeEngine(Engine):
    """An engine of so much memory with containers of labs, each taking so much; counts what it is asked."""

    def __init__(self, total: int = 8000, **running: int) -> None:
        super().__init__(Endpoint("unix:///var/run/docker.sock", "socket"))
        self.total = total
        self.running = running
        self.images: set[str] = set()
        self.status: list[list[str]] = []
        self.asked: list[str] = []

    def get(self, path: str, **query: Any) -> Any:
        self.asked.append(path)
        if path == "/info":
            return {
                "MemTotal": self.total * MB,
                "KernelVersion": "6.12.0",
                "DockerRootDir": "/data",
                "DriverStatus": self.status,
            }
        return {"memory_stats": {"usage": self.running[path.split("/")[2]] * MB, "stats": {}}}

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return [
            {"Id": name, "State": "running", "Labels": {"io.drydock.lab": name.removeprefix("lab")}}
            if name.startswith("lab")
            else {"Id": name, "State": "running", "Labels": None}
            for name in self.running
        ]

    def image(self, reference: str) -> dict[str, Any] | None:
        return {} if reference in self.images else None


def measured(lab: Lab, memory: float, **changes: Any) -> Lab:
    found = Measured(
        memory_mb=memory, disk_mb=0, start_s=1, check_s=1, engine="x", system="x", date="2026-11-24",
        images={"drydock/big:1.0": "abc, 900 MB"},
    )  # fmt: skip
    return replace(lab, toml=msgspec.structs.replace(lab.toml, measured=found, **changes))


@pytest.fixture
def lab(course: Course) -> Lab:
    """Give a lab of 1000 MB."""
    return measured(course.lab(), 1000)


def ask(
    lab: Lab, course: Course, engine: FakeEngine, platform: Platform = HERE, others: tuple[Lab, ...] = ()
) -> None:
    known = {other.number: other for other in others}

    def find(number: str) -> Lab:
        if number not in known:
            raise LabError("unknown")
        return known[number]

    require_room(engine, lab, course.places, find, platform)


def refusal(
    lab: Lab, course: Course, engine: FakeEngine, platform: Platform = HERE, others: tuple[Lab, ...] = ()
) -> str:
    """Return why a lab is refused, and nothing when it is not."""
    try:
        ask(lab, course, engine, platform, others)
    except LabError as error:
        return error.what
    return ""


def other(lab: Lab, number: str, memory: float) -> Lab:
    return measured(replace(lab, folder=lab.folder.with_name(f"{number}-other")), memory)


def test_what_fits_is_let_through_with_few_questions(lab: Lab, course: Course) -> None:
    engine = FakeEngine()
    assert not refusal(lab, course, engine)
    assert engine.asked == ["/info"]


def test_a_lab_that_the_machine_is_too_small_for_is_refused_with_the_numbers(
    lab: Lab, course: Course
) -> None:
    with pytest.raises(LabError, match=r"needs 1\.2 GB of memory, and 500 MB for the engine") as caught:
        ask(lab, course, FakeEngine(1500))
    assert "machine has 1.5 GB" in caught.value.what
    assert "2 GB or more" in caught.value.remedy
    assert "lab start 97 --force" in caught.value.remedy
    assert caught.value.code == 3


@pytest.mark.parametrize(
    ("system", "advice"),
    [(System.MACOS, "colima start --memory 2"), (System.WINDOWS, "memory=2GB"), (System.LINUX, "machine")],
)
def test_how_to_give_it_more_is_said_for_each_system(
    lab: Lab, course: Course, system: System, advice: str
) -> None:
    with pytest.raises(LabError) as caught:
        ask(lab, course, FakeEngine(1500), FakePlatform(system=system))
    assert advice in caught.value.remedy


def test_memory_that_other_programs_hold_is_seen_where_the_engine_is_on_this_machine(
    lab: Lab, course: Course
) -> None:
    with pytest.raises(LabError, match=r"900 MB of the 8\.0 GB of the engine's machine are free") as caught:
        ask(lab, course, FakeEngine(), replace(HERE, available=900))
    assert "Stop containers and programs" in caught.value.remedy


def test_memory_that_containers_hold_is_counted_where_the_engine_is_in_a_virtual_machine(
    lab: Lab, course: Course
) -> None:
    engine = FakeEngine(4000, database=2400)
    with pytest.raises(LabError, match=r"1\.1 GB of the 4\.0 GB"):
        ask(lab, course, engine, MAC)
    assert "/containers/database/stats" in engine.asked
    assert not refusal(lab, course, FakeEngine(4000, database=2200), MAC)


def test_two_labs_that_do_not_fit_together_are_named_with_their_sum(lab: Lab, course: Course) -> None:
    # The other has only begun, so that its memory is not yet taken.
    engine = FakeEngine(2500, lab09=10)
    with pytest.raises(LabError, match=r"does not fit beside lab 09 \(1\.2 GB\): 2\.4 GB together") as caught:
        ask(lab, course, engine, others=(other(lab, "09", 1000),))
    assert "lab stop 9" in caught.value.remedy
    assert not refusal(lab, course, engine, others=(other(lab, "09", 100),))


def test_what_another_lab_holds_now_is_named_when_memory_runs_short(lab: Lab, course: Course) -> None:
    engine = FakeEngine(8000, lab09=10)
    with pytest.raises(LabError, match=r"are free, and lab 09 \(600 MB\) is started") as caught:
        ask(lab, course, engine, replace(HERE, available=900), (other(lab, "09", 500),))
    assert "lab stop 9" in caught.value.remedy


def test_a_lab_of_another_course_is_not_asked_about(lab: Lab, course: Course) -> None:
    assert not refusal(lab, course, FakeEngine(4000, lab42=10))


def test_a_lab_that_runs_is_mended_whatever_is_free(lab: Lab, course: Course) -> None:
    engine = FakeEngine(1500, lab97=1200)
    assert not refusal(lab, course, engine, replace(HERE, available=10, disk_free=1))
    assert engine.asked == []


def test_a_lab_that_was_never_measured_is_not_refused_for_memory(course: Course) -> None:
    assert not refusal(course.lab(), course, FakeEngine(600), replace(HERE, available=100))


def test_an_engine_that_tells_no_memory_refuses_nobody(lab: Lab, course: Course) -> None:
    assert not refusal(lab, course, FakeEngine(0), MAC)
    assert not refusal(lab, course, FakeEngine(), replace(HERE, available=None))


def with_image(course: Course, lab: Lab) -> Lab:
    (course.root / "images" / "images.toml").write_text(
        '[bases.trixie]\nimage = "debian"\n[images.big]\nsummary = "x"\nbase = "trixie"\ntags."1.0" = {}\n'
    )
    return measured(lab, 10, images=("big:1.0",))


def test_a_nearly_full_disk_is_refused_before_an_image_is_made(lab: Lab, course: Course) -> None:
    engine = FakeEngine()
    needy = with_image(course, lab)
    with pytest.raises(
        LabError, match=r"needs 2\.0 GB on the engine's disk, and 1\.5 GB of 100\.0 GB"
    ) as caught:
        ask(needy, course, engine, replace(HERE, disk_free=1500))
    assert "lab images prune" in caught.value.remedy
    engine.images = {"drydock/big:1.0"}
    assert not refusal(needy, course, engine, replace(HERE, disk_free=1500))


def test_an_engine_that_keeps_images_twice_is_given_more_room(lab: Lab, course: Course) -> None:
    engine = FakeEngine()
    engine.status = [["driver-type", "io.containerd.snapshotter.v1"]]
    with pytest.raises(LabError, match=r"needs 2\.9 GB on the engine's disk"):
        ask(with_image(course, lab), course, engine, replace(HERE, disk_free=2500))


def test_nodes_want_room_for_images_of_their_own(lab: Lab, course: Course) -> None:
    tight = replace(HERE, disk_free=500)
    assert not refusal(lab, course, FakeEngine(), tight)
    with pytest.raises(LabError, match="needs 800 MB on the engine's disk"):
        ask(measured(lab, 10, needs=("privileged",)), course, FakeEngine(), tight)


def test_a_disk_that_cannot_be_seen_from_here_refuses_nobody(lab: Lab, course: Course) -> None:
    assert not refusal(with_image(course, lab), course, FakeEngine(), replace(MAC, disk_free=1))


def test_a_container_that_is_gone_in_the_meantime_takes_nothing() -> None:
    from checker.engine.api import NotFoundError

    class Fading(FakeEngine):
        def get(self, path: str, **query: Any) -> Any:
            if path.endswith("/stats"):
                raise NotFoundError("gone")
            return super().get(path, **query)

    assert capacity(Fading(2000), ["x"], MAC).memory_free == 1500 * MB


WAYS = {name: Way(title=f"by {name}") for name in ("hand", "crew", "fleet")}


def of_ways(lab: Lab, *chosen: str, memory: float = 500) -> Lab:
    made = measured(lab, memory, ways=WAYS, usual=("hand", "crew"))
    assert made.toml.measured is not None
    known = msgspec.structs.replace(made.toml.measured, ways={"hand": 200.0, "crew": 300.0, "fleet": 1000.0})
    return replace(made, toml=msgspec.structs.replace(made.toml, measured=known), chosen=chosen)


def test_the_ways_that_are_chosen_decide_how_much_is_needed(lab: Lab, course: Course) -> None:
    assert not refusal(of_ways(lab, "hand", "crew"), course, FakeEngine(1200))
    with pytest.raises(LabError, match=r"needs 1\.4 GB of memory"):
        ask(of_ways(lab, "hand", "fleet"), course, FakeEngine(1200))
    # What was measured solved took 100 MB more than its ways alone: so it is with others.
    with pytest.raises(LabError, match=r"needs 1\.6 GB of memory"):
        ask(of_ways(lab, "hand", "fleet", memory=600), course, FakeEngine(1200))


def test_a_way_that_was_never_measured_counts_as_the_lab_does(lab: Lab, course: Course) -> None:
    with pytest.raises(LabError, match=r"needs 600 MB of memory"):
        ask(of_ways(lab, "hand", "other"), course, FakeEngine(1000))


def test_ways_that_take_the_place_of_others_are_weighed_against_what_becomes_free(
    lab: Lab, course: Course
) -> None:
    standing = of_ways(lab, "hand", "crew")
    engine = FakeEngine(lab97=500)
    tight = replace(HERE, available=900)
    assert not refusal(of_ways(lab, "hand", "fleet"), course, engine, tight, (standing,))
    with pytest.raises(LabError, match="free"):
        ask(of_ways(lab, "hand", "fleet"), course, engine, replace(HERE, available=800), (standing,))
    # What runs already is only mended.
    assert not refusal(standing, course, engine, replace(HERE, available=1), (standing,))
