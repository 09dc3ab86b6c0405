"""Foreign checkpoints: what is read of them, and that only errors come of other files."""

from __future__ import annotations

import contextlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from edgefer.errors import InputError
from edgefer.zoo.checkpoints import convert, read_checkpoint
from edgefer.zoo.weights import load_network, read_weights, save_weights
from tests.training.tiny import TINY
from tests.zoo.foreign import archive, official, save_legacy, save_official, save_zip, state_of

STATE = state_of(TINY)
WRITERS = [save_zip, save_legacy]


def converted(content: Any, folder: Path, write: Callable[[Any, Path], None] = save_zip) -> Path:
    """The weights file made of a checkpoint of the tiny network."""
    write(content, folder / "c.pth")
    convert(TINY, folder / "c.pth", folder / "w")
    return folder / "w"


def assert_whole(path: Path, state: dict[str, torch.Tensor] = STATE) -> None:
    """The file has exactly these tensors."""
    weights = read_weights(path, TINY)
    assert not weights.headless
    assert weights.tensors.keys() == state.keys()
    assert all(torch.equal(weights.tensors[name], tensor) for name, tensor in state.items())
    load_network(TINY, str(path))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net", None])
@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.module."])
def test_wherever_the_state_dict_is(write: Any, key: Any, wrapper: str, tmp_path: Path) -> None:
    state = {f"{wrapper}{name}": tensor for name, tensor in STATE.items()}
    assert_whole(converted(state if key is None else {key: state, "epoch": 3}, tmp_path, write))


@pytest.mark.parametrize("write", WRITERS)
def test_the_origin_is_told(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best.pth.tar"
    save_official(STATE, path, write, monkeypatch)
    made = convert(TINY, path, tmp_path / "w")
    origin = read_weights(tmp_path / "w", TINY).origin["training"]
    assert origin == made.origin
    assert origin["checkpoint"] == "best.pth.tar"
    assert origin["sha256"] == read_checkpoint(path).origin["sha256"]
    assert origin["format"] == ("torch zip" if write is save_zip else "torch legacy")
    assert (origin["epoch"], origin["best_acc"]) == (12, 88.5)
    assert "__main__.RecorderMeter" in origin["passed_over"]
    assert (origin["dropped"], origin["fresh"]) == ([], [])


@pytest.mark.parametrize("fact", [float("nan"), float("inf"), "12", True, 10**400, None])
def test_other_facts_are_left_out(fact: Any, tmp_path: Path) -> None:
    path = converted({"state_dict": STATE, "epoch": fact, "best_acc": torch.ones(2)}, tmp_path)
    assert not {"epoch", "best_acc"} & set(read_weights(path, TINY).origin["training"])


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_protocols_of_torch(protocol: int, zipped: bool, tmp_path: Path) -> None:
    def write(content: Any, path: Path) -> None:
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)

    assert_whole(converted({"state_dict": STATE, "flags": torch.tensor([True])}, tmp_path, write))


@pytest.mark.parametrize("write", WRITERS)
def test_tensors_that_are_views_or_parameters(write: Any, tmp_path: Path) -> None:
    weight = STATE["8.weight"]
    together = torch.cat((weight.t().flatten(), STATE["8.bias"]))
    state = {
        **STATE,
        "8.weight": together[: weight.numel()].view(512, 8).t(),
        "8.bias": torch.nn.Parameter(together[weight.numel() :]),
    }
    assert_whole(converted(state, tmp_path, write))


def test_plain_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "c")
    convert(TINY, tmp_path / "c", tmp_path / "w")
    assert_whole(tmp_path / "w")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_fp32(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in STATE.items()}
    expected = {name: state[name].to(tensor.dtype) for name, tensor in STATE.items()}
    assert_whole(converted(state, tmp_path), expected)


