import torch
from PIL import Image

import gatherset
from gatherset.baselines.loader import _collate, loader, to_tensor
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.loading import Release
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos, make_all


def release(workspace: Workspace, make_photos: Photos) -> Release:
    ingest(workspace, make_photos(12), Provenance(license="CC-BY-4.0"))
    make_all(workspace)
    made = build_release(workspace).release
    assert made is not None
    return made


def test_batches_hold_images_captions_and_types(workspace: Workspace, make_photos: Photos) -> None:
    train = release(workspace, make_photos)["train"]
    batches = list(loader(train, transform=lambda image: to_tensor(image.resize((32, 32))), batch_size=4))
    assert sum(len(types) for _, _, types in batches) == len(train)
    images, captions, types = batches[0]
    assert images.shape == (4, 3, 32, 32)
    assert captions == train.captions[:4]
    assert types == ["protest"] * 4


def test_the_module_is_called_like_its_function(workspace: Workspace, make_photos: Photos) -> None:
    train = release(workspace, make_photos)["train"]
    [(images, _, _)] = gatherset.baselines.loader(train, batch_size=100)
    assert images.shape == (len(train), 3, 80, 96)


def test_pictures_of_different_sizes_come_as_a_list() -> None:
    pictures = [to_tensor(Image.new("RGB", size)) for size in ((4, 5), (6, 5))]
    images, _, _ = _collate([(picture, ["a"], "b") for picture in pictures])
    assert isinstance(images, list)
    assert torch.equal(images[1], pictures[1])
