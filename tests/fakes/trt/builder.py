"""The fake builder. Environment variables say how a build goes, so a child process hears of it.

EDGEFER_FAKE_BUILDS=FILE          each build appends a line of JSON
EDGEFER_FAKE_BUILD=crash          the process ends; fail; slow:SECONDS; no-int8
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.fakes.trt.common import IHostMemory, Voice
from tests.fakes.trt.config import IBuilderConfig, IOptimizationProfile, dla_cores
from tests.fakes.trt.enums import DeviceType
from tests.fakes.trt.interfaces import Severity
from tests.fakes.trt.layers import runs_on_dla
from tests.fakes.trt.plan import write_plan

_WHERE = "IBuilder::buildSerializedNetwork"
# The phases of a real build in short: name, parent, steps.
_PHASES = (
    ("Cloning network graph", "Building engine", 5),
    ("Optimizing graph", "Building engine", 5),
    ("Timing graph nodes", "Building engine", 20),
)


class Builder(Voice):
    """The builder."""

    max_threads = 1

    def create_network(self, flags: int = 0) -> Any:
        """An empty network."""
        return self.release.network(self, int(flags))

    def create_builder_config(self) -> Any:
        """A configuration."""
        return self.release.config(self)

    def create_optimization_profile(self) -> IOptimizationProfile:
        """A profile."""
        return IOptimizationProfile(self)

    @property
    def num_DLA_cores(self) -> int:
        """How many cores the DLA has."""
        return dla_cores(self.release)

    def build_serialized_network(self, network: Any, config: Any) -> IHostMemory | None:
        """The plan; None where the build failed."""
        _note(network, config)
        how = os.environ.get("EDGEFER_FAKE_BUILD", "")
        if how == "crash":
            os.abort()
        for text in _mistakes(network, config):
            self.complain(4, _WHERE, text)
            return None
        if not self._steps(config, float(how[5:]) if how.startswith("slow:") else 0.0):
            self.complain(7, _WHERE, "Build canceled by user", "BuildCanceled")
            return None
        if how == "fail":
            text = f"Could not find any implementation for node {network.get_layer(0).name}."
            self.complain(10, _WHERE, text, "Internal Error")
            return None
        if config.cache is not None:
            known = {layer["name"] for layer in network.parsed.fused}
            config.cache.entries = sorted({*config.cache.entries, *known})
        self.say(Severity.INFO, "Engine generation completed.")
        return IHostMemory(write_plan(network, config, integers=how != "no-int8"))

    def _steps(self, config: Any, seconds: float) -> bool:
        """Go through the phases; False where the monitor stops the build."""
        monitor = config.progress_monitor
        pause = seconds / sum(steps for _, _, steps in _PHASES)
        if monitor is None:
            time.sleep(seconds)
            return True
        monitor.phase_start("Building engine", None, len(_PHASES))
        going = True
        for number, (name, parent, steps) in enumerate(_PHASES):
            monitor.phase_start(name, parent, steps)
            for step in range(steps):
                time.sleep(pause)
                if not (going := bool(monitor.step_complete(name, step))):
                    break
            monitor.phase_finish(name)
            if not (going := going and bool(monitor.step_complete("Building engine", number))):
                break
        monitor.phase_finish("Building engine")
        return going


def _note(network: Any, config: IBuilderConfig) -> None:
    """Append the line that tells of this build."""
    if not (path := os.environ.get("EDGEFER_FAKE_BUILDS")):
        return
    line = {
        "version": network.release.version,
        "graph": sha256(network.parsed.model).hexdigest(),
        "flags": sorted(config.names),
        "profiles": [profile.shapes for profile in config.profiles],
        "device": config.default_device_type.name,
        "timings": len(config.cache.entries) if config.cache is not None else None,
    }
    with Path(path).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _mistakes(network: Any, config: Any) -> Iterator[str]:
    """What is wrong with network and configuration."""
    yield from _profile_mistakes(network, config)
    strongly = network.release.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    precisions = config.names & {"FP16", "INT8", "BF16", "FP8", "INT4"}
    # The wording of these two is ours.
    if network.get_flag(strongly):
        if precisions:
            yield f"A strongly typed network allows no flag {', '.join(sorted(precisions))}"
    elif network.parsed.quantised and "INT8" not in precisions:
        yield "Int8 precision has been set for a layer, but int8 is not configured in the builder"
    if config.default_device_type is DeviceType.DLA:
        if not dla_cores(network.release):
            yield "Cannot create DLA engine: no DLA core is available"
        layers = (network.get_layer(index) for index in range(network.num_layers))
        for layer in layers:
            if not runs_on_dla(layer) and "GPU_FALLBACK" not in config.names:
                yield f"{layer.name} cannot run on DLA and GPU fallback is not enabled."


def _profile_mistakes(network: Any, config: Any) -> Iterator[str]:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    if not config.profiles and any(-1 in tuple(tensor.shape) for tensor in inputs):
        yield ("Network has dynamic or shape inputs, but no optimization profile has been defined.")
    for number, profile in enumerate(config.profiles):
        for tensor in inputs:
            shapes = profile.shapes.get(tensor.name)
            if shapes is None:
                if -1 in tuple(tensor.shape):
                    yield f"{tensor.name} has no shape in optimization profile {number}."
                continue
            if len(shapes[0]) != len(tensor.shape):
                yield f"Profile {number} has another number of dimensions for {tensor.name}."
            for axis, (size, stated) in enumerate(zip(tuple(tensor.shape), zip(*shapes))):
                if size != -1 and set(stated) != {size}:
                    yield (
                        f"Dimension mismatch for tensor {tensor.name} and profile {number}. At "
                        f"dimension axis {axis}, profile has min={stated[0]}, opt={stated[1]}, "
                        f"max={stated[2]} but tensor has {size}."
                    )
