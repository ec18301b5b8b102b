"""What the doctor says of virtual machines, from what a guest's boot printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import virtual
from checker.doctor.finding import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

IMAGES = ({"RepoTags": ["drydock/vm:1.0"], "Labels": {"io.drydock.image": "vm"}},)


@pytest.mark.parametrize(
    ("printed", "mark", "word"),
    [
        ("guest kvm\n", Mark.FINE, "boots with KVM"),
        ("guest emulated\n", Mark.NOTE, "ten times slower"),
        ("guest none vm: there is no guest for a mips\n", Mark.NOTE, "no guest for a mips"),
        ("", Mark.NOTE, "it said nothing"),
    ],
)
def test_a_guest_is_booted_and_believed(
    machine: Make, engine: Any, printed: str, mark: Mark, word: str
) -> None:
    engine.printed = lambda _: printed
    (seen,) = virtual.guest(machine(images=IMAGES))
    assert seen.mark is mark
    assert word in seen.found
    assert engine.made == []


def test_without_the_image_nothing_is_booted(machine: Make, engine: Any) -> None:
    (seen,) = virtual.guest(machine())
    assert seen.mark is Mark.UNKNOWN
    assert "lab images build vm" in seen.found
