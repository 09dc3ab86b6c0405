"""Options that cannot hold a wrong value, and need no torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from edgefer.errors import InputError
from edgefer.training.options import TrainingOptions
from edgefer.training.variation import (
    AreaErasing,
    Camera,
    Covers,
    Crop,
    Erasing,
    Light,
    Moves,
)


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
        {"step_epochs": 0},
        {"momentum": -0.1},
        {"momentum": 1.0},
        {"averaging": 1.5},
        {"lowest": float("nan")},
        {"weight_decay": -1e-4},
        {"trunk_rate": 0.0},
        {"trunk_rate": float("inf")},
    ],
    ids=str,
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="^expected .* found"):
        TrainingOptions(**wrong)


@pytest.mark.parametrize("module", ["options", "recipes", "variation"])
def test_torch_is_not_imported(module: str) -> None:
    code = f"import sys, edgefer.training.{module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (Moves, (-1.0,)),
        (Moves, (float("nan"),)),
        (Crop, ((0.5, 0.1),)),
        (Crop, ((-0.5, 0.1),)),
        (Light, (0.1, float("inf"))),
        (Camera, (0.5, (2.0, 0.5))),
        (Covers, (-0.1,)),
        (AreaErasing, (0.5, (0.1, float("nan")))),
    ],
)
def test_wrong_limits_are_refused(part: Any, values: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match=rf"^expected {part.__name__.lower()} .* found"):
        part(*values)


@pytest.mark.parametrize("share", [Covers, Erasing, AreaErasing])
def test_shares_end_at_one(share: Any) -> None:
    share(1.0)
    with pytest.raises(InputError, match=r"^expected .* share of 0 to 1, found 1.1"):
        share(1.1)
