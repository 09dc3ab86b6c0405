"""What `edgefer export` says: of the bundle that it wrote, or of what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.cli.output import NO_DATA, facts, print_json, show, table

if TYPE_CHECKING:
    from edgefer.bundle import Bundle
    from edgefer.export.gate import GateFailed
    from edgefer.manifest import Manifest

_LOST = ("graph", "figure", "FP32", "found", "allowed")


@dataclass(frozen=True)
class Speed:
    """Medians of one face in microseconds, on one thread of `device`; advice, not a verdict."""

    device: str
    fp32: float
    found: float

    @property
    def advice(self) -> str:
        """In words, with the precision that is the faster one."""
        times = f"{self.found / 1000:.2f} ms, FP32 {self.fp32 / 1000:.2f} ms on {self.device}"
        if self.found < self.fp32:
            return f"{times}: {self.fp32 / self.found:.1f} times as fast"
        return f"{times}: INT8 is not faster here, --precision fp32 is"


@dataclass(frozen=True)
class Exported:
    """A bundle that was written. `looked_at` are the faces that went through FP32."""

    bundle: Bundle
    path: Path
    seconds: float
    speed: Speed | None
    looked_at: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.path,
            "id": self.bundle.id,
            "seconds": self.seconds,
            "latency": self.speed,
            "manifest": self.bundle.manifest,
        }


def read_speed(bundle: Bundle, fp32: bytes) -> Speed | None:
    """INT8 on this machine's CPU beside FP32; None where there is nothing to compare here."""
    from edgefer.data.drawn import drawn_faces
    from edgefer.export.timing import in_turns
    from edgefer.machine import read_machine
    from edgefer.manifest import Flavour, Precision

    if bundle.manifest.precision is not Precision.INT8:
        return None
    face = drawn_faces(1).pixels(bundle.manifest.size)
    before, found = in_turns([fp32, bundle.graph(Flavour.CPU)], face)
    return Speed(f"one thread of {read_machine().processor}", before, found)


def show_exported(made: Exported) -> None:
    """The bundle as a table."""
    from edgefer.manifest import Flavour

    manifest = made.bundle.manifest
    rows: list[tuple[str, object]] = [
        ("bundle", made.path),
        ("network", f"{manifest.network}, {manifest.size}x{manifest.size} pixels"),
        ("precision", manifest.precision),
        _ranges(made),
    ]
    for flavour in Flavour:
        size = manifest.files[flavour.member].size
        higher = sum(entry.flavour == flavour for entry in manifest.higher_precision)
        rows.append((flavour.member, f"{size:,} bytes, {higher} nodes in higher precision"))
    for check in manifest.parity:
        agreement = f"{check.agreement:.0%} of {check.faces} drawn faces agree"
        rows.append((check.what, f"differs by {check.difference:.2g}, {agreement}"))
    rows += _accuracy(manifest)
    if made.speed is not None:
        rows.append(("latency, for advice", made.speed.advice))
    show(facts([*rows, ("took", f"{made.seconds:.1f} s")]))


def _ranges(made: Exported) -> tuple[str, str]:
    from edgefer.manifest import Precision

    if made.bundle.manifest.precision is Precision.FP16:
        return "FP16's limits", f"looked for on {' and '.join(made.looked_at) or 'drawn faces'}"
    return "ranges", made.bundle.manifest.ranges


def _accuracy(manifest: Manifest) -> Iterator[tuple[str, object]]:
    from edgefer.manifest import Flavour

    measured = manifest.accuracy
    if measured is None:
        yield "accuracy", f"{NO_DATA}: give --evaluation DATA"
        return
    data, fp32 = measured["data"], measured["fp32"]
    about = f"macro-F1 {fp32['macro_f1']:.2%}, {data['faces']:,} faces of {data['name']}"
    if data["left_out"]:
        about += f"; {data['left_out']:,} more have labels that the network lacks"
    yield "accuracy FP32", f"{fp32['accuracy']:.2%}, {about}"
    for flavour in Flavour:
        if flavour in measured:
            found = measured[flavour]
            change, (low, high) = found["accuracy"] - fp32["accuracy"], found["change_95"]
            figures = f"{100 * change:+.2f} points (95 %: {100 * low:+.2f} to {100 * high:+.2f})"
            agrees = f"{found['agreement']:.1%} agree"
            yield f"accuracy {flavour.member}", f"{found['accuracy']:.2%}, {figures}, {agrees}"


def show_lost(failed: GateFailed, json: bool) -> None:
    """What is past the limits of the gate, before the error says that there is no bundle."""
    if json:
        lost = [asdict(loss) for loss in failed.losses]
        print_json({"gate": "failed", "lost": lost, "advice": failed.advice})
        return
    from edgefer.export.gate import in_points

    rows = (
        (
            loss.flavour.member,
            loss.what,
            *map(in_points, (loss.fp32, loss.found, loss.limit)),
        )
        for loss in failed.losses
    )
    show(table(_LOST, rows, title="Lost against FP32, in points", numbers=_LOST[2:]))
    show(facts([("try", line) for line in failed.advice]))
