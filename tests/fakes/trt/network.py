"""The network that the fake parser makes of an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.trt.common import Bound, Dims, Release, Voice


class ITensor(Bound):
    """A tensor: its name, type, and shape, in which -1 is a size that changes."""

    def __init__(self, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self.name = name
        self.dtype = dtype
        self.shape = Dims(shape)
        self.is_network_input = False
        self.is_network_output = False
        self.is_shape_tensor = False


class ILayer(Bound):
    """A layer."""

    def __init__(self, name: str, kind: Any, inputs: list[Any], outputs: list[Any]) -> None:
        self.name = name
        self.type = kind
        self.metadata = f"[ONNX Layer: {name}]"
        self._inputs, self._outputs = inputs, outputs

    @property
    def num_inputs(self) -> int:
        """How many inputs."""
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        """How many outputs."""
        return len(self._outputs)

    def get_input(self, index: int) -> Any:
        """An input; None past the end."""
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def get_output(self, index: int) -> Any:
        """An output; None past the end."""
        return self._outputs[index] if 0 <= index < len(self._outputs) else None

    def get_output_type(self, index: int) -> Any:
        """The type of an output."""
        return self._outputs[index].dtype


@dataclass
class Parsed:
    """What the parser found, for the builder."""

    model: bytes = b""
    # Name, type and shape of inputs and outputs; sizes that change are names, or -1 without one.
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    fused: list[dict[str, Any]] = field(default_factory=list)
    quantised: bool = False


class INetworkDefinition(Voice):
    """A network."""

    release: ClassVar[Release]

    def __init__(self, builder: Any, flags: int) -> None:
        super().__init__(builder.logger)
        self.builder = builder
        self.name = "Unnamed Network 0"
        self.parsed = Parsed()
        self._typed_always = not self.release.weak
        self._flags = flags
        self._layers: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    @property
    def flags(self) -> int:
        """The flags, as bits."""
        strongly = self.release.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return self._flags | (1 << int(strongly) if self._typed_always else 0)

    def get_flag(self, flag: Any) -> bool:
        """Whether a flag is set."""
        return bool(self.flags & 1 << int(flag))

    @property
    def num_layers(self) -> int:
        """How many layers."""
        return len(self._layers)

    @property
    def num_inputs(self) -> int:
        """How many inputs."""
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        """How many outputs."""
        return len(self._outputs)

    def get_layer(self, index: int) -> Any:
        """A layer."""
        return self._at(self._layers, index, "getLayer")

    def get_input(self, index: int) -> Any:
        """An input."""
        return self._at(self._inputs, index, "getInput")

    def get_output(self, index: int) -> Any:
        """An output."""
        return self._at(self._outputs, index, "getOutput")

    def fill(self, layers: list[Any], inputs: list[Any], outputs: list[Any]) -> None:
        """Take what the parser made."""
        self._layers, self._inputs, self._outputs = layers, inputs, outputs
        for tensor in inputs:
            tensor.is_network_input = True
        for tensor in outputs:
            tensor.is_network_output = True

    def _at(self, things: list[Any], index: int, what: str) -> Any:
        if 0 <= index < len(things):
            return things[index]
        text = f"Parameter check failed, condition: index < {len(things)}."
        self.complain(3, f"INetworkDefinition::{what}", text)
        return None
