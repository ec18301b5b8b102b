"""Submissions graded again: what counts as verified, what is refuted, and what a second run leaves out."""

from __future__ import annotations

import gzip
import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.classroom.archive import SUFFIX
from checker.classroom.judging import waves
from checker.classroom.pile import sort
from checker.classroom.regrade import Found, Kept, compare, grade_all, standings
from checker.classroom.result import Evidence, Result
from checker.classroom.submission import HandedIn, Where
from checker.classroom.tables import result_lines
from checker.errors import LabError, MisuseError
from checker.render.style import Style
from checker.results import Status
from tests.unit.classroom.conftest import CHECKS, report_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from tests.conftest import Course
    from tests.unit.classroom.conftest import Handing

PLAIN = Style(colour=False, width=100, unicode=True, terminal=False)


def grade(course: Course, handing: Handing, judge: Callable[[HandedIn], Found]) -> list[Result]:
    pile = sort(handing.folder, course.catalogue)
    handed = pile.handed.get(handing.lab.slug, [])
    return list(grade_all(handing.folder, handing.lab, handed, lambda each, _: judge(each), pile))


def test_what_came_out_as_claimed_is_verified(handing: Handing, lab: Lab) -> None:
    result = compare(handing.handed(), Found(report_of(lab, *CHECKS)), file="x")
    assert result.evidence is Evidence.VERIFIED
    assert not result.refuted


def test_a_forged_report_comes_out_as_claimed_and_refuted(handing: Handing, lab: Lab) -> None:
    forged = handing.handed(files={}, typed=())
    result = compare(forged, Found(report_of(lab)), file="x")
    assert result.evidence is Evidence.CLAIMED
    assert result.refuted == CHECKS
    assert all(check.counts is Status.FAILED for check in result.checks if check.id in CHECKS)


def test_a_claim_of_which_a_part_came_out_is_replayed(handing: Handing, lab: Lab) -> None:
    result = compare(handing.handed(), Found(report_of(lab, "it-answers")), file="x")
    assert result.evidence is Evidence.REPLAYED
    assert result.refuted == ("it-holds", "it-lasts")
    assert result.checks[1].why == "it-holds is not so."


def test_an_honest_failure_is_verified(handing: Handing, lab: Lab) -> None:
    honest = handing.handed(report=report_of(lab, guard=Status.FAILED))
    assert compare(honest, Found(report_of(lab)), file="x").evidence is Evidence.VERIFIED


def test_what_came_out_better_than_claimed_counts(handing: Handing, lab: Lab) -> None:
    modest = handing.handed(report=report_of(lab, "it-answers"))
    result = compare(modest, Found(report_of(lab, *CHECKS)), file="x")
    assert result.evidence is Evidence.VERIFIED
    assert all(check.counts is Status.PASSED for check in result.checks)


def test_what_could_not_be_judged_here_is_still_claimed_and_is_tried_again(handing: Handing) -> None:
    result = compare(handing.handed(), Found(None, "the engine has gone"), file="x")
    assert result.evidence is Evidence.CLAIMED
    assert not result.refuted
    assert not result.final
    assert "the engine has gone" in result.note


def test_a_lab_on_the_learners_own_cluster_is_not_run(course: Course, handing: Handing) -> None:
    course.write("compose.elsewhere.yaml", "services: {}\n")
    handing.file(where=Where.OWN_CLUSTER)

    def judge(_: HandedIn) -> Found:
        pytest.fail("it was run")

    (result,) = grade(course, handing, judge)
    assert result.evidence is Evidence.CLAIMED
    assert "own cluster" in result.note


def test_a_forger_cannot_say_that_a_lab_ran_where_it_cannot(course: Course, handing: Handing) -> None:
    handing.file(where=Where.OWN_CLUSTER)
    pile = sort(handing.folder, course.catalogue)
    assert not pile.handed
    assert "cannot run there" in pile.refused[0].refused


