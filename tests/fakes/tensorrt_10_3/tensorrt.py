"""Fake of `tensorrt` 10.3.0: copies the documented surface of its Python bindings.

That is what JetPack 6.1 to 6.2.2 bring. What this version lacks is not defined here, so that a
test fails where our code asks for it.
"""

from __future__ import annotations

from tests.fakes.trt import enums as _enums
from tests.fakes.trt import ten as _ten
from tests.fakes.trt.common import Release as _Release
from tests.fakes.trt.surface import *  # noqa: F403
from tests.fakes.trt.surface import declare as _declare

__version__ = "10.3.0"

DataType = _enums.DataType10_3
LayerType = _enums.LayerType10_3
BuilderFlag = _enums.BuilderFlag10_3
NetworkDefinitionCreationFlag = _enums.NetworkFlag10_3
PreviewFeature = _enums.PreviewFeature10_3
OnnxParserFlag = _enums.OnnxParserFlag10_3
HardwareCompatibilityLevel = _enums.HardwareCompatibilityLevel10_3

_classes = _declare(
    _Release(
        version=__version__,
        opset=20,
        ir=10,
        serialization=239,
        bindings="Bindings",
        weak=True,
        dla=True,
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
