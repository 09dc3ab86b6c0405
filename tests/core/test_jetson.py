"""JetPacks by their Linux, and power modes by their board's own list."""

from __future__ import annotations

import pytest

from edgefer.jetson import JETPACKS, find_jetpack, power_mode

MODES = """\
# Orin Nano: the slowest has the highest number
< POWER_MODEL ID=0 NAME=15W >
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< POWER_MODEL ID=3 NAME=7W >
< PM_CONFIG DEFAULT=1 >
"""


@pytest.mark.parametrize(
    ("release", "revision", "jetpack"),
    [
        ("35", "4.1", "5.1.2"),
        ("36", "3.0", "6.0"),
        ("36", "4.0", "6.1"),
        ("36", "4.3", "6.2"),
        ("36", "4.7", "6.2.1"),
        ("36", "5.0", "6.2.2"),
        ("38", "2.1", "7.0"),
        ("38", "4.0", "7.1"),
        ("39", "2.0", "7.2"),
    ],
)
def test_the_linux_says_which_jetpack(release: str, revision: str, jetpack: str) -> None:
    found = find_jetpack(f"R{release} (release), REVISION: {revision}, GCID: 1, BOARD: generic")
    assert found is not None
    assert found.version == jetpack


@pytest.mark.parametrize(
    "line",
    [None, "", "R36", "R36 (release), REVISION: 4", "R99 (release), REVISION: 1.0, GCID: 1"],
)
def test_an_unknown_linux_is_no_jetpack(line: str | None) -> None:
    assert find_jetpack(line) is None


def test_releases_and_versions_are_there_once() -> None:
    releases = [release for jetpack in JETPACKS for release in jetpack.linux]
    assert len(set(releases)) == len(releases)
    assert len({jetpack.version for jetpack in JETPACKS}) == len(JETPACKS)


def test_from_6_1_on_a_jetpack_is_supported() -> None:
    supported = [jetpack.version for jetpack in JETPACKS if jetpack.is_supported]
    assert supported[0] == "6.1"
    assert supported == [jetpack.version for jetpack in JETPACKS][-len(supported) :]


@pytest.mark.parametrize(
    ("status", "modes", "name"),
    [
        ("pmode:0002\n", MODES, "MAXN_SUPER"),
        ("pmode:0000 fmode:fanNull", MODES, "15W"),
        ("pmode:0003", MODES.replace("< ", "<").replace(" >", ">"), "7W"),
        ("pmode:0009", MODES, None),
        ("", MODES, None),
        ("pmode:0002", "", None),
    ],
)
def test_a_power_mode_has_the_name_that_the_board_gives_it(
    status: str, modes: str, name: str | None
) -> None:
    assert power_mode(status, modes) == name
