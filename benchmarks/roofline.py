"""How long a workload takes at a device's peak rates, and what share of those is reached.

t = launches * launch + sum over layers of max(operations / (compute * peak * share in use),
bytes / (memory * bandwidth)). The share in use is what tiles of results leave of the SMs: without
it a layer of a small picture would fill a large GPU as well as one of a large picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.devices import Device
from edgefer.benchmarks.workload import Layer, Workload

# Of the peak, for a depthwise layer; recalled as 0.05 to 0.12, not verified and not fitted.
_DEPTHWISE = 0.08

# A finer grid around the best of the last one, so often; steps to either side; how much finer.
_ROUNDS, _STEPS, _FINER = 18, 3, 1.6


@dataclass(frozen=True)
class Parameters:
    """Seconds for a launch, and the shares of peak rate and bandwidth that layers reach."""

    launch: float
    compute: float
    memory: float


@dataclass(frozen=True)
class Case:
    """How long a workload took on a device with `batch` items a call, and who says so."""

    device: Device
    workload: Workload
    batch: int
    milliseconds: float
    source: str


# A launch is recalled as 5 to 8 us, the bandwidth reached as 0.6 to 0.75, neither verified; of the
# peak 0.4 is derived where no share in use is counted, so that more is reached where one is. Where
# cases leave a parameter open it stays near these. Bounds and the strength of the pull: our choice.
RECALLED = Parameters(launch=6.5e-6, compute=0.6, memory=0.7)
_LEAST = Parameters(launch=0.5e-6, compute=0.02, memory=0.1)
_MOST = Parameters(launch=60e-6, compute=1.0, memory=0.95)
_PULL = 1e-3


class Terms:
    """A workload on a device: what each layer takes if every share were 1, in seconds."""

    def __init__(self, device: Device, workload: Workload, batch: int) -> None:
        layers = workload.layers
        self._computing = np.array([_computing(device, layer, batch) for layer in layers])
        self._depthwise = np.array([layer.depthwise for layer in layers])
        self._moving = np.array([layer.moved(batch) / device.bandwidth for layer in layers])

    def milliseconds(self, parameters: Parameters) -> float:
        """How long one call takes with these parameters."""
        reached = np.where(self._depthwise, _DEPTHWISE, parameters.compute)
        layers = np.maximum(self._computing / reached, self._moving / parameters.memory)
        return 1e3 * float(len(layers) * parameters.launch + layers.sum())


def _computing(device: Device, layer: Layer, batch: int) -> float:
    share = 1.0 if layer.depthwise else layer.share_in_use(batch, device.sms)
    return batch * layer.operations / (device.peak(layer.precision) * share)


def estimated_ms(case: Case, parameters: Parameters) -> float:
    """What the model gives for a case, in milliseconds."""
    return Terms(case.device, case.workload, case.batch).milliseconds(parameters)


def fit(cases: Sequence[Case], centre: Parameters = RECALLED) -> Parameters:
    """The parameters with the least squares of log(estimated / measured), weakly held to `centre`.

    A grid in log space, then finer ones around its best; the same cases give the same parameters.
    """
    terms = [(Terms(case.device, case.workload, case.batch), case.milliseconds) for case in cases]
    middle = _logs(centre)

    def cost(point: NDArray[np.float64]) -> float:
        parameters = _parameters(point)
        off = [np.log(one.milliseconds(parameters) / measured) for one, measured in terms]
        return float(np.sum(np.square(off)) + _PULL * np.sum(np.square(point - middle)))

    low, high = _logs(_LEAST), _logs(_MOST)
    best, reach = middle, (high - low) / 2
    for _ in range(_ROUNDS):
        axes = [
            np.unique(np.clip(np.linspace(at - by, at + by, 2 * _STEPS + 1), *ends))
            for at, by, *ends in zip(best, reach, low, high)
        ]
        best = min((np.array(point) for point in product(*axes)), key=cost)
        reach = reach / _FINER
    return _parameters(best)


def _logs(parameters: Parameters) -> NDArray[np.float64]:
    return np.log([parameters.launch, parameters.compute, parameters.memory])


def _parameters(logs: NDArray[np.float64]) -> Parameters:
    launch, compute, memory = (float(value) for value in np.exp(logs))
    return Parameters(launch, compute, memory)
