"""The Markdown report has the same facts as tables that every viewer shows alike."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edgefer.benchmarks.report_html import html_report
from edgefer.benchmarks.report_markdown import markdown_report
from tests.benchmarks.records import INT8, poor_record, rich_record
from tests.benchmarks.report_page import Page

MOST = 65_536  # characters of an issue of GitHub


def cells(line: str) -> list[str]:
    """The cells of a row, between pipes that are not escaped."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def tables(text: str) -> list[list[list[str]]]:
    """Rows of cells of every table."""
    blocks = re.split(r"\n\n+", text)
    return [[cells(row) for row in block.splitlines()] for block in blocks if block[0] == "|"]


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_tables_are_tables(make: Any) -> None:
    for table in tables(markdown_report(make())):
        assert all(re.fullmatch("---:?", cell) for cell in table[1])
        assert {len(row) for row in table} == {len(table[0])}


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_sections_are_those_of_the_html(make: Any) -> None:
    headings = re.findall("^## (.*)$", markdown_report(make()), re.MULTILINE)
    assert headings == [heading.text for heading in Page(html_report(make())).all("h2")]


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_figures_are_those_of_the_html(make: Any) -> None:
    shown = {cell for table in tables(markdown_report(make())) for row in table for cell in row}
    figures = list(Page(html_report(make())).figures())
    assert figures
    for place, element in figures:
        assert element.text in {cell.replace("\\", "") for cell in shown}, place


def test_results_stand_under_the_heading_of_what_they_compare_with() -> None:
    results = next(table for table in tables(markdown_report(rich_record())) if "ratio" in table[0])
    headings = [row[0] for row in results if row[0].startswith("**")]
    assert headings[0] == "**single, 1 thread, 1 face a query**"
    assert headings[3] == "**offline, 6 threads, 16 faces a query**"
    assert len(headings) == 7
    assert len(results) == 2 + 7 + 28


def test_a_warning_is_bold() -> None:
    record = rich_record()
    record["telemetry"].update(valid=False, reasons=["throttling"])
    assert "\n**invalid: throttling**\n" in markdown_report(record)


def test_texts_of_a_record_mean_nothing_to_markdown() -> None:
    record = poor_record()
    hostile = "a|b\n# c <img src=x> [d](http://e) **f** `g` ~~h~~ &amp; \\"
    record["results"][0]["name"] = hostile
    record["not_measured"].append(f"accuracy of {hostile}: {hostile}")
    text = markdown_report(record)
    for table in tables(text):
        assert {len(row) for row in table} == {len(table[0])}
    assert "<" not in text
    assert not re.search(r"(?<!\\)[\[\]`~]", text)
    assert not re.search(r"^# c", text, re.MULTILINE)
    assert r"\*\*f\*\*" in text
    assert "&amp;amp;" in text


def test_a_long_run_fits_into_an_issue() -> None:
    record = rich_record()
    again = [{**result, "threads": result["threads"] + 1} for result in record["results"]]
    record["results"] += again
    text = markdown_report(record)
    assert len(text) < MOST
    assert "… and 16 rows more." in text
    assert text.count(INT8) > 2 * 7
