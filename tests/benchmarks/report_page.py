"""A report as a browser sees it: its tags and figures, and whether they are those of the record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_EMPTY = {"meta", "img", "link", "br", "rect", "line", "path", "polyline"}
# How many seconds, bytes or wholes one of that unit is.
_UNITS = {"ms": 1e-3, "µs": 1e-6, "MB": 1e6, "%": 1e-2}


@dataclass
class Element:
    """A tag with its attributes, the section that it is in, and its text."""

    tag: str
    attributes: dict[str, str | None]
    section: str
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page, in their order."""

    source: str
    elements: list[Element] = field(default_factory=list)
    section: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "section":
            self.section = attributes["id"] or ""
        self.elements.append(Element(tag, attributes, self.section))
        if tag not in _EMPTY:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """The elements with that tag."""
        return [element for element in self.elements if element.tag == tag]

    def figures(self) -> Iterator[tuple[str, Element]]:
        """Every figure, with its place in the record."""
        for element in self.elements:
            place = element.attributes.get("data-figure")
            if place:
                yield place, element


def check_figures(page: Page, record: Mapping[str, Any]) -> dict[str, int]:
    """Compare every figure with the record; how many there are in each section."""
    found: dict[str, int] = {}
    for place, element in page.figures():
        value = stored(record, place)
        assert is_shown(value, place, element.text), f"{place}: {value!r} as {element.text!r}"
        found[element.section] = found.get(element.section, 0) + 1
    return found


def stored(record: Mapping[str, Any], place: str) -> Any:
    """The value at a place of a record; None in what is null."""
    value: Any = record
    for step in place.split("."):
        if value is not None:
            value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def is_shown(value: Any, place: str, text: str) -> bool:
    """Whether the text is that value, rounded to the digits that it has."""
    if value is None:
        return text in ("no data", "not given")
    if isinstance(value, bool):
        return text == ("yes" if value else "no")
    if isinstance(value, str):
        return text == value or value.endswith(text)
    if isinstance(value, list):
        return text == (", ".join(map(str, value)) or "none")
    number = re.fullmatch(r"(-?[\d,]*\.?(\d*)(e-?\d+)?) ?(\D*)", text)
    assert number is not None, text
    unit = _UNITS.get(number[4], 1.0)
    if number[4] in ("ms", "µs", "s"):
        value *= 1e-6 if "_us" in place else 1.0 if "start_s" in place else 1e-3
    found = float(number[1].replace(",", "")) * unit
    last_digit = 10.0 ** -len(number[2]) * float(f"1{number[3] or ''}") * unit
    return abs(found - value) <= 0.501 * last_digit
