"""A torch network of the user's own: `package.module:factory` names a function that makes it.

The module is imported, from the current folder too, and the function called without arguments:
that runs the user's own Python code. Weights are a state dict in safetensors, never a pickle.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.errors import EdgeferError, InputError, reason
from edgefer.export.answers import Floats, answers
from edgefer.export.foreign import as_probabilities, wrap
from edgefer.export.graph import LIMIT, OUTPUT, SourceGraph, trace
from edgefer.export.parity import LIMITS, compare, golden_faces, require_parity
from edgefer.export.spec import Layout, Spec
from edgefer.files import read_bytes, sha256
from edgefer.imports import require
from edgefer.manifest import Parity, Precision

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor
    from torch.nn import Module

_FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_EXAMPLE = 2  # a batch of one would be taken for a constant


def is_factory(what: str) -> bool:
    """Whether `what` is written as `package.module:factory` is."""
    return _FACTORY.fullmatch(what) is not None


def graph_from_factory(
    what: str, weights: str | None, spec: Spec
) -> tuple[SourceGraph, tuple[Parity, ...]]:
    """The graph of the network that a factory makes, and its parity with torch.

    Without `weights` the network stays as it was made. Raises InputError where factory, weights
    and spec do not fit, CheckFailed where the graph answers otherwise than torch.
    """
    require("torch", "torch")
    faces = golden_faces(spec.size)
    with _users_code(what):
        module = _make(what)
        origin = {"source": what, "sha256": None} if weights is None else _load(module, weights)
        model, rows = _traced(module.eval(), _as_taken(faces, spec), spec, what)
    graph = wrap(model, spec, what, {**origin, "factory": what})
    expected = as_probabilities(rows, spec, what)
    found = answers(graph.data, faces)[OUTPUT]
    checks = (compare("FP32 graph against torch", found, expected, LIMITS[Precision.FP32]),)
    require_parity(checks)
    return graph, checks


@contextmanager
def _users_code(what: str) -> Iterator[None]:
    """The current folder is where modules are looked for; what goes wrong becomes one line.

    What the code prints goes to standard error: standard output is for results.
    """
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except EdgeferError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        msg = f"{what}: its code failed ({type(error).__name__}: {reason(error, 200)})"
        raise InputError(msg) from error
    finally:
        sys.path.remove(folder)


def _make(what: str) -> Module:
    torch = require("torch", "torch")
    name, _, factory = what.partition(":")
    module = getattr(importlib.import_module(name), factory)()
    if not isinstance(module, torch.nn.Module):
        msg = f"{what}: expected it to make a torch.nn.Module, found {type(module).__name__}"
        raise InputError(msg)
    others = {tensor.dtype for tensor in module.state_dict().values() if tensor.is_floating_point()}
    if not others <= {torch.float32}:
        found = ", ".join(sorted(map(str, others)))
        msg = f"{what}: expected a network in float32, found {found}; call its float()"
        raise InputError(msg)
    made: Module = module.cpu()
    return made


def _load(module: Module, weights: str) -> dict[str, Any]:
    """Load a state dict into `module`; where it is from, for the manifest."""
    safetensors = require("safetensors.torch", "torch")
    path = Path(weights)
    data = read_bytes(path, "a state dict in safetensors", LIMIT)
    try:
        tensors = safetensors.load(data)
    except Exception as error:  # its header is parsed by several hands
        msg = f"{path}: expected a state dict in safetensors ({reason(error, 200)})"
        raise InputError(msg) from error
    require("edgefer.zoo.weights", "torch").load_tensors(module, tensors, weights)
    return {"source": path.name, "sha256": sha256(data)}


def _as_taken(faces: Any, spec: Spec) -> Tensor:
    """Faces uint8 [n, size, size, 3] as the network takes them."""
    torch = require("torch", "torch")
    pixel_input = require("edgefer.zoo.contract", "torch").PixelInput
    planes: Tensor = pixel_input(spec.pixel_scale(spec.channels))(torch.from_numpy(faces))
    return planes if spec.layout is Layout.NCHW else planes.permute(0, 2, 3, 1).contiguous()


def _traced(module: Module, taken: Tensor, spec: Spec, what: str) -> tuple[ModelProto, Floats]:
    """The network as an ONNX graph with the output that has the answers, and those: [n, ...]."""
    torch = require("torch", "torch")
    with torch.no_grad():
        found = module(taken)
    name = "answers"
    if not isinstance(found, torch.Tensor):
        several = require("edgefer.export.one_output", "torch")
        tensors = several.outputs(found)
        name = str(spec.output)
        if name not in tensors:
            msg = f"{what}: output: expected one of {', '.join(tensors)} in the spec, found {name}"
            raise InputError(msg)
        found, module = tensors[name], several.OneOutput(module, name).eval()
    model = trace(module, taken[:_EXAMPLE], "faces", [name])
    return model, found.numpy().reshape(len(taken), -1)
