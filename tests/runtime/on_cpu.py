"""The backends for a CPU, each with the reason where a test cannot have it."""

from __future__ import annotations

import pytest

from edgefer.imports import is_there
from edgefer.machine import read_machine

NO_OPENVINO = "OpenVINO is not installed, as in the environment of JetPack 6"

ON_CPU_HERE = [
    "onnxruntime",
    pytest.param(
        "openvino",
        marks=[
            pytest.mark.skipif(not is_there("openvino"), reason=NO_OPENVINO),
            pytest.mark.skipif(
                not read_machine().adds_int8_exactly, reason="OpenVINO wants VNNI for INT8"
            ),
        ],
    ),
]
