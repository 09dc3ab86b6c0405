"""The lists of the data sets: whatever is in one is read or refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgefer.data.broken import Broken
from edgefer.data.source import read_splits
from edgefer.data.tables import open_list, read_table
from edgefer.errors import InputError
from tests.data.trees import LIST_COLUMNS, affectnet_lists, fer2013, ferplus, raf_db

# of each kind: a tree, its list, and pieces of which its lines are made
LISTS: dict[str, tuple[Callable[[Path], Path], str, list[str]]] = {
    "raf-db": (
        raf_db,
        "EmoLabel/list_patition_label.txt",
        ["train_00001.jpg", "test_00001.jpg", " ", "1", "7", "8", "\n"],
    ),
    "fer2013": (
        fer2013,
        "fer2013.csv",
        ["emotion,pixels,Usage\n", "Training", "PublicTest", "0", ",", "1 2 ", "256", "\n", '"'],
    ),
    "affectnet": (
        affectnet_lists,
        "training.csv",
        [f"{LIST_COLUMNS}\n", "0/000.jpg", ",", "1", "2", "-3", "1.5;2", "../", "\n", '"', "\r"],
    ),
    "ferplus": (
        ferplus,
        "fer2013new.csv",
        ["Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown"]
        + [",NF\n", "Training,", "fer0000000.png", ",1", ",10", ",x", "\n", '"'],
    ),
}


@pytest.fixture(scope="module", params=LISTS)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The kind and path of a tree whose list may be overwritten."""
    build = LISTS[request.param][0]
    return f"{request.param}:{build(tmp_path_factory.mktemp('lists') / 'set')}"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), skip=st.booleans())
def test_any_text_is_read_or_refused(tree: str, data: st.DataObject, skip: bool) -> None:
    kind, path = tree.split(":")
    _, name, pieces = LISTS[kind]
    some = st.one_of(st.sampled_from(pieces), st.text(max_size=9))
    head = data.draw(st.sampled_from(["", pieces[0], pieces[0] + pieces[1]]))
    text = head + "".join(data.draw(st.lists(some, max_size=30)))
    (Path(path) / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(InputError):
        for faces in read_splits(tree, Broken(skip)).values():
            assert faces.targets.sum(axis=1) == pytest.approx(1)


def test_rows_know_their_line(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_bytes(b'\xef\xbb\xbf b ,a\r\n1,2\r\n\r\n"x\ny",3\r\n 4, 5 \r\n')
    found = list(read_table(table, ("a", "b"), Broken()))
    assert [where.rpartition(":")[2] for where, _ in found] == ["2", "4", "6"]
    assert [row for _, row in found] == [["2", "1"], ["3", "x\ny"], ["5", "4"]]


def test_a_short_row_is_broken(tmp_path: Path) -> None:
    table, broken = tmp_path / "list.csv", Broken(skip=True)
    table.write_text("a,b\n1\n2,3\n")
    assert [row for _, row in read_table(table, ("a", "b"), broken)] == [["2", "3"]]
    assert broken.left_out == [f"{table}:2: expected 2 values, found '1'"]


def test_a_list_without_a_heading(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("1,2\n3,4\n")
    rows = list(read_table(table, ("b",), Broken(), ("a", "b")))
    assert rows == [(f"{table}:1", ["2"]), (f"{table}:2", ["4"])]


def test_an_empty_list_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("\n")
    with pytest.raises(InputError, match=r"list\.csv: expected the columns a, found ''"):
        list(read_table(tmp_path / "list.csv", ("a",), Broken()))


def test_what_is_found_is_shown_in_part(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(",".join(["long"] * 1000))
    with pytest.raises(InputError, match=r"found 'long, long.*\.\.\.'$") as refused:
        list(read_table(tmp_path / "list.csv", ("a",), Broken()))
    assert len(str(refused.value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize("name", [".", "none.txt"])
def test_what_is_no_list(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a list of faces"), open_list(tmp_path / name):
        pass
