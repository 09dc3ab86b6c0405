"""Which tensors of a foreign file go where, and for which labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression
from edgefer.zoo.checkpoints import convert
from edgefer.zoo.fitting import Shapes, fit, on_meta, parts, shapes_of
from edgefer.zoo.registry import NETWORKS, Choices, Network, find_network
from edgefer.zoo.weights import load_network, read_weights
from tests.training.tiny import TINY
from tests.zoo.foreign import save_zip, state_of

MA_NET, RESNET18 = find_network("ma-net"), find_network("resnet18")
BOTTLENECK = {"conv1": (512, 2048, 1, 1), "conv2": (512, 512, 3, 3), "conv3": (2048, 512, 1, 1)}


def classified(network: Network, classes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the network with another number of classes."""
    own, module = len(network.labels), on_meta(network)
    return {
        name: tuple(classes if name.startswith(module.heads) and n == own else n for n in shape)
        for name, shape in shapes_of(module).items()
    }


def resnet(network: Network, last: dict[str, tuple[int, ...]]) -> Shapes:
    """A torchvision ResNet with the network's trunk, the last stage and ImageNet's classifier."""
    module = on_meta(network)
    assert module.trunk is not None
    stages = tuple(f"{module.trunk}{stage}" for stage in ("conv1.", "bn1.", "layer"))
    shapes = shapes_of(module).items()
    trunk = {n[len(module.trunk) :]: shape for n, shape in shapes if n.startswith(stages)}
    fourth = {f"layer4.1.{name}.weight": shape for name, shape in last.items()}
    return {**trunk, **fourth, "fc.weight": (1000, 2048), "fc.bias": (1000,)}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_its_own_tensors(name: str) -> None:
    network = find_network(name)
    shapes = shapes_of(on_meta(network))
    found = fit(network, shapes, network.labels)
    assert found.names == {name: name for name in shapes}
    assert (found.dropped, found.fresh, found.zeros) == ((), (), ())
    assert found.classes == len(network.labels)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_classifier_of_identities_is_dropped(name: str) -> None:
    network, module = find_network(name), on_meta(find_network(name))
    shapes = {f"module.{n}": shape for n, shape in classified(network, 12_666).items()}
    heads = tuple(n for n in shapes_of(module) if n.startswith(module.heads))
    found = fit(network, shapes, None)
    assert found.classes == 12_666
    assert found.dropped == found.fresh == heads
    assert len(found.names) == len(shapes) - len(heads)
    with pytest.raises(InputError, match="for the 7 --labels, found one of 12,666 classes"):
        fit(network, shapes, ORDERS["raf-db"])


def test_a_file_without_a_classifier() -> None:
    shapes = {n: s for n, s in shapes_of(on_meta(MA_NET)).items() if not n.startswith("fc_")}
    found = fit(MA_NET, shapes, None)
    assert (found.classes, found.dropped) == (None, ())
    assert parts(found.fresh) == ["fc_1", "fc_2"]


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (7, None, "affectnet-7"),
        (8, None, "affectnet"),
        (7, "raf-db", "raf-db"),
        (8, "ferplus", "ferplus"),
    ],
)
def test_labels_of_seven_and_eight(classes: int, labels: str | None, expected: str) -> None:
    found = fit(MA_NET, classified(MA_NET, classes), labels and ORDERS[labels] or None)
    assert found.network.labels == ORDERS[expected]
    assert not found.fresh


def test_the_number_of_classes_says_nothing_of_their_order() -> None:
    network = find_network("resnet18")
    shapes = classified(network, 7)
    with pytest.raises(InputError, match=r"say which, in its order, by --labels \(fer2013, aff"):
        fit(network, shapes, None)
    assert fit(network, shapes, ORDERS["raf-db"]).network.labels == ORDERS["raf-db"]


def test_labels_are_for_a_classifier() -> None:
    network = find_network("aglf")
    with pytest.raises(InputError, match="for the 7 --labels, found none"):
        fit(network, resnet(network, BOTTLENECK), ORDERS["raf-db"])


def test_labels_of_another_number() -> None:
    six = tuple(Expression)[:6]
    shapes = classified(MA_NET, 6)
    assert fit(MA_NET, shapes, None).fresh
    assert fit(MA_NET, shapes, six).network.labels == six
    with pytest.raises(InputError, match="for the 7 --labels, found one of 6 classes"):
        fit(MA_NET, shapes, ORDERS["raf-db"])


