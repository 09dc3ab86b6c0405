"""Lines of tegrastats from JetPack 5 to 7.2, and a program that prints them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgefer.benchmarks.tegrastats import (
    Line,
    TegrastatsProvider,
    find_tegrastats,
    parse_line,
)
from tests.benchmarks.telemetry_trees import Clock

# Shapes as recorded on boards; fewer cores.
XAVIER_5 = (
    "07-09-2024 13:31:31 RAM 3168/6851MB (lfb 2x4MB) SWAP 161/3426MB (cached 0MB) "
    "CPU [23%@1397,17%@1192,off] EMC_FREQ 2%@204 GR3D_FREQ 10%@114 VIC_FREQ 115 APE 150 AUX@45C "
    "CPU@46.5C thermal@45.6C VDD_IN 2763mW/2846mW VDD_CPU_GPU_CV 650mW/670mW VDD_SOC 650mW/711mW"
)
AGX_6 = (
    "04-11-2025 10:36:27 RAM 4321/62801MB (lfb 1759x4MB) SWAP 19/31400MB (cached 0MB) "
    "CPU [0%@729,0%@729] EMC_FREQ 0%@2133 GR3D_FREQ 0%@[0,0] VIC_FREQ 729 APE 174 CV0@-256C "
    "CPU@44.562C Tboard@32C GPU@-256C tj@44.343C VDD_GPU_SOC 2340mW/2340mW VDD_CPU_CV "
    "390mW/390mW VIN_SYS_5V0 4025mW/4025mW NC 0mW/0mW VDDQ_VDD2_1V8AO 301mW/301mW NC 0mW/0mW"
)
NANO_6 = (
    "RAM 1224/7620MB (lfb 8x4MB) CPU [1%@1510,0%@1510,off,off] EMC_FREQ 0% GR3D_FREQ 35% "
    "VIC off APE 200 cpu@50.031C tj@50.031C VDD_IN 4952mW/4952mW VDD_SOC 1544mW/1544mW"
)
AGX_72 = (
    "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,10%@2201] EMC_FREQ 3%@3199 "
    "GR3D_FREQ 0%@[1300,1300] NVENC0 off NVDEC0 off APE 174 cpu@52.968C/52.968C tj@53C/53C "
    "VDD_GPU_SOC 2412mW/2412mW/2412mW VDD_CPU_CV 1607mW/1607mW/1607mW VIN_SYS_5V0 4000mW/4000mW"
)
THOR_71 = (
    "05-14-2026 21:36:35 RAM 26063/125772MB (lfb 35x4MB) CPU [0%,5%,off]@2601 EMC_FREQ @4266 "
    "GR3D_FREQ @[314,314,314] NVENC0_FREQ @1691 cpu@49.75C/49.75C tj@51.218C/51.218C "
    "VDD_GPU -392mW/-392mW VDD_CPU_SOC_MSS 3924mW/3835mW VIN_SYS_5V0 5064mW/5055mW "
    "VIN 15004mW/15096mW FUTURE_TOKEN value"
)


@pytest.mark.parametrize(
    ("text", "load", "clock", "cpu"),
    [
        (XAVIER_5, 0.10, 114, 1397),
        (AGX_6, 0.0, None, 729),  # the GPU is off: no clock, and a load of 0
        (NANO_6, 0.35, None, 1510),
        (AGX_72, 0.0, 1300, 2201),
        (THOR_71, None, 314, 2601),
        ("GR3D_FREQ 87%@[1574, 1574,off]", 0.87, 1574, None),
        ("GR3D_FREQ @[N/A,-2,500]", None, 500, None),
        ("GR3D_FREQ 20%@N/A", 0.2, None, None),
        ("GR3D_FREQ 120%", None, None, None),
    ],
)
def test_loads_and_clocks(
    text: str, load: float | None, clock: float | None, cpu: float | None
) -> None:
    line = parse_line(text)
    assert (line.gpu_load, line.gpu_clock, line.cpu_clock) == (load, clock, cpu)


def test_rails_are_those_of_now() -> None:
    assert parse_line(XAVIER_5).rails == {"VDD_IN": 2.763, "VDD_CPU_GPU_CV": 0.65, "VDD_SOC": 0.65}
    assert parse_line(AGX_72).rails["VDD_GPU_SOC"] == 2.412
    assert parse_line(THOR_71).rails["VDD_GPU"] == -0.392
    assert "NC" not in parse_line(AGX_6).rails


def test_zones_that_are_off_are_left_out() -> None:
    assert parse_line(AGX_6).temperatures == {"CPU": 44.562, "Tboard": 32, "tj": 44.343}
    assert parse_line(AGX_72).temperatures == {"cpu": 52.968, "tj": 53}


@given(st.text())
@example("GR3D_FREQ " + "9" * 5000 + "%")
@example("VDD_IN " + "9" * 5000 + "mW")
@example("tj@" + "9" * 5000 + "C")
@example("CPU [" + "[" * 5000)
@example("GR3D_FREQ \u0663%@\u0664")
def test_no_text_breaks_the_parser(text: str) -> None:
    assert isinstance(parse_line(text), Line)


@given(st.from_regex(r"[A-Z_a-z0-9]{1,9}( [a-z0-9%@,.]{0,9}){0,2}", fullmatch=True))
def test_unknown_fields_change_nothing(unknown: str) -> None:
    field = f"ZZ_{unknown}_"
    text = THOR_71.replace("EMC_FREQ @4266", field).replace("FUTURE_TOKEN", field)
    assert parse_line(f"{field} {text} {field}") == parse_line(THOR_71)


@given(st.lists(st.sampled_from(THOR_71.split(" ") + AGX_72.split(" ")), max_size=30))
def test_any_order_of_words_gives_sensible_numbers(words: list[str]) -> None:
    line = parse_line(" ".join(words))
    assert line.gpu_load is None or 0 <= line.gpu_load <= 1
    assert line.gpu_clock is None or line.gpu_clock > 0


def program(root: Path, script: str) -> Path:
    """A tegrastats under `root`."""
    path = root / "usr/bin/tegrastats"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return root


def test_the_program_runs_until_it_is_closed(tmp_path: Path) -> None:
    root = program(tmp_path, f'test "$1" = --interval || exit 3\necho "{THOR_71}"\nexec sleep 60')
    provider = find_tegrastats(root).value
    assert provider is not None
    sample = provider.sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(-0.392 + 3.924 + 5.064)
    assert sample.power.value.covers == "module rails, not wall power"
    assert sample.gpu_clock.value == 314
    assert sample.gpu_load.reason == "no load of the GPU in the line of tegrastats"
    provider.close()
    provider.close()
    assert provider._process.returncode is not None


def test_an_old_line_is_no_data(tmp_path: Path) -> None:
    clock = Clock()
    root = program(tmp_path, f'echo "{NANO_6}"\nexit 4')
    provider = find_tegrastats(root, clock).value
    assert provider is not None
    assert provider.sample().gpu_load.value == 0.35
    provider._process.wait()
    clock.now += 9
    reason = provider.sample().power.reason
    assert reason == "the latest line of tegrastats is 9.0 s old; it ended with status 4"
    provider.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'needs root' >&2\nexit 1", "tegrastats has not printed a line"),
        ("echo 'Cannot open a file'\nexit 1", "tegrastats has not printed a line"),
    ],
)
def test_a_program_that_says_nothing(tmp_path: Path, script: str, reason: str) -> None:
    assert find_tegrastats(program(tmp_path, script)).reason.startswith(reason)


def test_a_silent_program_is_not_waited_for(tmp_path: Path) -> None:
    root = program(tmp_path, "exec sleep 60")
    assert find_tegrastats(root, patience=0.05).reason == "tegrastats has not printed a line"


def test_no_program(tmp_path: Path) -> None:
    path = tmp_path / "usr/bin/tegrastats"
    assert find_tegrastats(tmp_path).reason == f"no program {path}"
    path.parent.mkdir(parents=True)
    path.write_text("neither a script nor a program")
    path.chmod(0o755)
    assert find_tegrastats(tmp_path).reason.startswith(f"{path} does not start: ")
    with pytest.raises(OSError, match="format"):
        TegrastatsProvider(path)