def test_counters_that_old_files_lack_are_zero(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in STATE.items() if "batches" not in name}
    zeros = {name: torch.tensor(0) for name in STATE if name not in state}
    assert zeros
    assert_whole(converted(state, tmp_path), {**state, **zeros})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": torch.full((16, 1, 3, 3), float("nan"))}, "0.weight: expected finite real"),
        ({"0.weight": torch.zeros(16, 1, 3, 3, dtype=torch.int64)}, "expected finite real"),
        ({"0.weight": torch.zeros(16, 1, 3, 3, dtype=torch.cfloat)}, "expected finite real"),
        ({"1.num_batches_tracked": torch.tensor(1.5)}, "1.num_batches_tracked: expected whole"),
        ({"0.weight": torch.zeros(16, 1, 5, 5)}, r"expected \[16, 1, 3, 3\], found \[16, 1, 5"),
        ({"0.weight": None}, "1 missing: 0.weight"),
        ({f"a{i}": torch.ones(1) for i in range(5)}, "5 too many: a0, a1, a2, ...$"),
        ({"1.note": "text"}, "something else than a plain tensor under '1.note'"),
        ({"\n": torch.ones(1)}, r"something else than a plain tensor under '\\n'"),
        ({"8.bias": torch.ones(7)}, r"expected --labels|by --labels \(fer2013, affectnet-7"),
        ({"8.bias": torch.ones(8, 1)}, "expected a classifier with as many biases as classes"),
        ({"8.more": torch.ones(8, 1)}, "the classifier is not that of tiny: 1 too many: 8.more"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    changed = {name: value for name, value in (STATE | change).items() if value is not None}
    with pytest.raises(InputError, match=rf"c\.pth: .*({message})") as caught:
        converted({"state_dict": changed}, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()


def files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Bytes of files that are no checkpoint, and what is said of them."""
    packed, tar = io.BytesIO(), io.BytesIO()
    save_zip(STATE, folder / "zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/data.pkl", b"\x80\x02}." * 100)
    with tarfile.open(fileobj=tar, mode="w") as made_tar:
        made_tar.add(folder / "zip", "zip")
    archive(b"\x80\x02}.", folder / "script", **{"constants.pkl": b""})
    archive(b"\x80\x02}.", folder / "empty")
    archive(b"\x80\x02cmodels\nNet\n)\x81}b.", folder / "whole")
    whole = (folder / "zip").read_bytes()
    return {
        "empty": (b"", "expected a checkpoint .* of 1 to"),
        "text": (b"epoch 12, accuracy 88.4\n", "other bytes"),
        "pickle": (b"\x80\x02}.", "or one that torch.save did not write"),
        "tar": (tar.getvalue(), "a tar archive; unpack it"),
        "other zip": (zipped(b"a"), "a zip archive that torch.save did not write"),
        "packed": (packed.getvalue(), "a zip archive that torch.save did not write"),
        "cut": (whole[: len(whole) // 2], "a damaged zip archive"),
        "script": ((folder / "script").read_bytes(), "a TorchScript archive"),
        "no tensors": ((folder / "empty").read_bytes(), "no tensors by name"),
        "whole": ((folder / "whole").read_bytes(), r"a whole object of models.Net; save its state"),
        "safetensors": (b"\x10\0\0\0\0\0\0\0{", "Error while deserializing|header"),
    }


def zipped(data: bytes) -> bytes:
    """A zip archive that is nobody's checkpoint."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("file", data)
    return buffer.getvalue()


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, (data, message) in files(tmp_path).items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=message) as caught:
            read_checkpoint(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"{tmp_path / name}: expected a checkpoint")


def test_folders_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match="found no such file"):
        read_checkpoint(tmp_path / "none")


def test_own_weights_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, STATE, None)
    with pytest.raises(InputError, match="weights of edgefer already"):
        convert(TINY, tmp_path / "w", tmp_path / "again")


def test_the_checkpoint_is_not_written_over(tmp_path: Path) -> None:
    save_zip(STATE, tmp_path / "c")
    (tmp_path / "link").symlink_to(tmp_path / "c")
    with pytest.raises(InputError, match="is the checkpoint itself; give another --output"):
        convert(TINY, tmp_path / "c", tmp_path / "link")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """An official checkpoint of the tiny network in both formats."""
    path = tmp_path_factory.mktemp("small") / "c"
    written = []
    for write in WRITERS:
        write(official(STATE) | {"recorder": {1}}, path)
        written.append(path.read_bytes())
    return written


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), junk=st.binary(min_size=1, max_size=6), cut=st.booleans())
def test_damaged_files_are_read_or_refused(
    small: list[bytes], tmp_path: Path, data: st.DataObject, junk: bytes, cut: bool
) -> None:
    whole = data.draw(st.sampled_from(small))
    # most of the file is numbers: damage the pickles, and the zip's directory behind the numbers
    near = st.integers(0, 6000) | st.integers(len(whole) - 6000, len(whole))
    place = data.draw(near | st.integers(0, len(whole)))
    damaged = bytearray(whole)
    damaged[place : len(whole) if cut else place + len(junk)] = junk
    (tmp_path / "c").write_bytes(damaged)
    with contextlib.suppress(InputError):
        convert(TINY, tmp_path / "c", tmp_path / "w")


def test_numbers_that_differ_from_their_crc_are_refused(small: list[bytes], tmp_path: Path) -> None:
    damaged = bytearray(small[0])
    place = damaged.find(STATE["8.weight"].numpy().tobytes())
    damaged[place + 100] ^= 1
    (tmp_path / "c").write_bytes(damaged)
    with pytest.raises(InputError, match=r"found a damaged .* in the archive"):
        convert(TINY, tmp_path / "c", tmp_path / "w")
