"""Which libraries are installed, and in what version: found without importing any."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from edgefer import __version__


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Name and version of edgefer and of those `packages` that are installed."""
    versions = {"edgefer": __version__}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
