"""Things before faces: where they are, and the same again from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgefer.data import drawn_occlusion
from edgefer.data.drawn_occlusion import CoverKind
from edgefer.data.faces import Pixels
from edgefer.training import covers
from edgefer.training.covers import cover
from edgefer.training.variation import Covers

SIZE = 64
# Where a cropped face has them, as shares of the frame: top, bottom, left, right.
EYES = [(0.32, 0.44, left, left + 0.08) for left in (0.28, 0.64)]
MOUTH = [(0.68, 0.8, 0.42, 0.58)]
NOSE = [(0.57, 0.64, 0.46, 0.54)]


def blank(count: int = 200) -> Pixels:
    return np.full((count, SIZE, SIZE, 3), 128, np.uint8)


def covered(
    monkeypatch: pytest.MonkeyPatch, kind: CoverKind, places: list[tuple[float, ...]]
) -> np.ndarray:
    """The share of each place that a thing of that kind hides, for each of many faces."""
    monkeypatch.setattr(
        covers,
        "draw_cover",
        lambda canvas, cover, *rest: drawn_occlusion.draw_cover(
            canvas, replace(cover, kind=kind), *rest
        ),
    )
    faces = blank()
    cover(faces, Covers(1.0), (3,))
    hidden = np.abs(faces.astype(int) - 128).max(axis=3) > 10
    shares = [
        hidden[:, int(top * SIZE) : int(bottom * SIZE), int(left * SIZE) : int(right * SIZE)]
        for top, bottom, left, right in places
    ]
    return np.min([share.mean(axis=(1, 2)) for share in shares], axis=0)


def test_a_mask_is_over_mouth_and_nose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.quantile(covered(monkeypatch, CoverKind.MASK, MOUTH), 0.02) > 0.95
    assert np.median(covered(monkeypatch, CoverKind.MASK, NOSE)) > 0.95
    assert covered(monkeypatch, CoverKind.MASK, EYES).max() < 0.05


def test_dark_glasses_are_over_both_eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = covered(monkeypatch, CoverKind.DARK_GLASSES, EYES)
    assert np.quantile(eyes, 0.05) > 0.7
    assert np.median(eyes) > 0.9
    assert covered(monkeypatch, CoverKind.DARK_GLASSES, MOUTH).max() < 0.05


@pytest.mark.parametrize("kind", CoverKind)
def test_every_kind_hides_something_and_never_all(
    kind: CoverKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = covered(monkeypatch, kind, [(0, 1, 0, 1)])
    assert 0.03 < whole.mean() < 0.5


def test_a_share_of_the_faces_is_covered_by_things_of_every_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = []
    monkeypatch.setattr(covers, "draw_cover", lambda canvas, cover, *rest: kinds.append(cover.kind))
    cover(blank(400), Covers(0.5), (0,))
    assert 160 < len(kinds) < 240
    assert set(kinds) == set(CoverKind)


def test_faces_that_are_not_chosen_stay() -> None:
    faces = blank()
    cover(faces, Covers(0.0), (0,))
    assert (faces == 128).all()


def test_the_seed_decides() -> None:
    made = []
    for seed in ((1, 2), (1, 2), (1, 3)):
        faces = blank(20)
        cover(faces, Covers(1.0), seed)
        made.append(faces)
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
