"""The enumerations of the fakes of TensorRT, with the numbers of the real bindings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fakes.trt.common import Names, names

_SIZES = {"FLOAT": 4, "HALF": 2, "BF16": 2, "INT32": 4, "INT64": 8}
_NUMPY = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
}


class _Types(Names):
    """Data types, which know their size."""

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return _SIZES.get(self.name, 1)


def nptype(trt_type: Any) -> Any:
    """The type of numpy; some have none."""
    if trt_type.name not in _NUMPY:
        msg = "Could not resolve TensorRT datatype to an equivalent numpy datatype."
        raise TypeError(msg)
    return _NUMPY[trt_type.name]


_DATA = "FLOAT=0 HALF=1 BF16=7 INT8=2 INT32=3 INT64=8 BOOL=4 UINT8=5 FP8=6 INT4=9"
DataType10_3 = names("DataType", _DATA, _Types)
DataType = names("DataType", _DATA + " FP4=10 E8M0=11", _Types)

_LAYERS = (
    "CONVOLUTION=0 CAST=1 ACTIVATION=2 POOLING=3 LRN=4 SCALE=5 SOFTMAX=6 DECONVOLUTION=7 "
    "CONCATENATION=8 ELEMENTWISE=9 PLUGIN=10 UNARY=11 PADDING=12 SHUFFLE=13 REDUCE=14 TOPK=15 "
    "GATHER=16 MATRIX_MULTIPLY=17 RAGGED_SOFTMAX=18 CONSTANT=19 IDENTITY=20 PLUGIN_V2=21 "
    "SLICE=22 SHAPE=23 PARAMETRIC_RELU=24 RESIZE=25 TRIP_LIMIT=26 RECURRENCE=27 ITERATOR=28 "
    "LOOP_OUTPUT=29 SELECT=30 FILL=31 QUANTIZE=32 DEQUANTIZE=33 CONDITION=34 "
    "CONDITIONAL_INPUT=35 CONDITIONAL_OUTPUT=36 SCATTER=37 EINSUM=38 ASSERTION=39 ONE_HOT=40 "
    "NON_ZERO=41 GRID_SAMPLE=42 NMS=43 REVERSE_SEQUENCE=44 NORMALIZATION=45 PLUGIN_V3=46"
)
LayerType10_3 = names("LayerType", _LAYERS)
LayerType = names(
    "LayerType",
    _LAYERS + " SQUEEZE=47 UNSQUEEZE=48 CUMULATIVE=49 DYNAMIC_QUANTIZE=50 ATTENTION_INPUT=51 "
    "ATTENTION_OUTPUT=52 ROTARY_EMBEDDING=53 KV_CACHE_UPDATE=54 MOE=55 DIST_COLLECTIVE=56",
)

_FLAGS = (
    "FP16=0 INT8=1 DEBUG=2 GPU_FALLBACK=3 REFIT=4 DISABLE_TIMING_CACHE=5 TF32=6 SPARSE_WEIGHTS=7 "
    "SAFETY_SCOPE=8 OBEY_PRECISION_CONSTRAINTS=9 PREFER_PRECISION_CONSTRAINTS=10 DIRECT_IO=11 "
    "REJECT_EMPTY_ALGORITHMS=12 VERSION_COMPATIBLE=13 EXCLUDE_LEAN_RUNTIME=14 FP8=15 "
    "ERROR_ON_TIMING_CACHE_MISS=16 BF16=17 DISABLE_COMPILATION_CACHE=18 STRIP_PLAN=19 "
    "WEIGHTLESS=19 REFIT_IDENTICAL=20 WEIGHT_STREAMING=21 INT4=22 REFIT_INDIVIDUAL=23"
)
BuilderFlag10_3 = names("BuilderFlag", _FLAGS)
BuilderFlag10_16 = names(
    "BuilderFlag",
    _FLAGS + " STRICT_NANS=24 MONITOR_MEMORY=25 FP4=26 EDITABLE_TIMING_CACHE=27 "
    "DISTRIBUTIVE_INDEPENDENCE=28",
)
BuilderFlag11 = names(
    "BuilderFlag",
    "DEBUG=2 GPU_FALLBACK=3 REFIT=4 DISABLE_TIMING_CACHE=5 TF32=6 SPARSE_WEIGHTS=7 "
    "SAFETY_SCOPE=8 DIRECT_IO=11 VERSION_COMPATIBLE=12 EXCLUDE_LEAN_RUNTIME=13 "
    "ERROR_ON_TIMING_CACHE_MISS=15 DISABLE_COMPILATION_CACHE=17 STRIP_PLAN=18 "
    "REFIT_IDENTICAL=19 WEIGHT_STREAMING=20 REFIT_INDIVIDUAL=22 STRICT_NANS=23 "
    "MONITOR_MEMORY=24 EDITABLE_TIMING_CACHE=26 DISTRIBUTIVE_INDEPENDENCE=27",
)

_NETWORK = "NetworkDefinitionCreationFlag"
NetworkFlag10_3 = names(_NETWORK, "EXPLICIT_BATCH=0 STRONGLY_TYPED=1")
NetworkFlag10_16 = names(
    _NETWORK,
    "EXPLICIT_BATCH=0 STRONGLY_TYPED=1 PREFER_JIT_PYTHON_PLUGINS=2 PREFER_AOT_PYTHON_PLUGINS=3",
)
NetworkFlag11 = names(
    _NETWORK, "STRONGLY_TYPED=0 PREFER_JIT_PYTHON_PLUGINS=1 PREFER_AOT_PYTHON_PLUGINS=2"
)

_PREVIEW = "PROFILE_SHARING_0806=0 ALIASED_PLUGIN_IO_10_03=1"
PreviewFeature10_3 = names("PreviewFeature", _PREVIEW)
PreviewFeature10_16 = names(
    "PreviewFeature", _PREVIEW + " RUNTIME_ACTIVATION_RESIZE_10_10=2 MULTIDEVICE_RUNTIME_10_16=3"
)
PreviewFeature11 = names(
    "PreviewFeature", "ALIASED_PLUGIN_IO_10_03=0 RUNTIME_ACTIVATION_RESIZE_10_10=1"
)

OnnxParserFlag10_3 = names("OnnxParserFlag", "NATIVE_INSTANCENORM=0")
OnnxParserFlag = names(
    "OnnxParserFlag",
    "NATIVE_INSTANCENORM=0 ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA=1 "
    "REPORT_CAPABILITY_DLA=2 ENABLE_PLUGIN_OVERRIDE=3 ADJUST_FOR_DLA=4",
)

HardwareCompatibilityLevel10_3 = names("HardwareCompatibilityLevel", "NONE=0 AMPERE_PLUS=1")
HardwareCompatibilityLevel = names(
    "HardwareCompatibilityLevel", "NONE=0 AMPERE_PLUS=1 SAME_COMPUTE_CAPABILITY=2"
)

MemoryPoolType = names(
    "MemoryPoolType",
    "WORKSPACE=0 DLA_MANAGED_SRAM=1 DLA_LOCAL_DRAM=2 DLA_GLOBAL_DRAM=3 TACTIC_DRAM=4 "
    "TACTIC_SHARED_MEMORY=5",
)
ProfilingVerbosity = names("ProfilingVerbosity", "LAYER_NAMES_ONLY=0 NONE=1 DETAILED=2")
DeviceType = names("DeviceType", "GPU=0 DLA=1")
TensorIOMode = names("TensorIOMode", "NONE=0 INPUT=1 OUTPUT=2")
TensorLocation = names("TensorLocation", "DEVICE=0 HOST=1")
LayerInformationFormat = names("LayerInformationFormat", "ONELINE=0 JSON=1")
ExecutionContextAllocationStrategy = names(
    "ExecutionContextAllocationStrategy", "STATIC=0 ON_PROFILE_CHANGE=1 USER_MANAGED=2"
)


def shorthands(types: Any) -> dict[str, Any]:
    """The short names of the types that the module itself has."""
    short = {"float32": "FLOAT", "float16": "HALF", "bfloat16": "BF16", "fp8": "FP8"}
    short |= {name.lower(): name for name in ("INT8", "INT32", "INT64", "UINT8", "BOOL", "INT4")}
    return {name: types[member] for name, member in short.items()}
