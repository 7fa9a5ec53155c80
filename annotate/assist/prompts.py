"""Prompts: files in the workspace, which a team may change; each that was used is kept under its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatherset.annotate.assist.endpoint import Endpoint
from gatherset.annotate.marks import filled
from gatherset.dataset.errors import InputError
from gatherset.dataset.store import write_whole

FOLDER = "prompts"
DEFAULTS = {
    "expand": """\
You help to write captions for photographs of mass gatherings. You cannot see the photograph; all that is known of it is
this caption, which is right:

{first}

Write {count} further captions of the same photograph in {language}. Each is one plain sentence of 6 to 25 words. Say
what the caption says in other words, from other sides: the people, what they do, the place. Add nothing that the
caption does not say: no numbers, no names of people, places or organisations, no other event, no feelings, no reasons.
No two captions may be alike.

Answer with a JSON array of {count} strings and nothing else.
""",
    "caption": """\
Describe this photograph in {language}, in one plain sentence of 6 to 25 words: the people, what they do, and where. Say
only what can be seen. No names, no exact numbers of people, no guesses about feelings or reasons. Answer with the
sentence and nothing else.
""",
}
_NEEDED = {"expand": ("{first}", "{count}"), "caption": ()}


@dataclass(frozen=True)
class Prompt:
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def used(self) -> str:
        """The name of the file in which it is kept once it was used."""
        return f"{self.name}-{self.sha256[:16]}.txt"

    def filled(self, **values: object) -> str:
        """The prompt for one image."""
        return filled(self.text, values, before="{", after="}")

    def made_with(self, endpoint: Endpoint) -> dict[str, Any]:
        """What it takes to ask for a suggestion again."""
        used = {"prompt": self.used, "prompt_sha256": self.sha256}
        return {"temperature": endpoint.asking.temperature, **used, "endpoint": urlsplit(endpoint.url).hostname}


def read_prompt(root: Path, name: str) -> Prompt:
    """The prompt `name` of the workspace in the folder `root`; made with the default text where there is none.

    Raises InputError where it lacks what it must be given.
    """
    path = root / FOLDER / f"{name}.txt"
    if not path.exists():
        write_whole(path, DEFAULTS[name].encode())
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", "Save it as UTF-8") from error
    if missing := [mark for mark in _NEEDED[name] if mark not in text]:
        raise InputError(f"{path} lacks {' and '.join(missing)}", "Add it, or remove the file to get the default again")
    prompt = Prompt(name, text)
    write_whole(root / FOLDER / "used" / prompt.used, text.encode())
    return prompt


def language_name(tag: str) -> str:
    """What a model understands: the English name of a common language, else the tag itself."""
    return _LANGUAGES.get(tag.partition("-")[0], f"the language '{tag}'")


_LANGUAGES: Mapping[str, str] = {
    **{"ar": "Arabic", "cs": "Czech", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian"},
    **{"fi": "Finnish", "fr": "French", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese"},
    **{"ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "sv": "Swedish"},
    **{"tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese"},
}
