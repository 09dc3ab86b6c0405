"""Fake of `tensorrt` 11.1.0: copies the documented surface of its Python bindings.

No JetPack has it: 11.4.1 is the first 11 that runs on a Jetson. What this version lacks is not
defined here, so that a test fails where our code asks for it.
"""

from __future__ import annotations

from tests.fakes.trt import enums as _enums
from tests.fakes.trt.common import Release as _Release
from tests.fakes.trt.surface import *  # noqa: F403
from tests.fakes.trt.surface import declare as _declare

__version__ = "11.1.0"

DataType = _enums.DataType
LayerType = _enums.LayerType
BuilderFlag = _enums.BuilderFlag11
NetworkDefinitionCreationFlag = _enums.NetworkFlag11
PreviewFeature = _enums.PreviewFeature11
OnnxParserFlag = _enums.OnnxParserFlag
HardwareCompatibilityLevel = _enums.HardwareCompatibilityLevel

_classes = _declare(
    _Release(
        version=__version__,
        opset=25,
        ir=13,
        serialization=250,
        bindings="I/O Tensors",
        weak=False,
        dla=False,
        DataType=DataType,
        LayerType=LayerType,
        NetworkDefinitionCreationFlag=NetworkDefinitionCreationFlag,
        PreviewFeature=PreviewFeature,
    ),
)
globals().update(_classes)
globals().update(_enums.shorthands(DataType))
