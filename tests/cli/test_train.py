"""`edgefer train` as a user runs it: weights, checkpoints, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.training.trainer import Trainer
from edgefer.zoo.registry import NETWORKS, find_network
from edgefer.zoo.weights import load_network, read_weights
from tests.training.tiny import TINY, noise_faces

TRAIN, VALID = 24, 8


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network called tiny."""
    monkeypatch.setitem(NETWORKS, TINY.name, TINY)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with faces in train and valid."""
    monkeypatch.chdir(tmp_path)
    for split, count, seed in (("train", TRAIN, 0), ("valid", VALID, 1)):
        faces = noise_faces(count, seed)
        for index in range(count):
            label = faces.labels[faces.classes[index]]
            folder = tmp_path / "faces" / split / label
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{index:02}.png"), faces.load(index))
    return tmp_path


ARGUMENTS = ("train", "tiny", "--data", "folder:faces", "--epochs", 3, "--batch", 8)


def stop_in_epoch(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while that epoch (from 1) is under way."""
    train_epoch = Trainer._train_epoch

    def interrupted(trainer: Trainer, epoch: int) -> tuple[float, float]:
        if epoch + 1 == number:
            raise KeyboardInterrupt
        return train_epoch(trainer, epoch)

    monkeypatch.setattr(Trainer, "_train_epoch", interrupted)


def test_weights_and_one_line_an_epoch(edgefer, here: Path) -> None:
    done = edgefer(*ARGUMENTS)
    assert done.status == 0, done.err
    lines = done.err.splitlines()
    assert len(lines) == 3
    assert all(f"epoch {n} of 3: loss " in line for n, line in enumerate(lines, start=1))
    assert all(", train accuracy " in line and ", accuracy " in line for line in lines)
    assert "24 faces of folder:faces@train" in done.out
    assert "8 faces of folder:faces@valid" in done.out
    assert sorted(path.name for path in here.iterdir()) == ["faces", "tiny.safetensors"]
    _, module, origin = load_network(TINY, "tiny.safetensors")
    assert origin["training"]["options"]["epochs"] == 3
    assert origin["training"]["data"]["faces"] == TRAIN
    assert not module.training