def test_an_interrupted_run_goes_on_where_it_was(course: Course, handing: Handing, lab: Lab) -> None:
    for name in ("Ada", "Ben", "Cem"):
        handing.file(name)
    ran: list[str] = []

    def judge(handed: HandedIn) -> Found:
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(handed.submission.learner)
        return Found(report_of(lab, *CHECKS))

    def judge_all(handed: HandedIn) -> Found:
        ran.append(handed.submission.learner)
        return Found(report_of(lab, *CHECKS))

    with pytest.raises(KeyboardInterrupt):
        grade(course, handing, judge)
    results = grade(
        course,
        handing,
        judge_all,
    )
    assert sorted(ran) == ["Ada", "Ben", "Cem"]
    assert len(results) == 3


def test_a_damaged_record_of_earlier_runs_means_that_all_run_again(
    course: Course, handing: Handing, lab: Lab
) -> None:
    handing.file()
    first = grade(course, handing, lambda _: Found(report_of(lab, *CHECKS)))
    (handing.folder / ".regraded" / f"{lab.slug}.json").write_text("{")
    again = grade(course, handing, lambda _: Found(report_of(lab)))
    assert (first[0].evidence, again[0].evidence) == (Evidence.VERIFIED, Evidence.CLAIMED)


def test_a_changed_check_means_that_the_result_of_before_does_not_count(handing: Handing, lab: Lab) -> None:
    handed = handing.handed()
    kept = Kept(handing.folder, lab.slug)
    kept.add(compare(handed, Found(report_of(lab, *CHECKS)), file="x"))
    assert Kept(handing.folder, lab.slug).of(handed.sha256, handed.submission.course) is not None
    assert Kept(handing.folder, lab.slug).of(handed.sha256, "another") is None


def test_each_bad_archive_is_set_aside_with_a_sentence_and_the_others_are_graded(
    course: Course, handing: Handing, lab: Lab
) -> None:
    good = handing.file("Ada")
    handing.file("Ben", course="0" * 64)
    handing.file("Cem", lab="01-first")
    (handing.folder / f"again{SUFFIX}").write_bytes(good.read_bytes())
    (handing.folder / f"half{SUFFIX}").write_bytes(good.read_bytes()[:200])
    (handing.folder / "notes.txt").write_text("not an archive of anybody")
    pile = sort(handing.folder, course.catalogue)
    assert [each.submission.learner for _, each in pile.handed[lab.slug]] == ["Ada"]
    said = {each.file: each.refused for each in pile.refused}
    assert len(said) == 4
    assert "another version" in said["01.drydock.tar.gz"]
    assert "does not have: 01-first" in said["02.drydock.tar.gz"]
    assert "the same archive as 00" in said["again.drydock.tar.gz"]
    assert "no complete archive" in said["half.drydock.tar.gz"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a": b"x", "a/b": b"x"}, "a is a file and a folder"),
        ({"a/b/c": b"x", "a/b": b"x"}, "a/b is a file and a folder"),
        ({"x/" + "\N{FIRE}" * 64: b"x"}, "longer than 255 bytes"),
    ],
)
def test_files_that_no_folder_can_have_are_refused_and_the_others_are_graded(
    course: Course, handing: Handing, lab: Lab, files: dict[str, bytes], why: str
) -> None:
    handing.file("Ada")
    handing.file("Mallory", files=files)
    pile = sort(handing.folder, course.catalogue)
    assert [each.submission.learner for _, each in pile.handed[lab.slug]] == ["Ada"]
    (refused,) = pile.refused
    assert why in refused.refused


def test_the_longest_names_that_can_be_written_are_taken(course: Course, handing: Handing, lab: Lab) -> None:
    handing.file("Ada", files={"a": b"x", "ab/c": b"x", "d/" + "\N{FIRE}" * 63: b"x"})
    assert len(sort(handing.folder, course.catalogue).handed[lab.slug]) == 1


