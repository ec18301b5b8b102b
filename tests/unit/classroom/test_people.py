"""The learners of a class on a cluster: names to sign in with, passcodes, and the file that keeps them."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from checker.classroom.hub import people
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ada\nGrace\n", ["Ada", "Grace"]),
        ("\ufeffName,Group\r\nAda,1\r\nGrace,2\r\n", ["Ada", "Grace"]),
        ('"Lovelace, Ada"\n', ["Lovelace, Ada"]),
        ("# my class\n\n  Ada  \n", ["Ada"]),
    ],
)
def test_a_list_has_one_name_in_a_line_or_in_its_first_column(text: str, names: list[str]) -> None:
    assert people.listed(text) == names


def test_a_number_stands_for_so_many_learners(tmp_path: Path) -> None:
    assert people.names_from("3", tmp_path / "3") == ["learner-01", "learner-02", "learner-03"]


@pytest.mark.parametrize("said", ["0", "1001"])
def test_a_class_of_nobody_or_of_too_many_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="1 to 1000"):
        people.names_from(said, tmp_path / said)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"names\.txt"):
        people.names_from("names.txt", tmp_path / "names.txt")


@pytest.mark.parametrize(
    ("name", "user"),
    [("Ada Lovelace", "ada-lovelace"), ("Zoë O'Neil", "zoe-o-neil"), ("Надежда", ""), ("..", "")],
)
def test_a_name_becomes_small_letters_and_hyphens(name: str, user: str) -> None:
    assert people.user_of(name) == user


def test_a_long_name_is_cut_so_that_a_pod_can_carry_it() -> None:
    assert len(people.user_of("a" * 200)) == people.NAME_LETTERS


def test_two_of_one_name_and_names_in_other_letters_get_numbers() -> None:
    users = [each.user for each in people.enrol(["Ada", "Ada", "Надежда", "Любовь", "Ada-2"], [])]
    assert users == ["ada", "ada-2", "learner", "learner-2", "ada-2-2"]


def test_who_was_in_the_class_keeps_name_and_passcode_whoever_is_added() -> None:
    before = people.enrol(["Ada", "Grace"], [])
    after = people.enrol(["Alan", "Grace", "Ada"], before)
    assert {each.name: each for each in before}["Ada"] in after
    assert [each.name for each in after] == ["Alan", "Grace", "Ada"]
    assert len({each.user for each in after}) == 3


def test_two_of_one_name_keep_their_own_passcodes() -> None:
    before = people.enrol(["Ada", "Ada"], [])
    assert people.enrol(["Ada", "Ada"], before) == before


def test_a_new_learner_never_gets_the_user_of_one_who_left_the_list() -> None:
    before = people.enrol(["Ada"], [])
    assert [each.user for each in people.enrol(["ADA"], before)] == ["ada-2"]


def test_the_hub_gets_no_passcode_and_can_tell_a_right_one() -> None:
    (ada,) = people.enrol(["Ada"], [])
    known = people.hashed([ada])["ada"]
    assert ada.passcode not in str(known)
    again = hashlib.scrypt(ada.passcode.encode(), salt=base64.b64decode(known["salt"]), n=2**14, r=8, p=1)
    assert base64.b64encode(again).decode() == known["hash"]


def test_two_classes_have_different_salts_and_passcodes() -> None:
    first, second = people.enrol(["Ada"], []), people.enrol(["Ada"], [])
    assert first[0].passcode != second[0].passcode
    assert people.hashed(first)["ada"]["salt"] != people.hashed(first)["ada"]["salt"]


def test_what_is_kept_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "class-hub/class.json"
    learners = people.enrol(["Ada"], [])
    people.keep(file, learners)
    assert people.read(file) == learners
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "class.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(LabError, match=r"class\.json"):
        people.read(file)
    assert file.read_text(encoding="utf-8") == "{"
