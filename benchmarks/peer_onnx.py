"""ONNX Runtime as anyone would call it: with a bundle's graph, or with an ONNX file of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.peer import Peer
from edgefer.bundle import Bundle
from edgefer.data.faces import Pixels
from edgefer.errors import BundleError, InputError, reason
from edgefer.files import check_readable, utf8_name
from edgefer.imports import require
from edgefer.manifest import Flavour
from edgefer.runtime.external_data import refuse_external_data
from edgefer.runtime.ort import open_session, session_options

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg

_PROVIDER = "CPUExecutionProvider"
_ANSWERS = "probabilities"
_KINDS: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_FIX = "python -m onnxruntime.tools.make_dynamic_shape_fixed"


class BareOnnxRuntime(Peer):
    """A bundle's cpu.onnx and `session.run`: no bound buffers, no checks."""

    kind = "onnxruntime"
    name = "onnxruntime (bare)"

    def __init__(self, bundle: Bundle, path: Path, threads: int) -> None:
        library = require("onnxruntime", "cpu")
        self._session: Any = open_session(library, bundle, Flavour.CPU, (_PROVIDER, {}), threads)
        outputs = [output.name for output in self._session.get_outputs()]
        self._place = outputs.index(_ANSWERS)
        self.note = f"{Flavour.CPU.member} of {path.name}, session.run"
        self.graph_bytes = len(bundle.graph(Flavour.CPU))

    def run(self, faces: Pixels) -> NDArray[np.float32]:
        """All outputs are computed, as in a session of ours."""
        found: NDArray[np.float32] = self._session.run(None, {"pixels": faces})[self._place]
        return found

    def close(self) -> None:
        """Free the session; its threads end."""
        self._session = None


class OnnxFile(Peer):
    """A network of others. Its inputs are from chance, so that only its times say something."""

    kind = "onnx"
    answers = False

    def __init__(self, path: Path, threads: int) -> None:
        """Load it and run it once.

        Raises InputError where there is no such file, ONNX Runtime does not run it, or an input
        has a free dimension beside the first, which is taken for the batch.
        """
        check_readable(path, "an ONNX file")
        library = require("onnxruntime", "cpu")
        self.name, self.note = path.name, "random inputs: for its times alone"
        self.graph_bytes = _size(path)
        try:
            self._session: Any = library.InferenceSession(
                utf8_name(path), session_options(threads), providers=[_PROVIDER]
            )
            self._inputs = _inputs(self._session, path)
            self._made: dict[int, dict[str, NDArray[np.generic]]] = {}
            self._batch = _fixed_batch(self._inputs)
            self._run(self._batch or 1)
        except InputError:
            raise
        except Exception as error:  # its exceptions have no common base
            msg = f"{path}: ONNX Runtime {library.__version__} does not run it ({reason(error)})"
            raise InputError(msg) from error

    def run(self, faces: Pixels) -> NDArray[np.float32]:
        """The first output for as many random inputs as there are faces.

        Raises InputError where the file has another batch, which is fixed.
        """
        count = len(faces)
        if self._batch not in (None, count):
            msg = (
                f"{self.name}: its inputs are fixed to a batch of {self._batch}, found {count} "
                f"faces a call; ask for {self._batch}"
            )
            raise InputError(msg)
        return self._run(count)

    def _run(self, count: int) -> NDArray[np.float32]:
        if count not in self._made:
            self._made[count] = _random(self._inputs, count)
        found: NDArray[np.float32] = self._session.run(None, self._made[count])[0]
        return found

    def close(self) -> None:
        """Free the session and the inputs."""
        self._session = None
        self._made.clear()


def _inputs(session: InferenceSession, path: Path) -> tuple[NodeArg, ...]:
    """The inputs, all of which can be made up."""
    inputs = tuple(session.get_inputs())
    for given in inputs:
        if given.type not in _KINDS:
            known = ", ".join(_KINDS)
            msg = f"{path}: input '{given.name}': expected one of {known}, found {given.type}"
            raise InputError(msg)
        for place, side in enumerate(given.shape):
            if place and not isinstance(side, int):
                msg = (
                    f"{path}: input '{given.name}': expected no free dimension but the first, "
                    f"found dimension {place} free ({side or 'without a name'}) of {given.shape}; "
                    f"fix it with {_FIX}"
                )
                raise InputError(msg)
    return inputs


def _fixed_batch(inputs: tuple[NodeArg, ...]) -> int | None:
    """The only batch that they take; None where one of them leaves it free, or none has any."""
    firsts = [given.shape[0] for given in inputs if given.shape]
    if all(isinstance(first, int) for first in firsts):
        return firsts[0] if firsts else None
    return None


def _random(inputs: tuple[NodeArg, ...], count: int) -> dict[str, NDArray[np.generic]]:
    """Inputs for a batch of `count`, the same ones every time."""
    chance = np.random.default_rng(0)
    values: dict[str, NDArray[np.generic]] = {}
    for given in inputs:
        kind = _KINDS[given.type]
        shape = [side if isinstance(side, int) else count for side in given.shape]
        if issubclass(kind, np.floating):
            made: NDArray[Any] = chance.random(shape)
        elif kind is np.uint8:
            made = chance.integers(0, 256, shape)
        else:  # they may be places in a table, which has two at least
            made = chance.integers(0, 2, shape)
        values[given.name] = np.asarray(made).astype(kind)
    return values


def _size(path: Path) -> int | None:
    """The bytes of the file; None where weights lie in another, whose size is not looked for."""
    data = path.read_bytes()
    try:
        refuse_external_data(data, path.name)
    except BundleError:
        return None
    return len(data)
