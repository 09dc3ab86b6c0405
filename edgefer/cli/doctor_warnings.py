"""What doctor warns of: TensorRTs over each other, a JetPack that is too old, an open cache."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.cli.doctor_cache import CacheFolder

if TYPE_CHECKING:
    from edgefer.machine import Machine
    from edgefer.runtime.trial import LibraryTrial

# All that brings the module `tensorrt`; tensorrt-rtx and tensorrt-lean are other libraries.
_TENSORRT = re.compile(r"tensorrt(-cu\d+)?(-(bindings|libs))?")
# Name and version, as pip and apt name the folder in which a package describes itself.
_PACKAGE = re.compile(r"([^-]+)-([^-]+?)(?:-.*)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Place:
    """A folder of Python's search path that has TensorRT: its packages, and perhaps the module."""

    folder: Path
    packages: tuple[tuple[str, str], ...]
    has_module: bool

    @property
    def described(self) -> str:
        """The folder and what lies there."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages)
        return f"{self.folder} ({packages or 'of no package'})"


def find_warnings(
    machine: Machine, tensorrt: LibraryTrial | None, cache: CacheFolder
) -> Iterator[str]:
    """One line each."""
    yield from _duplicates(find_places(), on_jetson=machine.jetson is not None)
    yield from _jetpack(machine, tensorrt)
    if cache.others_can_write:
        yield (
            f"{cache.path}/engines: others can write to it, and an engine is code; expected its "
            "owner alone, so what is in it will be built again"
        )


def find_places() -> list[Place]:
    """Where TensorRT lies, in the order in which Python looks; nothing is imported."""
    folders = dict.fromkeys(Path(os.path.realpath(entry or ".")) for entry in sys.path)
    places = (_look_in(folder) for folder in folders if folder.is_dir())
    return [place for place in places if place.packages or place.has_module]


def _look_in(folder: Path) -> Place:
    packages = set()
    for path in folder.glob("tensorrt*-info"):
        found = _PACKAGE.fullmatch(path.name)
        name = re.sub(r"[_.]+", "-", found[1]).lower() if found else ""
        if found and _TENSORRT.fullmatch(name):
            packages.add((name, found[2]))
    module = folder / "tensorrt"
    has_module = (module / "__init__.py").is_file() or any(folder.glob("tensorrt.*.so"))
    return Place(folder, tuple(sorted(packages)), has_module)


def _duplicates(places: list[Place], *, on_jetson: bool) -> Iterator[str]:
    modules = [place for place in places if place.has_module]
    packages = sorted({package for place in places for package in place.packages})
    names = " ".join(dict.fromkeys(name for name, _ in packages))
    if len(modules) > 1:
        advice = (
            f"JetPack's own is the right one; run: pip uninstall {names}"
            if on_jetson
            else "uninstall the one that is not wanted"
        )
        yield (
            f"tensorrt is installed {len(modules)} times: in "
            f"{' and in '.join(place.described for place in modules)}; "
            f"{_imported()} is imported; {advice}"
        )
        return
    versions = {version for _, version in packages}
    kinds = {found[0] for name, _ in packages if (found := re.search(r"-cu\d+", name))}
    if len(versions) > 1 or len(kinds) > 1:
        found_there = ", ".join(f"{name} {version}" for name, version in packages)
        yield (
            "tensorrt: expected packages of one version and one CUDA, found "
            f"{found_there}; {_imported()} is imported; uninstall all of them, then install one"
        )


def _imported() -> str:
    try:
        spec = find_spec("tensorrt")
    except (ImportError, ValueError):  # a module that was planted without a spec
        spec = None
    if spec is None or spec.origin is None:
        return "none"
    return f"{spec.origin}"


def _jetpack(machine: Machine, tensorrt: LibraryTrial | None) -> Iterator[str]:
    from edgefer.jetson import find_jetpack

    jetpack = find_jetpack(machine.l4t)
    if jetpack is None:
        return
    if not jetpack.is_supported:
        yield (
            f"JetPack {jetpack.version} has TensorRT {jetpack.tensorrt}; expected 10.3 or newer: "
            "move to JetPack 6.2 or newer (a Xavier has none: there the CPU alone can run)"
        )
    elif tensorrt is not None and tensorrt.version is not None:
        expected = jetpack.tensorrt.split(".")[:2]
        if tensorrt.version.split(".")[:2] != expected:
            yield (
                f"JetPack {jetpack.version} brings TensorRT {jetpack.tensorrt}, found "
                f"{tensorrt.version} in {tensorrt.place}; unless you put it there, uninstall it"
            )
