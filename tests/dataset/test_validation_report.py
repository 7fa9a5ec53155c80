import jsonschema

from gatherset import schemas
from gatherset.dataset.findings import Finding
from gatherset.dataset.validation_report import Report

RULES = {"GS301": "error", "GS302": "warning"}


def finding(number: int = 1, rule: str = "GS302", where: str = "") -> Finding:
    return Finding(rule, RULES[rule], where or f"gs-{number}", f"caption {number} is short", "Say more")


def report(*findings: Finding, shown: int | None = 3) -> Report:
    made = Report(dict(RULES), shown, checked=len(findings))
    for item in findings:
        made.add(item)
    return made


def test_the_first_of_each_rule_are_kept_and_the_rest_counted() -> None:
    made = report(*map(finding, range(5)), finding(9, "GS301"))
    assert [item.where for item in made.findings] == ["gs-0", "gs-1", "gs-2", "gs-9"]
    assert (made.counts["GS302"], made.errors, made.warnings) == (5, 1, 5)
    assert list(made.lines())[-1] == "… and 2 more of GS302 (--all shows every one)"


def test_all_are_kept_where_that_is_asked() -> None:
    assert len(report(*map(finding, range(5)), shown=None).findings) == 5


def test_merged_reports_are_as_one() -> None:
    first, later = report(*map(finding, range(2))), report(*map(finding, range(2, 6)), finding(7, "GS301"))
    first.merge(later)
    whole = report(*map(finding, range(6)), finding(7, "GS301"))
    assert first == whole


def test_the_document_has_the_shape_of_its_schema() -> None:
    made = report(*map(finding, range(5)))
    made.waived["GS301"] += 1
    jsonschema.validate(made.document(), schemas.read("validation_report.schema.json"))
    assert made.document()["not_shown"] == {"GS302": 2}


def test_statistics_name_those_that_spoke_most_first() -> None:
    made = report(finding(1, "GS301"), *map(finding, range(5)))
    made.waived["GS301"] += 1
    assert list(made.statistics({"GS302": "Long enough."})) == [
        "GS302  warning   5  Long enough.",
        "GS301  error     1",
        "GS301  waived    1",
    ]


def test_an_annotation_stands_at_its_line() -> None:
    [text] = report(finding(where="my data,1:x.jsonl:12 gs-3f9a1c0b7d2e4a55")).annotations()
    assert text == "::warning file=my data%2C1%3Ax.jsonl,line=12,title=GS302::caption 1 is short. Say more"


def test_an_annotation_cannot_be_broken_by_what_it_quotes() -> None:
    item = Finding("GS301", "error", "the dataset", "100 %\n::error::no", "Mend it")
    [text] = report(item).annotations()
    assert text == r"::error title=GS301::the dataset: 100 %25\n::error::no. Mend it"


def test_the_summary_says_how_many_were_checked() -> None:
    made = report(finding(1, "GS301"))
    made.waived["GS302"] += 2
    assert made.summary() == "1 records checked by 2 rules: 1 errors, 0 warnings, 2 waived."
