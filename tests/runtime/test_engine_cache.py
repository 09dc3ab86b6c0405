"""An engine is taken only where every hash, owner and circumstance is as it was."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.errors import MachineError
from edgefer.runtime.backend import OnMismatch
from edgefer.runtime.engine_cache import Asked, EngineCache
from edgefer.runtime.engine_sidecar import Sidecar
from tests.runtime.engines import ASKED, PLAN, WHAT, Builder, elsewhere, flip, sidecar_of

STRICT = replace(ASKED, on_mismatch=OnMismatch.ERROR)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def filled(cache: EngineCache) -> EngineCache:
    cache.get(ASKED, Builder())
    return cache


def test_an_engine_is_built_once(cache: EngineCache) -> None:
    builder = Builder()
    first, second = (cache.get(ASKED, builder) for _ in range(2))
    assert builder.built == 1
    assert first.plan == second.plan == PLAN
    assert first.sidecar == second.sidecar == sidecar_of()
    assert (first.origin, second.origin) == ("built now: there was none yet", "from the cache")
    assert {path.stat().st_mode & 0o777 for path in cache.folder.iterdir()} == {0o600}


def damage_plan(cache: EngineCache) -> str:
    flip(cache.path(ASKED), 7)
    return "its bytes are not those that its sidecar names"


def damage_sidecar(cache: EngineCache) -> str:
    flip(cache.path(ASKED).with_suffix(".json"), 40)
    return "an engine's sidecar: expected one of schema 1"


def shorten_plan(cache: EngineCache) -> str:
    cache.path(ASKED).write_bytes(PLAN[:50])
    return "its bytes are not those that its sidecar names"


def foreign_sidecar(cache: EngineCache) -> str:
    sidecar = sidecar_of(where=elsewhere(device="Thor", capabilities=("11.0",)))
    cache.path(ASKED).with_suffix(".json").write_bytes(sidecar.to_json())
    return "compute capability was 11.0, here it is 8.7; the device was Thor, here it is Orin"


def older_sidecar(cache: EngineCache) -> str:
    sidecar = sidecar_of(where=elsewhere(version="10.0.1"))
    cache.path(ASKED).with_suffix(".json").write_bytes(sidecar.to_json())
    return "TensorRT was 10.0.1, here it is 10.3.0"


def sidecar_of_another_network(cache: EngineCache) -> str:
    sidecar = replace(sidecar_of(), what=replace(WHAT, onnx="0" * 64))
    cache.path(ASKED).with_suffix(".json").write_bytes(sidecar.to_json())
    return "its sidecar is that of another engine"


def open_file(cache: EngineCache) -> str:
    cache.path(ASKED).chmod(0o666)
    return r"others can write to it \(mode 666\)"


def open_folder(cache: EngineCache) -> str:
    cache.folder.chmod(0o777)
    return r"others can write to it \(mode 777\)"


def link(cache: EngineCache) -> str:
    path = cache.path(ASKED)
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))
    return "expected a plain file"


HARM = [
    damage_plan,
    damage_sidecar,
    shorten_plan,
    foreign_sidecar,
    older_sidecar,
    sidecar_of_another_network,
    open_file,
    open_folder,
    link,
]


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_harm_is_refused_with_its_reason(
    filled: EngineCache, harm: Callable[[EngineCache], str]
) -> None:
    why, builder = harm(filled), Builder()
    with pytest.raises(MachineError, match=rf"no engine for this device .*{why}.*edgefer build"):
        filled.get(STRICT, builder)
    assert builder.built == 0
    engine = filled.get(ASKED, builder)
    assert builder.built == 1
    assert engine.plan == PLAN
    assert re.fullmatch(rf"built now: .*{why}.*", engine.origin)
    assert filled.get(STRICT, builder).origin == "from the cache"
    assert filled.folder.stat().st_mode & 0o777 == 0o700


def test_a_rebuild_says_what_has_changed(filled: EngineCache) -> None:
    asked = replace(ASKED, where=elsewhere(driver="13.0", jetpack="R39"))
    engine = filled.get(asked, Builder(where=asked.where))
    assert engine.origin == (
        "built now: CUDA of the driver was 12.6, here it is 13.0; "
        "JetPack was R36 (release), here it is R39"
    )
    # both stay: the machine may go back
    assert filled.get(ASKED, Builder()).origin == "from the cache"


def test_another_workspace_is_built_only_where_it_is_asked_for(filled: EngineCache) -> None:
    assert filled.get(replace(ASKED, workspace=1 << 30), Builder()).origin == "from the cache"
    engine = filled.get(replace(ASKED, workspace=1 << 28), Builder())
    assert engine.origin == "built now: its workspace was 1024 MiB, not 256"


def test_without_an_engine_error_builds_none(cache: EngineCache) -> None:
    with pytest.raises(MachineError, match=r"there was none yet.*on_mismatch is 'error'"):
        cache.get(STRICT, Builder())


def test_a_failed_build_leaves_nothing(cache: EngineCache) -> None:
    def fail() -> tuple[bytes, Sidecar]:
        msg = "no"
        raise MachineError(msg)

    with pytest.raises(MachineError, match="^no$"):
        cache.get(ASKED, fail)
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]
    assert cache.get(ASKED, Builder()).origin == "built now: there was none yet"


def test_no_plan_beside_a_sidecar_is_no_engine(filled: EngineCache) -> None:
    filled.path(ASKED).unlink()
    assert "has no engine" in filled.get(ASKED, Builder()).origin


def test_what_cannot_be_kept_runs_all_the_same(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        msg = f"{path}: cannot keep {len(data)} bytes there"
        raise MachineError(msg)

    monkeypatch.setattr("edgefer.runtime.engine_cache.write_private", full)
    engine = cache.get(ASKED, Builder())
    assert engine.plan == PLAN
    assert "not kept: " in engine.origin


def test_where_no_lock_can_be_made_nothing_is_built(cache: EngineCache) -> None:
    cache.folder.mkdir(mode=0o700)
    cache.path(ASKED).with_suffix(".lock").mkdir()
    builder = Builder()
    with pytest.raises(MachineError, match=r"cannot keep an engine there .*; set XDG_CACHE_HOME"):
        cache.get(ASKED, builder)
    assert builder.built == 0


def build_slowly(folder: Path, log: Path) -> None:
    """What one of several processes does that ask at the same time."""

    def build() -> tuple[bytes, Sidecar]:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.5)
        return PLAN, sidecar_of()

    assert EngineCache(folder).get(ASKED, build).plan == PLAN


def test_processes_that_ask_at_once_build_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    folder, log = tmp_path / "engines", tmp_path / "log"
    processes = [spawn.Process(target=build_slowly, args=(folder, log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(log.read_text().split()) == 1


def build_forever(folder: Path, log: Path) -> None:
    """A process that is killed while it builds, with a part of the engine written."""

    def build() -> tuple[bytes, Sidecar]:
        path = EngineCache(folder).path(ASKED)
        path.with_name(f"{path.name}.0123.tmp").write_bytes(b"half")
        log.touch()
        time.sleep(600)
        return PLAN, sidecar_of()

    EngineCache(folder).get(ASKED, build)


def test_a_process_that_is_killed_leaves_a_cache_that_works(tmp_path: Path) -> None:
    folder, log = tmp_path / "engines", tmp_path / "log"
    process = multiprocessing.get_context("spawn").Process(target=build_forever, args=(folder, log))
    process.start()
    while not log.exists():
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    engine = EngineCache(folder).get(ASKED, Builder())
    assert engine.origin == "built now: there was none yet"
    assert not list(folder.glob("*.tmp"))


def test_who_waits_for_another_process_is_told(tmp_path: Path) -> None:
    folder, log = tmp_path / "engines", tmp_path / "log"
    process = multiprocessing.get_context("spawn").Process(target=build_slowly, args=(folder, log))
    process.start()
    while not log.exists():
        time.sleep(0.01)
    told: list[str] = []
    asked: Asked = ASKED
    engine = EngineCache(folder).get(asked, Builder(), lambda phase, *_: told.append(phase))
    process.join()
    assert engine.origin == "from the cache"
    assert told == ["waiting for another process that builds this engine"] * 2
