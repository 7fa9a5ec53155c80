"""Captions for images that have none (EDAN section 4.2): by BLIP, another captioner of transformers, or an endpoint.

Each becomes a suggestion. A person reads it beside the picture before it counts (GS315).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from gatherset.annotate.assist.endpoint import ClosedError, Endpoint, Message, NoAnswerError, in_threads
from gatherset.annotate.assist.prompts import Prompt, language_name
from gatherset.dataset.errors import GathersetError, ImageError, ModelError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import opened
from gatherset.dataset.progress import progress
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.submission import caption_findings
from gatherset.dataset.suggestions import (
    CAPTION,
    MODEL,
    Proposed,
    Waiting,
    add_suggestions,
    suggested_by,
    waiting_images,
)
from gatherset.dataset.workspace import Workspace

DEFAULT = "Salesforce/blip-image-captioning-base"  # the paper's BLIP
SIDE = 768  # pixels of the longer side that an endpoint is sent
MOST_NEW_TOKENS = 60  # of a caption
BATCH = 8  # images at once


class Captioner(Protocol):
    """Anything that describes pictures."""

    name: str
    at_once: int  # how many batches may be under way
    batch: int  # images of one
    made_with: dict[str, Any]  # what it takes to make the captions again

    def describe(self, images: Sequence[bytes]) -> list[str]:
        """A caption for each image file. Raises NoAnswerError, or ClosedError where none will come any more."""


class TransformersCaptioner:
    """Any model that transformers loads to write text to an image: a folder, or a name where a hub can be reached."""

    at_once = 1
    batch = BATCH

    def __init__(self, name: str) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        try:
            self._processor = AutoProcessor.from_pretrained(name)  # type: ignore[no-untyped-call]
            self._model = AutoModelForImageTextToText.from_pretrained(name).eval()  # type: ignore[no-untyped-call]
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            what = f"{name} is no captioner that transformers can load: {reason}"
            raise ModelError(what, "Name its folder, or a model for image-text-to-text") from error
        self._model.requires_grad_(False)
        self.name = model_name(name)
        self.made_with = {"weights_sha256": _weights_sha256(self._model), "beams": 1}

    def describe(self, images: Sequence[bytes]) -> list[str]:
        pictures = [_picture(data) for data in images]
        inputs = self._processor(images=pictures, return_tensors="pt")
        # The likeliest word each time: the same picture has the same caption, today and after an interruption.
        ids = self._model.generate(**inputs, max_new_tokens=MOST_NEW_TOKENS, do_sample=False, num_beams=1)
        texts = self._processor.batch_decode(ids, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]


class EndpointCaptioner:
    """A vision model behind an OpenAI-compatible endpoint; see `Endpoint`."""

    batch = 1

    def __init__(self, endpoint: Endpoint, prompt: Prompt, language: str, *, at_once: int = 4) -> None:
        self._endpoint, self._text, self.at_once = endpoint, prompt.filled(language=language_name(language)), at_once
        self.name = endpoint.asking.model
        self.made_with = prompt.made_with(endpoint)

    def messages(self, data: bytes) -> list[Message]:
        picture = _picture(data)
        picture.thumbnail((SIDE, SIDE))
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        url = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        parts = [{"type": "text", "text": self._text}, {"type": "image_url", "image_url": {"url": url}}]
        return [{"role": "user", "content": parts}]

    def describe(self, images: Sequence[bytes]) -> list[str]:
        return [_one_sentence(self._endpoint.ask(self.messages(data))) for data in images]


@dataclass
class Captioned:
    """What came of all."""

    images: int = 0
    suggested: int = 0
    closed: str = ""  # why the rest was not asked
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Answer:
    images: Sequence[Waiting]
    captions: Sequence[str]
    error: GathersetError | None = None


def caption_items(workspace: Workspace, model: str, limit: int | None = None) -> list[Waiting]:
    """The images that wait for captions, came with none, and have none of this model yet."""
    done = suggested_by(workspace, CAPTION, model)
    found = [image for image in waiting_images(workspace, ["caption"]) if not image.captions and image.id not in done]
    return found[:limit]


def suggest_captions(workspace: Workspace, items: Sequence[Waiting], captioner: Captioner) -> Captioned:
    """Have each image described, and store what passes the rules as suggestions; batch by batch, so that it resumes."""
    report = Captioned(images=len(items))
    context = Context(workspace.settings, workspace.taxonomy)
    with closing(_answers(workspace, items, captioner)) as answers:
        total = -(-len(items) // captioner.batch)
        for answer in chain.from_iterable(progress(answers, total=total, label="caption")):
            if isinstance(answer.error, ClosedError):
                report.closed = report.closed or str(answer.error)
            report.findings += _findings(answer, context)
            good = [pair for pair in zip(answer.images, answer.captions, strict=False) if not _faults(*pair, context)]
            if good:
                report.suggested += add_suggestions(workspace, [_proposed(*pair, captioner) for pair in good])
    report.findings.sort(key=lambda finding: finding.where)
    return report


def _proposed(image: Waiting, text: str, captioner: Captioner) -> Proposed:
    return Proposed(image.id, CAPTION, text, captioner.name, MODEL, made_with=captioner.made_with)


def _answers(
    workspace: Workspace, items: Sequence[Waiting], captioner: Captioner
) -> Generator[list[_Answer], None, None]:
    """What was said to each batch: one answer, or one an image where one of them cannot be read."""
    batches = [items[start : start + captioner.batch] for start in range(0, len(items), captioner.batch)]

    def ask(batch: Sequence[Waiting]) -> list[_Answer]:
        try:
            data = [workspace.store.read(image.sha256, image.format) for image in batch]
            return [_Answer(batch, captioner.describe(data))]
        except (ImageError, NoAnswerError, ClosedError) as error:
            if isinstance(error, ImageError) and len(batch) > 1:
                return [answer for image in batch for answer in ask([image])]
            return [_Answer(batch, (), error)]

    return in_threads(ask, batches, captioner.at_once)


def _findings(answer: _Answer, context: Context) -> Iterator[Finding]:
    step = "A person describes it: it waits in the queue"
    if answer.error:
        for image in answer.images:
            yield Finding("GS614", "error", image.id, f"no caption came: {answer.error.what}", step)
        return
    for image, text in zip(answer.images, answer.captions, strict=True):
        if why := _faults(image, text, context):
            yield Finding("GS614", "error", image.id, f"the model's caption cannot be used: {why}", step)


def _faults(image: Waiting, text: str, context: Context) -> str:
    found = caption_findings([text], context, image.id, wanted=1)
    return f"{found[0].rule}, {found[0].message}" if found else ""


def _picture(data: bytes) -> Image.Image:
    try:
        with opened(data) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow raises
        what = "its stored copy is damaged"
        raise ImageError(what, "gatherset validate names it; ingest its folder again") from error


def _one_sentence(text: str) -> str:
    return " ".join(text.split()).strip('"“”').encode("utf-8", "replace").decode()


def model_name(given: str) -> str:
    """What a model is called in the catalog: its name on the hub, or its folder's with a digest of the weights."""
    folder = Path(given).resolve()
    if not folder.is_dir():
        return given
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        with file.open("rb") as weights:
            digest.update(hashlib.file_digest(weights, "sha256").digest())
    return f"{folder.name}-{digest.hexdigest()[:8]}"


def _weights_sha256(model: Any) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode() + tensor.contiguous().float().numpy().tobytes())
    return digest.hexdigest()
