"""Expansion (EDAN section 4.3): a language model writes the captions that an image lacks, from the first it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from gatherset.annotate.answer import box_of
from gatherset.annotate.assist.endpoint import (
    ClosedError,
    Endpoint,
    Message,
    NoAnswerError,
    estimated_tokens,
    in_threads,
)
from gatherset.annotate.assist.faithfulness import faults
from gatherset.annotate.assist.prompts import Prompt, language_name
from gatherset.dataset.findings import Finding
from gatherset.dataset.progress import progress
from gatherset.dataset.rules.rule import Context, quoted
from gatherset.dataset.submission import caption_findings
from gatherset.dataset.suggestions import CAPTION, IMPORTED, LLM, Proposed, Waiting, add_suggestions, waiting_images
from gatherset.dataset.workspace import Workspace

ROUNDS = 3  # a model is asked for one image: once, and twice more where something does not fit
MOST_WORDS = 200  # of what is quoted back to a model that talks too much
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):])\s*")


@dataclass(frozen=True)
class Item:
    """An image with a caption or some, which lacks others."""

    image_id: str
    given: tuple[str, ...]  # the first is what the others are made from
    imported: bool  # whether they came with the image; else a captioner wrote the first
    missing: int


@dataclass(frozen=True)
class Written:
    """What came of one item."""

    item: Item
    texts: tuple[str, ...] = ()  # those that fit
    refused: tuple[str, ...] = ()  # those that do not, each with the reason
    trouble: str = ""  # why there was no answer
    closed: bool = False  # there will be none for the others either


@dataclass
class Expanded:
    """What came of all."""

    items: int = 0
    complete: int = 0  # images that lack nothing more
    suggested: int = 0  # new suggestions
    closed: str = ""  # why the rest was not asked
    findings: list[Finding] = field(default_factory=list)


def expansion_items(workspace: Workspace, limit: int | None = None) -> list[Item]:
    """The images that wait for captions and have a first one: their own, or the newest of a captioner."""
    wanted = workspace.settings.captions_per_image
    found = []
    for image in waiting_images(workspace, ["caption"]):
        given = _given(image)
        if 0 < len(given) < wanted:
            found.append(Item(image.id, given, bool(image.captions), wanted - len(given)))
    return found[:limit]


def _given(image: Waiting) -> tuple[str, ...]:
    own = tuple(text for text in image.captions if text.strip())
    return own or image.suggested[:1]


def first_messages(item: Item, prompt: Prompt, language: str) -> list[Message]:
    text = prompt.filled(first=item.given[0], count=item.missing, language=language_name(language))
    return [{"role": "user", "content": text}]


def estimate(items: Sequence[Item], endpoint: Endpoint, prompt: Prompt, language: str) -> tuple[int, int, int]:
    """(requests, tokens in, tokens out), roughly: one request an image, those not counted whose answer is here."""
    requests = tokens_in = tokens_out = 0
    for item in items:
        messages = first_messages(item, prompt, language)
        if not endpoint.known(messages):
            requests += 1
            tokens_in += estimated_tokens(messages)
            tokens_out += 30 * item.missing
    return requests, tokens_in, tokens_out


def expand(
    workspace: Workspace, items: Sequence[Item], endpoint: Endpoint, prompt: Prompt, *, at_once: int = 4
) -> Expanded:
    """Ask for the missing captions of each item, and store those that fit as suggestions for the annotators.

    The first caption goes with them where it came with the image. What was answered before is not asked again.
    """
    writer = _Writer(workspace, endpoint, prompt)
    report = Expanded(items=len(items))
    with closing(in_threads(writer.write, items, at_once)) as answers:
        for written in progress(answers, total=len(items), label="expand"):
            if written.texts or written.item.imported:
                report.suggested += add_suggestions(workspace, list(writer.proposals(written)))
            report.complete += len(written.texts) == written.item.missing
            if written.closed:
                report.closed = report.closed or str(endpoint.closed)
            report.findings += _findings(written)
    report.findings.sort(key=lambda finding: finding.where)
    return report


class _Writer:
    """Asks for the captions of one image at a time; threads share it."""

    def __init__(self, workspace: Workspace, endpoint: Endpoint, prompt: Prompt) -> None:
        self.endpoint, self.prompt = endpoint, prompt
        self.language = workspace.settings.language
        self.taxonomy = workspace.taxonomy
        self.context = Context(workspace.settings, workspace.taxonomy)

    def write(self, item: Item) -> Written:
        messages = first_messages(item, self.prompt, self.language)
        good: list[str] = []
        refused: list[str] = []
        try:
            for _ in range(ROUNDS):
                text = self.endpoint.ask(messages)
                refused = self._sort(item, captions_in(text), good)
                if len(good) == item.missing:
                    return Written(item, tuple(good))
                messages = [*messages, *_objection(text, refused, item.missing - len(good))]
        except NoAnswerError as error:
            return Written(item, tuple(good), tuple(refused), error.what)
        except ClosedError as error:
            return Written(item, tuple(good), tuple(refused), error.what, closed=True)
        return Written(item, tuple(good), tuple(refused) or ("it gave no captions",))

    def _sort(self, item: Item, texts: Sequence[str], good: list[str]) -> list[str]:
        """Add those that fit to `good`, as many as are missing; the others with the reason."""
        refused = []
        for text in texts:
            if len(good) == item.missing:
                break
            if reason := self._fault(item, text, good):
                refused.append(f"{quoted(text)}: {reason}")
            else:
                good.append(text)
        return refused

    def _fault(self, item: Item, text: str, good: Sequence[str]) -> str:
        """Why the text does not fit; "" where it does."""
        if found := next(faults(item.given[0], text, self.taxonomy, self.language), None):
            return f"it {found}"
        texts = [*item.given, *good, text]
        findings = caption_findings(texts, self.context, item.image_id, wanted=len(texts))
        own = [finding for finding in findings if box_of(finding) in (None, len(texts))]
        return f"{own[0].rule}, {own[0].message}" if own else ""

    def proposals(self, written: Written) -> Iterator[Proposed]:
        item, asking = written.item, self.endpoint.asking
        made = {"first": item.given[0], **self.prompt.made_with(self.endpoint)}
        if item.imported:
            for text in item.given:
                yield Proposed(item.image_id, CAPTION, text, "the collection", IMPORTED, 1.0)
        for text in written.texts:
            yield Proposed(item.image_id, CAPTION, text, asking.model, LLM, made_with=made)


def _objection(text: str, refused: Sequence[str], missing: int) -> list[Message]:
    said = " ".join(text.split()[:MOST_WORDS])
    lines = "\n".join(f"- {line}" for line in refused) or "- there was no JSON array of captions in it"
    asked = f"These cannot be used:\n{lines}\nWrite {missing} others by the same rules. Answer with a JSON array alone."
    return [{"role": "assistant", "content": said}, {"role": "user", "content": asked}]


def captions_in(text: str) -> list[str]:
    """The captions in an answer: a JSON array of them, wherever it stands; else its lines, unless it is broken JSON."""
    for start, end in (("[", "]"), ("{", "}")):
        first, last = text.find(start), text.rfind(end)
        if 0 <= first < last:
            try:
                found = _texts(json.loads(text[first : last + 1]))
            except (ValueError, RecursionError):
                continue
            if found:
                return found
    if any(line.lstrip().startswith(("[", "{")) for line in text.splitlines()):
        return []
    lines = [_LIST_MARK.sub("", line).strip().strip('"“”') for line in text.splitlines()]
    return [line for line in lines if line and not line.endswith(":") and not line.startswith("```")]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        lists = [entry for entry in value.values() if isinstance(entry, list)]
        value = lists[0] if lists else [entry for entry in value.values() if isinstance(entry, str)]
    found = []
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            entry = next((text for text in entry.values() if isinstance(text, str)), "")
        if isinstance(entry, str) and entry.strip():
            found.append(" ".join(entry.split()).encode("utf-8", "replace").decode())
    return found


def _findings(written: Written) -> Iterator[Finding]:
    item = written.item
    if len(written.texts) == item.missing:
        return
    lacking = item.missing - len(written.texts)
    why = written.trouble or "; ".join(written.refused)
    message = f"{lacking} of {item.missing} captions are missing: {why}"
    yield Finding("GS614", "error", item.image_id, message, "A person writes them: they wait in the queue")
