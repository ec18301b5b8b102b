"""The table of `lab images`: each image, its size, where it came from and which labs need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checker.course.catalogue import Lab
    from checker.images.catalogue import Images
    from checker.images.store import Store

ABSENT = "not here"
OUTDATED = "outdated"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One image as the table shows it."""

    reference: str
    summary: str
    size: int
    """In bytes, including what it shares with other images; 0 if it is not there."""
    origin: str
    """`built`, `pulled`, `bundle`, `outdated`, or `not here`."""
    labs: tuple[str, ...]
    """Slugs of the labs that use it."""


def list_images(images: Images, store: Store, labs: Iterable[Lab]) -> list[Row]:
    """Return a row for every image of the catalogue.

    Raises:
        LabError: a lab needs an image that does not exist.
    """
    needed: dict[str, list[str]] = {}
    for lab in labs:
        for name in lab.all_images:
            try:
                image = images.find(name)
            except MisuseError as error:
                raise MisuseError(
                    f"{lab.folder / 'lab.toml'}: field `images`: {error.what}", remedy=error.remedy
                ) from None
            needed.setdefault(image.reference, []).append(lab.slug)
    fingerprint = store.fingerprint()
    rows = []
    for image in images:
        current, outdated = store.current(image), store.outdated(image)
        present = current or outdated
        origin = store.origin(current, fingerprint) if current else OUTDATED if outdated else ABSENT
        rows.append(
            Row(
                reference=image.reference,
                summary=image.toml.summary,
                size=store.size(present) if present else 0,
                origin=str(origin),
                labs=tuple(needed.get(image.reference, ())),
            )
        )
    return rows


def write_table(rows: Sequence[Row]) -> str:
    """Write the rows for a person to read."""
    head = ("IMAGE", "SIZE", "FROM", "LABS", "WHAT IT IS")
    cells = [
        head,
        *((row.reference, _size(row.size), row.origin, _labs(row.labs), row.summary) for row in rows),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines += [
        "",
        "Sizes include what images share: most are based on the same Debian, which is stored only once.",
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _size(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else "–"


def _labs(slugs: Sequence[str]) -> str:
    return " ".join(slug[:2] for slug in slugs) or "–"