@pytest.mark.parametrize(
    ("refuted", "final", "refused", "failed", "code"),
    [
        (False, True, False, False, 0),
        (False, False, False, False, 3),
        (False, True, False, True, 3),
        (True, False, False, True, 1),
        (False, False, True, False, 1),
    ],
)
def test_what_was_refuted_counts_more_than_what_could_not_be_judged(
    monkeypatch: pytest.MonkeyPatch, *, refuted: bool, final: bool, refused: bool, failed: bool, code: int
) -> None:
    verb = importlib.import_module("checker.cli.verbs.class")
    result = SimpleNamespace(lab="03", learner="Ada", evidence="", refuted=("x",) * refuted, final=final)
    pile = SimpleNamespace(handed={}, refused=[result] * refused)

    def grade(*words: Any) -> list[LabError]:
        words[-1](result)
        return [LabError("Lab 03 could not be graded.", remedy="")] * failed

    monkeypatch.setattr("checker.classroom.pile.sort", lambda *_: pile)
    monkeypatch.setattr(verb, "_whose", lambda _: None)
    monkeypatch.setattr(verb, "_grade", grade)
    monkeypatch.setattr(verb, "_tell_results", lambda *_: None)
    args = SimpleNamespace(folder=".", lab="", again=False, json=False)
    assert verb._verify(SimpleNamespace(args=args, catalogue=[])) == code


def test_an_answer_that_cannot_be_run_stops_no_other_and_is_tried_again(
    course: Course, handing: Handing, lab: Lab
) -> None:
    for name in ("Ada", "Ben"):
        handing.file(name)

    def judge(handed: HandedIn) -> Found:
        if handed.submission.learner == "Ada":
            raise LabError("The disk is full.", remedy="Free some space.")
        return Found(report_of(lab, *CHECKS))

    results = {each.learner: each for each in grade(course, handing, judge)}
    assert results["Ada"].note == "it could not be run here: The disk is full. Free some space."
    assert not results["Ada"].final
    assert results["Ben"].evidence is Evidence.VERIFIED


def test_of_two_by_one_learner_the_later_counts(course: Course, handing: Handing, lab: Lab) -> None:
    handing.file("ada l", made="2026-01-05T12:00:00+00:00", hints=2)
    handing.file("Ada  L", made="2026-01-05T10:00:00+00:00", hints=1)
    pile = sort(handing.folder, course.catalogue)
    ((_, handed),) = pile.handed[lab.slug]
    assert handed.submission.hints == 2
    assert "A later one of the same name" in pile.refused[0].refused


def test_the_later_counts_whatever_the_zone_of_its_clock(course: Course, handing: Handing, lab: Lab) -> None:
    handing.file(made="2026-01-05T11:30:00+02:00", hints=1)
    handing.file(made="2026-01-05T10:00:00+00:00", hints=2)
    ((_, handed),) = sort(handing.folder, course.catalogue).handed[lab.slug]
    assert (handed.submission.hints, handed.submission.made) == (2, "2026-01-05T10:00:00+00:00")


@pytest.mark.parametrize(
    "made", ["", "9999", "2026-01-05T10:00:00", "=1+1", "9999-12-31T23:59:59-23:00", "z" * 100_000]
)
def test_a_time_that_cannot_be_compared_is_refused(
    course: Course, handing: Handing, lab: Lab, made: str
) -> None:
    handing.file(hints=1)
    handing.file(made=made, hints=2)
    pile = sort(handing.folder, course.catalogue)
    ((_, handed),) = pile.handed[lab.slug]
    assert handed.submission.hints == 1
    assert "does not say when it was made" in pile.refused[0].refused
    assert len(pile.refused[0].refused) < 200


def test_an_id_that_is_the_name_of_another_learner_takes_nothing_from_them(
    course: Course, handing: Handing, lab: Lab
) -> None:
    handing.file("Ada")
    handing.file("Mallory", id="ada", made="2027-01-05T10:00:00+00:00")
    pile = sort(handing.folder, course.catalogue)
    assert [each.submission.learner for _, each in pile.handed[lab.slug]] == ["Mallory", "Ada"]
    assert not pile.refused


