"""Every network learns a handful of real faces by heart, and then says the same in FP16 and INT8.

What the heads and the loss of a network allow is all of the faces. What is exported then is a
trained network: ranges and margins of random weights would say little.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the torch extra is not installed")

from edgefer.bundle import Bundle
from edgefer.data.faces import FaceSet
from edgefer.data.source import read_data
from edgefer.export.answers import Floats, answers
from edgefer.export.pipeline import export_bundle
from edgefer.export.source import Source, find_source
from edgefer.manifest import Flavour, Precision
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.training.variation import Augmentation
from edgefer.zoo.registry import Choices, find_network
from edgefer.zoo.weights import save_weights

pytestmark = pytest.mark.slow

# Averages that are short enough to forget the start within a hundred steps.
SGD = TrainingOptions(
    epochs=45, batch=8, learning_rate=0.01, averaging=0.8, augmentation=Augmentation()
)
SMALL = replace(SGD, epochs=40, batch=16, learning_rate=0.02, averaging=0.9)
FACES = 500
MARGIN = 0.1


@dataclass(frozen=True)
class Run:
    """Side of the faces, how many are learnt, how, and within how many seconds."""

    size: int
    count: int
    options: TrainingOptions
    seconds: float


RUNS = {
    "resnet18": Run(64, 64, SMALL, 120),
    "ma-net": Run(224, 16, SGD, 360),
    "aglf": Run(224, 16, SGD, 360),
    "lnl-attennet": Run(128, 16, SGD, 360),
    "fer-vt": Run(224, 16, SGD, 360),
}


@dataclass(frozen=True)
class Learnt:
    """A network that was trained, and how that went."""

    name: str
    source: Source
    accuracy: float | None
    seconds: float


@pytest.fixture(scope="module")
def ferplus(shared: Path) -> str:
    return f"ferplus-majority:{shared / 'data' / 'ferplus'}"


@pytest.fixture(scope="module", params=RUNS)
def learnt(
    request: pytest.FixtureRequest, ferplus: str, tmp_path_factory: pytest.TempPathFactory
) -> Learnt:
    """Each network after its run."""
    name, run = request.param, RUNS[request.param]
    faces = read_data(ferplus, "valid").balanced(run.count)
    network = find_network(name).varied(Choices(labels=faces.labels, size=run.size))
    started = time.perf_counter()
    trainer = Trainer(network, faces, run.options, validation=faces)
    *_, last = trainer
    seconds = time.perf_counter() - started
    path = tmp_path_factory.mktemp(name) / f"{name}.safetensors"
    save_weights(path, network, trainer.averaged.state_dict(), trainer.run)
    return Learnt(name, find_source(name, str(path)), last.accuracy, seconds)


@pytest.fixture(scope="module")
def unseen(learnt: Learnt, ferplus: str) -> FaceSet:
    """Faces that the network was not trained on, but for the few that it was."""
    return read_data(ferplus, "valid").balanced(FACES, seed=1)


def probabilities(graph: bytes, faces: FaceSet, size: int) -> Floats:
    """The graph's answers to all faces."""
    parts: Iterator[Floats] = (
        answers(graph, pixels)["probabilities"] for pixels, _ in faces.batches(size, 20)
    )
    return np.concatenate(list(parts))


def test_the_faces_are_learnt_by_heart(learnt: Learnt) -> None:
    print(f"{learnt.name}: {learnt.accuracy:.1%} after {learnt.seconds:.0f} s")
    assert learnt.accuracy == 1
    # on an idle machine with two cores: a busy one is no failure
    if learnt.seconds > RUNS[learnt.name].seconds:
        print(f"{learnt.name}: more than {RUNS[learnt.name].seconds:.0f} s")


def test_the_winner_stays_where_it_is_clear(learnt: Learnt, unseen: FaceSet, ferplus: str) -> None:
    size = learnt.source.graph.size
    exact = probabilities(learnt.source.graph.data, unseen, size)
    ranked = np.sort(exact, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > MARGIN
    calibration = read_data(ferplus, "train")
    assert clear.sum() >= 50
    for precision in (Precision.FP16, Precision.INT8):
        faces = calibration if precision is Precision.INT8 else None
        bundle: Bundle = export_bundle(learnt.source, precision, faces)
        for flavour in Flavour:
            found = probabilities(bundle.graph(flavour), unseen, size)
            same = found.argmax(axis=1) == exact.argmax(axis=1)
            print(
                f"{learnt.name} {precision} {flavour}.onnx: {same[clear].mean():.1%} of "
                f"{clear.sum()} clear faces, {same.mean():.1%} of all {len(same)}"
            )
            assert same[clear].mean() >= 0.95
