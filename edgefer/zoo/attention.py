"""The attention blocks, each written once: ECA, CBAM, non-local, grid-wise."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

_REDUCTION = 16


class Eca(nn.Module):
    """Efficient channel attention (Wang et al., CVPR 2020): a gate for each channel.

    The gate looks at `width` neighbouring channels' means; for 1024 channels the paper's rule
    gives 5.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, width, padding=width // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to the same shape."""
        gate = torch.sigmoid(self.conv(x.mean(dim=(2, 3))[:, None]))
        return x * gate[:, 0, :, None, None]


class Cbam(nn.Module):
    """Convolutional block attention (Woo et al., ECCV 2018): channels first, then places.

    Names of parts are those of the checkpoints of MA-Net.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to the same shape."""
        attended: Tensor = self.SpatialGate(self.ChannelGate(x))
        return attended


class ChannelGate(nn.Module):
    """One small network looks at the mean and at the maximum of each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // _REDUCTION
        # flattening does nothing here, but it counts in the names of MA-Net's checkpoints
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to the same shape."""
        # mean and amax, not pooling with a kernel of the map's size, which does not export
        gate = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
        return x * gate[:, :, None, None]


class SpatialGate(nn.Module):
    """A 7x7 convolution looks at the maximum and at the mean over the channels."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[tuple[str, nn.Module]] = [
            ("conv", nn.Conv2d(2, 1, 7, padding=3, bias=False)),
            ("bn", nn.BatchNorm2d(1, momentum=0.01)),
        ]
        self.spatial = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to the same shape."""
        places = torch.cat((x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.spatial(places))


class NonLocal(nn.Module):
    """Non-local block (Wang et al., CVPR 2018), embedded Gaussian: every place sees every other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.theta = nn.Conv2d(channels, hidden, 1)
        self.phi = nn.Conv2d(channels, hidden, 1)
        self.g = nn.Conv2d(channels, hidden, 1)
        self.out = nn.Conv2d(hidden, channels, 1)
        self.scale = hidden**-0.5

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to the same shape."""
        query, key, value = (part(x).flatten(2) for part in (self.theta, self.phi, self.g))
        # scaled before the sums, which FP16 has to hold
        weights = torch.softmax(query.transpose(1, 2) * self.scale @ key, dim=2)
        seen = (weights @ value.transpose(1, 2)).transpose(1, 2)
        placed: Tensor = self.out(seen.unflatten(2, x.shape[2:]))
        return x + placed


class GridAttention(nn.Module):
    """Grid-wise attention (FER-VT): cells of the picture attend to each other and gate it.

    Our choice: a small convolutional stem describes each cell, dot-product attention relates the
    cells, and each gets one gate of 0 to 1, which is added to the 1 that it had.
    """

    def __init__(self, cells: int, width: int = 64) -> None:
        super().__init__()
        self.cells, self.width = cells, width
        self.describe = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 3, h, w] to the same shape; h and w are multiples of 4 * cells."""
        described = in_cells(self.describe(x), self.cells).mean(dim=(3, 5)).flatten(2)
        cells = described.transpose(1, 2)
        related = self.query(cells) * self.width**-0.5 @ self.key(cells).transpose(1, 2)
        seen = torch.softmax(related, dim=2) @ self.value(cells)
        gate = torch.sigmoid(self.gate(seen)).reshape(-1, 1, self.cells, 1, self.cells, 1)
        return (in_cells(x, self.cells) * (1 + gate)).reshape(x.shape)


def in_cells(x: Tensor, cells: int) -> Tensor:
    """[n, channels, h, w] as [n, channels, cells, h / cells, cells, w / cells]."""
    height, width = x.shape[2] // cells, x.shape[3] // cells
    return x.reshape(-1, x.shape[1], cells, height, cells, width)
