"""Whether a change to the code leaves the installed library as it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .truth import WHY

if TYPE_CHECKING:
    from checker.grading.author import Build, Step

    from .recipe import Recipe

_INSTALLED = re.compile(
    r"(Successfully installed|Installing collected packages:).*\bparcelcode", re.IGNORECASE
)
_LIBRARY_WORDS = re.compile(r"parcelcode|requirements|vendor", re.IGNORECASE)


def require_library_kept(recipe: Recipe) -> None:
    """Fail when the build after a change to the code made the layer of the library again."""
    second = recipe.built_after_edit
    if not second.ok:
        WHY.fail(
            "no-second-build",
            seen=(second.log or ["no output"])[-1],
            evidence="\n".join(second.log[-5:]),
        )
    layers = recipe.contents.layers
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
        return not any(_installed_library(step) for step in done)
    if any(_handles_library(step) for step in done):
        return False
    # An archive with code and library in one changes with the code; whether the library was installed again, the log tells.
    return not folders or copied_in_one(second.steps)


def copied_in_one(steps: list[Step]) -> bool:
    """Whether the library was installed in a stage that was used again, and the last stage took that stage's files in one layer."""
    installed = any(_handles_library(step) and step.cached for step in steps)
    return installed and any("--from=" in step.text for step in steps if not step.cached)


def _handles_library(step: Step) -> bool:
    """Whether a step is a command that installs the library, by its text or by what it printed."""
    text = "\n".join([step.text, *step.output])
    return step.text.startswith("RUN") and bool(_LIBRARY_WORDS.search(text))


def _installed_library(step: Step) -> bool:
    """Whether a step printed that it installed the library, and not that the library was there already."""
    return bool(_INSTALLED.search("\n".join(step.output)))
