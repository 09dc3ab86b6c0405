"""An engine in memory: deserialised, held to the manifest, with a context for each profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgefer.errors import BundleError
from edgefer.manifest import Manifest
from edgefer.runtime.engine_options import Profile
from edgefer.runtime.tensorrt_library import TensorRT

INPUT = "pixels"


class LoadedEngine:
    """A deserialised engine; `outputs` are the shapes of its outputs for one face."""

    def __init__(
        self, tensorrt: TensorRT, plan: bytes, manifest: Manifest, dla: int | None = None
    ) -> None:
        """Deserialise bytes whose hash has just been checked: they are code.

        Raises MachineError with TensorRT's log where it takes them not, BundleError where inputs
        and outputs are not those of the manifest.
        """
        self.tensorrt = tensorrt
        self.runtime = tensorrt.runtime()
        if dla is not None:
            self.runtime.DLA_core = dla
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            tensorrt.refuse("loading the engine")
        self.outputs = self._check(manifest)

    def context(self, config: Any = None) -> Any:
        """A context for one stream; `config` is TensorRT-RTX's."""
        given = () if config is None else (config,)
        context = self.engine.create_execution_context(*given)
        if context is None:
            self.tensorrt.refuse("making an execution context")
        return context

    def _check(self, manifest: Manifest) -> dict[str, tuple[int, ...]]:
        kinds, modes = self.tensorrt.library.DataType, self.tensorrt.library.TensorIOMode
        found: dict[Any, dict[str, tuple[Any, tuple[int, ...]]]] = {
            modes.INPUT: {},
            modes.OUTPUT: {},
        }
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            kind, shape = self.engine.get_tensor_dtype(name), self.engine.get_tensor_shape(name)
            found[self.engine.get_tensor_mode(name)][name] = (kind, tuple(shape))
        pixels, outputs = found[modes.INPUT], found[modes.OUTPUT]
        face = (manifest.size, manifest.size, 3)
        fits = set(pixels) == {INPUT} and set(outputs) == set(manifest.outputs)
        fits = fits and pixels[INPUT][0] == kinds.UINT8 and pixels[INPUT][1][1:] == face
        fits = fits and all(kind == kinds.FLOAT for kind, _ in outputs.values())
        fits = fits and outputs["probabilities"][1][1:] == (len(manifest.labels),)
        if not fits:
            msg = (
                f"engine: expected the input {INPUT} uint8 [N, {', '.join(map(str, face))}] and "
                f"the outputs {', '.join(manifest.outputs)} with probabilities float32 "
                f"[N, {len(manifest.labels)}], found {_words(pixels)} and {_words(outputs)}"
            )
            raise BundleError(msg)
        return {name: shape[1:] for name, (_, shape) in outputs.items()}


class Lane:
    """One context on one profile, whose tensors have their addresses for good."""

    def __init__(
        self,
        engine: LoadedEngine,
        profile: int,
        addresses: Mapping[str, int],
        stream: int,
        config: Any = None,
    ) -> None:
        self._tensorrt = engine.tensorrt
        # attributes go in the order of their making, and the engine has to outlive the context
        self.context = engine.context(config)
        self._engine = engine
        self._stream = stream
        self._count = 0
        self._require(self.context.set_optimization_profile_async(profile, stream), "a profile")
        for name, address in addresses.items():
            self._require(self.context.set_tensor_address(name, address), f"the address of {name}")
        self._face = tuple(engine.engine.get_tensor_shape(INPUT))[1:]

    def enqueue(self, count: int) -> None:
        """Queue that many faces on the stream."""
        if count != self._count:
            shape = (count, *self._face)
            self._require(self.context.set_input_shape(INPUT, shape), f"the shape {list(shape)}")
            missing = self.context.infer_shapes()
            self._require(not missing, f"the shape {list(shape)}, without {missing}")
            self._count = count
        if not self.context.execute_async_v3(stream_handle=self._stream):
            self._tensorrt.refuse("running the engine")

    def _require(self, taken: bool, what: str) -> None:
        if not taken:
            self._tensorrt.refuse(f"giving the engine {what}")


def fitting(profiles: tuple[Profile, ...], count: int) -> int:
    """The first of the profiles that takes that many faces at once."""
    return next(i for i, (least, _, most) in enumerate(profiles) if least <= count <= most)


def _words(tensors: Mapping[str, tuple[Any, tuple[int, ...]]]) -> str:
    return ", ".join(f"{name} {kind} {list(shape)}" for name, (kind, shape) in tensors.items())
