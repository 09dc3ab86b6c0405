"""FP32 graph -> ranges and repairs -> precision -> gate -> checks -> bundle."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgefer.bundle import CALIBRATION, CARD, GOLDEN, Bundle
from edgefer.calibration.chosen import chosen_faces
from edgefer.calibration.placement import NONE_KEPT
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.answers import Floats, answers
from edgefer.export.card import card
from edgefer.export.gate import Evaluation, GateFailed, Limits, losses
from edgefer.export.graph import OUTPUT
from edgefer.export.parity import (
    LIMITS,
    TOLERANCES,
    compare_outputs,
    drawn_golden,
    golden_faces,
    require_agreement,
    require_finite,
    require_parity,
    require_probabilities,
)
from edgefer.export.precision import Graphs, Int8, fp16_graphs, fp32_graphs
from edgefer.export.quantise import (
    DEFAULT_INT8,
    Int8Options,
    Search,
    compare,
    prepare,
    refuse_drawn,
)
from edgefer.export.ranges import beyond_fp16
from edgefer.export.source import Source
from edgefer.files import sha256
from edgefer.golden import Golden
from edgefer.manifest import Flavour, Manifest, Member, Parity, Precision
from edgefer.progress import Progress, silent
from edgefer.versions import installed

DEFAULT_LIMITS = Limits()
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "onnxsim", "torch")


def export_bundle(
    source: Source,
    precision: Precision,
    calibration: FaceSet | None = None,
    *,
    options: Int8Options = DEFAULT_INT8,
    evaluation: FaceSet | None = None,
    limits: Limits = DEFAULT_LIMITS,
    allow_drawn: bool = False,
    progress: Progress = silent,
) -> Bundle:
    """The bundle of `source` in `precision`.

    `calibration` are the faces for the ranges of INT8; without them it takes the ranges that came
    with the network. `evaluation` are labelled faces: what is measured on them goes into the
    manifest, and INT8 and FP16 are held to `limits` against FP32. All of these show what FP16
    cannot hold; where there are none, drawn faces do.

    Raises InputError where INT8 has no ranges, or a face is in both sets; GateFailed where more is
    lost than `limits` allow, or every layer would have to stay high; CheckFailed where, without
    `evaluation`, drawn faces get other answers than from FP32.
    """
    own = source.table if precision is Precision.INT8 else None
    setting = own if calibration is None else calibration
    if setting is not None:
        refuse_drawn(setting, source.graph.network, allow_drawn)
    if calibration is not None:
        _refuse_shared(calibration, evaluation, progress)
    measured = None if evaluation is None else Evaluation(source.graph, evaluation, progress)
    int8 = None
    if precision is Precision.INT8:
        int8 = prepare(source.graph, source.table, options, calibration, progress)
        if evaluation is not None:
            int8 = int8.keeping(beyond_fp16(int8.source, evaluation, progress))
    progress("graphs", 0, 1)
    kept, advice = NONE_KEPT, options.advice(int8) if int8 else ["--precision fp32"]
    if int8 is not None and measured is not None and options.search:
        kept = Search(int8, measured, limits, advice, progress).find()
    if int8 is not None:
        graphs = int8.graphs(kept)
    elif precision is Precision.FP16:
        seen = [calibration and chosen_faces(calibration, options.calibration), evaluation]
        looked = [faces for faces in seen if faces] or [drawn_golden(source.graph.size)]
        hot = {name for faces in looked for name in beyond_fp16(source.graph, faces, progress)}
        graphs = fp16_graphs(source.graph, hot)
    else:
        graphs = fp32_graphs(source.graph)
    report = None
    if measured is not None:
        report = _pass_gate(measured, graphs, limits, advice)
    progress("checks", 0, 1)
    golden, parity = _check(source, graphs, required=measured is None)
    progress("checks", 1, 1)
    return _assemble(source, precision, int8, graphs, golden, parity, report)


def _refuse_shared(calibration: FaceSet, evaluation: FaceSet | None, progress: Progress) -> None:
    if evaluation is None:
        return
    both = set(calibration.face_hashes(progress)) & set(evaluation.face_hashes(progress))
    if both:
        msg = (
            f"{evaluation.name}: {len(both)} of its faces are in {calibration.name} too; a face "
            "that sets ranges cannot judge them: give other faces, or another @SPLIT"
        )
        raise InputError(msg)


def _pass_gate(
    measured: Evaluation, graphs: Graphs, limits: Limits, advice: Sequence[str]
) -> dict[str, Any]:
    """What was measured, for the manifest; GateFailed where too much is lost."""
    lowered = [f for f in Flavour if graphs.precision[f] is not Precision.FP32]
    compared = {flavour: compare(measured, graphs, flavour) for flavour in lowered}
    lost = [
        loss
        for flavour, entry in compared.items()
        for loss in losses(measured.fp32, flavour, entry, limits)
    ]
    if lost:
        raise GateFailed(lost, measured.name, advice)
    return measured.report(compared, limits)


def _check(source: Source, graphs: Graphs, required: bool) -> tuple[Golden, tuple[Parity, ...]]:
    """Golden faces with the answers of each graph; CheckFailed where `required` parity is not."""
    faces = golden_faces(source.graph.size)
    reference = answers(source.graph.data, faces)
    require_probabilities(source.graph.network, reference[OUTPUT])
    expected: dict[Flavour, Floats] = {}
    checks = list(source.parity)
    for flavour in Flavour:
        found = answers(graphs.data[flavour], faces)
        require_finite(flavour.member, found)
        expected[flavour] = found[OUTPUT]
        limit = LIMITS[graphs.precision[flavour]]
        checks += compare_outputs(f"{flavour.member} against FP32", found, reference, limit)
    if required:
        require_parity(tuple(checks))
        for flavour in Flavour:
            require_agreement(flavour.member, expected[flavour], reference[OUTPUT])
    tolerance = {flavour: TOLERANCES[graphs.precision[flavour]] for flavour in Flavour}
    return Golden(faces, reference[OUTPUT], expected, tolerance), tuple(checks)


def _assemble(
    source: Source,
    precision: Precision,
    int8: Int8 | None,
    graphs: Graphs,
    golden: Golden,
    parity: tuple[Parity, ...],
    accuracy: dict[str, Any] | None,
) -> Bundle:
    members = {flavour.member: graphs.data[flavour] for flavour in Flavour}
    members[GOLDEN] = golden.to_npz()
    if int8 is not None:
        members[CALIBRATION] = int8.table.to_json()
    manifest = Manifest(
        network=source.graph.network,
        size=source.graph.size,
        labels=source.graph.labels,
        precision=precision,
        outputs=source.graph.outputs,
        higher_precision=graphs.higher,
        variant=source.graph.variant,
        weights=source.graph.origin,
        calibration=int8.provenance() if int8 else None,
        accuracy=accuracy,
        parity=parity,
        versions={**installed(_LIBRARIES), "python": platform.python_version()},
        files={},
    )
    members[CARD] = card(manifest, source.card).encode()
    files = {name: Member(sha256(data), len(data)) for name, data in members.items()}
    return Bundle(replace(manifest, files=files), members)
