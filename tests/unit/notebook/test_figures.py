"""Figures: refused when they show nothing, and told by a sentence and a table too."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from checker.errors import MisuseError
from checker.notebook import picture, plot_style
from checker.notebook.figures import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

TABLE = pd.DataFrame({"answer [ms]": [4.0, 9.5]}, index=pd.Index(["alone", "beside"], name="phase"))


@pytest.fixture
def figure() -> Iterator[Figure]:
    """Give a figure with a line in it."""
    plt.switch_backend("agg")
    with plt.rc_context():
        plot_style()
        made, axis = plt.subplots()
        axis.plot([1, 2], TABLE["answer [ms]"])
        axis.set_title("How long it takes")
        yield made
    plt.close("all")


def test_a_figure_without_a_sentence_is_refused(figure: Figure) -> None:
    with pytest.raises(MisuseError, match="needs a sentence"):
        picture(figure, "  ", TABLE)


def test_a_figure_without_rows_is_refused(figure: Figure) -> None:
    with pytest.raises(MisuseError, match="has no rows"):
        picture(figure, "It takes 4 ms.", TABLE.iloc[:0])


def test_a_figure_with_nothing_drawn_is_refused() -> None:
    plt.switch_backend("agg")
    empty, _ = plt.subplots()
    with pytest.raises(MisuseError, match="Nothing is drawn"):
        picture(empty, "It takes 4 ms.", TABLE)
    plt.close(empty)


def test_a_figure_is_told_three_times(figure: Figure) -> None:
    shown = picture(figure, "It takes 4.0 ms, then 9.5 ms.", TABLE)._repr_mimebundle_()
    assert set(shown) == {"image/svg+xml", "text/html", "text/plain"}
    assert shown["text/plain"].startswith("It takes 4.0 ms, then 9.5 ms.\n\n")
    assert "9.5" in shown["text/plain"].partition("\n\n")[2]
    assert 'alt="It takes 4.0 ms, then 9.5 ms."' in shown["text/html"]
    assert "<td>9.5</td>" in shown["text/html"]


def test_the_drawing_stands_alone_with_its_sentence_as_alternative_text(figure: Figure) -> None:
    says = 'It takes <4 ms & "9.5 ms".'
    svg = picture(figure, says, TABLE).svg
    root = ET.fromstring(svg)  # noqa: S314 - we made it
    assert root.get("role") == "img"
    assert root.get("aria-label") == says
    assert "How long it takes" in svg, "text is drawn as shapes, which nobody can search or read aloud"
    assert "<metadata" not in svg


def test_the_alternative_text_in_html_is_escaped(figure: Figure) -> None:
    html = picture(figure, 'a "b" <i>c</i>', TABLE)._repr_mimebundle_()["text/html"]
    assert 'alt="a &quot;b&quot; &lt;i&gt;c&lt;/i&gt;"' in html
    assert "<i>" not in html


def test_the_same_numbers_make_the_same_drawing() -> None:
    plt.switch_backend("agg")
    drawn = []
    with plt.rc_context():
        plot_style()
        for _ in range(2):
            made, axis = plt.subplots()
            axis.bar(["a", "b"], [1, 2], label="x")
            axis.legend()
            drawn.append(picture(made, "One and two.", TABLE).svg)
    assert drawn[0] == drawn[1]


def test_a_figure_is_closed_when_it_is_told(figure: Figure) -> None:
    picture(figure, "It takes 4 ms.", TABLE)
    assert not plt.fignum_exists(figure.number)


def test_colours_are_told_apart_by_more_than_colour() -> None:
    with plt.rc_context():
        plot_style()
        lines = [each["linestyle"] for each in plt.rcParams["axes.prop_cycle"]]
    assert len(lines) == len(COLOURS)
    assert len({str(line) for line in lines}) == len(lines)
