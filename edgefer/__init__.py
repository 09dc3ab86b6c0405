"""edgefer: facial-expression networks from FP32 training to an INT8 or FP16 engine at the edge.

`load` opens a bundle for faces that are already cropped; `Recognizer` finds the faces too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.errors import EdgeferError
from edgefer.labels import Expression

if TYPE_CHECKING:
    from edgefer.runtime.recognizer import Reading, Recognizer
    from edgefer.runtime.session import Session, load

__version__ = "0.1.0"
__all__ = ["EdgeferError", "Expression", "Reading", "Recognizer", "Session", "load"]

# A checkout keeps the sub-packages beside this folder; a wheel keeps them inside it.
_checkout = Path(__file__).parents[1]
if (_checkout / "pyproject.toml").is_file():
    __path__.append(str(_checkout))

_HOMES = {
    "Reading": "edgefer.runtime.recognizer",
    "Recognizer": "edgefer.runtime.recognizer",
    "Session": "edgefer.runtime.session",
    "load": "edgefer.runtime.session",
}


def __getattr__(name: str) -> Any:
    """The runtime's names, imported when first asked for, so that `import edgefer` is light."""
    if name not in _HOMES:
        msg = f"module 'edgefer' has no attribute '{name}'"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
