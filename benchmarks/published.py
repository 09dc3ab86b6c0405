"""Published latencies: those that the estimator is fitted to, and those that it is checked on."""

from __future__ import annotations

from edgefer.benchmarks.devices import DEVICES
from edgefer.benchmarks.reference_workloads import resnet50, yolov8n
from edgefer.benchmarks.roofline import Case
from edgefer.manifest import Precision

# Means of the logs of NVIDIA's closed submission, INT8 at MAXN with TensorRT 8.5.2: verified.
_MLPERF = "MLPerf Inference v3.1"
# GPU time of one YOLOv8n by trtexec of TensorRT 10.3 on JetPack 6.2 at MAXN_SUPER: verified as
# somebody's report, measured by one person.
_REPORT = "trtexec of TensorRT 10.3, by hokwangchoi"


def fitted() -> tuple[Case, ...]:
    """The points that the parameters are fitted to."""
    return (_resnet("agx-orin-64", 1, 0.6364), _resnet("orin-nx-16", 1, 1.0787))


def checked() -> tuple[Case, ...]:
    """The points that are kept back, to tell how far estimates are off."""
    return (
        _resnet("agx-orin-64", 8, 2.164),
        _yolo(Precision.INT8, 3.49),
        _yolo(Precision.FP16, 4.43),
        _yolo(Precision.FP32, 8.37),
    )


def _resnet(device: str, batch: int, milliseconds: float) -> Case:
    return Case(DEVICES[device], resnet50(), batch, milliseconds, _MLPERF)


def _yolo(precision: Precision, milliseconds: float) -> Case:
    return Case(DEVICES["orin-nano-super"], yolov8n(precision), 1, milliseconds, _REPORT)
