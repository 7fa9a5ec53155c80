"""The guidelines for annotators: the workspace's own `guidelines.md`, or those that follow from its settings."""

from __future__ import annotations

import re
from collections.abc import Callable

from gatherset.annotate.desk import image_url
from gatherset.annotate.discussions import Discussion, decided_cases
from gatherset.dataset.workspace import Workspace

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^])")  # what Markdown, or Streamlit's own marks, would read
FILE = "guidelines.md"
DEFAULT = """\
# How to annotate

**A mass gathering** is a group of people who have come together for a purpose or an occasion, in public or in private.
A few people who happen to be in one place are none: answer *Not a gathering*.

## Captions

- Write {count}, each a whole sentence of {least} to {most} words that stands by itself.
- Say what can be seen: who, what they do, where, with what. Leave out what only a newspaper would know.
- Let every sentence say something else: the crowd, a person, the place, an object, the mood.
- Describe people by what they do and wear. Do not guess who they are, what they believe or where they come from.
- "About twenty people" or "a large crowd" is better than a number that nobody can count.

## Event types

Choose the one that fits best; the definition stands below the choices.

{types}

## When in doubt

*Unsure* tells those who read your answer. *Skip* gives the image back, with your reason.
Flag what is graphic or sensitive, lies on its side, or shows personal data: a name, an address, a number plate.
"""


def guidelines(workspace: Workspace, picture_url: Callable[[str, str], str] = image_url) -> str:
    """Markdown, with the cases that the team has decided at its end.

    `picture_url` says of a stored image, by its sha256 and format, where those who read this find it.
    """
    return _written(workspace) + "".join(_case(one, picture_url) for one in decided_cases(workspace))


def _case(one: Discussion, picture_url: Callable[[str, str], str]) -> str:
    """A decided case. Its words are people's, not Markdown."""
    picture = "" if one.sensitive else f"![The picture of this case](<{picture_url(one.sha256, one.format)}>)\n\n"
    title = "\n\n## A decided case\n\n"
    decision, by = _plain(one.decision or ""), _plain(one.decided_by or "")
    return f"{title}{picture}*{_plain(one.question)}*\n\n**{decision}** ({by})\n"


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _written(workspace: Workspace) -> str:
    """The workspace's own file, or the default. Whoever can write that file is trusted with it."""
    own = workspace.root / FILE
    if own.is_file():
        return own.read_text(encoding="utf-8", errors="replace")
    settings = workspace.settings
    types = "\n".join(
        f"- **{kind.title}**: {kind.definition} Includes {kind.includes}. Not: {kind.excludes}."
        for kind in workspace.taxonomy.types
    )
    count = "one caption" if settings.captions_asked == 1 else f"{settings.captions_asked} captions"
    rules = settings.rules
    return DEFAULT.format(count=count, least=rules.min_words, most=rules.max_words, types=types)
