"""Results: what Label Studio calls the parts of an annotation, read as an answer, and answers written as results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatherset.annotate.answer import Answer, read_answer
from gatherset.annotate.labelstudio.configuration import FLAGS, GATHERING, KNOWN_FLAGS, NO, NOTE, YES
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.labelstudio import CAPTION, EVENT_TYPE, caption_name, choices, text

_CAPTION_NAME = re.compile(rf"{CAPTION}([1-9][0-9]?)")
_KINDS = {EVENT_TYPE: "choices", GATHERING: "choices", FLAGS: "choices", NOTE: "textarea"}


def read_results(results: Any, kind: str, given: Sequence[str], where: str, *, wanted: int) -> Answer | list[Finding]:
    """The answer that an annotation's `results` say to a task of `kind`, or what is wrong with them.

    The results come in any order. `given` are the captions that came with the image: returned as they were, they are
    no correction, nor are the first `wanted` of them, which is as many as are asked for and were sent. Whether the
    answer keeps the rules is not asked here.
    """
    complaints: list[str] = []
    texts: dict[int, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in _values(results, complaints):
        if match := _CAPTION_NAME.fullmatch(name):
            texts[int(match[1])] = value[0] if value else ""
        else:
            values[name] = value
    said = values.get(GATHERING, [])
    if said and said[0] not in (YES, NO):
        complaints.append(f"'{GATHERING}' is neither '{YES}' nor '{NO}' but '{said[0]}'")
    complaints += [
        f"'{FLAGS}' has the unknown choice '{flag[:100]}'" for flag in values.get(FLAGS, []) if flag not in KNOWN_FLAGS
    ]
    if complaints:
        step = "Answer it again; if the project's configuration was changed, run: gatherset labelstudio setup"
        return [Finding("GS101", "error", where, complaint, step) for complaint in complaints]
    no = said == [NO]
    captions = [] if kind == "screen" else [texts.get(number, "") for number in range(1, max(texts, default=0) + 1)]
    if no or not any(text.strip() for text in captions):
        captions = [text for text in captions if text.strip()]
    if kind == "event" and captions in (list(given), list(given[:wanted])):
        captions = []
    # Who chooses a type, or writes captions, says that it is a gathering, as the app's button does.
    gathering = False if no else True if said or kind != "screen" else None
    event_type = None if no or kind == "screen" else next(iter(values.get(EVENT_TYPE, [])), None)
    document = {
        "kind": kind,
        "is_gathering": gathering,
        "event_type": event_type,
        "captions": captions,
        "flags": values.get(FLAGS, []),
        "note": "\n".join(values.get(NOTE, [])),
    }
    try:
        return read_answer(document)
    except InputError:
        return [Finding("GS101", "error", where, "a text is too long or holds half a character", "Shorten it")]


def _values(results: Any, complaints: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(name, what was chosen or written) of each result; a complaint for what cannot be read."""
    if not isinstance(results, list):
        complaints.append("it is no list of results")
        return
    seen: set[str] = set()
    for result in results:
        name = result.get("from_name") if isinstance(result, dict) else None
        if not isinstance(name, str):
            complaints.append("a result has no name")
            continue
        known = "textarea" if _CAPTION_NAME.fullmatch(name) else _KINDS.get(name)
        if known is None:
            complaints.append(f"there is a result with the unknown name '{name[:100]}'")
            continue
        if name in seen:
            complaints.append(f"'{name}' is answered twice")
            continue
        seen.add(name)
        value = result.get("value")
        found = value.get("text" if known == "textarea" else "choices") if isinstance(value, dict) else None
        if isinstance(found, str):
            found = [found]
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            complaints.append(f"'{name}' holds no {'text' if known == 'textarea' else 'choice'}")
        elif len(found) > 1 and name not in (FLAGS, NOTE):
            complaints.append(f"'{name}' has {len(found)} answers instead of one")
        else:
            yield name, found


def answer_results(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A submission's document as the results of an annotation."""
    results = []
    if answer["is_gathering"] is False or answer["kind"] == "screen":
        results.append(choices(GATHERING, [NO if answer["is_gathering"] is False else YES]))
    if answer["event_type"]:
        results.append(choices(EVENT_TYPE, [answer["event_type"]]))
    results += [text(caption_name(number), caption) for number, caption in enumerate(answer["captions"], 1)]
    if answer["flags"]:
        results.append(choices(FLAGS, list(answer["flags"])))
    if answer["note"]:
        results.append(text(NOTE, answer["note"]))
    return results
