"""How often each bundle is right, for the record of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgefer.benchmarks.accuracy import evaluate
from edgefer.benchmarks.entries import Entry
from edgefer.data.faces import FaceSet
from edgefer.progress import Progress


def accuracy_record(
    entries: Sequence[Entry], faces: FaceSet, progress: Progress
) -> list[dict[str, Any]]:
    """One object for each bundle and backend; a face whose label a bundle lacks is left out."""
    found = []
    for entry in entries:
        if entry.session is None:
            continue
        known = faces.relabelled(entry.session.labels)
        result = evaluate(entry.session, known, progress)
        found.append(
            {
                "name": entry.name,
                "precision": entry.about["precision"],
                "data": faces.name,
                "faces": result.faces,
                "accuracy": result.accuracy,
                "macro_f1": result.macro_f1,
                "labels": [str(label) for label in result.labels],
                "confusion": result.confusion.tolist(),
                "recall": [one.recall for one in result.classes],
            }
        )
    return found
