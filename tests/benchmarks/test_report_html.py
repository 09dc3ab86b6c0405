"""The HTML report stands alone, shows the record's own figures, and lets no text become a tag."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from edgefer.benchmarks.report_html import html_report
from edgefer.errors import InputError
from tests.benchmarks.records import BARE, INT8, TORCH, poor_record, rich_record
from tests.benchmarks.report_page import Page, check_figures

SECTIONS = [
    "summary",
    "latency",
    "time",
    "pareto",
    "confusion",
    "ranges",
    "layers",
    "start",
    "checks",
    "environment",
    "not-measured",
]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></title></style>&lt;\x00\u202e"
# What a report decides by, or decodes.
FIXED = {"histogram", "scenario", "verdict", "name", "to", "kind"}

Make = Callable[[], dict[str, Any]]


def page_of(record: dict[str, Any]) -> Page:
    return Page(html_report(record))


def hostile(value: Any, key: str = "") -> Any:
    """The same record with that in every text."""
    if isinstance(value, str) and key not in FIXED:
        return value + HOSTILE
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    if isinstance(value, dict):
        own = key in ("versions", "passed_over", "missing", "ranges", "temperatures_c", "stages_ms")
        return {
            name + HOSTILE if own else name: hostile(item, name) for name, item in value.items()
        }
    return value


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_every_section_is_there_with_what_to_read_off_it(make: Make) -> None:
    page = page_of(make())
    assert [section.attributes["id"] for section in page.all("section")] == SECTIONS
    assert [heading.section for heading in page.all("h2")] == SECTIONS
    leads = [one for one in page.all("p") if one.attributes.get("class") == "lead"]
    assert [lead.section for lead in leads] == SECTIONS
    assert all(lead.text.endswith(".") for lead in leads)
    links = [link.attributes["href"] for link in page.all("a")]
    assert links == [f"#{name}" for name in SECTIONS]


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_nothing_is_loaded_and_nothing_runs(make: Make) -> None:
    page = page_of(make())
    first, policy = page.all("meta")[:2]
    assert first.attributes == {"charset": "utf-8"}
    assert policy.attributes["http-equiv"] == "Content-Security-Policy"
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"}.intersection(
        element.tag for element in page.elements
    )
    for element in page.elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "data", "xlink:href")
            assert name != "href" or (value or "").startswith("#")
    assert "url(" not in page.source
    assert "@import" not in page.source


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_figures_are_those_of_the_record(make: Make) -> None:
    record = make()
    found = check_figures(page_of(record), record)
    assert {"summary", "latency", "time", "pareto", "start", "checks", "environment"} <= set(found)
    assert "not-measured" in found


def test_a_rich_record_has_figures_in_every_section() -> None:
    record = rich_record()
    assert list(check_figures(page_of(record), record)) == SECTIONS


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_no_text_of_a_record_becomes_a_tag(make: Make) -> None:
    record = make()
    for result in record["results"]:
        result["name"] = result["name"] + HOSTILE
    for entry in (*record["accuracy"], *record["bundles"]):
        entry["name"] = entry["name"] + HOSTILE
    record["telemetry"].update(valid=False, reasons=["throttling"])
    record["results"][0]["stability"].update(stable=False, reason="spread")
    expected, page = page_of(record), page_of(hostile(record))
    assert {element.tag for element in page.elements} == {
        element.tag for element in expected.elements
    }
    assert not [name for one in page.elements for name in one.attributes if name.startswith("on")]
    assert not re.search("[\x00\u202e]", page.source)
    ElementTree.fromstring(re.sub("<!doctype html>|<meta[^>]*>", "", page.source))


def test_names_that_are_no_utf8_can_be_written() -> None:
    record = poor_record()
    record["results"][0]["name"] = "caf\udce9.edgefer"
    assert "caf?.edgefer" in html_report(record).encode().decode()


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_pictures_say_what_they_are_of_and_stay_within_themselves(make: Make) -> None:
    found = re.findall(r"<svg.*?</svg>", html_report(make()), re.DOTALL)
    assert found
    for text in found:
        picture = ElementTree.fromstring(text)
        assert not re.search(r"\b(nan|inf|None)\b", text)
        if picture.get("aria-hidden") != "true":
            assert picture.get("role") == "img"
            title = picture[0]
            assert title.tag.endswith("title")
            assert title.text == picture.get("aria-label")
        _, _, width, height = map(float, (picture.get("viewBox") or "").split())
        for element in picture.iter():
            for name, most in (("x", width), ("x1", width), ("x2", width), ("y", height)):
                assert 0 <= float(element.get(name, 0)) <= most, ElementTree.tostring(element)


def test_an_invalid_run_says_so_before_anything_else() -> None:
    record = rich_record()
    record["telemetry"].update(valid=False, reasons=["throttling: down to 306 of 625 MHz"])
    for spread, result in zip((0.3, 0.31), record["results"][1:3]):
        result["stability"].update(stable=False, spread=spread, reason=f"{spread:.0%} apart")
    record["results"][2]["answers"].update(hold=False, largest_difference=0.25)
    record["results"][3]["cached"].update(ratio=0.1, found=True)
    loud = [one for one in page_of(record).elements if one.attributes.get("class") == "loud"]
    assert [one.text for one in loud] == [
        "invalid: throttling: down to 306 of 625 MHz",
        f"wrong while the clock ran: {TORCH} (single, 1 thread): off by 0.25",
        f"answers from a cache, not of new faces: {BARE} (single, 1 thread)",
        f"unstable: 2 of 28, the worst {TORCH} (single, 1 thread): 31% apart",
    ]
    for calm in (rich_record(), poor_record()):
        assert not [one for one in page_of(calm).elements if one.attributes.get("class") == "loud"]


def test_what_is_null_is_no_data_with_its_reason() -> None:
    page = page_of(poor_record())
    text = page.all("main")[0].text
    for reason in (
        "Whether the machine held still is not known: throttling: nothing tells the clock.",
        "no data: none of jetson, rapl gives data on this machine",
        "Accuracy: no data: give --data DATA with labels. Sizes are no data either.",
        f"{INT8}: no data: there is no calibration in it.",
        f"{INT8}: no data: onnx is not installed.",
        "Stages: no data: the record has none.",
        "nothing tells the power",
        "3 queries are too few",
        "expected 3 windows or more to compare, found 1",
        "no permission",
    ):
        assert reason in text
    assert "None" not in text


def test_matrices_are_shaded_by_row() -> None:
    record = rich_record()
    cells = {place: one for place, one in page_of(record).figures() if ".confusion." in place}
    row = record["accuracy"][1]["confusion"][5]
    shades = [cells[f"accuracy.1.confusion.5.{n}"].attributes.get("style") for n in range(8)]
    assert shades == [f"--shade:{count / sum(row):.3f}" for count in row]
    assert "style" not in cells["accuracy.1.confusion.7.7"].attributes  # no such faces


def test_long_lists_end_with_how_many_are_left_out() -> None:
    page = page_of(rich_record())
    captions = [one.text for one in page.elements if one.tag in ("figcaption", "summary")]
    assert f"Ranges of {INT8}, … and 12 more" in captions
    assert f"Layers of {INT8}, gpu.onnx, by cost, … and 6 more" in captions
    ranges = [place for place, _ in page.figures() if place.startswith("bundles.1.ranges.")]
    assert len(ranges) == 2 * 40


def test_the_front_has_nobody_that_another_beats() -> None:
    record = rich_record()
    worst = {**record["accuracy"][0], "name": TORCH, "accuracy": 0.5}
    record["accuracy"].append(worst)
    rows = [one.text for one in page_of(record).all("tr") if one.section == "pareto"]
    assert [row.rsplit("MB", 1)[-1] for row in rows if "MB" in row] == ["yes", "yes"]
    assert next(row for row in rows if row.startswith(TORCH)).endswith("no")


def test_size_is_drawn_where_accuracy_is_no_data() -> None:
    record = rich_record()
    record["accuracy"] = []
    page = page_of(record)
    assert "Size against latency" in [heading.text for heading in page.all("h2")]
    assert "no data: the record has none. Size is drawn instead." in page.all("main")[0].text
    labels = [one.text for one in page.all("text") if one.section == "pareto"]
    assert {"size in MB", "p50 in ms", INT8} <= set(labels)
    rows = [one.text for one in page.all("tr") if one.section == "pareto"]
    assert [row for row in rows if row.endswith("MByes")] == [next(r for r in rows if INT8 in r)]


def test_an_interval_of_too_few_turns_is_no_data() -> None:
    record = rich_record()
    record["results"][1]["ratio"].update(low=None, high=None, verdict="inconclusive")
    row = next(one.text for one in page_of(record).all("tr") if one.text.startswith(INT8))
    assert "no datainconclusive" in row
    assert html_report(record).count('class="whisker"') == 7 * 3 - 1


def test_coordinated_omission_is_explained_where_queries_come_by_themselves() -> None:
    record = rich_record()
    assert "coordinated omission" in html_report(record)
    record["results"] = [one for one in record["results"] if one["scenario"] == "single"]
    assert "coordinated omission" not in html_report(record)


def test_a_histogram_that_is_none_is_refused() -> None:
    record = poor_record()
    record["results"][0]["histogram"] = "HISTnone"
    with pytest.raises(InputError, match="histogram: expected HdrHistogram"):
        html_report(record)


def test_the_record_is_left_as_it_was() -> None:
    record = rich_record()
    before = json.dumps(record)
    html_report(record)
    assert json.dumps(record) == before
