"""The HTML report in a real browser: it loads nothing, complains of nothing, shows the record."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest

from edgefer.benchmarks.report_html import html_report
from tests.benchmarks.records import poor_record, rich_record
from tests.benchmarks.report_page import Page, check_figures

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="neither chromium nor google-chrome is on the PATH"
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # the browser's own requests, which no option turns off, go nowhere
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--dump-dom",
)


@dataclass(frozen=True)
class Seen:
    """The page after it was laid out, what its console says, and what it asked the net for."""

    page: Page
    console: list[str]
    requests: list[str]


def browse(html: str, folder: Path) -> Seen:
    """Open a page in a new profile."""
    assert BROWSER is not None
    file, log = folder / "report.html", folder / "net.json"
    file.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER,
            *OPTIONS,
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            file.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    console = re.findall(r"CONSOLE.*", done.stderr.decode(errors="replace"))
    return Seen(Page(done.stdout.decode()), console, requests(json.loads(log.read_text())))


def requests(log: dict[str, Any]) -> list[str]:
    """What the page asked for: the browser's own requests have no origin."""
    started = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    found = [event["params"] for event in log["events"] if event["type"] == started]
    return [
        one["url"]
        for one in found
        if one.get("initiator", "not an origin") != "not an origin"
        and not one["url"].startswith("file:")
    ]


def test_a_rich_report_shows_its_record_and_loads_nothing(tmp_path: Path) -> None:
    record = rich_record()
    seen = browse(html_report(record), tmp_path)
    assert len(check_figures(seen.page, record)) == len(seen.page.all("section")) == 11
    assert seen.console == []
    assert seen.requests == []


def test_a_poor_report_shows_its_record_and_loads_nothing(tmp_path: Path) -> None:
    record = poor_record()
    seen = browse(html_report(record), tmp_path)
    assert check_figures(seen.page, record)
    assert seen.console == []
    assert seen.requests == []


def test_a_page_that_loads_and_runs_something_is_noticed(tmp_path: Path) -> None:
    html = html_report(poor_record())
    picture = '<img src="http://report.invalid/x.png">'
    script = "<script>console.error('noticed')</script>"
    free = re.sub("<meta http-equiv[^>]*>", "", html).replace(
        "</body>", f"{picture}{script}</body>"
    )
    seen = browse(free, tmp_path)
    assert seen.requests == ["http://report.invalid/x.png"]
    assert any("noticed" in line for line in seen.console)


@pytest.mark.parametrize("width", [360, 700, 1400])
def test_the_page_never_scrolls_sideways(width: int, tmp_path: Path) -> None:
    record = rich_record()
    for result in record["results"]:
        result["name"] = result["name"] + "-and-so-on" * 20
    script = (
        "<script>document.querySelectorAll('details').forEach(one => one.open = true);"
        "parent.document.body.id = [innerWidth, document.documentElement.scrollWidth]</script>"
    )
    html = re.sub("<meta http-equiv[^>]*>", "", html_report(record))
    html = html.replace("</body>", f"{script}</body>")
    # a window is never narrower than 500 pixels, a frame is
    frame = f'<iframe width="{width}" style="border: 0" srcdoc="{escape(html)}"></iframe>'
    (body,) = browse(f"<body>{frame}</body>", tmp_path).page.all("body")
    inner, scrolled = map(int, (body.attributes["id"] or "").split(","))
    assert inner == width
    assert scrolled <= width


def test_the_policy_of_the_report_stops_what_would_be_loaded(tmp_path: Path) -> None:
    picture = '<img src="http://report.invalid/x.png">'
    script = "<script>console.error('noticed')</script>"
    html = html_report(poor_record()).replace("</body>", f"{picture}{script}</body>")
    seen = browse(html, tmp_path)
    assert seen.requests == []
    assert not any('"noticed"' in line for line in seen.console)
    assert sum("Content Security Policy" in line for line in seen.console) == 2