def test_one_id_with_two_names_is_noted_at_both(course: Course, handing: Handing, lab: Lab) -> None:
    handing.file("Ada", id="4711")
    handing.file("Ben", id="4711", made="2026-01-05T12:00:00+00:00")
    pile = sort(handing.folder, course.catalogue)
    ((_, ben),) = pile.handed[lab.slug]
    assert pile.notes[ben.sha256] == "the same id was also handed in as Ada"
    assert pile.refused[0].refused == (
        f"It is of Ada. A later one of the same id was handed in as Ben: 01{SUFFIX}."
    )


@pytest.mark.parametrize(
    "name", ["03-x-ada.drydock.tar (1).gz", "03-x-ada.drydock (1).tar.gz", "03-x-ada.drydock(1).tar.gz"]
)
def test_an_archive_that_a_browser_renamed_counts_too(
    course: Course, handing: Handing, lab: Lab, name: str
) -> None:
    handing.file(hints=1)
    later = handing.file(hints=2, made="2026-01-05T12:00:00+00:00")
    later.rename(later.with_name(name))
    # Explorer and macOS put these beside a file that they copy.
    for beside in (f"{name}:Zone.Identifier", f"._{name}"):
        later.with_name(beside).write_text("[ZoneTransfer]\n")
    assert [each.file for each in sort(handing.folder, course.catalogue).refused] == [f"00{SUFFIX}"]
    ((_, handed),) = sort(handing.folder, course.catalogue).handed[lab.slug]
    assert handed.submission.hints == 2


def test_an_archive_that_was_unpacked_on_the_way_is_refused_with_what_to_do(
    course: Course, handing: Handing, lab: Lab
) -> None:
    good = handing.file("Ada")
    unpacked = handing.folder / "03-x-ben.drydock.tar"
    unpacked.write_bytes(gzip.decompress(handing.file("Ben").read_bytes()))
    (handing.folder / "03-x-cem.drydock").mkdir()
    (handing.folder / "03-x-cem.drydock" / "submission.json").write_text("{}")
    (handing.folder / "of-monday.drydock").mkdir()
    for file in handing.folder.glob("*.gz"):
        if file != good:
            file.unlink()
    pile = sort(handing.folder, course.catalogue)
    assert [each.submission.learner for _, each in pile.handed[lab.slug]] == ["Ada"]
    assert [each.file for each in pile.refused] == ["03-x-ben.drydock.tar", "03-x-cem.drydock"]
    assert all("unpacked on the way" in each.refused for each in pile.refused)
    # What the sentence advises works.
    unpacked.with_name(f"{unpacked.name}.gz").write_bytes(gzip.compress(unpacked.read_bytes()))
    assert len(sort(handing.folder, course.catalogue).handed[lab.slug]) == 2


def test_a_download_that_was_cut_short_is_not_passed_over(course: Course, handing: Handing) -> None:
    half = handing.file()
    half.write_bytes(half.read_bytes()[:200])
    half.rename(half.with_name(f"{half.name}.part"))
    (refused,) = sort(handing.folder, course.catalogue).refused
    assert "no complete archive" in refused.refused


def test_the_same_work_under_two_names_is_noted_for_both(course: Course, handing: Handing, lab: Lab) -> None:
    from checker.scene.typed import Typed

    for name in ("Ada", "Ben"):
        handing.file(name, files={"a": b"same"}, typed=(Typed(5, "docker ps"),))
    handing.file("Cem", files={"a": b"same"}, typed=(Typed(6, "docker ps"),))
    results = grade(course, handing, lambda _: Found(report_of(lab, *CHECKS)))
    notes = {each.learner: each.note for each in results}
    assert notes == {
        "Ada": "the same files and commands as Ben",
        "Ben": "the same files and commands as Ada",
        "Cem": "",
    }


def test_a_copy_that_is_handed_in_later_is_noted_at_both(course: Course, handing: Handing, lab: Lab) -> None:
    from checker.scene.typed import Typed

    def judge(_: HandedIn) -> Found:
        return Found(report_of(lab, *CHECKS), "one command was ended")

    def copy(name: str) -> None:
        handing.file(name, files={"a": b"same"}, typed=(Typed(5, "docker ps"),))

    copy("Ada")
    assert [each.note for each in grade(course, handing, judge)] == ["one command was ended"]
    copy("Ben")
    expected = {
        "Ada": "the same files and commands as Ben; one command was ended",
        "Ben": "the same files and commands as Ada; one command was ended",
    }
    for _ in range(2):
        assert {each.learner: each.note for each in grade(course, handing, judge)} == expected
    found, _refused = standings(handing.folder, course.catalogue)
    assert {each.learner: each.note for each in found} == expected


