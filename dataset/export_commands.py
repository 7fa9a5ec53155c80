"""The shell commands that write a release in the form of another tool."""

from __future__ import annotations

from pathlib import Path

import click

from gatherset.dataset.release_commands import find_release
from gatherset.dataset.shell import say, workspace_option


@click.group()
def export() -> None:
    """Write a release in the form of another tool.

    Example: gatherset export webdataset mg@1.0.0 shards
    """


@export.command()
@click.argument("reference", metavar="RELEASE")
@click.argument("folder", type=click.Path(path_type=Path))
@workspace_option
def images(reference: str, folder: Path, workspace: Path | None) -> None:
    """The image files, named as in annotations/karpathy.json and annotations/coco_*.json.

    Example: gatherset export images 1.0.0 images
    """
    from gatherset.dataset.exports import export_images

    export_images(find_release(reference, workspace), folder)
    say(f"Wrote {folder}")


@export.command()
@click.argument("reference", metavar="RELEASE")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--features", required=True, type=click.Path(path_type=Path), help="What `gatherset features` made of it."
)
@workspace_option
def precomp(reference: str, folder: Path, features: Path, workspace: Path | None) -> None:
    """*_ims.npy, *_caps.txt, *_ids.txt and id_mapping.json, which VSE++, SCAN and VSE-infinity read.

    Example: gatherset export precomp 1.0.0 precomp --features features/mg-1.0.0-efficientnet_lite0-448.gsf
    """
    from gatherset.dataset.exports import export_precomp

    export_precomp(find_release(reference, workspace), features, folder)
    say(f"Wrote {folder}")


@export.command()
@click.argument("reference", metavar="RELEASE")
@click.argument("folder", type=click.Path(path_type=Path))
@workspace_option
def webdataset(reference: str, folder: Path, workspace: Path | None) -> None:
    """Tar shards of images, captions and records.

    Example: gatherset export webdataset 1.0.0 shards
    """
    from gatherset.dataset.exports import export_webdataset

    export_webdataset(find_release(reference, workspace), folder)
    say(f"Wrote {folder}")


@export.command()
@click.argument("reference", metavar="RELEASE")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--images-url", default="/data/local-files/?d=images", show_default=True, help="Where the server finds the images."
)
@workspace_option
def labelstudio(reference: str, folder: Path, images_url: str, workspace: Path | None) -> None:
    """tasks.json for Label Studio's import, config.xml, and the images.

    Example: gatherset export labelstudio 1.0.0 label-studio
    """
    from gatherset.dataset.exports import export_labelstudio

    export_labelstudio(find_release(reference, workspace), folder, images_url)
    say(f"Wrote {folder}")
