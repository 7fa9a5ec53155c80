"""The labelling configuration of a project, made from the workspace, and what a change to it would orphan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from gatherset.annotate.consensus import IMAGE_FLAGS
from gatherset.dataset.errors import InputError
from gatherset.dataset.labelstudio import EVENT_TYPE, IMAGE, caption_name
from gatherset.dataset.submission import captions_wanted
from gatherset.dataset.workspace import Workspace

REMARKS = "remarks"  # of a task: what its annotators are told
GATHERING, FLAGS, NOTE = "is_gathering", "flags", "note"
YES, NO = "yes", "no"
UNSURE = "unsure"  # a flag that is about the annotator
KNOWN_FLAGS = (*sorted(IMAGE_FLAGS), UNSURE)
HOTKEYS = "1234567890"
_FLAG_TITLES = {
    "sensitive": "Graphic or sensitive",
    "wrong_orientation": "Wrong orientation",
    "personal_data": "Personal data visible",
    UNSURE: "Unsure",
}
_FLAG_KEYS = {"sensitive": "s", "wrong_orientation": "o", "personal_data": "p", UNSURE: "u"}


@dataclass(frozen=True)
class Control:
    """What a labelling configuration asks under one name."""

    kind: str  # "choices", "textarea", and other tags of Label Studio in lower case
    to_name: str
    values: frozenset[str]  # what can be chosen, as results have it; empty for text


def configuration(workspace: Workspace, kind: str) -> str:
    """The labelling configuration for tasks of `kind`: the names are those that `read_results` knows."""
    root = ET.Element("View", style="display: flex; gap: 16px; align-items: flex-start")
    ET.SubElement(root, "Style").text = ".htx-text { white-space: pre-wrap; }"
    left, view = _add(root, "View", style="flex: 55 0 0"), _add(root, "View", style="flex: 45 0 0")
    # What was sent back, with the reason: Label Studio's community edition has no comments.
    _add(left, "Text", name=REMARKS, value=f"${REMARKS}")
    zoom = {"zoom": "true", "zoomControl": "true", "rotateControl": "true"}
    _add(left, "Image", name=IMAGE, value=f"${IMAGE}", maxHeight="75vh", **zoom)
    if kind == "screen":
        _add(left, "Text", name="captions", value="$captions")
        asked = _choices(view, GATHERING, required=True, message="Say whether this is a gathering")
        _choice(asked, "A gathering", YES, "y")
        _choice(asked, "Not a gathering", NO, "n")
    else:
        _choice(_choices(view, GATHERING), "Not a gathering", NO, "n")
        # Who says that it is none is asked for nothing else.
        only = {"visibleWhen": "choice-unselected", "whenTagName": GATHERING, "whenChoiceValue": "Not a gathering"}
        _ask_type_and_captions(_add(view, "View", **only), workspace, kind)
    flags = _choices(view, FLAGS, choice="multiple")
    for name in KNOWN_FLAGS:
        _choice(flags, _FLAG_TITLES[name], name, _FLAG_KEYS[name])
    _text(view, NOTE, "Note", rows="1")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _ask_type_and_captions(view: ET.Element, workspace: Workspace, kind: str) -> None:
    asked = _choices(view, EVENT_TYPE, required=True, message="Choose the event type")
    for number, event in enumerate(workspace.taxonomy.types):
        hotkey = HOTKEYS[number] if number < len(HOTKEYS) else ""
        _choice(asked, event.title, event.name, hotkey, hint=event.definition)
    for number in range(1, captions_wanted(workspace.settings, kind) + 1):
        needed = {"required": "true", "requiredMessage": f"Write caption {number}"} if kind == "caption" else {}
        _text(view, caption_name(number), f"Caption {number}", rows="2", **needed)


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _choices(
    parent: ET.Element, name: str, *, choice: str = "single", required: bool = False, message: str = ""
) -> ET.Element:
    needed = {"required": "true", "requiredMessage": message} if required else {}
    return _add(parent, "Choices", name=name, toName=IMAGE, choice=choice, showInline="true", **needed)


def _choice(parent: ET.Element, title: str, alias: str, hotkey: str, hint: str = "") -> None:
    more = {name: value for name, value in (("hotkey", hotkey), ("hint", hint)) if value}
    _add(parent, "Choice", value=title, alias=alias, **more)


def _text(parent: ET.Element, name: str, placeholder: str, **more: str) -> None:
    _add(
        parent,
        "TextArea",
        name=name,
        toName=IMAGE,
        placeholder=placeholder,
        maxSubmissions="1",
        editable="true",
        **more,
    )


def controls(config: str) -> dict[str, Control]:
    """{name: what it asks} of a labelling configuration. Raises InputError for what is none."""
    try:
        root = ET.fromstring(config)
    except ET.ParseError as error:
        raise InputError(
            f"the labelling configuration there is not XML: {error}", "Restore it in Label Studio's settings"
        ) from error
    found = {}
    for element in root.iter():
        name, to_name = element.get("name"), element.get("toName")
        if name and to_name:
            values = (child.get("alias") or child.get("value") for child in element.iter() if child is not element)
            found[name] = Control(element.tag.lower(), to_name, frozenset(value for value in values if value))
    return found


def lacking(there: Mapping[str, Control], ours: Mapping[str, Control]) -> list[str]:
    """In words, what the configuration `there` does not ask that `ours` does; what it asks besides does no harm."""
    missing = []
    for name, control in ours.items():
        other = there.get(name)
        if other is None:
            missing.append(f"it asks nothing under the name '{name}'")
        elif (other.kind, other.to_name) != (control.kind, control.to_name):
            missing.append(f"'{name}' is a {other.kind} on '{other.to_name}'")
        elif left_out := sorted(control.values - other.values):
            missing.append(f"'{name}' has no choice {', '.join(left_out)}")
    return missing


def orphans(annotations: Iterable[Sequence[Mapping[str, Any]]], new: Mapping[str, Control]) -> dict[str, int]:
    """{what is used there and the configuration `new` would not know: by how many annotations}."""
    counts: dict[str, int] = {}
    for results in annotations:
        unknown = set()
        for result in results:
            name = str(result.get("from_name"))
            control = new.get(name)
            if control is None or control.kind != result.get("type"):
                unknown.add(f"'{name}'")
                continue
            chosen = result.get("value", {}).get("choices", ()) if control.values else ()
            unknown |= {f"'{value}' of '{name}'" for value in chosen if value not in control.values}
        for what in unknown:
            counts[what] = counts.get(what, 0) + 1
    return counts
