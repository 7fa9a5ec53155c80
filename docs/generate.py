"""Write the pages that follow from the code: docs/commands.md, docs/rules.md, docs/settings.md.

Run it from the repository root after changing a command, a rule or a setting: python docs/generate.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

from gatherset.cli import COMMANDS, main
from gatherset.dataset import settings
from gatherset.dataset.rules import RULES, Rule
from gatherset.dataset.rules.explanation import OTHERS, own_reason, sentence

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py; change the code, not this page. -->\n"
GROUPS = {
    "GS1": "Shape",
    "GS2": "Image",
    "GS3": "Captions",
    "GS4": "Event type",
    "GS5": "Splits",
    "GS6": "Provenance and licence",
}


def commands_page() -> str:
    parts = [f"# Commands\n\n{MADE}"]
    parts.append("Exit codes: 0 fine (warnings alone too), 1 errors found, 2 could not run, 130 stopped by Ctrl-C.\n")
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        parts += _command(f"gatherset {name}", command)
    return "\n".join(parts)


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path, terminal_width=100, help_option_names=["-h", "--help"])
    text = command.get_help(context)
    yield f"## {path}\n\n```text\n{text}\n```\n"
    for name, child in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _command(f"{path} {name}", child)


def rules_page() -> str:
    parts = [f"# Rules\n\n{MADE}"]
    parts.append(
        "Levels, thresholds and `ignore` are under `[rules]` in gatherset.toml: [settings](settings.md). How to use "
        "them: [validating](validating.md). `gatherset validate --explain GS304` shows what a rule says.\n"
    )
    for prefix, title in GROUPS.items():
        rows = [
            f"| {rule.id} | {rule.level} | {_what_holds(rule)} | {sentence(rule.next_step)} |"
            for rule in _rules(prefix)
        ]
        table = "\n".join(["| id | level | what holds | if not |", "|---|---|---|---|", *rows])
        parts.append(f"## {prefix}xx {title}\n\n{table}\n")
    others = "\n".join(f"| {rule_id} | {title} | {sentence(step)} |" for rule_id, (title, step) in OTHERS.items())
    parts.append(
        "## Findings about files\n\nThey belong to no rule that could be chosen: a line that cannot be read, a "
        "newcomer held back by `gatherset split`, and GS7xx, the integrity of a release, which is looked at first."
        f"\n\n| id | what holds | if not |\n|---|---|---|\n{others}\n"
    )
    return "\n".join(parts)


def _rules(prefix: str) -> list[Any]:
    return [rule for rule_id, rule in sorted(RULES.items()) if rule_id.startswith(prefix)]


def _what_holds(rule: type[Rule]) -> str:
    reason = own_reason(rule)
    return f"{rule.title} *{reason}*" if reason else rule.title


def settings_page() -> str:
    parts = [f"# Settings\n\n{MADE}"]
    parts.append("Every key of `gatherset.toml`, with its default. An unknown key is refused.\n")
    parts += _settings("", settings.Settings)
    return "\n".join(parts)


def _settings(section: str, cls: type) -> Iterator[str]:
    source = inspect.getsource(cls)
    comments = dict(re.findall(r"^    (\w+): .*?  # (.+)$", source, re.M))
    rows, sections = [], []
    for field in fields(cls):
        value = field.default_factory() if callable(field.default_factory) else field.default
        if is_dataclass(value) and not isinstance(value, type):
            sections.append((field.name, type(value)))
        else:
            rows.append(f"| `{field.name}` | {_shown(value)} | {comments.get(field.name, '')} |")
    title = f"## [{section}]" if section else "## The top of the file"
    yield f"{title}\n\n| key | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    for name, child in sections:
        yield from _settings(name, child)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    return "" if "MISSING" in type(value).__name__ else f"`{value!r}`"


PAGES = {"commands.md": commands_page, "rules.md": rules_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