def test_json_is_one_document(edgefer, here: Path) -> None:
    done = edgefer(*ARGUMENTS, "--output", "w.safetensors", "--seed", 5, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["weights"] == "w.safetensors"
    assert document["sha256"] == read_weights(here / "w.safetensors", TINY).origin["sha256"]
    assert [epoch["number"] for epoch in document["epochs"]] == [1, 2, 3]
    assert document["accuracy"] == document["epochs"][-1]["accuracy"]
    assert document["validation"] == {"name": "folder:faces@valid", "faces": VALID}
    assert document["dropped"] == 0
    assert document["options"]["seed"] == 5


@pytest.mark.parametrize("stop", [2, 3])
def test_a_stopped_run_goes_on_to_the_same_weights(
    edgefer, here: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edgefer(*ARGUMENTS, "--output", "whole").status == 0
    with monkeypatch.context() as patch:
        stop_in_epoch(stop, patch)
        done = edgefer(*ARGUMENTS, "--output", "stopped")
    assert done.status == 130
    assert done.out == ""
    assert f"stopped.checkpoint has {stop - 1} of 3 epochs; --resume goes on" in done.err
    assert (here / "stopped.checkpoint").is_file()
    assert not (here / "stopped").exists()

    again = edgefer(*ARGUMENTS, "--output", "stopped", "--resume")
    assert again.status == 0, again.err
    assert again.err.startswith(f"epoch {stop} of 3")
    assert (here / "stopped").read_bytes() == (here / "whole").read_bytes()
    assert not (here / "stopped.checkpoint").exists()


def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    arguments = ("fer-lite", "--data", "synthetic:2", "--batch", "2", "--epochs", "100000")
    command = [sys.executable, "-m", "edgefer", "train", *arguments, "--output", "w"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "these will not be answered" in process.stderr.readline()
        assert process.stderr.readline().startswith("epoch 1 of 100000: ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    said, interrupted = err.splitlines()[-2:]
    assert "w.checkpoint has " in said
    assert interrupted == "edgefer: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["w.checkpoint"]


def test_stopped_in_the_first_epoch_leaves_nothing(
    edgefer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_epoch(1, monkeypatch)
    done = edgefer(*ARGUMENTS)
    assert done.status == 130
    assert "nothing to resume" in done.err
    assert [path.name for path in here.iterdir()] == ["faces"]


def test_a_resumed_run_that_is_stopped_at_once_keeps_its_checkpoint(
    edgefer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_epoch(2, monkeypatch)
    edgefer(*ARGUMENTS)
    done = edgefer(*ARGUMENTS, "--resume")
    assert done.status == 130
    assert "has 1 of 3 epochs" in done.err
    assert (here / "tiny.safetensors.checkpoint").is_file()


def test_a_checkpoint_is_not_overwritten_by_a_new_run(
    edgefer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_epoch(2, monkeypatch)
    edgefer(*ARGUMENTS)
    before = (here / "tiny.safetensors.checkpoint").read_bytes()
    done = edgefer(*ARGUMENTS)
    assert done.status == 2
    assert "go on with --resume, or remove it" in done.err
    assert (here / "tiny.safetensors.checkpoint").read_bytes() == before
    other = edgefer(*ARGUMENTS, "--learning-rate", 0.05, "--resume")
    assert other.status == 2
    assert "learning_rate was 0.1, is now 0.05" in other.err


def test_faces_of_both_sets_are_left_out_and_counted(edgefer, here: Path) -> None:
    for index in range(2):
        (label,) = (here / "faces" / "valid").glob(f"*/{index:02}.png")
        copy = here / "faces" / "train" / label.parent.name / f"copy{index}.png"
        copy.write_bytes(label.read_bytes())
    done = edgefer(*ARGUMENTS, "--json")
    assert done.status == 0, done.err
    assert "2 of 26 faces are left out: they are in folder:faces@valid too" in done.err
    document = json.loads(done.out)
    assert (document["dropped"], document["data"]["faces"]) == (2, TRAIN)


def test_data_without_splits_has_no_validation(edgefer, here: Path) -> None:
    arguments = ("train", "tiny", "--data", "folder:faces/train", "--epochs", 1, "--batch", 8)
    done = edgefer(*arguments)
    assert done.status == 0, done.err
    assert "accuracy no data" in done.err
    assert "none" in done.out


def test_named_validation(edgefer, here: Path) -> None:
    faces = "folder:faces/valid"
    done = edgefer(*ARGUMENTS, "--validation", faces, "--json")
    assert json.loads(done.out)["validation"] == {"name": "folder:valid", "faces": VALID}


def test_validation_on_the_training_faces_leaves_none(edgefer, here: Path) -> None:
    done = edgefer(*ARGUMENTS, "--validation", "folder:faces@train")
    assert done.status == 2
    assert "all faces are in folder:faces@train too; give another --validation" in done.err


def test_drawn_faces_train_the_default_network(edgefer, here: Path) -> None:
    arguments = ("--data", "synthetic:8", "--epochs", 1, "--batch", 8, "--threads", 1)
    done = edgefer("train", "fer-lite", *arguments, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["validation"]["faces"] == 8
    load_network(find_network("fer-lite"), "fer-lite.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg", "--data", "synthetic"], "network 'vgg': expected one of"),
        (["tiny"], "--data"),
        (["tiny", "--data", "jaffe:x"], "expected KIND:PATH[@SPLIT] with a KIND of ferplus"),
        (["tiny", "--data", "synthetic", "--epochs", "0"], "expected epochs of 1 or more"),
        (["tiny", "--data", "synthetic", "--learning-rate", "-1"], "expected a learning rate"),
        (["tiny", "--data", "synthetic", "--seed", "-1"], "expected a seed"),
        (["tiny", "--data", "synthetic", "--threads", "0"], "--threads"),
        (["tiny", "--data", "synthetic", "--threads", "1025"], "--threads"),
        (["tiny", "--data", "synthetic", "--resume"], "found none; leave out --resume"),
        (["tiny", "--data", "synthetic", "--output", "."], "found a folder"),
        (["tiny", "--data", "synthetic", "--output", "no/w"], "cannot write there"),
        (["tiny", "--data", "synthetic:8"], "expected at least 128 faces"),
        (["tiny", "--data", "synthetic:8", "--validation", "folder:x"], "found nothing at x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(
    edgefer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("train", *arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_lost_is_a_failed_check(edgefer, here: Path) -> None:
    done = edgefer(*ARGUMENTS, "--learning-rate", "1e30")
    assert done.status == 1
    assert "expected a finite loss" in done.err
    assert not (here / "tiny.safetensors").exists()


def test_the_learning_rate_is_used(edgefer, here: Path) -> None:
    found = []
    for rate in (0.1, 0.05):
        edgefer(*ARGUMENTS, "--learning-rate", rate, "--output", "w")
        found.append(np.asarray(read_weights(here / "w", TINY).tensors["8.bias"]))
    assert not np.array_equal(*found)
