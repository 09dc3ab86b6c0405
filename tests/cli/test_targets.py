"""Where `edgefer run` writes, and what becomes of it where it cannot."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")


@pytest.mark.usefixtures("_two_faces")
def test_two_pictures_for_one_name_are_refused_before_any_work(
    edgefer, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(picture, other / picture.name)
    outcome = edgefer("run", bundle, picture, other / picture.name, "--output", other)
    assert outcome.status == 2
    assert "two of the pictures" in outcome.err
    assert outcome.err.endswith("with another --output\n")
    assert outcome.out == ""


def test_a_folder_that_is_not_there_is_refused_before_any_work(
    edgefer, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    outcome = edgefer("run", bundle, picture, "--output", tmp_path / "no")
    assert outcome.status == 2
    assert "existing folder" in outcome.err


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where nothing can be written, not even by root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != folder and access(path, how))
    return folder


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_where_nothing_can_be_written_is_read_all_the_same(
    edgefer, bundle: Path, picture: Path, refusing: Path
) -> None:
    here = Path(shutil.copy(picture, refusing))
    outcome = edgefer("run", bundle, here)
    assert outcome.status == 0
    assert "40x40 at 30,10" in outcome.out
    assert "annotated picture not written: " in outcome.err
    document = json.loads(edgefer("run", bundle, here, "--json").out)
    assert (len(document["faces"]), document["annotated"]) == (2, None)
    assert list(refusing.iterdir()) == [here]
    refused = edgefer("run", bundle, picture, "--output", refusing)
    assert (refused.status, refused.out) == (2, "")


@pytest.mark.usefixtures("_two_faces")
@pytest.mark.parametrize(("options", "status"), [((), 0), (("--output", "."), 2)])
def test_a_place_that_is_lost_during_the_work(
    edgefer, bundle: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, options, status: int
) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.chdir(picture.parent)
    monkeypatch.setattr(os, "fsync", fail)
    outcome = edgefer("run", bundle, picture, *options)
    assert outcome.status == status
    assert "Read-only file system" in outcome.err
    assert list(picture.parent.iterdir()) == [picture]


@pytest.mark.usefixtures("_two_faces")
def test_faces_of_an_earlier_run_are_written_over(edgefer, bundle: Path, picture: Path) -> None:
    annotated = Path(json.loads(edgefer("run", bundle, picture, "--json").out)["annotated"])
    cv2.imwrite(str(picture), np.zeros((480, 500, 3), np.uint8))
    document = json.loads(edgefer("run", bundle, picture, "--json").out)
    assert (document["faces"], document["annotated"]) == ([], str(annotated))
    assert not cv2.imread(str(annotated)).any()
