"""The plan, in the fake's own form: a magic, the length of a header, header, graph and hash."""

from __future__ import annotations

import json
import struct
from hashlib import sha256
from typing import Any

from tests.fakes.device import DEVICE
from tests.fakes.trt.common import Release, Voice
from tests.fakes.trt.interfaces import Severity
from tests.fakes.trt.network import Parsed

MAGIC = b"ftrt"
_WHERE = "IRuntime::deserializeCudaEngine"


def write_plan(network: Any, config: Any, *, integers: bool) -> bytes:
    """The plan of a network; without `integers` its layers say that none takes INT8."""
    parsed: Parsed = network.parsed
    shapes = [profile.shapes for profile in config.profiles]
    # A network that has only fixed shapes gets one profile of its own.
    fixed = {entry["name"]: [entry["dims"]] * 3 for entry in parsed.inputs}
    header = {
        "version": network.release.version,
        "capability": list(DEVICE.capability),
        "device": DEVICE.name,
        "profiles": [{**fixed, **profile} for profile in shapes] or [fixed],
        "shares_profiles": config.shares_profiles,
        "inputs": parsed.inputs,
        "outputs": parsed.outputs,
        "verbosity": config.profiling_verbosity.name,
        "layers": parsed.fused if integers else _without_integers(parsed.fused),
        "name": network.name,
    }
    text = json.dumps(header).encode()
    body = struct.pack("<I", len(text)) + text + parsed.model
    return MAGIC + struct.pack("<Q", len(body)) + body + sha256(body).digest()


def read_plan(data: bytes, voice: Voice) -> tuple[dict[str, Any], bytes] | None:
    """Header and graph of a plan; None and a log that says why, if this runtime cannot take it.

    The texts are those of TensorRT, of several versions; that of a wrong hash is ours.
    """
    if not data:
        voice.complain(3, _WHERE, "Cannot deserialize with an empty memory buffer.")
        return None
    if data[:4] != MAGIC:
        _broken(voice, "magicTagRead == kMAGIC_TAG failed.Magic tag does not match")
        return None
    size = struct.unpack("<Q", data[4:12])[0] if len(data) >= 12 else -1
    body, digest = data[12 : 12 + size], data[12 + size :]
    if len(data) != 12 + size + 32:
        _broken(voice, "plan.header.size == blobSize failed.")
        return None
    if sha256(body).digest() != digest:
        _broken(voice, "hash == expectedHash failed.The plan is damaged")
        return None
    length = struct.unpack("<I", body[:4])[0]
    header: dict[str, Any] = json.loads(body[4 : 4 + length])
    if not _suits(header, voice):
        voice.complain(4, _WHERE, "Engine deserialization failed.", "Internal Error")
        return None
    voice.say(Severity.INFO, f"Loaded engine size: {len(data) >> 20} MiB")
    return header, body[4 + length :]


def _suits(header: dict[str, Any], voice: Voice) -> bool:
    """Whether the plan is of this version and device."""
    release, built = voice.release, header["version"]
    if built.split(".")[0] != release.version.split(".")[0]:
        text = (
            "Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed."
            f"Version tag does not match. Note: Current Version: {release.serialization}, "
            f"Serialized Engine Version: {_serialization(built, release)}"
        )
        voice.complain(1, _WHERE, text, "Serialization")
        return False
    if built != release.version:
        text = (
            "The engine plan file is not compatible with this version of TensorRT, expecting "
            f"library version {release.version} got {built}, please rebuild."
        )
        voice.complain(6, _WHERE, text)
        return False
    mine, theirs = DEVICE.capability, tuple(header["capability"])
    if mine != theirs:
        # Reports differ in which of the two numbers is this device's; most have it first.
        text = (
            "The engine plan file is generated on an incompatible device, expecting compute "
            f"{mine[0]}.{mine[1]} got compute {theirs[0]}.{theirs[1]}, please rebuild."
        )
        voice.complain(6, _WHERE, text)
        return False
    if header["device"] != DEVICE.name:
        text = (
            "Using an engine plan file across different models of devices is not recommended and "
            "is likely to affect performance or even cause errors."
        )
        voice.say(Severity.WARNING, text)
    return True


def _serialization(version: str, release: Release) -> int:
    """The number of another version's format: any but this one's."""
    newer = int(version.split(".")[0]) > int(release.version.split(".")[0])
    return release.serialization + (1 if newer else -1)


def _broken(voice: Voice, text: str) -> None:
    voice.complain(1, _WHERE, f"Serialization assertion {text}", "Serialization")
    voice.complain(4, _WHERE, "Engine deserialization failed.", "Internal Error")


def _without_integers(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = json.dumps(layers).replace('"INT8"', '"HALF"')
    found: list[dict[str, Any]] = json.loads(text)
    return found
