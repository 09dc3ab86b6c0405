"""What reaches the terminal: JSON that is JSON, tables that fit, bars only where they are seen."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.cli.output import (
    facts,
    note,
    one_line,
    print_json,
    progress_bar,
    show,
    table,
)
from edgefer.labels import Expression
from edgefer.progress import silent


@dataclass(frozen=True)
class Point:
    where: Path
    share: float


PLAIN: list[tuple[object, Any]] = [
    (np.float32(0.5), 0.5),
    (np.arange(3, dtype=np.int8), [0, 1, 2]),
    (float("nan"), None),
    (np.float64("inf"), None),
    ({Expression.ANGER: (1, 2)}, {"anger": [1, 2]}),
    (Point(Path("a/b"), float("-inf")), {"where": "a/b", "share": None}),
    ("línea\n", "línea\n"),
    (None, None),
    (True, True),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=lambda value: repr(value)[:20])
def test_json(value: object, expected: object, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"value": value})
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=pytest.fail) == {"value": expected}
    assert out.count("\n") == 1


@given(st.text())
def test_one_line_is_one_printable_line(text: str) -> None:
    folded = one_line(text)
    assert folded.isprintable()
    assert one_line(folded) == folded


def test_a_table_keeps_brackets_and_folds_what_is_long(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(("[a]", "b"), [("[red]x[/red]", "y" * 200)], title="[T]", numbers={"b"}))
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "[a]" in out
    assert "[T]" in out
    assert out.count("y") == 200
    assert max(map(len, out.splitlines())) <= 80


def test_a_table_without_rows_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(("a",), []))
    assert "none" in capsys.readouterr().out


def test_facts_have_no_heading(capsys: pytest.CaptureFixture[str]) -> None:
    show(facts([("what", 3)]))
    assert capsys.readouterr().out.split() == ["what", "3"]


def test_a_note_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    note("two\nlines")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "two lines\n")


def test_no_bar_without_a_terminal() -> None:
    with progress_bar() as progress:
        assert progress is silent


def test_a_bar_for_each_phase_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar() as progress:
        progress("calibrate", 1, 2)
        progress("calibrate", 2, 2)
        progress("check", 0, 0)
    assert "calibrate" in terminal.getvalue()
    assert "check" in terminal.getvalue()
