"""The page on Jetsons names commands, options, extras and versions that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from edgefer.cli.main import app
from edgefer.jetson import JETPACKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/jetson.md").read_text()
COMMANDS = typer.main.get_command(app).commands
# Named by the page before they are registered; their options are checked from then on.
TO_COME = {"build"}
# NVIDIA has not said which Jetson Linux it has.
UNKNOWN_LINUX = {"7.2.2"}


def code() -> Iterator[str]:
    """Each line of a code block, and each piece of code within the text."""
    for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S):
        yield from (line.split(" #")[0] for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S))


def calls() -> list[str]:
    """What stands behind `edgefer` wherever it is called."""
    found = (re.search(r"(?:^|[ /])edgefer ([a-z].*)$", line.strip()) for line in code())
    return sorted({match[1].strip() for match in found if match})


def test_there_is_something_to_check() -> None:
    assert {"doctor", "build", "run", "benchmark", "export"} <= {
        call.split()[0] for call in calls()
    }


@pytest.mark.parametrize("call", calls())
def test_every_command_and_option_exists(call: str) -> None:
    name, *words = shlex.split(call)
    if name not in COMMANDS:
        assert name in TO_COME
        return
    known = {option for each in COMMANDS[name].params for option in each.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)`", PAGE))))
def test_an_option_named_alone_is_one_of_build_or_of_python(option: str) -> None:
    if option == "--system-site-packages":
        return
    if "build" in COMMANDS:
        assert option in {name for each in COMMANDS["build"].params for name in each.opts}


def test_every_extra_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    section = project.split("[project.optional-dependencies]\n")[1].split("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", section, re.M))
    named = set(re.findall(r"'\.\[(\w+)\]'", PAGE)) | set(re.findall(r"`(jetpack\d)`", PAGE))
    assert named == {"jetpack6", "jetpack7"}
    (forbidden,) = re.findall(r"never the extras ([^:]+):", PAGE)
    assert named | set(re.findall(r"`(\w+)`", forbidden)) <= extras


def rows() -> dict[str, list[str]]:
    """The table of JetPacks by version: Linux, Python, CUDA, TensorRT, boards, edgefer."""
    table = re.findall(r"^\| (\d+\.\d+(?:\.\d+)?) \| (.+) \|$", PAGE, re.M)
    return {version: rest.split(" | ") for version, rest in table}


def test_the_versions_are_those_of_the_code() -> None:
    known = {jetpack.version: jetpack for jetpack in JETPACKS}
    on_page = rows()
    assert set(on_page) - set(known) == UNKNOWN_LINUX
    for version in set(on_page) & set(known):
        jetpack = known[version]
        linux, python, cuda, tensorrt, _, edgefer = on_page[version]
        assert linux == ", ".join(jetpack.linux)
        assert (python, cuda, tensorrt) == (jetpack.python, jetpack.cuda, jetpack.tensorrt)
        assert edgefer.startswith("too old") != jetpack.is_supported


def test_every_jetpack_that_is_supported_has_its_row() -> None:
    supported = {jetpack.version for jetpack in JETPACKS if jetpack.is_supported}
    on_page = rows()
    assert supported <= set(on_page)
    for version in supported | UNKNOWN_LINUX:
        assert on_page[version][-1] == f"`jetpack{version[0]}`"
