"""What an engine depends on, and what is known of it: the small file beside each.

An engine runs only where every one of these is as it was: TensorRT has no test for it that could
be trusted, so this one is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgefer import __version__
from edgefer.errors import BundleError
from edgefer.files import sha256
from edgefer.manifest import json_object, typed
from edgefer.runtime.engine_builder import Built
from edgefer.runtime.engine_options import EngineOptions, Profile

SCHEMA = 1


@dataclass(frozen=True)
class What:
    """What was asked for: another of these is another engine."""

    onnx: str
    precision: str
    edition: str
    dla: int | None
    profiles: tuple[Profile, ...]

    @classmethod
    def of(cls, graph: bytes, precision: str, options: EngineOptions) -> What:
        """That graph in that precision, built with these options."""
        return cls(
            onnx=sha256(graph),
            precision=str(precision),
            edition=str(options.edition),
            dla=options.dla,
            profiles=options.profiles,
        )


@dataclass(frozen=True)
class Where:
    """What it was built for; None where it serves any.

    `capabilities` are those of its GPUs. An engine that TensorRT-RTX built ahead of time serves
    all devices and drivers of these.
    """

    version: str
    capabilities: tuple[str, ...]
    device: str | None
    driver: str | None
    system: str | None
    architecture: str
    jetpack: str | None

    def unlike(self, here: Where) -> list[str]:
        """Why an engine built for this does not run here, a line for each; empty where it does."""
        found = []
        for field in fields(self):
            built, running = getattr(self, field.name), getattr(here, field.name)
            if field.name == "capabilities":
                fits = set(running) <= set(built)
                built, running = ", ".join(built), ", ".join(running)
            else:
                fits = built is None or built == running
            if not fits:
                found.append(f"{_WORDS[field.name]} was {built}, here it is {running}")
        return found


_WORDS = {
    "version": "TensorRT",
    "capabilities": "compute capability",
    "device": "the device",
    "driver": "CUDA of the driver",
    "system": "the system",
    "architecture": "the architecture",
    "jetpack": "JetPack",
}


@dataclass(frozen=True)
class Sidecar:
    """One engine: what, where, hash and size of its bytes, and the layers in each type.

    `workspace` is the most memory in bytes that a layer of it may use. `precisions` is None where
    only a GPU could have told; `off_dla` names the layers that were asked to run on a DLA and run
    on the GPU.
    """

    what: What
    where: Where
    sha256: str
    size: int
    workspace: int
    precisions: Mapping[str, int] | None
    off_dla: tuple[str, ...]
    edgefer: str = __version__

    def to_json(self) -> bytes:
        """Canonical JSON with a hash over all of it."""
        body = {"schema": SCHEMA, **asdict(self)}
        return _dump({**body, "checksum": sha256(_dump(body))})

    @classmethod
    def from_json(cls, data: bytes) -> Sidecar:
        """Parse and check; BundleError where it is not what edgefer wrote."""
        try:
            body = json_object(data)
            checksum = body.pop("checksum")
            if body.get("schema") != SCHEMA or sha256(_dump(body)) != checksum:
                msg = "its checksum is wrong"
                raise ValueError(msg)
            return _parse(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = (
                f"an engine's sidecar: expected one of schema {SCHEMA} as edgefer writes it "
                f"({error!r:.120})"
            )
            raise BundleError(msg) from error

    @classmethod
    def of(cls, built: Built, what: What, where: Where, workspace: int) -> Sidecar:
        """That of an engine that was just built."""
        return cls(
            what=what,
            where=where,
            sha256=sha256(built.plan),
            size=len(built.plan),
            workspace=workspace,
            precisions=built.precisions,
            off_dla=built.off_dla,
        )

    def is_of(self, plan: bytes) -> bool:
        """Whether these are the bytes that were built."""
        return len(plan) == self.size and sha256(plan) == self.sha256


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _parse(body: dict[str, Any]) -> Sidecar:
    what, where = dict(body["what"]), dict(body["where"])
    return Sidecar(
        what=What(
            onnx=typed(what["onnx"], str),
            precision=typed(what["precision"], str),
            edition=typed(what["edition"], str),
            dla=None if what["dla"] is None else typed(what["dla"], int),
            profiles=_profiles(what["profiles"]),
        ),
        where=Where(
            version=typed(where["version"], str),
            capabilities=_strings(where["capabilities"]),
            device=_word(where["device"]),
            driver=_word(where["driver"]),
            system=_word(where["system"]),
            architecture=typed(where["architecture"], str),
            jetpack=_word(where["jetpack"]),
        ),
        sha256=typed(body["sha256"], str),
        size=typed(body["size"], int),
        workspace=typed(body["workspace"], int),
        precisions=_counts(body["precisions"]),
        off_dla=_strings(body["off_dla"]),
        edgefer=typed(body["edgefer"], str),
    )


def _word(value: Any) -> str | None:
    return None if value is None else str(typed(value, str))


def _strings(values: Any) -> tuple[str, ...]:
    return tuple(typed(value, str) for value in typed(values, list))


def _counts(values: Any) -> dict[str, int] | None:
    if values is None:
        return None
    return {name: typed(count, int) for name, count in typed(values, dict).items()}


def _profiles(values: Any) -> tuple[Profile, ...]:
    found = tuple((typed(a, int), typed(b, int), typed(c, int)) for a, b, c in typed(values, list))
    if not found or any(not 1 <= a <= b <= c for a, b, c in found):
        msg = f"profiles {values!r:.60}"
        raise ValueError(msg)
    return found
