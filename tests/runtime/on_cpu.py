"""The backends for a CPU, each with the reason where a test cannot have it; and two compared."""

from __future__ import annotations

import numpy as np
import pytest

from edgefer.imports import is_there
from edgefer.machine import read_machine
from edgefer.runtime.backend import MOST_FACES, Backend, Pixels

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


def assert_alike(ours: Backend, other: Backend, faces: Pixels) -> None:
    """The same answers in batches of several sizes; both are closed."""
    for count in (1, 3, MOST_FACES, 2, 1):
        batch = faces[-count:]
        found, expected = ours.run(batch), other.run(batch)
        assert found.keys() == expected.keys()
        for name, answer in found.items():
            np.testing.assert_allclose(answer, expected[name], atol=1e-6)
            assert len(answer) == count
    ours.close()
    other.close()
