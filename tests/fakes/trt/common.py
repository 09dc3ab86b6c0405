"""What all fakes of TensorRT share: enumerations like its own, shapes, errors, host memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from tests.fakes.trt.interfaces import ILogger, Severity


class Names(Enum):
    """An enumeration as pybind11 makes them: int() works, arithmetic does not."""

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__


def names(title: str, text: str, base: Any = Names) -> Any:
    """An enumeration from `NAME=0 OTHER=1`."""
    pairs = (entry.split("=") for entry in text.split())
    return base(title, {name: int(value) for name, value in pairs})


class Dims(tuple[int, ...]):
    """A shape. It compares with tuples and lists only, as TensorRT's does."""

    MAX_DIMS: ClassVar[int] = 8
    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dims) or not isinstance(other, (tuple, list)):
            msg = "__eq__(): incompatible function arguments."
            raise TypeError(msg)
        return tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __str__(self) -> str:
        return str(tuple(self))


class _Sealed(type):
    """Seals what its classes make."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made._sealed = True
        return made


class Bound(metaclass=_Sealed):
    """A class of the bindings: what it lacks cannot be set either."""

    _sealed = False

    def __setattr__(self, name: str, value: object) -> None:
        if self._sealed and not name.startswith("_") and not hasattr(self, name):
            msg = f"'tensorrt.{type(self).__name__}' object has no attribute {name!r}"
            raise AttributeError(msg)
        super().__setattr__(name, value)


# What TensorRT calls its error codes in the log; one code has several names there.
_KINDS = {
    1: "Cuda Runtime",
    2: "OutOfMemory",
    3: "API Usage Error",
    4: "API Usage Error",
    6: "API Usage Error",
    7: "Internal Error",
    9: "Internal Error",
}


@dataclass
class Release:
    """What tells one version from another; its classes are set by the module of the version."""

    version: str
    # The newest opset and IR version that the parser takes, by our reading of the release notes:
    # TensorRT itself lets many newer graphs through where it knows every operator.
    opset: int
    ir: int
    # 239 is what 10.3's log says of itself; the other numbers are invented.
    serialization: int
    # The inspector's name for the inputs and outputs.
    bindings: str
    # Whether networks may be weakly typed, with the precision left to the builder.
    weak: bool
    # 10.7 was the last that could use the DLA, until 11.4.1.
    dla: bool
    DataType: Any
    LayerType: Any
    NetworkDefinitionCreationFlag: Any
    PreviewFeature: Any
    tensor: Any = None
    layer: Any = None
    network: Any = None
    config: Any = None
    engine: Any = None
    context: Any = None


class Voice(Bound):
    """Whatever logs, and tells its error recorder."""

    release: ClassVar[Release]

    def __init__(self, logger: ILogger) -> None:
        if not isinstance(logger, ILogger):
            msg = "__init__(): incompatible constructor arguments: no ILogger"
            raise TypeError(msg)
        self.logger = logger
        self.error_recorder: Any = None

    def say(self, severity: Severity, text: str) -> None:
        """Log a line."""
        self.logger.log(severity, text)

    def complain(self, code: int, where: str, text: str, kind: str | None = None) -> None:
        """Log an error the way TensorRT does, and report it."""
        line = f"{where}: Error Code {code}: {kind or _KINDS[code]} ({text})"
        self.say(Severity.ERROR, line)
        if self.error_recorder is not None:
            self.error_recorder.report_error(ErrorCodeTRT(code), line)


class IHostMemory(bytes):
    """A buffer. It is no more than that: what bytes can do beyond it is taken away."""

    @property
    def nbytes(self) -> int:
        """How many bytes."""
        return bytes.__len__(self)

    def __bool__(self) -> bool:
        return True

    def _no(self, *args: object) -> Any:
        msg = "object of type 'tensorrt.IHostMemory' has no len() and is no sequence"
        raise TypeError(msg)

    __len__ = __getitem__ = __iter__ = __add__ = __contains__ = _no


def volume(iterable: Iterable[int]) -> int:
    """The product of a shape."""
    found = 1
    for size in iterable:
        found *= size
    return found


ErrorCodeTRT = names(
    "ErrorCodeTRT",
    "SUCCESS=0 UNSPECIFIED_ERROR=1 INTERNAL_ERROR=2 INVALID_ARGUMENT=3 INVALID_CONFIG=4 "
    "FAILED_ALLOCATION=5 FAILED_INITIALIZATION=6 FAILED_EXECUTION=7 FAILED_COMPUTATION=8 "
    "INVALID_STATE=9 UNSUPPORTED_STATE=10",
)
ErrorCode = names(
    "ErrorCode",
    "SUCCESS=0 INTERNAL_ERROR=1 MEM_ALLOC_FAILED=2 MODEL_DESERIALIZE_FAILED=3 INVALID_VALUE=4 "
    "INVALID_GRAPH=5 INVALID_NODE=6 UNSUPPORTED_GRAPH=7 UNSUPPORTED_NODE=8 "
    "UNSUPPORTED_NODE_ATTR=9 UNSUPPORTED_NODE_INPUT=10 UNSUPPORTED_NODE_DATATYPE=11 "
    "UNSUPPORTED_NODE_DYNAMIC=12 UNSUPPORTED_NODE_SHAPE=13 REFIT_FAILED=14",
)
