"""The engine of a bundle for this device: carried by the bundle, from the cache, or built here."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from edgefer.bundle import Bundle
from edgefer.errors import BundleError, CheckFailed, MachineError
from edgefer.files import sha256
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Precision
from edgefer.progress import Progress
from edgefer.runtime.backend import WORKSPACE, OpenOptions
from edgefer.runtime.cuda import Device
from edgefer.runtime.engine_cache import Asked, Engine, EngineCache
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.engine_sidecar import Sidecar, What, Where
from edgefer.runtime.known_faults import known_fault
from edgefer.runtime.private_files import read_hashed, write_hashed
from edgefer.runtime.tensorrt_library import Edition, TensorRT


def find_engine(
    bundle: Bundle, flavour: Flavour, tensorrt: TensorRT, device: Device, options: OpenOptions
) -> Engine:
    """The engine that fits, built here if there is none and the options allow it.

    Raises MachineError where there is none, CheckFailed where INT8 was asked for and the engine
    has no layer in it, and what building it raises.
    """
    graph, precision = bundle.graph(flavour), bundle.manifest.precision
    wanted = _engine_options(tensorrt.edition, device, options)
    what, where = What.of(graph, precision, wanted), here(tensorrt, device)
    passed_over = []
    for engine in carried(bundle):
        if engine.sidecar.what.edition != what.edition or engine.sidecar.what.onnx != what.onnx:
            continue
        unlike = engine.sidecar.where.unlike(where)
        if not unlike:
            return engine
        passed_over.append(f"not the bundle's, as {'; '.join(unlike)}")
    cache = EngineCache()

    def build() -> tuple[bytes, Sidecar]:
        return _build(graph, what, where, wanted, cache, options.progress)

    asked = Asked(what, where, options.workspace, options.on_mismatch, tuple(passed_over))
    return cache.get(asked, build, options.progress)


def here(tensorrt: TensorRT, device: Device) -> Where:
    """This device with this library: what an engine built here depends on."""
    machine = read_machine()
    cuda = ".".join(map(str, device.driver))
    return Where(
        version=tensorrt.version,
        capabilities=(".".join(map(str, device.capability)),),
        device=device.name,
        driver=", ".join(filter(None, (cuda, machine.nvidia_driver))),
        system=platform.system(),
        architecture=machine.architecture,
        jetpack=" of ".join(filter(None, (machine.jetpack, machine.l4t))) or None,
    )


def carried(bundle: Bundle) -> Iterator[Engine]:
    """The engines in a bundle; BundleError where one is not what its sidecar says."""
    for name, plan, described in bundle.engines():
        sidecar = Sidecar.from_json(described)
        if not sidecar.is_of(plan):
            msg = f"{name}: its bytes are not those that its sidecar names; build it again"
            raise BundleError(msg)
        yield Engine(plan, sidecar, "from the bundle")


def require_int8(precision: Precision, sidecar: Sidecar) -> None:
    """Raise CheckFailed where INT8 was asked for and no layer of the engine is."""
    found = sidecar.precisions
    if precision is Precision.INT8 and found is not None and not found.get("int8"):
        layers = ", ".join(f"{count} in {kind}" for kind, count in sorted(found.items()))
        msg = (
            f"engine of an int8 bundle: expected layers in INT8, found none ({layers or 'none'}); "
            f"{sidecar.what.edition} {sidecar.where.version} does not run INT8 on this device: "
            "export with --precision fp16"
        )
        raise CheckFailed(msg)


def _engine_options(edition: Edition, device: Device, options: OpenOptions) -> EngineOptions:
    own = (".".join(map(str, device.capability)),) if edition is Edition.RTX else ()
    return EngineOptions(edition, options.workspace or WORKSPACE, options.dla, own)


def _build(
    graph: bytes,
    what: What,
    where: Where,
    options: EngineOptions,
    cache: EngineCache,
    progress: Progress,
) -> tuple[bytes, Sidecar]:
    timing = cache.folder / f"{sha256(repr((what.edition, where)).encode())[:32]}.timing"
    try:
        built = build_engine(graph, options, read_hashed(timing), progress)
    except MachineError as error:
        fault = known_fault(where, what.precision)
        if fault is None:
            raise
        msg = f"{error}; known fault: {fault}"
        raise type(error)(msg) from error
    sidecar = Sidecar.of(built, what, where, options.workspace)
    require_int8(Precision(what.precision), sidecar)
    if built.timing is not None:
        write_hashed(timing, built.timing)
    return built.plan, sidecar
