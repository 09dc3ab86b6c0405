"""Files and functions stay short enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("edgefer", "calibration", "export", "runtime", "benchmarks")
FILE_LINES = 300
FUNCTION_LINES = 40


def sources() -> Iterator[Path]:
    """Every Python file of the package."""
    for folder in FOLDERS:
        yield from (ROOT / folder).rglob("*.py")


def test_no_file_is_too_long() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in sources()}
    assert len(lengths) > len(FOLDERS)
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body: a command's signature and docstring are its declaration, not its work."""
    work = node.body[1:] if ast.get_docstring(node) else node.body
    if not work or node.end_lineno is None:
        return 0
    return node.end_lineno - work[0].lineno + 1


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path}:{node.lineno} {node.name}": body_lines(node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and body_lines(node) > FUNCTION_LINES
    }
    assert too_long == {}
