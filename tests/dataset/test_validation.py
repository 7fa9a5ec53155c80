import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.annotate.answer import Answer
from gatherset.dataset import validation
from gatherset.dataset.errors import InputError
from gatherset.dataset.membership import Membership
from gatherset.dataset.records import Record
from gatherset.dataset.records_file import parts, read_records_file
from gatherset.dataset.retractions import Retraction, keep_retractions
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import Context, golden, numbered
from gatherset.dataset.settings import RuleSettings, Settings
from gatherset.dataset.targets import Choice, validate_target
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.validation import Run, record_errors, rule_ids, validate
from gatherset.dataset.validation_report import Report
from gatherset.dataset.workspace import Workspace


def check(*records: Record, **rules: object) -> Report:
    context = Context(Settings(1, "mg", rules=RuleSettings(**rules)), load_taxonomy())
    return validate(((record["id"], record) for record in records), context)


def ids(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def short(record: Record) -> None:
    record["captions"][0]["text"] = "A crowd."


def lines(path: Path, *records: Record) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_clean_record_has_no_errors() -> None:
    report = check(golden())
    assert (report.checked, report.errors) == (1, 0)


def test_all_findings_are_collected_with_the_record_and_the_next_step() -> None:
    report = check(numbered(1, short), numbered(2, lambda record: record["source"].update(license=None)))
    found = {finding.rule: finding for finding in report.findings if finding.where != "the dataset"}
    assert found["GS302"].where == numbered(1)["id"]
    assert "caption 1 has 2 words; write at least 3" in found["GS302"].message
    assert (found["GS601"].where, found["GS601"].level) == (numbered(2)["id"], "error")
    assert all(finding.next_step for finding in report.findings)


def test_a_record_without_the_right_shape_is_not_shown_to_the_other_rules() -> None:
    report = check(golden(lambda record: record.pop("captions")))
    assert {f.rule for f in report.findings if f.where != "the dataset"} == {"GS101"}


def test_what_a_process_has_seen_does_not_bring_the_parent_release_back() -> None:
    parent = Membership(numbered(number) for number in range(3000))
    run = Run(Context(Settings(1, "mg"), load_taxonomy(), parent=parent))
    run.feed([("1", numbered(1))])
    assert len(pickle.dumps(run.seen())) < 9 * len(parent)
    assert {"GS508"} <= run.seen()[0].keys()


def test_findings_stand_in_the_order_of_the_records() -> None:
    records = [numbered(n, short if n % 3 else lambda record: record.pop("captions")) for n in range(70)]
    found = [finding for finding in check(*records).findings if finding.rule in ("GS101", "GS302")]
    assert [finding.where for finding in found] == [record["id"] for record in records]


def test_a_record_of_a_newer_version_is_an_error() -> None:
    report = check(golden(lambda record: record.update(schema_version="2.0")))
    assert "schema_version" in report.findings[0].message


def test_an_ignored_rule_does_not_run() -> None:
    assert "GS302" in ids(check(golden(short)))
    report = check(golden(short), ignore=("GS302",))
    assert "GS302" not in ids(report)
    assert "GS302" not in report.rules


def test_the_shape_cannot_be_ignored() -> None:
    assert "GS101" in ids(check(golden(lambda record: record.update(split="dev")), ignore=("GS101",)))


def test_a_warning_can_be_made_an_error() -> None:
    assert check(golden(short), levels={"GS302": "error"}).errors == 1


def test_an_unknown_rule_in_the_settings_is_said() -> None:
    with pytest.raises(InputError, match=r"no rule GS999\. Mend \[rules\]"):
        check(golden(), ignore=("GS999",))


def test_the_report_counts_how_often_each_rule_spoke() -> None:
    report = check(numbered(1, short), numbered(2, short))
    assert {"id": "GS302", "level": "warning", "findings": 2} in report.per_rule()
    assert {"id": "GS301", "level": "error", "findings": 0} in report.per_rule()


def test_a_record_in_the_making_is_asked_only_for_its_errors() -> None:
    context = Context(Settings(1, "mg"), load_taxonomy(), splits_assigned=False)
    record = golden(short)
    record.update(split=None)
    record["source"]["license"] = None
    assert [finding.rule for finding in record_errors(record, context)] == ["GS601"]


def test_a_bad_line_among_good_ones_is_a_finding_with_its_number(tmp_path: Path) -> None:
    path = lines(tmp_path / "records.jsonl", numbered(1), numbered(2))
    path.write_bytes(path.read_bytes() + b'{"id": \n')
    report = validate_target(path, None)
    assert report.checked == 2
    assert [finding.where for finding in report.findings if finding.rule == "GS100"] == [f"{path}:3"]


def test_a_file_in_parts_is_checked_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes of their own: the records that must be compared stand in different parts."""
    records = [*map(numbered, range(30)), numbered(1), numbered(40, short)]
    path = lines(tmp_path / "records.jsonl", *records)
    context = Context(Settings(1, "mg"), load_taxonomy())
    whole = validate(read_records_file(path), context)
    monkeypatch.setattr(validation, "parts", lambda path: parts(path, 8_000))
    assert len(parts(path, 8_000)) > 2
    in_parts = validation.validate_file(path, context)
    assert (in_parts.findings, in_parts.counts, in_parts.checked) == (whole.findings, whole.counts, whole.checked)
    assert "GS103" in in_parts.counts


def test_rules_are_selected_and_ignored_by_the_beginning_of_their_ids() -> None:
    settings = RuleSettings(ignore=("GS302",))
    assert rule_ids(settings, ["GS10"], ["GS103"]) == ["GS101", "GS102", "GS104", "GS106"]
    assert "GS302" not in rule_ids(settings)
    assert "GS302" in rule_ids(settings, ["GS3"])  # asked for by name
    assert rule_ids(settings, (), ["GS"]) == ["GS101"]


def test_selecting_a_rule_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="there is no rule GS9"):
        rule_ids(RuleSettings(), ["GS9"])


def waiver(*rules: str) -> Callable[[Record], None]:
    def waive(record: Record) -> None:
        short(record)
        record["waivers"] = [{"rule": rule, "reason": "The sign is the picture"} for rule in rules]

    return waive


def test_a_waived_finding_is_counted_not_shown() -> None:
    report = check(golden(waiver("GS302")), min_records_per_type=1)
    assert "GS302" not in ids(report)
    assert report.waived == {"GS302": 1}


def test_a_waiver_excuses_from_its_own_rule_alone() -> None:
    assert "GS302" in ids(check(golden(waiver("GS303"))))


def test_what_only_shows_among_many_can_be_waived_too() -> None:
    [pair] = RULES["GS205"].counterexamples()
    assert "GS205" in ids(check(*pair))
    pair[0]["waivers"] = [{"rule": "GS205", "reason": "Two moments of one march"}]
    assert check(*pair).waived["GS205"] == 1


def test_a_waiver_of_one_record_does_not_hide_what_others_do() -> None:
    """Three of one picture, one of them excused: the leak between the other two is still one."""
    records = [numbered(number) for number in range(3)]
    for record, split in zip(records, ("train", "train", "test"), strict=True):
        record["image"]["phash"] = records[0]["image"]["phash"]
        record["split"] = split
    records[0]["waivers"] = [{"rule": "GS502", "reason": "An icon of its own"}]
    report = check(*records)
    assert (report.counts["GS502"], report.waived["GS502"]) == (1, 1)


def test_the_shape_cannot_be_waived() -> None:
    report = check(golden(lambda record: (waiver("GS102")(record), record["captions"].pop())))
    assert {"GS102", "GS106"} <= ids(report)


def test_a_submission_is_checked_like_in_the_app(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    answer = Answer("caption", True, "protest", ("A crowd.", *(f"Caption {n} of a long march." for n in range(4))))
    path.write_text(json.dumps(answer.document()))
    assert "GS302" in ids(validate_target(path, None))
    path.write_text(json.dumps(answer.document() | {"event_type": "picnic"}))
    assert ids(validate_target(path, None)) == {"GS401"}


def test_no_records_are_never_a_pass(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(InputError, match="holds no records"):
        validate_target(tmp_path / "empty.jsonl", None)
    with pytest.raises(InputError, match="holds no records"):
        validate_target(workspace.root, None)


def test_rules_of_a_submission_can_be_selected(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(Answer("caption", True, "protest", ("A crowd.",) * 5).document()))
    report = validate_target(path, None, Choice(select=("GS302",)))
    assert ids(report) == {"GS302"}
    assert report.rules.keys() == {"GS101", "GS302"}


def test_a_document_over_several_lines_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(golden(), indent=1))
    with pytest.raises(InputError, match="Write each record on a line of its own"):
        validate_target(tmp_path / "record.json", None)


def test_json_without_end_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert ids(validate_target(tmp_path / "deep.json", None)) == {"GS100"}


def test_retractions_of_the_workspace_hold_for_a_file_beside_it(tmp_path: Path, workspace: Workspace) -> None:
    keep_retractions(workspace.root, [Retraction(golden()["id"], "takedown", "2026-11-21")])
    assert "GS605" in ids(validate_target(lines(tmp_path / "records.jsonl", golden()), workspace.root))


def test_a_file_of_bad_lines_alone_is_findings(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    report = validate_target(tmp_path / "bad.jsonl", None)
    assert (report.checked, report.errors) == (0, 1)


def test_a_folder_that_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a workspace, a release, a file of records, nor"):
        validate_target(tmp_path, None)


def test_a_records_file_is_judged_by_the_workspace_named(tmp_path: Path, workspace: Workspace) -> None:
    path = lines(tmp_path / "records.jsonl", golden(lambda record: record["captions"].pop()))
    assert validate_target(path, workspace.root).errors == 1
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text().replace("captions_per_image = 5", "captions_per_image = 4"))
    assert validate_target(path, workspace.root).errors == 0


def test_a_workspace_is_checked_with_its_pixels(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    assert validate_target(workspace.root, None).errors == 0
    next((workspace.root / "images").rglob("*.jpg")).unlink()
    report = validate_target(None, workspace.root)
    assert [finding.rule for finding in report.findings if finding.level == "error"] == ["GS201"]
