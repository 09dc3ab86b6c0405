"""`edgefer data` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefer.data.raf_db import read_raf_db
from tests.data.trees import EACH, TREES, fer2013, raf_db, write_picture

ALIGNED = Path("Image") / "aligned"


def copy(root: Path, source: str, target: str) -> None:
    """Put the pixels of one aligned picture into another."""
    data = (root / ALIGNED / f"{source}_aligned.jpg").read_bytes()
    (root / ALIGNED / f"{target}_aligned.jpg").write_bytes(data)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """RAF-DB with two pictures in both splits, one by another label, and one twice in train."""
    root = raf_db(tmp_path / "basic")
    copy(root, "train_00001", "test_00001")
    copy(root, "train_00002", "test_00003")
    copy(root, "train_00004", "train_00011")
    return tmp_path


def test_json_has_faces_and_duplicates(edgefer, planted: Path) -> None:
    done = edgefer("data", f"raf-db:{planted}", "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["data"] == f"raf-db:{planted}"
    assert list(document["splits"]) == ["train", "test"]
    assert document["splits"]["test"] == {
        "name": "raf-db@test",
        "faces": 7 * EACH,
        "sha256": read_raf_db(planted, "test").digest(),
        "classes": dict.fromkeys(
            ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"], EACH
        ),
    }
    assert document["duplicates"] == [
        {"splits": ["train", "test"], "pictures": 2, "different_labels": 1},
        {"splits": ["train"], "pictures": 1, "different_labels": 0},
        {"splits": ["test"], "pictures": 0, "different_labels": 0},
    ]
    assert document["left_out"] == []


def test_tables_fit_and_have_every_expression(edgefer, planted: Path) -> None:
    done = edgefer("data", f"raf-db:{planted}")
    assert (done.status, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["expression", "train", "test"] in rows
    assert ["surprise", "2", "2"] in rows
    assert ["in", "all", "14", "14"] in rows
    assert ["in", "train", "and", "test", "2", "1"] in rows
    assert ["twice", "in", "train", "1", "0"] in rows
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_named_split_is_all_there_is(edgefer, planted: Path) -> None:
    done = edgefer("data", f"raf-db:{planted}@test", "--json")
    document = json.loads(done.out)
    assert list(document["splits"]) == ["test"]
    assert [one["splits"] for one in document["duplicates"]] == [["test"]]


@pytest.mark.parametrize("kind", TREES)
def test_every_kind(edgefer, kind: str, tmp_path: Path) -> None:
    build, split, count = TREES[kind]
    done = edgefer("data", f"{kind}:{build(tmp_path / 'set')}", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["splits"][split]["faces"] == count


@pytest.mark.parametrize("data", ["synthetic:8", "folder:{}/train"])
def test_data_without_splits(edgefer, data: str, tmp_path: Path) -> None:
    TREES["folder"][0](tmp_path)
    done = edgefer("data", data.format(tmp_path), "--json")
    assert done.status == 0, done.err
    assert list(json.loads(done.out)["splits"]) == ["all"]


def test_what_is_broken_is_refused_in_one_line(edgefer, planted: Path) -> None:
    (planted / "basic" / ALIGNED / "train_00003_aligned.jpg").write_bytes(b"no picture")
    done = edgefer("data", f"raf-db:{planted}")
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert "train_00003_aligned.jpg: expected a picture" in done.err


def test_what_is_left_out_is_listed(edgefer, planted: Path) -> None:
    (planted / "basic" / ALIGNED / "train_00003_aligned.jpg").write_bytes(b"no picture")
    (planted / "basic" / ALIGNED / "test_00003_aligned.jpg").unlink()
    done = edgefer("data", f"raf-db:{planted}", "--skip-broken", "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert [split["faces"] for split in document["splits"].values()] == [13, 13]
    assert document["duplicates"][0]["pictures"] == 1
    unreadable, absent = document["left_out"]
    assert "train_00003_aligned.jpg: expected a picture" in unreadable
    assert "test_00003_aligned.jpg: named in list_patition_label.txt:17, expected" in absent
    assert done.err.splitlines() == [f"left out: {unreadable}", f"left out: {absent}"]


def test_a_long_list_is_cut_on_the_terminal_and_whole_in_json(edgefer, tmp_path: Path) -> None:
    table = fer2013(tmp_path) / "fer2013.csv"
    table.write_text(table.read_text() + "7,1,Training\n" * 31)
    done = edgefer("data", f"fer2013:{tmp_path}@train", "--skip-broken", "--json")
    assert len(json.loads(done.out)["left_out"]) == 31
    lines = done.err.splitlines()
    assert len(lines) == 21
    assert lines[19].startswith("left out: ")
    assert lines[20] == "and 11 more, 31 in all; --json lists them"
    shown = edgefer("data", f"fer2013:{tmp_path}@train", "--skip-broken").out
    assert ["left", "out", "31"] in [line.split() for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["jaffe:x"], "expected KIND:PATH[@SPLIT] with a KIND of ferplus"),
        (["sfew:none"], "expected a file or folder, found nothing at none"),
        (["raf-db:."], "raf-db:.: expected EmoLabel/list_patition_label.txt in it or in basic"),
        (["synthetic:0"], "expected synthetic[:COUNT][@SEED]"),
    ],
    ids=str,
)
def test_wrong_input_is_one_line(
    edgefer,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("data", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_help_has_an_example(edgefer) -> None:
    done = edgefer("data", "--help")
    assert done.status == 0
    assert "edgefer data raf-db:RAF-DB/basic" in done.out


def test_an_unlabelled_picture_is_not_counted(edgefer, planted: Path) -> None:
    write_picture(planted / "basic" / ALIGNED / "train_99999_aligned.jpg", 99)
    done = edgefer("data", f"raf-db:{planted}@train", "--json")
    assert json.loads(done.out)["splits"]["train"]["faces"] == 7 * EACH
