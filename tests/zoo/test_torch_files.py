"""Of a checkpoint's pickle the tensors are made, and nothing of it is run."""

from __future__ import annotations

import builtins
import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from edgefer.errors import InputError
from edgefer.zoo.checkpoints import read_checkpoint
from edgefer.zoo.torch_files import Inert, read_torch_file
from tests.zoo.foreign import RecorderMeter, archive, save_legacy, save_zip

WRITERS = [save_zip, save_legacy]


class Hostile:
    """Pickled as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.parts = (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def hostile(folder: Path) -> dict[str, Hostile]:
    """Each would leave something in the folder, or in torch."""
    mark = folder / "mark"
    script = f"import os; os.mkdir({str(mark)!r})"
    return {
        "mkdir": Hostile(os.mkdir, str(mark)),
        "system": Hostile(os.system, f"mkdir {mark}"),
        "exec": Hostile(exec, script),
        "eval": Hostile(eval, f"__import__('os').mkdir({str(mark)!r})"),
        "touch": Hostile(Path.touch, mark),
        "popen": Hostile(subprocess.Popen, ["mkdir", str(mark)]),
        "getattr": Hostile(getattr, torch.Tensor, "numpy"),
        "setattr": Hostile(setattr, torch._utils._rebuild_tensor_v2, "mark", 1),
        "hub": Hostile(torch.hub.load, str(folder), "mark"),
        "state": Hostile(torch.Size, (1,), state=(None, {"numel": 1})),
        "import": Hostile(builtins.__import__, "antigravity"),
        "chain": Hostile(list, Hostile(map, os.mkdir, [str(mark)])),
    }


def rebuilders() -> list[Any]:
    """What a pickle could change of torch."""
    functions = (torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter)
    return [(each, each.__defaults__, dict(vars(each))) for each in functions]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", hostile(Path()))
def test_hostile_objects_do_nothing(name: str, write: Any, tmp_path: Path) -> None:
    """The tensors are read, or the file is refused in one line."""
    folder = tmp_path / "marks"
    folder.mkdir()
    write({"state_dict": {"a": torch.ones(2)}, "recorder": hostile(folder)[name]}, tmp_path / "c")
    before, allowed = rebuilders(), set(torch.serialization.get_safe_globals())
    with contextlib.suppress(InputError):
        checkpoint = read_checkpoint(tmp_path / "c")
        assert torch.equal(checkpoint.tensors["a"], torch.ones(2))
        assert checkpoint.origin.get("passed_over") or name == "state"
    assert list(folder.iterdir()) == []
    assert rebuilders() == before
    assert set(torch.serialization.get_safe_globals()) == allowed


@pytest.mark.parametrize("write", WRITERS)
def test_what_torch_forbids_is_named(write: Any, tmp_path: Path) -> None:
    write({"a": torch.ones(2), "b": hostile(tmp_path)["system"]}, tmp_path / "c")
    with pytest.raises(InputError, match=r"does not read as plain weights; it names posix\.system"):
        read_checkpoint(tmp_path / "c")


def test_the_hostile_objects_are_alive(tmp_path: Path) -> None:
    save_zip(hostile(tmp_path)["mkdir"], tmp_path / "c")
    torch.load(tmp_path / "c", weights_only=False)
    assert (tmp_path / "mark").is_dir()


@pytest.mark.parametrize("write", WRITERS)
def test_objects_of_other_classes_are_inert(write: Any, tmp_path: Path) -> None:
    write({"recorder": RecorderMeter(), "a": torch.ones(2)}, tmp_path / "c")
    file = read_torch_file((tmp_path / "c").read_bytes())
    recorder = file.content["recorder"]
    assert isinstance(recorder, Inert)
    assert type(recorder).__name__ == "tests.zoo.foreign.RecorderMeter"
    assert not vars(recorder)
    assert "tests.zoo.foreign.RecorderMeter" in file.foreign


@pytest.mark.parametrize(
    "target",
    [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"cbuiltins\nlist\n"],
)
def test_no_attribute_of_a_function_or_class_is_set(target: bytes, tmp_path: Path) -> None:
    before = rebuilders()
    state = b"}X\x0c\x00\x00\x00__defaults__K\x01\x85s"  # {"__defaults__": (1,)}
    for given in (state, b"N" + state + b"\x86"):
        archive(b"\x80\x02" + target + given + b"b.", tmp_path / "c")
        with pytest.raises(InputError):
            read_checkpoint(tmp_path / "c")
    assert rebuilders() == before


def test_tensors_without_numbers_are_refused(tmp_path: Path) -> None:
    save_zip({"a": torch.empty(2, device="meta"), "b": torch.ones(2)}, tmp_path / "c")
    with pytest.raises(InputError, match="something else than a plain tensor under 'a'"):
        read_checkpoint(tmp_path / "c")
