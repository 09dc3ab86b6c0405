"""TensorRT: the GPU of a Jetson, or of a desktop with the full library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any, ClassVar

import numpy as np

from edgefer.bundle import Bundle
from edgefer.errors import EdgeferError, InputError, MachineError
from edgefer.manifest import Flavour
from edgefer.runtime.backend import Backend, Floats, OpenOptions, Pixels
from edgefer.runtime.cuda import Cuda, find_cuda
from edgefer.runtime.device_array import DeviceFaces, device_faces
from edgefer.runtime.engine_cache import Engine
from edgefer.runtime.engine_sidecar import Sidecar
from edgefer.runtime.engine_source import find_engine
from edgefer.runtime.known_faults import known_fault
from edgefer.runtime.tensorrt_library import Edition, TensorRT, open_library
from edgefer.runtime.trt_buffers import Buffer
from edgefer.runtime.trt_engine import INPUT, Lane, LoadedEngine, fitting


class TensorRTBackend(Backend):
    """One engine with its contexts, buffers and stream; nothing is allocated after loading.

    One face is one launch of a CUDA graph: copy in, run, copy out. More are queued one by one.
    """

    name = "tensorrt"
    flavour = Flavour.GPU
    engine: Sidecar
    edition: ClassVar[Edition] = Edition.TENSORRT

    def __init__(
        self, cuda: Cuda, tensorrt: TensorRT, bundle: Bundle, engine: Engine, mapped: bool
    ) -> None:
        """Load an engine of the bundle, inside `with cuda.current():`."""
        self._cuda = cuda
        self._owned = ExitStack()
        self._graph: int | None = None
        self.engine = engine.sidecar
        manifest = bundle.manifest
        fault = known_fault(engine.sidecar.where, manifest.precision, manifest.network)
        self.notes = (f"engine {engine.origin}", *filter(None, (fault,)))
        try:
            self._allocate(tensorrt, bundle, engine, mapped)
            self._capture()
            self._settled()
        except BaseException:
            self._free()
            raise

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> Backend:
        """Find or build the engine of that graph, and load it."""
        tensorrt = open_library(cls.edition)
        cuda = find_cuda()
        with cuda.current():
            device = cuda.device()
            if options.mapped and not device.integrated:
                msg = (
                    f"mapped memory: expected a device that shares its memory with the CPU, as a "
                    f"Jetson, found {device.name}; leave it out"
                )
                raise InputError(msg)
            engine = find_engine(bundle, flavour, tensorrt, device, options)
            return cls(cuda, tensorrt, bundle, engine, options.mapped)

    def run(self, faces: Pixels) -> Mapping[str, Floats]:
        """Copy the faces in, run, and give the host's side of the buffers."""
        count = len(faces)
        with self._cuda.current():
            self._pixels.host[:count] = faces
            try:
                if count == 1 and self._graph is not None:
                    self._cuda.launch(self._graph, self._stream)
                else:
                    self._queue(count)
            finally:
                # also after a failure: what was queued before it still uses the buffers
                self._cuda.synchronize(self._stream)
        return self._fronts[count]

    def on_device(self, faces: object) -> DeviceFaces | None:
        """Faces that are on the GPU already, None for others."""
        return device_faces(faces, self._stream)

    def run_device(self, faces: DeviceFaces, first: int, count: int) -> Mapping[str, Floats]:
        """The same for `count` faces from `first` on that are on the device: one copy within it."""
        face = self._pixels.face
        with self._cuda.current():
            if faces.stream is not None:
                self._cuda.wait_for(faces.stream, self._stream)
            try:
                for start, size in self._turns(count):
                    source = faces.address + (first + start) * face
                    self._pixels.take(source, size, self._stream)
                    self._compute(start, size)
            finally:
                self._cuda.synchronize(self._stream)
        return self._fronts[count]

    def stages(self, faces: Pixels) -> Iterator[str]:
        """As `run` without its CUDA graph, waiting after each stage; nothing for a DLA's turns."""
        count = len(faces)
        if len(self._turns(count)) > 1:
            return
        with self._cuda.current():
            self._pixels.host[:count] = faces
            self._pixels.copy_in(count, self._stream)
            self._cuda.synchronize(self._stream)
            yield "copy in"
            self._lanes[fitting(self._profiles, count)].enqueue(count)
            self._cuda.synchronize(self._stream)
            yield "inference"
            for buffer in self._answers.values():
                buffer.copy_out(count, self._stream)
            self._cuda.synchronize(self._stream)
            yield "copy out"

    def close(self) -> None:
        """Free everything, in the reverse order of its making."""
        self._free()

    def _free(self) -> None:
        # a device that is lost refuses each of these, and frees all with the process
        with ExitStack() as stack:
            with suppress(EdgeferError):
                stack.enter_context(self._cuda.current())
            with suppress(AttributeError, EdgeferError):
                self._cuda.synchronize(self._stream)
            with suppress(EdgeferError):
                self._owned.close()

    def _allocate(self, tensorrt: TensorRT, bundle: Bundle, engine: Engine, mapped: bool) -> None:
        cuda, own = self._cuda, self._owned
        self._stream = cuda.create_stream()
        own.callback(cuda.destroy_stream, self._stream)
        loaded = LoadedEngine(tensorrt, engine.plan, bundle.manifest, engine.sidecar.what.dla)
        self._profiles = engine.sidecar.what.profiles
        self.outputs = loaded.outputs
        face = (bundle.manifest.size, bundle.manifest.size, 3)
        self._pixels = Buffer(cuda, own, face, np.uint8, mapped=mapped)
        self._answers = {
            name: Buffer(cuda, own, shape, np.float32, mapped=mapped)
            for name, shape in loaded.outputs.items()
        }
        addresses = {INPUT: self._pixels.address}
        addresses |= {name: buffer.address for name, buffer in self._answers.items()}
        config = self._configure(loaded)
        self._lanes = [
            Lane(loaded, profile, addresses, self._stream, config)
            for profile in range(len(self._profiles))
        ]
        # contexts go before the engine and it before the buffers that they point to
        own.callback(self._lanes.clear)
        self._fronts: dict[int, dict[str, Floats]] = {
            count: {name: buffer.host[:count] for name, buffer in self._answers.items()}
            for count in range(1, len(self._pixels.host) + 1)
        }

    def _configure(self, engine: LoadedEngine) -> Any:
        """What contexts are made with; TensorRT-RTX has more to say."""
        return None

    def _settled(self) -> None:
        """Called once, after the first run."""

    def _turns(self, count: int) -> list[tuple[int, int]]:
        """First face and number of faces of each run: a DLA takes its one size only."""
        most = max(most for _, _, most in self._profiles)
        return [(start, min(most, count - start)) for start in range(0, count, most)]

    def _queue(self, count: int) -> None:
        for start, size in self._turns(count):
            self._pixels.copy_in(size, self._stream, start)
            self._compute(start, size)

    def _compute(self, start: int, count: int) -> None:
        self._lanes[fitting(self._profiles, count)].enqueue(count)
        for buffer in self._answers.values():
            buffer.copy_out(count, self._stream, start)

    def _capture(self) -> None:
        """Record the work for one face as a graph, after a first run that settles everything."""
        self._pixels.host[:] = 0
        self._queue(1)
        self._cuda.synchronize(self._stream)
        why = self._uncapturable()
        if why is not None:
            self.notes += (f"no CUDA graph: {why}",)
            return
        try:
            self._graph = self._record()
        except MachineError as error:
            self.notes += (f"no CUDA graph: {error}",)
            return
        self._owned.callback(self._cuda.destroy_graph, self._graph)

    def _uncapturable(self) -> str | None:
        if not self._cuda.graphs:
            return f"{self._cuda.name} has none"
        asks = getattr(self._lanes[0].context, "is_stream_capturable", None)
        if asks is not None and not asks(self._stream):
            return "the engine cannot be captured"
        return None

    def _record(self) -> int:
        self._cuda.begin_capture(self._stream)
        try:
            self._queue(1)
        except BaseException:
            with suppress(MachineError):  # whatever it has to say, the stream runs again
                self._cuda.destroy_graph(self._cuda.end_capture(self._stream))
            raise
        return self._cuda.end_capture(self._stream)
