"""Event types without training: CLIP compares a picture with the definition of each type (Radford et al. 2021).

What it finds likeliest becomes a suggestion, with its probability. A person decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F

from gatherset.baselines.detectors import weights_sha256
from gatherset.dataset.errors import ImageError, ModelError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import opened
from gatherset.dataset.progress import progress
from gatherset.dataset.suggestions import EVENT, MODEL, Proposed, Waiting, add_suggestions, suggested_by, waiting_images
from gatherset.dataset.taxonomy import Taxonomy
from gatherset.dataset.workspace import Workspace

DEFAULT = "openai/clip-vit-base-patch32"
BATCH = 16  # images at once


class ZeroShot:
    """A CLIP model that transformers loads: a folder, or a name where a hub can be reached."""

    def __init__(self, name: str, taxonomy: Taxonomy) -> None:
        from transformers import AutoModelForZeroShotImageClassification, AutoProcessor

        try:
            self._processor = AutoProcessor.from_pretrained(name)  # type: ignore[no-untyped-call]
            self._model = AutoModelForZeroShotImageClassification.from_pretrained(name).eval()
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            what = f"{name} is no model for zero-shot image classification that transformers can load: {reason}"
            raise ModelError(what, "Name its folder, or a CLIP or SigLIP model") from error
        if not hasattr(self._model, "logit_scale"):
            raise ModelError(f"{name} does not compare as CLIP does", "Name its folder, or a CLIP or SigLIP model")
        self.types, texts = taxonomy.names, prompts(taxonomy)
        self.name = name if not Path(name).is_dir() else Path(name).resolve().name
        said = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        self.made_with = {"weights_sha256": weights_sha256(self._model), "prompt_sha256": said}
        self._texts = self._read(texts)

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> torch.Tensor:
        """[n, d] of length one: what the model makes of the texts, once for all images."""
        # SigLIP was trained on texts that are filled up to 64 tokens, and looks at the last one.
        whole = {"padding": "max_length", "max_length": 64} if "siglip" in self._model.config.model_type else {}
        inputs: Any = self._processor(text=texts, return_tensors="pt", truncation=True, **{"padding": True, **whole})
        return _unit(self._model.get_text_features(**inputs))

    @torch.inference_mode()
    def probabilities(self, images: Sequence[bytes]) -> torch.Tensor:
        """[n, types], each row sums to 1: softmax over the similarities to the types, at the model's temperature."""
        pictures = [_picture(data) for data in images]
        inputs: Any = self._processor(images=pictures, return_tensors="pt")
        seen = _unit(self._model.get_image_features(**inputs))
        # What SigLIP adds to all logits alike changes no softmax.
        scale: torch.Tensor = self._model.logit_scale.exp().float()
        return (scale * seen @ self._texts.T).softmax(1)


def _unit(found: Any) -> torch.Tensor:
    """Vectors of length one, whether transformers gives them alone or within an output."""
    return F.normalize(getattr(found, "pooler_output", found).float(), dim=-1)


def prompts(taxonomy: Taxonomy) -> list[str]:
    """Each type in words, its title first: CLIP reads 77 tokens at most."""
    return [f"A photo of a crowd: {kind.title.lower()}. {kind.definition}" for kind in taxonomy.types]


@dataclass
class Classified:
    """What came of all."""

    images: int
    suggested: int
    findings: list[Finding]


def suggest_types(workspace: Workspace, model: ZeroShot, limit: int | None = None) -> Classified:
    """Suggest an event type for each image that waits for one and has none of this model yet; resumes."""
    done = suggested_by(workspace, EVENT, model.name)
    items = [image for image in waiting_images(workspace, ["caption", "event"]) if image.id not in done][:limit]
    report = Classified(len(items), 0, [])
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    for batch in progress(batches, total=len(batches), label="event types"):
        there = _readable(workspace, batch, report)
        if there:
            found = model.probabilities([data for _, data in there]).max(1)
            pairs = zip(there, found.indices.tolist(), found.values.tolist(), strict=True)
            report.suggested += add_suggestions(
                workspace,
                [
                    Proposed(image.id, EVENT, model.types[kind], model.name, MODEL, round(score, 4), model.made_with)
                    for (image, _), kind, score in pairs
                ],
            )
    return report


def _readable(workspace: Workspace, batch: Sequence[Waiting], report: Classified) -> list[tuple[Waiting, bytes]]:
    found = []
    for image in batch:
        try:
            found.append((image, workspace.store.read(image.sha256, image.format)))
        except ImageError as error:
            report.findings.append(Finding("GS203", "error", image.id, error.what, error.next_step))
    return found


def _picture(data: bytes) -> Image.Image:
    with opened(data) as picture:
        return picture.convert("RGB")