def test_an_archive_that_was_moved_is_named_as_it_is_now(course: Course, handing: Handing, lab: Lab) -> None:
    file = handing.file()
    grade(course, handing, lambda _: Found(report_of(lab, *CHECKS)))
    file.rename(file.with_name(f"ada{SUFFIX}"))
    found, _ = standings(handing.folder, course.catalogue)
    assert [each.file for each in found] == [f"ada{SUFFIX}"]


def test_what_was_not_graded_again_stands_as_claimed(course: Course, handing: Handing, lab: Lab) -> None:
    handing.file("Ada")
    handing.file("Ben")
    Kept(handing.folder, lab.slug).add(
        compare(
            sort(handing.folder, course.catalogue).handed[lab.slug][0][1],
            Found(report_of(lab, *CHECKS)),
            file="x",
        )
    )
    found, _ = standings(handing.folder, course.catalogue)
    assert {each.learner: each.evidence for each in found} == {
        "Ada": Evidence.VERIFIED,
        "Ben": Evidence.CLAIMED,
    }


def test_a_folder_without_archives_says_what_makes_one(course: Course, handing: Handing) -> None:
    with pytest.raises(MisuseError, match="no file whose name ends in"):
        sort(handing.folder, course.catalogue)
    with pytest.raises(MisuseError, match="no folder"):
        sort(handing.folder / "missing", course.catalogue)


def test_the_table_shows_what_was_refuted_and_nothing_that_a_terminal_obeys(
    handing: Handing, lab: Lab
) -> None:
    forged = handing.handed("\x1b[2JMallory\u202e", files={}, typed=())
    lines = result_lines(
        [compare(forged, Found(report_of(lab)), file="x")],
        [Result(file="b\x1b[2Jad", refused="It is \x1b]0;x\x07cut.")],
        PLAIN,
    )
    text = "\n".join(lines)
    assert "Mallory  97   0 of 3  claimed, refuted" in text
    assert (
        "claimed to pass, did not pass here: it-answers (it-answers is not so.), it-holds, it-lasts"
        in " ".join(text.split())
    )
    assert "nothing was recorded that could be replayed" in text
    assert "\x1b" not in text
    assert text.endswith("1 handed in: 1 claimed; 1 with claims that did not come out here; 1 refused.")


def test_labs_are_graded_together_only_as_far_as_memory_and_processors_go(course: Course) -> None:
    def lab(number: int, memory: float | None) -> Lab:
        measured = (
            f'[measured]\nmemory_mb = {memory}\ndisk_mb = 1\nstart_s = 1\ncheck_s = 1\nengine = "1"\nsystem = "1"\ndate = "1"\n'
            if memory is not None
            else ""
        )
        folder = course.root / "labs" / f"{number:02}-x"
        folder.mkdir()
        (folder / "lab.toml").write_text(
            f'title = "T"\nclaim = "C"\nsummary = "S"\npart = "containers"\nminutes = 5\n[[steps]]\ntitle = "S"\n{measured}'
        )
        return course.catalogue.read(folder)

    labs = [lab(1, 100), lab(2, 1000), lab(3, 3000), lab(4, None)]

    def numbers(memory: int | None, processors: int = 4) -> list[list[str]]:
        return [[each.number for each in wave] for wave in waves(labs, memory, processors)]

    assert numbers(16_000_000_000) == [["03", "02", "01"], ["04"]]
    assert numbers(16_000_000_000, processors=2) == [["03", "02"], ["01"], ["04"]]
    assert numbers(4_400_000_000) == [["03", "01"], ["02"], ["04"]]
    assert numbers(None) == [["03"], ["02"], ["01"], ["04"]]
