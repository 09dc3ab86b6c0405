"""Options that cannot hold a wrong value, and need no torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from edgefer.errors import InputError
from edgefer.training.options import TrainingOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": -1},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"learning_rate": -0.1},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"seed": -1},
        {"seed": 2**63},
    ],
    ids=str,
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="^expected .* found"):
        TrainingOptions(**wrong)


def test_torch_is_not_imported() -> None:
    code = "import sys, edgefer.training.options; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
