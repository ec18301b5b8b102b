"""The machines of these tests, one at a time, and the record that their cases are written into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.client import find_client
from checker.images.catalogue import Images
from checker.images.supply import lacking
from tests.conftest import ROOT
from tests.engines.cases import LAB_OPTION, OPTION, PAGE, text
from tests.engines.kinds import Kind, chosen
from tests.engines.machine import Machine, MachineError, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

NODE = "node:1.0"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a part of the engines and of the labs."""
    parser.addoption(OPTION, default="", help="engines, with commas between them; all if left out")
    parser.addoption(LAB_OPTION, default="", help="labs by number, with commas between them; all if left out")
    parser.addoption("--keep-machines", action="store_true", help="keep the images of the machines")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each engine and lab; engines outside, so that each machine is started once."""
    if not {"kind", "lab"} <= set(metafunc.fixturenames):
        return
    try:
        kinds = chosen(metafunc.config.getoption(OPTION))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    labs = {lab.number: lab for lab in Catalogue(find(ROOT))}
    numbers = [
        each.strip().zfill(2) for each in metafunc.config.getoption(LAB_OPTION).split(",") if each.strip()
    ]
    if unknown := [number for number in numbers if number not in labs]:
        raise pytest.UsageError(f"there is no lab {unknown[0]}; labs: {', '.join(labs)}")
    pairs = [(kind, lab) for kind in kinds for lab in labs.values() if not numbers or lab.number in numbers]
    metafunc.parametrize(
        ("kind", "lab"), pairs, ids=[f"{kind.name} lab {lab.number}" for kind, lab in pairs], scope="session"
    )


@pytest.fixture(scope="session")
def bundle(
    _connected: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path]:
    """Give the images of every lab that is to run on a machine in this run, in one file, written once."""
    pairs = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {each["lab"].slug for each in pairs if not each["kind"].must_refuse(each["lab"])}
    labs = [lab for lab in Catalogue(find(ROOT)) if lab.slug in wanted]
    images = Images(ROOT)
    places = find(ROOT)
    names = {
        images.find(name).short
        for lab in labs
        for name in lab.all_images
        if not lacking([name], places, lambda: _connected)
    }
    file = tmp_path_factory.mktemp("bundle") / "images.tar"

    def made() -> Path:
        if not file.exists():
            save(sorted(names), file)
        return file

    return made


class Machines:
    """Has one machine at a time, and looks whether something of it is left."""

    def __init__(self, engine: Engine, bundle: Callable[[], Path], *, keep: bool) -> None:
        self._engine = engine
        self._client = find_client(engine.endpoint)
        self._bundle = bundle
        self._keep = keep
        self._now: Machine | None = None
        self._broken: dict[str, str] = {}
        self._built: dict[str, Machine] = {}
        self._left: list[str] = []
        self.facts: dict[str, str] = {}

    def of(self, kind: Kind) -> Machine:
        """Give the machine of an engine; one that could not be made once is not tried again.

        Raises:
            MachineError: it cannot be made.
        """
        if self._now and self._now.alive and self._now.kind == kind:
            return self._now
        self.close()
        if why := self._broken.get(kind.name):
            raise MachineError(why)
        machine = Machine(kind, self._client)
        self._now = machine
        try:
            machine.build(f"drydock/{NODE}")
            self._built[machine.image] = machine
            machine.start()
            machine.give_course()
            said = machine.give_images(self._bundle())
            if "Loaded" not in said:
                raise MachineError(f"{kind.title} did not take the images: {said}")
            self.facts = machine.facts()
        except MachineError as error:
            self._broken[kind.name] = str(error)
            self.close()
            raise
        return machine

    def lacking(self, lab: Lab) -> str:
        """Return the program that a lab needs and that is not on this machine; no other machine gets it then."""
        return lacking(lab.with_ways(lab.toml.usual).images, find(ROOT), lambda: self._engine)

    def close(self) -> None:
        """Remove the machine that there is."""
        if self._now:
            self._now.stop()
            self._left += self._now.remaining()
            self._now = None

    def finish(self) -> list[str]:
        """Remove everything, and return what is left all the same."""
        self.close()
        for image, machine in self._built.items():
            if not self._keep:
                self._left += [f"image {image}"] if machine.remove_image() else []
        return self._left


@pytest.fixture(scope="session")
def machines(
    _connected: Engine, bundle: Callable[[], Path], request: pytest.FixtureRequest
) -> Iterator[Machines]:
    """Give the machines; when all tests have ended, nothing of them is left."""
    made = Machines(_connected, bundle, keep=request.config.getoption("--keep-machines"))
    try:
        yield made
    finally:
        left = made.finish()
    assert not left, f"the machines left {', '.join(left)}"


@pytest.fixture
def page() -> Iterator[None]:
    """Write the page again after each case, so that an interrupted run keeps what it found."""
    yield
    PAGE.write_text(text(), encoding="utf-8", newline="\n")
