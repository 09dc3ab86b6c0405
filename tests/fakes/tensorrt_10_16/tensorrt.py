"""Fake of `tensorrt` 10.16.2.10: copies the documented surface of its Python bindings.

That is what JetPack 7.2 brings. What this version lacks is not defined here, so that a
test fails where our code asks for it.
"""

from __future__ import annotations

from tests.fakes.trt import enums as _enums
from tests.fakes.trt import ten as _ten
from tests.fakes.trt.common import Release as _Release
from tests.fakes.trt.surface import *  # noqa: F403
from tests.fakes.trt.surface import declare as _declare

__version__ = "10.16.2.10"

DataType = _enums.DataType
LayerType = _enums.LayerType
BuilderFlag = _enums.BuilderFlag10_16
NetworkDefinitionCreationFlag = _enums.NetworkFlag10_16
PreviewFeature = _enums.PreviewFeature10_16
OnnxParserFlag = _enums.OnnxParserFlag
HardwareCompatibilityLevel = _enums.HardwareCompatibilityLevel

_classes = _declare(
    _Release(
        version=__version__,
        opset=24,
        ir=12,
        serialization=242,
        bindings="Bindings",
        weak=True,
        dla=False,
        DataType=DataType,
        LayerType=LayerType,
        NetworkDefinitionCreationFlag=NetworkDefinitionCreationFlag,
        PreviewFeature=PreviewFeature,
    ),
    builder=_ten.Builder10,
    config=_ten.IBuilderConfig10,
    network=_ten.INetworkDefinition10,
    layer=_ten.ILayer10,
    tensor=_ten.ITensor10,
    engine=_ten.ICudaEngine10,
)
globals().update(_classes)
globals().update(_enums.shorthands(DataType))
