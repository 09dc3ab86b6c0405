"""Pairs of TensorRT and device that are known to fail, with the issue that tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from edgefer.manifest import Precision
from edgefer.runtime.engine_sidecar import Where


@dataclass(frozen=True)
class Fault:
    """`version` is the beginning of TensorRT's; `capability` and `network` None are for all."""

    version: str
    capability: str | None
    precisions: frozenset[Precision]
    what: str
    network: str | None = None

    def concerns(self, where: Where, precision: str, network: str) -> bool:
        """Whether this TensorRT with this network on this device in this precision is that pair."""
        return (
            f"{where.version}.".startswith(f"{self.version}.")
            and (self.capability is None or self.capability in where.capabilities)
            and precision in self.precisions
            and self.network in (None, network)
        )


# All of NVIDIA/TensorRT on GitHub.
FAULTS = (
    Fault(
        "10.16",
        "8.7",
        frozenset({Precision.INT8}),
        "TensorRT 10.16 does not build some INT8 graphs for Orin that it builds for Thor "
        "(NVIDIA/TensorRT#4832); export with --precision fp16",
    ),
    Fault(
        "10.13",
        "11.0",
        frozenset({Precision.FP16, Precision.INT8}),
        "TensorRT 10.13 on Thor has given wrong FP16 answers (NVIDIA/TensorRT#4820); compare "
        "with edgefer evaluate, or export with --precision fp32",
    ),
    Fault(
        "10.3",
        None,
        frozenset(Precision),
        "TensorRT 10.3 has given wrong answers for transformers with dynamic shapes "
        "(NVIDIA/TensorRT#4419, gone in 10.5); compare with edgefer evaluate",
        network="fer-vt",
    ),
)


def known_fault(where: Where, precision: str, network: str = "") -> str | None:
    """What is known to go wrong with that TensorRT, device and precision; None for nothing."""
    found = (fault.what for fault in FAULTS if fault.concerns(where, precision, network))
    return next(found, None)
