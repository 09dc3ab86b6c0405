"""How an engine is built: everything that changes its bytes, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from edgefer.choice import Choice
from edgefer.errors import InputError
from edgefer.runtime.backend import MOST_FACES, WORKSPACE
from edgefer.runtime.tensorrt_library import Edition

# Faces of a call: least, most common, most. The first is static, for the CUDA graph.
_PROFILES = ((1, 1, 1), (1, 4, MOST_FACES))

Profile = tuple[int, int, int]


class Target(Choice):
    """GPUs that TensorRT-RTX builds for without having one."""

    RTX_TURING = "rtx-turing"
    RTX_AMPERE = "rtx-ampere"
    RTX_ADA = "rtx-ada"
    RTX_BLACKWELL = "rtx-blackwell"

    @property
    def capability(self) -> str:
        """Its compute capability."""
        return _CAPABILITIES[self]


_CAPABILITIES = {
    Target.RTX_TURING: "7.5",
    Target.RTX_AMPERE: "8.6",
    Target.RTX_ADA: "8.9",
    Target.RTX_BLACKWELL: "12.0",
}


@dataclass(frozen=True)
class EngineOptions:
    """What the builder is asked for.

    `workspace` is the most memory in bytes that a layer may use, `dla` the number of a DLA core
    (None: the GPU alone). `capabilities` are those of the GPUs that TensorRT-RTX builds for, as
    "8.6"; classic TensorRT builds for the GPU that it runs on, and has none.
    """

    edition: Edition
    workspace: int = WORKSPACE
    dla: int | None = None
    capabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no library builds."""
        if self.workspace < 1 << 20:
            msg = f"workspace: expected 1 MiB or more, found {self.workspace:,} bytes"
            raise InputError(msg)
        if self.dla is not None and (self.edition is Edition.RTX or self.dla < 0):
            msg = f"DLA core {self.dla}: expected a core of a Jetson and {Edition.TENSORRT}"
            raise InputError(msg)
        turing = Target.RTX_TURING
        if turing.capability in self.capabilities and len(self.capabilities) > 1:
            msg = (
                f"{turing}: expected it alone, as its engines serve no other GPU; "
                "build the others in a run of their own"
            )
            raise InputError(msg)

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """One for single faces, one for up to sixteen; what a DLA runs has one size of batch."""
        return _PROFILES if self.dla is None else _PROFILES[:1]
