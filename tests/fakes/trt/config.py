"""How the fake builds: the configuration, optimisation profiles and the timing cache."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.fakes.device import DEVICE
from tests.fakes.trt.common import Bound, Dims, IHostMemory, Voice
from tests.fakes.trt.enums import DeviceType, MemoryPoolType, ProfilingVerbosity
from tests.fakes.trt.interfaces import IProgressMonitor, Severity
from tests.fakes.trt.layers import runs_on_dla

_MAGIC = b"timing cache "


def dla_cores(release: Any) -> int:
    """The cores of the DLA: EDGEFER_FAKE_DLA, where the version can use one."""
    return int(os.environ.get("EDGEFER_FAKE_DLA", "0")) if release.dla else 0


class IOptimizationProfile(Bound):
    """The smallest, usual and largest shape of each input."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.shapes: dict[str, list[tuple[int, ...]]] = {}
        self.extra_memory_target = 1.0

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        """State the shapes of an input."""
        shapes = [tuple(int(size) for size in shape) for shape in (min, opt, max)]
        if len({len(shape) for shape in shapes}) != 1:
            msg = "Shape provided for min, opt and max is inconsistent."
            raise ValueError(msg)
        self.shapes[input] = shapes

    def get_shape(self, input: str) -> list[Dims]:
        """The shapes; empty where none were stated."""
        return [Dims(shape) for shape in self.shapes.get(input, [])]

    def __bool__(self) -> bool:
        wrong = [
            name
            for name, shapes in self.shapes.items()
            if any(not 0 <= low <= usual <= high for low, usual, high in zip(*shapes))
        ]
        if wrong:
            text = (
                f"Invalid optimization profiles for input tensors {', '.join(wrong)}, please "
                "ensure that the optimization profiles satisfy MIN<=OPT<=MAX."
            )
            self._voice.complain(4, "IOptimizationProfile::isValid", text)
        return not wrong


class ITimingCache(Bound):
    """What was measured. The form of its bytes is the fake's own."""

    def __init__(self, owner: dict[str, Any], entries: list[str]) -> None:
        self.owner = owner
        self.entries = entries

    def serialize(self) -> IHostMemory:
        """The cache as bytes."""
        text = json.dumps({"owner": self.owner, "entries": self.entries})
        return IHostMemory(_MAGIC + text.encode())

    def reset(self) -> bool:
        """Forget all of it."""
        self.entries.clear()
        return True

    def combine(self, input_cache: ITimingCache, ignore_mismatch: bool) -> bool:
        """Take the entries of another cache."""
        if input_cache.owner != self.owner and not ignore_mismatch:
            return False
        self.entries = sorted({*self.entries, *input_cache.entries})
        return True


class IBuilderConfig(Voice):
    """The configuration of a build."""

    def __init__(self, builder: Any) -> None:
        super().__init__(builder.logger)
        self.builder_optimization_level = 3
        self.profiling_verbosity = ProfilingVerbosity.LAYER_NAMES_ONLY
        self.default_device_type = DeviceType.GPU
        self.DLA_core = -1
        self.max_aux_streams = 0
        self.avg_timing_iterations = 1
        self.hardware_compatibility_level: Any = None
        self.profiles: list[IOptimizationProfile] = []
        self.names: set[str] = {"TF32"}
        self.cache: ITimingCache | None = None
        self._monitor: IProgressMonitor | None = None
        self._pools = {MemoryPoolType.WORKSPACE: DEVICE.total_memory}
        self._previews: dict[str, bool] = {"PROFILE_SHARING_0806": True}

    @property
    def progress_monitor(self) -> IProgressMonitor | None:
        """Who hears of the build."""
        return self._monitor

    @progress_monitor.setter
    def progress_monitor(self, monitor: IProgressMonitor | None) -> None:
        if monitor is not None and not isinstance(monitor, IProgressMonitor):
            msg = "progress_monitor: incompatible function arguments: no IProgressMonitor"
            raise TypeError(msg)
        self._monitor = monitor

    def set_flag(self, flag: Any) -> None:
        """Set a flag."""
        self.names.add(flag.name)

    def clear_flag(self, flag: Any) -> None:
        """Clear a flag."""
        self.names.discard(flag.name)

    def get_flag(self, flag: Any) -> bool:
        """Whether a flag is set."""
        return flag.name in self.names

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        """Limit a pool of memory."""
        self._pools[pool] = pool_size

    def get_memory_pool_limit(self, pool: Any) -> int:
        """The limit of a pool."""
        return self._pools.get(pool, 0)

    def set_preview_feature(self, feature: Any, enable: bool) -> None:
        """Turn a feature on or off."""
        self._previews[feature.name] = enable

    def get_preview_feature(self, feature: Any) -> bool:
        """Whether a feature is on."""
        return self._previews.get(feature.name, False)

    @property
    def shares_profiles(self) -> bool:
        """Whether two contexts may use one profile, as TensorRT 10 allows unless told otherwise."""
        return self._previews["PROFILE_SHARING_0806"]

    @property
    def num_optimization_profiles(self) -> int:
        """How many profiles."""
        return len(self.profiles)

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        """Add a profile; its number, or -1 where it is wrong."""
        if not profile:
            text = "Parameter check failed, condition: profile->isValid()."
            self.complain(3, "IBuilderConfig::addOptimizationProfile", text)
            return -1
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def can_run_on_DLA(self, layer: Any) -> bool:
        """Whether the DLA can run a layer."""
        return dla_cores(self.release) > 0 and runs_on_dla(layer)

    def create_timing_cache(self, serialized_timing_cache: Any) -> ITimingCache | None:
        """A cache, from bytes or, where they are empty, a fresh one."""
        data = bytes(memoryview(serialized_timing_cache))
        if not data:
            return ITimingCache(self._owner(), [])
        try:
            magic, text = data[: len(_MAGIC)], data[len(_MAGIC) :]
            found = json.loads(text)
        except ValueError:
            magic, found = b"", {}
        if magic != _MAGIC:
            why = "Cannot deserialize the timing cache: it is damaged or of another kind."
            self.complain(4, "IBuilderConfig::createTimingCache", why)
            return None
        return ITimingCache(found["owner"], found["entries"])

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        """Use a cache; False where it is of another device or version."""
        if cache.owner != self._owner() and not ignore_mismatch:
            text = "The timing cache was made by another version of TensorRT or another device."
            self.say(Severity.WARNING, text)
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        """The cache in use."""
        return self.cache

    def _owner(self) -> dict[str, Any]:
        return {"version": self.release.version, "device": DEVICE.name}