def test_variants_have_their_own_tensors() -> None:
    less = MA_NET.varied(Choices(without=frozenset({"regions"})))
    assert fit(less, shapes_of(on_meta(less)), None).network == less
    with pytest.raises(InputError, match=r"the tensors are not those of ma-net: \d+ too many: lay"):
        fit(less, shapes_of(on_meta(MA_NET)), None)
    with pytest.raises(InputError, match=r"not those of ma-net: \d+ missing: layer3_1_p1.0.conv1"):
        fit(MA_NET, shapes_of(on_meta(less)), None)


def test_a_resnet_50_for_aglf() -> None:
    network = find_network("aglf")
    found = fit(network, resnet(network, BOTTLENECK), None)
    assert parts(found.dropped) == ["layer4", "fc"]
    assert parts(found.fresh) == ["eca", "attention", "classifiers"]
    assert found.names["layer3.5.conv3.weight"] == "layer3.5.conv3.weight"
    assert found.classes is None


def test_a_resnet_34_for_fer_vt() -> None:
    network = find_network("fer-vt")
    old = {n: shape for n, shape in resnet(network, {}).items() if "batches" not in n}
    found = fit(network, old, None)
    assert parts(found.dropped) == ["fc"]
    assert set(parts(found.fresh)) >= {"grid", "tokenizers", "layers", "fc"}
    assert "backbone" not in parts(found.fresh)
    assert all(name.startswith("backbone.") for name in (*found.names, *found.zeros))
    assert found.names["backbone.conv1.weight"] == "conv1.weight"


@pytest.mark.parametrize("name", ["aglf", "fer-vt"])
def test_another_resnet_is_refused(name: str) -> None:
    network = find_network(name)
    shapes = dict(resnet(network, {}))
    deeper = {**shapes, "layer3.6.conv1.weight": (256, 1024, 1, 1)}
    with pytest.raises(InputError, match=r"1 too many: layer3.6.conv1.weight"):
        fit(network, deeper, None)
    del shapes["layer2.0.conv1.weight"]
    with pytest.raises(InputError, match=r"1 missing: layer2.0.conv1.weight"):
        fit(network, shapes, None)
    with pytest.raises(InputError, match=rf"not those of {name}"):
        fit(network, shapes_of(on_meta(RESNET18)), None)


def test_no_resnet_goes_into_a_network_without_its_trunk() -> None:
    with pytest.raises(InputError, match=r"missing: .*; \d+ too many: layer3"):
        fit(MA_NET, shapes_of(on_meta(RESNET18)), None)


def test_a_resnet_18_of_imagenet(tmp_path: Path) -> None:
    donor = state_of(RESNET18)
    donor |= {"fc.weight": torch.ones(1000, 512), "fc.bias": torch.ones(1000)}
    save_zip(donor, tmp_path / "resnet18-5c106cde.pth")
    made = convert(RESNET18, tmp_path / "resnet18-5c106cde.pth", tmp_path / "w")
    assert (made.fit.classes, made.origin["dropped"], made.origin["fresh"]) == (
        1000,
        ["fc"],
        ["fc"],
    )
    weights = read_weights(tmp_path / "w", RESNET18)
    assert weights.headless
    assert torch.equal(weights.tensors["layer4.1.conv2.weight"], donor["layer4.1.conv2.weight"])
    with pytest.raises(InputError, match="without a classifier; train one first"):
        load_network(RESNET18, str(tmp_path / "w"))


def test_seven_classes_of_a_network_for_eight_need_labels(tmp_path: Path) -> None:
    fewer = replace(TINY, labels=ORDERS["fer2013"])
    save_zip(state_of(fewer), tmp_path / "c")
    with pytest.raises(InputError, match="say which, in its order, by --labels .*fer2013"):
        convert(TINY, tmp_path / "c", tmp_path / "w")
    with pytest.raises(InputError, match="for the 8 --labels, found one of 7 classes"):
        convert(TINY, tmp_path / "c", tmp_path / "w", ORDERS["ferplus"])
    made = convert(TINY, tmp_path / "c", tmp_path / "w", ORDERS["fer2013"])
    assert made.origin["labels_from"] == "--labels"
    assert load_network(TINY, str(tmp_path / "w")).network == fewer


def test_a_whole_network_with_a_tensor_too_many_keeps_its_classifier_or_is_refused() -> None:
    network = find_network("resnet18")
    shapes = {**classified(network, 7), "centres": (7, 512)}
    with pytest.raises(InputError, match="not those of resnet18: 1 too many: centres"):
        fit(network, shapes, ORDERS["raf-db"])
