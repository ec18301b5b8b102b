"""Whether a change to the code leaves the installed library as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail

from .inside import searched

if TYPE_CHECKING:
    from checker.grading.author import Engine

    from .recipe import Build, Recipe, Step


def require_library_kept(engine: Engine, recipe: Recipe) -> None:
    """Fail when the build after a change to the code made the layer of the library again."""
    first, second = recipe.build(), recipe.build_after_edit()
    if not second.ok:
        fail(
            "After one comment was added to the code, the recipe does not build any more.",
            expected="a second build that succeeds",
            seen=(second.log or ["no output"])[-1],
            source="docker build COPY-OF-YOUR-FOLDER, after a change to labels.py",
            evidence="\n".join(second.log[-5:]),
            hint="Which line of the Dockerfile depends on the very text of the program?",
        )
    found = searched(engine, first.image["Id"])
    folders = {layer.digest for layer in found.layers if layer.library}
    packed = {layer.digest for layer in found.layers if layer.packed_library}
    if is_kept(second, folders, packed):
        return
    fail(
        "After one comment was added to the code, the library was installed once more, though nothing about the library had changed. "
        + (
            f"The builder uses a step again until the first one whose files changed; here `{_earlier(second.steps)}` comes before the library."
            if _earlier(second.steps)
            else "The step that brings in the library depends on files of the code."
        )
        + " With a real project that is minutes at every change.",
        expected="the step that brings in the library is CACHED",
        seen="done again: " + "; ".join(step.text for step in second.steps if not step.cached),
        source="docker build COPY-OF-YOUR-FOLDER, after a change to labels.py",
        evidence="\n".join(f"{'CACHED ' if step.cached else 'again  '} {step.text}" for step in second.steps),
        hint="Lesson, “Install the library first”: which files may change without the library changing, and where do they come in?",
    )


def is_kept(second: Build, folders: set[str], packed: set[str]) -> bool:
    """Whether the second build used the library of the first one.

    Args:
        second: the build after the change.
        folders: the layers of the first image that have the library as a folder.
        packed: those that have it inside a file.
    """
    done = [step for step in second.steps if not step.cached]
    if not (folders or packed).isdisjoint(second.layers):
        # A later step may name the library too, to try it or to remove its wheel; to install it once more is another matter.
        return not any(step.installed_library for step in done)
    if any(step.handles_library for step in done):
        return False
    # An archive with code and library in one changes with the code; whether the library was installed again, the log tells.
    return not folders or copied_in_one(second.steps)


def copied_in_one(steps: list[Step]) -> bool:
    """Whether the library was installed in a stage that was used again, and the last stage took that stage's files in one layer."""
    installed = any(step.handles_library and step.cached for step in steps)
    return installed and any("--from=" in step.text for step in steps if not step.cached)


def _earlier(steps: list[Step]) -> str:
    for step in steps:
        if not step.cached and step.text.startswith(("COPY", "ADD")):
            return step.text
    return ""
