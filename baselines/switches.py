"""Every field of `EdanConfig` and `TrainConfig` as a switch (`attention=self`), and the paper's ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import InputError

# The paper's Tables 3 and 5, and its outlook: is the model given the event type, and what differs from the full one.
ABLATIONS: Mapping[str, tuple[bool, Mapping[str, str]]] = {
    "edan": (True, {}),
    "edan, no label": (False, {}),
    "edan, self-attention": (True, {"attention": "self"}),
    "edan, self-attention, no label": (False, {"attention": "self"}),
    "edan, no attention": (True, {"attention": "none"}),
    "edan, no attention, no label": (False, {"attention": "none"}),
    "edan, only global": (True, {"alignment": "global"}),
    "edan, only local": (True, {"alignment": "local"}),
    "edan, group and type": (True, {"hierarchy": "true"}),
}


def switched(edan: EdanConfig, settings: TrainConfig, switches: Sequence[str]) -> tuple[EdanConfig, TrainConfig]:
    """Both with the given `name=value` set. InputError for a name or value that there is not."""
    for switch in switches:
        name, equals, text = switch.partition("=")
        for_model = name in {field.name for field in fields(EdanConfig)}
        if not equals or not (for_model or name in {field.name for field in fields(TrainConfig)}):
            names = sorted(field.name for kind in (EdanConfig, TrainConfig) for field in fields(kind))
            raise InputError(f"{switch} is no switch", f"Write name=value with one of: {', '.join(names)}")
        if for_model:
            edan = replace(edan, **{name: _value(get_type_hints(EdanConfig)[name], switch, text)})
        else:
            settings = replace(settings, **{name: _value(get_type_hints(TrainConfig)[name], switch, text)})
    return edan, settings


def _value(kind: Any, switch: str, text: str) -> Any:
    if get_origin(kind) is Literal:
        if text in get_args(kind):
            return text
        raise InputError(f"{switch} is not possible", f"Choose one of: {', '.join(get_args(kind))}")
    if kind is bool:
        if text in ("true", "false"):
            return text == "true"
        raise InputError(f"{switch} is not possible", "Write true or false")
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{switch} is not possible", f"Give a number ({kind.__name__})") from None
