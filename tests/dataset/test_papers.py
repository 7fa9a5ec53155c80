"""The papers of a release, each by what somebody looks for in it."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from gatherset.dataset.agreement import vote_agreement
from gatherset.dataset.datasheet import KEYS
from gatherset.dataset.errors import InputError
from gatherset.dataset.loading import Release
from gatherset.dataset.purge import without_mentions
from gatherset.dataset.release import build_release
from gatherset.dataset.report import _rules
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release

ABOUT = """
[about]
title = "Mass Gatherings"
description = "Crowds, \\"described\\"."
authors = ["Yasen, Abliz", "The Annotators"]
contact = "mg@example.org"
license = "CC-BY-4.0"
doi = "10.5281/zenodo.1"
"""


def text(release: Release, name: str) -> str:
    return (release.path / name).read_text(encoding="utf-8")


@pytest.fixture
def told(workspace: Workspace, fill: Callable[..., None]) -> Release:
    """A release of a workspace in which people have answered."""
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text() + ABOUT)
    (workspace.root / "datasheet.toml").write_text('purpose = "To find crowds."\nrisks = "Surveillance."\n')
    opened = Workspace.open(workspace.root)
    fill(opened, 12)
    return next_release(opened)


def test_the_datasheet_repeats_what_people_said_and_marks_what_they_did_not(told: Release) -> None:
    sheet = text(told, "DATASHEET.md")
    assert "To find crowds." in sheet
    assert "**A person must answer this** (`funding` in datasheet.toml)." in sheet
    assert "`purpose` in datasheet.toml" not in sheet
    assert sheet.count("**A person must answer this**") < len(KEYS)


def test_a_build_counts_the_questions_that_wait_for_a_person(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    unanswered = build_release(workspace).unanswered
    assert {"purpose", "contact", "consent"} <= set(unanswered)
    assert not {"size", "splits", "raw"} & set(unanswered)


@pytest.mark.parametrize("answers", ["purpose = 3", 'porpoise = "x"', "purpose = "])
def test_answers_that_belong_to_no_question_are_refused(
    workspace: Workspace, fill: Callable[..., None], answers: str
) -> None:
    fill(workspace, 3)
    (workspace.root / "datasheet.toml").write_text(answers)
    with pytest.raises(InputError, match=r"datasheet\.toml"):
        build_release(workspace)


def test_the_card_has_the_header_that_the_hub_reads(told: Release) -> None:
    yaml = pytest.importorskip("yaml")
    header = yaml.safe_load(text(told, "README.md").split("---\n")[1])
    assert (header["pretty_name"], header["license"], header["language"]) == ("Mass Gatherings", "cc-by-4.0", ["en"])
    assert [config["config_name"] for config in header["configs"]] == ["images", "captions"]
    assert {row["split"] for row in header["configs"][0]["data_files"]} == {"train", "validation", "test"}


def test_the_citation_is_a_cff_file(told: Release) -> None:
    yaml = pytest.importorskip("yaml")
    cff = yaml.safe_load(text(told, "CITATION.cff"))
    assert cff["cff-version"] == "1.2.0"
    assert cff["authors"] == [{"family-names": "Yasen", "given-names": "Abliz"}, {"name": "The Annotators"}]
    assert (cff["title"], cff["doi"], cff["abstract"]) == (
        "Mass Gatherings",
        "10.5281/zenodo.1",
        'Crowds, "described".',
    )


def test_croissant_has_the_fields_of_responsible_ai(told: Release) -> None:
    document = json.loads(text(told, "croissant.json"))
    assert "http://mlcommons.org/croissant/1.1" in document["conformsTo"]
    for name in (
        "dataAnnotationProtocol",
        "dataAnnotationPlatform",
        "dataAnnotationAnalysis",
        "annotationsPerItem",
        "machineAnnotationTools",
        "personalSensitiveInformation",
        "dataReleaseMaintenancePlan",
    ):
        assert document[f"rai:{name}"]
    assert document["rai:dataSocialImpact"] == "Surveillance."
    assert "rai:dataCollectionTimeFrame" not in document  # nobody said


def test_every_image_has_a_line_in_the_credits(told: Release) -> None:
    credits = text(told, "ATTRIBUTION.md")
    for record in told.records():
        assert re.search(rf"^- {record['id']}: .*\(CC-BY-4.0; photos\)$", credits, re.M)


def test_changes_are_told_word_by_word(released: Release, workspace: Workspace) -> None:
    identity = correct(workspace, "A corrected caption of the crowd.")
    changes = text(next_release(workspace), "CHANGES.md")
    assert f"- {identity} caption 1: " in changes
    assert "{+" in changes
    assert "[-" in changes


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect",):
            assert self.open.pop() == tag


def test_the_report_needs_nothing_beside_it(released: Release) -> None:
    page = _Page()
    page.feed(text(released, "report.html"))
    assert page.open == []
    assert len(page.asked) == 6
    assert all(value.startswith("data:image/jpeg;base64,") for value in page.asked)
    assert "<script" not in text(released, "report.html")


def test_captions_cannot_break_out_of_the_report(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text() + '[rules]\nignore = ["GS308"]\n')  # markup would not come so far
    workspace = Workspace.open(workspace.root)
    correct(workspace, "A crowd <script>alert(1)</script> & more.")
    report = text(next_release(workspace), "report.html")
    assert "<script>" not in report
    assert "&lt;script&gt;" in report


def test_agreement_is_krippendorffs_alpha() -> None:
    """Krippendorff (2011), section C: the nominal data of four observers, twelve units, alpha 0.743."""
    units = ["111", "2223", "3333", "3333", "2222", "1234", "4444", "1112", "2222", "555", "11", "3"]
    votes: dict[tuple[tuple[str, int], ...], int] = {}
    for unit in units:
        ballot = tuple((value, unit.count(value)) for value in sorted(set(unit)))
        votes[ballot] = votes.get(ballot, 0) + 1
    agreement = vote_agreement(votes)
    assert agreement is not None
    assert agreement.images == 11
    assert agreement.alpha == pytest.approx(0.743, abs=0.001)


def test_agreement_of_single_votes_is_unknown_and_alpha_of_one_type_undefined() -> None:
    assert vote_agreement({(("a", 1),): 5}) is None
    agreement = vote_agreement({(("a", 2),): 5})
    assert agreement is not None
    assert (agreement.alpha, agreement.agreed) == (None, 1.0)


def test_mentions_of_a_record_are_taken_out_whole() -> None:
    page = (
        '<div>\n<figure data-id="gs-1">a\nb</figure>\n<figure data-id="gs-2">c</figure></div>\n- gs-1: x\n- gs-2: y\n'
    )
    assert without_mentions(page, {"gs-1"}) == '<div>\n<figure data-id="gs-2">c</figure></div>\n- gs-2: y\n'


@pytest.mark.parametrize(("leaks", "said"), [(0, "No near-duplicate stands"), (3, "3 near-duplicates stand in two")])
def test_the_report_claims_no_leak_only_where_none_was_found(leaks: int, said: str) -> None:
    assert said in "".join(_rules({"rules": [{"id": "GS502", "level": "warning", "findings": leaks}]}))


def test_the_card_does_not_say_who_the_annotators_are_where_nobody_has(released: Release) -> None:
    card, document = text(released, "README.md"), json.loads(text(released, "croissant.json"))
    assert "# annotations_creators: a person must say" in card
    assert "url" not in document
    assert "example.org" not in card + json.dumps(document)


def test_the_card_says_who_the_annotators_are(workspace: Workspace, fill: Callable[..., None]) -> None:
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text() + '[about]\nannotators = "crowd"\nhomepage = "https://mg.example.org"\n')
    opened = Workspace.open(workspace.root)
    fill(opened, 4)
    release = next_release(opened)
    assert "annotations_creators: [crowdsourced, found]" in text(release, "README.md")
    assert json.loads(text(release, "croissant.json"))["url"] == "https://mg.example.org"
