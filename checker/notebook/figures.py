"""Figures, each given three times: drawn, in one sentence, and as a table."""

from __future__ import annotations

import base64
import io
import logging
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from checker.errors import MisuseError
from checker.notebook.needs import importing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INK, QUIET, LINE, PAPER = "#1c2a33", "#475863", "#8ea0aa", "#f7f9f9"
"""The colours of the lessons' figures; the paper is part of each, so that it reads the same on a dark page."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Colours that people with any kind of colour blindness tell apart (Okabe and Ito, 2008, "Color Universal Design")."""

LINES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))

ROWS = 40
"""How many rows of a table are shown beside a figure; a longer table shows only its first and last rows."""


def plot_style() -> None:
    """Let matplotlib draw in the course's style: without warnings, offline, in colours and signs that everyone can distinguish.

    Raises:
        LabError: matplotlib is not installed.
    """
    # When it is first used, it reports the fonts that it looks for; the learner can do nothing about that.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    matplotlib = importing("matplotlib")
    cycler = importing("cycler").cycler
    matplotlib.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "axes.edgecolor": LINE,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dfe5e8",
            "text.color": INK,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
            "font.family": "sans-serif",
            "font.size": 11.0,
            "legend.frameon": False,
            "axes.prop_cycle": cycler(color=list(COLOURS)) + cycler(linestyle=list(LINES)),
            # Text stays text: it can be searched, read aloud and enlarged.
            "svg.fonttype": "none",
            # The same numbers make the same file.
            "svg.hashsalt": "drydock",
        }
    )


@dataclass(frozen=True)
class Picture:
    """A figure with a sentence and a table that say the same; a notebook shows it as the last line of a cell.

    Args:
        says: what the figure shows, in one sentence with its numbers; the alternative text of the drawing.
        table: the numbers.
        svg: the drawing.
    """

    says: str
    table: pd.DataFrame
    svg: str = field(repr=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        table = self.table.to_html(max_rows=ROWS, border=0, justify="left")
        source = f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"
        return {
            "image/svg+xml": self.svg,
            "text/html": (
                f'<figure style="margin:0"><img alt="{escape(self.says, quote=True)}" src="{source}">'
                f"<figcaption>{escape(self.says)}</figcaption></figure>"
                f"<details><summary>The numbers as a table</summary>{table}</details>"
            ),
            "text/plain": f"{self.says}\n\n{self.table.to_string(max_rows=ROWS)}",
        }


def picture(figure: Figure, says: str, table: pd.DataFrame) -> Picture:
    """Finish a matplotlib figure: return it with its sentence and its table.

    Args:
        figure: the figure; it is closed, so that Jupyter does not show it a second time.
        says: what it shows, in one sentence with its numbers, which come from the data and are not typed.
        table: the numbers that are drawn, with units in the names of the columns.

    Raises:
        MisuseError: the sentence is empty, the table has no rows, or nothing is drawn.
    """
    if not says.strip():
        raise MisuseError("A figure needs a sentence that says what it shows.")
    if table.empty:
        raise MisuseError(
            "The table of this figure has no rows, so there is nothing to draw.",
            remedy="Run the cells above, from the top: they measure.",
        )
    if not any(axes.has_data() for axes in figure.axes):
        raise MisuseError(
            "Nothing is drawn in this figure.",
            remedy="Run the cells above, from the top: they measure.",
        )
    pyplot = importing("matplotlib.pyplot")
    out = io.StringIO()
    figure.tight_layout()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return Picture(says.strip(), table, _titled(out.getvalue(), says.strip()))


def _titled(svg: str, says: str) -> str:
    """Return the drawing for a page: without what comes before its root, with its sentence for screen readers."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, count=1, flags=re.DOTALL)
    head, _, rest = body.partition(">")
    return f'{head} role="img" aria-label="{escape(says, quote=True)}">{rest}'
