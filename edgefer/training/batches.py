"""What a training step is given: normalised, varied faces on their device, and their targets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgefer.data.faces import FaceSet, Pixels
from edgefer.progress import Progress, silent
from edgefer.training.augment import Tone, augment
from edgefer.training.camera import photograph
from edgefer.training.covers import cover
from edgefer.training.feed import KEPT, Feed, Vary, in_batches
from edgefer.training.options import TrainingOptions
from edgefer.zoo.contract import PixelInput
from edgefer.zoo.registry import Network


class Batches:
    """The batches of each epoch. Chance depends on seed and epoch only: a resumed run repeats it.

    A last batch that would be smaller is left out.
    """

    def __init__(
        self,
        network: Network,
        faces: FaceSet,
        options: TrainingOptions,
        device: torch.device,
        threads: int | None = None,
        progress: Progress = silent,
        keep: int = KEPT,
    ) -> None:
        self.feed = Feed(faces, network.size, threads, keep, progress)
        self.options, self.device = options, device
        self.classes = faces.classes
        self.pixel_input = PixelInput(network.scale).to(device)
        self.tone = Tone.of(network.scale)

    def __len__(self) -> int:
        return len(self.classes) // self.options.batch

    def seed(self, epoch: int) -> int:
        """Of all chance in that epoch."""
        return int(np.random.SeedSequence([self.options.seed, epoch]).generate_state(1)[0])

    def order(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of each batch: every face once, or of each class alike many.

        Balanced as by ImbalancedDatasetSampler: drawn with replacement, weighed by one over the
        number of faces of the class, as many as there are faces.
        """
        rng, count = np.random.default_rng(self.seed(epoch)), len(self.classes)
        if self.options.balanced:
            shares = 1 / np.bincount(self.classes)[self.classes]
            rows = rng.choice(count, count, p=shares / shares.sum())
        else:
            rows = rng.permutation(count)
        return in_batches(rows, self.options.batch, whole=True)

    def epoch(
        self, epoch: int, most: int | None = None
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """At `most` so many: faces float32 [n, channels, size, size] and targets [n, labels]."""
        random = torch.Generator(self.device).manual_seed(self.seed(epoch))
        rows = self.order(epoch)[:most]
        with closing(self.feed.batches(rows, self._covering(epoch))) as batches:
            for pixels, targets in batches:
                faces = self._varied(torch.from_numpy(pixels).to(self.device), random)
                yield faces, torch.from_numpy(targets).to(self.device)

    def _covering(self, epoch: int) -> Vary | None:
        limits, seed = self.options.augmentation.covers, self.options.seed
        if limits is None:
            return None
        return lambda pixels, number: cover(pixels, limits, (seed, epoch, number))

    @torch.no_grad()
    def _varied(self, pixels: Tensor, random: torch.Generator) -> Tensor:
        wanted = self.options.augmentation
        if wanted.camera is not None:
            faces = pixels.permute(0, 3, 1, 2) / 255
            pixels = 255 * photograph(faces, wanted.camera, random).permute(0, 2, 3, 1)
        return augment(self.pixel_input(pixels), wanted, self.tone, random)

    def preview(self, most: int) -> tuple[Pixels, Pixels]:
        """The first faces that would be trained on, as they are and as they are varied."""
        rows = self.order(0)[:1]
        with closing(self.feed.batches(rows)) as plain, closing(self.epoch(0, most=1)) as varied:
            (before, _), (faces, _) = next(plain), next(varied)
        scale, bias = self.pixel_input.weights.sum(dim=(1, 2, 3)), self.pixel_input.bias
        seen = (faces.permute(0, 2, 3, 1) - bias) / scale
        after = seen.round().clamp(0, 255).to(torch.uint8).expand(*seen.shape[:3], 3)
        return before[:most], after[:most].cpu().numpy()
