"""AffectNet in both of its layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.data.affectnet import AFFECTNET_7, affectnet_splits, read_affectnet
from edgefer.data.broken import Broken
from edgefer.data.listing import Listing
from edgefer.data.pictures import read_picture
from edgefer.errors import InputError
from edgefer.labels import ORDERS
from tests.data.trees import EACH, LIST_COLUMNS, affectnet_lists, affectnet_sets

IMAGES = Path("Manually_Annotated_Images")


@pytest.mark.parametrize("split", ["train", "valid"])
def test_the_list_has_eight_of_eleven_labels(split: str, tmp_path: Path) -> None:
    faces = read_affectnet(affectnet_lists(tmp_path), split)
    assert (faces.name, faces.labels) == (f"affectnet@{split}", ORDERS["affectnet"])
    assert faces.classes.tolist() == [*range(8)] * EACH


def test_the_face_box_is_cut_out(tmp_path: Path) -> None:
    root = affectnet_lists(tmp_path)
    whole = read_picture(root / IMAGES / "1" / "001.jpg")
    face = read_affectnet(root, "train").load(1)
    np.testing.assert_array_equal(face, whole[6:36, 4:24])
    assert face.flags.c_contiguous


@pytest.mark.parametrize(
    ("box", "shape"), [("-5,-5,20,30", (25, 15, 3)), ("30,20,99,99", (20, 10, 3))]
)
def test_a_box_ends_where_the_picture_does(
    box: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    root = affectnet_lists(tmp_path)
    table = root / "training.csv"
    table.write_text(table.read_text().replace("4,6,20,30", box, 1))
    assert read_affectnet(root, "train").load(0).shape == shape


def test_a_list_without_a_heading(tmp_path: Path) -> None:
    root = affectnet_lists(tmp_path)
    expected = read_affectnet(root, "valid").digest()
    table = root / "validation.csv"
    table.write_text(table.read_text().partition("\n")[2])
    assert read_affectnet(root, "valid").digest() == expected


def test_columns_in_another_order(tmp_path: Path) -> None:
    root = affectnet_lists(tmp_path)
    expected = read_affectnet(root, "valid").digest()
    table = root / "validation.csv"
    rows = [line.split(",")[::-1] for line in table.read_text().splitlines()]
    table.write_text("".join(",".join(row) + "\n" for row in rows))
    assert table.read_text().startswith(",".join(LIST_COLUMNS.split(",")[::-1]))
    assert read_affectnet(root, "valid").digest() == expected


def test_lists_and_pictures_in_their_own_folders(tmp_path: Path) -> None:
    root = affectnet_lists(tmp_path, "Manually_Annotated/Manually_Annotated_Images")
    (root / "Manually_Annotated_file_lists").mkdir()
    for name in ("training.csv", "validation.csv"):
        (root / name).rename(root / "Manually_Annotated_file_lists" / name)
    assert affectnet_splits(root) == ("train", "valid")
    assert len(read_affectnet(root, "train")) == 8 * EACH


@pytest.mark.parametrize("split", ["train", "valid"])
def test_annotations_are_numbers_or_text(split: str, tmp_path: Path) -> None:
    root = affectnet_sets(tmp_path)
    faces = read_affectnet(root, split)
    assert (faces.name, len(faces)) == (f"affectnet@{split}", 8 * EACH)
    folder = root / ("train_set" if split == "train" else "val_set") / "images"
    names = sorted(path.name for path in folder.iterdir())
    assert faces.classes.tolist() == [int(Path(name).stem) % 8 for name in names]
    np.testing.assert_array_equal(faces.load(3), read_picture(folder / names[3]))


@pytest.mark.parametrize("build", [affectnet_lists, affectnet_sets])
def test_seven_labels_are_the_eight_less_contempt(build, tmp_path: Path) -> None:
    root = build(tmp_path)
    seven, eight = read_affectnet(root, "train", order=AFFECTNET_7), read_affectnet(root, "train")
    assert seven.labels == eight.labels[:7] == ORDERS["affectnet-7"]
    assert seven.digest() == eight.relabelled(ORDERS["affectnet-7"]).digest()


@pytest.mark.parametrize("label", [8, 9, 10])
def test_other_labels_are_passed_over_and_not_broken(label: int, tmp_path: Path) -> None:
    root, broken = affectnet_sets(tmp_path), Broken(skip=True)
    np.save(root / "train_set" / "annotations" / "8_exp.npy", np.array(str(label)))
    assert len(read_affectnet(root, "train", broken)) == 8 * EACH - 1
    assert broken.left_out == []


def test_only_the_splits_that_are_there(tmp_path: Path) -> None:
    lists = affectnet_lists(tmp_path / "lists")
    (lists / "training.csv").unlink()
    assert affectnet_splits(lists) == ("valid",)
    with pytest.raises(InputError, match=r"expected training\.csv or validation\.csv, or train_"):
        affectnet_splits(tmp_path)


def test_a_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    whole = Listing._list

    def counted(self: Listing, folder: str) -> frozenset[str]:
        listed.append(folder)
        return whole(self, folder)

    monkeypatch.setattr(Listing, "_list", counted)
    read_affectnet(affectnet_lists(tmp_path), "train")
    assert sorted(listed) == ["0", "1", "2"]
