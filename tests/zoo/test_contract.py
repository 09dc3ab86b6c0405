"""Pixels in, probabilities out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgefer.zoo.contract import PixelInput, PixelsToAnswers, answers
from edgefer.zoo.registry import NETWORKS, Network, PixelScale
from tests.training.tiny import TINY

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


def test_grey_is_opencv_s_less_mean_over_deviation() -> None:
    found = PixelInput(PixelScale.grey(0.507, 0.254))(torch.from_numpy(PIXELS))
    grey = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in PIXELS])
    expected = (grey[:, None] / 255 - 0.507) / 0.254
    assert found.shape == (5, 1, 16, 16)
    assert found.dtype == torch.float32
    # OpenCV rounds to whole grey values.
    np.testing.assert_allclose(found.numpy(), expected, atol=0.51 / 255 / 0.254)


def test_channels_are_weighed_one_by_one() -> None:
    scale = PixelScale(((1.0, 0.0, 0.0), (0.0, 0.0, 2.0)), (0.5, -1.0))
    found = PixelInput(scale)(torch.from_numpy(PIXELS)).numpy()
    np.testing.assert_allclose(found[:, 0], PIXELS[..., 0] + 0.5)
    np.testing.assert_allclose(found[:, 1], PIXELS[..., 2] * 2.0 - 1)


def test_the_border_is_as_exact_as_the_middle() -> None:
    found = PixelInput(TINY.scale)(torch.full((1, 16, 16, 3), 200, dtype=torch.uint8))
    assert found.unique().numel() == 1


def test_the_scale_is_no_part_of_the_weights() -> None:
    module = PixelsToAnswers(TINY, TINY.build())
    assert all(name.startswith("network.") for name in module.state_dict())
    assert {name.split(".")[0] for name, _ in module.named_parameters()} == {"network"}


@pytest.mark.parametrize("network", [TINY, *NETWORKS.values()], ids=lambda network: network.name)
def test_every_network_keeps_the_contract(network: Network) -> None:
    shape = (3, network.size, network.size, 3)
    faces = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    logits = network.build()
    every = answers(network, logits, faces)
    assert tuple(every) == logits.outputs
    found = every["probabilities"]
    assert found.shape == (3, len(network.labels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    alone = answers(network, logits, faces[1:2])
    np.testing.assert_allclose(alone["probabilities"], found[1:2], atol=1e-5)


def test_answers_are_those_of_evaluation() -> None:
    logits = TINY.build().train()
    first, again = (answers(TINY, logits, PIXELS)["probabilities"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
