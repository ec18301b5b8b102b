"""Answers by difference: what an answer takes over from another, what it changes, and what is said when that fails."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from checker.course import difference
from checker.course.answer import read_answer
from checker.course.contents import Entry, Kind
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.answer import Answer
    from tests.conftest import Course

RUN = "docker build --tag app .\ndocker run --detach --publish 8081:8080 app\ncurl front\n"
APP = "def greet():\n    return 'hello'\n\n\ndef part():\n    return 'bye'\n"
WRONG = 'title = "w"\ncheck = "it-holds"\nreason = "some words"\n'
BASED = WRONG + 'based_on = "solution"\n'


@pytest.fixture
def course(course: Course) -> Course:
    """Give a lab with a solution of a script, a program and a note."""
    course.lab(
        files={
            "solution/answer.toml": 'title = "s"\n',
            "solution/run.sh": RUN,
            "solution/files/app.py": APP,
            "solution/files/note.txt": "mine\n",
        }
    )
    (course.folder / "solution/files/app.py").chmod(0o755)
    return course


@pytest.fixture
def wrong(course: Course) -> Callable[..., Answer]:
    """Give a function that writes a wrong answer and reads it."""

    def write(toml: str = BASED, changes: str = "", **files: str) -> Answer:
        course.write("wrong/w/answer.toml", toml)
        if changes:
            (course.folder / "wrong/w/changes.diff").write_text(changes)
        for name, text in files.items():
            course.write(f"wrong/w/{'run.sh' if name == 'run' else f'files/{name}.txt'}", text)
        return read_answer(course.folder / "wrong/w", "wrong", course.folder)

    return write


PORT = """\
diff run.sh
@@ the port of the image
-docker run --detach --publish 8081:8080 app
+docker run --detach --publish 8080:8080 app
"""


def test_an_answer_takes_over_everything_of_its_base(wrong: Callable[..., Answer], course: Course) -> None:
    answer = wrong()
    solution = course.catalogue.find(course.number).solution
    assert answer.contents == solution.contents
    assert answer.contents.keys() == {"run.sh", "files/app.py", "files/note.txt"}
    assert answer.differences() == {}


def test_a_line_is_changed_and_the_rest_stays_modes_included(wrong: Callable[..., Answer]) -> None:
    answer = wrong(changes=PORT)
    assert answer.script == RUN.replace("8081:", "8080:")
    app = wrong(
        changes="diff files/app.py\n def part():\n-    return 'bye'\n+    return 1\n+\n+\n+def more():\n+    return 2\n"
    ).files["app.py"]
    assert app.text == APP.replace("'bye'\n", "1\n\n\ndef more():\n    return 2\n")
    assert app.runs


def test_files_are_added_replaced_and_left_out(wrong: Callable[..., Answer]) -> None:
    toml = BASED + 'without = ["files/app.py", "run.sh"]\n'
    answer = wrong(toml, note="yours\n", new="new\n")
    assert {name: entry.text for name, entry in answer.files.items()} == {
        "note.txt": "yours\n",
        "new.txt": "new\n",
    }
    assert answer.script is None


def test_what_an_answer_says_of_itself_is_never_taken_over(course: Course) -> None:
    course.write("wrong/w/answer.toml", WRONG)
    course.write("wrong/w/run.sh", "true\n")
    course.write("alternatives/a/answer.toml", 'title = "a"\nbased_on = "wrong/w"\n')
    answer = read_answer(course.folder / "alternatives/a", "alternative", course.folder)
    assert answer.toml.title == "a"
    assert not answer.must_fail
    assert answer.script == "true\n"


def test_a_changed_base_changes_what_is_based_on_it(wrong: Callable[..., Answer], course: Course) -> None:
    course.write("solution/run.sh", "# more\n" + RUN)
    assert wrong(changes=PORT).script == "# more\n" + RUN.replace("8081:", "8080:")


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        (
            PORT.replace("--detach", "-d"),
            "changes.diff, line 3: run.sh of solution does not have these lines.",
            "Line 2 is near: `docker run --detach --publish 8081:8080 app`.",
        ),
        (
            "diff run.sh\n curl front\n docker rm app\n+true\n",
            "changes.diff, line 2: run.sh of solution does not have these lines.",
            "The file ends where `docker rm app` is expected.",
        ),
        (
            "diff run.sh\n docker build --tag app .\n-docker stop app\n",
            "does not have these lines.",
            "Line 2 is `docker run --detach --publish 8081:8080 app`, not `docker stop app`.",
        ),
        (
            "diff files/app.py\n-  return 'bye'\n",
            "files/app.py of solution does not have these lines.",
            "Line 6 has other spaces: it is `    return 'bye'`",
        ),
        ("diff files/app.py\n-xyzzy\n", "does not have these lines.", "No line is near."),
        ("diff files/app.py\n \n+x\n", "has these lines 3 times, at lines 3, 4, 7.", "Add lines around them"),
        (
            "diff run.sh\n-curl front\n@@\n-docker build --tag app .\n",
            "changes.diff, line 4: in run.sh of solution, this place is before or in the place above it.",
            "in the order of the file",
        ),
        ("diff app.py\n-x\n", "names app.py, which solution does not have", "Did you mean files/app.py?"),
        ("diff zzz\n-x\n", "names zzz, which solution does not have", "It has files/app.py, files/note.txt"),
        ("-curl front\n", "changes.diff, line 1: `-curl front` is before the first file", "diff run.sh"),
        ("diff run.sh\ncurl front\n", "line 2: `curl front` begins with none of", "with a space"),
        ("diff run.sh\n+true\n", "line 2: these lines have no place", "that stays"),
        ("diff run.sh\n curl front\n", "line 2: no line goes and none comes", "Begin it with"),
        (
            "diff run.sh\n-curl front\ndiff run.sh\n-curl front\n",
            "run.sh has its changes above",
            "one place",
        ),
        ("diff run.sh\n@@\n", "changes nothing in run.sh", "remove the line"),
        ("\n", "changes.diff changes nothing", "remove the file"),
    ],
)
def test_changes_that_do_not_apply_say_where_what_was_sought_and_what_to_do(
    wrong: Callable[..., Answer], changes: str, what: str, remedy: str
) -> None:
    with pytest.raises(LabError) as caught:
        wrong(changes=changes)
    assert what in caught.value.what
    assert "wrong/w/" in caught.value.what
    assert remedy in caught.value.remedy


def test_empty_lines_may_part_places_and_files(wrong: Callable[..., Answer]) -> None:
    answer = wrong(changes=f"\n{PORT}\n@@\n\n-curl front\n\n\ndiff files/note.txt\n-mine\n+yours\n")
    assert answer.script == RUN.replace("8081:", "8080:").replace("curl front\n", "")
    assert answer.files["note.txt"].text == "yours\n"


def test_the_lines_that_were_sought_are_shown(wrong: Callable[..., Answer]) -> None:
    with pytest.raises(LabError) as caught:
        wrong(changes="diff run.sh\n docker stop app\n-docker rm app\n")
    assert caught.value.detail == "docker stop app\ndocker rm app"


@pytest.mark.parametrize(
    ("toml", "what", "remedy"),
    [
        (WRONG, "has neither files/ nor run.sh", "`based_on`"),
        (WRONG + 'without = ["run.sh"]\n', "`without` says what differs from another answer", "based_on"),
        (
            WRONG + 'based_on = "solutoin"\n',
            "`based_on` names `solutoin`, and the lab has no",
            "Did you mean `solution`?",
        ),
        (WRONG + 'based_on = "alternatives/b"\n', "names `alternatives/b`", "Did you mean `alternative/b`?"),
        (WRONG + 'based_on = "../other"\n', "names `../other`", "Answers: solution, alternative/b, wrong/w."),
        (WRONG + 'based_on = "wrong/"\n', "names `wrong/`", "Answers: solution"),
        (
            WRONG + 'based_on = "wrong/w"\n',
            "in a circle: wrong/w, which is based on wrong/w",
            "Give one of them",
        ),
        (
            BASED + 'without = ["files/none"]\n',
            "`without` names files/none, which solution does not have",
            "note",
        ),
        (BASED + 'without = ["run.sh", "run.sh"]\n', "`without` names run.sh", ""),
        (
            BASED + 'without = ["files/app.py", "files/note.txt", "run.sh"]\n',
            "leaves nothing of solution",
            "needs files",
        ),
        (BASED + 'witout = ["run.sh"]\n', "unknown field `witout`", "Did you mean `without`?"),
    ],
)
def test_an_answer_toml_that_makes_no_sense_names_itself_and_a_way_on(
    wrong: Callable[..., Answer], course: Course, toml: str, what: str, remedy: str
) -> None:
    course.write("alternatives/b/answer.toml", 'title = "b"\nbased_on = "solution"\n')
    with pytest.raises(LabError) as caught:
        wrong(toml)
    assert what in caught.value.what
    assert "wrong/w" in caught.value.what
    assert remedy in caught.value.remedy


def test_a_whole_answer_with_a_changes_diff_is_refused(wrong: Callable[..., Answer]) -> None:
    with pytest.raises(LabError, match=r"changes\.diff says what differs from another answer"):
        wrong(WRONG, PORT, run="true\n")


@pytest.mark.parametrize(("toml", "changes"), [(BASED, PORT), (BASED + 'without = ["run.sh"]\n', "")])
def test_a_file_that_is_there_as_a_whole_is_not_changed_or_left_out_as_well(
    wrong: Callable[..., Answer], toml: str, changes: str
) -> None:
    with pytest.raises(LabError, match=r"names run\.sh, which is in the folder as a whole"):
        wrong(toml, changes, run="true\n")


def chain(course: Course, *names: str) -> Path:
    """Write answers that are each based on the next, and return the folder of the first."""
    places = [f"alternatives/{name}" for name in names]
    for place, base in zip(places, names[1:], strict=False):
        course.write(f"{place}/answer.toml", f'title = "{place}"\nbased_on = "alternative/{base}"\n')
    return course.folder / places[0]


def test_two_answers_below_one_are_read_and_three_are_refused(course: Course) -> None:
    course.write("alternatives/d/answer.toml", 'title = "d"\n')
    course.write("alternatives/d/run.sh", "true\n")
    chain(course, "a", "b", "c", "d")
    assert read_answer(course.folder / "alternatives/b", "alternative", course.folder).script == "true\n"
    with pytest.raises(LabError) as caught:
        read_answer(course.folder / "alternatives/a", "alternative", course.folder)
    assert "too deep: alternative/a, which is based on alternative/b, which is" in caught.value.what
    assert "alternatives/c/answer.toml" in caught.value.what
    assert "Base it on `solution`" in caught.value.remedy


def test_a_circle_is_shown_whole(course: Course) -> None:
    with pytest.raises(LabError) as caught:
        read_answer(chain(course, "a", "b", "a"), "alternative", course.folder)
    circle = "alternative/a, which is based on alternative/b, which is based on alternative/a"
    assert f"`based_on` goes in a circle: {circle}." in caught.value.what


def test_the_solution_is_whole(course: Course) -> None:
    course.write("solution/answer.toml", 'title = "s"\nbased_on = "alternative/a"\n')
    with pytest.raises(LabError, match="the solution cannot be based on another answer"):
        _ = course.catalogue.find(course.number).solution


def test_a_base_is_shared_and_given_to_nobody(course: Course) -> None:
    course.write("bases/plain/answer.toml", 'title = "p"\n')
    course.write("bases/plain/run.sh", "true\n")
    course.write("wrong/w/answer.toml", WRONG + 'based_on = "base/plain"\n')
    lab = course.catalogue.find(course.number)
    assert [answer.name for answer in lab.bases] == ["base/plain"]
    assert [answer.name for answer in lab.answers] == ["solution", "wrong/w"]
    assert lab.answers[1].script == "true\n"
    course.write("bases/plain/answer.toml", 'title = "p"\ncheck = "it-holds"\nreason = "r"\n')
    with pytest.raises(LabError, match="nothing is expected of it"):
        _ = lab.bases


def test_a_collected_answer_can_be_based_on_one_of_the_labs(course: Course, tmp_path: Path) -> None:
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "answer.toml").write_text('title = "ada"\nbased_on = "solution"\n')
    (folder / "changes.diff").write_text(PORT)
    answer = read_answer(folder, "answer", course.folder)
    assert answer.script == RUN.replace("8081:", "8080:")


def test_what_repeats_its_base_is_known(wrong: Callable[..., Answer]) -> None:
    assert wrong(note="mine\n", new="n\n").repeated == ["files/note.txt"]


def test_a_binary_file_and_a_link_are_taken_over_and_not_changed_by_lines(
    wrong: Callable[..., Answer], course: Course
) -> None:
    (course.folder / "solution/files/logo").write_bytes(b"\xff\0")
    (course.folder / "solution/files/newest").symlink_to("note.txt")
    files = wrong().files
    assert files["logo"] == Entry(Kind.FILE, b"\xff\0")
    assert files["newest"] == Entry(Kind.LINK, b"note.txt")
    with pytest.raises(LabError, match="files/logo of solution is not text"):
        wrong(changes="diff files/logo\n-x\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RUN, RUN.replace("8081", "8080")),
        (RUN, "first\n" + RUN),
        (RUN, RUN + "last\n"),
        (RUN, RUN.removesuffix("\n")),
        (RUN.removesuffix("\n"), RUN),
        (RUN, RUN.replace("curl front\n", "")),
        (RUN, "quite\ndifferent\n"),
        (RUN, ""),
        ("a\n" * 5, "a\n" * 6),
        ("a\nb\na\nb\na\n", "a\nb\na\nc\na\n"),
        ("", "a\n"),
        ("a\n\n\nb\n\n\nc\n", "a\n\n\nb\n\nx\n\nc\n"),
        ("a\n @@\n-\n+\n diff x\n", "a\n@@\n+\n-\ndiff x\n"),
        (APP * 2, APP + APP.replace("bye", "later")),
    ],
)
@pytest.mark.parametrize("context", [0, 2])
def test_what_is_written_as_a_difference_makes_the_same_text_again(
    before: str, after: str, context: int, tmp_path: Path
) -> None:
    text = difference.written("run.sh", before, after, context)
    hunks = difference.parse(text, tmp_path)["run.sh"]
    assert difference.apply(hunks, before, file=tmp_path, target="run.sh") == after


def test_a_difference_is_no_longer_than_it_must_be() -> None:
    assert difference.written("run.sh", RUN, RUN.replace("8081", "8080")) == PORT.replace(
        "@@ the port of the image\n", ""
    )
    assert difference.written("run.sh", RUN, RUN) == ""
    more = difference.written("run.sh", RUN, RUN.replace("curl", "sleep 1\ncurl"))
    assert more == "diff run.sh\n docker run --detach --publish 8081:8080 app\n+sleep 1\n"


def test_modes_of_the_folder_itself_do_not_count(wrong: Callable[..., Answer], course: Course) -> None:
    (course.folder / "solution/files/note.txt").chmod(stat.S_IRUSR)
    assert not wrong().files["note.txt"].runs
