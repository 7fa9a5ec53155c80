"""The papers of a release: everything that people read in it, and croissant.json, which programs do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatherset.dataset.card import changes, citation, dataset_card
from gatherset.dataset.croissant import croissant
from gatherset.dataset.datasheet import ANSWERS_FILE, datasheet, read_answers, unanswered
from gatherset.dataset.diff import Comparison
from gatherset.dataset.facts import Facts
from gatherset.dataset.release_folder import file_entry, write_json
from gatherset.dataset.report import report_page
from gatherset.dataset.settings import AboutSettings
from gatherset.dataset.store import ImageStore
from gatherset.dataset.workspace import Workspace

ASKED = ("authors", "contact", "homepage", "license", "annotators")  # of [about]


@dataclass(frozen=True)
class About:
    """What people have said of the dataset."""

    settings: AboutSettings  # [about] in gatherset.toml
    answers: Mapping[str, str]  # datasheet.toml

    @classmethod
    def of(cls, workspace: Workspace) -> About:
        return cls(workspace.settings.about, read_answers(workspace.root / ANSWERS_FILE))

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The questions of the datasheet that wait for a person."""
        return unanswered(self.answers, self.settings)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What the card, the citation and croissant.json leave out until [about] in gatherset.toml says it."""
        return tuple(name for name in ASKED if not getattr(self.settings, name))


def write_papers(
    folder: Path,
    manifest: Mapping[str, Any],
    facts: Facts,
    comparison: Comparison | None,
    about: About,
    store: ImageStore,
) -> None:
    """Write the papers into the release folder, all but ATTRIBUTION.md. `comparison` is with the release before."""
    if comparison:
        comparison = replace(comparison, after=f"{manifest['name']}@{manifest['version']}")
    pages = {
        "README.md": dataset_card(manifest, facts, about.settings),
        "DATASHEET.md": datasheet(manifest, facts, about.settings, about.answers),
        "CHANGES.md": changes(manifest, facts, comparison),
        "CITATION.cff": citation(manifest, about.settings),
        "report.html": report_page(manifest, facts, store),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    tables = [file_entry(folder, path) for path in sorted(folder.rglob("*.parquet"))]
    write_json(folder / "croissant.json", croissant(manifest, facts, about.settings, about.answers, tables))
