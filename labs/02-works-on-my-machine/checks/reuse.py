"""Whether a change to the code leaves the installed library as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .inside import searched
from .truth import WHY

if TYPE_CHECKING:
    from checker.grading.author import Engine

    from .recipe import Build, Recipe, Step


def require_library_kept(engine: Engine, recipe: Recipe) -> None:
    """Fail when the build after a change to the code made the layer of the library again."""
    first, second = recipe.build(), recipe.build_after_edit()
    if not second.ok:
        WHY.fail(
            "no-second-build",
            seen=(second.log or ["no output"])[-1],
            evidence="\n".join(second.log[-5:]),
        )
    layers = searched(engine, first.image["Id"]).layers
    folders = {layer.digest for layer in layers if layer.library}
    packed = {layer.digest for layer in layers if layer.packed_library}
    if is_kept(second, folders, packed):
        return
    again = [step.text for step in second.steps if not step.cached]
    earlier = next((text for text in again if text.startswith(("COPY", "ADD"))), "")
    WHY.fail(
        "library-behind-the-code" if earlier else "library-with-the-code",
        earlier=earlier,
        seen=f"done again: {'; '.join(again)}",
        evidence="\n".join(f"{'CACHED ' if step.cached else 'again  '} {step.text}" for step in second.steps),
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
