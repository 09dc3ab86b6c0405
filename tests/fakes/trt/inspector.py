"""The fake engine inspector."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.trt.common import Bound
from tests.fakes.trt.enums import LayerInformationFormat, ProfilingVerbosity

# How types are called without a context, and with one.
_SHORT = {"FLOAT": "Float", "HALF": "Half", "INT8": "Int8", "UINT8": "UInt8", "BOOL": "Bool"}
_SHORT |= {"INT32": "Int32", "INT64": "Int64", "BF16": "BFloat16"}
_LONG = {"FLOAT": "Row major linear FP32", "HALF": "Row major linear FP16 format"}
_TACTICS = {
    "INT8": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs",
    "HALF": "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x128x32",
    "FLOAT": "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nhwc",
}


class EngineInspector(Bound):
    """Tells of the layers of an engine."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.execution_context: Any = None
        self.error_recorder: Any = None

    def get_engine_information(self, format: Any) -> str:
        """All layers, as JSON or as lines."""
        layers = [self._layer(layer) for layer in self._engine.header["layers"]]
        if self._engine.profiling_verbosity is ProfilingVerbosity.NONE:
            layers = []
        if format is LayerInformationFormat.ONELINE:
            return "\n".join(layer if isinstance(layer, str) else str(layer) for layer in layers)
        engine = self._engine
        bound = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        return json.dumps({"Layers": layers, engine.release.bindings: bound})

    def get_layer_information(self, layer_index: int, format: Any) -> str:
        """One layer."""
        return json.dumps(self._layer(self._engine.header["layers"][layer_index]))

    def _layer(self, layer: dict[str, Any]) -> str | dict[str, Any]:
        if self._engine.profiling_verbosity is not ProfilingVerbosity.DETAILED:
            return str(layer["name"])
        source = layer["inputs"][0]["dtype"] if layer["inputs"] else "FLOAT"
        heavy = layer["kind"].startswith("Cask")
        return {
            "Name": layer["name"],
            "LayerType": layer["kind"],
            "Inputs": [self._tensor(tensor) for tensor in layer["inputs"]],
            "Outputs": [self._tensor(tensor) for tensor in layer["outputs"]],
            **({"Weights": {"Type": _SHORT[source], "Count": 1}} if heavy else {}),
            "TacticName": _TACTICS.get(source, "") if heavy else "",
            "StreamId": 0,
            "Metadata": f"[ONNX Layer: {layer['name']}]",
        }

    def _tensor(self, tensor: dict[str, Any]) -> dict[str, Any]:
        return {
            "Name": tensor["name"],
            "Location": "Device",
            "Dimensions": tensor["dims"],
            "Format/Datatype": self._format(tensor),
        }

    def _format(self, tensor: dict[str, Any]) -> str:
        """The format; the inspector says only the type until it is given a context."""
        kind, image = tensor["dtype"], len(tensor["dims"]) == 4
        if self.execution_context is None:
            return _SHORT[kind]
        if kind == "INT8" and image:
            return "Thirty-two wide channel vectorized row major Int8 format"
        if kind == "HALF" and image:
            return "Channel major FP16 format where channel % 8 == 0"
        return _LONG.get(kind, f"Row major linear {_SHORT[kind]} format")
