"""A learner's own values: the same for a seed for ever, different from a neighbour's, and put into texts in the lesson's place."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path

import msgspec
import pytest

from checker.course.answer import read_answer
from checker.course.catalogue import Catalogue, Lab
from checker.course.model import LabToml, Value
from checker.course.places import Places
from checker.course.values import drawn, note, noted, put_in, require_values, seed_of
from checker.errors import LabError

ROOT = Path(__file__).parents[3]

VALUES = {
    "first": Value(title="one", lesson="north", choices=("anchor", "bridge", "castle", "desert")),
    "second": Value(title="two", lesson="south", choices=("bakery", "corner", "factory")),
}


def of(number: int, slug: str = "01-x", key: str = "K7Q2") -> dict[str, str]:
    return drawn(slug, VALUES, seed_of(key, number))


def test_without_a_seed_everybody_has_the_lessons_values() -> None:
    assert drawn("01-x", VALUES, "") == {"first": "north", "second": "south"}


def test_a_seed_gives_these_values_on_every_machine_and_in_every_version() -> None:
    # What a class gave to its learners must not change under them: compare with what was given once.
    assert [tuple(of(number).values()) for number in range(3)] == [
        ("bridge", "corner"),
        ("anchor", "bakery"),
        ("desert", "factory"),
    ]


def test_neighbours_in_a_class_differ_in_every_value() -> None:
    for one, next_one in pairwise(of(number) for number in range(4)):
        assert not set(one.values()) & set(next_one.values())


@pytest.mark.parametrize("sizes", [(4, 3), (11, 12), (3, 3, 3), (5, 4, 6)])
def test_as_many_learners_as_there_are_combinations_all_have_different_ones(sizes: tuple[int, ...]) -> None:
    values = {
        f"v{at}": Value(title="t", lesson=f"l{at}", choices=tuple(f"{at}-{each}" for each in range(size)))
        for at, size in enumerate(sizes)
    }
    count = prod(sizes)
    assert len({tuple(drawn("01-x", values, seed_of("K", n)).values()) for n in range(count)}) == count


def test_neighbours_differ_in_their_first_value_however_many_they_are() -> None:
    assert all(one["first"] != two["first"] for one, two in pairwise(of(number) for number in range(40)))


def test_another_class_or_another_lab_gives_other_values_to_the_same_number() -> None:
    numbers = range(12)
    assert [of(number) for number in numbers] != [of(number, key="ABCD") for number in numbers]
    assert [of(number) for number in numbers] != [of(number, slug="02-y") for number in numbers]


@pytest.mark.parametrize("seed", ["ada", "any text at all", "-", "7", "K-", "K-7-x", "K-７"])
def test_any_text_is_a_seed(seed: str) -> None:
    found = drawn("01-x", VALUES, seed)
    assert found["first"] in VALUES["first"].choices
    assert found["second"] in VALUES["second"].choices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-e PARCEL_INSTANCE=north drydock/parcel:1.0", "-e PARCEL_INSTANCE=castle drydock/parcel:1.0"),
        ("volumes: [north:/data, south:/data]", "volumes: [castle:/data, corner:/data]"),
        ("docker kill drydock-06-north-1", "docker kill drydock-06-castle-1"),
        ("files/north.env", "files/castle.env"),
        ("northern, unnorth, north1, 2north", "northern, unnorth, north1, 2north"),
        ("north south north", "castle corner castle"),
    ],
)
def test_own_values_take_the_lessons_places_as_whole_words(text: str, expected: str) -> None:
    assert put_in(text, {"north": "castle", "south": "corner"}) == expected


def test_what_was_put_in_is_not_replaced_again() -> None:
    assert put_in("8091 8092", {"8091": "8092", "8092": "8093"}) == "8092 8093"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"first": Value(title="t", lesson="a", choices=("a", "b", "c"))}, "`a` is a value of `first` too"),
        (
            {
                "first": Value(title="t", lesson="a", choices=("b", "c", "d")),
                "second": Value(title="t", lesson="e", choices=("f", "c", "g")),
            },
            "`c` is a value of `first` too",
        ),
        ({"first": Value(title="t", lesson="a b", choices=("c", "d", "e"))}, "`a b` cannot be replaced"),
        ({"first": Value(title="t", lesson="a", choices=("-c", "d", "e"))}, "`-c` cannot be replaced"),
        ({"First-1": Value(title="t", lesson="a", choices=("c", "d", "e"))}, "`First-1` is no name"),
    ],
)
def test_values_that_could_be_taken_for_one_another_are_an_error(values: dict[str, Value], said: str) -> None:
    toml = msgspec.structs.replace(Catalogue(Places(ROOT, ROOT)).find("1").toml, values=values)
    assert isinstance(toml, LabToml)
    with pytest.raises(LabError, match=said):
        require_values(Path("lab.toml"), toml)


def test_the_seed_that_a_class_gave_is_kept_until_the_class_is_left(tmp_path: Path) -> None:
    assert noted(tmp_path) == ""
    note(tmp_path, "K7Q2-3")
    assert noted(tmp_path) == "K7Q2-3"
    note(tmp_path, "")
    assert noted(tmp_path) == ""


def test_labs_have_the_values_of_the_class_that_this_machine_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path))
    catalogue = Catalogue(Places(ROOT, tmp_path))
    lesson = catalogue.find("1").values
    note(tmp_path, "K7Q2-3")
    mine = catalogue.find("1")
    assert set(mine.values.values()).isdisjoint(lesson.values())
    assert mine.with_seed("").values == lesson
    # A lab without such values is the same for all.
    assert catalogue.find("4").seed == ""


def with_a_fault(seed: str) -> Lab:
    values = {
        "port": Value(title="the port", lesson="8093", choices=("8301", "8302", "8303")),
        "lost": Value(title="the host", lesson="host-3", choices=("host-1", "host-2", "host-4"), fault=True),
    }
    found = Catalogue(Places(ROOT, ROOT)).find("3")
    return Lab(found.folder, msgspec.structs.replace(found.toml, values=values), seed=seed)


def test_a_fault_is_drawn_and_not_told() -> None:
    lab = with_a_fault("K-1")
    assert lab.fault in {"host-1", "host-2", "host-4"}
    assert list(lab.shown_values) == ["port"]
    assert lab.put_in("host-3 and 8093") == f"host-3 and {lab.values['port']}"


def test_without_a_seed_no_fault_is_picked() -> None:
    assert with_a_fault("").fault == ""


def test_nodes_change_places_in_an_answer_so_that_each_is_still_looked_after(tmp_path: Path) -> None:
    (tmp_path / "solution").mkdir()
    (tmp_path / "solution/answer.toml").write_text('title = "x"\n')
    (tmp_path / "solution/run.sh").write_text("run host-1 host-2 host-3 host-4 -p 8093; kill lab-host-3-1\n")
    lab = with_a_fault("K-1")
    script = lab.given(read_answer(tmp_path / "solution", "solution", tmp_path)).script or ""
    assert sorted(word for word in script.split(";")[0].split() if word.startswith("host-")) == [
        "host-1",
        "host-2",
        "host-3",
        "host-4",
    ]
    assert script.endswith(f"-p {lab.values['port']}; kill lab-{lab.fault}-1\n")


def test_a_lab_uses_the_learners_own_ports_and_can_use_those_of_all() -> None:
    lab = with_a_fault("K-1")
    assert int(lab.values["port"]) in lab.ports
    assert 8093 not in lab.ports
    assert with_a_fault("").ports == (8091, 8092, 8093)
    assert lab.possible_ports == {8091, 8092, 8093, 8301, 8302, 8303}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Give a lab's folder with an answer, and one that is based on it."""
    folder = tmp_path / "solution"
    (folder / "files").mkdir(parents=True)
    (folder / "answer.toml").write_text('title = "As in the lesson"\n')
    (folder / "run.sh").write_text("docker run --env-file north.env\n")
    (folder / "files/north.env").write_text("NAME=north\n")
    (folder / "files/picture").write_bytes(b"\xff north")
    wrong = tmp_path / "wrong/other"
    wrong.mkdir(parents=True)
    (wrong / "answer.toml").write_text(
        'title = "Without north"\nbased_on = "solution"\ncheck = "x"\nreason = "`north` is missing"\n'
    )
    (wrong / "changes.diff").write_text(
        "diff run.sh\n-docker run --env-file north.env\n+docker run --env-file north.env north\n"
    )
    return tmp_path


def test_an_answer_is_given_with_a_learners_own_values(lab: Path) -> None:
    told = read_answer(lab / "solution", "solution", lab).with_values({"north": "castle"})
    assert told.script == "docker run --env-file castle.env\n"
    assert told.files["castle.env"].text == "NAME=castle\n"
    assert told.files["picture"].data == b"\xff north"


def test_an_answer_that_is_based_on_another_has_own_values_in_both_parts_and_in_its_reason(lab: Path) -> None:
    told = read_answer(lab / "wrong/other", "wrong", lab).with_values({"north": "castle"})
    assert told.script == "docker run --env-file castle.env castle\n"
    assert told.toml.reason == "`castle` is missing"


def test_without_own_values_an_answer_is_as_its_folder_has_it(lab: Path) -> None:
    answer = read_answer(lab / "solution", "solution", lab)
    assert answer.with_values({}) is answer
