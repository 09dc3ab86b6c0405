"""The sheet that people look at before they train."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.errors import InputError
from edgefer.training.options import TrainingOptions
from edgefer.training.preview import sheet, write_preview
from tests.training.tiny import TINY, noise_faces


def test_rows_alternate() -> None:
    before = (
        np.arange(10, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
    )
    made = sheet(before, before + 100)
    assert made.shape == (4 * 4, 8 * 4, 3)
    assert made[::4, ::4, 0].tolist() == [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [100, 101, 102, 103, 104, 105, 106, 107],
        [8, 9] + [255] * 6,
        [108, 109] + [255] * 6,
    ]


@pytest.mark.parametrize(("batch", "shown"), [(8, 8), (40, 32)])
def test_the_first_batch_in_a_file(batch: int, shown: int, tmp_path: Path) -> None:
    options = TrainingOptions(batch=batch)
    assert write_preview(tmp_path / "p.png", TINY, noise_faces(48), options) == shown
    picture = cv2.imread(str(tmp_path / "p.png"))
    assert picture.shape == (2 * shown // 8 * TINY.size, 8 * TINY.size, 3)


def test_too_few_faces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="noise0: expected at least 128 faces"):
        write_preview(tmp_path / "p.png", TINY, noise_faces(8), TrainingOptions())
    assert list(tmp_path.iterdir()) == []
