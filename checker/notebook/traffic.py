"""The traffic of a lab in a notebook: its requests and marks as tables, and the figure of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checker.notebook.course import changing, fresh
from checker.notebook.needs import importing
from checker.session.looking import timeline_of

if TYPE_CHECKING:
    import pandas as pd

    from checker.timeline.model import Timeline
    from checker.timeline.record import Request

COLUMNS = ["at [s]", "latency [ms]", "status", "outcome", "version", "instance", "good", "connection"]


@dataclass(frozen=True)
class Traffic:
    """The results of requests to a lab's service; as the last line of a cell it is shown as a figure.

    Args:
        lab: the lab's number, two digits.
        requests: a row a request: `at [s]`, seconds since the stretch began; `latency [ms]`; `status`, 0 without an
            answer; `outcome`, in words; `version` and `instance`, empty without an answer; `good`, whether a whole
            answer with a status below 400 came in time; `connection`, `fresh` or `kept`.
        downloads: the same for requests whose answers take seconds, in labs whose traffic has them.
        marks: a row for each thing that happened: `at [s]` and `what`.
        summary: the same in one sentence.
    """

    lab: str
    requests: pd.DataFrame
    downloads: pd.DataFrame
    marks: pd.DataFrame
    summary: str
    _timeline: Timeline = field(repr=False)

    @property
    def figure(self) -> str:
        """The figure as SVG text, the same that `lab timeline --svg` writes."""
        from checker.render.timeline_svg import timeline_svg  # noqa: PLC0415 - only when it is drawn

        return timeline_svg(self._timeline, self.lab)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.figure, "text/plain": self.summary}


def timeline(number: int | str, *, of: str = "", seconds: float | None = 600.0) -> Traffic:
    """Read the results of requests to a lab's service.

    Args:
        number: the lab, which runs.
        of: whose requests, in a lab that has several services to compare.
        seconds: how far back; None for everything.

    Raises:
        MisuseError: the lab has no traffic, or several and none is named.
        LabError: the lab does not run, or its record cannot be read.
    """
    pandas = importing("pandas")
    course, found, _ = fresh(number)
    with changing():
        said = timeline_of(course, found, name=of, seconds=seconds)
    requests, downloads = (
        pandas.DataFrame([_row(each, said.begin) for each in those], columns=COLUMNS)
        for those in (said.requests, said.downloads)
    )
    marks = pandas.DataFrame(
        [(mark.at - said.begin, mark.text) for mark in said.marks], columns=["at [s]", "what"]
    )
    for frame in (requests, downloads, marks):
        frame["at [s]"] = frame["at [s]"].round(3)
        frame.attrs = {"lab": found.slug, "units": {"at [s]": "s"}, "begin": said.begin}
    for frame in (requests, downloads):
        frame.attrs["units"]["latency [ms]"] = "ms"
    # What failed before the first copy was there met no service yet.
    told = said.served.summary
    return Traffic(found.number, requests, downloads, marks, f"{told[:1].upper()}{told[1:]}.", said)


def _row(each: Request, begin: float) -> tuple[Any, ...]:
    """Return the row of a request, in the order of COLUMNS."""
    return (
        each.at - begin,
        each.ms,
        each.status,
        each.outcome,
        each.version,
        each.instance,
        each.good,
        str(each.connection),
    )
